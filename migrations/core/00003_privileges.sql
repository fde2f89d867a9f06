-- A new table, sequence or function in public is reachable by the API roles as soon as it exists, so that row level security
-- policies alone decide who sees what. Objects that exist already keep the grants they have.

-- +goose Up

-- +goose StatementBegin
do $$
declare
  api_role name;
begin
  if pg_catalog.to_regnamespace('public') is null then
    return;
  end if;
  foreach api_role in array array['anon', 'authenticated', 'service_role'] loop
    -- What PUBLIC may do does not count: hardened databases take it away later.
    continue when exists (
      select
      from pg_catalog.pg_namespace n, pg_catalog.aclexplode(n.nspacl) a
      where n.nspname = 'public' and a.grantee = api_role::pg_catalog.regrole and a.privilege_type = 'USAGE'
    );
    execute pg_catalog.format('grant usage on schema public to %I', api_role);
    insert into nexus.core_objects (kind, name, grantee, privilege) values ('on schema', 'public', api_role, 'usage');
  end loop;
end
$$;
-- +goose StatementEnd

-- TRUNCATE, REFERENCES and TRIGGER are not subject to row level security, so only service_role gets them.
-- Default privileges are those of the role that creates the object: ours, and the database's owner if we may act for it.
-- +goose StatementBegin
do $$
declare
  missing record;
begin
  if pg_catalog.to_regnamespace('public') is null then
    return;
  end if;
  for missing in
    with creators as (
      select r.oid, r.rolname from pg_catalog.pg_roles r where r.rolname = current_user
      union
      select r.oid, r.rolname
      from pg_catalog.pg_database d
      join pg_catalog.pg_roles r on r.oid = d.datdba
      where d.datname = pg_catalog.current_database() and pg_catalog.pg_has_role(r.oid, 'member')
    ), wanted (object_type, objects, grantees, privileges) as (
      values
        ('r', 'tables', array['anon', 'authenticated', 'service_role'], array['select', 'insert', 'update', 'delete']),
        ('r', 'tables', array['service_role'], array['truncate', 'references', 'trigger']),
        ('S', 'sequences', array['anon', 'authenticated', 'service_role'], array['usage', 'select']),
        ('S', 'sequences', array['service_role'], array['update']),
        ('f', 'functions', array['anon', 'authenticated', 'service_role'], array['execute'])
    )
    select c.rolname as creator, w.objects, g.grantee, p.privilege
    from creators c, wanted w, unnest(w.grantees) as g (grantee), unnest(w.privileges) as p (privilege)
    where not exists (
      select
      from pg_catalog.pg_default_acl d, pg_catalog.aclexplode(d.defaclacl) a
      where d.defaclrole = c.oid
        and d.defaclnamespace = 'public'::pg_catalog.regnamespace
        and d.defaclobjtype::text = w.object_type
        and a.grantee = g.grantee::pg_catalog.regrole
        and a.privilege_type = upper(p.privilege)
    )
  loop
    execute pg_catalog.format(
      'alter default privileges for role %I in schema public grant %s on %s to %I',
      missing.creator, missing.privilege, missing.objects, missing.grantee
    );
    insert into nexus.core_objects (kind, name, grantee, privilege)
    values ('on new ' || missing.objects, missing.creator, missing.grantee, missing.privilege);
  end loop;
end
$$;
-- +goose StatementEnd

-- +goose Down

-- Tables that were created in between keep their grants: they are their owners' business by now.
-- +goose StatementBegin
do $$
declare
  granted record;
begin
  for granted in
    select o.*, replace(o.kind, 'on new ', '') as objects from nexus.core_objects o where o.kind like 'on new %'
  loop
    if pg_catalog.to_regnamespace('public') is not null
      and pg_catalog.to_regrole(pg_catalog.quote_ident(granted.name)) is not null
      and pg_catalog.to_regrole(pg_catalog.quote_ident(granted.grantee)) is not null then
      execute pg_catalog.format(
        'alter default privileges for role %I in schema public revoke %s on %s from %I',
        granted.name, granted.privilege, granted.objects, granted.grantee
      );
    end if;
  end loop;
  delete from nexus.core_objects where kind like 'on new %';
  for granted in select o.* from nexus.core_objects o where o.kind = 'on schema' and o.name = 'public' loop
    if pg_catalog.to_regnamespace('public') is not null
      and pg_catalog.to_regrole(pg_catalog.quote_ident(granted.grantee)) is not null then
      execute pg_catalog.format('revoke %s on schema public from %I', granted.privilege, granted.grantee);
    end if;
  end loop;
  delete from nexus.core_objects where kind = 'on schema' and name = 'public';
end
$$;
-- +goose StatementEnd
