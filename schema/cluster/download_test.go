package cluster

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	embedded "github.com/fergusstrange/embedded-postgres"
)

// repository serves an archive as the Maven repository does, whatever version and system is asked for. It counts requests.
func repository(t *testing.T, archive []byte) (config embedded.Config, requests *atomic.Int32) {
	t.Helper()
	var jar bytes.Buffer
	w := zip.NewWriter(&jar)
	file, err := w.Create("postgres.txz")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.Write(archive); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	requests = new(atomic.Int32)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		if archive == nil || !strings.HasSuffix(r.URL.Path, ".jar") {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write(jar.Bytes())
	}))
	t.Cleanup(func() {
		http.DefaultTransport.(*http.Transport).CloseIdleConnections() // the library's client
		server.Close()
	})
	return embedded.DefaultConfig().BinaryRepositoryURL(server.URL), requests
}

// programsArchive holds bin/{initdb,pg_ctl,postgres}: scripts that tell a version and refuse everything else, as PostgreSQL
// refuses root.
func programsArchive(t *testing.T) []byte {
	t.Helper()
	archive, err := os.ReadFile("testdata/programs.txz")
	if err != nil {
		t.Fatal(err)
	}
	return archive
}

func TestDownload(t *testing.T) {
	t.Parallel()
	config, requests := repository(t, programsArchive(t))
	dir := filepath.Join(t.TempDir(), "cache", "postgresql")
	var told []string
	progress := func(text string) { told = append(told, text) }
	bin, err := download(t.Context(), config, dir, progress)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := new(finder).inspect(t.Context(), bin); err != nil || b.Major != 17 {
		t.Errorf("downloaded %+v, %v", b, err)
	}
	if len(told) == 0 || !strings.Contains(told[0], "downloading PostgreSQL") {
		t.Errorf("progress %q", told)
	}
	before := requests.Load()
	if again, err := download(t.Context(), config, dir, progress); err != nil || again != bin || requests.Load() != before {
		t.Errorf("the second time: %s, %v, %d requests", again, err, requests.Load()-before)
	}
	expectOnly(t, filepath.Dir(dir), "postgresql")
}

func TestDownloadFails(t *testing.T) {
	t.Parallel()
	whole := programsArchive(t)
	for _, c := range []struct {
		name    string
		archive []byte
		want    string
	}{
		{"no such version", nil, "no version found"},
		{"cut off", whole[:len(whole)-40], "unable to extract"},
		{"not an archive", []byte("<html>"), "unable to extract"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			config, _ := repository(t, c.archive)
			dir := filepath.Join(t.TempDir(), "cache", "postgresql")
			if bin, err := download(t.Context(), config, dir, func(string) {}); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%q, error %v; want one that says %q", bin, err, c.want)
			}
			expectOnly(t, filepath.Dir(dir))
		})
	}
}

func TestDownloadUnreachable(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	dir := filepath.Join(t.TempDir(), "cache", "postgresql")
	_, err := download(t.Context(), embedded.DefaultConfig().BinaryRepositoryURL(server.URL), dir, func(string) {})
	if err == nil || !strings.Contains(err.Error(), "unable to connect to "+server.URL) {
		t.Errorf("error %v, want one that names the server", err)
	}
}

func TestDownloadCancelled(t *testing.T) {
	t.Parallel()
	asked, release := make(chan struct{}, 1), make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		<-release
		http.NotFound(w, r)
	}))
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(release) })
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-asked
		cancel()
	}()
	dir := filepath.Join(t.TempDir(), "cache", "postgresql")
	_, err := download(ctx, embedded.DefaultConfig().BinaryRepositoryURL(server.URL), dir, func(string) {})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want the cancellation", err)
	}
}

// expectOnly checks that a directory holds these entries and nothing else.
func expectOnly(t *testing.T, dir string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, entry := range entries {
		got = append(got, entry.Name())
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("%s holds %q, want %q", dir, got, want)
	}
}
