-- Tells servers that listen on the channel pgrst, Nexus and PostgREST alike, that the schema has changed. PostgreSQL folds
-- equal notifications of one transaction into one, so a large migration reloads once and another such trigger does no harm.

-- +goose Up

-- +goose StatementBegin
create function nexus.notify_ddl() returns event_trigger
language plpgsql
set search_path = ''
as $$
begin
  -- Temporary objects are of no interest. Grants and comments on schemas have no schema name.
  if exists (
    select
    from pg_catalog.pg_event_trigger_ddl_commands() c
    where c.schema_name is distinct from 'pg_temp'
  ) then
    notify pgrst, 'reload schema';
  end if;
end
$$;
-- +goose StatementEnd

comment on function nexus.notify_ddl() is 'Notifies the channel pgrst of a change to what the API serves';

-- +goose StatementBegin
create function nexus.notify_drop() returns event_trigger
language plpgsql
set search_path = ''
as $$
begin
  if exists (
    select
    from pg_catalog.pg_event_trigger_dropped_objects() o
    where not o.is_temporary
      and o.object_type in (
        'schema', 'table', 'foreign table', 'view', 'materialized view', 'table column', 'table constraint',
        'domain constraint', 'function', 'aggregate', 'type', 'cast', 'trigger', 'rule', 'extension'
      )
  ) then
    notify pgrst, 'reload schema';
  end if;
end
$$;
-- +goose StatementEnd

comment on function nexus.notify_drop() is 'Notifies the channel pgrst of a dropped part of what the API serves';

-- Only a superuser may create event triggers. Without them everything works but that each schema change needs a NOTIFY.
-- +goose StatementBegin
do $$
begin
  create event trigger nexus_ddl on ddl_command_end
    when tag in (
      'CREATE SCHEMA', 'ALTER SCHEMA', 'IMPORT FOREIGN SCHEMA', 'CREATE EXTENSION', 'ALTER EXTENSION',
      'CREATE TABLE', 'CREATE TABLE AS', 'SELECT INTO', 'ALTER TABLE', 'CREATE FOREIGN TABLE', 'ALTER FOREIGN TABLE',
      'CREATE VIEW', 'ALTER VIEW', 'CREATE MATERIALIZED VIEW', 'ALTER MATERIALIZED VIEW', 'CREATE TRIGGER', 'CREATE RULE',
      'CREATE FUNCTION', 'ALTER FUNCTION', 'ALTER ROUTINE',
      'CREATE AGGREGATE', 'ALTER AGGREGATE', 'CREATE TYPE', 'ALTER TYPE', 'CREATE DOMAIN', 'ALTER DOMAIN', 'CREATE CAST',
      'COMMENT', 'GRANT', 'REVOKE'
    )
    execute function nexus.notify_ddl();
  create event trigger nexus_drop on sql_drop
    execute function nexus.notify_drop();
  comment on event trigger nexus_ddl is 'Notifies the channel pgrst of a change to what the API serves';
  comment on event trigger nexus_drop is 'Notifies the channel pgrst of a dropped part of what the API serves';
exception
  when insufficient_privilege then
    raise warning 'event triggers need a superuser: after each schema change run NOTIFY pgrst, ''reload schema''';
end
$$;
-- +goose StatementEnd

-- +goose Down

drop event trigger if exists nexus_ddl;
drop event trigger if exists nexus_drop;
drop function if exists nexus.notify_ddl();
drop function if exists nexus.notify_drop();
