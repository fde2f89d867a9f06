package rest

import (
	"context"

	"nexus/engine/rest/render"
	"nexus/engine/rest/request"
)

func (x *exchange) describe(_ context.Context, req *request.Request) (*render.Response, error) {
	return render.Document(&render.Subject{Request: req, Media: request.MediaType{Name: request.TypeOpenAPI}}, []byte("{}")), nil
}
