package rest

import (
	"log/slog"
	"strings"

	"nexus/engine/rest/plan"
)

// legacyTargets is what a client and the log are told of requests that PostgREST 18 will refuse.
const legacyTargets = "Embedded resource was referenced by relation name even though it has an alias. " +
	"This is deprecated and will stop working in a future release."

// noteTargets warns of resources that were called by their relations' names, where that is wanted
// (https://docs.postgrest.org/en/v16/references/configuration.html#url-use-legacy-target-names).
func (x *exchange) noteTargets(p *plan.Plan) {
	if x.cfg.TargetNames != TargetAnyNameWarn || len(p.LegacyTargets) == 0 {
		return
	}
	changes := make([]string, len(p.LegacyTargets))
	for i, target := range p.LegacyTargets {
		changes[i] = "`" + target.Relation + "` to `" + target.Alias + "`"
	}
	update := strings.Join(changes, ", ")
	x.warning = `299 PostgRESTv16 "` + legacyTargets + " Update " + update + ` in query string filters, orders or limits."`
	// The query string stays out of the log: it holds values.
	x.h.opts.Logger.LogAttrs(x.http.Context(), slog.LevelWarn, legacyTargets,
		slog.String("update", update), slog.String("method", x.http.Method), slog.String("path", x.http.URL.Path))
}
