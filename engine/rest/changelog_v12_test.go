package rest_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"nexus/engine/rest"
	"nexus/schema"
	"nexus/schema/pgtest"
)

func TestV12RaisedResponses(t *testing.T) {
	t.Parallel()
	const messageHint = `MESSAGE must be a JSON object with obligatory keys: 'code', 'message' and optional keys: 'details', 'hint'.`
	const detailHint = `DETAIL must be a JSON object with obligatory keys: 'status', 'headers' and optional key: 'status_text'.`
	run(t, museum(t, nil), map[string]call{
		"a raised error chooses body, status and headers": {
			target: "/rpc/full_house", status: 423,
			want:       `{"code":"FULL","message":"No tickets left","details":"Try tomorrow","hint":"09:00"}`,
			wantHeader: map[string]string{"X-Queue": "12"},
		},
		"a MESSAGE that is not JSON is shown with its form": {
			target: "/rpc/garbled_message", status: 500,
			want: `{"code":"PGRST121","message":"Could not parse JSON in the \"RAISE SQLSTATE 'PGRST'\" error",` +
				`"details":"Invalid JSON value for MESSAGE: 'no json'","hint":"` + messageHint + `"}`,
		},
		"a DETAIL that is not as wanted is shown with its form": {
			target: "/rpc/garbled_detail", status: 500,
			want: `{"code":"PGRST121","message":"Could not parse JSON in the \"RAISE SQLSTATE 'PGRST'\" error",` +
				`"details":"Invalid JSON value for DETAIL: '{\"status\":\"x\"}'","hint":"` + detailHint + `"}`,
		},
		"a missing DETAIL is told": {
			target: "/rpc/no_detail", status: 500,
			want: `{"code":"PGRST121","message":"Could not parse JSON in the \"RAISE SQLSTATE 'PGRST'\" error",` +
				`"details":"DETAIL is missing in the RAISE statement","hint":"` + detailHint + `"}`,
		},
	})
}

func TestV12DatabaseErrors(t *testing.T) {
	t.Parallel()
	run(t, museum(t, nil), map[string]call{
		"a subquery with two rows is the server's fault": {
			target: "/rpc/hall_of_two", status: 500, want: `~"code":"21000"`,
		},
		"a policy that reads its own table is the server's fault": {
			target: "/mirrors", status: 500, want: `~"code":"42P17"`,
		},
		"a configuration limit (53400) is the server's fault": {
			target: "/rpc/fail_with?state=53400", status: 500, want: `~failed with 53400`,
		},
		"too few resources (53300) pass": {target: "/rpc/fail_with?state=53300", status: 503, want: `~"code":"53300"`},
		"a program limit (54001) is the server's fault, not the body's size": {
			target: "/rpc/fail_with?state=54001", status: 500, want: `~"code":"54001"`,
		},
		"a program limit (54000) is the server's fault": {target: "/rpc/fail_with?state=54000", status: 500, want: `~"code":"54000"`},
	})
}

func TestV12ServerTiming(t *testing.T) {
	t.Parallel()
	on := museum(t, func(cfg *rest.Config) { cfg.ServerTimingEnabled = true })
	// The form is that of PostgREST: names in this order, milliseconds with one decimal.
	form := regexp.MustCompile(`^jwt;dur=\d+\.\d, parse;dur=\d+\.\d, plan;dur=\d+\.\d, transaction;dur=\d+\.\d, response;dur=\d+\.\d$`)
	for name, target := range map[string]string{"of a read": "/halls", "of a function": "/rpc/patience"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := call{target: target}
			if got := c.send(t, on).Header().Get("Server-Timing"); !form.MatchString(got) {
				t.Errorf("Server-Timing: %q", got)
			}
		})
	}
	run(t, museum(t, nil), map[string]call{
		"only when it is asked for": {target: "/halls?select=id&id=eq.1", want: `[{"id":1}]`, wantHeader: map[string]string{"Server-Timing": ""}},
	})
}

func TestV12Preferences(t *testing.T) {
	t.Parallel()
	run(t, museum(t, nil), map[string]call{
		"strict handling refuses preferences that do not exist": {
			target: "/halls", header: map[string]string{"Prefer": "handling=strict, anything, count=sideways"}, status: 400,
			want: `{"code":"PGRST122","message":"Invalid preferences given with handling=strict",` +
				`"details":"Invalid preferences: anything, count=sideways","hint":null}`,
		},
		"lenient handling ignores them": {
			target: "/halls?select=id&id=eq.1", header: map[string]string{"Prefer": "handling=lenient, anything"},
			want: `[{"id":1}]`, wantHeader: map[string]string{"Preference-Applied": "handling=lenient"},
		},
		"without handling they are ignored": {
			target: "/halls?select=id&id=eq.1", header: map[string]string{"Prefer": "anything"},
			want: `[{"id":1}]`, wantHeader: map[string]string{"Preference-Applied": ""},
		},
		"a time zone shows times in it": {
			target: "/exhibits?select=lent_on&id=eq.1", header: map[string]string{"Prefer": "timezone=America/Los_Angeles"},
			want:       `[{"lent_on":"2026-05-01T05:00:00-07:00"}]`,
			wantHeader: map[string]string{"Preference-Applied": "timezone=America/Los_Angeles"},
		},
		"an unknown time zone is ignored": {
			target: "/exhibits?select=lent_on&id=eq.1", header: map[string]string{"Prefer": "timezone=Moon/Base"},
			want: `[{"lent_on":"2026-05-01T12:00:00+00:00"}]`, wantHeader: map[string]string{"Preference-Applied": ""},
		},
		"an unknown time zone is refused with strict handling": {
			target: "/exhibits", header: map[string]string{"Prefer": "handling=strict, timezone=Moon/Base"}, status: 400,
			want: `~Invalid preferences: timezone=Moon/Base`,
		},
		"max-affected refuses an update of more rows": {
			method: http.MethodPatch, target: "/lockers?number=gt.0", body: `{"owner":"x"}`,
			header: map[string]string{"Prefer": "handling=strict, max-affected=2"}, status: 400,
			want: `{"code":"PGRST124","message":"Query result exceeds max-affected preference constraint",` +
				`"details":"The query affects 3 rows","hint":null}`,
		},
		"max-affected refuses a delete of more rows": {
			method: http.MethodDelete, target: "/lockers?number=gt.0",
			header: map[string]string{"Prefer": "handling=strict, max-affected=1"}, status: 400, want: `~The query affects 3 rows`,
		},
		"max-affected lets as many through": {
			method: http.MethodDelete, target: "/lockers?number=gt.0", status: 204,
			header:     map[string]string{"Prefer": "handling=strict, max-affected=3"},
			wantHeader: map[string]string{"Preference-Applied": "handling=strict, max-affected=3"},
		},
		"max-affected has no effect with lenient handling": {
			method: http.MethodDelete, target: "/lockers?number=gt.0", status: 204,
			header: map[string]string{"Prefer": "handling=lenient, max-affected=1"},
		},
	})
}

func TestV12CrossOrigin(t *testing.T) {
	t.Parallel()
	const allowed, other = "https://museum.example", "https://thief.example"
	run(t, museum(t, func(cfg *rest.Config) { cfg.CORSAllowedOrigins = []string{"https://a.example", allowed} }), map[string]call{
		"an origin of the list is allowed": {
			target: "/halls?select=id&id=eq.1", header: map[string]string{"Origin": allowed}, want: `[{"id":1}]`,
			wantHeader: map[string]string{"Access-Control-Allow-Origin": allowed},
		},
		"another origin is not": {
			target: "/halls?select=id&id=eq.1", header: map[string]string{"Origin": other}, want: `[{"id":1}]`,
			wantHeader: map[string]string{"Access-Control-Allow-Origin": ""},
		},
	})
	run(t, museum(t, nil), map[string]call{
		"without a list any origin is allowed": {
			target: "/halls?select=id&id=eq.1", header: map[string]string{"Origin": other}, want: `[{"id":1}]`,
			wantHeader: map[string]string{"Access-Control-Allow-Origin": "*"},
		},
	})
}

func TestV12MediaTypes(t *testing.T) {
	t.Parallel()
	accept := func(media string) map[string]string { return map[string]string{"Accept": media} }
	contentType := func(media string) map[string]string { return map[string]string{"Content-Type": media} }
	run(t, museum(t, nil), map[string]call{
		"a function's own type is served": {
			target: "/rpc/sign", header: accept("text/plain"), want: "way out", wantHeader: contentType("text/plain; charset=utf-8"),
		},
		"an aggregate serves a table in a type of its own": {
			target: "/notices?order=id", header: accept("text/x-signs"), want: "1=no flash/s;2=no food/s;",
			wantHeader: contentType("text/x-signs"),
		},
		"an aggregate over any row serves the tables of its schema": {target: "/halls", header: accept("text/x-any"), want: "+++"},
		"an aggregate over any row serves the tables of other schemas too": {
			target: "/crates", header: map[string]string{"Accept": "text/x-any", "Accept-Profile": "annex"}, want: "+++",
		},
		"with select= a table's own aggregate, which takes its whole rows, does not apply": {
			target: "/notices?select=id,text&order=id", header: accept("text/x-signs"), status: 406, want: `~PGRST107`,
		},
		"with select= an aggregate over any row applies": {
			target: "/notices?select=id,text", header: accept("text/x-any"), want: "++",
		},
		"a null of a function's own type is an empty answer": {
			target: "/rpc/no_sign", header: accept("text/plain"), want: "", wantHeader: contentType("text/plain; charset=utf-8"),
		},
		"a function of any type is binary by default": {
			target: "/rpc/anything", header: accept("application/weird"), want: "raw", wantHeader: contentType("application/octet-stream"),
		},
		"a function of any type can say which it is": {
			target: "/rpc/picture", header: accept("image/x-own"), want: "px", wantHeader: contentType("image/x-own"),
		},
		"types are compared without regard to case": {
			target: "/halls?select=id&id=eq.1", header: accept("APPLICATION/Json"), want: `[{"id":1}]`,
			wantHeader: contentType("application/json; charset=utf-8"),
		},
		"a charset beside the type does not matter": {
			target: "/halls?select=id&id=eq.1", header: accept("application/vnd.pgrst.object+json;charset=utf-8"), want: `{"id":1}`,
			wantHeader: contentType("application/vnd.pgrst.object+json; charset=utf-8"),
		},
		"a scalar is not text of itself": {
			target: "/rpc/scalar_text", header: accept("text/xml"), status: 406,
			want: `{"code":"PGRST107","message":"None of these media types are available: text/xml","details":null,"hint":null}`,
		},
		"a scalar is not binary of itself": {target: "/rpc/scalar_bytes", header: accept("application/octet-stream"), status: 406, want: `~PGRST107`},
		"a table has no text of itself":    {target: "/halls", header: accept("text/plain"), status: 406, want: `~PGRST107`},
		"a type that nobody serves is not acceptable": {
			target: "/halls", header: accept("unknown/unknown"), status: 406,
			want: `{"code":"PGRST107","message":"None of these media types are available: unknown/unknown","details":null,"hint":null}`,
		},
		"an object type that was refused is not the answer's type": {
			target: "/halls", header: accept("application/vnd.pgrst.object"), status: 406, want: `~PGRST116`,
			wantHeader: contentType("application/json; charset=utf-8"),
		},
	})
}

func TestV12RootSpec(t *testing.T) {
	t.Parallel()
	root := schema.Ident{Schema: "museum", Name: "scalar_text"}
	run(t, museum(t, func(cfg *rest.Config) { cfg.RootSpec = &root }), map[string]call{
		"a function at the root is JSON by default": {
			target: "/", want: `"a sign"`, wantHeader: map[string]string{"Content-Type": "application/json; charset=utf-8"},
		},
		"a function at the root does not serve OpenAPI of itself": {
			target: "/", header: map[string]string{"Accept": "application/openapi+json"}, status: 406, want: `~PGRST107`,
		},
	})
}

func TestV12Settings(t *testing.T) {
	t.Parallel()
	run(t, museum(t, nil), map[string]call{
		"a function's statement_timeout holds":   {target: "/rpc/patience", want: `"4321ms"`},
		"a function's statement_timeout ends it": {method: http.MethodPost, target: "/rpc/nap", status: 500, want: `~"code":"57014"`},
		"request headers are a JSON object":      {target: "/rpc/sees_header?name=x-lamp", header: map[string]string{"X-Lamp": "lit"}, want: `"lit"`},
		"no setting for a single header is left": {target: "/rpc/old_header", header: map[string]string{"X-Lamp": "lit"}, want: `null`},
	})
	role := rest.RoleSettings{Settings: []schema.Setting{{Name: "lock_timeout", Value: "7s"}}}
	run(t, museum(t, func(cfg *rest.Config) { cfg.RoleSettings = map[string]rest.RoleSettings{"museum_slow": role} }), map[string]call{
		"a role's settings hold for its transactions": {target: "/rpc/my_setting?name=lock_timeout", role: "museum_slow", want: `"7s"`},
		"a role's settings do not hold for others":    {target: "/rpc/my_setting?name=lock_timeout", want: `"0"`},
	})
	run(t, museum(t, func(cfg *rest.Config) { cfg.HoistedTxSettings = []string{"work_mem"} }), map[string]call{
		"both of a function's settings hold inside it": {target: "/rpc/own_setting", want: `{"timeout":"4321ms","memory":"5MB"}`},
	})
	run(t, museum(t, func(cfg *rest.Config) { cfg.HoistedTxSettings = nil }), map[string]call{
		"a function's timeout that is not hoisted does not end it": {
			method: http.MethodPost, target: "/rpc/short_nap", status: 204,
		},
	})
}

func TestV12Aggregates(t *testing.T) {
	t.Parallel()
	run(t, museum(t, func(cfg *rest.Config) { cfg.AggregatesEnabled = true }), map[string]call{
		"all five of a column": {
			target: "/exhibits?select=s:worth.sum(),hi:worth.max(),lo:worth.min(),mean:worth.avg(),n:worth.count()&id=lt.3",
			want:   `[{"s":30,"hi":20,"lo":10,"mean":15.0000000000000000,"n":2}]`,
		},
		"other columns are what is grouped by": {
			target: "/exhibits?select=hall_id,worth.sum()&order=hall_id", want: `[{"hall_id":1,"sum":30},{"hall_id":2,"sum":5}]`,
		},
		"rows are counted without a column": {target: "/exhibits?select=count()", want: `[{"count":3}]`},
		"an embedded resource has its own":  {target: "/halls?select=id,exhibits(worth.sum())&id=eq.1", want: `[{"id":1,"exhibits":[{"sum":30}]}]`},
		"casts before and after":            {target: "/exhibits?select=worth::int.sum()::text", want: `[{"sum":"35"}]`},
	})
	run(t, museum(t, nil), map[string]call{
		"are off by default": {
			target: "/exhibits?select=worth.sum()", status: 400,
			want: `{"code":"PGRST123","message":"Use of aggregate functions is not allowed","details":null,"hint":null}`,
		},
	})
}

func TestV12Upserts(t *testing.T) {
	t.Parallel()
	merge := map[string]string{"Prefer": "resolution=merge-duplicates"}
	run(t, museum(t, nil), map[string]call{
		"PUT without a representation does not tell": {method: http.MethodPut, target: "/lockers?number=eq.9", body: `{"number":9}`, status: 204},
		"PUT of a known row, returned": {
			method: http.MethodPut, target: "/lockers?number=eq.1", body: `{"number":1,"owner":"z","size":"s"}`,
			header: map[string]string{"Prefer": "return=representation"}, want: `[{"number":1,"owner":"z","size":"s"}]`,
		},
		"PUT of a new row, returned": {
			method: http.MethodPut, target: "/lockers?number=eq.9", body: `{"number":9,"size":"s"}`, status: 201,
			header: map[string]string{"Prefer": "return=representation"}, want: `[{"number":9,"owner":"nobody","size":"s"}]`,
		},
		"merged rows alone do not create": {method: http.MethodPost, target: "/lockers", header: merge, body: `[{"number":1,"owner":"q"}]`, status: 200},
		"one new row among merged ones creates": {
			method: http.MethodPost, target: "/lockers", header: merge, body: `[{"number":1,"owner":"q"},{"number":8,"owner":"r"}]`, status: 201,
		},
	})
}

func TestV12Writes(t *testing.T) {
	t.Parallel()
	representation := map[string]string{"Prefer": "return=representation"}
	run(t, museum(t, nil), map[string]call{
		"keys of JSON may hold special characters": {
			method: http.MethodPatch, target: "/keys?id=eq.1", header: representation, body: `{"odd key (x)":"n","it's":"m"}`,
			want: `[{"id":1,"odd key (x)":"n","it's":"m"}]`,
		},
		"keys inside a JSON column end at a parenthesis": {
			target: "/exhibits?select=facts->age%20(years)&id=eq.1", status: 400, want: `~PGRST100`,
		},
		"keys inside a JSON column may hold spaces": {
			target: "/exhibits?select=m:facts->>made%20of&id=eq.2", want: `[{"m":"gold"}]`,
		},
		"a broken body is told plainly": {
			method: http.MethodPost, target: "/lockers", body: `{"number":`, status: 400,
			want: `{"code":"PGRST102","message":"Empty or invalid json","details":null,"hint":null}`,
		},
		"an unknown column is told": {
			method: http.MethodPost, target: "/lockers?columns=number,colour", body: `{"number":7}`, status: 400,
			want: `{"code":"PGRST204","message":"Could not find the 'colour' column of 'lockers' in the schema cache","details":null,"hint":null}`,
		},
		"missing=default takes the column's default before the domain's": {
			method: http.MethodPost, target: "/echoes?columns=id,word,other,plain", status: 201, body: `[{"id":1}]`,
			header: map[string]string{"Prefer": "missing=default, return=representation"},
			want:   `[{"id":1,"word":"column","other":"DOMAIN","plain":"text"}]`,
		},
		"many rows are inserted at once": {
			method: http.MethodPost, target: "/lockers?select=number,owner", header: representation, status: 201,
			body: `[{"number":11,"owner":"a"},{"number":12,"owner":"b"}]`, want: `[{"number":11,"owner":"a"},{"number":12,"owner":"b"}]`,
		},
		"a single object is inserted as one row": {
			method: http.MethodPost, target: "/lockers?select=number", header: representation, status: 201, body: `{"number":13}`, want: `[{"number":13}]`,
		},
	})
}

func TestV12Embedding(t *testing.T) {
	t.Parallel()
	run(t, museum(t, nil), map[string]call{
		"one-to-one over columns in another order": {
			target: "/rooms?select=name,alarms(code)&order=no", want: `[{"name":"Lobby","alarms":{"code":"A1"}},{"name":"Shop","alarms":null}]`,
		},
		"one-to-one over columns in another order, from the other side": {
			target: "/alarms?select=code,rooms(name)", want: `[{"code":"A1","rooms":{"name":"Lobby"}}]`,
		},
		"empty embedded resources inside others are left out": {
			target: "/halls?select=name,exhibits(passports())&id=eq.1", want: `[{"name":"Egypt"}]`,
		},
		"a function that returns one row counts nothing": {
			target: "/rpc/first_hall?select=id", want: `{"id":1}`, wantHeader: map[string]string{"Content-Range": "0-0/*"},
		},
	})
}

func TestV12OpenAPI(t *testing.T) {
	t.Parallel()
	server := museum(t, nil)
	run(t, server, map[string]call{
		"a key to a one-to-one table is noted": {
			target: "/", want: "~Note:\\nThis is a Primary Key.<pk/>\\nThis is a Foreign Key to `exhibits.id`.<fk table='exhibits' column='id'/>",
		},
		"an enumeration lists its own values": {target: "/", want: `~"enum":["calm","loud"]`},
		"an enumeration of the same name elsewhere lists its own": {
			target: "/", header: map[string]string{"Accept-Profile": "annex"}, want: `~"enum":["dusty","damp"]`,
		},
	})
	t.Run("filters have no format", func(t *testing.T) {
		t.Parallel()
		body := (&call{target: "/"}).send(t, server).Body.String()
		_, filter, _ := strings.Cut(body, `"rowFilter.exhibits.id":`)
		filter, _, _ = strings.Cut(filter, "}")
		if filter == "" || strings.Contains(filter, `"format"`) {
			t.Errorf("rowFilter.exhibits.id: %q", filter)
		}
	})
}

func TestV12Logs(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		target, want string
	}{
		"an internal error of the database is logged with its cause": {"/rpc/hall_of_two", "status=500 code=21000"},
		"too few resources are logged":                               {"/rpc/fail_with?state=53300", "status=503 code=53300"},
		"what the client did wrong is not":                           {"/halls?id=eq.x", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log strings.Builder
			opts := options(t, pgtest.New(t, museumSQL(t)), func(cfg *rest.Config) { cfg.Schemas = []string{"museum"} })
			opts.Logger = slog.New(slog.NewTextHandler(&log, nil))
			(&call{target: test.target}).send(t, rest.New(opts))
			if got := log.String(); !strings.Contains(got, test.want) || test.want == "" && got != "" {
				t.Errorf("the log: %q, want %q", got, test.want)
			}
		})
	}
}

func TestV12ExecutionPlan(t *testing.T) {
	t.Parallel()
	server := museum(t, func(cfg *rest.Config) { cfg.PlanEnabled = true })
	send := func(t *testing.T, accept string) *httptest.ResponseRecorder {
		t.Helper()
		c := call{target: "/halls", header: map[string]string{"Accept": accept}}
		return c.send(t, server)
	}
	t.Run("for= names the media type that is explained", func(t *testing.T) {
		t.Parallel()
		got := send(t, `application/vnd.pgrst.plan+json; for="application/vnd.pgrst.object"; options=verbose`)
		const want = `application/vnd.pgrst.plan+json; for="application/vnd.pgrst.object+json"; options=verbose; charset=utf-8`
		if got.Code != http.StatusOK || got.Header().Get("Content-Type") != want {
			t.Errorf("%d %q", got.Code, got.Header().Get("Content-Type"))
		}
	})
}
