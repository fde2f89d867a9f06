package request

import (
	"slices"
	"strconv"
	"strings"
)

// anyMediaType is what a request without an Accept header accepts, and jsonMediaType what most others do. Requests share them.
var (
	anyMediaType  = []MediaType{{Name: TypeAny}}
	jsonMediaType = []MediaType{{Name: TypeJSON}}
)

// parseAccept decodes the media ranges of an Accept header by preference: first those of higher quality, then the more
// specific ones (with more parameters and fewer stars), then in the order given. An empty header accepts nothing.
func parseAccept(header string) []MediaType {
	switch header {
	case TypeAny:
		return anyMediaType
	case TypeJSON:
		return jsonMediaType
	case "":
		return []MediaType{}
	}
	if !strings.Contains(header, ",") {
		text, _ := splitQuality(header)
		return []MediaType{DecodeMediaType(text)}
	}
	type candidate struct {
		text        string
		quality     float64
		specificity int
	}
	candidates := make([]candidate, 0, 8)
	for text := range strings.SplitSeq(header, ",") {
		text, quality := splitQuality(text)
		candidates = append(candidates, candidate{text, quality, strings.Count(text, ";") - strings.Count(text, "*")})
	}
	slices.SortStableFunc(candidates, func(a, b candidate) int {
		switch {
		case a.quality > b.quality:
			return -1
		case a.quality < b.quality:
			return 1
		default:
			return b.specificity - a.specificity
		}
	})
	types := make([]MediaType, len(candidates))
	for i, c := range candidates {
		types[i] = DecodeMediaType(c.text)
	}
	return types
}

// splitQuality drops the spaces of a media range and cuts it at its q parameter, whose value it returns: 1 when there is
// none or it is no number. Parameters after q are dropped.
func splitQuality(text string) (string, float64) {
	text = strings.ReplaceAll(text, " ", "")
	text, quality, found := strings.Cut(text, ";q=")
	if !found {
		return text, 1
	}
	quality, _, _ = strings.Cut(quality, ";")
	return text, parseQuality(quality)
}

// parseQuality reads the decimal number that a text begins with.
func parseQuality(text string) float64 {
	end := digitsEnd(text, 0)
	if end == 0 {
		return 1
	}
	if end < len(text) && text[end] == '.' {
		if fraction := digitsEnd(text, end+1); fraction > end+1 {
			end = fraction
		}
	}
	value, err := strconv.ParseFloat(text[:end], 64)
	if err != nil {
		return 1
	}
	return value
}

// digitsEnd is where the digits that begin at start end.
func digitsEnd(text string, start int) int {
	for start < len(text) && text[start] >= '0' && text[start] <= '9' {
		start++
	}
	return start
}
