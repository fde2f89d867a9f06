package openapi

import (
	"encoding/json"
	"strings"
)

// The types of Swagger that PostgreSQL's types map to. Any is a schema without a type: json can hold every kind of value.
const (
	typeString  = "string"
	typeBoolean = "boolean"
	typeInteger = "integer"
	typeNumber  = "number"
	typeArray   = "array"
	typeAny     = ""
)

// swaggerType maps a type's name as format_type gives it. Types without a counterpart travel as strings.
func swaggerType(pgType string) string {
	switch pgType {
	case "boolean":
		return typeBoolean
	case "smallint", "integer", "bigint":
		return typeInteger
	case "numeric", "real", "double precision":
		return typeNumber
	case "json", "jsonb":
		return typeAny
	}
	if isArray(pgType) {
		return typeArray
	}
	return typeString
}

func isArray(pgType string) bool { return strings.HasSuffix(pgType, "[]") }

func elementType(pgType string) string { return strings.TrimSuffix(pgType, "[]") }

// defaultValue is what a column's default expression stands for in JSON, or nil. Of types that travel as strings it is the
// constant, or the expression itself ("now()"); of others it is the expression if that happens to be JSON.
func defaultValue(pgType, expression string) json.RawMessage {
	if expression == "" {
		return nil
	}
	text := expression
	if swaggerType(pgType) == typeString {
		if constant, ok := strings.CutSuffix(expression, "::"+pgType); ok {
			text = strings.Trim(constant, "'")
		}
		text = `"` + text + `"`
	}
	value := json.RawMessage(strings.TrimSpace(text))
	if !json.Valid(value) {
		return nil
	}
	return value
}

// typed writes the members "items" and "type" of a schema object for a PostgreSQL type. Only the first dimension of an array
// is known.
func (w *writer) typed(pgType string) {
	swagger := swaggerType(pgType)
	if swagger == typeArray {
		w.key("items")
		w.object(func() { w.optional("type", swaggerType(elementType(pgType))) })
	}
	w.optional("type", swagger)
}
