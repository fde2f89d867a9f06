package functions

import (
	"encoding/json"
	"net/url"
	"strconv"

	"github.com/google/jsonschema-go/jsonschema"
)

// queryJSON makes a request of a query's parameters, whose types are those of the schema. Lists are given by naming their
// parameter several times.
func queryJSON(schema *jsonschema.Schema, query url.Values) (json.RawMessage, error) {
	request := make(map[string]any, len(query))
	for name, values := range query {
		if name == "apikey" { // stands in for the header of that name
			continue
		}
		property := schema.Properties[name]
		if property == nil {
			return nil, Invalid(name, "is not known")
		}
		if kind(property) == "array" {
			list := make([]any, len(values))
			for i, text := range values {
				list[i] = queryValue(property.Items, text)
			}
			request[name] = list
			continue
		}
		if len(values) > 1 {
			return nil, Invalid(name, "is given twice")
		}
		request[name] = queryValue(property, values[0])
	}
	return json.Marshal(request)
}

// queryValue reads a text as what the schema wants. What cannot be read stays a text, which validation refuses.
func queryValue(schema *jsonschema.Schema, text string) any {
	switch kind(schema) {
	case "integer":
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			return n
		}
	case "number":
		if f, err := strconv.ParseFloat(text, 64); err == nil {
			return f
		}
	case "boolean":
		if b, err := strconv.ParseBool(text); err == nil {
			return b
		}
	}
	return text
}
