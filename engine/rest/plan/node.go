package plan

import (
	"nexus/engine/rest/request"
	"nexus/schema"
)

// SourceName is the common table expression that the rows of a write or a call come from.
const SourceName = "pgrst_source"

// EmbedKind is how a level appears in the row of the level above it.
type EmbedKind uint8

// The kinds of embedding: the top level, one JSON object, an array of objects, columns of at most one row, and columns
// that are arrays of the values of many rows.
const (
	TopLevel EmbedKind = iota
	EmbedObject
	EmbedArray
	SpreadOne
	SpreadMany
)

// Node is one level of a read: a relation, what is taken from it, and the levels embedded in its rows.
type Node struct {
	// From is the relation and Alias its name in the query, "" for its own. For the top level of a write or call From is
	// SourceName.
	From  schema.Ident
	Alias string
	// Relationship leads from the level above here; nil at the top. Parent is what a computed relationship's function is
	// called with: the name the level above has in the query.
	Relationship *schema.Relationship
	Parent       string
	// On joins the level with the one above.
	On []JoinCondition
	// Inner drops rows of the level above that have none here.
	Inner bool

	Select []SelectField
	Where  []Condition
	Order  []OrderTerm
	Window Window

	// Embed says how the level appears above under Name; JoinAlias is the name of the join that brings it there. Empty is
	// true of an embedded object or array without any columns, which is left out.
	Embed     EmbedKind
	Name      string
	JoinAlias string
	Empty     bool
	// Spread are the columns that a spread level gives to the level above, with the aggregates that are computed there.
	Spread []SpreadField
	// SpreadExtra are columns that SpreadOrder, the order of the arrays of a SpreadMany level, needs.
	SpreadExtra []ExtraField
	SpreadOrder []OrderTerm

	Children []*Node

	// table is the relation whose columns names at this level mean.
	table schema.Ident
	depth int
}

// Qualifier is the name that columns of the level are qualified with.
func (n *Node) Qualifier() schema.Ident {
	switch {
	case n.Alias != "":
		return schema.Ident{Name: n.Alias}
	case n.Relationship != nil && n.Relationship.Cardinality == schema.Computed:
		return schema.Ident{Name: n.Relationship.Function.Name}
	default:
		return n.From
	}
}

// IsSpread reports whether the level's columns become columns of the level above.
func (n *Node) IsSpread() bool { return n.Embed == SpreadOne || n.Embed == SpreadMany }

// hasAggregate reports whether the level itself selects an aggregate.
func (n *Node) hasAggregate() bool {
	for i := range n.Select {
		if n.Select[i].Aggregate != request.AggNone {
			return true
		}
	}
	return false
}

// JoinCondition equates a column of one relation with a column of another.
type JoinCondition struct {
	Left        schema.Ident
	LeftColumn  string
	Right       schema.Ident
	RightColumn string
}

// Window is the limit and offset of a level; the zero value means all rows.
type Window struct {
	HasLimit bool
	// Rows is the limit. Up to MaxFixedLimit it belongs to the statement's text and Limit is zero: PostgreSQL has to know it to
	// keep a prepared statement's plan, and takes longer to plan again for each bound one than to read a page of rows.
	Rows  int64
	Limit Param
	// Offset is zero when no rows are skipped.
	Offset Param
}

// MaxFixedLimit bounds how many statements one request's shape can become.
const MaxFixedLimit = 1000

// SelectField is one selected column or expression.
type SelectField struct {
	Field         Field
	Cast          string
	Aggregate     request.Aggregate
	AggregateCast string
	// Alias is the name in the answer, "" for PostgreSQL's own choice.
	Alias string
}

// name is what the field is called where the level above refers to it.
func (f *SelectField) name() string {
	if f.Alias != "" {
		return f.Alias
	}
	return f.Field.Name
}

// SpreadField is a column that a spread level gives to the level above.
type SpreadField struct {
	Name          string
	Aggregate     request.Aggregate
	AggregateCast string
	Alias         string
}

// ExtraField is a column that is selected for the sake of an order. Relation is the join alias of the embedded level it
// comes from, "" for the level itself.
type ExtraField struct {
	Relation string
	Field    SelectField
}

// OrderTerm is one key of an order. Relation is the join alias of the embedded level whose field it is, "" for the level
// itself.
type OrderTerm struct {
	Relation  string
	Field     Field
	Direction request.OrderDirection
	Nulls     request.NullsOrder
}
