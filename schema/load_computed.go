package schema

// computedSQL finds the functions from one composite type; those from a relation's rows to a relation's rows are computed
// relationships (https://docs.postgrest.org/en/v14/references/api/resource_embedding.html#computed-relationships).
const computedSQL = `
	select p.pronamespace, p.proname, p.proargtypes[0], p.prorettype, not p.proretset or p.prorows = 1
	from pg_proc p
	join pg_type t on t.oid = p.prorettype
	where p.pronargs = 1 and t.typtype = 'c'`

func (l *loader) readComputed() ([]*Relationship, error) {
	var (
		out                        []*Relationship
		namespace, parameter, rows uint32
		name                       string
		toOne                      bool
	)
	dest := []any{&namespace, &name, &parameter, &rows, &toOne}
	err := l.each(computedSQL, nil, dest, func() error {
		table, foreign := l.rowTypes[parameter], l.rowTypes[rows]
		if table != nil && foreign != nil {
			out = append(out, &Relationship{
				Table: table.table.Ident, ForeignTable: foreign.table.Ident, Cardinality: Computed, IsSelf: table == foreign,
				Function: Ident{Schema: l.namespaces[namespace], Name: name}, TableAlias: table.table.Ident, ToOne: toOne,
			})
		}
		return nil
	})
	return out, err
}

// indexRelationships files the relationships by table and foreign schema, in order, and leaves out what is not exposed.
func (l *loader) indexRelationships(detected, computed []*Relationship) {
	exposed := make(map[string]bool, len(l.opts.Schemas))
	for _, s := range l.opts.Schemas {
		exposed[s] = true
	}
	index := make(map[RelationshipKey][]*Relationship)
	add := func(r *Relationship, foreignSchema string) {
		key := RelationshipKey{Table: r.Table, ForeignSchema: foreignSchema}
		index[key] = append(index[key], r)
	}
	// A computed relationship overrides the detected ones to a table of the function's name.
	type way struct{ from, to Ident }
	overridden := make(map[way]bool, len(computed))
	for _, r := range computed {
		overridden[way{r.Table, r.Function}] = true
		if exposed[r.Table.Schema] && exposed[r.ForeignTable.Schema] {
			// A request names the function, so it looks in the function's schema.
			add(r, r.Function.Schema)
		}
	}
	for _, r := range detected {
		if !overridden[way{r.Table, r.ForeignTable}] {
			add(r, r.ForeignTable.Schema)
		}
	}
	for _, relationships := range index {
		sortRelationships(relationships)
	}
	l.snapshot.Relationships = index
}
