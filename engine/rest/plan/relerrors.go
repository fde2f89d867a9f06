package plan

import (
	"net/http"
	"slices"
	"strings"

	"nexus/engine/apierr"
	"nexus/schema"
)

func errNoRelationship(snap *schema.Snapshot, schemaName, parent, child, hint string) *apierr.Error {
	details := "Searched for a foreign key relationship between '" + parent + "' and '" + child
	if hint != "" {
		details += "' using the hint '" + hint
	}
	return &apierr.Error{
		Status: http.StatusBadRequest, Code: "PGRST200",
		Message:    "Could not find a relationship between '" + parent + "' and '" + child + "' in the schema cache",
		Details:    details + "' in the schema '" + schemaName + "', but no matches were found.",
		Suggestion: suggestRelationship(snap, schemaName, parent, child),
	}
}

func errAmbiguousRelationship(parent, child string, candidates []*schema.Relationship) *apierr.Error {
	// The snapshot has at most one computed relationship of a name; a hint could not tell it from the others.
	candidates = slices.DeleteFunc(candidates, func(r *schema.Relationship) bool { return r.Cardinality == schema.Computed })
	suggestion := &apierr.Suggestion{}
	for _, r := range candidates {
		suggestion.Objects = append(suggestion.Objects, named(r)...)
	}
	suggestion.Add = func(e *apierr.Error, visible []bool) {
		details, names := []candidate{}, []string{}
		for _, r := range candidates {
			count := len(named(r))
			if !slices.Contains(visible[:count], false) {
				details = append(details, describe(r))
				names = append(names, "'"+r.ForeignTable.Name+"!"+way(r)+"'")
			}
			visible = visible[count:]
		}
		if len(names) == 0 {
			return
		}
		e.Details = details
		e.Hint = "Try changing '" + child + "' to one of the following: " + strings.Join(names, ", ") +
			". Find the desired relationship in the 'details' key."
	}
	return &apierr.Error{
		Status: http.StatusMultipleChoices, Code: "PGRST201",
		Message:    "Could not embed because more than one relationship was found for '" + parent + "' and '" + child + "'",
		Suggestion: suggestion,
	}
}

// way is what tells the relationship from others between the same relations.
func way(r *schema.Relationship) string {
	if r.Junction != nil {
		return r.Junction.Table.Name
	}
	return r.Constraint
}

// named lists what the description of a relationship names.
func named(r *schema.Relationship) []apierr.Object {
	if j := r.Junction; j != nil {
		junction := relationObject(j.Table)
		junction.Columns = append(columns(j.SourceColumns, false), columns(j.TargetColumns, false)...)
		return []apierr.Object{relationObject(r.Table), relationObject(r.ForeignTable), junction}
	}
	source, target := relationObject(r.Table), relationObject(r.ForeignTable)
	source.Columns, target.Columns = columns(r.Columns, true), columns(r.Columns, false)
	return []apierr.Object{source, target}
}

// candidate is one relationship in the details of an ambiguity.
type candidate struct {
	Cardinality  string `json:"cardinality"`
	Embedding    string `json:"embedding"`
	Relationship string `json:"relationship"`
}

func describe(r *schema.Relationship) candidate {
	c := candidate{Embedding: r.Table.Name + " with " + r.ForeignTable.Name}
	if j := r.Junction; j != nil {
		c.Cardinality = "many-to-many"
		c.Relationship = j.Table.Name + " using " + j.Constraint1 + columnList(j.SourceColumns, false) +
			" and " + j.Constraint2 + columnList(j.TargetColumns, false)
		return c
	}
	switch r.Cardinality {
	case schema.OneToOne:
		c.Cardinality = "one-to-one"
	case schema.OneToMany:
		c.Cardinality = "one-to-many"
	default:
		c.Cardinality = "many-to-one"
	}
	c.Relationship = r.Constraint + " using " + r.Table.Name + columnList(r.Columns, true) +
		" and " + r.ForeignTable.Name + columnList(r.Columns, false)
	return c
}

// columnList renders one side of column pairs in parentheses.
func columnList(pairs []schema.ColumnPair, source bool) string {
	return "(" + strings.Join(columns(pairs, source), ", ") + ")"
}

func columns(pairs []schema.ColumnPair, source bool) []string {
	names := make([]string, len(pairs))
	for i, pair := range pairs {
		names[i] = pair.Target
		if source {
			names[i] = pair.Source
		}
	}
	return names
}

// errRoutineNotFound says which function with which parameters was looked for.
func (b *builder) errRoutineNotFound(keys []string, overloads []*schema.Routine) *apierr.Error {
	name := b.req.Target.Schema + "." + b.req.Target.Name
	e := &apierr.Error{Status: http.StatusNotFound, Code: "PGRST202"}
	arguments, searched := "("+strings.Join(keys, ", ")+")", " with parameter "+strings.Join(keys, ", ")
	switch {
	case len(keys) == 0:
		arguments, searched = " without parameters", " without parameters"
	case len(keys) > 1:
		searched = " with parameters " + strings.Join(keys, ", ")
	}
	if body := b.bodyType(); b.hasRawBody() {
		arguments, searched = "", " with a single unnamed "+body+" parameter"
	} else {
		if body != "" {
			searched += " or with a single unnamed " + body + " parameter"
		}
		e.Suggestion = suggestRoutine(b.snap, b.req.Target, keys, overloads)
	}
	e.Message = "Could not find the function " + name + arguments + " in the schema cache"
	e.Details = "Searched for the function " + name + searched + ", but no matches were found in the schema cache."
	return e
}

func errAmbiguousRoutine(candidates []*schema.Routine) *apierr.Error {
	const message = "Could not choose the best candidate function"
	suggestion := &apierr.Suggestion{Objects: make([]apierr.Object, len(candidates))}
	for i := range candidates {
		suggestion.Objects[i] = routineObject(candidates[i : i+1])
	}
	suggestion.Add = func(e *apierr.Error, visible []bool) {
		var signatures []string
		for i, r := range candidates {
			if visible[i] {
				signatures = append(signatures, signature(r))
			}
		}
		if len(signatures) > 0 {
			e.Message = message + " between: " + strings.Join(signatures, ", ")
		}
	}
	return &apierr.Error{
		Status: http.StatusMultipleChoices, Code: "PGRST203", Message: message, Suggestion: suggestion,
		Hint: "Try renaming the parameters or the function itself in the database so function overloading can be " +
			"resolved",
	}
}

func signature(r *schema.Routine) string {
	params := make([]string, len(r.Params))
	for i, p := range r.Params {
		params[i] = p.Name + " => " + p.Type
	}
	return r.String() + "(" + strings.Join(params, ", ") + ")"
}
