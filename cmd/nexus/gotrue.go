package main

import (
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

// gotruePrefix begins the names of GoTrue's variables.
const gotruePrefix = "GOTRUE_"

// gotrueNames are options whose variables GoTrue calls in another way than by their names.
var gotrueNames = map[string]string{"jwt-secret": "GOTRUE_JWT_SECRET", "jwt-default-aud": "GOTRUE_JWT_AUD"} //nolint:gosec // names of variables

// gotrueName is the variable of an option in GoTrue, or "". Its deployments move over with their environment as it is.
func gotrueName(option string) string {
	if name, ok := gotrueNames[option]; ok {
		return name
	}
	o := newConfigOptions()
	of := pflag.NewFlagSet("", pflag.ContinueOnError)
	o.bindAuth(of)
	if of.Lookup(option) == nil {
		return ""
	}
	return gotruePrefix + strings.ToUpper(strings.ReplaceAll(option, "-", "_"))
}

// unusedGoTrue lists the variables of GoTrue that are set and mean nothing here.
func unusedGoTrue(environment []string, known *pflag.FlagSet) []string {
	used := map[string]bool{}
	known.VisitAll(func(f *pflag.Flag) { used[gotrueName(f.Name)] = true })
	var unused []string
	for _, entry := range environment {
		name, value, _ := strings.Cut(entry, "=")
		if strings.HasPrefix(name, gotruePrefix) && value != "" && !used[name] {
			unused = append(unused, name)
		}
	}
	slices.Sort(unused)
	return unused
}
