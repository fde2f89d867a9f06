package plan

import (
	"bytes"
	"slices"

	"nexus/engine/apierr"
	"nexus/engine/rest/request"
	"nexus/schema"
)

// MutationKind tells the kinds of Mutation apart.
type MutationKind uint8

// The kinds of mutations. Put inserts or replaces the one row that the URL's key names.
const (
	Insert MutationKind = iota
	Update
	Put
	Delete
)

// Mutation is what a write does to its relation.
type Mutation struct {
	Kind MutationKind
	Into schema.Ident
	// Columns are the columns to write, and Body the JSON they come from.
	Columns []Field
	Body    JSONBody
	// FillDefaults gives columns that are missing from an object their default rather than null.
	FillDefaults bool
	// Conflict is what an insert does about rows whose Conflict columns exist already.
	Conflict        Conflict
	ConflictColumns []string
	// Where selects the rows to update or delete; of Put, the row of the body that may be written.
	Where []Condition
	// Returning are the columns of the written rows that the answer needs, none when it needs only their number.
	Returning []string
	// KeyColumns is the primary key, for the location of an inserted row.
	KeyColumns []string
}

// Conflict is an insert's answer to rows that exist already.
type Conflict uint8

// The answers to conflicts: fail, keep the old row, take the new one.
const (
	ConflictFail Conflict = iota
	ConflictIgnore
	ConflictMerge
)

// buildWrite plans POST, PATCH, PUT and DELETE on a relation.
func (b *builder) buildWrite() *apierr.Error {
	if err := b.findTable(); err != nil {
		return err
	}
	p := b.plan
	p.Mutation = &Mutation{Into: p.Relation}
	if err := b.planRead(p.Relation, schema.Ident{Name: SourceName}); err != nil {
		return err
	}
	if err := b.planMutation(p.Mutation); err != nil {
		return err
	}
	prefs := &b.req.Preferences
	if err := prefs.CheckStrict(); err != nil {
		return err
	}
	isInsert := p.Mutation.Kind == Insert || p.Mutation.Kind == Put
	p.Location = isInsert && prefs.Representation == "headers-only"
	p.CountInserted = isInsert && (p.Mutation.Kind == Put || prefs.Resolution == "merge-duplicates")
	return b.negotiate()
}

func (b *builder) planMutation(m *Mutation) *apierr.Error {
	switch b.req.Action {
	case request.CreateRows:
		return b.planInsert(m)
	case request.UpdateRows:
		m.Kind = Update
		m.FillDefaults = b.req.Preferences.Missing == "default"
		m.Where = b.rootConditions()
		m.Returning = b.returning()
		return b.planBody(m)
	case request.UpsertRow:
		return b.planPut(m)
	default:
		m.Kind = Delete
		m.Where = b.rootConditions()
		m.Returning = b.returning()
		return nil
	}
}

func (b *builder) planInsert(m *Mutation) *apierr.Error {
	m.KeyColumns = b.plan.Table.PrimaryKey
	m.FillDefaults = b.req.Preferences.Missing == "default"
	switch b.req.Preferences.Resolution {
	case "merge-duplicates":
		m.Conflict = ConflictMerge
	case "ignore-duplicates":
		m.Conflict = ConflictIgnore
	}
	m.ConflictColumns = m.KeyColumns
	if b.req.Query.HasOnConflict {
		m.ConflictColumns = b.req.Query.OnConflict
	}
	m.Returning = b.returning()
	return b.planBody(m)
}

// planPut plans an upsert of a single row: the filters have to name exactly the primary key.
func (b *builder) planPut(m *Mutation) *apierr.Error {
	key := b.plan.Table.PrimaryKey
	if !b.filtersKey(key) {
		return errPutFilters()
	}
	m.Kind, m.Conflict, m.ConflictColumns = Put, ConflictMerge, key
	m.Where = b.rootConditions()
	m.Returning = b.returning()
	return b.planBody(m)
}

// filtersKey reports whether the filters are equalities on all columns of the key and on nothing else.
func (b *builder) filtersKey(key []string) bool {
	if len(key) == 0 || len(b.req.Query.Logic) > 0 {
		return false
	}
	var named []string
	for i := range b.req.Query.Filters {
		f := &b.req.Query.Filters[i]
		if len(f.Path) > 0 {
			continue
		}
		expr := &f.Filter.Expr
		if expr.Operator != request.OpEq || expr.Negate || expr.Quantifier != request.QuantNone {
			return false
		}
		named = append(named, f.Filter.Field.Name)
	}
	slices.Sort(named)
	return slices.Equal(slices.Compact(named), slices.Sorted(slices.Values(key)))
}

// rootConditions are the filters that select the rows to write. As in PostgREST, logic trees of embedded levels count
// as well.
func (b *builder) rootConditions() []Condition {
	conditions := make([]Condition, 0, len(b.req.Query.Filters)+len(b.req.Query.Logic))
	for i := range b.req.Query.Filters {
		if f := &b.req.Query.Filters[i]; len(f.Path) == 0 {
			conditions = append(conditions, b.resolveFilter(b.plan.Table, &f.Filter))
		}
	}
	for i := range b.req.Query.Logic {
		conditions = append(conditions, b.resolveLogic(b.plan.Table, &b.req.Query.Logic[i].Tree))
	}
	return conditions
}

// planBody resolves the columns of the body.
func (b *builder) planBody(m *Mutation) *apierr.Error {
	m.Columns = make([]Field, 0, len(b.req.Columns))
	for _, name := range b.req.Columns {
		c := b.plan.Table.Column(name)
		if c == nil {
			return errColumnNotFound(b.plan.Table.Name, name)
		}
		m.Columns = append(m.Columns, b.transform(columnField(c), jsonFormat, false))
	}
	m.Body = b.bindJSON(b.req.Payload.Raw)
	return nil
}

// bindJSON binds a JSON body; whether it is an object decides how its columns are read.
func (b *builder) bindJSON(raw []byte) JSONBody {
	return JSONBody{Value: b.bind(raw), IsObject: bytes.HasPrefix(bytes.TrimLeft(raw, " \t\r\n"), []byte("{"))}
}

// returning names the columns of the written rows that the answer and its embedded levels need.
func (b *builder) returning() []string {
	switch b.req.Preferences.Representation {
	case "", "minimal":
		return nil
	default:
		return b.plan.Read.neededColumns(b.plan.Table.PrimaryKey)
	}
}

// wholeRow are the columns that a source has to have if that may be all. Plans share it.
var wholeRow = []string{star}

// neededColumns are the columns that a source has to have for a read from it, sorted: what is selected, the columns that
// embedded levels join on, and the key. A computed relationship takes the whole row.
func (n *Node) neededColumns(key []string) []string {
	names := make([]string, 0, len(n.Select)+len(n.Children)+len(key))
	for i := range n.Select {
		if n.Select[i].Field.Name == star {
			return wholeRow
		}
		names = append(names, n.Select[i].Field.Name)
	}
	for _, child := range n.Children {
		r := child.Relationship
		pairs := r.Columns
		switch r.Cardinality {
		case schema.Computed:
			return wholeRow
		case schema.ManyToMany:
			pairs = r.Junction.SourceColumns
		}
		for _, pair := range pairs {
			names = append(names, pair.Source)
		}
	}
	names = append(names, key...)
	slices.Sort(names)
	return slices.Compact(names)
}
