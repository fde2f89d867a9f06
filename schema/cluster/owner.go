package cluster

import (
	"fmt"
	"os"
	"os/user"
	"strconv"
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
