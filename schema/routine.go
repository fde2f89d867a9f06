package schema

// Volatility is a function's pg_proc.provolatile.
type Volatility byte

// The volatilities of PostgreSQL.
const (
	Volatile  Volatility = 'v'
	Stable    Volatility = 's'
	Immutable Volatility = 'i'
)

// ReturnType says what a function returns.
type ReturnType struct {
	// Type is the return type, domains resolved; for RETURNS TABLE or several OUT parameters it is pg_catalog.record, for
	// a single one the type of that.
	Type Ident
	// SetOf is true of RETURNS SETOF and RETURNS TABLE.
	SetOf bool
	// Composite is true when rows have columns: a composite type, a table's row type, or a record from OUT/TABLE columns.
	Composite bool
	// CompositeAlias is true when the composite is reached through a domain.
	CompositeAlias bool
}

// Parameter is an input parameter of a Routine.
type Parameter struct {
	// Name is "" for an unnamed parameter.
	Name string
	// Type is the type's name as format_type gives it.
	Type string
	// TypeMaxLength is Type with bit, bit varying, character and varying types widened so that casts do not truncate.
	TypeMaxLength string
	Required      bool
	Variadic      bool
}

// Setting is one name=value of a function's or role's SET clause.
type Setting struct {
	Name  string
	Value string
}

// Routine is a function that `/rpc/name` can call.
type Routine struct {
	Ident
	// OID is pg_proc.oid.
	OID         uint32 `json:"-"`
	Description string
	Params      []Parameter
	Return      ReturnType
	Volatility  Volatility
	HasVariadic bool
	// IsolationLevel is the function's own default_transaction_isolation setting in lower case, "" for none.
	IsolationLevel string
	// Settings are the function's settings that the configuration hoists to the transaction.
	Settings []Setting
}

// ReturnsSingle is true of a function without SETOF.
func (r *Routine) ReturnsSingle() bool { return !r.Return.SetOf }

// ReturnsScalar is true of a single value without columns.
func (r *Routine) ReturnsScalar() bool { return !r.Return.SetOf && !r.Return.Composite }

// ReturnsSetOfScalar is true of a set of values without columns.
func (r *Routine) ReturnsSetOfScalar() bool { return r.Return.SetOf && !r.Return.Composite }

// ReturnsSingleComposite is true of exactly one row with columns.
func (r *Routine) ReturnsSingleComposite() bool { return !r.Return.SetOf && r.Return.Composite }

// ReturnsVoid is true of RETURNS void.
func (r *Routine) ReturnsVoid() bool {
	return r.ReturnsScalar() && r.Return.Type == Ident{Schema: "pg_catalog", Name: "void"}
}

// TableName is the name of the composite type a function returns rows of, or "".
func (r *Routine) TableName() string {
	if r.Return.Composite {
		return r.Return.Type.Name
	}
	return ""
}
