package request

// MediaType is a media type that the negotiation knows, decoded from Accept or Content-Type.
// Name is the type without parameters in lower case ("application/json") for the known ones; for others it is the text as
// received. The vendored types have their parameters decoded into the other fields.
type MediaType struct {
	Name string
	// StripNulls is nulls=stripped of the vnd.pgrst.object and vnd.pgrst.array types.
	StripNulls bool
	// Plan is set for application/vnd.pgrst.plan.
	Plan *PlanOptions
}

// PlanOptions are the parameters of application/vnd.pgrst.plan
// (https://docs.postgrest.org/en/v14/references/observability.html#execution-plan).
type PlanOptions struct {
	For      MediaType
	JSON     bool // +json, otherwise text
	Analyze  bool
	Verbose  bool
	Settings bool
	Buffers  bool
	WAL      bool
}

// The media types with a meaning of their own.
const (
	TypeJSON      = "application/json"
	TypeGeoJSON   = "application/geo+json"
	TypeCSV       = "text/csv"
	TypeText      = "text/plain"
	TypeXML       = "text/xml"
	TypeOpenAPI   = "application/openapi+json"
	TypeForm      = "application/x-www-form-urlencoded"
	TypeBytes     = "application/octet-stream"
	TypeAny       = "*/*"
	TypeArray     = "application/vnd.pgrst.array+json"
	TypeObject    = "application/vnd.pgrst.object+json"
	TypePlanText  = "application/vnd.pgrst.plan+text"
	TypePlanJSON  = "application/vnd.pgrst.plan+json"
	charsetSuffix = "; charset=utf-8"
)
