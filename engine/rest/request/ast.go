package request

// JSONOp is one step of a JSON path: `->` or `->>` followed by a key or an index.
type JSONOp struct {
	// AsText is true of `->>`.
	AsText bool
	// Index is true when Operand is an array index (an optional sign and digits) rather than a key.
	Index   bool
	Operand string
}

// Field is a column or computed field with an optional JSON path below it.
type Field struct {
	Name string
	Path []JSONOp
}

// Aggregate is an aggregate function of the select parameter; the empty value means none.
type Aggregate string

// The aggregate functions PostgREST knows.
const (
	AggNone  Aggregate = ""
	AggSum   Aggregate = "sum"
	AggAvg   Aggregate = "avg"
	AggMax   Aggregate = "max"
	AggMin   Aggregate = "min"
	AggCount Aggregate = "count"
)

// SelectKind tells the kinds of SelectItem apart.
type SelectKind uint8

// The kinds of select items: a field, an embedded relation, a spread relation.
const (
	SelectField SelectKind = iota
	SelectRelation
	SelectSpread
)

// JoinType is how an embedded relation restricts its parent; the empty value means the default, left.
type JoinType string

// The join types a request can name.
const (
	JoinDefault JoinType = ""
	JoinInner   JoinType = "inner"
	JoinLeft    JoinType = "left"
)

// SelectItem is one element of the select parameter. Fields use Field, Aggregate, AggregateCast, Cast and Alias;
// relations use Relation, Alias (not for spreads), Hint, Join and Children.
type SelectItem struct {
	Kind          SelectKind
	Field         Field
	Aggregate     Aggregate
	AggregateCast string
	Cast          string
	Alias         string

	Relation string
	Hint     string
	Join     JoinType
	Children []SelectItem
}

// OrderDirection is the direction of an order term; the empty value is PostgreSQL's default.
type OrderDirection string

// NullsOrder is where nulls go; the empty value is PostgreSQL's default.
type NullsOrder string

// The directions and null orders.
const (
	OrderAsc   OrderDirection = "ASC"
	OrderDesc  OrderDirection = "DESC"
	NullsFirst NullsOrder     = "NULLS FIRST"
	NullsLast  NullsOrder     = "NULLS LAST"
)

// OrderTerm is one element of an order parameter. Relation is set for `relation(field)`.
type OrderTerm struct {
	Relation  string
	Field     Field
	Direction OrderDirection
	Nulls     NullsOrder
}

// Operator is an operator's name in the URL, such as "eq" or "fts".
type Operator string

// The operators of https://docs.postgrest.org/en/v14/references/api/tables_views.html#operators.
const (
	OpEq         Operator = "eq"
	OpGte        Operator = "gte"
	OpGt         Operator = "gt"
	OpLte        Operator = "lte"
	OpLt         Operator = "lt"
	OpLike       Operator = "like"
	OpILike      Operator = "ilike"
	OpMatch      Operator = "match"
	OpIMatch     Operator = "imatch"
	OpNeq        Operator = "neq"
	OpContains   Operator = "cs"
	OpContained  Operator = "cd"
	OpOverlap    Operator = "ov"
	OpStrictLeft Operator = "sl"
	OpStrictRgt  Operator = "sr"
	OpNotExtR    Operator = "nxr"
	OpNotExtL    Operator = "nxl"
	OpAdjacent   Operator = "adj"
	OpIn         Operator = "in"
	OpIs         Operator = "is"
	OpIsDistinct Operator = "isdistinct"
	OpFTS        Operator = "fts"
	OpPlainFTS   Operator = "plfts"
	OpPhraseFTS  Operator = "phfts"
	OpWebFTS     Operator = "wfts"
)

// Quantifier is the any/all modifier of an operator.
type Quantifier string

// The quantifiers; the empty value means none.
const (
	QuantNone Quantifier = ""
	QuantAny  Quantifier = "any"
	QuantAll  Quantifier = "all"
)

// IsValue is the operand of the `is` operator.
type IsValue string

// The operands of `is`.
const (
	IsNull    IsValue = "null"
	IsNotNull IsValue = "not_null"
	IsTrue    IsValue = "true"
	IsFalse   IsValue = "false"
	IsUnknown IsValue = "unknown"
)

// OpExpr is an operator with its operands. When the text was no operator expression at all (which is legal where a
// function parameter may be meant), Operator is "" and Value holds the raw text.
type OpExpr struct {
	Negate     bool
	Operator   Operator
	Quantifier Quantifier
	Language   string   // of the full-text operators, "" for none
	Value      string   // single-valued operators
	List       []string // OpIn
	Is         IsValue  // OpIs
}

// Filter is a condition on one field.
type Filter struct {
	Field Field
	Expr  OpExpr
}

// LogicTree is a Filter, or an and/or of further trees when Filter is nil.
type LogicTree struct {
	Filter   *Filter
	Negate   bool
	Or       bool
	Children []LogicTree
}

type (
	// PathFilter is a condition with the path of the embedded level it applies to; an empty Path is the top.
	PathFilter struct {
		Path   []string
		Filter Filter
	}
	// PathLogic is a logic tree with the path of the level it applies to.
	PathLogic struct {
		Path []string
		Tree LogicTree
	}
	// PathOrder is an order with the path of the level it applies to.
	// PathOrder is an order with the path of the level it applies to.
	PathOrder struct {
		Path  []string
		Terms []OrderTerm
	}
	// PathRange is a limit/offset window with the path of the level it applies to.
	PathRange struct {
		Path  []string
		Range Range
	}
)

// Range is a window of rows: skip Offset, then at most Limit (unbounded when !HasLimit).
type Range struct {
	Offset   int64
	Limit    int64
	HasLimit bool
}

// AllRows is the window that restricts nothing.
var AllRows = Range{}

// RPCParam is a key and value of a function call's query string or form body, in order.
type RPCParam struct {
	Name  string
	Value string
}

// Query is a parsed query string.
type Query struct {
	// Canonical is the query string with its parameters sorted and re-encoded, for Content-Location.
	Canonical string
	// Params are the parameters that can be function arguments, in order (only filled for GET/HEAD on a function).
	Params  []RPCParam
	Select  []SelectItem
	Filters []PathFilter
	Logic   []PathLogic
	Order   []PathOrder
	// Ranges holds limit/offset of embedded levels; the top level's window is Request.TopRange.
	Ranges     []PathRange
	Columns    []string // &columns, sorted and without duplicates
	HasColumns bool
	OnConflict []string
	// HasOnConflict tells an absent parameter from an empty one.
	HasOnConflict bool
}
