package pgtest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// patience bounds everything that waits for the server.
const patience = time.Minute

// loginPassword is given to roles that URLAs logs in as.
const loginPassword = "pgtest"

// Locks of the server, for what only one test may do at a time.
const (
	lockTemplates = 7001
	lockRoles     = 7002
)

// DB is a database that belongs to one test.
type DB struct {
	// URL connects as the superuser.
	URL  string
	name string
}

var (
	serial atomic.Int64
	logins sync.Map // role → *sync.Once
)

// New makes a database and runs the SQL texts in it. Databases with the same texts are copies of one that is made and
// analysed once. The database is dropped when the test ends.
func New(t testing.TB, sql ...string) *DB {
	t.Helper()
	admin := adminURL(t)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, err := pgx.Connect(ctx, admin)
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	defer conn.Close(ctx)
	template, err := makeTemplate(ctx, conn, admin, sql)
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	name := fmt.Sprintf("t%d_%d", os.Getpid(), serial.Add(1))
	if _, err := conn.Exec(ctx, "create database "+name+" template "+template); err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	t.Cleanup(func() { drop(t, admin, name) })
	return &DB{URL: withDatabase(admin, name), name: name}
}

func drop(t testing.TB, admin, name string) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, err := pgx.Connect(ctx, admin)
	if err != nil {
		t.Logf("pgtest: drop %s: %v", name, err)
		return
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, "drop database if exists "+name+" with (force)"); err != nil {
		t.Logf("pgtest: %v", err)
	}
}

// makeTemplate makes the database that copies are taken of, if no test has yet. Texts may create roles, which all databases
// share, so only one is made at a time.
func makeTemplate(ctx context.Context, conn *pgx.Conn, admin string, sql []string) (string, error) {
	sum := sha256.Sum256([]byte(strings.Join(sql, "\x00")))
	name := "template_" + hex.EncodeToString(sum[:8])
	if ready, err := isReady(ctx, conn, name); ready || err != nil {
		return name, err
	}
	if _, err := conn.Exec(ctx, "select pg_advisory_lock($1)", lockTemplates); err != nil {
		return "", err
	}
	defer func() { _, _ = conn.Exec(ctx, "select pg_advisory_unlock($1)", lockTemplates) }()
	if ready, err := isReady(ctx, conn, name); ready || err != nil {
		return name, err
	}
	for _, statement := range []string{"drop database if exists " + name + " with (force)", "create database " + name + " template template0"} {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return "", err
		}
	}
	if err := fill(ctx, withDatabase(admin, name), sql); err != nil {
		return "", err
	}
	// The comment says that the template is complete.
	_, err := conn.Exec(ctx, "comment on database "+name+" is 'ready'")
	return name, err
}

func isReady(ctx context.Context, conn *pgx.Conn, name string) (ready bool, err error) {
	err = conn.QueryRow(ctx, `
		select exists (select from pg_catalog.pg_database d
			where d.datname = $1 and pg_catalog.shobj_description(d.oid, 'pg_database') = 'ready')`, name).Scan(&ready)
	return ready, err
}

func fill(ctx context.Context, url string, sql []string) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	for _, text := range append(sql[:len(sql):len(sql)], "analyze") {
		if _, err := conn.PgConn().Exec(ctx, text).ReadAll(); err != nil {
			return fmt.Errorf("fixture: %w", err)
		}
	}
	return nil
}

// URLAs connects as a role, which must be allowed to log in.
func (d *DB) URLAs(role string) string {
	once, _ := logins.LoadOrStore(role, new(sync.Once))
	once.(*sync.Once).Do(func() { setPassword(d.URL, role) })
	u, _ := url.Parse(d.URL)
	u.User = url.UserPassword(role, loginPassword)
	return u.String()
}

// setPassword gives the role the password; if it fails, logging in will tell.
func setPassword(admin, role string) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, err := pgx.Connect(ctx, admin)
	if err != nil {
		return
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, "select pg_advisory_lock($1)", lockRoles); err != nil {
		return
	}
	_, _ = conn.Exec(ctx, "alter role "+pgx.Identifier{role}.Sanitize()+" password '"+loginPassword+"'")
}

// Exec runs SQL text as the superuser; it may hold several statements.
func (d *DB) Exec(t testing.TB, sql string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn := d.connect(ctx, t)
	defer conn.Close(ctx)
	if _, err := conn.PgConn().Exec(ctx, sql).ReadAll(); err != nil {
		t.Fatalf("pgtest: %v", err)
	}
}

// QueryString returns the one value of a query as the superuser, "" for null.
func (d *DB) QueryString(t testing.TB, sql string, args ...any) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn := d.connect(ctx, t)
	defer conn.Close(ctx)
	var value *string
	if err := conn.QueryRow(ctx, sql, args...).Scan(&value); err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	if value == nil {
		return ""
	}
	return *value
}

func (d *DB) connect(ctx context.Context, t testing.TB) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(ctx, d.URL)
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	return conn
}

// Fixture reads a file of the repository's testdata folder.
func Fixture(t testing.TB, name string) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		if parent := filepath.Dir(dir); parent != dir {
			dir = parent
			continue
		}
		t.Fatal("pgtest: no go.mod above the test's directory")
	}
	text, err := os.ReadFile(filepath.Join(dir, "testdata", name))
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	return string(text)
}

func withDatabase(admin, name string) string {
	u, _ := url.Parse(admin)
	u.Path = "/" + name
	return u.String()
}

func ping(ctx context.Context, url string) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	return conn.Close(ctx)
}
