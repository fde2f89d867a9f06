package request

import (
	"net/http"
	"slices"
	"strings"

	"nexus/engine/apierr"
	"nexus/schema"
)

// resource is what a path names.
type resource struct {
	kind resourceKind
	name string
}

type resourceKind uint8

const (
	rootResource resourceKind = iota
	relationResource
	routineResource
)

// parsePath splits a raw path below the mount point into the resource it names: /, /relation or /rpc/routine.
func parsePath(path string, opts *Options) (resource, *apierr.Error) {
	path = strings.TrimPrefix(path, "/")
	if path == "" {
		switch {
		case opts.OpenAPIDisabled:
			return resource{}, errNoRoot()
		case opts.RootSpec != nil:
			return resource{routineResource, opts.RootSpec.Name}, nil
		default:
			return resource{kind: rootResource}, nil
		}
	}
	first, second, nested := strings.Cut(path, "/")
	switch {
	case !nested:
		return resource{relationResource, decodeSegment(first)}, nil
	case decodeSegment(first) == "rpc" && !strings.Contains(second, "/"):
		return resource{routineResource, decodeSegment(second)}, nil
	default:
		return resource{}, errPath()
	}
}

// decodeSegment decodes a part of a path; bytes that are no UTF-8 become U+FFFD.
func decodeSegment(s string) string { return strings.ToValidUTF8(decodePercent(s, false), "\uFFFD") }

// chooseSchema picks the schema that the profile header of the method names, or the default one. negotiated tells
// whether the answer has to name it.
func chooseSchema(method string, header http.Header, schemas []string) (name string, negotiated bool, err *apierr.Error) {
	profile := header["Accept-Profile"]
	switch method {
	case http.MethodDelete, http.MethodPatch, http.MethodPost, http.MethodPut:
		profile = header["Content-Profile"]
	}
	if len(profile) == 0 {
		return schemas[0], len(schemas) != 1, nil
	}
	if !slices.Contains(schemas, profile[0]) {
		return "", false, errSchema(strings.ToValidUTF8(profile[0], "\uFFFD"), schemas)
	}
	return profile[0], true, nil
}

// setAction fills in what the method wants done with the resource.
func (r *Request) setAction(res resource) *apierr.Error {
	if res.kind != rootResource {
		r.Target = schema.Ident{Schema: r.Schema, Name: res.name}
	}
	r.HeadersOnly = r.Method == http.MethodHead
	switch res.kind {
	case routineResource:
		return r.setRoutineAction()
	case relationResource:
		return r.setRelationAction()
	default:
		return r.setRootAction()
	}
}

func (r *Request) setRoutineAction() *apierr.Error {
	switch r.Method {
	case http.MethodHead, http.MethodGet:
		r.Action, r.SafeCall = CallRoutine, true
	case http.MethodPost:
		r.Action = CallRoutine
	case http.MethodOptions:
		r.Action = RoutineInfo
	default:
		return errRoutineMethod(r.Method)
	}
	return nil
}

func (r *Request) setRelationAction() *apierr.Error {
	switch r.Method {
	case http.MethodHead, http.MethodGet:
		r.Action = ReadRelation
	case http.MethodPost:
		r.Action = CreateRows
	case http.MethodPut:
		r.Action = UpsertRow
	case http.MethodPatch:
		r.Action = UpdateRows
	case http.MethodDelete:
		r.Action = DeleteRows
	case http.MethodOptions:
		r.Action = RelationInfo
	default:
		return errMethod(r.Method)
	}
	return nil
}

func (r *Request) setRootAction() *apierr.Error {
	switch r.Method {
	case http.MethodHead, http.MethodGet:
		r.Action = ReadSchema
	case http.MethodOptions:
		r.Action = SchemaInfo
	default:
		return errMethod(r.Method)
	}
	return nil
}
