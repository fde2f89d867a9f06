package rest_test

import (
	"net/url"
	"testing"

	"nexus/engine/rest"
)

func TestReferenceErrorsRaise(t *testing.T) {
	t.Parallel()
	runFailures(t, harbour(t, nil), map[string]failure{
		"RAISE EXCEPTION with DETAIL and HINT": {
			target: "/rpc/fail_fully", status: 400, code: "P0001", message: "The bridge is up", details: `"Wind of 9"`, hint: "Wait",
		},
		"PT402 chooses the status": {target: "/rpc/fail?state=PT402&message=Pay", status: 402, code: "PT402", message: "Pay"},
		"PT401 asks for a token": {
			target: "/rpc/fail?state=PT401&message=Who", status: 401, code: "PT401", message: "Who",
			wantHeader: map[string]string{"Www-Authenticate": "Bearer"},
		},
		"PT599 is no status that has a name": {target: "/rpc/fail?state=PT599", status: 599, code: "PT599", message: "failed"},
		"PT without a number":                {target: "/rpc/fail?state=PT4A2", status: 500, code: "PT4A2", message: "failed"},
		"PT below all statuses":              {target: "/rpc/fail?state=PT000", status: 500, code: "PT000", message: "failed"},
		"PT of a status that ends nothing":   {target: "/rpc/fail?state=PT103", status: 500, code: "PT103", message: "failed"},
		"the code names the error also without a body to read": {
			target: "/rpc/fail?state=PT418", status: 418, code: "PT418", message: "failed",
		},
	})
}

// raise is the target that raises SQLSTATE PGRST.
func raise(message, detail string) string {
	return "/rpc/fail_json?message=" + url.QueryEscape(message) + "&detail=" + url.QueryEscape(detail)
}

func TestReferenceErrorsRaiseJSON(t *testing.T) {
	t.Parallel()
	const message, detail = `{"code":"A1","message":"b"}`, `{"status":402,"headers":{}}`
	runFailures(t, harbour(t, nil), map[string]failure{
		"all members": {
			target: raise(`{"code":"123","message":"Pay","details":"Spent","hint":"Save"}`,
				`{"status":402,"status_text":"No Money","headers":{"X-Debt":"9","X-Due":"now"}}`),
			status: 402, code: "123", message: "Pay", details: `"Spent"`, hint: "Save",
			wantHeader: map[string]string{"X-Debt": "9", "X-Due": "now"},
		},
		"details and hint are optional": {target: raise(message, detail), status: 402, code: "A1", message: "b"},
		"details, hint and status_text may be null": {
			target: raise(`{"code":"A1","message":"b","details":null,"hint":null}`, `{"status":402,"status_text":null,"headers":{}}`),
			status: 402, code: "A1", message: "b",
		},
		"members beside them are ignored": {
			target: raise(`{"code":"A1","message":"b","more":[1]}`, `{"status":402,"headers":{},"more":{}}`),
			status: 402, code: "A1", message: "b",
		},
		"blanks around the objects": {target: raise(" \n"+message+"\t ", " "+detail+"\n"), status: 402, code: "A1", message: "b"},
		"a status with a zero fraction": {
			target: raise(message, `{"status":4.02e2,"headers":{}}`), status: 402, code: "A1", message: "b",
		},
		"a status that has no name": {target: raise(message, `{"status":419,"headers":{}}`), status: 419, code: "A1", message: "b"},
		"401 with headers of its own only": {
			target: raise(message, `{"status":401,"headers":{"WWW-Authenticate":"Basic"}}`), status: 401, code: "A1", message: "b",
			wantHeader: map[string]string{"Www-Authenticate": "Basic"},
		},
		"a header that every error has": {
			target: raise(message, `{"status":402,"headers":{"Content-Type":"application/problem+json"}}`), status: 402, code: "A1", message: "b",
			wantHeader: map[string]string{"Content-Type": "application/problem+json"},
		},
		"a status that HTTP cannot carry": {
			target: raise(message, `{"status":20000,"headers":{}}`), status: 500, code: "A1", message: "b",
		},
		"a status that ends nothing": {target: raise(message, `{"status":102,"headers":{}}`), status: 500, code: "A1", message: "b"},
	})
}

func TestReferenceErrorsRaiseMalformed(t *testing.T) {
	t.Parallel()
	const message, detail = `{"code":"A1","message":"b"}`, `{"status":402,"headers":{}}`
	failures := map[string]failure{
		"no DETAIL": {
			target: "/rpc/fail_json?message=" + url.QueryEscape(message), status: 500, code: "PGRST121", message: badRaise,
			details: `"DETAIL is missing in the RAISE statement"`, hint: detailHint,
		},
	}
	for name, text := range map[string]string{
		"no JSON": `no`, "an array": `[]`, "a null": `null`, "an empty text": ``, "two objects": message + message,
		"without code": `{"message":"b"}`, "without message": `{"code":"A1"}`, "a null code": `{"code":null,"message":"b"}`,
		"a code that is a number": `{"code":1,"message":"b"}`, "keys in other case": `{"Code":"A1","Message":"b"}`,
		"details that are an object": `{"code":"A1","message":"b","details":{}}`, "a hint that is a number": `{"code":"A1","message":"b","hint":1}`,
	} {
		failures["MESSAGE: "+name] = failure{
			target: raise(text, detail), status: 500, code: "PGRST121", message: badRaise,
			details: quoteJSON("Invalid JSON value for MESSAGE: '" + text + "'"), hint: messageHint,
		}
	}
	for name, text := range map[string]string{
		"no JSON": `no`, "an array": `[]`, "a null": `null`, "without status": `{"headers":{}}`, "without headers": `{"status":402}`,
		"null headers": `{"status":402,"headers":null}`, "headers in an array": `{"status":402,"headers":[{"A":"b"}]}`,
		"a header that is a number": `{"status":402,"headers":{"A":1}}`, "a null header": `{"status":402,"headers":{"A":null}}`,
		"a status in quotes": `{"status":"402","headers":{}}`, "a status with a fraction": `{"status":402.5,"headers":{}}`,
		"a status_text that is a number": `{"status":402,"status_text":1,"headers":{}}`,
	} {
		failures["DETAIL: "+name] = failure{
			target: raise(message, text), status: 500, code: "PGRST121", message: badRaise,
			details: quoteJSON("Invalid JSON value for DETAIL: '" + text + "'"), hint: detailHint,
		}
	}
	runFailures(t, harbour(t, nil), failures)
}

func TestReferenceErrorsVerbosity(t *testing.T) {
	t.Parallel()
	run(t, harbour(t, func(cfg *rest.Config) { cfg.ErrorVerbosityMinimal = true }), map[string]call{
		"minimal errors have no details and no hint": {
			target: "/rpc/fail_fully", status: 400, want: `{"code":"P0001","message":"The bridge is up"}`,
		},
		"nor have those of the request": {
			target: "/rpc/mor", status: 404,
			want: `{"code":"PGRST202","message":"Could not find the function harbour.mor without parameters in the schema cache"}`,
		},
		"nor those of a window beyond the last row": {
			target: "/docks?offset=9", header: prefer("count=exact"), status: 416,
			want: `{"code":"PGRST103","message":"Requested range not satisfiable"}`,
		},
	})
}

func TestReferenceProxyStatus(t *testing.T) {
	t.Parallel()
	run(t, harbour(t, nil), map[string]call{
		"of an error of PostgreSQL": {
			method: "HEAD", target: "/safe", status: 401, want: "",
			wantHeader: map[string]string{"Proxy-Status": "PostgREST; error=42501", "Www-Authenticate": "Bearer"},
		},
		"of an error of the API": {
			method: "HEAD", target: "/nowhere", status: 404, want: "", wantHeader: map[string]string{"Proxy-Status": "PostgREST; error=PGRST205"},
		},
		"of an error that a function made": {
			method: "HEAD", target: raise(`{"code":"OWN","message":"b"}`, `{"status":402,"headers":{}}`), status: 402, want: "",
			wantHeader: map[string]string{"Proxy-Status": "PostgREST; error=OWN"},
		},
		"absent when nothing failed": {
			method: "HEAD", target: "/docks", want: "", wantHeader: map[string]string{"Proxy-Status": ""},
		},
	})
}

// raiseState is the target that raises an SQLSTATE.
func raiseState(state, message string) string {
	return "/rpc/fail?state=" + state + "&message=" + url.QueryEscape(message)
}
