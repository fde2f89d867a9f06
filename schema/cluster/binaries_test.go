package cluster

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// fakePrograms makes a directory whose postgres says that it is of that version.
func fakePrograms(t *testing.T, dir, version string) string {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	script := fmt.Sprintf("#!/bin/sh\necho 'postgres (PostgreSQL) %s'\n", version)
	for _, program := range []string{"postgres", "initdb"} {
		if err := os.WriteFile(filepath.Join(dir, program), []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func newFinder(root string) *finder {
	return &finder{
		root: root, lookPath: func(string) (string, error) { return "", fs.ErrNotExist }, progress: func(string) {},
		fetch: func(context.Context, string, func(string)) (string, error) { return "", errors.New("no network") },
	}
}

func TestFindTakesTheNewestOfDebian(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	for _, version := range []string{"9", "14", "17"} {
		fakePrograms(t, filepath.Join(root, "usr/lib/postgresql", version, "bin"), version+".1")
	}
	b, err := newFinder(root).find(t.Context())
	if err != nil || b.Major != 17 {
		t.Errorf("found %+v, error %v; want version 17", b, err)
	}
}

func TestFindPrefersThePath(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	fakePrograms(t, filepath.Join(root, "usr/lib/postgresql/17/bin"), "17.1")
	mine := fakePrograms(t, filepath.Join(root, "mine"), "16.2")
	f := newFinder(root)
	f.lookPath = func(name string) (string, error) { return filepath.Join(mine, name), nil }
	b, err := f.find(t.Context())
	if err != nil || b.Major != 16 {
		t.Errorf("found %+v, error %v; want the one in PATH", b, err)
	}
}

func TestFindExplicitOnly(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	fakePrograms(t, filepath.Join(root, "usr/lib/postgresql/17/bin"), "17.1")
	f := newFinder(root)
	f.explicit = fakePrograms(t, filepath.Join(root, "old"), "12.3")
	var missing *BinariesError
	_, err := f.find(t.Context())
	if !errors.As(err, &missing) || len(missing.Tried) != 1 || !strings.Contains(missing.Tried[0], "too old") {
		t.Errorf("error %v, want the named directory refused and no other tried", err)
	}
}

func TestFindKeepsTheVersionOfTheData(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	for _, version := range []string{"15", "17"} {
		fakePrograms(t, filepath.Join(root, "usr/lib/postgresql", version, "bin"), version+".1")
	}
	f := newFinder(root)
	f.major = 15
	if b, err := f.find(t.Context()); err != nil || b.Major != 15 {
		t.Errorf("found %+v, error %v; want version 15", b, err)
	}
	f = newFinder(root)
	f.major = 16
	f.lookPath = func(name string) (string, error) {
		if name == "apt-get" {
			return "/usr/bin/apt-get", nil
		}
		return "", fs.ErrNotExist
	}
	_, err := f.find(t.Context())
	for _, want := range []string{"version 17, but the data directory was made by version 16", "apt-get install -y postgresql-16"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v does not mention %q", err, want)
		}
	}
}

func TestFindSkipsWhatTheOwnerCannotRun(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root becomes somebody else")
	}
	root := openDir(t)
	dir := fakePrograms(t, filepath.Join(root, "usr/lib/postgresql/17/bin"), "17.1")
	fakePrograms(t, filepath.Join(root, "usr/lib/postgresql/16/bin"), "16.1")
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	f := newFinder(root)
	f.owner = stranger
	if b, err := f.find(t.Context()); err != nil || b.Major != 16 {
		t.Errorf("found %+v, error %v; want version 16, the one it may run", b, err)
	}
}

func TestFindDownloads(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	f := newFinder(root)
	f.fetch = func(_ context.Context, _ string, progress func(string)) (string, error) {
		progress("fetching")
		return fakePrograms(t, filepath.Join(root, "fetched"), "17.4"), nil
	}
	var told string
	f.progress = func(text string) { told = text }
	b, err := f.find(t.Context())
	if err != nil || b.Dir != filepath.Join(root, "fetched") || told != "fetching" {
		t.Errorf("found %+v, error %v, progress %q", b, err, told)
	}
}

func TestFindNamesWhatItTriedAndTheRemedy(t *testing.T) {
	t.Parallel()
	f := newFinder(t.TempDir())
	f.lookPath = func(name string) (string, error) {
		if name == "dnf" {
			return "/usr/bin/dnf", nil
		}
		return "", fs.ErrNotExist
	}
	_, err := f.find(t.Context())
	if err == nil {
		t.Fatal("found something in an empty directory")
	}
	for _, want := range []string{"PATH", "pg_config", "usr/lib/postgresql", "homebrew", "no network", "dnf install"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not mention %q:\n%v", want, err)
		}
	}
}

func TestSettingsFileQuotes(t *testing.T) {
	t.Parallel()
	c := &Cluster{dataDir: t.TempDir(), cfg: Config{Settings: map[string]string{"x.y": "it's"}}}
	if err := c.writeSettings(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(c.dataDir, settingsFile))
	if err != nil || !strings.Contains(string(text), "x.y = 'it''s'") {
		t.Errorf("%s, %v", text, err)
	}
}
