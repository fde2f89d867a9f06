package request

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"nexus/engine/apierr"
)

// Preferences is the Prefer header, decoded
// (https://docs.postgrest.org/en/v14/references/api/preferences.html). Empty strings mean "not given".
type Preferences struct {
	Resolution     string // merge-duplicates | ignore-duplicates
	Representation string // representation | minimal | headers-only
	Count          string // exact | planned | estimated
	Transaction    string // commit | rollback; only when the configuration allows overriding
	Missing        string // default | null
	Handling       string // strict | lenient
	Timezone       string // only when the database knows the name
	// MaxAffected is the limit of max-affected; HasMaxAffected tells 0 from absent.
	MaxAffected    int64
	HasMaxAffected bool
	// Invalid lists what was not understood, for handling=strict.
	Invalid []string
}

// parsePreferences decodes Prefer headers. The first token of a kind counts; known reports whether the database knows
// a time zone.
func parsePreferences(values []string, allowTx bool, known func(string) bool) Preferences {
	var prefs Preferences
	var zone, affected *string
	for _, header := range values {
		for header != "" {
			token, rest, found := strings.Cut(header, ",")
			token = strings.TrimFunc(token, isSpace)
			prefs.take(token, &zone, &affected)
			if header = rest; found && rest == "" {
				prefs.take("", &zone, &affected)
			}
		}
	}
	if !allowTx {
		prefs.Transaction = ""
	}
	if affected != nil {
		if n := parseInteger(*affected); n != nil {
			prefs.MaxAffected, prefs.HasMaxAffected = *n, true
		}
	}
	if zone != nil && known != nil && known(*zone) {
		prefs.Timezone = *zone
		prefs.Invalid = slices.DeleteFunc(prefs.Invalid, func(token string) bool {
			return strings.HasPrefix(token, "timezone=")
		})
	}
	return prefs
}

// take notes one token. A time zone counts as invalid until it is known to be valid.
func (p *Preferences) take(token string, zone, affected **string) {
	name, value, _ := strings.Cut(token, "=")
	var field *string
	switch token {
	case "resolution=merge-duplicates", "resolution=ignore-duplicates":
		field = &p.Resolution
	case "return=representation", "return=minimal", "return=headers-only":
		field = &p.Representation
	case "count=exact", "count=planned", "count=estimated":
		field = &p.Count
	case "tx=commit", "tx=rollback":
		field = &p.Transaction
	case "missing=default", "missing=null":
		field = &p.Missing
	case "handling=strict", "handling=lenient":
		field = &p.Handling
	default:
		p.takeValued(name, value, token, zone, affected)
		return
	}
	if *field == "" {
		*field = value
	}
}

// takeValued notes a token whose value is free, or an invalid one.
func (p *Preferences) takeValued(name, value, token string, zone, affected **string) {
	switch {
	case name == "max-affected" && token != name:
		if *affected == nil {
			*affected = &value
		}
		return
	case name == "timezone" && token != name && *zone == nil:
		*zone = &value
	}
	p.Invalid = append(p.Invalid, token)
}

// IsStrict reports whether handling=strict was given.
func (p *Preferences) IsStrict() bool { return p.Handling == "strict" }

// CheckStrict returns PostgREST's error for preferences that were not understood under handling=strict (PGRST122), or
// nil. It is for the plan stage to call, because errors about names come first.
func (p *Preferences) CheckStrict() *apierr.Error {
	if !p.IsStrict() || len(p.Invalid) == 0 {
		return nil
	}
	return &apierr.Error{
		Status: http.StatusBadRequest, Code: "PGRST122",
		Message: "Invalid preferences given with handling=strict",
		Details: "Invalid preferences: " + strings.ToValidUTF8(strings.Join(p.Invalid, ", "), "\uFFFD"),
	}
}

// Applied renders the Preference-Applied header for the preferences that are set, in PostgREST's order; it is "" when
// none is. Callers clear what did not apply to their action.
func (p *Preferences) Applied() string {
	b := make([]byte, 0, 96)
	add := func(name, value string) {
		if value == "" {
			return
		}
		if len(b) > 0 {
			b = append(b, ", "...)
		}
		b = append(append(b, name...), value...)
	}
	add("resolution=", p.Resolution)
	add("missing=", p.Missing)
	add("return=", p.Representation)
	add("count=", p.Count)
	add("tx=", p.Transaction)
	add("handling=", p.Handling)
	add("timezone=", p.Timezone)
	if p.HasMaxAffected && p.IsStrict() {
		add("max-affected=", strconv.FormatInt(p.MaxAffected, 10))
	}
	return string(b)
}

// WantsCount reports whether the rows have to be counted by a query (exact or estimated).
func (p *Preferences) WantsCount() bool { return p.Count == "exact" || p.Count == "estimated" }

// WantsPlannedCount reports whether the planner's estimate is needed (planned or estimated).
func (p *Preferences) WantsPlannedCount() bool { return p.Count == "planned" || p.Count == "estimated" }
