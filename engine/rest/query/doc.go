// Package query turns a plan.Plan into SQL text and arguments. It is pure, and the text depends on the plan's shape only:
// values are always bound as parameters, names are always quoted, and only the catalog's own texts (types, default
// expressions, functions of representations) are used as they are.
//
// Statements are built with squirrel. Because squirrel takes every question mark for a parameter, also one within a quoted
// name, fragment doubles those that are meant.
package query
