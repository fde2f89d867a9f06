-- Agents: programs that act for an organization with the rights of their key's scopes; what plans allow, and invitations.

-- +goose Up

create table public.agent_accounts (
  id uuid not null default gen_random_uuid() primary key,
  organization_id uuid not null references public.organizations (id) on delete cascade,
  user_id uuid not null unique references auth.users (id) on delete cascade,
  name text not null check (length(btrim(name)) between 1 and 200),
  platform text check (length(platform) <= 100),
  is_active boolean not null default true,
  created_by uuid references auth.users (id) on delete set null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (organization_id, id),
  unique (organization_id, name)
);
create index agent_accounts_created_by_idx on public.agent_accounts (created_by);
comment on table public.agent_accounts is 'The agents of an organization; each is a user that cannot log in but with a key';
comment on column public.agent_accounts.id is 'The agent';
comment on column public.agent_accounts.organization_id is 'The organization that it works for';
comment on column public.agent_accounts.user_id is 'The user that it acts as: the sub claim of its tokens';
comment on column public.agent_accounts.name is 'Its name';
comment on column public.agent_accounts.platform is 'What it runs on, as it says itself';
comment on column public.agent_accounts.is_active is 'Whether its keys are accepted';
comment on column public.agent_accounts.created_by is 'Who added it, null if it registered itself';
comment on column public.agent_accounts.created_at is 'When it was added';
comment on column public.agent_accounts.updated_at is 'When the row last changed';

create table public.agent_api_keys (
  id uuid not null default gen_random_uuid() primary key,
  organization_id uuid not null references public.organizations (id) on delete cascade,
  agent_id uuid not null,
  name text not null check (length(btrim(name)) between 1 and 200),
  key_prefix text not null check (key_prefix ~ '^nxs_ak_[0-9A-Za-z]{8}$'),
  key_hash text not null check (key_hash like '$2_$__$%'),
  scopes public.agent_scope[] not null check (cardinality(scopes) > 0),
  is_active boolean not null default true,
  expires_at timestamptz,
  last_used_at timestamptz,
  created_by uuid references auth.users (id) on delete set null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (organization_id, id),
  foreign key (organization_id, agent_id) references public.agent_accounts (organization_id, id) on delete cascade
);
create index agent_api_keys_agent_id_idx on public.agent_api_keys (agent_id);
create index agent_api_keys_key_prefix_idx on public.agent_api_keys (key_prefix);
create index agent_api_keys_created_by_idx on public.agent_api_keys (created_by);
comment on table public.agent_api_keys is 'The keys that agents exchange for tokens; a key that was switched off stays off';
comment on column public.agent_api_keys.id is 'The key';
comment on column public.agent_api_keys.organization_id is 'The organization that it opens';
comment on column public.agent_api_keys.agent_id is 'The agent whose key it is';
comment on column public.agent_api_keys.name is 'Its name';
comment on column public.agent_api_keys.key_prefix is 'The first 15 characters, by which people tell keys apart';
comment on column public.agent_api_keys.key_hash is 'The bcrypt hash of the key';
comment on column public.agent_api_keys.scopes is 'What tokens of the key may do';
comment on column public.agent_api_keys.is_active is 'Whether it is accepted; set it to false to revoke the key';
comment on column public.agent_api_keys.expires_at is 'Until when it is accepted, null for ever';
comment on column public.agent_api_keys.last_used_at is 'When it was last exchanged';
comment on column public.agent_api_keys.created_by is 'Who made it';
comment on column public.agent_api_keys.created_at is 'When it was made';
comment on column public.agent_api_keys.updated_at is 'When the row last changed';

create table public.usage_counters (
  organization_id uuid not null references public.organizations (id) on delete cascade,
  metric text not null check (metric in ('contacts', 'orders', 'messages')),
  period date not null,
  used bigint not null default 0 check (used >= 0),
  updated_at timestamptz not null default now(),
  primary key (organization_id, metric, period)
);
comment on table public.usage_counters is 'What an organization has used of its plan';
comment on column public.usage_counters.organization_id is 'The organization';
comment on column public.usage_counters.metric is 'What is counted: contacts, orders or messages';
comment on column public.usage_counters.period is 'The first day of the month (UTC), -infinity for what is counted over all time';
comment on column public.usage_counters.used is 'How many there are, or were made in the period';
comment on column public.usage_counters.updated_at is 'When the row last changed';

-- Keys and agents are managed by owners and admins, who are people; hashes are nobody's business.
select nexus_app.lock_down('public.agent_accounts');
grant select, update (name, platform, is_active), delete on public.agent_accounts to authenticated;
create policy tenant_select on public.agent_accounts for select to authenticated
  using (organization_id = (select auth.readable_organization()));
create policy people_update on public.agent_accounts for update to authenticated
  using (organization_id = (select auth.administered_organization()) and (select auth.org_role()) <> 'agent')
  with check (organization_id = (select auth.administered_organization()) and (select auth.org_role()) <> 'agent');
create policy people_delete on public.agent_accounts for delete to authenticated
  using (organization_id = (select auth.administered_organization()) and (select auth.org_role()) <> 'agent');

select nexus_app.lock_down('public.agent_api_keys');
grant select (id, organization_id, agent_id, name, key_prefix, scopes, is_active, expires_at, last_used_at, created_by, created_at, updated_at),
  update (name, is_active), delete on public.agent_api_keys to authenticated;
create policy people_select on public.agent_api_keys for select to authenticated
  using (organization_id = (select auth.administered_organization()) and (select auth.org_role()) <> 'agent');
create policy people_update on public.agent_api_keys for update to authenticated
  using (organization_id = (select auth.administered_organization()) and (select auth.org_role()) <> 'agent')
  with check (organization_id = (select auth.administered_organization()) and (select auth.org_role()) <> 'agent');
create policy people_delete on public.agent_api_keys for delete to authenticated
  using (organization_id = (select auth.administered_organization()) and (select auth.org_role()) <> 'agent');

select nexus_app.lock_down('public.usage_counters');
grant select on public.usage_counters to authenticated;
create policy tenant_select on public.usage_counters for select to authenticated
  using (organization_id = (select auth.readable_organization()));

-- +goose StatementBegin
create function nexus_app.keep_revoked() returns trigger
language plpgsql
set search_path = ''
as $$
begin
  if new.is_active and not old.is_active then
    raise sqlstate 'PT409' using
      message = 'A revoked key stays revoked', detail = 'key_revoked', hint = 'Create another key.';
  end if;
  return new;
end
$$;
-- +goose StatementEnd
comment on function nexus_app.keep_revoked() is 'Keeps revoked keys from coming back';
create trigger keep_revoked before update of is_active on public.agent_api_keys
  for each row execute function nexus_app.keep_revoked();

-- +goose StatementBegin
create function nexus_app.agent_removed() returns trigger
language plpgsql security definer
set search_path = ''
as $$
begin
  delete from auth.users where id = old.user_id and raw_app_meta_data ->> 'provider' = 'agent';
  return null;
end
$$;
-- +goose StatementEnd
comment on function nexus_app.agent_removed() is 'Removes the user of an agent with it';
select nexus_app.secure('nexus_app.agent_removed()');
create trigger agent_removed after delete on public.agent_accounts for each row execute function nexus_app.agent_removed();
grant insert (id, instance_id, aud, role, raw_app_meta_data, raw_user_meta_data, created_at, updated_at), delete on auth.users to nexus_app;

-- Quotas --------------------------------------------------------------------------------------------------------------

create function nexus_app.quota(organization uuid, metric text, out allowed bigint, out period date)
language sql stable
set search_path = ''
return (
  select row (
    case quota.metric
      when 'contacts' then p.contacts
      when 'orders' then p.orders
      when 'messages' then p.messages_per_month
    end::bigint,
    case
      when quota.metric = 'contacts' or (quota.metric = 'orders' and p.orders_per = 'lifetime') then date '-infinity'
      else pg_catalog.date_trunc('month', pg_catalog.timezone('UTC', pg_catalog.now()))::date
    end
  )
  from public.organizations o
  join public.plans p on p.name = o.plan
  where o.id = organization
);
comment on function nexus_app.quota(uuid, text) is 'How much of a metric an organization''s plan allows, null without limit, and the period that counts now';

-- +goose StatementBegin
create function nexus_app.take_quota(organization uuid, metric text, amount integer default 1) returns void
language plpgsql security definer
set search_path = ''
as $$
declare
  q record;
  plan public.plans;
begin
  if amount <= 0 then
    return;
  end if;
  select x.allowed, x.period into q from nexus_app.quota(organization, take_quota.metric) as x;
  insert into public.usage_counters (organization_id, metric, period)
  values (organization, take_quota.metric, q.period)
  on conflict do nothing;
  update public.usage_counters c
  set used = c.used + amount
  where c.organization_id = organization and c.metric = take_quota.metric and c.period = q.period
    and (q.allowed is null or c.used + amount <= q.allowed);
  if found then
    return;
  end if;
  select p.* into plan from public.plans p join public.organizations o on o.plan = p.name where o.id = organization;
  raise sqlstate 'PT403' using
    message = pg_catalog.format('The plan %s allows no more %s: the limit is %s%s', plan.name, take_quota.metric, q.allowed,
      case when q.period > date '-infinity' then ' a month' else '' end),
    detail = 'quota_exceeded',
    hint = case when plan.next_plan is null then 'Ask for a larger quota.'
      else pg_catalog.format('Move to the plan %s.', plan.next_plan) end;
end
$$;
-- +goose StatementEnd
comment on function nexus_app.take_quota(uuid, text, integer) is
  'Counts what an organization uses of contacts, orders or messages; refuses what its plan does not allow, with status 403';
select nexus_app.secure('nexus_app.take_quota(uuid, text, integer)');

-- +goose StatementBegin
create function nexus_app.give_quota(organization uuid, metric text, amount integer default 1) returns void
language plpgsql security definer
set search_path = ''
as $$
begin
  update public.usage_counters c
  set used = greatest(c.used - amount, 0)
  where c.organization_id = organization and c.metric = give_quota.metric
    and c.period = (select x.period from nexus_app.quota(organization, give_quota.metric) as x);
end
$$;
-- +goose StatementEnd
comment on function nexus_app.give_quota(uuid, text, integer) is 'Takes back what take_quota counted, for what no longer exists';
select nexus_app.secure('nexus_app.give_quota(uuid, text, integer)');
alter function nexus_app.quota(uuid, text) owner to nexus_app;

-- +goose StatementBegin
create function nexus_app.usage() returns jsonb
language plpgsql stable security definer
set search_path = ''
as $$
declare
  organization uuid := auth.readable_organization();
  plan public.plans;
  usage jsonb;
  agents integer;
begin
  if organization is null then
    raise sqlstate 'PT403' using message = 'The token is for no organization', detail = 'organization_required',
      hint = 'Create or join an organization, then refresh the session.';
  end if;
  select p.* into plan from public.plans p join public.organizations o on o.plan = p.name where o.id = organization;
  select count(*) into agents from public.agent_accounts a where a.organization_id = organization and a.is_active;
  select pg_catalog.jsonb_object_agg(m.metric, pg_catalog.jsonb_build_object(
    'used', m.used, 'limit', m.allowed, 'remaining', greatest(m.allowed - m.used, 0),
    'per', case when m.period > date '-infinity' then 'month' else 'total' end
  ))
  into usage
  from (
    select n.metric, q.allowed, q.period, coalesce(c.used, 0) as used
    from unnest(array['contacts', 'orders', 'messages']) as n (metric)
    cross join lateral nexus_app.quota(organization, n.metric) as q
    left join public.usage_counters c on c.organization_id = organization and c.metric = n.metric and c.period = q.period
  ) as m;
  return pg_catalog.jsonb_build_object(
    'organization_id', organization,
    'plan', pg_catalog.jsonb_build_object(
      'name', plan.name, 'price_usd', plan.price_usd, 'scopes', plan.scopes, 'features', plan.features, 'next', plan.next_plan
    ),
    'usage', usage || pg_catalog.jsonb_build_object('agents', pg_catalog.jsonb_build_object(
      'used', agents, 'limit', plan.agents, 'remaining', greatest(plan.agents - agents, 0), 'per', 'total'
    )),
    'api_calls_per_day', plan.api_calls_per_day
  );
end
$$;
-- +goose StatementEnd
comment on function nexus_app.usage() is 'The plan of the caller''s organization and what it has used of it';
select nexus_app.secure('nexus_app.usage()', 'authenticated');

-- Agents and keys --------------------------------------------------------------------------------------------------------

-- +goose StatementBegin
create function nexus_app.add_agent(organization uuid, name text, platform text, creator uuid) returns uuid
language plpgsql security definer
set search_path = ''
as $$
declare
  allowed integer;
  plan_name text;
  upgrade text;
  agent uuid;
  agent_user uuid := gen_random_uuid();
begin
  -- The organization's row is locked, so that two agents cannot take the last place.
  select p.agents, p.name, p.next_plan into allowed, plan_name, upgrade
  from public.organizations o join public.plans p on p.name = o.plan
  where o.id = organization for update of o;
  if allowed <= (select count(*) from public.agent_accounts a where a.organization_id = organization and a.is_active) then
    raise sqlstate 'PT403' using
      message = pg_catalog.format('The plan %s allows no more agents: the limit is %s', plan_name, allowed), detail = 'quota_exceeded',
      hint = pg_catalog.concat_ws(' ', 'Give the key to an agent that exists, or switch one off.', 'Or move to the plan ' || upgrade || '.');
  end if;
  insert into auth.users (id, instance_id, aud, role, raw_app_meta_data, raw_user_meta_data, created_at, updated_at)
  values (agent_user, '00000000-0000-0000-0000-000000000000', 'authenticated', 'authenticated',
    pg_catalog.jsonb_build_object(
      'provider', 'agent', 'providers', pg_catalog.jsonb_build_array('agent'), 'organization_id', organization, 'org_role', 'agent'
    ),
    pg_catalog.jsonb_build_object('full_name', add_agent.name), now(), now());
  insert into public.agent_accounts (organization_id, user_id, name, platform, created_by)
  values (organization, agent_user, btrim(add_agent.name), add_agent.platform, creator)
  returning id into agent;
  return agent;
end
$$;
-- +goose StatementEnd
comment on function nexus_app.add_agent(uuid, text, text, uuid) is 'Adds an agent and its user to an organization, if the plan allows';
select nexus_app.secure('nexus_app.add_agent(uuid, text, text, uuid)');

create function nexus_app.plan_scopes(organization uuid) returns public.agent_scope[]
language sql stable security definer
set search_path = ''
as 'select p.scopes from public.organizations o join public.plans p on p.name = o.plan where o.id = organization';
comment on function nexus_app.plan_scopes(uuid) is 'The scopes that agents of the organization may have';
select nexus_app.secure('nexus_app.plan_scopes(uuid)');

-- +goose StatementBegin
create function nexus_app.managed_organization() returns uuid
language plpgsql stable security definer
set search_path = ''
as $$
declare
  organization uuid := auth.administered_organization();
begin
  if organization is null or auth.org_role() = 'agent' then
    raise sqlstate 'PT403' using message = 'Only owners and admins of the organization may do this', detail = 'forbidden';
  end if;
  return organization;
end
$$;
-- +goose StatementEnd
comment on function nexus_app.managed_organization() is 'The organization that the caller, a person, administers; else status 403';
select nexus_app.secure('nexus_app.managed_organization()');

-- +goose StatementBegin
create function nexus_app.create_agent_key(
  prefix text, hash text, name text, scopes public.agent_scope[], expires_at timestamptz default null, agent uuid default null
) returns uuid
language plpgsql security definer
set search_path = ''
as $$
declare
  organization uuid := nexus_app.managed_organization();
  allowed public.agent_scope[] := nexus_app.plan_scopes(organization);
  owner uuid;
  key uuid;
begin
  if not scopes <@ allowed then
    raise sqlstate 'PT403' using
      message = pg_catalog.format('The organization''s plan allows keys with the scopes %s', pg_catalog.array_to_string(allowed, ', ')),
      detail = 'plan_scope', hint = 'Ask for fewer scopes, or move to a larger plan.';
  end if;
  if create_agent_key.expires_at <= now() then
    raise sqlstate 'PT400' using message = 'expires_at has passed', detail = 'validation_failed';
  end if;
  if agent is null then
    select a.id into owner from public.agent_accounts a
    where a.organization_id = organization and a.name = btrim(create_agent_key.name) and a.is_active;
    owner := coalesce(owner, nexus_app.add_agent(organization, create_agent_key.name, null, auth.uid()));
  else
    select a.id into owner from public.agent_accounts a where a.organization_id = organization and a.id = agent and a.is_active;
    if owner is null then
      raise sqlstate 'PT404' using message = 'The organization has no active agent with this id', detail = 'not_found';
    end if;
  end if;
  insert into public.agent_api_keys (organization_id, agent_id, name, key_prefix, key_hash, scopes, expires_at, created_by)
  values (organization, owner, btrim(create_agent_key.name), prefix, hash, create_agent_key.scopes, create_agent_key.expires_at, auth.uid())
  returning id into key;
  return key;
end
$$;
-- +goose StatementEnd
comment on function nexus_app.create_agent_key(text, text, text, public.agent_scope[], timestamptz, uuid) is
  'Adds a key for an agent of the caller''s organization: the one given, else the one of the same name, else a new one';
select nexus_app.secure('nexus_app.create_agent_key(text, text, text, public.agent_scope[], timestamptz, uuid)', 'authenticated');

-- +goose StatementBegin
create function nexus_app.rotate_agent_key(old_key uuid, prefix text, hash text, grace interval default '0') returns uuid
language plpgsql security definer
set search_path = ''
as $$
declare
  organization uuid := nexus_app.managed_organization();
  old public.agent_api_keys;
  key uuid;
begin
  select k.* into old from public.agent_api_keys k
  where k.organization_id = organization and k.id = old_key and k.is_active and (k.expires_at is null or k.expires_at > now())
  for update;
  if old.id is null then
    raise sqlstate 'PT404' using message = 'The organization has no active key with this id', detail = 'not_found';
  end if;
  insert into public.agent_api_keys (organization_id, agent_id, name, key_prefix, key_hash, scopes, expires_at, created_by)
  values (organization, old.agent_id, old.name, prefix, hash, old.scopes, old.expires_at, auth.uid())
  returning id into key;
  update public.agent_api_keys
  set is_active = grace > '0', expires_at = least(expires_at, now() + grace)
  where id = old.id;
  return key;
end
$$;
-- +goose StatementEnd
comment on function nexus_app.rotate_agent_key(uuid, text, text, interval) is
  'Replaces a key by a new one with the same rights; the old one ends after the grace period';
select nexus_app.secure('nexus_app.rotate_agent_key(uuid, text, text, interval)', 'authenticated');

-- The server itself asks this, before it takes a role, and never for a client.
create function nexus_app.agent_key_candidates(prefix text)
returns table (
  id uuid, key_hash text, organization_id uuid, agent_id uuid, user_id uuid, scopes public.agent_scope[], expires_at timestamptz
)
language sql stable security definer
set search_path = ''
as $$
  select k.id, k.key_hash, k.organization_id, k.agent_id, a.user_id,
    array(select s from unnest(k.scopes) as s where s = any (p.scopes)), k.expires_at
  from public.agent_api_keys k
  join public.agent_accounts a on a.organization_id = k.organization_id and a.id = k.agent_id
  join public.organizations o on o.id = k.organization_id
  join public.plans p on p.name = o.plan
  where k.key_prefix = prefix and k.is_active and a.is_active and (k.expires_at is null or k.expires_at > now())
  order by k.created_at desc
  limit 10
$$;
comment on function nexus_app.agent_key_candidates(text) is
  'The active keys with a prefix, with the scopes that the plan still allows; for the server itself';
select nexus_app.secure('nexus_app.agent_key_candidates(text)', 'authenticator');

create function nexus_app.agent_key_used(key uuid) returns void
language sql security definer
set search_path = ''
as 'update public.agent_api_keys set last_used_at = now() where id = key';
comment on function nexus_app.agent_key_used(uuid) is 'Notes that a key was exchanged; for the server itself';
select nexus_app.secure('nexus_app.agent_key_used(uuid)', 'authenticator');

-- +goose StatementBegin
create or replace function nexus_app.live_organization(organization uuid, caller uuid, role text, key_id uuid) returns boolean
language sql stable security definer
set search_path = ''
as $$
  select case when role = 'agent' then exists (
    select from public.agent_api_keys k
    join public.agent_accounts a on a.organization_id = k.organization_id and a.id = k.agent_id
    where k.id = key_id and k.organization_id = organization and a.user_id = caller and k.is_active and a.is_active
      and (k.expires_at is null or k.expires_at > now())
  ) else exists (
    select from public.organization_members m
    where m.organization_id = organization and m.user_id = caller and m.role::text = live_organization.role
  ) end
$$;
-- +goose StatementEnd

create function nexus_app.calls_per_day(organization uuid) returns integer
language sql stable security definer
set search_path = ''
as 'select p.api_calls_per_day from public.organizations o join public.plans p on p.name = o.plan where o.id = organization';
comment on function nexus_app.calls_per_day(uuid) is 'How many calls the organization may make in 24 hours, null without limit; for the server itself';
select nexus_app.secure('nexus_app.calls_per_day(uuid)', 'authenticator');

-- Invites --------------------------------------------------------------------------------------------------------------

-- +goose StatementBegin
create function nexus_app.inviting_organization(role public.org_role) returns uuid
language plpgsql stable security definer
set search_path = ''
as $$
declare
  organization uuid := case
    -- An agent that may write invites members; more than that takes somebody who administers.
    when auth.org_role() = 'agent' and coalesce(role, 'member') = 'member' then auth.writable_organization()
    else auth.administered_organization()
  end;
begin
  if organization is null or role = 'owner' then
    raise sqlstate 'PT403' using message = 'You may not invite to this role', detail = 'forbidden';
  end if;
  return organization;
end
$$;
-- +goose StatementEnd
comment on function nexus_app.inviting_organization(public.org_role) is 'The organization to which the caller may invite in a role; else status 403';
select nexus_app.secure('nexus_app.inviting_organization(public.org_role)');

-- +goose StatementBegin
create function nexus_app.create_invite(email text, role public.org_role, token_hash text, expires_at timestamptz)
returns public.organization_invites
language plpgsql security definer
set search_path = ''
as $$
#variable_conflict use_column
declare
  organization uuid := nexus_app.inviting_organization(create_invite.role);
  address text := lower(btrim(create_invite.email));
  made public.organization_invites;
begin
  if exists (
    select from public.organization_members m join auth.users u on u.id = m.user_id
    where m.organization_id = organization and u.email = address
  ) then
    raise sqlstate 'PT409' using message = 'A member has this address already', detail = 'already_member';
  end if;
  update public.organization_invites i set status = 'expired'
  where i.organization_id = organization and i.email = address and i.status = 'pending' and i.expires_at <= now();
  insert into public.organization_invites (organization_id, email, role, token_hash, invited_by, expires_at)
  values (organization, address, create_invite.role, create_invite.token_hash, auth.uid(), create_invite.expires_at)
  on conflict (organization_id, email) where status = 'pending' do nothing
  returning * into made;
  if made.id is null then
    raise sqlstate 'PT409' using message = 'This address has been invited already', detail = 'already_invited',
      hint = 'Send the invite again, or cancel it first.';
  end if;
  return made;
end
$$;
-- +goose StatementEnd
comment on function nexus_app.create_invite(text, public.org_role, text, timestamptz) is 'Invites an address to the caller''s organization';
select nexus_app.secure('nexus_app.create_invite(text, public.org_role, text, timestamptz)', 'authenticated');

-- +goose StatementBegin
create function nexus_app.renew_invite(invite uuid, token_hash text, expires_at timestamptz) returns public.organization_invites
language plpgsql security definer
set search_path = ''
as $$
declare
  renewed public.organization_invites;
begin
  update public.organization_invites i
  set token_hash = renew_invite.token_hash, expires_at = renew_invite.expires_at, status = 'pending', sent_at = now(),
    send_count = i.send_count + 1
  where i.id = invite and i.status in ('pending', 'expired') and i.role <> 'owner'
    and i.organization_id = nexus_app.inviting_organization(null)
  returning i.* into renewed;
  if renewed.id is null then
    raise sqlstate 'PT404' using message = 'The organization has no pending invite with this id', detail = 'not_found';
  end if;
  perform nexus_app.inviting_organization(renewed.role);
  return renewed;
end
$$;
-- +goose StatementEnd
comment on function nexus_app.renew_invite(uuid, text, timestamptz) is 'Gives an invite a new token, to be sent again; the old one is void';
select nexus_app.secure('nexus_app.renew_invite(uuid, text, timestamptz)', 'authenticated');

-- +goose StatementBegin
create function nexus_app.cancel_invite(invite uuid) returns public.organization_invites
language plpgsql security definer
set search_path = ''
as $$
declare
  cancelled public.organization_invites;
begin
  update public.organization_invites i
  set status = 'cancelled'
  where i.id = invite and i.status in ('pending', 'expired') and i.organization_id = nexus_app.inviting_organization(null)
  returning i.* into cancelled;
  if cancelled.id is null then
    raise sqlstate 'PT404' using message = 'The organization has no pending invite with this id', detail = 'not_found';
  end if;
  return cancelled;
end
$$;
-- +goose StatementEnd
comment on function nexus_app.cancel_invite(uuid) is 'Takes an invite back';
select nexus_app.secure('nexus_app.cancel_invite(uuid)', 'authenticated');

-- +goose StatementBegin
create function nexus_app.accept_invite(token_hash text) returns public.organization_members
language plpgsql security definer
set search_path = ''
as $$
declare
  invite public.organization_invites;
  joined public.organization_members;
begin
  if auth.uid() is null or auth.org_role() = 'agent' then
    raise sqlstate 'PT403' using message = 'Only people accept invites', detail = 'forbidden';
  end if;
  select i.* into invite from public.organization_invites i where i.token_hash = accept_invite.token_hash for update;
  -- Whoever got hold of the link is told no more than that it does not work for them.
  if invite.id is null or invite.status <> 'pending' or invite.expires_at <= now() or not exists (
    select from auth.users u where u.id = auth.uid() and u.email = invite.email and u.email_confirmed_at is not null
  ) then
    raise sqlstate 'PT404' using message = 'The invite is not valid for you', detail = 'invite_invalid',
      hint = 'It may have expired, or be for another address than the one you signed in with.';
  end if;
  update public.organization_invites set status = 'accepted', accepted_by = auth.uid(), accepted_at = now() where id = invite.id;
  update public.profiles set current_organization_id = invite.organization_id where id = auth.uid();
  insert into public.organization_members (organization_id, user_id, role)
  values (invite.organization_id, auth.uid(), invite.role)
  on conflict (organization_id, user_id) do nothing
  returning * into joined;
  if joined.user_id is null then
    raise sqlstate 'PT409' using message = 'You are a member already', detail = 'already_member';
  end if;
  return joined;
end
$$;
-- +goose StatementEnd
comment on function nexus_app.accept_invite(text) is 'Makes the caller a member of the organization that invited their confirmed address';
select nexus_app.secure('nexus_app.accept_invite(text)', 'authenticated');

-- Registration ---------------------------------------------------------------------------------------------------------

-- An organization that an agent made has no owner yet: the person whose address the agent named is invited to be it.
alter table public.organization_invites drop constraint organization_invites_role_check;

-- +goose StatementBegin
create function nexus_app.register_agent(
  agent_name text, platform text, owner_email text, organization_name text, prefix text, hash text,
  invite_hash text, invite_expires_at timestamptz, out organization_id uuid, out agent_id uuid, out key_id uuid, out plan jsonb
)
language plpgsql security definer
set search_path = ''
as $$
declare
  address text := lower(btrim(owner_email));
begin
  -- Registrations for one address wait for each other, so that the limit holds.
  perform pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended('nexus_app.register_agent ' || address, 0));
  if (
    select count(*) from public.organization_invites i
    where i.email = address and i.role = 'owner' and i.invited_by is null and i.created_at > now() - interval '1 day'
  ) >= 3 then
    raise sqlstate 'PT429' using message = 'Too many agents were registered for this address today', detail = 'rate_limit_exceeded';
  end if;
  insert into public.organizations (name) values (btrim(organization_name)) returning id into organization_id;
  agent_id := nexus_app.add_agent(organization_id, agent_name, platform, null);
  insert into public.agent_api_keys (organization_id, agent_id, name, key_prefix, key_hash, scopes)
  values (register_agent.organization_id, register_agent.agent_id, btrim(agent_name), prefix, hash, '{read}')
  returning id into key_id;
  insert into public.organization_invites (organization_id, email, role, token_hash, expires_at)
  values (register_agent.organization_id, address, 'owner', invite_hash, invite_expires_at);
  select pg_catalog.to_jsonb(p) - array['position'] into plan from public.plans p where p.name = 'free';
end
$$;
-- +goose StatementEnd
comment on function nexus_app.register_agent(text, text, text, text, text, text, text, timestamptz) is
  'Makes an organization on the plan free with an agent and its first key, and invites its owner; for the server itself';
select nexus_app.secure('nexus_app.register_agent(text, text, text, text, text, text, text, timestamptz)', 'authenticator');

revoke execute on all functions in schema nexus_app from public;

-- +goose Down

drop function nexus_app.register_agent(text, text, text, text, text, text, text, timestamptz), nexus_app.accept_invite(text),
  nexus_app.cancel_invite(uuid), nexus_app.renew_invite(uuid, text, timestamptz),
  nexus_app.create_invite(text, public.org_role, text, timestamptz), nexus_app.inviting_organization(public.org_role),
  nexus_app.calls_per_day(uuid), nexus_app.agent_key_used(uuid), nexus_app.agent_key_candidates(text), nexus_app.rotate_agent_key(uuid, text, text, interval),
  nexus_app.create_agent_key(text, text, text, public.agent_scope[], timestamptz, uuid), nexus_app.managed_organization(),
  nexus_app.plan_scopes(uuid), nexus_app.add_agent(uuid, text, text, uuid), nexus_app.usage(),
  nexus_app.give_quota(uuid, text, integer), nexus_app.take_quota(uuid, text, integer), nexus_app.quota(uuid, text);
delete from public.organization_invites where role = 'owner';
alter table public.organization_invites add constraint organization_invites_role_check check (role <> 'owner');
delete from auth.users where raw_app_meta_data ->> 'provider' = 'agent';
drop table public.usage_counters, public.agent_api_keys, public.agent_accounts;
drop function nexus_app.agent_removed(), nexus_app.keep_revoked();
revoke insert, delete on auth.users from nexus_app;
-- +goose StatementBegin
create or replace function nexus_app.live_organization(organization uuid, caller uuid, role text, key_id uuid) returns boolean
language sql stable security definer
set search_path = ''
as $$
  select exists (
    select from public.organization_members m
    where m.organization_id = organization and m.user_id = caller and m.role::text = live_organization.role
  )
$$;
-- +goose StatementEnd
