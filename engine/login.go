package engine

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"nexus/schema"
)

// authenticator is the role that requests log in as; it may become the role of a token and nothing else.
const authenticator = "authenticator"

// authAdmin is the role that auth/v1 logs in as; it owns the tables of schema auth, as in GoTrue's databases.
const authAdmin = "supabase_auth_admin"

// login says how to get in as a role of the server's own.
type login struct {
	// Role is authenticator if it is empty.
	Role string
	// OwnerURL connects as the role that ran the migrations.
	OwnerURL string
	Password string
	// Ours is whether the whole cluster is ours, and every role's password with it.
	Ours bool
}

func (l login) role() string { return cmp.Or(l.Role, authenticator) }

// open returns a connection string that logs in as the role. It sets the role's password if that is ours to set: not
// if the role was here before the migrations, nor if another server has set it, which must go on working.
func (l login) open(ctx context.Context) (string, error) {
	target, err := withUser(l.OwnerURL, l.role(), l.Password)
	if err != nil {
		return "", err
	}
	err = tryLogin(ctx, target)
	if err == nil {
		return target, nil
	}
	if !hasCode(err, "28P01", "28000") {
		return "", fmt.Errorf("log in as %s: %w", l.role(), err)
	}
	claimed, err := l.claim(ctx)
	if err != nil {
		return "", fmt.Errorf("set the password of role %s: %w", l.role(), err)
	}
	if !claimed {
		return "", fmt.Errorf("the database refuses the password of role %s, and it is not this server's to change: "+
			"set %s to the password that it has", l.role(), l.option())
	}
	if err := tryLogin(ctx, target); err != nil {
		return "", fmt.Errorf("log in as %s: %w", l.role(), err)
	}
	return target, nil
}

// option is where an operator sets the password.
func (l login) option() string {
	if l.role() == authAdmin {
		return "auth-db-password (or auth to false)"
	}
	return "authenticator-password"
}

// claim sets the password, once, and notes that in the migrations' table.
func (l login) claim(ctx context.Context) (bool, error) {
	conn, err := pgx.Connect(ctx, l.OwnerURL)
	if err != nil {
		return false, err
	}
	defer closeConn(ctx, conn)
	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `
			insert into nexus.core_objects (kind, name)
			select 'login', $1 where $2 or exists (select from nexus.core_objects where kind = 'role' and name = $1)
			on conflict do nothing`, l.role(), l.Ours)
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 && !l.Ours {
			return errNotOurs
		}
		verifier, err := scramVerifier(l.Password)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, "alter role "+l.role()+" with login password "+schema.QuoteLiteral(verifier))
		return err
	})
	if errors.Is(err, errNotOurs) || hasCode(err, "42501", "3F000", "42P01") {
		return false, nil // nor is it if we lack the right, or the migrations never ran
	}
	return err == nil, err
}

// errNotOurs ends claim's transaction without a change.
var errNotOurs = errors.New("the password is not ours")

// hasCode reports whether the error is PostgreSQL's, with one of the SQLSTATEs.
func hasCode(err error, codes ...string) bool {
	var pgErr *pgconn.PgError
	return errors.As(err, &pgErr) && slices.Contains(codes, pgErr.Code)
}

func tryLogin(ctx context.Context, target string) error {
	conn, err := pgx.Connect(ctx, target)
	if err != nil {
		return err
	}
	closeConn(ctx, conn)
	return nil
}

// closeConn says goodbye even when ctx is over.
func closeConn(ctx context.Context, conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_ = conn.Close(ctx)
}

// withUser returns a connection string with another user and password: the same database in the same form.
func withUser(connString, user, password string) (string, error) {
	if !strings.HasPrefix(connString, "postgres://") && !strings.HasPrefix(connString, "postgresql://") {
		// In keyword=value form the last one of a name counts.
		quote := strings.NewReplacer(`\`, `\\`, `'`, `\'`)
		return connString + " user='" + quote.Replace(user) + "' password='" + quote.Replace(password) + "'", nil
	}
	u, err := url.Parse(connString)
	if err != nil {
		// The error of url.Parse repeats the URL, password and all.
		return "", errors.New("db-url: is not a valid URL")
	}
	u.User = url.UserPassword(user, password)
	query := u.Query()
	query.Del("user")
	query.Del("password")
	u.RawQuery = query.Encode()
	return u.String(), nil
}

// scramIterations is PostgreSQL's default.
const scramIterations = 4096

// scramVerifier makes what PostgreSQL stores of a password (RFC 5803), so that the password itself stays out of its log
// and statistics. The password must be ASCII, which SASLprep leaves as it is.
func scramVerifier(password string) (string, error) {
	salt := make([]byte, 16)
	_, _ = rand.Read(salt) // never fails
	salted, err := pbkdf2.Key(sha256.New, password, salt, scramIterations, sha256.Size)
	if err != nil {
		return "", err
	}
	mac := func(text string) []byte {
		h := hmac.New(sha256.New, salted)
		h.Write([]byte(text))
		return h.Sum(nil)
	}
	stored := sha256.Sum256(mac("Client Key"))
	encode := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("SCRAM-SHA-256$%d:%s$%s:%s", scramIterations, encode(salt), encode(stored[:]), encode(mac("Server Key"))), nil
}
