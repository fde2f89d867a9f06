package plan

import (
	"slices"

	"nexus/engine/apierr"
	"nexus/engine/rest/request"
	"nexus/schema"
)

// findRoutine picks the overload that takes the arguments of these names; if there is none, one whose only parameter is
// of the body's type.
func (b *builder) findRoutine(keys []string) (*schema.Routine, *apierr.Error) {
	overloads := b.snap.Routines[b.req.Target]
	var named, unnamed []*schema.Routine
	for _, r := range overloads {
		switch {
		case b.takes(r, keys):
			named = append(named, r)
		case b.takesBody(r):
			unnamed = append(unnamed, r)
		}
	}
	if len(named) == 0 {
		named = unnamed
	}
	switch len(named) {
	case 0:
		return nil, b.errRoutineNotFound(keys, overloads)
	case 1:
		return named[0], nil
	default:
		return nil, errAmbiguousRoutine(slices.Clone(named)) // a copy, so that named need not escape
	}
}

// takes reports whether every argument has a parameter and every parameter without a default has an argument.
func (b *builder) takes(r *schema.Routine, keys []string) bool {
	if len(r.Params) == 0 {
		return len(keys) == 0 && !b.hasRawBody()
	}
	for i := range r.Params {
		if r.Params[i].Required && !slices.Contains(keys, r.Params[i].Name) {
			return false
		}
	}
	for _, key := range keys {
		if !slices.ContainsFunc(r.Params, func(p schema.Parameter) bool { return p.Name == key }) {
			return false
		}
	}
	return true
}

// takesBody reports whether the function's only parameter has no name and is of the body's type. PostgREST looks at the name
// since 14.2.
func (b *builder) takesBody(r *schema.Routine) bool {
	if b.isSafe() || len(r.Params) != 1 || r.Params[0].Name != "" {
		return false
	}
	switch b.req.ContentType.Name {
	case request.TypeJSON:
		return r.Params[0].Type == "json" || r.Params[0].Type == "jsonb"
	case request.TypeText:
		return r.Params[0].Type == "text"
	case request.TypeXML:
		return r.Params[0].Type == "xml"
	case request.TypeBytes:
		return r.Params[0].Type == "bytea"
	default:
		return false
	}
}

// hasRawBody is true of a call by POST whose body is no set of arguments.
func (b *builder) hasRawBody() bool {
	if b.isSafe() {
		return false
	}
	switch b.req.ContentType.Name {
	case request.TypeText, request.TypeXML, request.TypeBytes:
		return true
	default:
		return false
	}
}

// bodyType names the parameter types that could take the whole body, "" for none.
func (b *builder) bodyType() string {
	if b.isSafe() {
		return ""
	}
	switch b.req.ContentType.Name {
	case request.TypeJSON:
		return "json/jsonb"
	case request.TypeText:
		return "text"
	case request.TypeXML:
		return "xml"
	case request.TypeBytes:
		return "bytea"
	default:
		return ""
	}
}
