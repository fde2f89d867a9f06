package cluster

import (
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// owner is the user that PostgreSQL runs as.
type owner struct {
	uid, gid int
	// drop is true when we are root and have to become somebody else.
	drop bool
}

// nobody is the user of last resort.
const nobody = 65534

// chooseOwner picks the user. An existing data directory keeps its owner.
func chooseOwner(dataDir string) owner {
	if os.Geteuid() != 0 {
		return owner{uid: os.Geteuid(), gid: os.Getegid()}
	}
	if uid, gid, ok := ownerOf(dataDir); ok && uid != 0 {
		return owner{uid: uid, gid: gid, drop: true}
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, uidErr := strconv.Atoi(u.Uid)
		gid, gidErr := strconv.Atoi(u.Gid)
		if uidErr == nil && gidErr == nil && uid != 0 {
			return owner{uid: uid, gid: gid, drop: true}
		}
	}
	return owner{uid: nobody, gid: nobody, drop: true}
}

// String names the user.
func (o owner) String() string { return "user " + strconv.Itoa(o.uid) }

// credential is what a child must be started with to become the owner, nil if we are the owner.
func (o owner) credential() *syscall.Credential {
	if !o.drop {
		return nil
	}
	return &syscall.Credential{Uid: uint32(o.uid), Gid: uint32(o.gid)}
}

// blockedAt returns the first directory on the way into dir that the owner may not enter, "" if there is none. It goes by
// the permission bits; only root, who becomes somebody else, needs to ask.
func (o owner) blockedAt(dir string) string {
	if !o.drop {
		return ""
	}
	if parent := filepath.Dir(dir); parent != dir {
		if at := o.blockedAt(parent); at != "" {
			return at
		}
	}
	info, err := os.Stat(dir)
	if err != nil {
		return dir
	}
	uid, gid, _ := ownerOf(dir)
	enter := fs.FileMode(0o001)
	switch {
	case uid == o.uid:
		enter = 0o100
	case gid == o.gid:
		enter = 0o010
	}
	if info.Mode()&enter == 0 {
		return dir
	}
	return ""
}

// ownerOf tells whom a file belongs to.
func ownerOf(path string) (uid, gid int, ok bool) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, 0, false
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, 0, false
	}
	return int(stat.Uid), int(stat.Gid), true
}

// own makes a directory that belongs to the owner alone.
func (o owner) own(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("cluster: %w", err)
	}
	if o.drop {
		if err := os.Chown(dir, o.uid, o.gid); err != nil {
			return fmt.Errorf("cluster: %w", err)
		}
	}
	if err := os.Chmod(dir, 0o700); err != nil { //nolint:gosec // a directory needs its x
		return fmt.Errorf("cluster: %w", err)
	}
	return nil
}
