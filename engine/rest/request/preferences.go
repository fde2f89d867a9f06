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

// preferenceParser collects the tokens of Prefer headers. The first token of a kind counts.
type preferenceParser struct {
	prefs                Preferences
	zone, affected       string
	hasZone, hasAffected bool
}

// parsePreferences decodes Prefer headers; known reports whether the database knows a time zone.
func parsePreferences(headers []string, allowTx bool, known func(string) bool) Preferences {
	var p preferenceParser
	for _, header := range headers {
		if header == "" {
			continue
		}
		for token := range strings.SplitSeq(header, ",") {
			p.take(strings.TrimFunc(token, isSpace))
		}
	}
	prefs := p.prefs
	if !allowTx {
		prefs.Transaction = ""
	}
	if p.hasAffected {
		prefs.MaxAffected, prefs.HasMaxAffected = parseInteger(p.affected)
	}
	if p.hasZone && known != nil && known(p.zone) {
		prefs.Timezone = p.zone
		prefs.Invalid = slices.DeleteFunc(prefs.Invalid, func(token string) bool {
			return strings.HasPrefix(token, "timezone=")
		})
	}
	return prefs
}

// take notes one token.
func (p *preferenceParser) take(token string) {
	var field *string
	switch token {
	case "resolution=merge-duplicates", "resolution=ignore-duplicates":
		field = &p.prefs.Resolution
	case "return=representation", "return=minimal", "return=headers-only":
		field = &p.prefs.Representation
	case "count=exact", "count=planned", "count=estimated":
		field = &p.prefs.Count
	case "tx=commit", "tx=rollback":
		field = &p.prefs.Transaction
	case "missing=default", "missing=null":
		field = &p.prefs.Missing
	case "handling=strict", "handling=lenient":
		field = &p.prefs.Handling
	default:
		p.takeFree(token)
		return
	}
	if *field == "" {
		*field = token[strings.IndexByte(token, '=')+1:]
	}
}

// takeFree notes a token whose value is free, or an invalid one. A time zone counts as invalid until it is known.
func (p *preferenceParser) takeFree(token string) {
	if limit, ok := strings.CutPrefix(token, "max-affected="); ok {
		if !p.hasAffected {
			p.affected, p.hasAffected = limit, true
		}
		return
	}
	if zone, ok := strings.CutPrefix(token, "timezone="); ok && !p.hasZone {
		p.zone, p.hasZone = zone, true
	}
	p.prefs.Invalid = append(p.prefs.Invalid, token)
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
