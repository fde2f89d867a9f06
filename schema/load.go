package schema

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// LoadOptions say which part of the database Load reads.
type LoadOptions struct {
	// Schemas are the exposed schemas; there is at least one.
	Schemas []string
	// ExtraSearchPath are schemas whose views take part in finding relationships between exposed ones.
	ExtraSearchPath []string
	// HoistedTxSettings are PostgreSQL regular expressions of the function settings to keep in Routine.Settings.
	HoistedTxSettings []string
	// TimeZones, when not nil, becomes the snapshot's set instead of what the server lists. PostgreSQL reads its whole
	// time zone directory for each listing, so who loads often from one server passes on what the first load found.
	TimeZones map[string]struct{}
}

// UnknownSchemaError says that a configured schema is not in the database.
type UnknownSchemaError struct{ Schema string }

// Error names the schema as PostgreSQL does.
func (e *UnknownSchemaError) Error() string { return fmt.Sprintf("schema %q does not exist", e.Schema) }

// Load reads the catalog through conn in one read-only transaction, so all of it is of one moment. Privileges play no part
// in what it finds, but for domain representations, whose functions must be executable. It fails with an
// UnknownSchemaError when one of the options' schemas is missing.
func Load(ctx context.Context, conn *pgx.Conn, opts LoadOptions) (*Snapshot, error) {
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		return nil, fmt.Errorf("schema: begin: %w", err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	// Without a search path every name that the catalog functions return is qualified. A role's limit for requests is none
	// for a load: that ends with its context.
	_, err = tx.Exec(ctx, "select set_config('search_path', '', true), set_config('statement_timeout', '0', true)")
	if err != nil {
		return nil, fmt.Errorf("schema: settings: %w", err)
	}
	l := &loader{ctx: ctx, tx: tx, opts: opts}
	return l.load()
}

// loader gathers what a Snapshot is made of. It reads narrow rows keyed by OID and joins them here: that is several times
// faster than having PostgreSQL join and format them for every column of a large schema.
type loader struct {
	ctx  context.Context
	tx   pgx.Tx
	opts LoadOptions

	namespaces map[uint32]string
	exposed    []uint32 // namespaces of opts.Schemas
	lineage    []uint32 // namespaces whose views are followed to their tables: the exposed and the extra ones

	relations map[uint32]*relation // every relation of the database, exposed or not, by OID
	rowTypes  map[uint32]*relation // the same by the OID of their row type
	types     map[uint32]*typeInfo // the types of columns, parameters and results
	modified  map[modifiedType]string
	keys      []key // primary, unique and foreign keys of all relations
	views     map[uint32][]*viewSource
	snapshot  Snapshot
}

func (l *loader) load() (*Snapshot, error) {
	l.snapshot.LoadedAt = time.Now()
	steps := []struct {
		what string
		read func() error
	}{
		{"server version", l.readVersion},
		{"schemas", l.readNamespaces},
		{"relations", l.readRelations},
		{"columns", l.readColumns},
		{"functions", l.readRoutines},
		{"keys", l.readKeys},
		{"views", l.readViews},
		{"relationships", l.readRelationships},
		{"domain representations", l.readRepresentations},
		{"media type handlers", l.readMediaHandlers},
		{"time zones", l.readTimeZones},
	}
	for _, step := range steps {
		if err := step.read(); err != nil {
			return nil, fmt.Errorf("schema: read %s: %w", step.what, err)
		}
	}
	return &l.snapshot, nil
}

// each runs a query and calls row for every row after its fields are scanned into dest.
func (l *loader) each(sql string, args, dest []any, row func() error) error {
	// Statements are described but not kept: they run once per reload, and a pooler may hand the connection on.
	rows, err := l.tx.Query(l.ctx, sql, append([]any{pgx.QueryExecModeDescribeExec}, args...)...)
	if err != nil {
		return err
	}
	_, err = pgx.ForEachRow(rows, dest, row)
	return err
}

func (l *loader) readVersion() error {
	return l.each("select current_setting('server_version_num')::int4", nil, []any{&l.snapshot.ServerVersion},
		func() error { return nil })
}

const namespacesSQL = `
	select n.oid, n.nspname, coalesce(d.description, '')
	from pg_namespace n
	left join pg_description d on d.objoid = n.oid and d.classoid = 'pg_namespace'::regclass`

func (l *loader) readNamespaces() error {
	l.namespaces = make(map[uint32]string)
	l.snapshot.SchemaDescriptions = make(map[string]string)
	var (
		oid               uint32
		name, description string
	)
	byName := make(map[string]uint32)
	err := l.each(namespacesSQL, nil, []any{&oid, &name, &description}, func() error {
		l.namespaces[oid] = name
		byName[name] = oid
		if description != "" && slices.Contains(l.opts.Schemas, name) {
			l.snapshot.SchemaDescriptions[name] = description
		}
		return nil
	})
	if err != nil {
		return err
	}
	if l.exposed, err = lookUp(byName, l.opts.Schemas); err != nil {
		return err
	}
	extra, err := lookUp(byName, l.opts.ExtraSearchPath)
	l.lineage = slices.Concat(l.exposed, extra)
	return err
}

func lookUp(byName map[string]uint32, names []string) ([]uint32, error) {
	oids := make([]uint32, 0, len(names))
	for _, name := range names {
		oid, ok := byName[name]
		if !ok {
			return nil, &UnknownSchemaError{Schema: name}
		}
		oids = append(oids, oid)
	}
	return oids, nil
}

func (l *loader) readTimeZones() error {
	if l.opts.TimeZones != nil {
		l.snapshot.TimeZones = l.opts.TimeZones
		return nil
	}
	l.snapshot.TimeZones = make(map[string]struct{})
	var name string
	return l.each("select name from pg_timezone_names", nil, []any{&name}, func() error {
		l.snapshot.TimeZones[name] = struct{}{}
		return nil
	})
}
