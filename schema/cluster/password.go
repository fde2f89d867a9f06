package cluster

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// passwordName is the file that keeps the superuser's password.
const passwordName = "superuser.password"

// readPassword returns the superuser's password, making it on first use. A cluster whose password was lost is refused: a
// new one would let nobody in.
func readPassword(dir, dataDir string) (string, error) {
	path := filepath.Join(dir, passwordName)
	text, err := os.ReadFile(path)
	if password := strings.TrimSpace(string(text)); err == nil && password != "" {
		return password, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("cluster: %w", err)
	}
	if majorOf(dataDir) != 0 {
		return "", &DirError{
			Dir: dir, Problem: "holds a database cluster, but " + passwordName + " is missing or empty",
			Remedy: "restore that file",
		}
	}
	var random [24]byte
	_, _ = rand.Read(random[:]) // never fails (crypto/rand)
	password := hex.EncodeToString(random[:])
	if err := os.WriteFile(path, []byte(password+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("cluster: %w", err)
	}
	return password, nil
}

// passwordFile hands the password to initdb in a file that only its user can read, in the directory of the socket, which
// that user can reach.
func (c *Cluster) passwordFile() (string, error) {
	file, err := os.CreateTemp(c.socketDir, "initdb-*")
	if err != nil {
		return "", fmt.Errorf("cluster: %w", err)
	}
	_, err = file.WriteString(c.password + "\n")
	if c.owner.drop {
		err = errors.Join(err, file.Chown(c.owner.uid, c.owner.gid))
	}
	if err = errors.Join(err, file.Close()); err != nil {
		_ = os.Remove(file.Name())
		return "", fmt.Errorf("cluster: %w", err)
	}
	return file.Name(), nil
}
