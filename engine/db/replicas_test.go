package db_test

import (
	"context"
	"log/slog"
	"net"
	"net/url"
	"sync"
	"testing"
	"time"

	"nexus/engine/db"
	"nexus/schema/pgtest"
)

// wire passes connections on to a server until it is cut.
type wire struct {
	listener net.Listener
	target   string
	mu       sync.Mutex
	open     []net.Conn
	cut      bool
	done     sync.WaitGroup
}

func newWire(t *testing.T, target string) *wire {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{listener: listener, target: target}
	w.done.Go(w.accept)
	t.Cleanup(func() {
		_ = listener.Close()
		w.setCut(true)
		w.done.Wait()
	})
	return w
}

func (w *wire) accept() {
	for {
		client, err := w.listener.Accept()
		if err != nil {
			return
		}
		server, err := new(net.Dialer).DialContext(context.Background(), "tcp", w.target)
		if err != nil || !w.keep(client, server) {
			_ = client.Close()
			continue
		}
		for _, pair := range [][2]net.Conn{{client, server}, {server, client}} {
			w.done.Go(func() {
				buffer := make([]byte, 4096)
				for {
					n, err := pair[0].Read(buffer)
					if n > 0 {
						_, _ = pair[1].Write(buffer[:n])
					}
					if err != nil {
						_ = pair[1].Close()
						return
					}
				}
			})
		}
	}
}

func (w *wire) keep(conns ...net.Conn) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.cut {
		for _, c := range conns {
			_ = c.Close()
		}
		return false
	}
	w.open = append(w.open, conns...)
	return true
}

// setCut cuts the wire, or mends it.
func (w *wire) setCut(cut bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.cut = cut; !cut {
		return
	}
	for _, c := range w.open {
		_ = c.Close()
	}
	w.open = nil
}

// TestReplicas takes a second database for a replica, so that it shows which one has answered.
func TestReplicas(t *testing.T) {
	t.Parallel()
	main, primary := open(t, nil)
	main.Run(t.Context(), asReader("select 1")) //nolint:errcheck // it only connects
	primary.Exec(t, "create table place as select 'primary' as name; grant select on place to db_reader; create table fresh as select 'primary' as name; grant select on fresh to db_reader")
	second := pgtest.New(t, fixture+"create table place as select 'replica' as name; grant select on place to db_reader;")
	at, err := url.Parse(second.URLAs("db_login"))
	if err != nil {
		t.Fatal(err)
	}
	w := newWire(t, at.Host)
	at.Host = w.listener.Addr().String()
	replica, err := db.Open(t.Context(), db.Config{URL: at.String(), MaxConns: 2, AcquireTimeout: 2 * time.Second, Prepared: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(replica.Close)
	replicas := db.NewReplicas(main, []*db.Pool{replica}, slog.New(slog.DiscardHandler))
	t.Cleanup(replicas.Close)

	await := func(healthy int) {
		t.Helper()
		deadline := time.Now().Add(20 * time.Second)
		for replicas.Healthy() != healthy {
			if time.Now().After(deadline) {
				t.Fatalf("%d replicas are healthy, want %d", replicas.Healthy(), healthy)
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
	where := func(want, table string, change func(*db.Tx)) {
		t.Helper()
		tx := asReader("select name from " + table)
		tx.ReadOnly = true
		if change != nil {
			change(tx)
		}
		res, err := replicas.Run(t.Context(), tx)
		if err != nil {
			t.Fatal(err)
		}
		if got := string(res.Main[0][0]); got != want {
			t.Errorf("the %s answered, want the %s", got, want)
		}
	}
	await(1)
	where("replica", "place", nil)
	where("primary", "place", func(tx *db.Tx) { tx.ReadOnly = false })
	where("primary", "place", func(tx *db.Tx) { tx.Primary = true })
	where("primary", "place", func(tx *db.Tx) { tx.Isolation = db.Serializable })
	where("primary", "fresh", nil) // the replica does not have that table yet

	w.setCut(true)
	where("primary", "place", nil)
	await(0)
	where("primary", "place", nil)
	w.setCut(false)
	await(1)
	where("replica", "place", nil)
	if _, err := replicas.Run(t.Context(), &db.Tx{ReadOnly: true, Main: db.Statement{SQL: "select 1/0"}}); err == nil {
		t.Error("an error of the query itself was lost")
	}
}
