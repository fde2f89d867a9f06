package schema

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// LoadOptions say which part of the database Load reads.
type LoadOptions struct {
	// Schemas are the exposed schemas; there is at least one.
	Schemas []string
	// ExtraSearchPath are schemas whose views take part in finding relationships between exposed ones.
	ExtraSearchPath []string
	// HoistedTxSettings are regular expressions of the function settings to keep in Routine.Settings.
	HoistedTxSettings []string
}

// Load reads the catalog through conn in one read-only transaction with one view of the data. Privileges play no part in
// what it finds, but for domain representations, whose functions must be executable.
func Load(ctx context.Context, conn *pgx.Conn, opts LoadOptions) (*Snapshot, error) {
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		return nil, fmt.Errorf("schema: begin: %w", err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	// Without a search path every name that the catalog functions return is qualified.
	if _, err := tx.Exec(ctx, "set local search_path to ''"); err != nil {
		return nil, fmt.Errorf("schema: search path: %w", err)
	}
	l := &loader{ctx: ctx, tx: tx, opts: opts, exposed: make(map[string]bool, len(opts.Schemas))}
	for _, s := range opts.Schemas {
		l.exposed[s] = true
	}
	return l.load()
}

// loader holds what is read before it becomes a Snapshot.
type loader struct {
	ctx     context.Context
	tx      pgx.Tx
	opts    LoadOptions
	exposed map[string]bool

	relations  map[uint32]*relation // all relations of the database by OID
	keys       []constraint         // primary, unique and foreign keys of all relations
	viewKeys   []viewKey
	snapshot   Snapshot
	enumLabels map[uint32][]string
}

// relation is what is kept of every relation, exposed or not.
type relation struct {
	table *Table
	// views is true where the relation's schema takes part in view lineage.
	lineage     bool
	isPartition bool
	// attributes are names by attribute number, filled for key columns and views.
	attributes map[int16]string
}

func (l *loader) load() (*Snapshot, error) {
	l.snapshot.LoadedAt = time.Now()
	steps := []struct {
		what string
		read func() error
	}{
		{"server version", l.readVersion},
		{"enums", l.readEnums},
		{"relations", l.readRelations},
		{"columns", l.readColumns},
		{"keys", l.readKeys},
		{"views", l.readViewKeys},
		{"computed relationships", l.readRelationships},
		{"functions", l.readRoutines},
		{"representations", l.readRepresentations},
		{"media handlers", l.readMediaHandlers},
		{"time zones", l.readTimeZones},
		{"schema comments", l.readSchemaDescriptions},
	}
	for _, step := range steps {
		if err := step.read(); err != nil {
			return nil, fmt.Errorf("schema: read %s: %w", step.what, err)
		}
	}
	snap := l.snapshot
	return &snap, nil
}

// each runs a query and calls scan for every row; fields are scanned into dest first.
func (l *loader) each(sql string, args []any, dest []any, scan func() error) error {
	rows, err := l.tx.Query(l.ctx, sql, args...)
	if err != nil {
		return err
	}
	_, err = pgx.ForEachRow(rows, dest, scan)
	return err
}

func (l *loader) readVersion() error {
	return l.tx.QueryRow(l.ctx, "select current_setting('server_version_num')::int").Scan(&l.snapshot.ServerVersion)
}

func (l *loader) readEnums() error {
	l.enumLabels = make(map[uint32][]string)
	var oid uint32
	var labels []string
	return l.each(`
		select enumtypid, array_agg(enumlabel::text order by enumsortorder)
		from pg_catalog.pg_enum group by enumtypid`,
		nil, []any{&oid, &labels}, func() error {
			l.enumLabels[oid] = append([]string(nil), labels...)
			return nil
		})
}

func (l *loader) readTimeZones() error {
	l.snapshot.TimeZones = make(map[string]struct{}, 1200)
	var name string
	return l.each("select name from pg_catalog.pg_timezone_names", nil, []any{&name}, func() error {
		l.snapshot.TimeZones[name] = struct{}{}
		return nil
	})
}

func (l *loader) readSchemaDescriptions() error {
	l.snapshot.SchemaDescriptions = make(map[string]string)
	var name, text string
	return l.each(`
		select n.nspname::text, d.description
		from pg_catalog.pg_namespace n
		join pg_catalog.pg_description d on d.objoid = n.oid and d.classoid = 'pg_catalog.pg_namespace'::regclass
		where n.nspname = any($1)`,
		[]any{l.opts.Schemas}, []any{&name, &text}, func() error {
			l.snapshot.SchemaDescriptions[name] = text
			return nil
		})
}

func (l *loader) readRepresentations() error {
	l.snapshot.Representations = make(map[RepresentationKey]Representation)
	var r Representation
	return l.each(representationsSQL, nil, []any{&r.Source, &r.Target, &r.Function}, func() error {
		l.snapshot.Representations[RepresentationKey{Source: r.Source, Target: r.Target}] = r
		return nil
	})
}

// representationsSQL finds the implicit casts with a function between a domain and json or text.
const representationsSQL = `
	select c.castsource::regtype::text, c.casttarget::regtype::text, c.castfunc::regproc::text
	from pg_catalog.pg_cast c
	join pg_catalog.pg_type s on s.oid = c.castsource
	join pg_catalog.pg_type t on t.oid = c.casttarget
	where c.castcontext = 'i' and c.castmethod = 'f'
		and has_function_privilege(c.castfunc, 'execute')
		and (s.typtype = 'd' and t.oid in ('pg_catalog.json'::regtype, 'pg_catalog.text'::regtype)
			or t.typtype = 'd' and s.oid in ('pg_catalog.json'::regtype, 'pg_catalog.text'::regtype))`
