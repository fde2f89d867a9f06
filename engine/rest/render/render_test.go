package render_test

import (
	"errors"
	"net/http"
	"testing"

	"nexus/engine/apierr"
	"nexus/engine/rest/render"
	"nexus/engine/rest/request"
	"nexus/schema"
)

func subject(action request.Action, change func(*render.Subject)) *render.Subject {
	s := &render.Subject{
		Request:  &request.Request{Action: action, Schema: "shop"},
		Media:    request.MediaType{Name: request.TypeJSON},
		Relation: "orders", HasKey: true,
	}
	if change != nil {
		change(s)
	}
	return s
}

func number(n int64) *int64 { return &n }

func TestRespond(t *testing.T) {
	t.Parallel()
	rows := []byte(`[{"id":1}]`)
	cases := []struct {
		name    string
		subject *render.Subject
		result  render.Result
		status  int
		header  map[string]string // "" means absent
		body    string
	}{
		{
			name: "read", subject: subject(request.ReadRelation, func(s *render.Subject) {
				s.BasePath, s.Request.Query.Canonical = "/rest/v1", "id=eq.1"
			}),
			result: render.Result{Page: 1, Body: rows}, status: http.StatusOK, body: string(rows),
			header: map[string]string{
				"Content-Range": "0-0/*", "Content-Location": "/rest/v1/orders?id=eq.1", "Content-Length": "10",
				"Content-Type": "application/json; charset=utf-8", "Content-Profile": "", "Preference-Applied": "",
			},
		},
		{
			name: "part of all rows", subject: subject(request.ReadRelation, func(s *render.Subject) {
				s.Request.TopRange, s.Request.Preferences.Count = request.Range{Offset: 2, Limit: 1, HasLimit: true}, "exact"
				s.Request.ProfileNegotiated = true
			}),
			result: render.Result{Page: 1, Total: number(9), Body: rows}, status: http.StatusPartialContent, body: string(rows),
			header: map[string]string{"Content-Range": "2-2/9", "Preference-Applied": "count=exact", "Content-Profile": "shop"},
		},
		{
			name: "window beyond the last row", subject: subject(request.ReadRelation, func(s *render.Subject) {
				s.Request.TopRange = request.Range{Offset: 10}
			}),
			result: render.Result{Page: 0, Total: number(9), Body: []byte("[]")}, status: http.StatusRequestedRangeNotSatisfiable,
			header: map[string]string{"Content-Range": "*/9"},
			body: `{"code":"PGRST103","details":"An offset of 10 was requested, but there are only 9 rows.","hint":null,` +
				`"message":"Requested range not satisfiable"}`,
		},
		{
			name: "head", subject: subject(request.ReadRelation, func(s *render.Subject) { s.Request.HeadersOnly = true }),
			result: render.Result{Page: 3}, status: http.StatusOK,
			header: map[string]string{"Content-Range": "0-2/*", "Content-Length": ""},
		},
		{
			name: "insert with location", subject: subject(request.CreateRows, func(s *render.Subject) {
				s.Request.Preferences.Representation = "headers-only"
			}),
			result: render.Result{Page: 1, Location: [][2]string{{"a b", "eq.x/y"}, {"id", "is.null"}}},
			status: http.StatusCreated,
			header: map[string]string{
				"Location": "/orders?a%20b=eq.x%2Fy&id=is.null", "Content-Range": "*/*", "Content-Length": "0", "Content-Type": "",
				"Preference-Applied": "return=headers-only",
			},
		},
		{
			name: "upsert that only updated", subject: subject(request.CreateRows, func(s *render.Subject) {
				s.Request.Preferences.Resolution = "merge-duplicates"
			}),
			result: render.Result{Page: 1, Inserted: number(0)}, status: http.StatusOK,
			header: map[string]string{"Preference-Applied": "resolution=merge-duplicates"},
		},
		{
			name: "resolution without a key to conflict on", subject: subject(request.CreateRows, func(s *render.Subject) {
				s.Request.Preferences.Resolution, s.HasKey = "ignore-duplicates", false
			}),
			result: render.Result{Page: 1}, status: http.StatusCreated, header: map[string]string{"Preference-Applied": ""},
		},
		{
			name: "update without representation", subject: subject(request.UpdateRows, nil),
			result: render.Result{Page: 2}, status: http.StatusNoContent,
			header: map[string]string{"Content-Range": "0-1/*", "Content-Type": "", "Content-Length": ""},
		},
		{
			name: "counted delete", subject: subject(request.DeleteRows, func(s *render.Subject) {
				s.Request.Preferences.Count = "exact"
			}),
			result: render.Result{Page: 2}, status: http.StatusNoContent, header: map[string]string{"Content-Range": "*/2"},
		},
		{
			name: "put that created", subject: subject(request.UpsertRow, func(s *render.Subject) {
				s.Request.Preferences.Representation = "representation"
			}),
			result: render.Result{Page: 1, Inserted: number(1), Body: rows}, status: http.StatusCreated, body: string(rows),
			header: map[string]string{"Content-Range": ""},
		},
		{
			name: "void function", subject: subject(request.CallRoutine, func(s *render.Subject) { s.Void = true }),
			result: render.Result{Page: 1, Body: []byte("null")}, status: http.StatusNoContent,
			header: map[string]string{"Content-Range": "0-0/*", "Content-Type": ""},
		},
		{
			name: "status and headers of a function", subject: subject(request.CallRoutine, nil),
			result: render.Result{
				Page: 1, Body: rows, Status: []byte("418 teapot"),
				Headers: []byte(`[{"content-type":"text/tea"},{"Set-Cookie":"a=1"},{"Set-Cookie":"b=2"}]`),
			},
			status: http.StatusTeapot, body: string(rows),
			header: map[string]string{"Content-Type": "text/tea", "Set-Cookie": "a=1"},
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := render.Respond(c.subject, &c.result)
			if err != nil {
				t.Fatal(err)
			}
			if got.Status != c.status || string(got.Body) != c.body {
				t.Errorf("%d %s, want %d %s", got.Status, got.Body, c.status, c.body)
			}
			for name, want := range c.header {
				if v := got.Header.Get(name); v != want {
					t.Errorf("%s: %q, want %q", name, v, want)
				}
			}
		})
	}
}

func TestRepeatedHeadersOfAFunctionAreAllSent(t *testing.T) {
	t.Parallel()
	got, err := render.Respond(subject(request.ReadRelation, nil), &render.Result{
		Headers: []byte(`[{"Set-Cookie":"a=1"},{"set-cookie":"b=2"}]`),
	})
	if err != nil || len(got.Header.Values("Set-Cookie")) != 2 {
		t.Errorf("%v, %v", got, err)
	}
}

func TestUnusableOverridesAreErrors(t *testing.T) {
	t.Parallel()
	for text, code := range map[string]string{
		"": "PGRST112", "x": "PGRST112", "99": "PGRST112", "1000": "PGRST112", "-200": "PGRST112",
	} {
		wantCode(t, render.Result{Status: []byte(text)}, code)
	}
	for _, text := range []string{
		``, `{}`, `null`, `"x"`, `[1]`, `[{}]`, `[{"a":"b","c":"d"}]`, `[{"a":1}]`, `[{"a":null}]`, `[{"":"x"}]`, `[{"a b":"x"}]`,
		`[{"a\r\nb":"x"}]`,
	} {
		wantCode(t, render.Result{Headers: []byte(text)}, "PGRST111")
	}
}

func wantCode(t *testing.T, result render.Result, code string) {
	t.Helper()
	_, err := render.Respond(subject(request.ReadRelation, nil), &result)
	var api *apierr.Error
	if !errors.As(err, &api) || api.Code != code || api.Status != http.StatusInternalServerError {
		t.Errorf("status %q, headers %q: error %v, want %s", result.Status, result.Headers, err, code)
	}
}

func TestInfoNamesTheMethods(t *testing.T) {
	t.Parallel()
	full := schema.Table{Insertable: true, Updatable: true, Deletable: true, PrimaryKey: []string{"id"}}
	keyless := full
	keyless.PrimaryKey = nil
	for want, got := range map[string]*render.Response{
		"OPTIONS,GET,HEAD,POST,PUT,PATCH,DELETE": render.RelationInfo(&full),
		"OPTIONS,GET,HEAD,POST,PATCH,DELETE":     render.RelationInfo(&keyless),
		"OPTIONS,GET,HEAD":                       render.RelationInfo(&schema.Table{}),
		"OPTIONS,POST":                           render.RoutineInfo(&schema.Routine{Volatility: schema.Volatile}),
		"OPTIONS,GET,HEAD,POST":                  render.RoutineInfo(&schema.Routine{Volatility: schema.Stable}),
	} {
		if allow := got.Header.Get("Allow"); allow != want || got.Status != http.StatusOK {
			t.Errorf("Allow: %s, want %s", allow, want)
		}
	}
}
