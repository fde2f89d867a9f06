package cluster

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Locate returns the superuser's connection string of the server in dir, which another process may be running. It fails with
// fs.ErrNotExist if no server was ever started there.
func Locate(dir string) (string, error) {
	password, err := os.ReadFile(filepath.Join(dir, passwordName))
	if err != nil {
		return "", fmt.Errorf("cluster: %w", err)
	}
	port, err := os.ReadFile(filepath.Join(dir, "port"))
	if err != nil {
		return "", fmt.Errorf("cluster: %w", err)
	}
	c := Cluster{password: strings.TrimSpace(string(password))}
	if c.port, err = strconv.Atoi(strings.TrimSpace(string(port))); err != nil {
		return "", fmt.Errorf("cluster: %s: %w", filepath.Join(dir, "port"), err)
	}
	return c.urlOf("postgres"), nil
}
