-- Internal chat: members and agents of an organization talk among themselves, apart from contacts.
--
-- A conversation is seen by those who take part and by nobody else, owners included. Between two there is one conversation
-- (open_internal_dm). People write with sender_id, agents with agent_account_id; both are set by the database.

-- +goose Up

create table public.internal_conversations (
  id uuid not null default gen_random_uuid() primary key,
  organization_id uuid not null references public.organizations (id) on delete cascade,
  kind text not null default 'dm' check (kind in ('dm', 'group')),
  title text check (length(title) <= 200),
  pair_key text check (length(pair_key) <= 100),
  last_message_at timestamptz,
  created_by uuid default auth.uid() references auth.users (id) on delete set null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (organization_id, id),
  unique (organization_id, pair_key),
  check ((kind = 'dm') = (pair_key is not null))
);
create index internal_conversations_created_by_idx on public.internal_conversations (created_by);
select nexus_app.describe('public.internal_conversations', 'Conversations within an organization; only who takes part sees one',
  'kind', 'dm (between two) or group', 'title', 'The name of a group', 'pair_key', 'Who a dm is between, so that there is one of them', 'last_message_at', 'When something was last written');

create table public.internal_conversation_participants (
  organization_id uuid not null references public.organizations (id) on delete cascade,
  conversation_id uuid not null,
  user_id uuid not null references auth.users (id) on delete cascade,
  last_read_at timestamptz,
  created_at timestamptz not null default now(),
  primary key (conversation_id, user_id),
  foreign key (organization_id, conversation_id) references public.internal_conversations (organization_id, id) on delete cascade
);
create index internal_participants_user_id_idx on public.internal_conversation_participants (user_id);
create index internal_participants_organization_id_idx on public.internal_conversation_participants (organization_id, conversation_id);
select nexus_app.describe('public.internal_conversation_participants', 'Who takes part in which conversation',
  'conversation_id', 'The conversation', 'user_id', 'The member, or the user of an agent', 'last_read_at', 'Until when they have read', 'created_at', 'When they joined');

create table public.internal_messages (
  id uuid not null default gen_random_uuid() primary key,
  organization_id uuid not null references public.organizations (id) on delete cascade,
  conversation_id uuid not null,
  sender_id uuid references auth.users (id) on delete set null,
  agent_account_id uuid,
  content text not null check (length(content) between 1 and 20000),
  created_at timestamptz not null default pg_catalog.clock_timestamp(),
  unique (organization_id, id),
  check (num_nonnulls(sender_id, agent_account_id) <= 1),
  foreign key (organization_id, conversation_id) references public.internal_conversations (organization_id, id) on delete cascade,
  foreign key (organization_id, agent_account_id) references public.agent_accounts (organization_id, id) on delete set null (agent_account_id)
);
create index internal_messages_conversation_id_idx on public.internal_messages (organization_id, conversation_id, created_at desc);
create index internal_messages_by_conversation_idx on public.internal_messages (conversation_id);
create index internal_messages_sender_id_idx on public.internal_messages (sender_id);
create index internal_messages_agent_account_id_idx on public.internal_messages (agent_account_id);
select nexus_app.describe('public.internal_messages', 'What was written in conversations within an organization',
  'conversation_id', 'The conversation', 'sender_id', 'The person who wrote, null for agents', 'agent_account_id', 'The agent that wrote, null for people',
  'content', 'The text', 'created_at', 'When it was written');

-- Asked by policies of all three tables; as a function with more rights it does not ask itself again.
-- +goose StatementBegin
create function nexus_app.own_conversations() returns setof uuid
language sql stable security definer
set search_path = ''
as $$
  select p.conversation_id from public.internal_conversation_participants p
  where p.user_id = auth.uid() and p.organization_id = auth.readable_organization()
$$;
-- +goose StatementEnd
comment on function nexus_app.own_conversations() is 'The conversations that the caller takes part in';
select nexus_app.secure('nexus_app.own_conversations()', 'authenticated', 'service_role');

-- +goose StatementBegin
create function nexus_app.sign_internal_message() returns trigger
language plpgsql security definer
set search_path = ''
as $$
begin
  if auth.uid() is not null then
    new.sender_id := null;
    new.agent_account_id := null;
    if auth.org_role() = 'agent' then
      select a.id into new.agent_account_id
      from public.agent_accounts a where a.organization_id = auth.organization_id() and a.user_id = auth.uid() and a.is_active;
      if new.agent_account_id is null then
        raise sqlstate 'PT403' using message = 'The key belongs to no agent', detail = 'agent_account_required';
      end if;
    else
      new.sender_id := auth.uid();
    end if;
  end if;
  update public.internal_conversations c set last_message_at = now() where c.id = new.conversation_id and c.organization_id = new.organization_id
    and c.id in (select nexus_app.own_conversations());
  return new;
end
$$;
-- +goose StatementEnd
comment on function nexus_app.sign_internal_message() is 'Says who wrote, whatever the writer says';
select nexus_app.secure('nexus_app.sign_internal_message()');
create trigger sign before insert on public.internal_messages for each row execute function nexus_app.sign_internal_message();

-- +goose StatementBegin
create function nexus_app.open_internal_dm(other uuid, other_email text) returns public.internal_conversations
language plpgsql security definer
set search_path = ''
as $$
declare
  tenant uuid := auth.writable_organization();
  peer uuid;
  pair text;
  found_dm public.internal_conversations;
begin
  if tenant is null then
    raise sqlstate 'PT403' using message = 'You may not write', detail = 'forbidden';
  end if;
  select m.user_id into peer
  from public.organization_members m join auth.users u on u.id = m.user_id
  where m.organization_id = tenant and (m.user_id = other or (other is null and lower(u.email) = lower(other_email)))
  limit 1;
  if peer is null then
    select a.user_id into peer from public.agent_accounts a where a.organization_id = tenant and a.user_id = other and a.is_active;
  end if;
  if peer is null then
    raise sqlstate 'PT404' using message = 'There is no such member';
  end if;
  if peer = auth.uid() then
    raise sqlstate 'PT400' using message = 'A conversation is between two';
  end if;
  pair := least(peer, auth.uid())::text || ' ' || greatest(peer, auth.uid())::text;
  insert into public.internal_conversations (organization_id, kind, pair_key) values (tenant, 'dm', pair)
  on conflict (organization_id, pair_key) do nothing;
  select c.* into found_dm from public.internal_conversations c where c.organization_id = tenant and c.pair_key = pair;
  insert into public.internal_conversation_participants (organization_id, conversation_id, user_id)
  values (tenant, found_dm.id, peer), (tenant, found_dm.id, auth.uid())
  on conflict do nothing;
  return found_dm;
end
$$;
-- +goose StatementEnd
comment on function nexus_app.open_internal_dm(uuid, text) is 'The conversation between the caller and a member, by id or address; made if there is none';
select nexus_app.secure('nexus_app.open_internal_dm(uuid, text)', 'authenticated');

create function public.open_internal_dm(user_id uuid default null, user_email text default null) returns public.internal_conversations
language sql
return nexus_app.open_internal_dm(user_id, user_email);
comment on function public.open_internal_dm(uuid, text) is 'The conversation between the caller and a member, by id or address; made if there is none';

select nexus_app.lock_down('public.internal_conversations');
grant select on public.internal_conversations to authenticated;
create policy own_select on public.internal_conversations for select to authenticated
  using (organization_id = (select auth.readable_organization()) and id in (select nexus_app.own_conversations()));
select nexus_app.lock_down('public.internal_conversation_participants');
grant select, update (last_read_at) on public.internal_conversation_participants to authenticated;
create policy own_select on public.internal_conversation_participants for select to authenticated
  using (organization_id = (select auth.readable_organization()) and conversation_id in (select nexus_app.own_conversations()));
create policy own_update on public.internal_conversation_participants for update to authenticated
  using (organization_id = (select auth.writable_organization()) and user_id = (select auth.uid()))
  with check (organization_id = (select auth.writable_organization()) and user_id = (select auth.uid()));
select nexus_app.lock_down('public.internal_messages');
alter table public.internal_messages alter organization_id set default auth.organization_id();
grant select, insert (id, organization_id, conversation_id, content) on public.internal_messages to authenticated;
create policy own_select on public.internal_messages for select to authenticated
  using (organization_id = (select auth.readable_organization()) and conversation_id in (select nexus_app.own_conversations()));
create policy own_insert on public.internal_messages for insert to authenticated
  with check (organization_id = (select auth.writable_organization()) and conversation_id in (select nexus_app.own_conversations()));

revoke execute on all functions in schema nexus_app from public;
revoke execute on function public.open_internal_dm(uuid, text) from public, anon;
grant execute on function public.open_internal_dm(uuid, text) to authenticated;

-- +goose Down

drop function public.open_internal_dm(uuid, text), nexus_app.open_internal_dm(uuid, text);
drop table public.internal_messages, public.internal_conversation_participants, public.internal_conversations;
drop function nexus_app.sign_internal_message(), nexus_app.own_conversations();
