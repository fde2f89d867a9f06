package db_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/url"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"nexus/engine/db"
)

// cutting listens in front of the database and breaks connections whose client says the word.
func cutting(t *testing.T, database, word string) (via string) {
	t.Helper()
	cfg, err := pgconn.ParseConfig(database)
	if err != nil {
		t.Fatal(err)
	}
	network, address := pgconn.NetworkAddress(cfg.Host, cfg.Port)
	var lc net.ListenConfig
	listener, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			var dialer net.Dialer
			server, err := dialer.DialContext(t.Context(), network, address)
			if err != nil {
				client.Close()
				continue
			}
			go func() { // ends when either side closes
				defer client.Close()
				_, _ = io.Copy(client, server)
			}()
			go forward(server, client, []byte(word))
		}
	}()
	t.Cleanup(func() {
		listener.Close()
		<-done
	})
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	u.Host = listener.Addr().String()
	query := u.Query()
	query.Del("host")
	query.Del("port")
	u.RawQuery = query.Encode()
	return u.String()
}

// forward passes on what the client says until it says the word.
func forward(server, client net.Conn, word []byte) {
	defer server.Close()
	buf := make([]byte, 1<<16)
	for {
		n, err := client.Read(buf)
		if err != nil || bytes.Contains(buf[:n], word) {
			return
		}
		if _, err := server.Write(buf[:n]); err != nil {
			return
		}
	}
}

func TestBrokenConnection(t *testing.T) {
	t.Parallel()
	pool, _ := open(t, func(cfg *db.Config) { cfg.URL = cutting(t, cfg.URL, "cut here") })
	if got := one(t, pool, asReader("select 1")); got != "1" {
		t.Fatalf("before: %q", got)
	}
	var broken *db.ConnectionError
	if _, err := pool.Run(t.Context(), asReader("select 'cut here'")); !errors.As(err, &broken) || !broken.Broken {
		t.Errorf("error %v, want a connection that broke", err)
	}
	if got := one(t, pool, asReader("select 2")); got != "2" {
		t.Errorf("after: %q", got)
	}
}
