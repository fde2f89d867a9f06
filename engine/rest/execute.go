package rest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"nexus/engine/apierr"
	"nexus/engine/db"
	"nexus/engine/rest/plan"
	"nexus/engine/rest/query"
	"nexus/engine/rest/render"
	"nexus/engine/rest/request"
	"nexus/rls"
	"nexus/schema"
)

func (x *exchange) parseOptions() request.Options {
	return request.Options{
		Schemas: x.cfg.Schemas, OpenAPIDisabled: x.cfg.OpenAPIMode == OpenAPIDisabled, RootSpec: x.cfg.RootSpec,
		AllowTxOverride: x.cfg.AllowsTxOverride(),
		KnownTimezone: func(name string) bool {
			_, known := x.snap.TimeZones[name]
			return known
		},
	}
}

func (x *exchange) planOptions() plan.Options {
	return plan.Options{
		MaxRows: x.cfg.MaxRows, AggregatesEnabled: x.cfg.AggregatesEnabled, PlanEnabled: x.cfg.PlanEnabled,
		MaxEmbedDepth: x.cfg.MaxEmbedDepth, AliasesOnly: x.cfg.TargetNames == TargetAlias,
	}
}

// serve plans a parsed request and answers it.
func (x *exchange) serve(ctx context.Context, req *request.Request) (*render.Response, error) {
	stop := x.timing.stage("plan")
	p, err := plan.Build(x.planOptions(), x.snap, req)
	var q *query.Query
	if err == nil && p.Read != nil && req.Action != request.RoutineInfo {
		q, err = x.h.queries.Build(p)
	}
	stop()
	if err != nil {
		return nil, err
	}
	x.plan = p
	x.noteTargets(p)
	switch req.Action {
	case request.RelationInfo:
		defer x.timing.stage("response")()
		return render.RelationInfo(p.Table), nil
	case request.RoutineInfo:
		defer x.timing.stage("response")()
		return render.RoutineInfo(p.Routine), nil
	case request.SchemaInfo:
		defer x.timing.stage("response")()
		return render.SchemaInfo(), nil
	case request.ReadSchema:
		return x.describe(ctx, req, p)
	}
	return x.execute(ctx, req, p, q)
}

// execute runs a plan's statements in one transaction and renders their result.
func (x *exchange) execute(ctx context.Context, req *request.Request, p *plan.Plan, q *query.Query) (*render.Response, error) {
	if q.Plain {
		return x.executePlain(ctx, req, p, q)
	}
	tx := x.transaction(req, p)
	explain := p.Media.Plan != nil
	tx.Main = statement(q.Main)
	tx.Main.Formats = q.MainFormats
	if !explain {
		x.guard(tx)
	}
	if q.CountPlan.SQL != "" {
		tx.After = []db.Statement{statement(q.CountPlan)}
	}
	var result *render.Result
	decode := func(rows [][][]byte) (err error) {
		if explain {
			return nil
		}
		if result, err = decodeRow(rows); err == nil {
			err = checkResult(req, p, result)
		}
		return err
	}
	tx.Check = decode
	if !mayRefuse(req, p) {
		tx.Check = nil
	}
	stop := x.timing.stage("transaction")
	rows, err := x.h.opts.DB.Run(ctx, tx)
	stop()
	if err != nil {
		return nil, err
	}
	defer x.timing.stage("response")()
	subject := x.subject(req, p)
	if explain {
		return render.Explained(subject, joinLines(rows.Main)), nil
	}
	if tx.Check == nil {
		if err := decode(rows.Main); err != nil {
			return nil, err
		}
	}
	if err := x.addPlannedCount(req, result, rows.After); err != nil {
		return nil, err
	}
	return render.Respond(subject, result)
}

func statement(s query.Statement) db.Statement { return db.Statement{SQL: s.SQL, Args: s.Args} }

// transaction is what every statement of the request runs in.
func (x *exchange) transaction(req *request.Request, p *plan.Plan) *db.Tx {
	role := x.cfg.RoleSettings[x.identity.Role]
	tx := &db.Tx{
		Role: x.identity.Role, ReadOnly: p.ReadOnly || x.identity.ReadOnly(), KeepsSession: keepsSession(x.cfg, p), Primary: x.wantsPrimary(),
		Isolation: role.IsolationLevel, End: x.end(req),
		Settings: rls.Settings(x.identity, &rls.Facts{
			SearchPath: append([]string{req.Schema}, x.cfg.ExtraSearchPath...),
			Method:     req.Method, Path: req.Path, Host: x.http.Host, Header: x.http.Header,
			Timezone: req.Preferences.Timezone, RoleSettings: role.Settings, FunctionSettings: p.Settings,
			AppSettings: x.cfg.AppSettings,
		}),
	}
	if p.IsolationLevel != "" {
		tx.Isolation = p.IsolationLevel
	}
	if x.cfg.PreRequest != nil {
		tx.PreRequest = statement(query.PreRequest(*x.cfg.PreRequest))
	}
	return tx
}

// keepsSession reports whether the session need not be reset after the plan. Reads call functions, too, in views, policies
// and computed fields; those are taken to return values and do nothing else, which spares every read the reset. Of the
// functions called by name only immutable ones are: a stable one may well call set_config.
func keepsSession(cfg *Config, p *plan.Plan) bool {
	pure := p.Routine == nil || p.Routine.Volatility == schema.Immutable
	return p.ReadOnly && pure && cfg.PreRequest == nil
}

// primaryHeader asks to read one's own writes, where reads may go to a replica.
const primaryHeader = "Nexus-Read-Primary"

func (x *exchange) wantsPrimary() bool { return x.http.Header[primaryHeader] != nil }

// end applies db-tx-end and the tx preference, which the parser drops where overriding is not allowed.
func (x *exchange) end(req *request.Request) db.End {
	rollsBack := x.cfg.TxEnd == TxRollback || x.cfg.TxEnd == TxRollbackAllowOverride
	switch req.Preferences.Transaction {
	case "rollback":
		return db.Rollback
	case "commit":
		return db.Commit
	}
	if rollsBack {
		return db.Rollback
	}
	return db.Commit
}

func (x *exchange) subject(req *request.Request, p *plan.Plan) *render.Subject {
	return &render.Subject{
		Request: req, Media: p.Media, Relation: p.Relation.Name, BasePath: x.cfg.BasePath,
		HasKey: p.Table != nil && len(p.Table.PrimaryKey) > 0,
		Void:   p.Routine != nil && p.Routine.ReturnsVoid(), TerseErrors: x.cfg.ErrorVerbosityMinimal,
	}
}

// mayRefuse reports whether checkResult can refuse the result of this request, so that the transaction has to wait for it.
func mayRefuse(req *request.Request, p *plan.Plan) bool {
	prefs := &req.Preferences
	return req.Action == request.UpsertRow || p.Media.Name == request.TypeObject ||
		prefs.HasMaxAffected && prefs.Handling == "strict"
}

// checkResult refuses results whose number of rows is not what the client allowed.
func checkResult(req *request.Request, p *plan.Plan, res *render.Result) error {
	prefs := &req.Preferences
	switch {
	case req.Action == request.UpsertRow:
		if res.Page != 1 {
			return &apierr.Error{
				Status: http.StatusBadRequest, Code: "PGRST115",
				Message: "Payload values do not match URL in primary key column(s)",
			}
		}
	case p.Media.Name == request.TypeObject && res.Page != 1:
		return &apierr.Error{
			Status: http.StatusNotAcceptable, Code: "PGRST116", Message: "Cannot coerce the result to a single JSON object",
			Details: "The result contains " + strconv.FormatInt(res.Page, 10) + " rows",
		}
	case limitsAffected(req) && prefs.HasMaxAffected && prefs.Handling == "strict" && res.Page > prefs.MaxAffected:
		return &apierr.Error{
			Status: http.StatusBadRequest, Code: "PGRST124",
			Message: "Query result exceeds max-affected preference constraint",
			Details: "The query affects " + strconv.FormatInt(res.Page, 10) + " rows",
		}
	}
	return nil
}

// limitsAffected reports whether max-affected has a meaning for the action
// (https://docs.postgrest.org/en/v14/references/api/preferences.html#max-affected).
func limitsAffected(req *request.Request) bool {
	return req.Action == request.UpdateRows || req.Action == request.DeleteRows || req.Action == request.CallRoutine
}

// decodeRow reads the row that every main statement but an execution plan answers with.
func decodeRow(rows [][][]byte) (*render.Result, error) {
	if len(rows) != 1 || len(rows[0]) != query.Columns {
		return nil, fmt.Errorf("rest: the main statement answered with %d rows", len(rows))
	}
	row := rows[0]
	res := &render.Result{Body: row[query.ColumnBody], Headers: row[query.ColumnHeaders], Status: row[query.ColumnStatus]}
	page, err := decodeCount(row[query.ColumnPage])
	if err != nil || page == nil {
		return nil, fmt.Errorf("rest: the number of rows is unreadable: %w", err)
	}
	res.Page = *page
	if res.Total, err = decodeCount(row[query.ColumnTotal]); err != nil {
		return nil, err
	}
	if res.Inserted, err = decodeCount(row[query.ColumnInserted]); err != nil {
		return nil, err
	}
	res.Location, err = decodeLocation(row[query.ColumnLocation])
	return res, err
}

func decodeCount(text []byte) (*int64, error) {
	if text == nil {
		return nil, nil //nolint:nilnil // null is a value here
	}
	n, err := strconv.ParseInt(string(text), 10, 64)
	return &n, err
}

func decodeLocation(text []byte) ([][2]string, error) {
	if text == nil {
		return nil, nil
	}
	var pairs []string
	if err := json.Unmarshal(text, &pairs); err != nil {
		return nil, fmt.Errorf("rest: location: %w", err)
	}
	out := make([][2]string, len(pairs))
	for i, pair := range pairs {
		out[i][0], out[i][1], _ = strings.Cut(pair, "=")
	}
	return out, nil
}

// addPlannedCount sets the total to the planner's estimate where that was asked for: always for count=planned, and for
// count=estimated when the exact count stopped at the row limit. Without a limit PostgREST takes the larger of the two.
func (x *exchange) addPlannedCount(req *request.Request, res *render.Result, after [][][][]byte) error {
	if len(after) == 0 {
		return nil
	}
	estimated, err := decodePlan(after[0])
	if err != nil {
		return err
	}
	planned := estimated.Rows
	switch req.Preferences.Count {
	case "planned":
		res.Total = &planned
	case "estimated":
		if res.Total != nil && (x.cfg.MaxRows == nil || *res.Total > *x.cfg.MaxRows) {
			estimate := max(*res.Total, planned)
			res.Total = &estimate
		}
	}
	return nil
}

// estimate is what the planner expects of a statement.
type estimate struct {
	Rows int64   `json:"Plan Rows"`
	Cost float64 `json:"Total Cost"`
}

// decodePlan reads the answer of EXPLAIN (FORMAT JSON).
func decodePlan(rows [][][]byte) (estimate, error) {
	var plans []struct{ Plan estimate }
	if err := json.Unmarshal(joinLines(rows), &plans); err != nil || len(plans) != 1 {
		return estimate{}, fmt.Errorf("rest: %d execution plans: %w", len(plans), err)
	}
	return plans[0].Plan, nil
}

// joinLines puts the lines of an EXPLAIN together.
func joinLines(rows [][][]byte) []byte {
	var out bytes.Buffer
	for _, row := range rows {
		out.Write(row[0])
		out.WriteByte('\n')
	}
	return out.Bytes()
}
