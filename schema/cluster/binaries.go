package cluster

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// minMajor is the oldest PostgreSQL that is supported.
const minMajor = 14

// Binaries is a directory with PostgreSQL's programs.
type Binaries struct {
	Dir   string
	Major int
}

func (b Binaries) path(program string) string { return filepath.Join(b.Dir, program) }

// Fetch downloads PostgreSQL below dir and returns the directory of its programs.
type Fetch func(ctx context.Context, dir string, progress func(string)) (binDir string, err error)

// finder looks for PostgreSQL in the places where systems keep it.
type finder struct {
	explicit string
	// lookPath and root can be replaced in tests.
	lookPath func(string) (string, error)
	root     string
	fetch    Fetch
	fetchDir string
	progress func(string)
	// owner is who will run the programs.
	owner owner
	// major is the version that the data directory needs, 0 if it is new.
	major int

	tried []string
}

// find returns the first usable binaries. A directory that was named explicitly is the only one that counts.
func (f *finder) find(ctx context.Context) (Binaries, error) {
	places := []func(context.Context) []string{f.fromPath, f.fromPgConfig, f.fromDebian, f.fromHomebrew}
	if f.explicit != "" {
		places = []func(context.Context) []string{func(context.Context) []string { return []string{f.explicit} }}
	}
	for _, place := range places {
		for _, dir := range place(ctx) {
			b, err := f.inspect(ctx, dir)
			if err == nil {
				return b, nil
			}
			f.tried = append(f.tried, fmt.Sprintf("%s: %v", dir, err))
		}
	}
	if f.explicit == "" && f.fetch != nil {
		dir, err := f.fetch(ctx, f.fetchDir, f.progress)
		if err == nil {
			var b Binaries
			if b, err = f.inspect(ctx, dir); err == nil {
				return b, nil
			}
		}
		f.tried = append(f.tried, fmt.Sprintf("download: %v", err))
	}
	return Binaries{}, &BinariesError{Tried: f.tried, Remedy: f.remedy()}
}

func (f *finder) fromPath(context.Context) []string {
	path, err := f.lookPath("initdb")
	if err != nil {
		f.tried = append(f.tried, "PATH: no initdb")
		return nil
	}
	if resolved, err := filepath.EvalSymlinks(path); err == nil {
		path = resolved
	}
	return []string{filepath.Dir(path)}
}

func (f *finder) fromPgConfig(ctx context.Context) []string {
	path, err := f.lookPath("pg_config")
	if err != nil {
		f.tried = append(f.tried, "pg_config: not in PATH")
		return nil
	}
	out, err := exec.CommandContext(ctx, path, "--bindir").Output()
	if err != nil {
		f.tried = append(f.tried, fmt.Sprintf("pg_config --bindir: %v", err))
		return nil
	}
	return []string{strings.TrimSpace(string(out))}
}

func (f *finder) fromDebian(context.Context) []string {
	return f.glob("usr/lib/postgresql/*/bin", "usr/pgsql-*/bin")
}

func (f *finder) fromHomebrew(context.Context) []string {
	return f.glob("opt/homebrew/opt/postgresql*/bin", "usr/local/opt/postgresql*/bin",
		"home/linuxbrew/.linuxbrew/opt/postgresql*/bin")
}

var digits = regexp.MustCompile(`\d+`)

// glob lists the directories that match, the highest version first.
func (f *finder) glob(patterns ...string) []string {
	var dirs []string
	for _, pattern := range patterns {
		found, _ := filepath.Glob(filepath.Join(f.root, pattern))
		dirs = append(dirs, found...)
		if len(found) == 0 {
			f.tried = append(f.tried, filepath.Join(f.root, pattern)+": nothing there")
		}
	}
	version := func(dir string) int { // of …/17/bin, …/pgsql-17/bin, …/postgresql@17/bin
		n, _ := strconv.Atoi(digits.FindString(filepath.Base(filepath.Dir(dir))))
		return n
	}
	slices.SortStableFunc(dirs, func(a, b string) int { return version(b) - version(a) })
	return dirs
}

// remedy is the command that installs PostgreSQL, in the version we need, with the package manager that is here.
func (f *finder) remedy() string {
	for _, m := range []struct{ program, newest, exact string }{
		{"apt-get", "apt-get install -y postgresql", "apt-get install -y postgresql-%d"},
		{"dnf", "dnf install -y postgresql-server postgresql-contrib", "dnf install -y postgresql%d-server"},
		{"apk", "apk add postgresql postgresql-contrib", "apk add postgresql%d"},
		{"pacman", "pacman -S postgresql", "pacman -S postgresql"},
		{"brew", "brew install postgresql@17", "brew install postgresql@%d"},
	} {
		if _, err := f.lookPath(m.program); err != nil {
			continue
		}
		if f.major != 0 {
			return strings.Replace(m.exact, "%d", strconv.Itoa(f.major), 1)
		}
		return m.newest
	}
	return "see https://www.postgresql.org/download/ for " + runtime.GOOS
}

var versionPattern = regexp.MustCompile(`\(PostgreSQL\) (\d+)`)

// inspect checks that a directory has the programs we need, in a version that suits, and that their user can run them.
func (f *finder) inspect(ctx context.Context, dir string) (Binaries, error) {
	for _, program := range []string{"initdb", "postgres"} {
		if _, err := os.Stat(filepath.Join(dir, program)); err != nil {
			return Binaries{}, fmt.Errorf("no %s: %w", program, fs.ErrNotExist)
		}
	}
	cmd := exec.CommandContext(ctx, filepath.Join(dir, "postgres"), "--version")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: f.owner.credential()}
	cmd.Dir = "/"
	out, err := cmd.Output()
	if err != nil {
		return Binaries{}, fmt.Errorf("postgres --version: %w", err)
	}
	match := versionPattern.FindSubmatch(out)
	if match == nil {
		return Binaries{}, fmt.Errorf("postgres --version says %q", strings.TrimSpace(string(out)))
	}
	major, _ := strconv.Atoi(string(match[1]))
	if major < minMajor {
		return Binaries{}, fmt.Errorf("version %d is too old", major)
	}
	if f.major != 0 && major != f.major {
		return Binaries{}, fmt.Errorf("version %d, but the data directory was made by version %d", major, f.major)
	}
	return Binaries{Dir: dir, Major: major}, nil
}
