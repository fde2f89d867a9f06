package openapi

import (
	"slices"
	"strings"

	"nexus/schema"
)

// Starts of references to other parts of the document.
const (
	refParameters  = "#/parameters/"
	refDefinitions = "#/definitions/"
)

// tablePath writes the path of a relation. Whatever it can be written with, all verbs are described.
func (d *document) tablePath(t *schema.Table) {
	d.key("/", t.Name)
	d.object(func() {
		d.key("get")
		d.object(func() { d.tableGet(t) })
		if t.Insertable || t.Updatable || t.Deletable {
			d.tableWrites(t)
		}
	})
}

func (d *document) tableGet(t *schema.Table) {
	d.description(t.Description)
	d.key("parameters")
	d.array(func() {
		d.rowFilterRefs(t)
		for _, name := range []string{"select", "order", "range", "rangeUnit", "offset", "limit", "preferCount"} {
			d.ref(refParameters, name)
		}
	})
	d.key("responses")
	d.object(func() {
		d.key("200")
		d.object(func() {
			d.member("description", "OK")
			d.key("schema")
			d.object(func() {
				d.key("items")
				d.ref(refDefinitions, t.Name)
				d.member("type", typeArray)
			})
		})
		d.key("206")
		d.object(func() { d.member("description", "Partial Content") })
	})
	d.about(t)
}

func (d *document) tableWrites(t *schema.Table) {
	d.tableWrite(t, "post", "201", "Created", func() {
		d.ref(refParameters, "body.", t.Name)
		d.ref(refParameters, "select")
		d.ref(refParameters, "preferPost")
	})
	d.tableWrite(t, "delete", "204", "No Content", func() {
		d.rowFilterRefs(t)
		d.ref(refParameters, "preferReturn")
	})
	d.tableWrite(t, "patch", "204", "No Content", func() {
		d.rowFilterRefs(t)
		d.ref(refParameters, "body.", t.Name)
		d.ref(refParameters, "preferReturn")
	})
}

func (d *document) tableWrite(t *schema.Table, verb, status, outcome string, parameters func()) {
	d.key(verb)
	d.object(func() {
		d.description(t.Description)
		d.key("parameters")
		d.array(parameters)
		d.responses(status, outcome)
		d.about(t)
	})
}

// about writes the summary and tag of an operation on a relation.
func (d *document) about(t *schema.Table) {
	d.summary(t.Description)
	d.list("tags", t.Name)
}

func (d *document) rowFilterRefs(t *schema.Table) {
	for _, c := range t.Columns {
		d.ref(refParameters, "rowFilter.", t.Name, ".", c.Name)
	}
}

// ref writes a reference object.
func (d *document) ref(target ...string) {
	d.object(func() { d.member("$ref", target...) })
}

func (d *document) definitions() {
	d.key("definitions")
	d.object(func() {
		for _, t := range d.tables {
			d.key(t.Name)
			d.object(func() { d.definition(t) })
		}
	})
}

// definition writes the schema object of a relation's rows.
func (d *document) definition(t *schema.Table) {
	d.optional("description", t.Description)
	var required []string
	for _, c := range t.Columns {
		if !c.Nullable {
			required = append(required, c.Name)
		}
	}
	if len(required) > 0 {
		d.list("required", required...)
	}
	if len(t.Columns) > 0 {
		references := d.foreignKeys(t)
		d.key("properties")
		d.object(func() {
			for _, c := range t.Columns {
				d.key(c.Name)
				d.object(func() { d.property(t, c, references[c.Name]) })
			}
		})
	}
	d.member("type", "object")
}

// property writes the schema object of a column; reference is what a foreign key of that column alone points to, or nil.
func (d *document) property(t *schema.Table, c *schema.Column, reference *reference) {
	if value := defaultValue(c.Type, c.Default); value != nil {
		d.key("default")
		d.raw(value)
	}
	d.optional("description", describeColumn(t, c, reference))
	if len(c.Enum) > 0 {
		d.list("enum", c.Enum...)
	}
	d.member("format", c.Type)
	if c.MaxLength > 0 {
		d.number("maxLength", c.MaxLength)
	}
	d.typed(c.Type)
}

// describeColumn is the column's comment and a note on the keys it belongs to, in the form that clients look for.
func describeColumn(t *schema.Table, c *schema.Column, reference *reference) string {
	isKey := slices.Contains(t.PrimaryKey, c.Name)
	if !isKey && reference == nil {
		return c.Description
	}
	var b strings.Builder
	if c.Description != "" {
		b.WriteString(c.Description)
		b.WriteString("\n\n")
	}
	b.WriteString("Note:")
	if isKey {
		b.WriteString("\nThis is a Primary Key.<pk/>")
	}
	if r := reference; r != nil {
		b.WriteString("\nThis is a Foreign Key to `" + r.table + "." + r.column + "`.<fk table='" + r.table + "' column='" + r.column + "'/>")
	}
	return b.String()
}

// reference is the column that a foreign key points to.
type reference struct {
	table  string
	column string
}

// foreignKeys finds for each column where a foreign key of that column alone points to within the schema. Of several, one to a
// table comes before one to a view.
func (d *document) foreignKeys(t *schema.Table) map[string]*reference {
	relationships := d.in.Relationships[schema.RelationshipKey{Table: t.Ident, ForeignSchema: t.Schema}]
	found := make(map[string]*reference)
	for _, toView := range []bool{false, true} {
		for _, r := range relationships {
			if r.ForeignTableIsView != toView || len(r.Columns) != 1 || !pointsOut(r) {
				continue
			}
			pair := r.Columns[0]
			if found[pair.Source] == nil {
				found[pair.Source] = &reference{table: r.ForeignTable.Name, column: pair.Target}
			}
		}
	}
	return found
}

// pointsOut reports whether the foreign key of a relationship is on the side of its Table.
func pointsOut(r *schema.Relationship) bool {
	return r.Cardinality == schema.ManyToOne || r.Cardinality == schema.OneToOne && !r.IsParent
}
