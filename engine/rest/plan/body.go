package plan

import (
	"strings"

	"nexus/engine/apierr"
	"nexus/engine/rest/request"
	"nexus/schema"
)

// BodyKind is how the rows of the answer become its body.
type BodyKind uint8

// The kinds of bodies. BodyNone leaves it empty; BodyArray is JSON's array (or value) of the rows, BodyObject the one row
// there has to be, BodyLines an object on each line. BodyCustom calls a function of the database.
const (
	BodyNone BodyKind = iota
	BodyArray
	BodyObject
	BodyLines
	BodyGeoJSON
	BodyCSV
	BodyCustom
)

// Body says how the rows of the answer become its body.
type Body struct {
	Kind BodyKind
	// StripNulls leaves nulls out of the objects of BodyArray and BodyObject.
	StripNulls bool
	// Function and Target are those of schema.MediaHandler, for BodyCustom.
	Function schema.Ident
	Target   schema.Ident
}

// JSONBody is the JSON text that rows or arguments come from.
type JSONBody struct {
	Value Param
	// IsObject tells a single object from an array.
	IsObject bool
}

// negotiate picks the first accepted media type that the rows can be had in
// (https://docs.postgrest.org/en/v14/references/api/media_type_handlers.html).
func (b *builder) negotiate() *apierr.Error {
	for _, accepted := range b.req.Accept {
		body, media, ok := b.handlerFor(accepted)
		if !ok {
			continue
		}
		b.plan.Media = media
		if b.wantsBody() {
			b.plan.Body = body
		}
		return nil
	}
	return errNotAcceptable(b.req.Accept)
}

// wantsBody is false of answers that have none, so that nothing has to be aggregated for it.
func (b *builder) wantsBody() bool {
	if b.plan.Mutation != nil {
		return b.req.Preferences.Representation == "representation"
	}
	return !b.req.HeadersOnly
}

// handlerFor finds what makes a body of the accepted media type, and the type that the answer gets.
func (b *builder) handlerFor(accepted request.MediaType) (Body, request.MediaType, bool) {
	if accepted.Plan != nil {
		if !b.opts.PlanEnabled {
			return Body{}, accepted, false
		}
		body, ok := vendored(accepted.Plan.For)
		if !ok {
			body, _, ok = b.lookup(accepted.Plan.For)
		}
		return body, accepted, ok
	}
	if body, ok := vendored(accepted); ok {
		return body, accepted, true
	}
	return b.lookup(accepted)
}

// vendored recognises the media types that the database cannot override.
func vendored(m request.MediaType) (Body, bool) {
	switch m.Name {
	case request.TypeObject:
		return Body{Kind: BodyObject, StripNulls: m.StripNulls}, true
	case request.TypeArray:
		return Body{Kind: BodyArray, StripNulls: true}, true
	default:
		return Body{}, false
	}
}

// lookup finds a handler of the snapshot: those of the relation itself only take its whole rows.
func (b *builder) lookup(m request.MediaType) (Body, request.MediaType, bool) {
	name := strings.ToLower(m.Name)
	keys := []schema.MediaHandlerKey{{Target: schema.AnyElement, MediaType: name}}
	if b.plan.Read.selectsAll() {
		keys = []schema.MediaHandlerKey{
			{Target: b.plan.Relation, MediaType: request.TypeAny}, {Target: b.plan.Relation, MediaType: name}, keys[0],
		}
	}
	for _, key := range keys {
		if handler, ok := b.snap.MediaHandlers[key]; ok {
			return bodyOf(handler), request.DecodeMediaType(handler.MediaType), true
		}
	}
	if name == request.TypeLines {
		return Body{Kind: BodyLines}, m, true
	}
	return Body{}, m, false
}

func bodyOf(handler schema.MediaHandler) Body {
	switch handler.Kind {
	case schema.HandlerJSON:
		return Body{Kind: BodyArray}
	case schema.HandlerGeoJSON:
		return Body{Kind: BodyGeoJSON}
	case schema.HandlerCSV:
		return Body{Kind: BodyCSV}
	case schema.HandlerCustom:
		return Body{Kind: BodyCustom, Function: handler.Function, Target: handler.Target}
	default:
		return Body{}
	}
}

// selectsAll reports whether the level is selected whole and alone.
func (n *Node) selectsAll() bool {
	return len(n.Children) == 0 && len(n.Select) == 1 && n.Select[0].Field.Name == star
}
