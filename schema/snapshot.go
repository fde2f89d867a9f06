package schema

import "time"

// MediaHandlerKind says how a result becomes a body of some media type.
type MediaHandlerKind uint8

// The kinds of media handlers. The Builtin ones of the second group can be overridden by the database.
const (
	HandlerNone MediaHandlerKind = iota
	HandlerJSON
	HandlerGeoJSON
	HandlerCSV
	HandlerCustom
)

// MediaHandler turns a result into a body: a builtin, or an aggregate or function defined in the database
// (https://docs.postgrest.org/en/v14/references/api/media_type_handlers.html).
type MediaHandler struct {
	Kind MediaHandlerKind
	// Function and Target are set for HandlerCustom: what to call, and the relation whose row it takes (AnyElement for any).
	Function Ident
	Target   Ident
	// MediaType is the type the answer carries; it differs from the key's for */*.
	MediaType string
}

// AnyElement is the Target of a media handler that works for every relation.
var AnyElement = Ident{Schema: "pg_catalog", Name: "anyelement"}

// MediaHandlerKey finds the handler for a relation (or AnyElement) and a media type in lower case ("*/*" for any).
type MediaHandlerKey struct {
	Target    Ident
	MediaType string
}

// Representation is a cast function between a domain and json or text
// (https://docs.postgrest.org/en/v14/references/api/domain_representations.html).
type Representation struct {
	Source   string
	Target   string
	Function string
}

// RepresentationKey is the pair of type names a Representation converts between.
type RepresentationKey struct {
	Source string
	Target string
}

// Snapshot is everything that was in the exposed schemas at one moment. It is immutable once published.
type Snapshot struct {
	LoadedAt      time.Time
	ServerVersion int // server_version_num
	Tables        map[Ident]*Table
	// Relationships are sorted in a fixed order under each key, so that ambiguity errors are stable.
	Relationships   map[RelationshipKey][]*Relationship
	Routines        map[Ident][]*Routine // overloads, fewest parameters first
	MediaHandlers   map[MediaHandlerKey]MediaHandler
	Representations map[RepresentationKey]Representation
	TimeZones       map[string]struct{}
	// SchemaDescriptions holds the comments on the exposed schemas.
	SchemaDescriptions map[string]string
}

// Table returns the relation of that name, or nil.
func (s *Snapshot) Table(id Ident) *Table { return s.Tables[id] }
