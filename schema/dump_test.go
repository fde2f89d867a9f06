package schema_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"nexus/schema"
)

// dump is a Snapshot in a form that encodes to stable, readable JSON; what differs between servers is left out.
type dump struct {
	Tables             map[string]tableDump
	Relationships      map[string][]string
	Routines           map[string][]schema.Routine
	MediaHandlers      []string
	Representations    []schema.Representation
	SchemaDescriptions map[string]string
}

type tableDump struct {
	Kind        string
	Verbs       string
	Description string     `json:",omitempty"`
	PrimaryKey  []string   `json:",omitempty"`
	UniqueKeys  [][]string `json:",omitempty"`
	RLS         string     `json:",omitempty"`
	Columns     []columnDump
}

type columnDump struct {
	Name        string
	Type        string
	NominalType string `json:",omitempty"`
	TypeOID     uint32 `json:",omitempty"`
	Nullable    bool
	Default     string   `json:",omitempty"`
	MaxLength   int      `json:",omitempty"`
	Identity    string   `json:",omitempty"`
	Generated   bool     `json:",omitempty"`
	Enum        []string `json:",omitempty"`
	Description string   `json:",omitempty"`
}

func dumpSnapshot(s *schema.Snapshot) dump {
	d := dump{
		Tables: make(map[string]tableDump), Relationships: make(map[string][]string),
		Routines: make(map[string][]schema.Routine), SchemaDescriptions: s.SchemaDescriptions,
	}
	for id, t := range s.Tables {
		d.Tables[id.String()] = dumpTable(t)
	}
	for key, relationships := range s.Relationships {
		at := key.Table.String() + " -> " + key.ForeignSchema
		for _, r := range relationships {
			d.Relationships[at] = append(d.Relationships[at], describe(r))
		}
	}
	for id, overloads := range s.Routines {
		for _, r := range overloads {
			d.Routines[id.String()] = append(d.Routines[id.String()], *r)
		}
	}
	for key, h := range s.MediaHandlers {
		d.MediaHandlers = append(d.MediaHandlers,
			fmt.Sprintf("%s %s: kind %d, %s(%s) as %s", key.Target, key.MediaType, h.Kind, h.Function, h.Target, h.MediaType))
	}
	slices.Sort(d.MediaHandlers)
	d.Representations = slices.SortedFunc(maps.Values(s.Representations), func(a, b schema.Representation) int {
		return strings.Compare(a.Source+a.Target, b.Source+b.Target)
	})
	return d
}

func dumpTable(t *schema.Table) tableDump {
	d := tableDump{
		Kind: string(t.Kind), Description: t.Description, PrimaryKey: t.PrimaryKey, UniqueKeys: t.UniqueKeys,
		Verbs: flags("insert", t.Insertable, "update", t.Updatable, "delete", t.Deletable),
		RLS:   flags("enabled", t.RLSEnabled, "forced", t.RLSForced),
	}
	for _, c := range t.Columns {
		column := columnDump{
			Name: c.Name, Type: c.Type, Nullable: c.Nullable, Default: c.Default, MaxLength: c.MaxLength,
			Generated: c.Generated, Enum: c.Enum, Description: c.Description, TypeOID: c.TypeOID,
		}
		if c.NominalType != c.Type {
			column.NominalType = c.NominalType
		}
		if c.Identity != 0 {
			column.Identity = string(c.Identity)
		}
		if c.TypeOID >= firstUserOID {
			column.TypeOID = 0
		}
		d.Columns = append(d.Columns, column)
	}
	return d
}

// firstUserOID is PostgreSQL's FirstNormalObjectId: OIDs from here on differ from database to database.
const firstUserOID = 16384

// flags lists the names whose value is true; names and values alternate.
func flags(namesAndValues ...any) string {
	var set []string
	for i := 0; i < len(namesAndValues); i += 2 {
		if namesAndValues[i+1].(bool) {
			set = append(set, namesAndValues[i].(string))
		}
	}
	return strings.Join(set, " ")
}

// describe renders a relationship in one line.
func describe(r *schema.Relationship) string {
	kinds := [...]string{
		schema.ManyToOne: "many-to-one", schema.OneToMany: "one-to-many", schema.OneToOne: "one-to-one",
		schema.ManyToMany: "many-to-many", schema.Computed: "computed",
	}
	out := kinds[r.Cardinality] + " " + r.ForeignTable.String()
	switch {
	case r.Junction != nil:
		j := r.Junction
		out += fmt.Sprintf(" by %s: %s(%s) %s(%s)",
			j.Table, j.Constraint1, joinPairs(j.SourceColumns), j.Constraint2, joinPairs(j.TargetColumns))
	case r.Cardinality == schema.Computed:
		out += fmt.Sprintf(" by %s(%s)", r.Function, r.TableAlias)
	default:
		out += fmt.Sprintf(" by %s(%s)", r.Constraint, joinPairs(r.Columns))
	}
	if f := flags("to-one", r.IsToOne(), "self", r.IsSelf, "from-view", r.TableIsView, "to-view", r.ForeignTableIsView,
		"parent", r.IsParent); f != "" {
		out += " [" + f + "]"
	}
	return out
}

func joinPairs(pairs []schema.ColumnPair) string {
	texts := make([]string, len(pairs))
	for i, p := range pairs {
		texts[i] = p.Source + "=" + p.Target
	}
	return strings.Join(texts, ", ")
}
