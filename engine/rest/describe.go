package rest

import (
	"context"
	"fmt"

	"nexus/engine/rest/openapi"
	"nexus/engine/rest/plan"
	"nexus/engine/rest/render"
	"nexus/engine/rest/request"
)

// The PostgREST whose API this is, as the description of the schema names it.
const (
	apiVersion  = "14.0"
	docsVersion = "v14"
)

// describe answers the root with the OpenAPI description of the request's schema, as far as the caller may see it.
func (x *exchange) describe(ctx context.Context, req *request.Request, p *plan.Plan) (*render.Response, error) {
	server, err := x.server()
	if err != nil {
		return nil, err
	}
	q := openapi.Query{Schema: req.Schema, IgnorePrivileges: x.cfg.OpenAPIMode == OpenAPIIgnorePrivileges}
	tx := x.transaction(req, p)
	tx.Main.SQL, tx.Main.Args = q.SQL()
	stop := x.timing.stage("transaction")
	rows, err := x.h.opts.DB.Run(ctx, tx)
	stop()
	if err != nil {
		return nil, err
	}
	defer x.timing.stage("response")()
	subject := &render.Subject{Request: req, Media: p.Media}
	if req.HeadersOnly {
		return render.Document(subject, nil), nil
	}
	contents, err := q.Contents(x.snap, rows.Main)
	if err != nil {
		return nil, fmt.Errorf("rest: describe %s: %w", req.Schema, err)
	}
	return render.Document(subject, openapi.Document(openapi.Input{
		Contents: contents, Server: server, SecurityActive: x.cfg.OpenAPISecurityActive,
		Version: apiVersion, DocsVersion: docsVersion,
	})), nil
}

// server is where clients reach the API: through the proxy if one is configured.
func (x *exchange) server() (openapi.Server, error) {
	if uri := x.cfg.OpenAPIServerProxyURI; uri != "" {
		return openapi.ParseProxyURI(uri)
	}
	return openapi.Server{Scheme: "http", Host: x.cfg.ServerHost, Port: x.cfg.ServerPort, BasePath: x.cfg.BasePath}, nil
}
