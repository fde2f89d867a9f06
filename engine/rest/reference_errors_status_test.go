package rest_test

import "testing"

// TestReferenceErrorsStatus has each line of https://docs.postgrest.org/en/v14/references/errors.html#http-status-codes.
func TestReferenceErrorsStatus(t *testing.T) {
	t.Parallel()
	failures := map[string]failure{}
	for state, status := range map[string]int{
		"08000": 503, "08006": 503, "08P01": 503,
		"09000": 500, "0L000": 403, "0LP01": 403, "0P000": 403,
		"23503": 409, "23505": 409, "23502": 400, "23514": 400, "23P01": 400, "23000": 400,
		"25006": 405, "25000": 500, "25P02": 500,
		"28000": 403, "28P01": 403, "2D000": 500,
		"38000": 500, "38004": 500, "39000": 500, "39P01": 500, "3B000": 500, "3B001": 500,
		"40000": 500, "40002": 500, "40P01": 500,
		"53400": 500, "53000": 503, "53100": 503, "53200": 503, "53300": 503,
		"54000": 500, "54001": 500, "54023": 500, "55000": 500, "55006": 500, "55P03": 500,
		"57000": 500, "57014": 500, "57P03": 500, "58000": 500, "58030": 500,
		"F0000": 500, "F0001": 500, "HV000": 500, "HV00A": 500,
		"P0001": 400, "P0000": 500, "P0002": 500, "P0003": 500, "P0004": 500,
		"XX000": 500, "XX001": 500,
		"42883": 404, "42P01": 404, "42P17": 500, "42501": 401, "21000": 500, "22023": 400,
		// Any other is the client's fault.
		"01000": 400, "0A000": 400, "22P02": 400, "22003": 400, "2F000": 400, "34000": 400, "3D000": 400, "3F000": 400,
		"42601": 400, "42703": 400, "44000": 400, "72000": 400, "AB123": 400,
	} {
		f := failure{target: "/rpc/fail?state=" + state, status: status, code: state, message: "failed"}
		if status == 401 {
			f.wantHeader = map[string]string{"Www-Authenticate": "Bearer"}
		}
		failures[state] = f
	}
	runFailures(t, harbour(t, nil), failures)
}

// TestReferenceErrorsStatusByMessage has the codes whose status depends on more than the code.
func TestReferenceErrorsStatusByMessage(t *testing.T) {
	t.Parallel()
	failed := func(state, message string, status int) failure {
		return failure{target: raiseState(state, message), status: status, code: state, message: message}
	}
	server := harbour(t, nil)
	runFailures(t, server, map[string]failure{
		"21000 of an update without a filter": failed("21000", "UPDATE requires a WHERE clause", 400),
		"21000 of a subquery": {
			target: "/rpc/two_rows", status: 500, code: "21000", message: "more than one row returned by a subquery used as an expression",
		},
		"22023 of any parameter":            failed("22023", "role of the ship is unknown", 400),
		"42883 of a function for XML":       failed("42883", "function xmlagg(integer) does not exist", 406),
		"42883 of any other function":       failed("42883", "function xml(integer) does not exist", 404),
		"a constraint, as PostgreSQL tells": failedInsert(),
	})
	run(t, server, map[string]call{
		"42501 of someone with a token": {
			target: "/safe", role: "authenticated", status: 403, wantHeader: map[string]string{"Www-Authenticate": ""},
			want: `{"code":"42501","details":null,"hint":null,"message":"permission denied for table safe"}`,
		},
		"42501 of someone without": {
			target: "/safe", status: 401, wantHeader: map[string]string{"Www-Authenticate": "Bearer"},
			want: `{"code":"42501","details":null,"hint":null,"message":"permission denied for table safe"}`,
		},
		"22023 of a token's role that does not exist": {
			target: "/docks", role: "nobody_at_all", status: 401, wantHeader: map[string]string{"Www-Authenticate": "Bearer"},
			want: `{"code":"22023","details":null,"hint":null,"message":"role \"nobody_at_all\" does not exist"}`,
		},
	})
}

func failedInsert() failure {
	return failure{
		method: post, target: "/docks", body: `{"id":7}`, status: 400, code: "23502",
		message: `null value in column "name" of relation "docks" violates not-null constraint`,
		details: `"Failing row contains (7, null, 5, null)."`,
	}
}
