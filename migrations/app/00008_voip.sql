-- Calls: what a telephone system (PBX) reports of them, who has which extension, and what is being talked about right now.
--
-- The server speaks with no PBX by itself yet: call-initiate refuses until an organization has set one up (pbx_connections), and
-- whoever runs one reports calls with the function call-log.

-- +goose Up

create type public.call_direction as enum ('inbound', 'outbound', 'internal');
comment on type public.call_direction is 'Whether somebody called the organization, was called by it, or both are in it';
create type public.call_status as enum ('answered', 'missed', 'busy', 'failed', 'voicemail');
comment on type public.call_status is 'What became of a call';

create table public.call_logs (
  id uuid not null default gen_random_uuid() primary key,
  organization_id uuid not null references public.organizations (id) on delete cascade,
  customer_id uuid,
  unique_id text check (length(unique_id) between 1 and 200),
  call_date timestamptz not null,
  caller_number text not null check (length(caller_number) between 1 and 50),
  called_number text not null check (length(called_number) between 1 and 50),
  extension text check (length(extension) <= 50),
  direction public.call_direction not null,
  status public.call_status not null,
  duration_seconds integer not null default 0 check (duration_seconds >= 0),
  recording_url text check (length(recording_url) <= 2000),
  agent_notes text check (length(agent_notes) <= 20000),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (organization_id, id),
  unique (organization_id, unique_id),
  foreign key (organization_id, customer_id) references public.customers (organization_id, id) on delete set null (customer_id)
);
create index call_logs_customer_id_idx on public.call_logs (customer_id);
create index call_logs_call_date_idx on public.call_logs (organization_id, call_date desc);
select nexus_app.describe('public.call_logs', 'Calls, as the telephone system reports them',
  'customer_id', 'The contact at the other end, found by the number if it is not given', 'unique_id', 'The telephone system''s id of the call; a report that is sent again changes the row',
  'call_date', 'When the call began', 'caller_number', 'Who called', 'called_number', 'Who was called', 'extension', 'The extension of the organization',
  'direction', 'inbound, outbound or internal', 'status', 'answered, missed, busy, failed or voicemail', 'duration_seconds', 'How long was talked, in seconds',
  'recording_url', 'Where a recording is', 'agent_notes', 'Notes of who talked');

-- +goose StatementBegin
create function nexus_app.match_call() returns trigger
language plpgsql
set search_path = ''
as $$
begin
  if new.customer_id is null and new.direction <> 'internal' then
    select c.id into new.customer_id
    from public.customers c
    where c.organization_id = new.organization_id
      and c.phone_number = case new.direction when 'inbound' then new.caller_number else new.called_number end;
  end if;
  return new;
end
$$;
-- +goose StatementEnd
comment on function nexus_app.match_call() is 'Finds the contact of a call by the number';
create trigger match_call before insert on public.call_logs for each row execute function nexus_app.match_call();

-- +goose StatementBegin
create function nexus_app.note_call() returns trigger
language plpgsql security definer
set search_path = ''
as $$
begin
  if new.customer_id is not null then
    insert into public.customer_touchpoints (organization_id, customer_id, kind, channel, summary, reference_id, occurred_at)
    values (new.organization_id, new.customer_id, 'call', new.direction::text, 'Call ' || new.status, new.id, new.call_date);
  end if;
  return null;
end
$$;
-- +goose StatementEnd
comment on function nexus_app.note_call() is 'Makes a call a touchpoint of its contact';
select nexus_app.secure('nexus_app.note_call()');
create trigger note_call after insert on public.call_logs for each row execute function nexus_app.note_call();

create table public.user_extensions (
  id uuid not null default gen_random_uuid() primary key,
  organization_id uuid not null references public.organizations (id) on delete cascade,
  user_id uuid not null,
  extension text not null check (length(extension) between 1 and 50),
  is_active boolean not null default true,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (organization_id, id),
  unique (organization_id, extension),
  foreign key (organization_id, user_id) references public.organization_members (organization_id, user_id) on delete cascade
);
create index user_extensions_user_id_idx on public.user_extensions (organization_id, user_id);
create index user_extensions_by_user_idx on public.user_extensions (user_id);
select nexus_app.describe('public.user_extensions', 'Which member is reached at which extension of the telephone system',
  'user_id', 'The member', 'extension', 'The extension', 'is_active', 'Whether calls go there');

create table public.active_calls (
  id uuid not null default gen_random_uuid() primary key,
  organization_id uuid not null references public.organizations (id) on delete cascade,
  unique_id text not null check (length(unique_id) between 1 and 200),
  customer_id uuid,
  caller_number text not null check (length(caller_number) between 1 and 50),
  called_number text not null check (length(called_number) between 1 and 50),
  extension text check (length(extension) <= 50),
  direction public.call_direction not null,
  state text not null default 'ringing' check (state in ('ringing', 'answered', 'held')),
  started_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (organization_id, id),
  unique (organization_id, unique_id),
  foreign key (organization_id, customer_id) references public.customers (organization_id, id) on delete cascade
);
create index active_calls_customer_id_idx on public.active_calls (customer_id);
select nexus_app.describe('public.active_calls', 'Calls that are going on; the report of a call''s end removes it',
  'unique_id', 'The telephone system''s id of the call', 'customer_id', 'The contact at the other end', 'caller_number', 'Who calls', 'called_number', 'Who is called',
  'extension', 'The extension of the organization', 'direction', 'inbound, outbound or internal', 'state', 'ringing, answered or held', 'started_at', 'When it began');
create trigger match_call before insert on public.active_calls for each row execute function nexus_app.match_call();

-- +goose StatementBegin
create function nexus_app.end_call() returns trigger
language plpgsql security definer
set search_path = ''
as $$
begin
  delete from public.active_calls a where a.organization_id = new.organization_id and a.unique_id = new.unique_id;
  return null;
end
$$;
-- +goose StatementEnd
comment on function nexus_app.end_call() is 'Takes a call that has ended off the list of active ones';
select nexus_app.secure('nexus_app.end_call()');
create trigger end_call after insert on public.call_logs for each row execute function nexus_app.end_call();

create table public.pbx_connections (
  id uuid not null default gen_random_uuid() primary key,
  organization_id uuid not null unique references public.organizations (id) on delete cascade,
  kind text not null default 'issabel' check (kind in ('issabel', 'asterisk')),
  host text not null check (length(host) between 1 and 254),
  context text not null default 'from-internal' check (length(context) <= 100),
  credentials bytea not null,
  is_active boolean not null default true,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
select nexus_app.describe('public.pbx_connections', 'The telephone system of an organization',
  'kind', 'What it is: issabel or asterisk', 'host', 'Where its manager interface is', 'context', 'The context that calls are made in',
  'credentials', 'Its credentials, encrypted; nobody reads them through the API', 'is_active', 'Whether it is used');

select nexus_app.tenant_table('public.call_logs');
select nexus_app.tenant_table('public.user_extensions', 'administered', 'administered');
select nexus_app.tenant_table('public.active_calls', 'writable', 'writable', 'writable');
select nexus_app.lock_down('public.pbx_connections');
grant select (id, organization_id, kind, host, context, is_active, created_at, updated_at), update (is_active), delete on public.pbx_connections to authenticated;
create policy tenant_select on public.pbx_connections for select to authenticated using (organization_id = (select auth.administered_organization()));
create policy tenant_update on public.pbx_connections for update to authenticated
  using (organization_id = (select auth.administered_organization())) with check (organization_id = (select auth.administered_organization()));
create policy tenant_delete on public.pbx_connections for delete to authenticated using (organization_id = (select auth.administered_organization()));

revoke execute on all functions in schema nexus_app from public;

-- +goose Down

drop table public.pbx_connections, public.active_calls, public.user_extensions, public.call_logs;
drop function nexus_app.end_call(), nexus_app.note_call(), nexus_app.match_call();
drop type public.call_status, public.call_direction;
