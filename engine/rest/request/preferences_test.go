package request_test

import (
	"reflect"
	"testing"

	"nexus/engine/rest/request"
)

// prefer parses Prefer headers the way a request does, with one known time zone.
func prefer(t *testing.T, allowTx bool, values ...string) request.Preferences {
	t.Helper()
	opts := request.Options{
		Schemas: []string{"api"}, AllowTxOverride: allowTx,
		KnownTimezone: func(name string) bool { return name == "Asia/Tokyo" },
	}
	r, err := request.Parse(opts, request.Input{Method: "GET", Path: "/items", Header: map[string][]string{"Prefer": values}})
	if err != nil {
		t.Fatal(err)
	}
	return r.Preferences
}

func TestPreferences(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		values  []string
		noTx    bool
		want    request.Preferences
		applied string
	}{
		{name: "none"},
		{name: "empty header", values: []string{""}},
		{
			name:   "all of them",
			values: []string{"max-affected=100, tx=commit,return=representation , missing=default", "handling=strict\t,count=exact,resolution=ignore-duplicates,timezone=Asia/Tokyo"},
			want: request.Preferences{
				Resolution: "ignore-duplicates", Representation: "representation", Count: "exact", Transaction: "commit",
				Missing: "default", Handling: "strict", Timezone: "Asia/Tokyo", MaxAffected: 100, HasMaxAffected: true,
				Invalid: []string{},
			},
			applied: "resolution=ignore-duplicates, missing=default, return=representation, count=exact, tx=commit, " +
				"handling=strict, timezone=Asia/Tokyo, max-affected=100",
		},
		{
			name:   "the other values",
			values: []string{"return=headers-only", "count=planned", "tx=rollback", "missing=null", "handling=lenient", "resolution=merge-duplicates"},
			want: request.Preferences{
				Resolution: "merge-duplicates", Representation: "headers-only", Count: "planned", Transaction: "rollback",
				Missing: "null", Handling: "lenient",
			},
			applied: "resolution=merge-duplicates, missing=null, return=headers-only, count=planned, tx=rollback, handling=lenient",
		},
		{
			name: "the first of a kind counts", values: []string{"tx=commit, tx=rollback", "count=exact", "count=planned"},
			want: request.Preferences{Transaction: "commit", Count: "exact"}, applied: "count=exact, tx=commit",
		},
		{
			name: "tx is ignored but valid when it is not allowed", noTx: true, values: []string{"tx=commit"},
		},
		{
			name: "unknown tokens", values: []string{"anything, return=none", "Count=exact,count = exact,,"},
			want: request.Preferences{Invalid: []string{"anything", "return=none", "Count=exact", "count = exact", "", ""}},
		},
		{
			name: "unknown time zone", values: []string{"timezone=Nope, timezone=Asia/Tokyo"},
			want: request.Preferences{Invalid: []string{"timezone=Nope", "timezone=Asia/Tokyo"}},
		},
		{
			name: "known time zone before another", values: []string{"timezone=Asia/Tokyo, timezone=Nope, x"},
			want: request.Preferences{Timezone: "Asia/Tokyo", Invalid: []string{"x"}}, applied: "timezone=Asia/Tokyo",
		},
		{
			name: "max-affected shows under strict only", values: []string{"max-affected=0"},
			want: request.Preferences{HasMaxAffected: true},
		},
		{
			name: "max-affected that is no number", values: []string{"max-affected=x, max-affected=5"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := prefer(t, !tt.noTx, tt.values...)
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("\n got %+v\nwant %+v", got, tt.want)
			}
			if applied := got.Applied(); applied != tt.applied {
				t.Errorf("applied\n got %s\nwant %s", applied, tt.applied)
			}
		})
	}
}

func TestPreferencesCheckStrict(t *testing.T) {
	t.Parallel()
	for _, values := range [][]string{{"x"}, {"handling=strict"}, {"handling=lenient, x"}, {"handling=strict, max-affected=y"}} {
		prefs := prefer(t, true, values...)
		if err := prefs.CheckStrict(); err != nil {
			t.Errorf("%v: %+v", values, err)
		}
	}
	prefs := prefer(t, true, "handling=strict, something, else\xff", "timezone=Nope")
	err := prefs.CheckStrict()
	if err == nil {
		t.Fatal("accepted")
	}
	if err.Status != 400 || err.Code != "PGRST122" || err.Message != "Invalid preferences given with handling=strict" ||
		err.Details != "Invalid preferences: something, else\ufffd, timezone=Nope" || err.Hint != nil {
		t.Errorf("got %+v", err)
	}
}

func TestPreferencesCounts(t *testing.T) {
	t.Parallel()
	for value, want := range map[string][2]bool{
		"": {false, false}, "exact": {true, false}, "planned": {false, true}, "estimated": {true, true},
	} {
		prefs := request.Preferences{Count: value}
		if got := [2]bool{prefs.WantsCount(), prefs.WantsPlannedCount()}; got != want {
			t.Errorf("count=%s: got %v, want %v", value, got, want)
		}
	}
}
