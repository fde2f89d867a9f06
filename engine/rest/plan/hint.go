package plan

import (
	"slices"
	"strings"

	"nexus/schema"
)

// tableHint names the relation of the schema that the name is closest to; nil if there is none.
func tableHint(snap *schema.Snapshot, id schema.Ident) any {
	var names []string
	for other := range snap.Tables {
		if other.Schema == id.Schema {
			names = append(names, other.Name)
		}
	}
	best, ok := closest(sorted(names), id.Name)
	if !ok {
		return nil
	}
	return "Perhaps you meant the table '" + id.Schema + "." + best.text + "'"
}

// relationshipHint names the relation that a relationship was probably wanted from, or, when it can be embedded from, the
// one wanted to. It is nil when nothing is close, or when the name is right and only the way there is not.
func relationshipHint(snap *schema.Snapshot, schemaName, parent, child string) any {
	key := schema.RelationshipKey{Table: schema.Ident{Schema: schemaName, Name: parent}, ForeignSchema: schemaName}
	wrong := child
	var names []string
	if relationships, ok := snap.Relationships[key]; ok {
		for _, r := range relationships {
			names = append(names, r.ForeignTable.Name)
		}
	} else if snap.Table(key.Table) != nil {
		return nil // a relation that exists was not mistyped
	} else {
		wrong = parent
		for other := range snap.Relationships {
			if other.ForeignSchema == schemaName {
				names = append(names, other.Table.Name)
			}
		}
		names = sorted(names)
	}
	best, ok := closest(names, wrong)
	if !ok || wrong == child && best.score >= 1 {
		return nil
	}
	return "Perhaps you meant '" + best.text + "' instead of '" + wrong + "'."
}

// routineHint names the closest function of the schema, or, of a function that exists, the closest set of parameters.
func routineHint(snap *schema.Snapshot, id schema.Ident, keys []string, overloads []*schema.Routine) any {
	prefix := "Perhaps you meant to call the function " + id.Schema + "."
	if len(overloads) == 0 {
		var names []string
		for other := range snap.Routines {
			if other.Schema == id.Schema {
				names = append(names, other.Name)
			}
		}
		if best, ok := closest(sorted(names), id.Name); ok {
			return prefix + best.text
		}
		return nil
	}
	signatures := make([]string, len(overloads))
	for i, r := range overloads {
		names := make([]string, len(r.Params))
		for j := range r.Params {
			names[j] = r.Params[j].Name
		}
		signatures[i] = "(" + strings.Join(sorted(names), ", ") + ")"
	}
	if best, ok := closest(signatures, "("+strings.Join(keys, ", ")+")"); ok {
		return prefix + id.Name + best.text
	}
	return nil
}

// sorted sorts names in place, so that hints do not depend on the order of a map.
func sorted(names []string) []string {
	slices.Sort(names)
	return names
}
