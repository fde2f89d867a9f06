package postgrest

import (
	"maps"
	"slices"
	"strings"

	"nexus/schema"
)

// description is a snapshot as JSON, for people: what /schema_cache and --dump-schema show. Its form may change.
type description struct {
	Tables          []*schema.Table         `json:"dbTables"`
	Relationships   []*schema.Relationship  `json:"dbRelationships"`
	Routines        []*schema.Routine       `json:"dbRoutines"`
	Representations []schema.Representation `json:"dbRepresentations"`
	MediaHandlers   []describedHandler      `json:"dbMediaHandlers"`
	Timezones       []string                `json:"dbTimezones"`
}

type describedHandler struct {
	Key     schema.MediaHandlerKey
	Handler schema.MediaHandler
}

func describe(snap *schema.Snapshot) description {
	d := description{
		Tables:          slices.SortedFunc(maps.Values(snap.Tables), func(a, b *schema.Table) int { return compare(a.Ident, b.Ident) }),
		Timezones:       slices.Sorted(maps.Keys(snap.TimeZones)),
		Representations: slices.Collect(maps.Values(snap.Representations)),
	}
	for _, overloads := range snap.Routines {
		d.Routines = append(d.Routines, overloads...)
	}
	for _, relationships := range snap.Relationships {
		d.Relationships = append(d.Relationships, relationships...)
	}
	for key, handler := range snap.MediaHandlers {
		d.MediaHandlers = append(d.MediaHandlers, describedHandler{Key: key, Handler: handler})
	}
	// Elements of one key stay in their order.
	slices.SortStableFunc(d.Routines, func(a, b *schema.Routine) int { return compare(a.Ident, b.Ident) })
	slices.SortStableFunc(d.Relationships, func(a, b *schema.Relationship) int { return compare(a.Table, b.Table) })
	slices.SortFunc(d.Representations, func(a, b schema.Representation) int {
		return strings.Compare(a.Source+" "+a.Target, b.Source+" "+b.Target)
	})
	slices.SortFunc(d.MediaHandlers, func(a, b describedHandler) int {
		return strings.Compare(a.Key.Target.String()+" "+a.Key.MediaType, b.Key.Target.String()+" "+b.Key.MediaType)
	})
	return d
}

func compare(a, b schema.Ident) int { return strings.Compare(a.String(), b.String()) }
