package deno

import (
	"errors"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/joho/godotenv"
	"github.com/pelletier/go-toml/v2"
)

// Config has the settings of a Runtime. Zero values are the defaults named.
type Config struct {
	// Dir holds the functions: Dir/<name>/index.ts.
	Dir string
	// Binary is Deno's program; empty looks for deno in PATH, and for the npm package of that name.
	Binary string
	// CacheDir is where Deno keeps modules and what it has made of them, and StateDir where sockets and temporary files are; both
	// are made.
	CacheDir, StateDir string
	// Env is what all functions see beside their secrets.
	Env map[string]string
	// EnvFile holds secrets as NAME=value; empty is Dir/.env. It is read when a function starts.
	EnvFile string
	// WallLimit is how long a function may take to begin its answer; default 150 s.
	WallLimit time.Duration
	// BlockLimit is how long a function may keep its event loop to itself before it is killed; default 5 s.
	BlockLimit time.Duration
	// BootLimit is how long a function may take to start; default 10 s, and a minute for one that has modules to fetch.
	BootLimit time.Duration
	// MemoryMB is how much memory a function may take, in MiB; default 256.
	MemoryMB int
	// IdleTimeout is after how long without a call a function's process ends; default 5 min.
	IdleTimeout time.Duration
	Logger      *slog.Logger
}

func (c *Config) setDefaults() {
	if c.EnvFile == "" {
		c.EnvFile = filepath.Join(c.Dir, ".env")
	}
	for value, standard := range map[*time.Duration]time.Duration{
		&c.WallLimit: 150 * time.Second, &c.BlockLimit: 5 * time.Second, &c.BootLimit: 10 * time.Second, &c.IdleTimeout: 5 * time.Minute,
	} {
		if *value == 0 {
			*value = standard
		}
	}
	if c.MemoryMB == 0 {
		c.MemoryMB = 256
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
}

// ErrNoDeno means that there is no Deno to run functions on.
var ErrNoDeno = errors.New("Deno is not installed: run npm install -g deno, or see https://docs.deno.com/runtime/getting_started/installation/, and restart") //nolint:staticcheck // a name

// findDeno returns the program. The one that npm puts into PATH is a script of Node's beside the real one.
func findDeno(binary string) (string, error) {
	if binary == "" {
		var err error
		if binary, err = exec.LookPath("deno"); err != nil {
			return "", ErrNoDeno
		}
	}
	real, err := filepath.EvalSymlinks(binary)
	if err != nil {
		return "", ErrNoDeno
	}
	if strings.HasSuffix(real, ".cjs") {
		name := "deno"
		if runtime.GOOS == "windows" {
			name = "deno.exe"
		}
		// Where scripts of packages do not run at their installation, the program is in the package for the platform alone.
		for _, pattern := range []string{name, "../@deno/*/" + name, "node_modules/@deno/*/" + name} {
			if found, err := filepath.Glob(filepath.Join(filepath.Dir(real), pattern)); err == nil && len(found) > 0 {
				return filepath.Abs(found[0])
			}
		}
		return "", ErrNoDeno
	}
	return filepath.Abs(real)
}

// Function is one that the directory has.
type Function struct {
	Name string
	// VerifyJWT is whether callers need a token of the project.
	VerifyJWT bool

	dir, entry, imports string
}

// fileConfig is the part of Supabase's config.toml that is about functions.
type fileConfig struct {
	Functions map[string]struct {
		Enabled    *bool  `toml:"enabled"`
		VerifyJWT  *bool  `toml:"verify_jwt"`
		ImportMap  string `toml:"import_map"`
		Entrypoint string `toml:"entrypoint"`
	} `toml:"functions"`
}

// readConfig reads config.toml, which is beside the directory as Supabase's command line has it, or in it.
func readConfig(dir string) (cfg fileConfig, base string, err error) {
	for _, base := range []string{filepath.Dir(dir), dir} {
		text, err := os.ReadFile(filepath.Join(base, "config.toml"))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			err = toml.Unmarshal(text, &cfg)
		}
		return cfg, base, err
	}
	return cfg, dir, nil
}

// Scan lists the functions of a directory by name.
func Scan(dir string) ([]Function, error) {
	found, err := scan(dir)
	return slices.SortedFunc(maps.Values(found), func(a, b Function) int { return strings.Compare(a.Name, b.Name) }), err
}

func scan(dir string) (map[string]Function, error) {
	cfg, base, err := readConfig(dir)
	if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	found := make(map[string]Function, len(entries))
	for _, e := range entries {
		name := e.Name()
		if strings.HasPrefix(name, "_") || strings.HasPrefix(name, ".") || !functionName(name) {
			continue
		}
		f := Function{Name: name, VerifyJWT: true, dir: filepath.Join(dir, name)}
		f.entry = filepath.Join(f.dir, "index.ts")
		own, ok := cfg.Functions[name]
		if ok && own.Enabled != nil && !*own.Enabled {
			continue
		}
		if ok && own.VerifyJWT != nil {
			f.VerifyJWT = *own.VerifyJWT
		}
		if own.Entrypoint != "" {
			f.entry = filepath.Join(base, own.Entrypoint)
		}
		if info, err := os.Stat(f.entry); err != nil || info.IsDir() {
			continue
		}
		f.imports = importMap(f.dir, dir, base, own.ImportMap)
		found[name] = f
	}
	return found, nil
}

func functionName(name string) bool {
	for _, c := range name {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return false
		}
	}
	return name != ""
}

// importMap finds what names imports: the one that is configured, the function's own, or that of all.
func importMap(own, all, base, configured string) string {
	candidates := []string{
		filepath.Join(own, "deno.json"), filepath.Join(own, "deno.jsonc"), filepath.Join(own, "import_map.json"),
		filepath.Join(all, "deno.json"), filepath.Join(all, "import_map.json"),
	}
	if configured != "" {
		candidates = []string{filepath.Join(base, configured)}
	}
	for _, path := range candidates {
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	return ""
}

// environment is what a function sees: ours, and secrets, whose names may not be ours.
func (c *Config) environment() (map[string]string, error) {
	env := make(map[string]string, len(c.Env)+8)
	secrets, err := godotenv.Read(c.EnvFile)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for name, value := range secrets {
		if !strings.HasPrefix(name, "SUPABASE_") && !strings.HasPrefix(name, "DENO_") {
			env[name] = value
		}
	}
	for name, value := range c.Env {
		env[name] = value
	}
	return env, nil
}
