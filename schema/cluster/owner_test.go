package cluster

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// stranger is a user who is neither us nor anybody else here.
var stranger = owner{uid: 54321, gid: 54321, drop: true}

// openDir makes a directory below /tmp that everybody may enter: testing's own are closed to others.
func openDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "cluster-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestBlockedAt(t *testing.T) {
	t.Parallel()
	dir := openDir(t)
	closed, below := filepath.Join(dir, "closed"), filepath.Join(dir, "closed", "open")
	for path, mode := range map[string]os.FileMode{closed: 0o700, below: 0o755} {
		if err := os.MkdirAll(path, 0o755); err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := os.Chmod(path, mode); err != nil {
				t.Fatal(err)
			}
		}()
	}
	if err := os.Chmod(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	self := owner{uid: os.Geteuid(), gid: os.Getegid()}
	self.drop = true
	for _, c := range []struct {
		who  owner
		dir  string
		want string
	}{
		{stranger, dir, ""},
		{stranger, closed, closed},
		{stranger, below, closed},
		{stranger, filepath.Join(dir, "missing"), filepath.Join(dir, "missing")},
		{self, below, ""},
		{owner{uid: 54321, gid: 54321}, below, ""}, // whom nothing was asked about
	} {
		if got := c.who.blockedAt(c.dir); got != c.want {
			t.Errorf("%s into %s: blocked at %q, want %q", c.who, c.dir, got, c.want)
		}
	}
}

func TestSocketDirMovesToWhereItServes(t *testing.T) {
	t.Parallel()
	good := openDir(t)
	self := owner{uid: os.Geteuid(), gid: os.Getegid(), drop: true}
	closed := filepath.Join(good, "closed")
	if err := os.Mkdir(closed, 0o600); err != nil {
		t.Fatal(err)
	}
	long := filepath.Join(good, strings.Repeat("long", 25))
	if err := os.Mkdir(long, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, unfit := range []string{closed, long, filepath.Join(good, "missing")} {
		dir, err := makeSocketDir(self, "/some/data", unfit, good)
		if err != nil || filepath.Dir(dir) != good {
			t.Errorf("instead of %s: %s, %v; want one in %s", unfit, dir, err, good)
		}
	}
	if dir, err := makeSocketDir(self, "/some/data", closed, long); err == nil {
		t.Errorf("made %s where none serves", dir)
	}
}

func TestSocketDirOfSomebodyElse(t *testing.T) {
	t.Parallel()
	place := openDir(t)
	self := owner{uid: os.Geteuid(), gid: os.Getegid()}
	dir, err := makeSocketDir(self, "/some/data", place)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	elsewhere := openDir(t)
	if err := os.Symlink(elsewhere, dir); err != nil {
		t.Fatal(err)
	}
	if _, err := makeSocketDir(self, "/some/data", place); err == nil {
		t.Error("followed a link that somebody laid")
	}
	if info, _ := os.Stat(elsewhere); info.Mode().Perm() != 0o755 {
		t.Errorf("the link's target now has mode %v", info.Mode())
	}
}
