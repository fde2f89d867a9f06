package plan

import (
	"slices"
	"strings"

	"nexus/engine/apierr"
	"nexus/schema"
)

// suggest prepares the hint that names the candidate most like the text, of those that are visible. Object says what of the
// database a candidate is, and hint what to write of it.
func suggest(candidates []string, text string, object func(string) apierr.Object, hint func(match) string) *apierr.Suggestion {
	near := shortlist(candidates, text)
	if len(near) == 0 {
		return nil
	}
	objects := make([]apierr.Object, len(near))
	for i, name := range near {
		objects[i] = object(name)
	}
	return &apierr.Suggestion{Objects: objects, Add: func(e *apierr.Error, visible []bool) {
		var seen []string
		for i, name := range near {
			if visible[i] {
				seen = append(seen, name)
			}
		}
		if best, ok := closest(seen, text); ok {
			e.Hint = hint(best)
		}
	}}
}

func relationObject(id schema.Ident) apierr.Object {
	return apierr.Object{Schema: id.Schema, Relation: id.Name}
}

// suggestTable names the relation of the schema that the name is closest to.
func suggestTable(snap *schema.Snapshot, id schema.Ident) *apierr.Suggestion {
	var names []string
	for other := range snap.Tables {
		if other.Schema == id.Schema {
			names = append(names, other.Name)
		}
	}
	return suggest(sorted(names), id.Name,
		func(name string) apierr.Object { return relationObject(schema.Ident{Schema: id.Schema, Name: name}) },
		func(best match) string { return "Perhaps you meant the table '" + id.Schema + "." + best.text + "'" })
}

// suggestRelationship names the relation that a relationship was probably wanted from, or, when it can be embedded from,
// the one wanted to. Nothing is suggested when the name is right and only the way there is not.
func suggestRelationship(snap *schema.Snapshot, schemaName, parent, child string) *apierr.Suggestion {
	key := schema.RelationshipKey{Table: schema.Ident{Schema: schemaName, Name: parent}, ForeignSchema: schemaName}
	wrong := child
	var names []string
	relations := map[string]schema.Ident{}
	if relationships, ok := snap.Relationships[key]; ok {
		for _, r := range relationships {
			names = append(names, r.ForeignTable.Name)
			relations[r.ForeignTable.Name] = r.ForeignTable
		}
		if slices.ContainsFunc(names, func(name string) bool { return strings.EqualFold(name, child) }) {
			return nil
		}
	} else if snap.Table(key.Table) != nil {
		return nil // a relation that exists was not mistyped
	} else {
		wrong = parent
		for other := range snap.Relationships {
			if other.ForeignSchema == schemaName {
				names = append(names, other.Table.Name)
				relations[other.Table.Name] = other.Table
			}
		}
		names = sorted(names)
	}
	return suggest(names, wrong,
		func(name string) apierr.Object { return relationObject(relations[name]) },
		func(best match) string { return "Perhaps you meant '" + best.text + "' instead of '" + wrong + "'." })
}

// suggestRoutine names the closest function of the schema, or, of a function that exists, the closest set of parameters.
func suggestRoutine(snap *schema.Snapshot, id schema.Ident, keys []string, overloads []*schema.Routine) *apierr.Suggestion {
	prefix := "Perhaps you meant to call the function " + id.Schema + "."
	if len(overloads) == 0 {
		var names []string
		for other := range snap.Routines {
			if other.Schema == id.Schema {
				names = append(names, other.Name)
			}
		}
		return suggest(sorted(names), id.Name,
			func(name string) apierr.Object {
				return routineObject(snap.Routines[schema.Ident{Schema: id.Schema, Name: name}])
			},
			func(best match) string { return prefix + best.text })
	}
	signatures := make([]string, len(overloads))
	bySignature := make(map[string][]*schema.Routine, len(overloads))
	for i, r := range overloads {
		names := make([]string, len(r.Params))
		for j := range r.Params {
			names[j] = r.Params[j].Name
		}
		signatures[i] = "(" + strings.Join(sorted(names), ", ") + ")"
		bySignature[signatures[i]] = append(bySignature[signatures[i]], r)
	}
	return suggest(signatures, "("+strings.Join(keys, ", ")+")",
		func(signature string) apierr.Object { return routineObject(bySignature[signature]) },
		func(best match) string { return prefix + id.Name + best.text })
}

func routineObject(routines []*schema.Routine) apierr.Object {
	object := apierr.Object{Routines: make([]uint32, len(routines))}
	for i, r := range routines {
		object.Routines[i] = r.OID
	}
	return object
}

// sorted sorts names in place, so that hints do not depend on the order of a map.
func sorted(names []string) []string {
	slices.Sort(names)
	return names
}
