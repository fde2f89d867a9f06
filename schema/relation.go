package schema

// RelationKind is what sort of relation a Table is, by pg_class.relkind.
type RelationKind byte

// The relation kinds that PostgREST exposes.
const (
	KindTable            RelationKind = 'r'
	KindPartitionedTable RelationKind = 'p'
	KindForeignTable     RelationKind = 'f'
	KindView             RelationKind = 'v'
	KindMaterializedView RelationKind = 'm'
)

// Table is a relation that requests can read or write: a table, view, materialized view, foreign or partitioned table.
type Table struct {
	Ident
	Description string
	Kind        RelationKind

	// Insertable, Updatable and Deletable say which verbs the relation can take at all (a view needs to be simple or have
	// INSTEAD OF triggers). They say nothing of privileges.
	Insertable bool
	Updatable  bool
	Deletable  bool

	// PrimaryKey holds the names of the key's columns, sorted; for a view, the columns its rule takes from a key.
	PrimaryKey []string
	// UniqueKeys holds the columns of each unique constraint or index, without the primary key.
	UniqueKeys [][]string
	// Columns are in attribute order.
	Columns []*Column

	// RLSEnabled and RLSForced mirror pg_class.relrowsecurity and relforcerowsecurity.
	RLSEnabled bool
	RLSForced  bool

	columnByName map[string]*Column
}

// IsView reports whether the relation is a view or a materialized view.
func (t *Table) IsView() bool { return t.Kind == KindView || t.Kind == KindMaterializedView }

// Column returns the column of that name, or nil.
func (t *Table) Column(name string) *Column { return t.columnByName[name] }

// Column is one column of a Table.
type Column struct {
	Name        string
	Description string
	Nullable    bool
	// Type is the column's data type by format_type without a type modifier for types of pg_catalog; a domain is resolved to
	// its base type.
	Type string
	// NominalType is the declared type, so a domain stays a domain. Casts and data representations use it.
	NominalType string
	// TypeOID is the OID of the base type (domains resolved), for encoders that know built-in types.
	TypeOID uint32
	// MaxLength is the declared character length, 0 for none.
	MaxLength int
	// Default is the default expression's text, "" for none. An identity column reads as nextval of its sequence.
	Default string
	// Generated is true of a GENERATED ALWAYS AS (…) STORED column.
	Generated bool
	// Identity is 'a' (always), 'd' (by default) or 0.
	Identity byte
	// Enum lists the labels of an enum type in their order.
	Enum []string
}
