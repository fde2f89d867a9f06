package openapi

import (
	"encoding/json"
	"testing"
)

func TestSwaggerType(t *testing.T) {
	t.Parallel()
	for pgType, want := range map[string]string{
		"text": typeString, "character varying": typeString, "character": typeString, "uuid": typeString, "date": typeString,
		"timestamp with time zone": typeString, "bytea": typeString, "api.mood": typeString, "": typeString,
		"boolean": typeBoolean, "smallint": typeInteger, "integer": typeInteger, "bigint": typeInteger,
		"numeric": typeNumber, "real": typeNumber, "double precision": typeNumber,
		"json": typeAny, "jsonb": typeAny, "integer[]": typeArray, "json[]": typeArray, `api."odd[]"[]`: typeArray,
	} {
		if got := swaggerType(pgType); got != want {
			t.Errorf("%s is %q, want %q", pgType, got, want)
		}
	}
}

func TestDefaultValue(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		pgType, expression, want string
	}{
		{"text", "", ""},
		{"text", "'default'::text", `"default"`},
		{"text", "''::text", `""`},
		{"text", "'it''s'::text", `"it''s"`},
		{"text", `'say "x"'::text`, ""},
		{"text", `E'a\nb'::text`, `"E'a\nb"`},
		{"text", "'two\nlines'::text", ""},
		{"text", "lower('X'::text)", `"lower('X'::text)"`},
		{"date", "'1900-01-01'::date", `"1900-01-01"`},
		{"time without time zone", "'13:00:00'::time without time zone", `"13:00:00"`},
		{"timestamp with time zone", "now()", `"now()"`},
		{"api.mood", "'ok'::api.mood", `"ok"`},
		{"boolean", "false", "false"},
		{"integer", "42", "42"},
		{"integer", "'-1'::integer", ""},
		{"integer", "nextval('api.s'::regclass)", ""},
		{"integer", "NULL::integer", ""},
		{"numeric", "42.2", "42.2"},
		{"numeric", "0.10", "0.10"},
		{"jsonb", "'{}'::jsonb", ""},
		{"text[]", "'{}'::text[]", ""},
		{"integer[]", "ARRAY[1, 2]", ""},
	} {
		if got := string(defaultValue(tc.pgType, tc.expression)); got != tc.want {
			t.Errorf("%s default %s gives %s, want %s", tc.pgType, tc.expression, got, tc.want)
		}
	}
}

func FuzzDefaultValue(f *testing.F) {
	f.Add("text", `'\u00e9 "'::text`)
	f.Add("integer", " 12 ")
	f.Fuzz(func(t *testing.T, pgType, expression string) {
		if value := defaultValue(pgType, expression); value != nil && !json.Valid(value) {
			t.Errorf("%s default %s gives %s", pgType, expression, value)
		}
	})
}
