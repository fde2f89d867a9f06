-- Tenants: organizations, who belongs to them and in which role, and what policies ask about the caller.
--
-- A token names one organization, in its app_metadata: {"organization_id": …, "org_role": "owner" | "admin" | "member"}, and for
-- agents {"org_role": "agent", "agent_scopes": ["read" | "write" | "admin", …]}. Policies compare rows with one of the functions
-- auth.readable_organization(), auth.writable_organization() and auth.administered_organization(), which are null unless the
-- caller may do what the name says.

-- +goose Up

-- Functions that do more than their caller may belong to this role. Row level security applies to it, too: what it may do is
-- in policies and grants as for everybody else.
-- +goose StatementBegin
do $$
begin
  if not exists (select from pg_catalog.pg_roles where rolname = 'nexus_app') then
    create role nexus_app with nologin noinherit;
    comment on role nexus_app is 'Owns the functions of the Nexus application that do more than their callers may';
    insert into nexus.core_objects (kind, name) values ('role', 'nexus_app') on conflict do nothing;
  end if;
  -- To give functions to a role one must belong to it, which creating it does not bring before PostgreSQL 16.
  if not pg_catalog.pg_has_role('nexus_app', 'member') then
    execute pg_catalog.format('grant nexus_app to %I', current_user);
  end if;
exception
  when duplicate_object or unique_violation then null; -- another database of the cluster is migrating right now
end
$$;
-- +goose StatementEnd

create schema nexus_app;
comment on schema nexus_app is 'What the Nexus application does inside the database; rest/v1 does not serve it';
revoke all on schema nexus_app from public;
grant usage on schema nexus_app to anon, authenticated, service_role, authenticator;
grant usage, create on schema nexus_app to nexus_app;
grant usage on schema public, auth to nexus_app;

-- +goose StatementBegin
create function nexus_app.secure(target regprocedure, variadic callers name[] default '{}') returns void
language plpgsql
set search_path = ''
as $$
declare
  caller name;
begin
  execute pg_catalog.format('alter function %s owner to nexus_app', target);
  execute pg_catalog.format('revoke all on function %s from public', target);
  foreach caller in array callers loop
    execute pg_catalog.format('grant execute on function %s to %I', target, caller);
  end loop;
end
$$;
-- +goose StatementEnd
comment on function nexus_app.secure(regprocedure, name[]) is
  'Gives a security definer function to the role nexus_app, and the right to call it to the callers alone';

-- What policies ask ------------------------------------------------------------------------------------------------------

create type public.org_role as enum ('owner', 'admin', 'member');
comment on type public.org_role is 'What a person may do in an organization: an owner all, an admin all but to change owners, a member the daily work';

create type public.agent_scope as enum ('read', 'write', 'admin');
comment on type public.agent_scope is 'What an agent may do: read, also create and update, or also delete and administer';

-- The bodies are of the SQL standard's form, so that names are bound here and now and PostgreSQL can inline them.
create function auth.organization_id() returns uuid
language sql stable parallel safe
return (auth.jwt() -> 'app_metadata' ->> 'organization_id')::uuid;
comment on function auth.organization_id() is 'The organization that the caller''s token is for, null without one';

create function auth.org_role() returns text
language sql stable parallel safe
return auth.jwt() -> 'app_metadata' ->> 'org_role';
comment on function auth.org_role() is 'The caller''s role in the organization: owner, admin, member or agent; null without one';

create function auth.agent_scopes() returns text[]
language sql stable parallel safe
return case when auth.jwt() -> 'app_metadata' ->> 'org_role' = 'agent' then array(
  select pg_catalog.jsonb_array_elements_text(auth.jwt() -> 'app_metadata' -> 'agent_scopes')
) end;
comment on function auth.agent_scopes() is 'The scopes of an agent''s token, null for people';

-- Tables --------------------------------------------------------------------------------------------------------------

create table public.plans (
  name text not null primary key check (name ~ '^[a-z][a-z0-9_]*$'),
  price_usd numeric(10,2) not null check (price_usd >= 0),
  contacts integer check (contacts >= 0),
  orders integer check (orders >= 0),
  orders_per text not null default 'month' check (orders_per in ('month', 'lifetime')),
  messages_per_month integer check (messages_per_month >= 0),
  api_calls_per_day integer check (api_calls_per_day >= 0),
  agents integer check (agents >= 0),
  scopes public.agent_scope[] not null,
  features text[] not null default '{}',
  position smallint not null unique,
  next_plan text references public.plans (name)
);
create index plans_next_plan_idx on public.plans (next_plan);
comment on table public.plans is 'What organizations can subscribe to; a limit that is null does not exist';
comment on column public.plans.name is 'The plan''s name';
comment on column public.plans.price_usd is 'The price of a month in US dollars';
comment on column public.plans.contacts is 'How many contacts an organization may have';
comment on column public.plans.orders is 'How many orders it may make in the period of orders_per';
comment on column public.plans.orders_per is 'The period that orders are counted in: month or lifetime';
comment on column public.plans.messages_per_month is 'How many messages it may send in a calendar month (UTC)';
comment on column public.plans.api_calls_per_day is 'How many calls of functions and tools it may make in any 24 hours';
comment on column public.plans.agents is 'How many active agents it may have';
comment on column public.plans.scopes is 'The scopes that its agents may have';
comment on column public.plans.features is 'Modules that the plan opens';
comment on column public.plans.position is 'The order of the plans, from small to large';
comment on column public.plans.next_plan is 'The plan to move to when this one is too small';

insert into public.plans
  (name, price_usd, contacts, orders, orders_per, messages_per_month, api_calls_per_day, agents, scopes, features, position, next_plan)
values
  ('scale', 599, null, null, 'month', 20000, 100000, null, '{read,write,admin}',
    '{fulfillment,shipping,messaging,shopify,social,voip,automation,competition,conversation_intelligence}', 4, null),
  ('growth', 199, 5000, null, 'month', 5000, 25000, 5, '{read,write,admin}',
    '{fulfillment,shipping,messaging,shopify,social,voip,automation,competition}', 3, 'scale'),
  ('starter', 99, 500, 200, 'month', 1000, 5000, 2, '{read,write}',
    '{fulfillment,shipping,messaging,shopify,social}', 2, 'growth'),
  ('free', 0, 50, 25, 'lifetime', 0, 500, 1, '{read}', '{}', 1, 'starter');

create table public.organizations (
  id uuid not null default gen_random_uuid() primary key,
  name text not null check (length(btrim(name)) between 1 and 200),
  plan text not null default 'free' references public.plans (name),
  currency text not null default 'USD' check (currency ~ '^[A-Z]{3}$'),
  timezone text not null default 'UTC',
  country text check (country ~ '^[A-Z]{2}$'),
  settings jsonb not null default '{}' check (jsonb_typeof(settings) = 'object'),
  created_by uuid references auth.users (id) on delete set null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create index organizations_plan_idx on public.organizations (plan);
create index organizations_created_by_idx on public.organizations (created_by);
comment on table public.organizations is 'A business whose data is kept apart from all others''';
comment on column public.organizations.id is 'The organization: organization_id everywhere else';
comment on column public.organizations.name is 'Its name';
comment on column public.organizations.plan is 'What it has subscribed to; only the service role changes it';
comment on column public.organizations.currency is 'The currency of new orders (ISO 4217)';
comment on column public.organizations.timezone is 'The time zone of its reports and schedules (IANA)';
comment on column public.organizations.country is 'The country whose form phone numbers without a country code have (ISO 3166-1 alpha-2)';
comment on column public.organizations.settings is 'Settings of the application';
comment on column public.organizations.created_by is 'Who created it';
comment on column public.organizations.created_at is 'When it was created';
comment on column public.organizations.updated_at is 'When the row last changed';

create table public.organization_members (
  organization_id uuid not null references public.organizations (id) on delete cascade,
  user_id uuid not null references auth.users (id) on delete cascade,
  role public.org_role not null default 'member',
  permissions text[] not null default '{}' check (permissions <@ array['inventory']),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  primary key (organization_id, user_id)
);
create index organization_members_user_id_idx on public.organization_members (user_id);
comment on table public.organization_members is 'Who belongs to an organization; an organization always has an owner';
comment on column public.organization_members.organization_id is 'The organization';
comment on column public.organization_members.user_id is 'The user';
comment on column public.organization_members.role is 'What the user may do in it';
comment on column public.organization_members.permissions is 'What a member may do beyond that: inventory, to adjust stock';
comment on column public.organization_members.created_at is 'When the user joined';
comment on column public.organization_members.updated_at is 'When the row last changed';

create table public.profiles (
  id uuid not null primary key references auth.users (id) on delete cascade,
  full_name text check (length(full_name) <= 200),
  avatar_url text check (length(avatar_url) <= 2000),
  locale text check (locale ~ '^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$'),
  timezone text,
  current_organization_id uuid references public.organizations (id) on delete set null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create index profiles_current_organization_id_idx on public.profiles (current_organization_id);
comment on table public.profiles is 'What the members of an organization know of each other; every user has a row';
comment on column public.profiles.id is 'The user';
comment on column public.profiles.full_name is 'The user''s name';
comment on column public.profiles.avatar_url is 'Where a picture of the user is';
comment on column public.profiles.locale is 'The user''s language (BCP 47)';
comment on column public.profiles.timezone is 'The user''s time zone (IANA)';
comment on column public.profiles.current_organization_id is 'The organization that the user''s tokens are for; the function organization-switch changes it';
comment on column public.profiles.created_at is 'When the user signed up';
comment on column public.profiles.updated_at is 'When the row last changed';

create type public.invite_status as enum ('pending', 'accepted', 'cancelled', 'expired');
comment on type public.invite_status is 'What became of an invite';

create table public.organization_invites (
  id uuid not null default gen_random_uuid() primary key,
  organization_id uuid not null references public.organizations (id) on delete cascade,
  email text not null check (email = lower(email) and length(email) between 3 and 254 and position('@' in email) > 1),
  role public.org_role not null default 'member' check (role <> 'owner'),
  status public.invite_status not null default 'pending',
  token_hash text not null unique,
  invited_by uuid references auth.users (id) on delete set null,
  accepted_by uuid references auth.users (id) on delete set null,
  sent_at timestamptz not null default now(),
  send_count integer not null default 1,
  expires_at timestamptz not null,
  accepted_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create index organization_invites_organization_id_idx on public.organization_invites (organization_id, created_at);
create unique index organization_invites_pending_idx on public.organization_invites (organization_id, email) where status = 'pending';
create index organization_invites_email_idx on public.organization_invites (email);
create index organization_invites_invited_by_idx on public.organization_invites (invited_by);
create index organization_invites_accepted_by_idx on public.organization_invites (accepted_by);
comment on table public.organization_invites is 'Invitations to join an organization; made by the functions invite and agent-invite';
comment on column public.organization_invites.id is 'The invite';
comment on column public.organization_invites.organization_id is 'The organization to join';
comment on column public.organization_invites.email is 'Who is invited, in lower case; only a user with this confirmed address can accept';
comment on column public.organization_invites.role is 'The role that the user will have';
comment on column public.organization_invites.status is 'What became of it';
comment on column public.organization_invites.token_hash is 'The SHA-256 hash of the token in the mail, as hex';
comment on column public.organization_invites.invited_by is 'The person or agent who invited';
comment on column public.organization_invites.accepted_by is 'The user who accepted';
comment on column public.organization_invites.sent_at is 'When the mail was last sent';
comment on column public.organization_invites.send_count is 'How often the mail was sent';
comment on column public.organization_invites.expires_at is 'Until when it can be accepted';
comment on column public.organization_invites.accepted_at is 'When it was accepted';
comment on column public.organization_invites.created_at is 'When it was made';
comment on column public.organization_invites.updated_at is 'When the row last changed';

-- Memberships and tokens ---------------------------------------------------------------------------------------------

-- When the server checks every statement (check-credentials), a membership or key that ended does not count from then on.
-- Otherwise the token does, which lives an hour at most.
-- +goose StatementBegin
create function nexus_app.live_organization(organization uuid, caller uuid, role text, key_id uuid) returns boolean
language sql stable security definer
set search_path = ''
as $$
  select exists (
    select from public.organization_members m
    where m.organization_id = organization and m.user_id = caller and m.role::text = live_organization.role
  )
$$;
-- +goose StatementEnd
comment on function nexus_app.live_organization(uuid, uuid, text, uuid) is
  'Whether what a token says of the caller''s organization still holds';

-- Expressions without a query inside, so that they are inlined: most statements evaluate one of them.
-- +goose StatementBegin
do $$
declare
  name text;
  people text;
  scopes text;
  meaning text;
begin
  for name, people, scopes, meaning in
    values
      ('readable', $list$'owner', 'admin', 'member'$list$, $list$'read', 'write', 'admin'$list$, 'rows the caller may read'),
      ('writable', $list$'owner', 'admin', 'member'$list$, $list$'write', 'admin'$list$, 'rows the caller may create and change'),
      ('administered', $list$'owner', 'admin'$list$, $list$'admin'$list$, 'rows the caller may delete and whose settings they may change'),
      ('owned', $list$'owner'$list$, null, 'owner is the caller')
  loop
    execute pg_catalog.format(
      $function$
        create function auth.%I() returns uuid
        language sql stable
        return case
          when (auth.jwt() -> 'app_metadata' ->> 'org_role' in (%s)%s)
            and (
              pg_catalog.current_setting('nexus.check_credentials', true) is distinct from 'on'
              or nexus_app.live_organization(
                (auth.jwt() -> 'app_metadata' ->> 'organization_id')::uuid, (auth.jwt() ->> 'sub')::uuid,
                auth.jwt() -> 'app_metadata' ->> 'org_role', (auth.jwt() -> 'app_metadata' ->> 'key_id')::uuid
              )
            )
          then (auth.jwt() -> 'app_metadata' ->> 'organization_id')::uuid
        end
      $function$,
      name || '_organization', people,
      case when scopes is not null then pg_catalog.format(
        $agents$ or (
            auth.jwt() -> 'app_metadata' ->> 'org_role' = 'agent'
            and auth.jwt() -> 'app_metadata' -> 'agent_scopes' ?| array[%s]
          )$agents$, scopes) end
    );
    execute pg_catalog.format(
      'comment on function auth.%I() is %L', name || '_organization', 'The organization whose ' || meaning || ', null without one'
    );
  end loop;
end
$$;
-- +goose StatementEnd

revoke all on function auth.organization_id(), auth.org_role(), auth.agent_scopes(), auth.readable_organization(),
  auth.writable_organization(), auth.administered_organization(), auth.owned_organization() from public;
grant execute on function auth.organization_id(), auth.org_role(), auth.agent_scopes(), auth.readable_organization(),
  auth.writable_organization(), auth.administered_organization(), auth.owned_organization()
  to anon, authenticated, service_role, nexus_app;
grant execute on function auth.jwt(), auth.uid() to nexus_app;
select nexus_app.secure('nexus_app.live_organization(uuid, uuid, text, uuid)', 'anon', 'authenticated', 'service_role');

-- +goose StatementBegin
create function nexus_app.touch() returns trigger
language plpgsql
set search_path = ''
as $$
begin
  new.updated_at = pg_catalog.now();
  return new;
end
$$;
-- +goose StatementEnd
comment on function nexus_app.touch() is 'Keeps updated_at';

-- Makes the table one of a tenant: row level security for all, and the policies of the application's rights matrix.
-- +goose StatementBegin
create function nexus_app.tenant_table(
  target regclass, can_insert text default 'writable', can_update text default 'writable', can_delete text default 'administered'
) returns void
language plpgsql
set search_path = ''
as $$
declare
  verb text;
  who text;
begin
  perform nexus_app.lock_down(target);
  -- Whoever inserts a row need not say for which organization: the token does.
  execute pg_catalog.format('alter table %s alter organization_id set default auth.organization_id()', target);
  execute pg_catalog.format('grant select on %s to authenticated', target);
  execute pg_catalog.format(
    'create policy tenant_select on %s for select to authenticated using (organization_id = (select auth.readable_organization()))', target
  );
  for verb, who in values ('insert', can_insert), ('update', can_update), ('delete', can_delete) loop
    continue when who is null;
    if who not in ('readable', 'writable', 'administered', 'owned') then
      raise exception 'unknown right %', who;
    end if;
    execute pg_catalog.format('grant %s on %s to authenticated', verb, target);
    execute pg_catalog.format(
      'create policy %I on %s for %s to authenticated %s', 'tenant_' || verb, target, verb,
      pg_catalog.concat_ws(' ',
        case when verb <> 'insert' then pg_catalog.format('using (organization_id = (select auth.%I()))', who || '_organization') end,
        case when verb <> 'delete' then pg_catalog.format('with check (organization_id = (select auth.%I()))', who || '_organization') end
      )
    );
  end loop;
end
$$;
-- +goose StatementEnd
comment on function nexus_app.tenant_table(regclass, text, text, text) is
  'Gives a table with organization_id its grants and policies; who may insert, update and delete is readable, writable, administered, owned or null for nobody';

-- Makes the table a part of another one, whose policies decide who reads it.
-- +goose StatementBegin
create function nexus_app.child_table(
  target regclass, parent regclass, fk name,
  can_insert text default 'writable', can_update text default 'writable', can_delete text default 'administered'
) returns void
language plpgsql
set search_path = ''
as $$
declare
  verb text;
  who text;
  belongs text := pg_catalog.format('exists (select from %s p where p.id = %I', parent, fk);
begin
  perform nexus_app.lock_down(target);
  execute pg_catalog.format('grant select on %s to authenticated', target);
  execute pg_catalog.format(
    'create policy tenant_select on %s for select to authenticated using (%s and p.organization_id = (select auth.readable_organization())))',
    target, belongs
  );
  for verb, who in values ('insert', can_insert), ('update', can_update), ('delete', can_delete) loop
    continue when who is null;
    if who not in ('readable', 'writable', 'administered', 'owned') then
      raise exception 'unknown right %', who;
    end if;
    execute pg_catalog.format('grant %s on %s to authenticated', verb, target);
    execute pg_catalog.format(
      'create policy %I on %s for %s to authenticated %s', 'tenant_' || verb, target, verb,
      pg_catalog.concat_ws(' ',
        case when verb <> 'insert' then
          pg_catalog.format('using (%s and p.organization_id = (select auth.%I())))', belongs, who || '_organization')
        end,
        case when verb <> 'delete' then
          pg_catalog.format('with check (%s and p.organization_id = (select auth.%I())))', belongs, who || '_organization')
        end
      )
    );
  end loop;
end
$$;
-- +goose StatementEnd
comment on function nexus_app.child_table(regclass, regclass, name, text, text, text) is
  'Gives a table that belongs to rows of a tenant''s table, by the column fk, its grants and policies; rights as for tenant_table';

-- +goose StatementBegin
create function nexus_app.lock_down(target regclass) returns void
language plpgsql
set search_path = ''
as $$
begin
  execute pg_catalog.format('alter table %s enable row level security', target);
  execute pg_catalog.format('alter table %s force row level security', target);
  execute pg_catalog.format('revoke all on %s from public, anon, authenticated', target);
  execute pg_catalog.format('grant select, insert, update, delete on %s to service_role, nexus_app', target);
  execute pg_catalog.format('create policy application on %s for all to nexus_app using (true) with check (true)', target);
  if exists (
    select from pg_catalog.pg_attribute a where a.attrelid = target and a.attname = 'updated_at' and not a.attisdropped
  ) then
    execute pg_catalog.format(
      'create trigger touch before update on %s for each row execute function nexus_app.touch()', target
    );
  end if;
end
$$;
-- +goose StatementEnd
comment on function nexus_app.lock_down(regclass) is
  'Puts a table under forced row level security, open to service_role and to the application''s own functions only, and keeps its updated_at';

-- Plans are on the price list.
select nexus_app.lock_down('public.plans');
grant select on public.plans to anon, authenticated;
create policy price_list on public.plans for select to anon, authenticated using (true);

-- A person sees all organizations they belong to, so that they can choose; an agent its own.
select nexus_app.lock_down('public.organizations');
grant select, update (name, currency, timezone, country, settings) on public.organizations to authenticated;

select nexus_app.lock_down('public.organization_members');
grant select, insert, update, delete on public.organization_members to authenticated;
create policy own_memberships on public.organization_members for select to authenticated
  using (user_id = (select auth.uid()) and (select auth.org_role()) is distinct from 'agent');
create policy tenant_select on public.organization_members for select to authenticated
  using (organization_id = (select auth.readable_organization()));
-- People join by invites. Owners and admins change roles and remove others; only owners make and unmake owners, and everybody
-- may leave. Agents administer no people.
revoke insert on public.organization_members from authenticated;
revoke update on public.organization_members from authenticated;
grant update (role, permissions) on public.organization_members to authenticated;
create policy owners_update on public.organization_members for update to authenticated
  using (organization_id = (select auth.owned_organization()))
  with check (organization_id = (select auth.owned_organization()));
create policy admins_update on public.organization_members for update to authenticated
  using (organization_id = (select auth.administered_organization()) and role <> 'owner' and (select auth.org_role()) <> 'agent')
  with check (organization_id = (select auth.administered_organization()) and role <> 'owner' and (select auth.org_role()) <> 'agent');
create policy owners_delete on public.organization_members for delete to authenticated
  using (organization_id = (select auth.owned_organization()));
create policy admins_delete on public.organization_members for delete to authenticated
  using (organization_id = (select auth.administered_organization()) and role <> 'owner' and (select auth.org_role()) <> 'agent');
create policy leave on public.organization_members for delete to authenticated
  using (user_id = (select auth.uid()) and (select auth.org_role()) is distinct from 'agent');

create policy memberships on public.organizations for select to authenticated
  using (
    id = (select auth.readable_organization())
    or (
      (select auth.org_role()) is distinct from 'agent'
      and id in (select m.organization_id from public.organization_members m where m.user_id = (select auth.uid()))
    )
  );
create policy administered_update on public.organizations for update to authenticated
  using (id = (select auth.administered_organization()))
  with check (id = (select auth.administered_organization()));

select nexus_app.lock_down('public.profiles');
grant select, update (full_name, avatar_url, locale, timezone) on public.profiles to authenticated;
create policy own_select on public.profiles for select to authenticated using (id = (select auth.uid()));
create policy colleagues_select on public.profiles for select to authenticated
  using (exists (
    select from public.organization_members m
    where m.user_id = profiles.id and m.organization_id = (select auth.readable_organization())
  ));
create policy own_update on public.profiles for update to authenticated
  using (id = (select auth.uid())) with check (id = (select auth.uid()));

-- Hashes of tokens are nobody's business.
select nexus_app.lock_down('public.organization_invites');
grant select (id, organization_id, email, role, status, invited_by, accepted_by, sent_at, send_count, expires_at, accepted_at, created_at, updated_at)
  on public.organization_invites to authenticated;
create policy tenant_select on public.organization_invites for select to authenticated
  using (organization_id = (select auth.readable_organization()));

-- The last owner of an organization stays. The organization's row is locked, so that two owners cannot leave at once.
-- +goose StatementBegin
create function nexus_app.keep_owner() returns trigger
language plpgsql security definer
set search_path = ''
as $$
begin
  if old.role <> 'owner' or (tg_op = 'UPDATE' and new.role = 'owner') then
    return null;
  end if;
  perform from public.organizations o where o.id = old.organization_id for update;
  if found and exists (select from auth.users u where u.id = old.user_id) and not exists (
    select from public.organization_members m where m.organization_id = old.organization_id and m.role = 'owner'
  ) then
    raise sqlstate 'PT409' using
      message = 'An organization needs an owner', detail = 'This is its last one.', hint = 'Make another member an owner first.';
  end if;
  return null;
end
$$;
-- +goose StatementEnd
comment on function nexus_app.keep_owner() is 'Refuses to leave an organization without an owner';
select nexus_app.secure('nexus_app.keep_owner()');
create trigger keep_owner after update of role or delete on public.organization_members
  for each row execute function nexus_app.keep_owner();

-- Tokens carry what auth.users.raw_app_meta_data says, so memberships are written there.
-- +goose StatementBegin
create function nexus_app.sync_claims(target uuid) returns void
language plpgsql security definer
set search_path = ''
as $$
declare
  organization uuid;
  member_role public.org_role;
begin
  select m.organization_id, m.role into organization, member_role
  from public.organization_members m
  left join public.profiles p on p.id = m.user_id
  where m.user_id = target
  order by m.organization_id is not distinct from p.current_organization_id desc, m.created_at, m.organization_id
  limit 1;
  update public.profiles set current_organization_id = organization
  where id = target and current_organization_id is distinct from organization;
  update auth.users u
  set raw_app_meta_data = (coalesce(u.raw_app_meta_data, '{}') - array['organization_id', 'org_role'])
    || case when organization is null then '{}'::jsonb else pg_catalog.jsonb_build_object(
      'organization_id', organization, 'org_role', member_role
    ) end
  where u.id = target;
end
$$;
-- +goose StatementEnd
comment on function nexus_app.sync_claims(uuid) is
  'Writes a user''s current organization and role to where new tokens take them from; the first one joined if there is no current one';
select nexus_app.secure('nexus_app.sync_claims(uuid)', 'nexus_app');
grant usage on schema auth to nexus_app;
grant select (id, email, email_confirmed_at, raw_app_meta_data, deleted_at, banned_until), update (raw_app_meta_data) on auth.users to nexus_app;
create policy nexus_app on auth.users for all to nexus_app using (true) with check (true);

-- +goose StatementBegin
create function nexus_app.membership_changed() returns trigger
language plpgsql security definer
set search_path = ''
as $$
begin
  perform nexus_app.sync_claims(case when tg_op = 'DELETE' then old.user_id else new.user_id end);
  return null;
end
$$;
-- +goose StatementEnd
comment on function nexus_app.membership_changed() is 'Keeps claims in step with memberships';
select nexus_app.secure('nexus_app.membership_changed()');
create trigger membership_changed after insert or delete or update of role on public.organization_members
  for each row execute function nexus_app.membership_changed();

-- +goose StatementBegin
create function nexus_app.user_added() returns trigger
language plpgsql security definer
set search_path = ''
as $$
begin
  insert into public.profiles (id, full_name)
  values (new.id, pg_catalog.left(new.raw_user_meta_data ->> 'full_name', 200))
  on conflict do nothing;
  return null;
end
$$;
-- +goose StatementEnd
comment on function nexus_app.user_added() is 'Gives every user a profile';
select nexus_app.secure('nexus_app.user_added()');
create trigger nexus_profile after insert on auth.users for each row execute function nexus_app.user_added();
insert into public.profiles (id) select u.id from auth.users u on conflict do nothing;

-- +goose StatementBegin
create function nexus_app.create_organization(name text, currency text default null, timezone text default null, country text default null)
returns public.organizations
language plpgsql security definer
set search_path = ''
as $$
declare
  made public.organizations;
begin
  if auth.uid() is null or auth.org_role() = 'agent' then
    raise sqlstate 'PT403' using message = 'Only people create organizations';
  end if;
  if (select count(*) from public.organizations o where o.created_by = auth.uid()) >= 20 then
    raise sqlstate 'PT403' using message = 'You have created 20 organizations already', detail = 'quota_exceeded';
  end if;
  insert into public.organizations (name, currency, timezone, country, created_by)
  values (btrim(create_organization.name), coalesce(upper(create_organization.currency), 'USD'),
    coalesce(create_organization.timezone, 'UTC'), upper(create_organization.country), auth.uid())
  returning * into made;
  update public.profiles set current_organization_id = made.id where id = auth.uid();
  insert into public.organization_members (organization_id, user_id, role) values (made.id, auth.uid(), 'owner');
  return made;
end
$$;
-- +goose StatementEnd
comment on function nexus_app.create_organization(text, text, text, text) is
  'Creates an organization that the caller owns, and makes it their current one';
select nexus_app.secure('nexus_app.create_organization(text, text, text, text)', 'authenticated');

-- +goose StatementBegin
create function nexus_app.switch_organization(organization uuid) returns public.org_role
language plpgsql security definer
set search_path = ''
as $$
declare
  found_role public.org_role;
begin
  select m.role into found_role
  from public.organization_members m
  where m.organization_id = organization and m.user_id = auth.uid() and auth.org_role() is distinct from 'agent';
  if found_role is null then
    raise sqlstate 'PT404' using message = 'You do not belong to an organization with this id';
  end if;
  update public.profiles set current_organization_id = organization where id = auth.uid();
  perform nexus_app.sync_claims(auth.uid());
  return found_role;
end
$$;
-- +goose StatementEnd
comment on function nexus_app.switch_organization(uuid) is
  'Makes one of the caller''s organizations their current one, which tokens are for from the next refresh on';
select nexus_app.secure('nexus_app.switch_organization(uuid)', 'authenticated');

-- A zone that PostgreSQL does not know is refused when it is entered, not when a report is made.
-- +goose StatementBegin
create function nexus_app.check_timezone() returns trigger
language plpgsql
set search_path = ''
as $$
begin
  if new.timezone is not null then
    perform pg_catalog.timezone(new.timezone, pg_catalog.now());
  end if;
  return new;
end
$$;
-- +goose StatementEnd
comment on function nexus_app.check_timezone() is 'Refuses time zones that are unknown';
create trigger check_timezone before insert or update of timezone on public.organizations
  for each row execute function nexus_app.check_timezone();
create trigger check_timezone before insert or update of timezone on public.profiles
  for each row execute function nexus_app.check_timezone();

-- Functions are for those who were named above, not for everybody.
revoke execute on all functions in schema nexus_app from public;

-- +goose Down

drop trigger nexus_profile on auth.users;
update auth.users set raw_app_meta_data = raw_app_meta_data - array['organization_id', 'org_role']
where raw_app_meta_data ?| array['organization_id', 'org_role'];
drop function nexus_app.create_organization(text, text, text, text), nexus_app.switch_organization(uuid);
drop table public.organization_invites, public.profiles, public.organization_members, public.organizations, public.plans;
drop function auth.owned_organization(), auth.administered_organization(), auth.writable_organization(), auth.readable_organization(),
  auth.agent_scopes(), auth.org_role(), auth.organization_id();
drop policy nexus_app on auth.users;
revoke all on auth.users from nexus_app;
drop schema nexus_app cascade;
drop type public.invite_status, public.agent_scope, public.org_role;
revoke usage on schema public, auth from nexus_app;
revoke execute on function auth.jwt(), auth.uid() from nexus_app;

-- The role stays while another database of the cluster has the application.
-- +goose StatementBegin
do $$
begin
  drop role nexus_app;
  delete from nexus.core_objects where kind = 'role' and name = 'nexus_app';
exception
  when dependent_objects_still_exist or insufficient_privilege then
    raise notice 'role nexus_app stays: %', sqlerrm;
end
$$;
-- +goose StatementEnd
