package rest_test

import (
	"context"
	"errors"
	"net/http"
	"os"
	"testing"

	"nexus/engine/db"
	"nexus/engine/rest"
	"nexus/schema/pgtest"
)

// guild are the options of a server of testdata/visible.sql.
func guild(t *testing.T) rest.Options {
	t.Helper()
	text, err := os.ReadFile("testdata/visible.sql")
	if err != nil {
		t.Fatal(err)
	}
	return options(t, pgtest.New(t, string(text)), func(cfg *rest.Config) { cfg.Schemas = []string{"guild"} })
}

// Errors suggest what the role may see and nothing else; if that is hidden, the next best.
func TestSuggestionsNameWhatIsVisible(t *testing.T) {
	t.Parallel()
	hint := func(text string) string { return `~"hint":` + quoteJSON(text) + `,` }
	const none = `~"hint":null`
	calls := map[string]call{}
	for target, want := range map[string]struct {
		status              int
		authenticated, anon string
	}{
		"/workers": {
			404, hint("Perhaps you meant the table 'guild.worker'"), hint("Perhaps you meant the table 'guild.works'"),
		},
		"/vault":                    {404, hint("Perhaps you meant the table 'guild.vaults'"), none},
		"/works?select=vault(id)":   {400, hint("Perhaps you meant 'vaults' instead of 'vault'."), none},
		"/works?select=place(id)":   {400, hint("Perhaps you meant 'places' instead of 'place'."), hint("Perhaps you meant 'places' instead of 'place'.")},
		"/vaulds?select=works(id)":  {404, hint("Perhaps you meant the table 'guild.vaults'"), hint("Perhaps you meant the table 'guild.makers'")},
		"/works?select=places(id)":  {300, `~works_hiding_place_id_fkey`, ambiguousPlace},
		"/works?select=people(id)":  {300, `~owners using`, ambiguousPerson},
		"/rpc/add_u?a=1&b=2":        {404, hint("Perhaps you meant to call the function guild.add_up"), hint("Perhaps you meant to call the function guild.add_on")},
		"/rpc/pick?aa=1":            {404, hint("Perhaps you meant to call the function guild.pick(a)"), none},
		"/rpc/either?a=1":           {300, `~guild.either(a => integer), guild.either(a => text)`, `~between: guild.either(a => integer)"`},
		"/works?select=secre":       {400, hint(`Perhaps you meant to reference the column "works.secret".`), none},
		"/works?select=id&tite=eq.": {400, hint(`Perhaps you meant to reference the column "works.title".`), none},
		"/places?select=nam":        {400, hint(`Perhaps you meant to reference the column "places.name".`), hint(`Perhaps you meant to reference the column "places.name".`)},
		"/rpc/broken":               {400, none, none},
		"/rpc/advise":               {400, hint("Ask at the desk"), hint("Ask at the desk")},
	} {
		calls["authenticated "+target] = call{target: target, role: "authenticated", status: want.status, want: want.authenticated}
		calls["anon "+target] = call{target: target, status: want.status, want: want.anon}
	}
	run(t, rest.New(guild(t)), calls)
}

const (
	ambiguousPlace  = `{"code":"PGRST201","details":[{"cardinality":"many-to-one","embedding":"works with places","relationship":"works_place_id_fkey using works(place_id) and places(id)"}],"hint":"Try changing 'places' to one of the following: 'places!works_place_id_fkey'. Find the desired relationship in the 'details' key.","message":"Could not embed because more than one relationship was found for 'works' and 'places'"}`
	ambiguousPerson = `{"code":"PGRST201","details":[{"cardinality":"many-to-many","embedding":"works with people","relationship":"makers using makers_work_id_fkey(work_id) and makers_person_id_fkey(person_id)"}],"hint":"Try changing 'people' to one of the following: 'people!makers'. Find the desired relationship in the 'details' key.","message":"Could not embed because more than one relationship was found for 'works' and 'people'"}`
)

// unreachable is a database that cannot be asked.
type unreachable struct{}

func (unreachable) Run(context.Context, *db.Tx) (*db.Result, error) {
	return nil, &db.ConnectionError{Cause: errors.New("no route")}
}

func TestSuggestionsNeedTheDatabase(t *testing.T) {
	t.Parallel()
	opts := guild(t)
	opts.DB = unreachable{}
	run(t, rest.New(opts), map[string]call{
		"a table":    {target: "/workers", status: http.StatusNotFound, want: `~"hint":null`},
		"a function": {target: "/rpc/add_u?a=1", status: http.StatusNotFound, want: `~"hint":null`},
		"ways": {
			target: "/works?select=places(id)", status: http.StatusMultipleChoices, want: `~"details":null,"hint":null`,
		},
	})
}
