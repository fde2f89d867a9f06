package plan

import (
	"net/http"
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
		Message: "Could not find a relationship between '" + parent + "' and '" + child + "' in the schema cache",
		Details: details + "' in the schema '" + schemaName + "', but no matches were found.",
		Hint:    relationshipHint(snap, schemaName, parent, child),
	}
}

func errAmbiguousRelationship(parent, child string, candidates []*schema.Relationship) *apierr.Error {
	details := make([]candidate, 0, len(candidates))
	names := make([]string, 0, len(candidates))
	for _, r := range candidates {
		if r.Cardinality == schema.Computed {
			continue // the snapshot has at most one of a name
		}
		details = append(details, describe(r))
		way := r.Constraint
		if r.Junction != nil {
			way = r.Junction.Table.Name
		}
		names = append(names, "'"+r.ForeignTable.Name+"!"+way+"'")
	}
	return &apierr.Error{
		Status: http.StatusMultipleChoices, Code: "PGRST201",
		Message: "Could not embed because more than one relationship was found for '" + parent + "' and '" + child + "'",
		Details: details,
		Hint: "Try changing '" + child + "' to one of the following: " + strings.Join(names, ", ") +
			". Find the desired relationship in the 'details' key.",
	}
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
	names := make([]string, len(pairs))
	for i, pair := range pairs {
		names[i] = pair.Target
		if source {
			names[i] = pair.Source
		}
	}
	return "(" + strings.Join(names, ", ") + ")"
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
		e.Hint = routineHint(b.snap, b.req.Target, keys, overloads)
	}
	e.Message = "Could not find the function " + name + arguments + " in the schema cache"
	e.Details = "Searched for the function " + name + searched + ", but no matches were found in the schema cache."
	return e
}

func errAmbiguousRoutine(candidates []*schema.Routine) *apierr.Error {
	signatures := make([]string, len(candidates))
	for i, r := range candidates {
		params := make([]string, len(r.Params))
		for j, p := range r.Params {
			params[j] = p.Name + " => " + p.Type
		}
		signatures[i] = r.String() + "(" + strings.Join(params, ", ") + ")"
	}
	return &apierr.Error{
		Status: http.StatusMultipleChoices, Code: "PGRST203",
		Message: "Could not choose the best candidate function between: " + strings.Join(signatures, ", "),
		Hint: "Try renaming the parameters or the function itself in the database so function overloading can be " +
			"resolved",
	}
}
