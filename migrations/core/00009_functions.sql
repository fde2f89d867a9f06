-- The schema whose functions are endpoints of functions/v1.

-- +goose Up

-- +goose StatementBegin
do $$
declare
  api_role name;
begin
  if pg_catalog.to_regnamespace('functions') is null then
    if not pg_catalog.has_database_privilege(pg_catalog.current_database(), 'create') then
      raise warning 'schema functions is not made, because this role may not create schemas: functions in SQL are not served';
      return;
    end if;
    create schema functions;
    comment on schema functions is
      'Functions served at functions/v1/<name>; the comment on one says how it is called: @method, @access, @tier, @tag';
    insert into nexus.core_objects (kind, name) values ('schema', 'functions');
  end if;
  foreach api_role in array array['anon', 'authenticated', 'service_role'] loop
    continue when pg_catalog.has_schema_privilege(api_role, 'functions', 'usage');
    execute pg_catalog.format('grant usage on schema functions to %I', api_role);
    insert into nexus.core_objects (kind, name, grantee, privilege) values ('on schema', 'functions', api_role, 'usage');
  end loop;
end
$$;
-- +goose StatementEnd

-- +goose Down

-- Somebody's functions stay, and the schema with them.
-- +goose StatementBegin
do $$
begin
  if exists (select from nexus.core_objects where kind = 'schema' and name = 'functions') then
    drop schema functions;
    delete from nexus.core_objects where kind = 'schema' and name = 'functions';
    delete from nexus.core_objects where kind = 'on schema' and name = 'functions';
  end if;
exception
  when dependent_objects_still_exist then raise notice 'schema functions stays: %', sqlerrm;
end
$$;
-- +goose StatementEnd
-- +goose StatementBegin
do $$
declare
  given record;
begin
  for given in select o.grantee from nexus.core_objects o where o.kind = 'on schema' and o.name = 'functions' loop
    execute pg_catalog.format('revoke usage on schema functions from %I', given.grantee);
  end loop;
  delete from nexus.core_objects where kind = 'on schema' and name = 'functions';
end
$$;
-- +goose StatementEnd
