package plan

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"slices"

	"nexus/engine/apierr"
	"nexus/engine/rest/request"
	"nexus/schema"
)

// CallKind is how a function gets its arguments.
type CallKind uint8

// The kinds of calls: without arguments, with each argument bound on its own, with arguments taken from a JSON body, and
// with the whole body as the only argument.
const (
	CallPlain CallKind = iota
	CallArguments
	CallJSON
	CallBody
)

// Call is the function call that the rows of an answer come from.
type Call struct {
	Function  schema.Ident
	Kind      CallKind
	Arguments []Argument
	// Body is the JSON of CallJSON.
	Body JSONBody
	// Scalar is true when the function returns values rather than rows.
	Scalar bool
	// Returning are the columns of the rows that the answer needs, none for all.
	Returning []string
}

// Argument is one argument of a call. Its Name is "" for the only one of CallBody, and its Value zero for those of
// CallJSON, which come from the body.
type Argument struct {
	Name string
	// Type is the parameter's type as SQL text.
	Type     string
	Variadic bool
	Value    Param
}

// buildCall plans GET, HEAD and POST on a function.
func (b *builder) buildCall() *apierr.Error {
	if err := b.planCall(); err != nil {
		return err
	}
	if err := b.negotiate(); err != nil {
		return err
	}
	prefs := &b.req.Preferences
	if err := prefs.CheckStrict(); err != nil {
		return err
	}
	if prefs.HasMaxAffected && prefs.IsStrict() && b.plan.Routine.ReturnsSingle() {
		return errMaxAffectedCall()
	}
	b.plan.Count = Count{Exact: prefs.WantsCount()}
	return nil
}

// planCall finds the function, its arguments and the rows that are read from its result.
func (b *builder) planCall() *apierr.Error {
	keys := b.argumentNames()
	routine, err := b.findRoutine(keys)
	if err != nil {
		return err
	}
	p := b.plan
	p.Routine = routine
	p.ReadOnly = b.isSafe() || routine.Volatility != schema.Volatile
	p.IsolationLevel, p.Settings = routine.IsolationLevel, routine.Settings
	// A function that returns rows of a table can have what that table can have embedded.
	p.Relation = routine.Ident
	if name := routine.TableName(); name != "" {
		p.Relation.Name = name
	}
	p.Table = b.snap.Table(p.Relation)
	p.Call = &Call{
		Function: routine.Ident, Scalar: routine.ReturnsScalar() || routine.ReturnsSetOfScalar(),
	}
	if err := b.planRead(p.Relation, schema.Ident{Name: SourceName}); err != nil {
		return err
	}
	b.planArguments(routine, keys)
	p.Call.Returning = p.Read.neededColumns(nil)
	if !slices.Equal(p.Call.Returning, wholeRow) && len(p.Call.Returning) > 0 {
		p.Call.Returning = append(p.Call.Returning, comparedNames(p.Read)...)
		slices.Sort(p.Call.Returning)
		p.Call.Returning = slices.Compact(p.Call.Returning)
	}
	return nil
}

// isSafe is true of calls that the query string gives arguments to.
func (b *builder) isSafe() bool { return b.req.SafeCall || b.req.Action == request.RoutineInfo }

// argumentNames are the names of the arguments given, sorted and without duplicates.
func (b *builder) argumentNames() []string {
	if !b.isSafe() {
		return b.req.Columns
	}
	names := make([]string, len(b.req.Query.Params))
	for i, param := range b.req.Query.Params {
		names[i] = param.Name
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func (b *builder) planArguments(r *schema.Routine, keys []string) {
	call := b.plan.Call
	isBody := !b.isSafe() && b.req.Payload.Kind != request.PayloadForm
	given := b.req.Query.Params
	if b.req.Payload.Kind == request.PayloadForm {
		given = b.req.Payload.Form
	}
	if len(r.Params) == 1 && r.Params[0].Name == "" {
		call.Kind = CallBody
		call.Arguments = []Argument{b.onlyArgument(&r.Params[0], isBody, given)}
		return
	}
	if len(keys) > 0 {
		call.Arguments = make([]Argument, 0, len(r.Params))
	}
	for i := range r.Params {
		if p := &r.Params[i]; slices.Contains(keys, p.Name) {
			call.Arguments = append(call.Arguments, Argument{Name: p.Name, Type: p.TypeMaxLength, Variadic: p.Variadic})
		}
	}
	switch {
	case len(call.Arguments) == 0:
	case isBody:
		call.Kind, call.Body = CallJSON, b.bindJSON(b.req.Payload.Raw)
	default:
		call.Kind = CallArguments
		for i := range call.Arguments {
			b.bindArgument(&call.Arguments[i], given)
		}
	}
}

// bindArgument binds the values given for an argument: the last one, or all of a variadic one.
func (b *builder) bindArgument(a *Argument, given []request.RPCParam) {
	if a.Variadic {
		var values []string
		for _, param := range given {
			if param.Name == a.Name {
				values = append(values, param.Value)
			}
		}
		a.Value = b.bindText(arrayLiteral(values))
		return
	}
	for _, param := range slices.Backward(given) {
		if param.Name == a.Name {
			a.Value = b.bindText(param.Value)
			return
		}
	}
}

// onlyArgument is the body for a function with a single unnamed parameter.
func (b *builder) onlyArgument(p *schema.Parameter, isBody bool, given []request.RPCParam) Argument {
	a := Argument{Type: p.Type, Variadic: p.Variadic}
	switch {
	case !isBody:
		a.Value = b.bind(encodeArguments(given))
	case p.Type == "bytea":
		a.Value = b.bind(hex.AppendEncode([]byte(`\x`), b.req.Payload.Raw))
	default:
		a.Value = b.bind(b.req.Payload.Raw)
	}
	return a
}

// encodeArguments renders arguments as a JSON object. Of several of one name the last counts.
func encodeArguments(given []request.RPCParam) []byte {
	values := make(map[string]string, len(given))
	for _, param := range given {
		values[param.Name] = param.Value
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(values); err != nil {
		return nil // a map of strings can always be encoded
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n"))
}

// comparedNames are the fields that a level is filtered and sorted by. What the levels embedded in it compare comes from
// elsewhere.
func comparedNames(n *Node) []string {
	names := filterNames(nil, n.Where)
	for i := range n.Order {
		if n.Order[i].Relation == "" {
			names = append(names, n.Order[i].Field.Name)
		}
	}
	return names
}

// buildRoutineInfo plans OPTIONS on a function: it has to be one that the query string can call.
func (b *builder) buildRoutineInfo() *apierr.Error {
	if err := b.planCall(); err != nil {
		return err
	}
	if err := b.negotiate(); err != nil {
		return err
	}
	b.plan.Call, b.plan.Read = nil, nil // nothing is called
	return b.req.Preferences.CheckStrict()
}
