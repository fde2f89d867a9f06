package plan

import (
	"strconv"

	"nexus/engine/apierr"
	"nexus/engine/rest/request"
	"nexus/schema"
)

// Options is what of the configuration decides how requests are planned.
type Options struct {
	// MaxRows is the most rows a read or a call answers with at each level, nil for no limit (db-max-rows).
	MaxRows *int64
	// AggregatesEnabled allows aggregate functions in the select parameter (db-aggregates-enabled).
	AggregatesEnabled bool
	// PlanEnabled allows the execution plan as a media type (db-plan-enabled).
	PlanEnabled bool
	// MaxEmbedDepth is how many levels may be embedded in one another, 0 for no limit.
	MaxEmbedDepth int
	// AliasesOnly lets the filters, order and limits of an embedded resource call it by its alias alone, if it has one, and
	// not by its relation's name as well (url-use-legacy-target-names = false).
	AliasesOnly bool
}

// LegacyTarget is an embedded resource that was called by its relation's name although it has an alias.
type LegacyTarget struct{ Relation, Alias string }

// Param is a value of the request: its place in Plan.Values counted from one, or zero for none.
type Param int

// Plan is a request with its names resolved. Read is set for every action that answers with rows; Mutation and Call say
// where the rows come from when it is not a relation. Actions without Read need no query.
type Plan struct {
	Action request.Action
	// Relation is the relation that the answer is about: the table of a read or write; of a call the composite type it
	// returns, or the function's own name.
	Relation schema.Ident
	// Table describes Relation when the snapshot knows it.
	Table *schema.Table
	// Routine is the function that a call calls, or that OPTIONS asks about.
	Routine *schema.Routine

	Read     *Node
	Mutation *Mutation
	Call     *Call

	// Body is how the rows become the answer's body, and Media the negotiated media type.
	Body  Body
	Media request.MediaType

	// LegacyTargets are the embedded resources with an alias that the request called by the names of their relations.
	LegacyTargets []LegacyTarget

	// Count is what of the total number of rows is wanted.
	Count Count
	// Location asks for the key columns of the one inserted row.
	Location bool
	// CountInserted asks how many rows of an upsert were new.
	CountInserted bool

	// ReadOnly is the transaction's mode. IsolationLevel and Settings are those that the function itself declares, ""
	// and nil for none.
	ReadOnly       bool
	IsolationLevel string
	Settings       []schema.Setting

	// Values are the request's values in PostgreSQL's text format, in the order of their Params.
	Values [][]byte
}

// Count says whether and how all rows of a read are counted.
type Count struct {
	// Exact counts them with a query; up to Limit+1 rows if Limit is set.
	Exact bool
	Limit *int64
	// Planned asks for the planner's estimate.
	Planned bool
}

// Value returns the value of a Param.
func (p *Plan) Value(param Param) []byte { return p.Values[param-1] }

// Build resolves a request. Its errors are *apierr.Error.
func Build(opts Options, snap *schema.Snapshot, req *request.Request) (*Plan, error) {
	made := &planned{Plan: Plan{Action: req.Action}}
	b := builder{opts: opts, snap: snap, req: req, plan: &made.Plan, planned: made}
	var err *apierr.Error
	switch req.Action {
	case request.ReadRelation:
		err = b.buildRead()
	case request.CreateRows, request.UpdateRows, request.UpsertRow, request.DeleteRows:
		err = b.buildWrite()
	case request.CallRoutine:
		err = b.buildCall()
	case request.RoutineInfo:
		err = b.buildRoutineInfo()
	case request.RelationInfo:
		err = b.findTable()
	case request.ReadSchema:
		err = b.buildInspection()
	case request.SchemaInfo:
	}
	if err != nil {
		return nil, err
	}
	return b.plan, nil
}

// planned is a plan in one piece with what most plans have.
type planned struct {
	Plan
	top    Node
	values [4][]byte
}

// builder carries what all steps of planning one request need. It stays on the stack.
type builder struct {
	opts    Options
	snap    *schema.Snapshot
	req     *request.Request
	plan    *Plan
	planned *planned
	texts   []byte // where the bytes of values are, one after the other
}

// bind notes a value of the request.
func (b *builder) bind(value []byte) Param {
	if b.plan.Values == nil {
		b.plan.Values = b.planned.values[:0]
	}
	b.plan.Values = append(b.plan.Values, value)
	return Param(len(b.plan.Values))
}

// textRoom is how many bytes of values there is room for at a time.
const textRoom = 64

func (b *builder) bindText(value string) Param {
	if b.texts == nil || len(value) > cap(b.texts)-len(b.texts) { // nil would be NULL
		b.texts = make([]byte, 0, max(len(value), textRoom))
	}
	start := len(b.texts)
	b.texts = append(b.texts, value...)
	return b.bind(b.texts[start:len(b.texts):len(b.texts)])
}

func (b *builder) bindInt(value int64) Param {
	var digits [20]byte
	return b.bindText(string(strconv.AppendInt(digits[:0], value, 10)))
}

// findTable looks the target relation up.
func (b *builder) findTable() *apierr.Error {
	table := b.snap.Table(b.req.Target)
	if table == nil {
		return errTableNotFound(b.snap, b.req.Target)
	}
	b.plan.Relation, b.plan.Table = b.req.Target, table
	return nil
}

// buildRead plans GET and HEAD on a relation.
func (b *builder) buildRead() *apierr.Error {
	b.plan.ReadOnly = true
	if err := b.findTable(); err != nil {
		return err
	}
	if err := b.planRead(b.plan.Relation, b.plan.Relation); err != nil {
		return err
	}
	if err := b.negotiate(); err != nil {
		return err
	}
	b.plan.Count = b.count()
	return b.req.Preferences.CheckStrict()
}

// count decodes the count preference. An estimated count is exact up to the row limit.
func (b *builder) count() Count {
	prefs := &b.req.Preferences
	count := Count{Exact: prefs.WantsCount(), Planned: prefs.WantsPlannedCount()}
	if prefs.Count == "estimated" {
		count.Limit = b.opts.MaxRows
	}
	return count
}

// buildInspection plans the root endpoint.
func (b *builder) buildInspection() *apierr.Error {
	b.plan.ReadOnly = true
	for _, accepted := range b.req.Accept {
		switch accepted.Name {
		case request.TypeOpenAPI, request.TypeJSON, request.TypeAny:
			b.plan.Media = request.MediaType{Name: request.TypeOpenAPI}
			return nil
		}
	}
	return errNotAcceptable(b.req.Accept)
}
