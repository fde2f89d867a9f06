package mcp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/google/jsonschema-go/jsonschema"
	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"nexus/engine/functions"
	"nexus/rls"
)

// tool is one that agents can call.
type tool struct {
	name, title, description string
	// group is what ?groups= chooses by.
	group string
	// scope is what an agent's token must allow.
	scope rls.Scope
	// destructive tools remove or overwrite; idempotent ones can be repeated without a further effect; open ones reach out to third parties.
	destructive, idempotent, open bool
	// changes is set of a tool that may change something though its scope is read: what it does decides.
	changes bool
	// needs are tables of the exposed schema without which the tool is not offered.
	needs []string

	input, output *jsonschema.Schema
	resolved      *jsonschema.Resolved
	run           func(ctx context.Context, c *call, arguments json.RawMessage) (any, error)
}

// define gives a tool its schemas, which are those of its types. It panics on types that have none, which a test would see first.
func define[In, Out any](t tool, run func(ctx context.Context, c *call, in In) (Out, error)) *tool {
	input, err := functions.SchemaFor[In]()
	if err == nil {
		t.resolved, err = input.Resolve(nil)
	}
	output, outErr := functions.SchemaFor[Out]()
	if err = errors.Join(err, outErr); err != nil {
		panic(fmt.Sprintf("mcp: tool %s: %v", t.name, err))
	}
	t.input, t.output = input, output
	t.run = func(ctx context.Context, c *call, arguments json.RawMessage) (any, error) {
		var in In
		if err := json.Unmarshal(arguments, &in); err != nil {
			return nil, &toolError{Code: "validation_failed", Message: "An argument has a value that cannot be read"}
		}
		return run(ctx, c, in)
	}
	return &t
}

// readOnly reports whether a tool changes nothing.
func (t *tool) readOnly() bool { return t.scope == rls.ScopeRead && !t.changes }

// sdk is the tool as clients are told of it.
func (t *tool) sdk() *sdk.Tool {
	destructive, open := t.destructive, t.open
	return &sdk.Tool{
		Name: t.name, Title: t.title, Description: t.description, InputSchema: t.input, OutputSchema: t.output,
		Annotations: &sdk.ToolAnnotations{
			Title: t.title, ReadOnlyHint: t.readOnly(), DestructiveHint: &destructive, IdempotentHint: t.idempotent || t.readOnly(), OpenWorldHint: &open,
		},
		Meta: sdk.Meta{"nexus/scope": string(t.scope), "nexus/group": t.group},
	}
}

// validate checks arguments against the input schema, and says of the first fault where it is.
func (t *tool) validate(arguments json.RawMessage) (json.RawMessage, error) {
	if len(arguments) == 0 || string(arguments) == "null" {
		arguments = json.RawMessage("{}")
	}
	var value any
	if err := json.Unmarshal(arguments, &value); err != nil {
		return nil, &toolError{Code: "validation_failed", Message: "The arguments are no valid JSON"}
	}
	if _, ok := value.(map[string]any); !ok {
		return nil, &toolError{Code: "validation_failed", Message: "The arguments must be an object"}
	}
	if err := t.resolved.Validate(value); err != nil {
		return nil, &toolError{
			Code: "validation_failed", Message: "The arguments are not valid: " + functions.Explain(err, t.input), Hint: "See the tool's input schema.",
		}
	}
	return arguments, nil
}

// toolError is a failure as an agent reads it: what went wrong, and what to do next.
type toolError struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
}

// Error implements error.
func (e *toolError) Error() string { return e.Code + ": " + e.Message }

// failure is a result that tells of an error.
func failure(err error) *sdk.CallToolResult {
	var known *toolError
	if !errors.As(err, &known) {
		known = &toolError{Code: "internal_error", Message: "Something went wrong on the server"}
		if errors.Is(err, context.DeadlineExceeded) {
			known = &toolError{Code: "timeout", Message: "The call took longer than is allowed", Hint: "Ask for less: fewer rows, narrower filters."}
		}
	}
	text := known.Message
	if known.Hint != "" {
		text += "\n" + known.Hint
	}
	return &sdk.CallToolResult{IsError: true, Content: []sdk.Content{&sdk.TextContent{Text: known.Code + ": " + text}}}
}

// success is a result with structured content, and the same as text for clients that read no other.
func success(out any) (*sdk.CallToolResult, error) {
	text, err := json.Marshal(out)
	if err != nil {
		return nil, err
	}
	if len(text) > maxResult {
		return nil, &toolError{Code: "too_large", Message: "The result is too large", Hint: "Ask for fewer rows or columns, and go on with the cursor."}
	}
	return &sdk.CallToolResult{StructuredContent: json.RawMessage(text), Content: []sdk.Content{&sdk.TextContent{Text: string(text)}}}, nil
}

// allTools are those that there are, in the order in which they are listed.
func allTools() []*tool {
	return slices.Concat(tableTools(), contactTools(), orderTools(), inventoryTools(), conversationTools(), socialTools(), teamTools(), intelligenceTools())
}
