package mcp

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"nexus/rls"
	"nexus/schema"
)

// rowsOut is a page of rows.
type rowsOut struct {
	Rows       []map[string]any `json:"rows" jsonschema:"the rows"`
	NextCursor *string          `json:"next_cursor,omitempty" jsonschema:"pass it as cursor to go on; absent when there are no more rows"`
}

// rowOut is one row.
type rowOut struct {
	Row map[string]any `json:"row" jsonschema:"the row"`
}

// page is the part of a tool's arguments that says which rows.
type page struct {
	Limit  int    `json:"limit,omitempty" jsonschema:"how many rows to return at most; 50 if it is not given" min:"1" max:"200"`
	Cursor string `json:"cursor,omitempty" jsonschema:"next_cursor of the page before, with the same other arguments" max:"200"`
}

func (p *page) limit() int {
	if p.Limit <= 0 {
		return defaultRows
	}
	return min(p.Limit, maxRows)
}

// A cursor is opaque to clients, so that what it holds can change.
const cursorPrefix = "offset:"

func (p *page) offset() (int, error) {
	if p.Cursor == "" {
		return 0, nil
	}
	text, err := base64.RawURLEncoding.DecodeString(p.Cursor)
	number, ok := strings.CutPrefix(string(text), cursorPrefix)
	n, atoi := strconv.Atoi(number)
	if err != nil || !ok || atoi != nil || n < 0 {
		return 0, &toolError{Code: "invalid_cursor", Message: "The cursor is none that was given out", Hint: "Begin again without a cursor."}
	}
	return n, nil
}

// list reads a page of a table or view. One row more than wanted tells whether there are more.
func (c *call) list(ctx context.Context, table string, query url.Values, p *page) (out rowsOut, err error) {
	offset, err := p.offset()
	if err != nil {
		return out, err
	}
	query.Set("limit", strconv.Itoa(p.limit()+1))
	query.Set("offset", strconv.Itoa(offset))
	got, err := c.rest(ctx, http.MethodGet, table, query, "", nil)
	if err != nil {
		return out, err
	}
	out.Rows = []map[string]any{}
	if err := json.Unmarshal(got.body.Bytes(), &out.Rows); err != nil {
		return out, err
	}
	if len(out.Rows) > p.limit() {
		out.Rows = out.Rows[:p.limit()]
		next := base64.RawURLEncoding.EncodeToString([]byte(cursorPrefix + strconv.Itoa(offset+p.limit())))
		out.NextCursor = &next
	}
	c.rows += len(out.Rows)
	return out, nil
}

// one reads the only row of a query.
func (c *call) one(ctx context.Context, table string, query url.Values, what string) (map[string]any, error) {
	got, err := c.list(ctx, table, query, &page{Limit: 1})
	if err != nil {
		return nil, err
	}
	if len(got.Rows) == 0 {
		return nil, &toolError{Code: "not_found", Message: "There is no " + what + " with this id", Hint: "Look for the right id first."}
	}
	return got.Rows[0], nil
}

// change writes to a table and returns the rows as they are then.
func (c *call) change(ctx context.Context, method, table string, query url.Values, prefer string, body any) ([]map[string]any, error) {
	if prefer != "" {
		prefer = "," + prefer
	}
	got, err := c.rest(ctx, method, table, query, "return=representation"+prefer, body)
	if err != nil {
		return nil, err
	}
	rows := []map[string]any{}
	if got.body.Len() > 0 {
		if err := json.Unmarshal(got.body.Bytes(), &rows); err != nil {
			return nil, err
		}
	}
	c.rows += len(rows)
	return rows, nil
}

// filter is a condition on a column.
type filter struct {
	Column   string `json:"column" jsonschema:"the column, or a path into one such as data->>key" min:"1" max:"200"`
	Operator string `json:"operator" jsonschema:"how it is compared" enum:"eq,neq,gt,gte,lt,lte,like,ilike,match,imatch,in,is,isdistinct,fts,plfts,phfts,wfts,cs,cd,ov"`
	Value    any    `json:"value" jsonschema:"what it is compared with: a list for in, cs, cd and ov, null, true or false for is; * stands for any text in like and ilike"`
	Not      bool   `json:"not,omitempty" jsonschema:"whether the condition must not hold"`
}

// reserved are names that rest/v1 does not take for columns.
var reserved = []string{"select", "order", "limit", "offset", "columns", "on_conflict", "and", "or", "not.and", "not.or"}

// conditions makes the query of filters. Values are values: whatever they hold, they are compared and nothing else.
func conditions(filters []filter) (url.Values, error) {
	query := url.Values{}
	for _, f := range filters {
		if slices.Contains(reserved, f.Column) || strings.ContainsAny(f.Column, ".()") {
			return nil, &toolError{Code: "invalid_filter", Message: "There is no column " + strconv.Quote(f.Column), Hint: "See describe_table for the columns."}
		}
		value, err := literal(f.Operator, f.Value)
		if err != nil {
			return nil, err
		}
		text := f.Operator + "." + value
		if f.Not {
			text = "not." + text
		}
		query.Add(f.Column, text)
	}
	return query, nil
}

// literal writes a value as its operator has it.
func literal(operator string, value any) (string, error) {
	list, isList := value.([]any)
	switch {
	case operator == "in" && !isList, isList && !slices.Contains([]string{"in", "cs", "cd", "ov"}, operator):
		return "", &toolError{Code: "invalid_filter", Message: "A list is compared with in, cs, cd or ov, and in takes a list"}
	case isList:
		parts := make([]string, len(list))
		for i, each := range list {
			text, err := scalar(each)
			if err != nil {
				return "", err
			}
			parts[i] = `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text) + `"`
		}
		if operator == "in" {
			return "(" + strings.Join(parts, ",") + ")", nil
		}
		return "{" + strings.Join(parts, ",") + "}", nil
	default:
		return scalar(value)
	}
}

func scalar(value any) (string, error) {
	switch v := value.(type) {
	case nil:
		return "null", nil
	case string:
		return v, nil
	case bool:
		return strconv.FormatBool(v), nil
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), nil
	default:
		text, err := json.Marshal(v)
		return string(text), err
	}
}

// tableTools work with any schema.
func tableTools() []*tool {
	return []*tool{listTables(), describeTable(), queryTable(), insertRows(), updateRows(), deleteRows(), callFunction(), searchTables()}
}

type tableInfo struct {
	Name        string `json:"name" jsonschema:"the table or view"`
	Description string `json:"description,omitempty" jsonschema:"what it holds"`
	Writable    bool   `json:"writable" jsonschema:"whether rows can be added, policies permitting"`
}

type functionInfo struct {
	Name        string   `json:"name" jsonschema:"the function"`
	Description string   `json:"description,omitempty" jsonschema:"what it does"`
	Arguments   []string `json:"arguments" jsonschema:"its arguments, with their types"`
}

type listTablesIn struct{}

type listTablesOut struct {
	Tables    []tableInfo    `json:"tables" jsonschema:"tables and views"`
	Functions []functionInfo `json:"functions" jsonschema:"functions that call_function calls"`
}

func listTables() *tool {
	return define(tool{
		name: "list_tables", title: "List tables", group: "tables", scope: rls.ScopeRead,
		description: "Lists the tables, views and functions of the database that the API serves, also those that were added a second ago.",
	}, func(_ context.Context, c *call, _ listTablesIn) (out listTablesOut, err error) {
		out.Tables, out.Functions = []tableInfo{}, []functionInfo{}
		for id, t := range c.snapshot.Tables {
			if id.Schema == c.h.Schemas[0] {
				out.Tables = append(out.Tables, tableInfo{Name: id.Name, Description: t.Description, Writable: t.Insertable})
			}
		}
		for id, overloads := range c.snapshot.Routines {
			for _, f := range overloads {
				if id.Schema == c.h.Schemas[0] {
					info := functionInfo{Name: id.Name, Description: f.Description, Arguments: []string{}}
					for _, p := range f.Params {
						info.Arguments = append(info.Arguments, p.Name+" "+p.Type)
					}
					out.Functions = append(out.Functions, info)
				}
			}
		}
		slices.SortFunc(out.Tables, func(a, b tableInfo) int { return strings.Compare(a.Name, b.Name) })
		slices.SortStableFunc(out.Functions, func(a, b functionInfo) int { return strings.Compare(a.Name, b.Name) })
		return out, nil
	})
}

type columnInfo struct {
	Name        string   `json:"name" jsonschema:"the column"`
	Type        string   `json:"type" jsonschema:"its type in PostgreSQL"`
	Nullable    bool     `json:"nullable" jsonschema:"whether it may be null"`
	HasDefault  bool     `json:"has_default" jsonschema:"whether it may be left out of a new row"`
	Enum        []string `json:"enum,omitempty" jsonschema:"the values that there are"`
	Description string   `json:"description,omitempty" jsonschema:"what it means"`
}

type relationInfo struct {
	Table string `json:"table" jsonschema:"the table to embed, in select"`
	Via   string `json:"via" jsonschema:"the foreign key; name it as table!via(…) if there are several"`
	ToOne bool   `json:"to_one" jsonschema:"whether there is one row at most"`
}

type describeIn struct {
	Table string `json:"table" jsonschema:"the table or view" min:"1" max:"200"`
}

type describeOut struct {
	Name        string         `json:"name" jsonschema:"the table or view"`
	Description string         `json:"description,omitempty" jsonschema:"what it holds"`
	PrimaryKey  []string       `json:"primary_key" jsonschema:"the columns that identify a row"`
	Columns     []columnInfo   `json:"columns" jsonschema:"the columns"`
	Relations   []relationInfo `json:"relations" jsonschema:"what rows can be read together with"`
	MayWrite    bool           `json:"may_write" jsonschema:"whether your token's scopes allow changes; policies decide about each row"`
}

func describeTable() *tool {
	return define(tool{
		name: "describe_table", title: "Describe a table", group: "tables", scope: rls.ScopeRead,
		description: "Tells of a table's columns, keys, relations, and whether you may change it.",
	}, func(_ context.Context, c *call, in describeIn) (out describeOut, err error) {
		return c.describe(in.Table)
	})
}

func (c *call) describe(name string) (out describeOut, err error) {
	t := c.snapshot.Table(c.h.ident(name))
	if t == nil {
		return out, &toolError{Code: "PGRST205", Message: "There is no table " + strconv.Quote(name), Hint: advice["PGRST205"]}
	}
	out = describeOut{
		Name: name, Description: t.Description, PrimaryKey: append([]string{}, t.PrimaryKey...), Columns: []columnInfo{}, Relations: []relationInfo{},
		MayWrite: c.identity.Caller.Allows(rls.ScopeWrite),
	}
	for _, column := range t.Columns {
		out.Columns = append(out.Columns, columnInfo{
			Name: column.Name, Type: column.NominalType, Nullable: column.Nullable, HasDefault: column.Default != "" || column.Generated || column.Identity != 0,
			Enum: column.Enum, Description: column.Description,
		})
	}
	for key, all := range c.snapshot.Relationships {
		if key.Table != c.h.ident(name) {
			continue
		}
		for _, r := range all {
			if r.ForeignTable.Schema == c.h.Schemas[0] {
				out.Relations = append(out.Relations, relationInfo{Table: r.ForeignTable.Name, Via: via(r), ToOne: r.IsToOne()})
			}
		}
	}
	slices.SortFunc(out.Relations, func(a, b relationInfo) int { return strings.Compare(a.Table+" "+a.Via, b.Table+" "+b.Via) })
	return out, nil
}

// via is what a relationship is named by.
func via(r *schema.Relationship) string {
	switch {
	case r.Constraint != "":
		return r.Constraint
	case r.Junction != nil:
		return r.Junction.Table.Name
	default:
		return r.Function.Name
	}
}

type queryIn struct {
	Table   string   `json:"table" jsonschema:"the table or view" min:"1" max:"200"`
	Select  string   `json:"select,omitempty" jsonschema:"what to read, as PostgREST has it: columns, aliases, and related tables as table(columns); all columns if it is not given" max:"2000"`
	Filters []filter `json:"filters,omitempty" jsonschema:"conditions, all of which must hold" max:"50"`
	Order   string   `json:"order,omitempty" jsonschema:"the order, such as created_at.desc,id" max:"500"`
	page
}

func queryTable() *tool {
	return define(tool{
		name: "query", title: "Query a table", group: "tables", scope: rls.ScopeRead,
		description: "Reads rows of a table or view, with related rows if select names them. You see what policies let you see.",
	}, func(ctx context.Context, c *call, in queryIn) (out rowsOut, err error) {
		query, err := conditions(in.Filters)
		if err != nil {
			return out, err
		}
		if in.Select != "" {
			query.Set("select", in.Select)
		}
		if in.Order != "" {
			query.Set("order", in.Order)
		} else if t := c.snapshot.Table(c.h.ident(in.Table)); t != nil && len(t.PrimaryKey) > 0 {
			query.Set("order", strings.Join(t.PrimaryKey, ","))
		}
		return c.list(ctx, in.Table, query, &in.page)
	})
}

type insertIn struct {
	Table string           `json:"table" jsonschema:"the table" min:"1" max:"200"`
	Rows  []map[string]any `json:"rows" jsonschema:"the rows, each with the same columns" min:"1" max:"100"`
}

func insertRows() *tool {
	return define(tool{
		name: "insert", title: "Insert rows", group: "tables", scope: rls.ScopeWrite,
		description: "Adds rows to a table, all or none. Columns that are left out get their defaults.",
	}, func(ctx context.Context, c *call, in insertIn) (out rowsOut, err error) {
		out.Rows, err = c.change(ctx, http.MethodPost, in.Table, nil, "missing=default", in.Rows)
		return out, err
	})
}

type updateIn struct {
	Table   string         `json:"table" jsonschema:"the table" min:"1" max:"200"`
	Filters []filter       `json:"filters" jsonschema:"which rows; all conditions must hold" min:"1" max:"50"`
	Values  map[string]any `json:"values" jsonschema:"the columns to set"`
	MaxRows int            `json:"max_rows,omitempty" jsonschema:"nothing is changed if more rows match; 1 if it is not given" min:"1" max:"1000"`
}

func updateRows() *tool {
	return define(tool{
		name: "update", title: "Update rows", group: "tables", scope: rls.ScopeWrite, destructive: true, idempotent: true,
		description: "Changes the rows that match. If more than max_rows match, nothing is changed.",
	}, func(ctx context.Context, c *call, in updateIn) (out rowsOut, err error) {
		query, err := conditions(in.Filters)
		if err != nil {
			return out, err
		}
		out.Rows, err = c.change(ctx, http.MethodPatch, in.Table, query, fmt.Sprintf("handling=strict,max-affected=%d", max(in.MaxRows, 1)), in.Values)
		return out, err
	})
}

type deleteIn struct {
	Table        string   `json:"table" jsonschema:"the table" min:"1" max:"200"`
	Filters      []filter `json:"filters" jsonschema:"which rows; all conditions must hold" min:"1" max:"50"`
	ExpectedRows *int     `json:"expected_rows,omitempty" jsonschema:"how many rows you expect to remove; without it nothing is removed, and the answer tells how many would be" min:"0" max:"1000"`
}

type deleteOut struct {
	Matching int              `json:"matching" jsonschema:"how many rows match"`
	Deleted  int              `json:"deleted" jsonschema:"how many rows were removed"`
	Rows     []map[string]any `json:"rows" jsonschema:"the rows that were removed"`
}

func deleteRows() *tool {
	return define(tool{
		name: "delete", title: "Delete rows", group: "tables", scope: rls.ScopeAdmin, destructive: true, idempotent: true,
		description: "First call it without expected_rows: it counts what matches and removes nothing. Then call it again with that number.",
	}, func(ctx context.Context, c *call, in deleteIn) (out deleteOut, err error) {
		out.Rows = []map[string]any{}
		query, err := conditions(in.Filters)
		if err != nil {
			return out, err
		}
		query.Set("limit", "0")
		counted, err := c.rest(ctx, http.MethodGet, in.Table, query, "count=exact", nil)
		if err != nil {
			return out, err
		}
		_, total, _ := strings.Cut(counted.header.Get("Content-Range"), "/")
		if out.Matching, err = strconv.Atoi(total); err != nil || in.ExpectedRows == nil {
			return out, err
		}
		if out.Matching != *in.ExpectedRows {
			return out, &toolError{
				Code: "unexpected_count", Message: fmt.Sprintf("%d rows match, not %d; nothing was removed", out.Matching, *in.ExpectedRows),
				Hint: "Look at them with query, and call again with their number if they are to go.",
			}
		}
		query.Del("limit")
		if out.Matching > 0 {
			out.Rows, err = c.change(ctx, http.MethodDelete, in.Table, query, fmt.Sprintf("handling=strict,max-affected=%d", out.Matching), nil)
		}
		out.Deleted = len(out.Rows)
		return out, err
	})
}

type callFunctionIn struct {
	Name      string         `json:"name" jsonschema:"a function of list_tables" min:"1" max:"200"`
	Arguments map[string]any `json:"arguments,omitempty" jsonschema:"its arguments, by name"`
}

type callFunctionOut struct {
	Result any `json:"result" jsonschema:"what it returned"`
}

func callFunction() *tool {
	return define(tool{
		name: "call_function", title: "Call a function", group: "tables", scope: rls.ScopeRead, changes: true, destructive: true,
		description: "Calls a function of the database. One that changes something needs the scope write.",
	}, func(ctx context.Context, c *call, in callFunctionIn) (out callFunctionOut, err error) {
		if in.Arguments == nil {
			in.Arguments = map[string]any{}
		}
		return out, c.rpc(ctx, in.Name, in.Arguments, &out.Result)
	})
}

type searchTablesIn struct {
	Query  string   `json:"query" jsonschema:"what to look for in texts, whatever its case" min:"2" max:"200"`
	Tables []string `json:"tables,omitempty" jsonschema:"the tables to look in, at most 20; the first 20 with texts if none are given" max:"20"`
	Limit  int      `json:"limit,omitempty" jsonschema:"how many rows of each table at most; 5 if it is not given" min:"1" max:"25"`
}

type foundRows struct {
	Table string           `json:"table" jsonschema:"the table"`
	Rows  []map[string]any `json:"rows" jsonschema:"rows with the text"`
}

type searchTablesOut struct {
	Found []foundRows `json:"found" jsonschema:"the tables in which something was found"`
}

func searchTables() *tool {
	return define(tool{
		name: "search", title: "Search tables", group: "tables", scope: rls.ScopeRead,
		description: "Looks for a text in all text columns of tables. Large tables are better asked with query.",
	}, func(ctx context.Context, c *call, in searchTablesIn) (out searchTablesOut, err error) {
		out.Found = []foundRows{}
		if in.Limit == 0 {
			in.Limit = 5
		}
		pattern, err := literal("in", []any{"*" + in.Query + "*"})
		if err != nil {
			return out, err
		}
		for _, name := range c.searchable(in.Tables) {
			var terms []string
			for _, column := range c.snapshot.Table(c.h.ident(name)).Columns {
				if column.Type == "text" || strings.HasPrefix(column.Type, "character varying") {
					terms = append(terms, strconv.Quote(column.Name)+".ilike."+pattern[1:len(pattern)-1])
				}
			}
			got, err := c.list(ctx, name, url.Values{"or": {"(" + strings.Join(terms, ",") + ")"}}, &page{Limit: in.Limit})
			if err != nil && len(in.Tables) > 0 {
				return out, err
			}
			if len(got.Rows) > 0 { // what the caller may not read is passed over
				out.Found = append(out.Found, foundRows{Table: name, Rows: got.Rows})
			}
		}
		return out, nil
	})
}

// searchable are the tables with texts, of those that are named or of all.
func (c *call) searchable(named []string) []string {
	var out []string
	for id, t := range c.snapshot.Tables {
		hasText := slices.ContainsFunc(t.Columns, func(column *schema.Column) bool {
			return column.Type == "text" || strings.HasPrefix(column.Type, "character varying")
		})
		if id.Schema == c.h.Schemas[0] && hasText && (len(named) == 0 || slices.Contains(named, id.Name)) {
			out = append(out, id.Name)
		}
	}
	slices.Sort(out)
	return out[:min(len(out), 20)]
}
