package openapi

import (
	"slices"
	"strings"

	"nexus/schema"
)

// Where a parameter is taken from.
const (
	inQuery  = "query"
	inHeader = "header"
)

// parameter is one that operations share by reference.
type parameter struct {
	key         string
	name        string
	description string
	in          string
	value       string // default
	enum        []string
}

// sharedParameters are those that do not depend on the schema.
func sharedParameters() []parameter {
	const paging = "Limiting and Pagination"
	returns := []string{"return=representation", "return=minimal", "return=none"}
	posts := slices.Concat(returns, []string{"resolution=ignore-duplicates", "resolution=merge-duplicates"})
	return []parameter{
		{key: "preferParams", name: "Prefer", description: "Preference", in: inHeader},
		{key: "preferReturn", name: "Prefer", description: "Preference", in: inHeader, enum: returns},
		{key: "preferCount", name: "Prefer", description: "Preference", in: inHeader, enum: []string{"count=none"}},
		{key: "preferPost", name: "Prefer", description: "Preference", in: inHeader, enum: posts},
		{key: "select", name: "select", description: "Filtering Columns", in: inQuery},
		{key: "on_conflict", name: "on_conflict", description: "On Conflict", in: inQuery},
		{key: "order", name: "order", description: "Ordering", in: inQuery},
		{key: "range", name: "Range", description: paging, in: inHeader},
		{key: "rangeUnit", name: "Range-Unit", description: paging, in: inHeader, value: "items"},
		{key: "offset", name: "offset", description: paging, in: inQuery},
		{key: "limit", name: "limit", description: paging, in: inQuery},
	}
}

func (d *document) parameters() {
	d.key("parameters")
	d.object(func() {
		for _, p := range sharedParameters() {
			d.key(p.key)
			d.object(func() { d.sharedParameter(p) })
		}
		seen := d.filterKeys()
		for _, t := range d.tables {
			d.key("body.", t.Name)
			d.object(func() { d.bodyParameter(t) })
			for _, c := range t.Columns {
				d.rowFilter(t, c, seen)
			}
		}
	})
}

func (d *document) sharedParameter(p parameter) {
	d.member("name", p.name)
	d.member("description", p.description)
	d.flag("required", false)
	d.optional("default", p.value)
	if len(p.enum) > 0 {
		d.list("enum", p.enum...)
	}
	d.member("in", p.in)
	d.member("type", typeString)
}

func (d *document) bodyParameter(t *schema.Table) {
	d.member("name", t.Name)
	d.member("description", t.Name)
	d.flag("required", false)
	d.member("in", "body")
	d.key("schema")
	d.ref(refDefinitions, t.Name)
}

// filterKeys is a set for the keys of row filters, or nil if they cannot repeat: only a dot in a table's name can make those of
// two columns the same.
func (d *document) filterKeys() map[string]struct{} {
	for _, t := range d.tables {
		if strings.Contains(t.Name, ".") {
			return make(map[string]struct{})
		}
	}
	return nil
}

// rowFilter writes the parameter that filters by a column. Of those with the same key the first one stays.
func (d *document) rowFilter(t *schema.Table, c *schema.Column, seen map[string]struct{}) {
	if seen != nil {
		key := t.Name + "." + c.Name
		if _, ok := seen[key]; ok {
			return
		}
		seen[key] = struct{}{}
	}
	d.key("rowFilter.", t.Name, ".", c.Name)
	d.object(func() {
		d.member("name", c.Name)
		d.optional("description", c.Description)
		d.flag("required", false)
		d.member("in", inQuery)
		d.member("type", typeString)
	})
}
