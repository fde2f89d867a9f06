package request_test

import (
	"reflect"
	"testing"

	"nexus/engine/rest/request"
)

func TestDecodeMediaType(t *testing.T) {
	t.Parallel()
	plain := func(name string) request.MediaType { return request.MediaType{Name: name} }
	plan := func(name string, options request.PlanOptions) request.MediaType {
		return request.MediaType{Name: name, Plan: &options}
	}
	const charset = "; charset=utf-8"
	for _, tt := range []struct {
		text        string
		want        request.MediaType
		mime        string
		contentType string
	}{
		{"application/json", plain(request.TypeJSON), "application/json", "application/json" + charset},
		{"Application/JSON; charset=latin1", plain(request.TypeJSON), "application/json", "application/json" + charset},
		{"application/json garbage", plain(request.TypeJSON), "application/json", "application/json" + charset},
		{"application/geo+json", plain(request.TypeGeoJSON), "application/geo+json", "application/geo+json" + charset},
		{"text/csv", plain(request.TypeCSV), "text/csv", "text/csv" + charset},
		{"text/plain;q", plain(request.TypeText), "text/plain", "text/plain" + charset},
		{"text/xml", plain(request.TypeXML), "text/xml", "text/xml" + charset},
		{"application/openapi+json", plain(request.TypeOpenAPI), "application/openapi+json", "application/openapi+json" + charset},
		{"application/x-www-form-urlencoded", plain(request.TypeForm), "application/x-www-form-urlencoded", "application/x-www-form-urlencoded" + charset},
		{"application/octet-stream", plain(request.TypeBytes), "application/octet-stream", "application/octet-stream"},
		{"*/*", plain(request.TypeAny), "*/*", "*/*" + charset},
		{"application/*", plain("application/*"), "application/*", "application/*"},
		{"Image/PNG; x=y", plain("Image/PNG; x=y"), "Image/PNG; x=y", "Image/PNG; x=y"},
		{"nope", plain("nope"), "nope", "nope"},
		{"", plain(""), "", ""},
		{"a/", plain("a/"), "a/", "a/"},
		{"x\xe9/y", plain("x\u00e9/y"), "x\u00e9/y", "x\u00e9/y"},

		{"application/vnd.pgrst.array+json", plain(request.TypeJSON), "application/json", "application/json" + charset},
		{"application/vnd.pgrst.array;nulls=no", plain(request.TypeJSON), "application/json", "application/json" + charset},
		{
			"application/vnd.pgrst.array;nulls=stripped",
			request.MediaType{Name: request.TypeArray, StripNulls: true},
			"application/vnd.pgrst.array+json;nulls=stripped", "application/vnd.pgrst.array+json;nulls=stripped" + charset,
		},
		{"ApplicatIon/vnd.PgRsT.object", plain(request.TypeObject), request.TypeObject, request.TypeObject + charset},
		{
			"application/vnd.pgrst.object+json ; NULLS = stripped",
			request.MediaType{Name: request.TypeObject, StripNulls: true},
			"application/vnd.pgrst.object+json;nulls=stripped", "application/vnd.pgrst.object+json;nulls=stripped" + charset,
		},
		{
			"application/vnd.pgrst.object+json;nulls=stripped;nulls=x", plain(request.TypeObject), request.TypeObject,
			request.TypeObject + charset,
		},

		{
			"application/vnd.pgrst.plan;", plan(request.TypePlanText, request.PlanOptions{For: plain(request.TypeJSON)}),
			`application/vnd.pgrst.plan+text; for="application/json"`, `application/vnd.pgrst.plan+text; for="application/json"` + charset,
		},
		{
			`application/vnd.pgrst.plan ; for="text/xml" ; options=analyze`,
			plan(request.TypePlanText, request.PlanOptions{For: plain(request.TypeXML), Analyze: true}),
			`application/vnd.pgrst.plan+text; for="text/xml"; options=analyze`,
			`application/vnd.pgrst.plan+text; for="text/xml"; options=analyze` + charset,
		},
		{
			`application/vnd.pgrst.plan+json; options=wal|buffers|nope|settings|verbose|analyze; for="application/vnd.pgrst.object+json;nulls=stripped"`,
			plan(request.TypePlanJSON, request.PlanOptions{
				For:  request.MediaType{Name: request.TypeObject, StripNulls: true},
				JSON: true, Analyze: true, Verbose: true, Settings: true, Buffers: true, WAL: true,
			}),
			`application/vnd.pgrst.plan+json; for="application/vnd.pgrst.object+json;nulls=stripped"; options=analyze|verbose|settings|buffers|wal`,
			`application/vnd.pgrst.plan+json; for="application/vnd.pgrst.object+json;nulls=stripped"; options=analyze|verbose|settings|buffers|wal` + charset,
		},
		{
			"application/vnd.pgrst.plan; for=application/json",
			plan(request.TypePlanText, request.PlanOptions{For: plain("application")}),
			`application/vnd.pgrst.plan+text; for="application"`, `application/vnd.pgrst.plan+text; for="application"` + charset,
		},
		{
			`application/vnd.pgrst.plan; for="open`, plan(request.TypePlanText, request.PlanOptions{For: plain(request.TypeJSON)}),
			`application/vnd.pgrst.plan+text; for="application/json"`, `application/vnd.pgrst.plan+text; for="application/json"` + charset,
		},
	} {
		got := request.DecodeMediaType(tt.text)
		if !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%q:\n got %+v (%+v)\nwant %+v (%+v)", tt.text, got, got.Plan, tt.want, tt.want.Plan)
		}
		if mime := got.Mime(); mime != tt.mime {
			t.Errorf("%q: mime %s, want %s", tt.text, mime, tt.mime)
		}
		if contentType := got.ContentType(); contentType != tt.contentType {
			t.Errorf("%q: content type %s, want %s", tt.text, contentType, tt.contentType)
		}
	}
}

func TestAccept(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		header string
		want   []string
	}{
		{"", nil},
		{"*/*", []string{"*/*"}},
		{"text/csv", []string{"text/csv"}},
		{"text/csv;q=0.5", []string{"text/csv"}},
		{"text/csv, application/json", []string{"text/csv", "application/json"}},
		{"text/csv;q=0.5, application/json", []string{"application/json", "text/csv"}},
		{"*/*, text/csv, text/*", []string{"text/csv", "text/*", "*/*"}},
		{"text/a, text/b;x=1, text/c", []string{"text/b;x=1", "text/a", "text/c"}},
		{"text/a;q=0.8;x=1, text/b;q=0.8", []string{"text/a", "text/b"}},
		{"text/a;q=x, text/b;q=0.9, text/c;q=.99, text/d; q=1.", []string{"text/a", "text/c", "text/d", "text/b"}},
		{"text/a; q = 0.1, text/b", []string{"text/b", "text/a"}},
		{"text/a,,text/b", []string{"text/a", "", "text/b"}},
		{
			"text/plain; q=0.5, text/html;charset=utf-8, text/*;q=0.8;ext=blah, text/x-dvi; q=0.8, text/x-c",
			[]string{"text/html;charset=utf-8", "text/x-c", "text/x-dvi", "text/*", "text/plain"},
		},
	} {
		r, err := request.Parse(twoSchemas, request.Input{
			Method: "GET", Path: "/items", Header: map[string][]string{"Accept": {tt.header, "text/xml"}},
		})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, mediaType := range r.Accept {
			got = append(got, mediaType.Mime())
		}
		if !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s:\n got %q\nwant %q", tt.header, got, tt.want)
		}
	}
}
