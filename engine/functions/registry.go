package functions

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"
)

// Tags are those that functions can have in the API's description.
var Tags = []string{
	"Auth", "Contacts", "Messages", "Orders", "Inventory", "Shipping", "VoIP", "AI", "Automation", "Integrations", "Agents", "Social",
}

// Spec is what a function says of itself.
type Spec struct {
	// Name is the path below functions/v1.
	Name string
	// Method is POST if it is empty. GET, HEAD and DELETE have their request in the query, the others in the body.
	Method string
	Tag    string
	// Summary is a line without a full stop; Description, in Markdown, is the rest of what there is to know.
	Summary     string
	Description string
	Access      Access
	Tier        Tier
	// Status is that of success, 200 if it is 0.
	Status int
	// WithholdAnswer keeps answers from being stored for calls with an Idempotency-Key, because they have a secret.
	WithholdAnswer bool
	// Lenient takes requests with fields that are not known: third parties add some when they like.
	Lenient bool
	// Example is a request that is accepted as it is, in a fresh organization if possible.
	Example string
}

// Function is one of a Registry.
type Function struct {
	Spec
	// Request and Response are JSON Schemas; Response is nil if the answer is no JSON.
	Request, Response *jsonschema.Schema

	resolved *jsonschema.Resolved
	invoke   func(ctx context.Context, c *Call, request json.RawMessage) (any, error)
	fault    error
}

// Define makes a function of a handler. Both types are structs with json tags, whose jsonschema tags describe the fields; the
// answer may be Content instead. What is wrong with them NewRegistry tells.
func Define[Request, Response any](spec Spec, handle func(ctx context.Context, c *Call, request Request) (Response, error)) *Function {
	f := &Function{Spec: spec}
	if f.Method == "" {
		f.Method = http.MethodPost
	}
	if f.Status == 0 {
		f.Status = http.StatusOK
	}
	var faults []error
	request, err := schemaOf(reflect.TypeFor[Request]())
	if spec.Lenient && request != nil {
		allowUnknown(request)
	}
	if err != nil {
		faults = append(faults, fmt.Errorf("request: %w", err))
	} else if f.resolved, err = request.Resolve(nil); err != nil {
		faults = append(faults, fmt.Errorf("request: %w", err))
	}
	f.Request = request
	if t := reflect.TypeFor[Response](); t != reflect.TypeFor[Content]() {
		if f.Response, err = schemaOf(t); err != nil {
			faults = append(faults, fmt.Errorf("response: %w", err))
		}
	}
	f.invoke = func(ctx context.Context, c *Call, raw json.RawMessage) (any, error) {
		var request Request
		if err := json.Unmarshal(raw, &request); err != nil {
			return nil, malformed(err)
		}
		return handle(ctx, c, request)
	}
	f.fault = errors.Join(faults...)
	return f
}

// malformed words what a value was not: of its type.
func malformed(err error) *Error {
	var wrongType *json.UnmarshalTypeError
	if errors.As(err, &wrongType) {
		return Invalid(wrongType.Field, "must not be a "+wrongType.Value)
	}
	return &Error{Status: http.StatusBadRequest, Code: "validation_failed", Message: "The request has a value that cannot be read", Cause: err}
}

var functionName = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)

// check tells what a function lacks.
func (f *Function) check() error {
	var faults []error
	need := func(ok bool, what string) {
		if !ok {
			faults = append(faults, errors.New(what))
		}
	}
	need(functionName.MatchString(f.Name), "the name must be in kebab case")
	need(slices.Contains(Tags, f.Tag), "the tag must be one of Tags")
	need(f.Summary != "" && !strings.HasSuffix(f.Summary, "."), "a summary without a full stop is missing")
	need(f.Access.kind != accessNone, "an access rule is missing")
	need(f.Access.scope == "" || f.Access.scope.Includes(f.Access.scope), "the scope of the access rule is unknown")
	need(f.Tier != tierNone, "a rate tier is missing")
	need(f.fault == nil, fmt.Sprint(f.fault))
	if f.fault == nil {
		for name, property := range f.Request.Properties {
			need(property.Description != "", "the request's field "+name+" needs a description")
		}
		if f.Example != "" {
			_, err := f.validate(json.RawMessage(f.Example))
			need(err == nil, fmt.Sprintf("the example is refused: %v", err))
		}
		need(f.Example != "" || len(f.Request.Required) == 0 || !f.hasBody(), "an example is missing")
	}
	if len(faults) == 0 {
		return nil
	}
	return fmt.Errorf("function %q: %w", f.Name, errors.Join(faults...))
}

func (f *Function) hasBody() bool {
	return f.Method != http.MethodGet && f.Method != http.MethodHead && f.Method != http.MethodDelete
}

// validate checks a request against its schema and returns it.
func (f *Function) validate(raw json.RawMessage) (json.RawMessage, error) {
	var value any
	if err := json.Unmarshal(raw, &value); err != nil {
		return nil, &Error{Status: http.StatusBadRequest, Code: "validation_failed", Message: "The request body is not valid JSON"}
	}
	if _, ok := value.(map[string]any); !ok {
		return nil, &Error{Status: http.StatusBadRequest, Code: "validation_failed", Message: "The request body must be a JSON object"}
	}
	if err := f.resolved.Validate(value); err != nil {
		return nil, invalid(err, f.Request)
	}
	return raw, nil
}

// Invoke validates a request and runs the function for a caller whom it checks first. The answer is the handler's.
func (f *Function) Invoke(ctx context.Context, c *Call, request json.RawMessage) (any, error) {
	if err := f.Access.allow(c.Identity); err != nil {
		return nil, err
	}
	request, err := f.validate(request)
	if err != nil {
		return nil, err
	}
	return f.invoke(ctx, c, request)
}

// Registry holds the functions in Go. It does not change.
type Registry struct {
	all    []*Function
	byName map[string][]*Function
}

// NewRegistry checks the functions; the error tells of each what it lacks. A name may appear once a method.
func NewRegistry(all ...*Function) (*Registry, error) {
	r := &Registry{all: slices.Clone(all), byName: make(map[string][]*Function, len(all))}
	slices.SortStableFunc(r.all, func(a, b *Function) int { return strings.Compare(a.Name, b.Name) })
	var faults []error
	for _, f := range r.all {
		faults = append(faults, f.check())
		for _, other := range r.byName[f.Name] {
			if other.Method == f.Method {
				faults = append(faults, fmt.Errorf("function %q: %s is there twice", f.Name, f.Method))
			}
		}
		r.byName[f.Name] = append(r.byName[f.Name], f)
	}
	return r, errors.Join(faults...)
}

// All returns the functions by name.
func (r *Registry) All() []*Function { return slices.Clone(r.all) }

// Lookup finds a function. Without a method it is the first of the name.
func (r *Registry) Lookup(name, method string) (*Function, bool) {
	for _, f := range r.byName[name] {
		if method == "" || f.Method == method {
			return f, true
		}
	}
	return nil, false
}

// methods are those of a name, for Allow.
func (r *Registry) methods(name string) []string {
	var out []string
	for _, f := range r.byName[name] {
		out = append(out, f.Method)
	}
	return out
}
