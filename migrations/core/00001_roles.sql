-- The roles that requests run as, and the role that the server logs in as.

-- +goose Up

-- Databases that come to us may have these roles already (a Supabase dump, a hand-made PostgREST setup). Everything below
-- leaves what it finds as it is and notes what it adds here, so that the down migrations take back that and nothing else.
create table if not exists nexus.core_objects (
  kind text not null,
  name text not null,
  grantee text not null default '',
  privilege text not null default '',
  created_at timestamptz not null default pg_catalog.now(),
  primary key (kind, name, grantee, privilege)
);

comment on table nexus.core_objects is 'Objects and grants that the core migrations added; the down migrations remove no others';
comment on column nexus.core_objects.kind is 'What was added: role, membership, login, schema, function, event trigger, or the kind of object a grant is on';
comment on column nexus.core_objects.name is 'Name of the role, schema or function; for default privileges the role whose new objects they are for';
comment on column nexus.core_objects.grantee is 'Who a grant was given to, empty for an object';
comment on column nexus.core_objects.privilege is 'What a grant allows, empty for an object';
comment on column nexus.core_objects.created_at is 'When it was added';

-- +goose StatementBegin
do $$
declare
  wanted record;
begin
  for wanted in
    select *
    from (values
      ('anon', 'nologin noinherit', 'Requests without a token run as this role'),
      ('authenticated', 'nologin noinherit', 'Requests of signed-in users run as this role'),
      ('service_role', 'nologin noinherit bypassrls', 'Requests of trusted servers run as this role; row level security does not apply to it'),
      ('authenticator', 'login noinherit', 'The server logs in as this role; it can do nothing but become one of the others')
    ) as r (name, attributes, meaning)
  loop
    continue when exists (select from pg_catalog.pg_roles where rolname = wanted.name);
    begin
      execute pg_catalog.format('create role %I with %s', wanted.name, wanted.attributes);
      execute pg_catalog.format('comment on role %I is %L', wanted.name, wanted.meaning);
      insert into nexus.core_objects (kind, name) values ('role', wanted.name);
    exception
      -- Roles belong to all databases of a cluster, and another one may be migrating right now.
      when duplicate_object or unique_violation then null;
    end;
  end loop;
end
$$;
-- +goose StatementEnd

-- +goose StatementBegin
do $$
declare
  granted name;
begin
  foreach granted in array array['anon', 'authenticated', 'service_role'] loop
    continue when exists (
      select
      from pg_catalog.pg_auth_members m
      where m.roleid = granted::pg_catalog.regrole and m.member = 'authenticator'::pg_catalog.regrole
    );
    begin
      execute pg_catalog.format('grant %I to authenticator', granted);
      insert into nexus.core_objects (kind, name, grantee) values ('membership', granted, 'authenticator');
    exception
      when unique_violation then null;
    end;
  end loop;
end
$$;
-- +goose StatementEnd

-- +goose Down

-- A role that owns something, holds a grant of somebody else's or is used by another database stays: PostgreSQL refuses to
-- drop it, and it keeps its note so that a later down can try again. As long as one of them stays for another database,
-- authenticator stays to log in there.
-- +goose StatementBegin
do $$
declare
  created record;
begin
  for created in
    select o.name from nexus.core_objects o where o.kind = 'role' order by o.name = 'authenticator', o.name
  loop
    exit when created.name = 'authenticator'
      and exists (select from nexus.core_objects where kind = 'role' and name <> 'authenticator');
    begin
      execute pg_catalog.format('drop role if exists %I', created.name);
      delete from nexus.core_objects
      where (kind in ('role', 'login') and name = created.name)
        or (kind = 'membership' and created.name in (name, grantee));
    exception
      when dependent_objects_still_exist or insufficient_privilege then
        raise notice 'role % stays: %', created.name, sqlerrm;
    end;
  end loop;
  -- A membership goes by itself only between roles that were here before us; those of our roles went with the roles.
  for created in
    select m.name, m.grantee
    from nexus.core_objects m
    where m.kind = 'membership'
      and not exists (select from nexus.core_objects r where r.kind = 'role' and r.name in (m.name, m.grantee))
  loop
    if pg_catalog.to_regrole(pg_catalog.quote_ident(created.name)) is not null
      and pg_catalog.to_regrole(pg_catalog.quote_ident(created.grantee)) is not null then
      execute pg_catalog.format('revoke %I from %I', created.name, created.grantee);
    end if;
    delete from nexus.core_objects where kind = 'membership' and name = created.name;
  end loop;
  if not exists (select from nexus.core_objects) then
    drop table nexus.core_objects;
  end if;
end
$$;
-- +goose StatementEnd
