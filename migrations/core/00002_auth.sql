-- What policies ask about the caller. Names, types and answers are those of Supabase's functions, so that its policies run
-- unchanged.

-- +goose Up

-- +goose StatementBegin
do $$
begin
  if pg_catalog.to_regnamespace('auth') is null then
    create schema auth;
    comment on schema auth is 'Who is calling: functions for row level security policies';
    insert into nexus.core_objects (kind, name) values ('schema', 'auth');
  end if;
end
$$;
-- +goose StatementEnd

-- The bodies are of the SQL standard's form: PostgreSQL binds their names here and now, so no search_path can redirect them,
-- and it can still inline them, which a function with a search_path setting of its own forgoes. Policies call them per row.
-- The settings with "claim" in the singular are what PostgREST before version 9 made of each claim; tests of policies written
-- then still set them.
-- +goose StatementBegin
do $$
declare
  wanted record;
begin
  for wanted in
    select *
    from (values
      ('auth.jwt()', 'jsonb', $body$
        coalesce(
          nullif(pg_catalog.current_setting('request.jwt.claim', true), ''),
          nullif(pg_catalog.current_setting('request.jwt.claims', true), '')
        )::jsonb
      $body$, 'All claims of the caller''s token, null without one'),
      ('auth.uid()', 'uuid', $body$
        coalesce(
          nullif(pg_catalog.current_setting('request.jwt.claim.sub', true), ''),
          nullif(pg_catalog.current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub'
        )::uuid
      $body$, 'The caller''s user id, the token''s sub claim, null without one'),
      ('auth.role()', 'text', $body$
        coalesce(
          nullif(pg_catalog.current_setting('request.jwt.claim.role', true), ''),
          nullif(pg_catalog.current_setting('request.jwt.claims', true), '')::jsonb ->> 'role'
        )
      $body$, 'The token''s role claim, null without one'),
      ('auth.email()', 'text', $body$
        coalesce(
          nullif(pg_catalog.current_setting('request.jwt.claim.email', true), ''),
          nullif(pg_catalog.current_setting('request.jwt.claims', true), '')::jsonb ->> 'email'
        )
      $body$, 'The token''s email claim, null without one')
    ) as f (signature, result, body, meaning)
  loop
    continue when pg_catalog.to_regprocedure(wanted.signature) is not null;
    execute pg_catalog.format(
      'create function %s returns %s language sql stable parallel safe return %s', wanted.signature, wanted.result, wanted.body
    );
    execute pg_catalog.format('comment on function %s is %L', wanted.signature, wanted.meaning);
    execute pg_catalog.format('grant execute on function %s to anon, authenticated, service_role', wanted.signature);
    insert into nexus.core_objects (kind, name) values ('function', wanted.signature);
  end loop;
end
$$;
-- +goose StatementEnd

-- +goose StatementBegin
do $$
declare
  api_role name;
begin
  foreach api_role in array array['anon', 'authenticated', 'service_role'] loop
    continue when pg_catalog.has_schema_privilege(api_role, 'auth', 'usage');
    execute pg_catalog.format('grant usage on schema auth to %I', api_role);
    insert into nexus.core_objects (kind, name, grantee, privilege) values ('on schema', 'auth', api_role, 'usage');
  end loop;
end
$$;
-- +goose StatementEnd

-- +goose Down

-- Functions that policies use stay, and the schema with them: dropping them would take the policies away.
-- +goose StatementBegin
do $$
declare
  created record;
begin
  for created in select o.name from nexus.core_objects o where o.kind = 'function' and o.name like 'auth.%' loop
    begin
      execute pg_catalog.format('drop function if exists %s', created.name);
      delete from nexus.core_objects where kind = 'function' and name = created.name;
    exception
      when dependent_objects_still_exist then
        raise notice 'function % stays: %', created.name, sqlerrm;
    end;
  end loop;
  if exists (select from nexus.core_objects where kind = 'function' and name like 'auth.%') then
    return;
  end if;
  for created in select o.grantee from nexus.core_objects o where o.kind = 'on schema' and o.name = 'auth' loop
    if pg_catalog.to_regnamespace('auth') is not null
      and pg_catalog.to_regrole(pg_catalog.quote_ident(created.grantee)) is not null then
      execute pg_catalog.format('revoke usage on schema auth from %I', created.grantee);
    end if;
    delete from nexus.core_objects where kind = 'on schema' and name = 'auth' and grantee = created.grantee;
  end loop;
  if exists (select from nexus.core_objects where kind = 'schema' and name = 'auth') then
    drop schema if exists auth restrict;
    delete from nexus.core_objects where kind = 'schema' and name = 'auth';
  end if;
exception
  when dependent_objects_still_exist then
    raise notice 'schema auth stays: %', sqlerrm;
end
$$;
-- +goose StatementEnd
