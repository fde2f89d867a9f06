package schema

// Cardinality is the kind of a Relationship seen from its Table.
type Cardinality uint8

// The cardinalities of PostgREST's relationships.
const (
	ManyToOne Cardinality = iota
	OneToMany
	OneToOne
	ManyToMany
	Computed
)

// ColumnPair joins one column of a relationship's Table (Source) with one of its ForeignTable (Target).
type ColumnPair struct {
	Source string
	Target string
}

// Junction is the table in the middle of a many-to-many relationship.
type Junction struct {
	Table Ident
	// Constraint1 is the foreign key to the relationship's Table, Constraint2 the one to its ForeignTable.
	Constraint1 string
	Constraint2 string
	// SourceColumns pair Table's columns (Source) with the junction's (Target); TargetColumns pair ForeignTable's columns
	// (Source) with the junction's (Target).
	SourceColumns []ColumnPair
	TargetColumns []ColumnPair
}

// Relationship is a way from Table to ForeignTable that a request can embed along.
type Relationship struct {
	Table        Ident
	ForeignTable Ident
	Cardinality  Cardinality
	IsSelf       bool
	// TableIsView and ForeignTableIsView tell relationships derived through views from declared ones.
	TableIsView        bool
	ForeignTableIsView bool

	// Constraint is the foreign key's name, and Columns its pairs, for every cardinality but ManyToMany and Computed.
	Constraint string
	Columns    []ColumnPair
	// IsParent is true of the OneToOne side that is referenced.
	IsParent bool

	// Junction is set for ManyToMany.
	Junction *Junction

	// Function, TableAlias and ToOne are set for Computed: the function's name, the row type that its parameter has, which
	// is Table's, and whether it returns at most one row.
	Function   Ident
	TableAlias Ident
	ToOne      bool
}

// IsToOne reports whether the relationship yields at most one row.
func (r *Relationship) IsToOne() bool {
	switch r.Cardinality {
	case ManyToOne, OneToOne:
		return true
	case Computed:
		return r.ToOne
	default:
		return false
	}
}

// RelationshipKey finds the relationships of a table towards a schema: that of the foreign table, or for computed
// relationships that of the function, because requests name the function.
type RelationshipKey struct {
	Table         Ident
	ForeignSchema string
}
