package schema

// handlersSQL finds the aggregates over a relation's rows, and the functions, that return a domain named like a media type.
const handlersSQL = `
	with row_types as (
		select reltype as oid from pg_catalog.pg_class where relkind in ('v', 'r', 'm', 'f', 'p')
		union
		select 'pg_catalog.anyelement'::regtype::oid
	), media_types as (
		select t.oid, t.typname, n.nspname,
			case t.typname when '*/*' then 'application/octet-stream' else t.typname end as resolved
		from pg_catalog.pg_type t join pg_catalog.pg_namespace n on n.oid = t.typnamespace
		where t.typtype = 'd' and (t.typname ~* '^[a-z0-9.-]+/[a-z0-9.+-]+$' or t.typname = '*/*')
	)
	select pn.nspname::text, p.proname::text, an.nspname::text, a.typname::text, lower(m.typname), m.resolved::text
	from media_types m
	join pg_catalog.pg_proc p on p.prorettype = m.oid
	join pg_catalog.pg_namespace pn on pn.oid = p.pronamespace
	join pg_catalog.pg_aggregate agg on agg.aggfnoid = p.oid
	join pg_catalog.pg_type a on a.oid = p.proargtypes[0]
	join pg_catalog.pg_namespace an on an.oid = a.typnamespace
	where pn.nspname = any($1) and p.pronargs = 1 and a.oid in (select oid from row_types)
	union all
	select m.nspname::text, m.typname::text, pn.nspname::text, p.proname::text, lower(m.typname), m.resolved::text
	from media_types m
	join pg_catalog.pg_proc p on p.prorettype = m.oid
	join pg_catalog.pg_namespace pn on pn.oid = p.pronamespace
	where pn.nspname = any($1) and not p.proretset and p.prokind = 'f'`

// builtinHandlers are the media types that every relation can be read as; the database may override them.
func builtinHandlers() map[MediaHandlerKey]MediaHandler {
	const json, csv, geo = "application/json", "text/csv", "application/geo+json"
	return map[MediaHandlerKey]MediaHandler{
		{AnyElement, "*/*"}: {Kind: HandlerJSON, MediaType: json},
		{AnyElement, json}:  {Kind: HandlerJSON, MediaType: json},
		{AnyElement, csv}:   {Kind: HandlerCSV, MediaType: csv},
		{AnyElement, geo}:   {Kind: HandlerGeoJSON, MediaType: geo},
	}
}

func (l *loader) readMediaHandlers() error {
	l.snapshot.MediaHandlers = builtinHandlers()
	var function, target Ident
	var key, mediaType string
	dest := []any{&function.Schema, &function.Name, &target.Schema, &target.Name, &key, &mediaType}
	return l.each(handlersSQL, []any{l.opts.Schemas}, dest, func() error {
		l.snapshot.MediaHandlers[MediaHandlerKey{Target: target, MediaType: key}] = MediaHandler{
			Kind: HandlerCustom, Function: function, Target: target, MediaType: mediaType,
		}
		return nil
	})
}
