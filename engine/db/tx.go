package db

import (
	"github.com/jackc/pgx/v5/pgconn"

	"nexus/schema"
)

// Statement is SQL text with its arguments in PostgreSQL's text format; a nil argument is NULL.
type Statement struct {
	SQL  string
	Args [][]byte
	// Formats are the formats of the result's columns as the protocol codes them: 0 for text, 1 for binary. Nil is text for
	// all.
	Formats []int16
}

// End says how a transaction ends when nothing fails.
type End uint8

// The ends of a transaction.
const (
	Commit End = iota
	// Rollback undoes the work after its deferred constraints were checked, so the answer is that of a real run.
	Rollback
)

// Isolation levels of a transaction; the empty string is PostgreSQL's read committed.
const (
	ReadCommitted  = ""
	RepeatableRead = "repeatable read"
	Serializable   = "serializable"
)

// Tx is the work of one request: all of it happens in one transaction or not at all.
type Tx struct {
	// Role tells statements prepared for one role from those of another: PostgreSQL plans them apart under RLS. The role
	// itself is set by Settings.
	Role     string
	ReadOnly bool
	// KeepsSession promises that nothing in it changes more than the transaction. After any other work the session is reset,
	// because a function can change settings, or make temporary tables, that outlive its transaction.
	KeepsSession bool
	// Primary keeps work that only reads from replicas, which may not have seen the last write yet.
	Primary bool
	// Isolation is one of the constants above.
	Isolation string
	// Settings are applied with set_config for this transaction only, in order.
	Settings []schema.Setting
	// PreRequest, if its SQL is not empty, runs after the settings and before Main; its result is dropped.
	PreRequest Statement
	// Guard, if its SQL is not empty, runs before all that follows, and Permit sees its rows before anything else is sent; its
	// error is returned and nothing is done.
	Guard  Statement
	Permit func(rows [][][]byte) error
	// Before run ahead of Main, whose Rows can look at their results.
	Before []Statement
	Main   Statement
	// Rows, if set, takes the rows of Main as they arrive, instead of Result.
	Rows Rows
	// After run behind Main in the same transaction.
	After []Statement
	End   End
	// Check, if set, sees Main's rows before the transaction ends; its error rolls the transaction back and is returned.
	Check func(rows [][][]byte) error
}

// Rows takes rows as the server sends them.
type Rows interface {
	// Begin tells the columns before the first row, also when there is none, and what the statements of Before returned. It
	// is called again when the work is tried again, and then returns an error if it cannot take back what it has passed on.
	Begin(columns []pgconn.FieldDescription, before [][][][]byte) error
	// Row takes one row; its values, in text format unless Formats says otherwise, are valid until it returns, nil for NULL.
	// An error cancels the statement, rolls the transaction back and is what Run returns.
	Row(values [][]byte) error
}

// Result holds the rows of Main and of each statement of Before and After: rows of columns in text format, nil for NULL.
type Result struct {
	Before [][][][]byte
	Main   [][][]byte
	After  [][][][]byte
}

// explicit reports whether the transaction needs a BEGIN of its own.
func (t *Tx) explicit() bool {
	return t.Isolation != ReadCommitted || t.decides() || t.Guard.SQL != "" || (t.End == Rollback && !t.ReadOnly)
}

// decides reports whether the end depends on the result. A read-only transaction leaves nothing to undo, so its check can
// follow the end.
func (t *Tx) decides() bool { return t.Check != nil && !t.ReadOnly }

func (t *Tx) beginSQL() string {
	sql := "begin"
	if t.Isolation != ReadCommitted {
		sql += " isolation level " + t.Isolation
	}
	return sql
}
