package openapi_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// swagger is the part of the Swagger 2.0 specification that documents make use of; a member that is not here is one that the
// specification does not know at that place.
type swagger struct {
	Swagger string `json:"swagger"`
	Info    struct {
		Title       string `json:"title"`
		Description string `json:"description"`
		Version     string `json:"version"`
	} `json:"info"`
	Host                string                          `json:"host"`
	BasePath            string                          `json:"basePath"`
	Schemes             []string                        `json:"schemes"`
	Consumes            []string                        `json:"consumes"`
	Produces            []string                        `json:"produces"`
	Paths               map[string]map[string]operation `json:"paths"`
	Definitions         map[string]schemaObject         `json:"definitions"`
	Parameters          map[string]parameterObject      `json:"parameters"`
	SecurityDefinitions map[string]struct {
		Type        string `json:"type"`
		Name        string `json:"name"`
		In          string `json:"in"`
		Description string `json:"description"`
	} `json:"securityDefinitions"`
	Security     []map[string][]string `json:"security"`
	ExternalDocs struct {
		Description string `json:"description"`
		URL         string `json:"url"`
	} `json:"externalDocs"`
}

type operation struct {
	Tags        []string          `json:"tags"`
	Summary     string            `json:"summary"`
	Description string            `json:"description"`
	Produces    []string          `json:"produces"`
	Parameters  []parameterObject `json:"parameters"`
	Responses   map[string]struct {
		Description *string       `json:"description"`
		Schema      *schemaObject `json:"schema"`
	} `json:"responses"`
}

type parameterObject struct {
	Ref              string        `json:"$ref"`
	Name             *string       `json:"name"`
	In               string        `json:"in"`
	Description      string        `json:"description"`
	Required         *bool         `json:"required"`
	Schema           *schemaObject `json:"schema"`
	Type             string        `json:"type"`
	Format           string        `json:"format"`
	Items            *schemaObject `json:"items"`
	CollectionFormat string        `json:"collectionFormat"`
	Default          any           `json:"default"`
	Enum             []string      `json:"enum"`
}

type schemaObject struct {
	Ref         string                  `json:"$ref"`
	Type        string                  `json:"type"`
	Format      string                  `json:"format"`
	Description string                  `json:"description"`
	Default     any                     `json:"default"`
	Enum        []string                `json:"enum"`
	MaxLength   int                     `json:"maxLength"`
	Items       *schemaObject           `json:"items"`
	Properties  map[string]schemaObject `json:"properties"`
	Required    []string                `json:"required"`
}

var hostPattern = regexp.MustCompile(`^[^{}/ :\\]*:\d+$`)

// checkSwagger fails the test for whatever in a document is not valid Swagger 2.0.
func checkSwagger(t *testing.T, document []byte) {
	t.Helper()
	if err := uniqueKeys(json.NewDecoder(bytes.NewReader(document))); err != nil {
		t.Fatalf("%v in %s", err, document)
	}
	var s swagger
	dec := json.NewDecoder(bytes.NewReader(document))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&s); err != nil {
		t.Fatalf("%v in %s", err, document)
	}
	for _, problem := range s.problems() {
		t.Errorf("not Swagger 2.0: %s", problem)
	}
}

// uniqueKeys reads one value and reports an object that has a key twice.
func uniqueKeys(dec *json.Decoder) error {
	token, err := dec.Token()
	if err != nil {
		return err
	}
	switch token {
	case json.Delim('{'):
		seen := make(map[json.Token]bool)
		for dec.More() {
			key, err := dec.Token()
			if err != nil {
				return err
			}
			if seen[key] {
				return fmt.Errorf("key %q is there twice", key)
			}
			seen[key] = true
			if err := uniqueKeys(dec); err != nil {
				return err
			}
		}
	case json.Delim('['):
		for dec.More() {
			if err := uniqueKeys(dec); err != nil {
				return err
			}
		}
	default:
		return nil
	}
	if _, err := dec.Token(); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	return nil
}

func (s *swagger) problems() (found []string) {
	report := func(ok bool, format string, args ...any) {
		if !ok {
			found = append(found, fmt.Sprintf(format, args...))
		}
	}
	report(s.Swagger == "2.0", "version %q", s.Swagger)
	report(hostPattern.MatchString(s.Host), "host %q", s.Host)
	report(strings.HasPrefix(s.BasePath, "/"), "base path %q", s.BasePath)
	for path, verbs := range s.Paths {
		report(strings.HasPrefix(path, "/"), "path %q", path)
		for verb, op := range verbs {
			where := verb + " " + path
			report(slices.Contains([]string{"get", "post", "patch", "delete"}, verb), "verb %s", where)
			report(len(op.Tags) > 0, "%s has no tags", where)
			report(len(op.Responses) > 0, "%s has no responses", where)
			for status, response := range op.Responses {
				report(response.Description != nil, "%s: response %s without description", where, status)
				if response.Schema != nil {
					s.checkSchema(where, *response.Schema, report)
				}
			}
			for _, p := range op.Parameters {
				s.checkParameter(where, p, report)
			}
		}
	}
	for name, p := range s.Parameters {
		report(p.Ref == "", "parameter %s is a reference", name)
		s.checkParameter(name, p, report)
	}
	for name, definition := range s.Definitions {
		s.checkSchema(name, definition, report)
	}
	return found
}

func (s *swagger) checkParameter(where string, p parameterObject, report func(bool, string, ...any)) {
	if p.Ref != "" {
		target, ok := strings.CutPrefix(p.Ref, "#/parameters/")
		_, exists := s.Parameters[target]
		report(ok && exists, "%s: %s leads nowhere", where, p.Ref)
		return
	}
	report(p.Name != nil && p.Required != nil, "%s: parameter without name or required", where)
	if p.In == "body" {
		report(p.Schema != nil && p.Type == "", "%s: body without schema", where)
		if p.Schema != nil {
			s.checkSchema(where, *p.Schema, report)
		}
		return
	}
	report(p.In == "query" || p.In == "header", "%s: parameter in %q", where, p.In)
	report(slices.Contains([]string{"string", "number", "integer", "boolean", "array"}, p.Type), "%s: parameter of type %q", where, p.Type)
	report(p.Type != "array" || p.Items != nil, "%s: array without items", where)
	report(p.CollectionFormat == "" || p.Type == "array", "%s: collection format of %s", where, p.Type)
}

func (s *swagger) checkSchema(where string, o schemaObject, report func(bool, string, ...any)) {
	if o.Ref != "" {
		target, ok := strings.CutPrefix(o.Ref, "#/definitions/")
		_, exists := s.Definitions[target]
		report(ok && exists, "%s: %s leads nowhere", where, o.Ref)
		return
	}
	report(slices.Contains([]string{"", "string", "number", "integer", "boolean", "array", "object"}, o.Type), "%s: schema of type %q", where, o.Type)
	report((o.Type == "array") == (o.Items != nil), "%s: an array has items, and nothing else", where)
	if o.Items != nil {
		s.checkSchema(where, *o.Items, report)
	}
	for _, name := range o.Required {
		_, ok := o.Properties[name]
		report(ok, "%s: required property %q is not there", where, name)
	}
	for name, property := range o.Properties {
		s.checkSchema(where+"."+name, property, report)
	}
}
