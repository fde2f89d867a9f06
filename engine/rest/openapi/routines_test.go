package openapi_test

import (
	"testing"

	"nexus/engine/rest/openapi"
	"nexus/schema"
)

func TestArgumentsOfFunctions(t *testing.T) {
	t.Parallel()
	arg := func(pgType string) schema.Parameter { return schema.Parameter{Name: "v", Type: pgType, Required: true} }
	variadic := func(pgType string) schema.Parameter {
		return schema.Parameter{Name: "v", Type: pgType, Variadic: true}
	}
	for _, tc := range []struct {
		name        string
		param       schema.Parameter
		query, body string
	}{
		{
			"number", arg("double precision"),
			`{"name": "v", "in": "query", "required": true, "type": "number", "format": "double precision"}`,
			`{"type": "number", "format": "double precision"}`,
		},
		{
			"type without a counterpart", arg("money"),
			`{"name": "v", "in": "query", "required": true, "type": "string", "format": "money"}`,
			`{"type": "string", "format": "money"}`,
		},
		{
			"array", arg("bigint[]"),
			`{"name": "v", "in": "query", "required": true, "type": "string", "format": "bigint[]"}`,
			`{"type": "array", "items": {"type": "integer"}, "format": "bigint[]"}`,
		},
		{
			"json", arg("json"),
			`{"name": "v", "in": "query", "required": true, "type": "string", "format": "json"}`,
			`{"format": "json"}`,
		},
		{
			"array of json", arg("jsonb[]"),
			`{"name": "v", "in": "query", "required": true, "type": "string", "format": "jsonb[]"}`,
			`{"type": "array", "items": {}, "format": "jsonb[]"}`,
		},
		{
			"variadic", variadic("text[]"),
			`{"name": "v", "in": "query", "required": false, "type": "array", "collectionFormat": "multi", "items": {"type": "string", "format": "text"}}`,
			`{"type": "array", "items": {"type": "string"}, "format": "text[]"}`,
		},
		{
			"variadic json", variadic("json[]"),
			`{"name": "v", "in": "query", "required": false, "type": "array", "collectionFormat": "multi", "items": {"format": "json"}}`,
			`{"type": "array", "items": {}, "format": "json[]"}`,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			f := at(describe(t, openapi.Input{Contents: contents(nil, routine("f", tc.param))}), "paths", "/rpc/f")
			wantJSON(t, at(f, "get", "parameters").([]any)[0], tc.query)
			wantJSON(t, at(f, "post", "parameters").([]any)[1], `{"$ref": "#/parameters/preferParams"}`)
			body := at(f, "post", "parameters").([]any)[0]
			required := ""
			if tc.param.Required {
				required = `"required": ["v"], `
			}
			wantJSON(t, body, `{"name": "args", "in": "body", "required": true,
				"schema": {"type": "object", `+required+`"properties": {"v": `+tc.body+`}}}`)
		})
	}
}

func TestVolatilityDecidesTheVerbs(t *testing.T) {
	t.Parallel()
	for volatility, readable := range map[schema.Volatility]bool{schema.Volatile: false, schema.Stable: true, schema.Immutable: true} {
		f := routine("f")
		f.Volatility = volatility
		path := at(describe(t, openapi.Input{Contents: contents(nil, f)}), "paths", "/rpc/f").(object)
		if path["post"] == nil || (path["get"] != nil) != readable {
			t.Errorf("volatility %c has %v", volatility, path)
		}
		if got := at(path, "post", "parameters").([]any)[0]; at(got, "schema", "properties") != nil {
			t.Errorf("a function without arguments takes %v", got)
		}
	}
}

func TestOfOverloadsTheLongestIsDescribed(t *testing.T) {
	t.Parallel()
	a, b := schema.Parameter{Name: "a", Type: "integer"}, schema.Parameter{Name: "b", Type: "text"}
	long, short, none := routine("f", a, b), routine("f", a), routine("f")
	short.Description = "z"
	for _, routines := range [][]*schema.Routine{{long, short, none}, {none, short, long}, {short, long, none}} {
		d := describe(t, openapi.Input{Contents: contents(nil, routines...)})
		if got := at(d, "paths", "/rpc/f", "get", "parameters").([]any); len(got) != 2 {
			t.Errorf("described with %v", got)
		}
	}
}
