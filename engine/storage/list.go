package storage

import (
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// entry is a line of a listing: an object, or a folder without an id.
type entry struct {
	Name           string          `json:"name"`
	ID             *string         `json:"id"`
	UpdatedAt      *timestamp      `json:"updated_at"`
	CreatedAt      *timestamp      `json:"created_at"`
	LastAccessedAt *timestamp      `json:"last_accessed_at"`
	Metadata       json.RawMessage `json:"metadata"`
	// Key is the whole name, which listV2 tells beside it.
	Key string `json:"key,omitempty"`
}

func scanEntry(row pgx.CollectableRow) (entry, error) {
	var e entry
	var updated, created, accessed *time.Time
	err := row.Scan(&e.Name, &e.ID, &updated, &created, &accessed, &e.Metadata)
	for _, one := range []struct {
		from *time.Time
		to   **timestamp
	}{{updated, &e.UpdatedAt}, {created, &e.CreatedAt}, {accessed, &e.LastAccessedAt}} {
		if one.from != nil {
			*one.to = &timestamp{*one.from}
		}
	}
	return e, err
}

const (
	defaultListed = 100
	// maxListed is how many entries one answer has at most.
	maxListed = 1000
	// maxListedV1 bounds what the first version lists, which had no limit.
	maxListedV1 = 10_000
)

var (
	sortColumns   = []string{"name", "updated_at", "created_at", "last_accessed_at"}
	sortColumnsV2 = []string{"name", "updated_at", "created_at"}
)

// sorting is the field sortBy of both listings.
type sorting struct {
	Column string `json:"column"`
	Order  string `json:"order"`
}

func (s *sorting) check(columns []string) error {
	if s.Column == "" {
		s.Column = "name"
	}
	if !slices.Contains(columns, s.Column) {
		return invalidRequest("body/sortBy/column must be equal to one of the allowed values")
	}
	s.Order = strings.ToLower(s.Order)
	if s.Order != "" && s.Order != "asc" && s.Order != "desc" {
		return invalidRequest("body/sortBy/order must be equal to one of the allowed values")
	}
	return nil
}

// list serves the first version: one level of folders, by offset.
func (c *call) list() (any, error) {
	var f struct {
		Prefix string  `json:"prefix"`
		Limit  *int    `json:"limit"`
		Offset int     `json:"offset"`
		Search string  `json:"search"`
		SortBy sorting `json:"sortBy"`
	}
	if err := c.body(&f); err != nil {
		return nil, err
	}
	if err := f.SortBy.check(sortColumns); err != nil {
		return nil, err
	}
	limit := defaultListed
	if f.Limit != nil {
		limit = *f.Limit
	}
	if limit < 0 || f.Offset < 0 {
		return nil, invalidRequest("body/limit and body/offset must not be negative")
	}
	limit = min(limit, maxListedV1)
	folder := strings.TrimPrefix(f.Prefix, "/")
	if folder != "" && !strings.HasSuffix(folder, "/") {
		folder += "/"
	}
	// A search may go on into folders below.
	if at := strings.LastIndexByte(f.Search, '/'); at >= 0 {
		folder, f.Search = folder+f.Search[:at+1], f.Search[at+1:]
	}
	sql, args := `
		select name, id::text, updated_at, created_at, last_accessed_at, metadata from nexus.storage_search($1, $2, $3, $4, $5, $6, $7)`,
		[]any{c.to.bucket, folder, f.Search, f.SortBy.Column, f.SortBy.Order == "desc", limit, f.Offset}
	if f.SortBy.Column == "name" && f.SortBy.Order != "desc" && f.Search == "" {
		// The usual case reads no more than it lists, however much there is.
		sql, args = `
			select trim(trailing '/' from substr(key, length($2) + 1)), id::text, updated_at, created_at, last_accessed_at, metadata
			from nexus.storage_list_entries($1, $2, '/', '', $3) where key <> $2 offset $4`,
			[]any{c.to.bucket, folder, limit + f.Offset, f.Offset}
	}
	return c.entries(sql, args...)
}

func (c *call) entries(sql string, args ...any) ([]entry, error) {
	var all []entry
	err := c.read(func(tx pgx.Tx) error {
		rows, err := tx.Query(c.Context(), sql, args...)
		if err != nil {
			return err
		}
		all, err = pgx.CollectRows(rows, scanEntry)
		return err
	})
	if all == nil {
		all = []entry{}
	}
	return all, err
}

// page is what listV2 answers.
type page struct {
	HasNext       bool    `json:"hasNext"`
	NextCursor    string  `json:"nextCursor,omitempty"`
	NextCursorKey string  `json:"nextCursorKey,omitempty"`
	Folders       []entry `json:"folders"`
	Objects       []entry `json:"objects"`
}

// cursor is where a page of listV2 ended.
type cursor struct {
	After  string `json:"k"`
	Column string `json:"c,omitempty"`
	Order  string `json:"o,omitempty"`
	// Value is that of the column, in PostgreSQL's text form.
	Value string `json:"v,omitempty"`
}

func (c *cursor) encode() string {
	text, err := json.Marshal(c)
	if err != nil {
		return "" // texts always encode
	}
	return base64.StdEncoding.EncodeToString(text)
}

func decodeCursor(text string) (cursor, error) {
	var out cursor
	if text == "" {
		return out, nil
	}
	decoded, err := base64.StdEncoding.DecodeString(text)
	if err == nil {
		err = json.Unmarshal(decoded, &out)
	}
	if err != nil || (out.Column != "" && !slices.Contains(sortColumnsV2, out.Column)) {
		return out, &Error{Status: 400, Code: "InvalidParameter", Name: "InvalidParameter", Message: "Invalid Parameter cursor"}
	}
	return out, nil
}

// listV2 serves the second version: whole keys, by cursor.
func (c *call) listV2() (any, error) {
	var f struct {
		Prefix        string  `json:"prefix"`
		Limit         int     `json:"limit"`
		Cursor        string  `json:"cursor"`
		WithDelimiter bool    `json:"with_delimiter"`
		SortBy        sorting `json:"sortBy"`
	}
	if err := c.body(&f); err != nil {
		return nil, err
	}
	after, err := decodeCursor(f.Cursor)
	if err != nil {
		return nil, err
	}
	if f.Cursor != "" {
		f.SortBy = sorting{after.Column, after.Order}
	}
	if err := f.SortBy.check(sortColumnsV2); err != nil {
		return nil, err
	}
	if f.Limit < 0 {
		return nil, invalidRequest("body/limit must be >= 1")
	}
	if f.Limit == 0 || f.Limit > maxListed {
		f.Limit = maxListed
	}
	delimiter := ""
	if f.WithDelimiter {
		delimiter = "/"
	}
	var all []entry
	if f.SortBy.Column == "name" && f.SortBy.Order != "desc" {
		all, err = c.entries(`
			select key, id::text, updated_at, created_at, last_accessed_at, metadata from nexus.storage_list_entries($1, $2, $3, $4, $5)`,
			c.to.bucket, f.Prefix, delimiter, after.After, f.Limit+1)
	} else {
		all, err = c.sortedEntries(f.Prefix, delimiter, f.SortBy, after, f.Limit+1)
	}
	if err != nil {
		return nil, err
	}
	return newPage(all, f.Limit, f.SortBy, f.WithDelimiter), nil
}

// sortedEntries lists by another order than that of the keys. It reads all that has the prefix.
func (c *call) sortedEntries(prefix, delimiter string, by sorting, after cursor, limit int) ([]entry, error) {
	comparison, direction := ">", "asc"
	if by.Order == "desc" {
		comparison, direction = "<", "desc"
	}
	// The column is one of sortColumnsV2. Folders come before objects in the order of times, for they have none.
	value := "coalesce(e." + by.Column + ", '-infinity')"
	if by.Column == "name" {
		value = "e.name collate \"C\""
	}
	typed := "$5::timestamptz"
	if by.Column == "name" {
		typed, after.Value = "$5::text", after.After
	} else if after.Value == "" {
		after.Value = "-infinity"
	}
	return c.entries(`
		with entries as (
			select distinct on (1) case when p.place > 0 then left(o.name, length($2) + p.place) else o.name end as name,
				case when p.place > 0 then null else o.id end as id,
				case when p.place > 0 then null else o.updated_at end as updated_at,
				case when p.place > 0 then null else o.created_at end as created_at,
				case when p.place > 0 then null else o.last_accessed_at end as last_accessed_at,
				case when p.place > 0 then null else o.metadata end as metadata
			from storage.objects o,
				lateral (select case when $3 = '' then 0 else strpos(substr(o.name, length($2) + 1), $3) end as place) p
			where o.bucket_id = $1 and o.name collate "C" >= $2 collate "C" and o.name collate "C" < ($2 || chr(1114111)) collate "C"
		)
		select e.name, e.id::text, e.updated_at, e.created_at, e.last_accessed_at, e.metadata
		from entries e
		where $4 = '' or (`+value+`, e.name collate "C") `+comparison+` (`+typed+`, $4 collate "C")
		order by `+value+" "+direction+`, e.name collate "C" `+direction+`
		limit $6`, c.to.bucket, prefix, delimiter, after.After, after.Value, limit)
}

func newPage(all []entry, limit int, by sorting, folders bool) *page {
	p := &page{Folders: []entry{}, Objects: []entry{}}
	if len(all) > limit {
		all = all[:limit]
		last := &all[limit-1]
		next := cursor{After: last.Name, Column: by.Column, Order: by.Order}
		times := map[string]*timestamp{"updated_at": last.UpdatedAt, "created_at": last.CreatedAt}
		if at := times[by.Column]; at != nil {
			next.Value = at.UTC().Format(time.RFC3339Nano)
		}
		p.HasNext, p.NextCursor, p.NextCursorKey = true, next.encode(), last.Name
	}
	for _, e := range all {
		e.Key = e.Name
		if e.ID == nil && folders {
			p.Folders = append(p.Folders, e)
		} else {
			p.Objects = append(p.Objects, e)
		}
	}
	return p
}
