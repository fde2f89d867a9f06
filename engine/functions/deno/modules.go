package deno

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// fetchLimit is how long the modules of a function may take to arrive.
const fetchLimit = time.Minute

// remote matches an import of something that is not among the function's own files, and bare what an import map may make that.
var remote = regexp.MustCompile(`["'](npm:|jsr:|https?:)`)

// fetchModules has Deno fetch the modules that a function imports, if it imports any that are not its own. The process of the
// function does not: it could be made to fetch others.
func (r *Runtime) fetchModules(f Function, version string) error {
	if f.imports == "" && !r.importsRemote(f) {
		return nil
	}
	marker := filepath.Join(r.cfg.CacheDir, "fetched", f.Name)
	if seen, err := os.ReadFile(marker); err == nil && string(seen) == version {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), fetchLimit)
	defer cancel()
	args := append([]string{"cache", "--no-lock", "--quiet", "--allow-import", "--node-modules-dir=none"}, r.configArgs(f)...)
	cmd := exec.CommandContext(ctx, r.binary, append(args, f.entry)...)
	cmd.Dir = f.dir
	// Registries and proxies are the operator's; nothing of the environment reaches the function.
	cmd.Env = append(os.Environ(), "DENO_DIR="+r.cfg.CacheDir, "DENO_NO_UPDATE_CHECK=1", "NO_COLOR=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("fetch modules: %w: %s", err, bytes.TrimSpace(out))
	}
	if err := os.MkdirAll(filepath.Dir(marker), 0o700); err != nil {
		return err
	}
	return os.WriteFile(marker, []byte(version), 0o600)
}

// importsRemote looks into the sources of a function.
func (r *Runtime) importsRemote(f Function) bool {
	for _, dir := range []string{f.dir, filepath.Join(r.cfg.Dir, "_shared"), filepath.Dir(f.entry)} {
		found := false
		_ = filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() || found {
				return nil //nolint:nilerr // what cannot be read is not imported either
			}
			switch filepath.Ext(path) {
			case ".ts", ".tsx", ".js", ".jsx", ".mjs", ".mts":
				text, err := os.ReadFile(path) //nolint:gosec // it is only looked at, and Deno reads it with its own permissions
				found = err == nil && remote.Match(text)
			}
			return nil
		})
		if found {
			return true
		}
	}
	return false
}

// configArgs name the configuration of a function's imports.
func (r *Runtime) configArgs(f Function) []string {
	switch {
	case f.imports == "":
		return []string{"--no-config"}
	case strings.HasPrefix(filepath.Base(f.imports), "deno.json"):
		return []string{"--config=" + f.imports}
	default:
		return []string{"--no-config", "--import-map=" + f.imports}
	}
}
