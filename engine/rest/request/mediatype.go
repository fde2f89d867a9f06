package request

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

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
	TypeLines     = "application/x-ndjson"
	TypeBytes     = "application/octet-stream"
	TypeAny       = "*/*"
	TypeArray     = "application/vnd.pgrst.array+json"
	TypeObject    = "application/vnd.pgrst.object+json"
	TypePlanText  = "application/vnd.pgrst.plan+text"
	TypePlanJSON  = "application/vnd.pgrst.plan+json"
	charsetSuffix = "; charset=utf-8"
)

// Mime renders the type with the parameters it was decoded from, as PostgREST names it in errors.
func (m MediaType) Mime() string {
	switch {
	case m.Plan != nil:
		return m.Name + `; for="` + m.Plan.For.Mime() + `"` + m.Plan.options()
	case m.StripNulls:
		return m.Name + ";nulls=stripped"
	default:
		return m.Name
	}
}

// ContentType renders the Content-Type header of an answer of that type: text types say that they are UTF-8.
func (m MediaType) ContentType() string {
	if m.Name == TypeJSON {
		return TypeJSON + charsetSuffix
	}
	if m.Name == TypeBytes || !m.IsKnown() {
		return m.Mime()
	}
	return m.Mime() + charsetSuffix
}

// IsKnown reports whether the type has a meaning of its own here; others are for the database's media type handlers.
func (m MediaType) IsKnown() bool {
	switch m.Name {
	case TypeJSON, TypeGeoJSON, TypeCSV, TypeText, TypeXML, TypeOpenAPI, TypeForm, TypeBytes, TypeLines, TypeAny:
		return true
	case TypeArray, TypeObject:
		return true
	default:
		return m.Plan != nil
	}
}

func (o *PlanOptions) options() string {
	var names []string
	for _, option := range []struct {
		set  bool
		name string
	}{
		{o.Analyze, "analyze"}, {o.Verbose, "verbose"}, {o.Settings, "settings"}, {o.Buffers, "buffers"}, {o.WAL, "wal"},
	} {
		if option.set {
			names = append(names, option.name)
		}
	}
	if len(names) == 0 {
		return ""
	}
	return "; options=" + strings.Join(names, "|")
}

// DecodeMediaType decodes a media type of an Accept or Content-Type header. A text that is none keeps its whole text as
// its name.
func DecodeMediaType(text string) MediaType {
	if text == TypeJSON {
		return MediaType{Name: TypeJSON}
	}
	return decodeMediaType(fromLatin1(text), 0)
}

// maxPlanNesting ends types such as plan;for="plan;for=…", which have no meaning.
const maxPlanNesting = 4

func decodeMediaType(text string, nesting int) MediaType {
	name, params, ok := tokenizeMediaType(text)
	if !ok {
		return MediaType{Name: text}
	}
	stripped := params["nulls"] == "stripped"
	switch name := strings.ToLower(name); name {
	case TypeJSON, TypeGeoJSON, TypeCSV, TypeText, TypeXML, TypeOpenAPI, TypeForm, TypeBytes, TypeLines, TypeAny:
		return MediaType{Name: name}
	case TypeObject, "application/vnd.pgrst.object":
		return MediaType{Name: TypeObject, StripNulls: stripped}
	case TypeArray, "application/vnd.pgrst.array":
		if stripped {
			return MediaType{Name: TypeArray, StripNulls: true}
		}
		return MediaType{Name: TypeJSON}
	case TypePlanText, TypePlanJSON, "application/vnd.pgrst.plan":
		if nesting < maxPlanNesting {
			return decodePlan(name == TypePlanJSON, params, nesting)
		}
	}
	return MediaType{Name: text}
}

func decodePlan(asJSON bool, params map[string]string, nesting int) MediaType {
	plan := &PlanOptions{For: MediaType{Name: TypeJSON}, JSON: asJSON}
	if target, ok := params["for"]; ok {
		plan.For = decodeMediaType(target, nesting+1)
	}
	for option := range strings.SplitSeq(params["options"], "|") {
		switch option {
		case "analyze":
			plan.Analyze = true
		case "verbose":
			plan.Verbose = true
		case "settings":
			plan.Settings = true
		case "buffers":
			plan.Buffers = true
		case "wal":
			plan.WAL = true
		}
	}
	if asJSON {
		return MediaType{Name: TypePlanJSON, Plan: plan}
	}
	return MediaType{Name: TypePlanText, Plan: plan}
}

// tokenizeMediaType splits type/subtype;key=value;key="value". What follows the last parameter that can be understood
// is ignored. Of two parameters of one name the last counts.
func tokenizeMediaType(text string) (name string, params map[string]string, ok bool) {
	main := takeWhile(text, func(c rune) bool { return isAlphaNum(c) || c == '.' || c == '*' })
	rest, ok := strings.CutPrefix(text[len(main):], "/")
	if main == "" || !ok {
		return "", nil, false
	}
	sub := takeWhile(rest, func(c rune) bool { return isAlphaNum(c) || strings.ContainsRune(".*+-", c) })
	if sub == "" {
		return "", nil, false
	}
	name, rest = text[:len(main)+1+len(sub)], rest[len(sub):]
	for {
		key, value, after, ok := takeParameter(rest)
		if !ok {
			return name, params, true
		}
		if params == nil {
			params = make(map[string]string, 2)
		}
		params[strings.ToLower(key)], rest = value, after
	}
}

// takeParameter takes ;key=value or ;key="value", with spaces before each part.
func takeParameter(text string) (key, value, rest string, ok bool) {
	rest, ok = strings.CutPrefix(trimLeft(text), ";")
	if !ok {
		return "", "", "", false
	}
	rest = trimLeft(rest)
	key = takeWhile(rest, func(c rune) bool { return isAlphaNum(c) || c == '-' })
	rest, ok = strings.CutPrefix(trimLeft(rest[len(key):]), "=")
	if key == "" || !ok {
		return "", "", "", false
	}
	rest = trimLeft(rest)
	if quoted, isQuoted := strings.CutPrefix(rest, `"`); isQuoted {
		value, rest, ok = strings.Cut(quoted, `"`)
		return key, value, rest, ok
	}
	value = takeWhile(rest, func(c rune) bool { return isAlphaNum(c) || c == '|' || c == '-' })
	return key, value, rest[len(value):], value != ""
}

func trimLeft(s string) string { return strings.TrimLeftFunc(s, isSpace) }

// takeWhile returns the longest start of s whose characters satisfy f.
func takeWhile(s string, f func(rune) bool) string {
	if i := strings.IndexFunc(s, func(c rune) bool { return !f(c) }); i >= 0 {
		return s[:i]
	}
	return s
}

func isAlphaNum(c rune) bool { return unicode.IsLetter(c) || unicode.IsNumber(c) }

// fromLatin1 reads the bytes of a header as Latin-1.
func fromLatin1(s string) string {
	if !strings.ContainsFunc(s, func(c rune) bool { return c >= utf8.RuneSelf }) {
		return s
	}
	runes := make([]rune, len(s))
	for i := range len(s) {
		runes[i] = rune(s[i])
	}
	return string(runes)
}
