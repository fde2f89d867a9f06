-- Calls of tools over the Model Context Protocol: who, what, with which arguments, and what came of it.

-- +goose Up

create table nexus.mcp_calls (
  id bigint generated always as identity primary key,
  user_id uuid,
  organization_id uuid,
  tool text not null,
  arguments jsonb not null default '{}',
  rows integer not null default 0,
  error text,
  duration_ms integer not null,
  called_at timestamptz not null default pg_catalog.now()
);
create index mcp_calls_called_at_idx on nexus.mcp_calls (called_at);
create index mcp_calls_organization_id_idx on nexus.mcp_calls (organization_id, called_at);
comment on table nexus.mcp_calls is 'Calls of tools by agents and people; kept for 90 days';
comment on column nexus.mcp_calls.id is 'The call';
comment on column nexus.mcp_calls.user_id is 'Who called: the sub claim of the token';
comment on column nexus.mcp_calls.organization_id is 'The organization that the token was for';
comment on column nexus.mcp_calls.tool is 'The tool';
comment on column nexus.mcp_calls.arguments is 'The arguments, without secrets';
comment on column nexus.mcp_calls.rows is 'How many rows were returned or changed';
comment on column nexus.mcp_calls.error is 'The code of the error, null for success';
comment on column nexus.mcp_calls.duration_ms is 'How long it took, in milliseconds';
comment on column nexus.mcp_calls.called_at is 'When it was called';
alter table nexus.mcp_calls enable row level security;

-- +goose StatementBegin
create function nexus.note_mcp_call(caller uuid, organization uuid, tool text, arguments jsonb, rows integer, error text, duration bigint) returns void
language sql security definer
set search_path = ''
as $$
  insert into nexus.mcp_calls (user_id, organization_id, tool, arguments, rows, error, duration_ms)
  values (caller, organization, tool, arguments, rows, error, duration)
$$;
-- +goose StatementEnd
comment on function nexus.note_mcp_call(uuid, uuid, text, jsonb, integer, text, bigint) is 'Notes a call of a tool';

-- +goose StatementBegin
create function nexus.forget_mcp_calls(most integer) returns integer
language plpgsql security definer
set search_path = ''
as $$
declare
  forgotten integer;
begin
  delete from nexus.mcp_calls c
  where c.id in (select o.id from nexus.mcp_calls o where o.called_at < pg_catalog.now() - interval '90 days' order by o.called_at limit most);
  get diagnostics forgotten = row_count;
  return forgotten;
end
$$;
-- +goose StatementEnd
comment on function nexus.forget_mcp_calls(integer) is 'Removes calls that are long past, but no more than that many';

revoke all on function nexus.note_mcp_call(uuid, uuid, text, jsonb, integer, text, bigint), nexus.forget_mcp_calls(integer) from public;
grant execute on function nexus.note_mcp_call(uuid, uuid, text, jsonb, integer, text, bigint), nexus.forget_mcp_calls(integer) to authenticator;

-- +goose Down

drop function nexus.forget_mcp_calls(integer), nexus.note_mcp_call(uuid, uuid, text, jsonb, integer, text, bigint);
drop table nexus.mcp_calls;
