package schema

// aggregateHandlersSQL finds the aggregates over a composite type or anyelement that return a domain named like a media
// type, scalarHandlersSQL the functions that return one
// (https://docs.postgrest.org/en/v14/references/api/media_type_handlers.html).
const (
	mediaTypePattern = `(t.typname ~* '^[a-z0-9.-]+/[a-z0-9.+-]+$' or t.typname = '*/*')`

	aggregateHandlersSQL = `
	select p.pronamespace, p.proname, a.oid, a.typname, t.typname, lower(t.typname)
	from pg_type t
	join pg_proc p on p.prorettype = t.oid
	join pg_type a on a.oid = p.proargtypes[0]
	where t.typtype = 'd' and ` + mediaTypePattern + `
		and p.prokind = 'a' and p.pronargs = 1 and p.pronamespace = any($1)
		and (a.typtype = 'c' or a.oid = 'anyelement'::regtype)
	order by p.pronamespace, p.proname, p.oid`

	scalarHandlersSQL = `
	select t.typnamespace, t.typname, p.pronamespace, p.proname, t.typname, lower(t.typname)
	from pg_type t
	join pg_proc p on p.prorettype = t.oid
	where t.typtype = 'd' and ` + mediaTypePattern + `
		and p.prokind = 'f' and not p.proretset and p.pronamespace = any($1)
	order by p.pronamespace, p.proname, p.oid`
)

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
	var (
		namespace, target                       uint32
		name, targetName, mediaType, lowerCased string
	)
	dest := []any{&namespace, &name, &target, &targetName, &mediaType, &lowerCased}
	add := func(target Ident) {
		if mediaType == "*/*" {
			// A handler for anything says what it answers with in a header of its own.
			mediaType = "application/octet-stream"
		}
		l.snapshot.MediaHandlers[MediaHandlerKey{Target: target, MediaType: lowerCased}] = MediaHandler{
			Kind: HandlerCustom, Function: Ident{Schema: l.namespaces[namespace], Name: name}, Target: target, MediaType: mediaType,
		}
	}
	err := l.each(aggregateHandlersSQL, []any{l.exposed}, dest, func() error {
		if target == oidAnyElement {
			add(AnyElement)
		} else if r := l.rowTypes[target]; r != nil {
			add(r.table.Ident)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return l.each(scalarHandlersSQL, []any{l.exposed}, dest, func() error {
		add(Ident{Schema: l.namespaces[target], Name: targetName})
		return nil
	})
}
