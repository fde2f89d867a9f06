package schema

import (
	"fmt"
	"regexp"
)

// hoistedSettings says which settings of a function hold for the whole transaction that calls it
// (https://docs.postgrest.org/en/v14/references/configuration.html#db-hoisted-tx-settings).
type hoistedSettings []*regexp.Regexp

// compileHoisted reads the patterns; like PostgreSQL's ~ they match anywhere in "name=value".
func compileHoisted(patterns []string) (hoistedSettings, error) {
	out := make(hoistedSettings, 0, len(patterns))
	for _, p := range patterns {
		re, err := regexp.Compile(p)
		if err != nil {
			return nil, fmt.Errorf("hoisted setting %q: %w", p, err)
		}
		out = append(out, re)
	}
	return out, nil
}

func (h hoistedSettings) match(entry string) bool {
	for _, re := range h {
		if re.MatchString(entry) {
			return true
		}
	}
	return false
}
