package request

import (
	"nexus/schema"
)

// Action is what a request wants done, before names are resolved.
type Action uint8

// The actions of a request. The *Info actions answer OPTIONS.
const (
	ReadRelation Action = iota
	CreateRows
	UpdateRows
	UpsertRow // PUT
	DeleteRows
	CallRoutine
	ReadSchema
	RelationInfo
	RoutineInfo
	SchemaInfo
)

// PayloadKind is how the body arrived.
type PayloadKind uint8

// The kinds of payload.
const (
	// PayloadNone: no body is wanted by this action.
	PayloadNone PayloadKind = iota
	// PayloadJSON: Raw is valid JSON whose objects all have the keys in Keys.
	PayloadJSON
	// PayloadRawJSON: Raw goes to the database unchecked because &columns names its keys.
	PayloadRawJSON
	// PayloadForm: Form holds url-encoded pairs for a function call.
	PayloadForm
	// PayloadRaw: text, XML or bytes for a function with a single unnamed parameter.
	PayloadRaw
)

// Payload is a request's body.
type Payload struct {
	Kind PayloadKind
	Raw  []byte
	Keys []string // sorted, unique
	Form []RPCParam
}

// Request is everything the later stages need to know of an HTTP request.
type Request struct {
	Action Action
	Target schema.Ident // relation or function; zero for the schema actions
	Schema string       // the schema that the profile headers (or the default) chose
	// ProfileNegotiated is true when Content-Profile must be in the answer.
	ProfileNegotiated bool

	Method string // as received
	Path   string // raw path below the mount point
	// HeadersOnly is true of HEAD.
	HeadersOnly bool
	// SafeCall is true when a function is called by GET or HEAD.
	SafeCall bool

	Query    Query
	TopRange Range
	Payload  Payload
	// Columns are the columns to write or the arguments to pass: the payload's keys, or &columns; sorted, unique.
	Columns     []string
	Preferences Preferences
	Accept      []MediaType // in order of preference; */* when the header is absent
	ContentType MediaType
}
