package cluster

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
)

// maxSocketPath is the longest path of a socket, in bytes: that of macOS, which is the stricter one (sun_path in unix(4)).
const maxSocketPath = 103

// makeSocketDir makes the private directory of the socket in the first of the places that serves: PostgreSQL's user must be
// able to walk there, and the socket's path must not be too long. It is named after the data directory.
func makeSocketDir(o owner, dataDir string, places ...string) (string, error) {
	sum := sha256.Sum256([]byte(dataDir))
	name := "nexus-" + hex.EncodeToString(sum[:6])
	place := ""
	for _, candidate := range places {
		tooLong := len(filepath.Join(candidate, name, ".s.PGSQL.65535")) > maxSocketPath
		if !tooLong && o.blockedAt(candidate) == "" {
			place = candidate
			break
		}
	}
	if place == "" {
		return "", fmt.Errorf("cluster: no place for a socket that %s can reach in %q", o, places)
	}
	dir := filepath.Join(place, name)
	if err := os.Mkdir(dir, 0o700); err != nil && !os.IsExist(err) {
		return "", fmt.Errorf("cluster: %w", err)
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return "", fmt.Errorf("cluster: %w", err)
	}
	uid, _, _ := ownerOf(dir)
	if !info.IsDir() || uid != os.Geteuid() && uid != o.uid {
		return "", fmt.Errorf("cluster: %s belongs to somebody else", dir)
	}
	return dir, o.own(dir)
}
