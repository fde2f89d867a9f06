package plan

import (
	"net/http"
	"strconv"
	"strings"

	"nexus/engine/apierr"
	"nexus/engine/rest/request"
	"nexus/schema"
)

// The errors of this stage (https://docs.postgrest.org/en/v14/references/errors.html): first those about what the request
// asks for, then those about names that the snapshot does not have.

func errPutFilters() *apierr.Error {
	return &apierr.Error{
		Status: http.StatusMethodNotAllowed, Code: "PGRST105",
		Message: "Filters must include all and only primary key columns with 'eq' operators",
	}
}

func errNotAcceptable(accepted []request.MediaType) *apierr.Error {
	names := make([]string, len(accepted))
	for i, m := range accepted {
		names[i] = m.Mime()
	}
	return &apierr.Error{
		Status: http.StatusNotAcceptable, Code: "PGRST107",
		Message: "None of these media types are available: " + strings.Join(names, ", "),
	}
}

func errNotEmbedded(name string) *apierr.Error {
	return &apierr.Error{
		Status: http.StatusBadRequest, Code: "PGRST108",
		Message: "'" + name + "' is not an embedded resource in this request",
		Hint:    "Verify that '" + name + "' is included in the 'select' query parameter.",
	}
}

// errAliased is the error of url-use-legacy-target-names = false
// (https://docs.postgrest.org/en/v16/references/configuration.html#url-use-legacy-target-names).
func errAliased(name, alias string) *apierr.Error {
	e := errNotEmbedded(name)
	e.Details = "Target names are not allowed in filters if they have an alias"
	e.Hint = "Change '" + name + "' to '" + alias + "' in filters, orders or limits."
	return e
}

// errTooDeep is an error of our own: PostgREST has no such limit.
func errTooDeep(limit int) *apierr.Error {
	return &apierr.Error{
		Status: http.StatusBadRequest, Code: "NEXUS100", Message: "Resources are embedded too deeply",
		Details: "The limit is " + strconv.Itoa(limit) + " levels.",
	}
}

func errRelatedOrder(origin, target string) *apierr.Error {
	return &apierr.Error{
		Status: http.StatusBadRequest, Code: "PGRST118",
		Message: "A related order on '" + target + "' is not possible",
		Details: "'" + origin + "' and '" + target + "' do not form a many-to-one or one-to-one relationship",
	}
}

func errAggregatesDisabled() *apierr.Error {
	return &apierr.Error{
		Status: http.StatusBadRequest, Code: "PGRST123",
		Message: "Use of aggregate functions is not allowed",
	}
}

func errNotImplemented(details string) *apierr.Error {
	return &apierr.Error{
		Status: http.StatusBadRequest, Code: "PGRST127",
		Message: "Feature not implemented", Details: details,
	}
}

func errMaxAffectedCall() *apierr.Error {
	return &apierr.Error{
		Status: http.StatusBadRequest, Code: "PGRST128",
		Message: "Function must return SETOF or TABLE when max-affected preference is used with handling=strict",
	}
}

func errColumnNotFound(table, column string) *apierr.Error {
	return &apierr.Error{
		Status: http.StatusBadRequest, Code: "PGRST204",
		Message: "Could not find the '" + column + "' column of '" + table + "' in the schema cache",
	}
}

func errTableNotFound(snap *schema.Snapshot, id schema.Ident) *apierr.Error {
	return &apierr.Error{
		Status: http.StatusNotFound, Code: "PGRST205",
		Message:    "Could not find the table '" + id.Schema + "." + id.Name + "' in the schema cache",
		Suggestion: suggestTable(snap, id),
	}
}
