-- Messages: conversations with contacts on WhatsApp, Messenger, Instagram, by e-mail, and on a channel of one's own.
--
-- To send a message is to insert it into messages: a trigger checks that the chat's channel is connected, that the contact may be
-- written to (on Meta's channels only a template reaches somebody who did not write within 24 hours), counts the message against the
-- plan and has the server send it, all in the same transaction. What comes in, and what becomes of what went out, the server notes
-- with the functions below that only its login role may call. A message goes queued → sending → sent → delivered → read, or
-- failed; one in whose sending the server was killed fails with the code outcome_unknown rather than be sent twice, and is mended
-- when its channel reports on it after all.

-- +goose Up

-- Channels ---------------------------------------------------------------------------------------------------------------

create table public.channel_accounts (
  id uuid not null default gen_random_uuid() primary key,
  organization_id uuid not null references public.organizations (id) on delete cascade,
  platform text not null check (platform in ('whatsapp', 'facebook', 'instagram', 'email')),
  external_id text not null check (length(external_id) between 1 and 254),
  business_account_id text check (length(business_account_id) between 1 and 100),
  display_name text check (length(display_name) <= 200),
  phone_number text check (phone_number ~ '^\+[1-9][0-9]{6,14}$'),
  is_active boolean not null default true,
  credentials bytea not null,
  verify_token_hash text check (verify_token_hash ~ '^[0-9a-f]{64}$'),
  last_error text check (length(last_error) <= 2000),
  last_error_at timestamptz,
  created_by uuid references auth.users (id) on delete set null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (organization_id, id),
  unique (organization_id, platform, external_id)
);
-- Deliveries of Meta name a number or page, which must lead to one organization.
create unique index channel_accounts_external_id_idx on public.channel_accounts (platform, external_id) where platform <> 'email';
create index channel_accounts_verify_token_hash_idx on public.channel_accounts (verify_token_hash) where verify_token_hash is not null;
create index channel_accounts_created_by_idx on public.channel_accounts (created_by);
select nexus_app.describe('public.channel_accounts',
  'The numbers, pages and addresses that an organization writes from; save-whatsapp-credentials and save-channel-credentials connect them',
  'platform', 'The channel: whatsapp, facebook, instagram or email',
  'external_id', 'What it is called there: the id of the phone number, page or account, or the address',
  'business_account_id', 'The WhatsApp Business Account that the number belongs to', 'display_name', 'What it is called here',
  'phone_number', 'The phone number, in E.164', 'is_active', 'Whether messages are sent from it and taken for it',
  'credentials', 'Tokens and secrets, sealed with a key that the database does not have',
  'verify_token_hash', 'The SHA-256 hash of the token with which its webhook is set up, as hex',
  'last_error', 'Why the channel last refused its credentials', 'last_error_at', 'When that was',
  'created_by', 'Who connected it');

create table public.whatsapp_templates (
  id uuid not null default gen_random_uuid() primary key,
  organization_id uuid not null references public.organizations (id) on delete cascade,
  channel_account_id uuid not null,
  external_id text not null,
  name text not null,
  language text not null,
  status text not null,
  category text,
  components jsonb not null default '[]' check (jsonb_typeof(components) = 'array'),
  synced_at timestamptz not null default now(),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (organization_id, id),
  unique (channel_account_id, name, language),
  foreign key (organization_id, channel_account_id) references public.channel_accounts (organization_id, id) on delete cascade
);
create index whatsapp_templates_organization_id_idx on public.whatsapp_templates (organization_id, channel_account_id);
select nexus_app.describe('public.whatsapp_templates', 'The message templates that Meta knows of a number; whatsapp-get-templates fetches them',
  'channel_account_id', 'The number', 'external_id', 'Meta''s id of the template', 'name', 'Its name, by which it is sent',
  'language', 'Its language, such as en_US', 'status', 'Whether it may be used: APPROVED, PENDING, REJECTED, PAUSED …',
  'category', 'MARKETING, UTILITY or AUTHENTICATION', 'components', 'Its header, text, footer and buttons, as Meta describes them',
  'synced_at', 'When it was last fetched');

-- Chats and messages -----------------------------------------------------------------------------------------------------

create table public.chats (
  id uuid not null default gen_random_uuid() primary key,
  organization_id uuid not null references public.organizations (id) on delete cascade,
  platform text not null check (platform in ('whatsapp', 'facebook', 'instagram', 'email', 'internal')),
  channel_account_id uuid,
  platform_chat_id text check (length(platform_chat_id) between 1 and 254),
  contact_name text check (length(contact_name) <= 200),
  contact_phone text check (length(contact_phone) <= 40),
  contact_platform_id text check (length(contact_platform_id) <= 254),
  customer_id uuid,
  last_message text,
  last_message_time timestamptz,
  last_inbound_time timestamptz,
  last_outbound_time timestamptz,
  window_expires_at timestamptz,
  unread_count integer not null default 0 check (unread_count >= 0),
  is_archived boolean not null default false,
  assigned_to text check (length(assigned_to) <= 100),
  metadata jsonb not null default '{}' check (jsonb_typeof(metadata) = 'object'),
  created_by uuid references auth.users (id) on delete set null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (organization_id, id),
  foreign key (organization_id, channel_account_id) references public.channel_accounts (organization_id, id)
    on delete set null (channel_account_id),
  foreign key (organization_id, customer_id) references public.customers (organization_id, id) on delete set null (customer_id)
);
create unique index chats_platform_chat_id_idx on public.chats (organization_id, platform, platform_chat_id, channel_account_id)
  nulls not distinct where platform_chat_id is not null;
create index chats_last_message_time_idx on public.chats (organization_id, last_message_time desc);
create index chats_customer_id_idx on public.chats (organization_id, customer_id);
create index chats_channel_account_id_idx on public.chats (organization_id, channel_account_id);
create index chats_unknown_idx on public.chats (organization_id, contact_phone) where customer_id is null;
create index chats_created_by_idx on public.chats (created_by);
select nexus_app.describe('public.chats', 'Conversations, each with one contact on one channel; an archived one is opened again when the contact writes',
  'platform', 'The channel: whatsapp, facebook, instagram, email or internal', 'channel_account_id', 'The number, page or address of the organization',
  'platform_chat_id', 'What the conversation is called on its channel: the contact''s number, id or address',
  'contact_name', 'What the contact calls themself', 'contact_phone', 'The contact''s phone number',
  'contact_platform_id', 'What the contact is called on the channel', 'customer_id', 'The contact, if known',
  'last_message', 'The beginning of the newest message', 'last_message_time', 'When that was',
  'last_inbound_time', 'When the contact last wrote', 'last_outbound_time', 'When the organization last wrote',
  'window_expires_at', 'Until when the contact may be sent more than templates: 24 hours after they last wrote; null on channels without that rule, and before',
  'unread_count', 'How many messages came in since somebody last set it to 0', 'is_archived', 'Whether the conversation is closed',
  'assigned_to', 'The id of the user who looks after it, as text', 'metadata', 'Whatever else is kept of it, such as the subject of mails');

create type public.message_type as enum ('text', 'image', 'video', 'document', 'audio', 'template', 'reaction', 'sticker', 'location');
comment on type public.message_type is 'What a message consists of';

create table public.messages (
  id uuid not null default gen_random_uuid() primary key,
  organization_id uuid not null references public.organizations (id) on delete cascade,
  chat_id uuid not null,
  content text check (length(content) <= 65536),
  message_type public.message_type not null default 'text',
  direction text not null default 'outbound' check (direction in ('inbound', 'outbound')),
  status text not null default 'queued' check (status in ('queued', 'sending', 'sent', 'delivered', 'read', 'failed')),
  platform_message_id text check (length(platform_message_id) between 1 and 512),
  media_url text check (length(media_url) <= 4096),
  media_type text check (length(media_type) <= 200),
  template_name text check (length(template_name) between 1 and 512),
  template_language text check (length(template_language) between 2 and 20),
  payload jsonb not null default '{}' check (jsonb_typeof(payload) = 'object'),
  reply_to_message_id uuid,
  sender_type text not null default 'agent' check (sender_type in ('customer', 'agent', 'system')),
  sender_id uuid references auth.users (id) on delete set null,
  attempts integer not null default 0,
  error_code text,
  error_message text,
  timestamp timestamptz not null default now(),
  sent_at timestamptz,
  delivered_at timestamptz,
  read_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (organization_id, id),
  unique (organization_id, platform_message_id),
  check (direction = 'inbound' or status = 'failed' or message_type in ('location', 'template') or num_nonnulls(content, media_url) > 0),
  check (message_type <> 'template' or template_name is not null),
  check (direction = 'outbound' or status in ('delivered', 'read')),
  foreign key (organization_id, chat_id) references public.chats (organization_id, id) on delete cascade,
  foreign key (organization_id, reply_to_message_id) references public.messages (organization_id, id) on delete set null (reply_to_message_id)
);
create index messages_chat_id_idx on public.messages (organization_id, chat_id, timestamp desc);
create index messages_timestamp_idx on public.messages (organization_id, timestamp desc);
create index messages_reply_to_message_id_idx on public.messages (organization_id, reply_to_message_id);
create index messages_sender_id_idx on public.messages (sender_id);
create index messages_waiting_idx on public.messages (chat_id, timestamp) where direction = 'outbound' and status in ('queued', 'sending');
select nexus_app.describe('public.messages', 'Messages of chats. An outbound one that is inserted is sent; its status tells how far it came',
  'chat_id', 'The conversation', 'content', 'The text; the caption of a file; the emoji of a reaction', 'message_type', 'What it consists of',
  'direction', 'inbound from the contact, or outbound to them',
  'status', 'How far it came: queued, sending, sent, delivered, read or failed; what came in is delivered or read',
  'platform_message_id', 'What the channel calls the message', 'media_url', 'Where its file is', 'media_type', 'The media type of its file',
  'template_name', 'The template that it was made of', 'template_language', 'The language of the template',
  'payload', 'What else belongs to it: components of a template, a location, the subject of a mail',
  'reply_to_message_id', 'The message that it answers or reacts to', 'sender_type', 'Who wrote it: customer, agent (a person or an AI agent of the organization) or system',
  'sender_id', 'The user who wrote it, if it was one', 'attempts', 'How often it was tried to send it',
  'error_code', 'Why it failed, for programs', 'error_message', 'Why it failed, for people', 'timestamp', 'When it was written',
  'sent_at', 'When the channel took it', 'delivered_at', 'When it arrived', 'read_at', 'When it was read');

create table public.message_status_events (
  id uuid not null default gen_random_uuid() primary key,
  organization_id uuid not null references public.organizations (id) on delete cascade,
  channel_account_id uuid not null,
  message_id uuid,
  platform_message_id text not null,
  status text not null check (status in ('sent', 'delivered', 'read', 'failed')),
  error_code text,
  error_message text,
  occurred_at timestamptz not null,
  created_at timestamptz not null default now(),
  unique (organization_id, id),
  unique (channel_account_id, platform_message_id, status),
  foreign key (organization_id, channel_account_id) references public.channel_accounts (organization_id, id) on delete cascade,
  foreign key (organization_id, message_id) references public.messages (organization_id, id) on delete cascade
);
create index message_status_events_message_id_idx on public.message_status_events (organization_id, message_id);
create index message_status_events_channel_account_id_idx on public.message_status_events (organization_id, channel_account_id);
select nexus_app.describe('public.message_status_events', 'What channels reported of messages that went out',
  'channel_account_id', 'The number or page that it was sent from', 'message_id', 'The message; null as long as it is not known which',
  'platform_message_id', 'What the channel calls the message', 'status', 'What became of it: sent, delivered, read or failed',
  'error_code', 'The channel''s code of the failure', 'error_message', 'The channel''s text of the failure', 'occurred_at', 'When it happened');

create table public.message_attachments (
  id uuid not null default gen_random_uuid() primary key,
  organization_id uuid not null references public.organizations (id) on delete cascade,
  message_id uuid not null,
  channel_account_id uuid,
  platform_media_id text,
  source_url text,
  file_name text check (length(file_name) <= 500),
  media_type text check (length(media_type) <= 200),
  size_bytes bigint check (size_bytes >= 0),
  sha256 text check (sha256 ~ '^[0-9a-f]{64}$'),
  status text not null default 'pending' check (status in ('pending', 'stored', 'failed')),
  error text check (length(error) <= 2000),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (organization_id, id),
  foreign key (organization_id, message_id) references public.messages (organization_id, id) on delete cascade,
  foreign key (organization_id, channel_account_id) references public.channel_accounts (organization_id, id) on delete set null (channel_account_id)
);
create index message_attachments_message_id_idx on public.message_attachments (organization_id, message_id);
create index message_attachments_channel_account_id_idx on public.message_attachments (organization_id, channel_account_id);
select nexus_app.describe('public.message_attachments', 'Files of messages that came in; message-media serves them',
  'message_id', 'The message', 'channel_account_id', 'The number or page that received it', 'platform_media_id', 'What the channel calls the file',
  'source_url', 'Where the channel has the file, for a time', 'file_name', 'What the contact calls the file', 'media_type', 'Its media type',
  'size_bytes', 'Its size', 'sha256', 'The SHA-256 hash of its content, as hex', 'status', 'pending until it is fetched, then stored or failed',
  'error', 'Why it could not be fetched');

create table public.canned_responses (
  id uuid not null default gen_random_uuid() primary key,
  organization_id uuid not null references public.organizations (id) on delete cascade,
  shortcut text not null check (shortcut ~ '^[^[:space:]/]{1,50}$'),
  title text check (length(title) <= 200),
  content text not null check (length(content) between 1 and 65536),
  tags text[] not null default '{}' check (cardinality(tags) <= 50),
  created_by uuid default auth.uid() references auth.users (id) on delete set null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (organization_id, id),
  unique (organization_id, shortcut)
);
create index canned_responses_created_by_idx on public.canned_responses (created_by);
select nexus_app.describe('public.canned_responses', 'Texts that are sent often',
  'shortcut', 'What is typed to get the text, without a slash before it', 'title', 'What it is called', 'content', 'The text', 'tags', 'Words by which texts are grouped');

-- Chats ------------------------------------------------------------------------------------------------------------------

-- +goose StatementBegin
create function nexus_app.prepare_chat() returns trigger
language plpgsql
set search_path = ''
as $$
begin
  new.contact_phone := nullif(pg_catalog.regexp_replace(
    pg_catalog.regexp_replace(new.contact_phone, '[[:space:]().\-]', '', 'g'), '^00', '+'), '');
  if tg_op = 'INSERT' then
    new.created_by := coalesce(new.created_by, auth.uid());
    if new.platform = 'whatsapp' then
      new.platform_chat_id := coalesce(new.platform_chat_id, ltrim(new.contact_phone, '+'));
      new.contact_phone := coalesce(new.contact_phone, '+' || new.platform_chat_id);
    elsif new.platform = 'email' then
      new.platform_chat_id := lower(btrim(coalesce(new.platform_chat_id, new.contact_platform_id)));
    end if;
    new.contact_platform_id := coalesce(new.contact_platform_id, new.platform_chat_id);
    if new.channel_account_id is null and new.platform <> 'internal' then
      select a.id into new.channel_account_id
      from public.channel_accounts a
      where a.organization_id = new.organization_id and a.platform = new.platform and a.is_active
      order by a.created_at, a.id limit 1;
    end if;
    if new.customer_id is null then
      select c.id into new.customer_id
      from public.customers c
      where c.organization_id = new.organization_id
        and (c.phone_number = new.contact_phone or (new.platform = 'email' and c.email = new.platform_chat_id))
      order by c.created_at, c.id limit 1;
    end if;
  end if;
  return new;
end
$$;
-- +goose StatementEnd
comment on function nexus_app.prepare_chat() is 'Finds a new chat''s number or page, and its contact';
create trigger prepare before insert or update of contact_phone on public.chats for each row execute function nexus_app.prepare_chat();

-- Contacts that are added later find the chats that they had before.
-- +goose StatementBegin
create function nexus_app.link_chats() returns trigger
language plpgsql security definer
set search_path = ''
as $$
begin
  update public.chats c set customer_id = n.id
  from added n
  where c.organization_id = n.organization_id and c.customer_id is null
    and (c.contact_phone = n.phone_number or (c.platform = 'email' and c.platform_chat_id = n.email));
  return null;
end
$$;
-- +goose StatementEnd
comment on function nexus_app.link_chats() is 'Tells chats of unknown people who they are';
select nexus_app.secure('nexus_app.link_chats()');
create trigger link_chats after insert on public.customers referencing new table as added
  for each statement execute function nexus_app.link_chats();

-- +goose StatementBegin
create function nexus_app.open_chat(of_platform text, address text, name text default null, account uuid default null) returns public.chats
language plpgsql
set search_path = ''
as $$
declare
  tenant uuid := auth.writable_organization();
  from_account uuid := account;
  found_chat public.chats;
begin
  if tenant is null then
    raise sqlstate 'PT403' using message = 'You may not write messages', detail = 'forbidden';
  end if;
  if from_account is null then
    select a.id into from_account from public.channel_accounts a
    where a.organization_id = tenant and a.platform = of_platform and a.is_active order by a.created_at, a.id limit 1;
  end if;
  for attempt in 1 .. 2 loop
    select c.* into found_chat from public.chats c
    where c.organization_id = tenant and c.platform = of_platform and c.platform_chat_id = address
      and (c.channel_account_id is not distinct from from_account or (account is null and c.channel_account_id is null))
    order by c.channel_account_id nulls last limit 1;
    exit when found;
    insert into public.chats (organization_id, platform, platform_chat_id, channel_account_id, contact_name)
    values (tenant, of_platform, address, from_account, name)
    on conflict do nothing
    returning * into found_chat;
    exit when found;
  end loop;
  return found_chat;
end
$$;
-- +goose StatementEnd
comment on function nexus_app.open_chat(text, text, text, uuid) is
  'The caller''s organization''s chat with a contact, by number, id or address; a new one if there is none';
grant execute on function nexus_app.open_chat(text, text, text, uuid) to authenticated;

-- Messages ---------------------------------------------------------------------------------------------------------------

-- What the server decides about a message, a client does not: whatever they send, it begins here.
-- +goose StatementBegin
create function nexus_app.prepare_message() returns trigger
language plpgsql
set search_path = ''
as $$
declare
  of_platform text := (select c.platform from public.chats c where c.organization_id = new.organization_id and c.id = new.chat_id);
begin
  if current_user = 'authenticated' then
    new.timestamp := pg_catalog.now();
    new.status := case new.direction when 'inbound' then 'delivered' else 'queued' end;
    new.platform_message_id := null;
    new.sender_type := case new.direction when 'inbound' then 'customer' else 'agent' end;
    new.sender_id := case new.direction when 'outbound' then auth.uid() end;
  end if;
  if new.direction = 'outbound' and new.status = 'queued' and of_platform = 'internal' then
    new.status := 'delivered';
    new.sent_at := pg_catalog.now();
    new.delivered_at := new.sent_at;
  end if;
  return new;
end
$$;
-- +goose StatementEnd
comment on function nexus_app.prepare_message() is 'Sets what a client does not decide about a message; on the internal channel it has arrived at once';
create trigger prepare before insert on public.messages for each row execute function nexus_app.prepare_message();

-- +goose StatementBegin
create function nexus_app.message_added() returns trigger
language plpgsql security definer
set search_path = ''
as $$
declare
  chat public.chats;
  meta boolean;
begin
  select c.* into chat from public.chats c where c.organization_id = new.organization_id and c.id = new.chat_id for no key update;
  if not found then
    return null; -- the foreign key refuses it
  end if;
  meta := chat.platform in ('whatsapp', 'facebook', 'instagram');
  if new.direction = 'outbound' and new.status = 'queued' then
    if meta and not exists (
      select from public.channel_accounts a
      where a.organization_id = new.organization_id and a.id = chat.channel_account_id and a.is_active
    ) then
      raise sqlstate 'PT409' using
        message = pg_catalog.format('The integration %s is not configured: the credentials of an account are missing', chat.platform),
        detail = 'integration_not_configured',
        hint = case chat.platform when 'whatsapp' then 'Call save-whatsapp-credentials.' else 'Call save-channel-credentials.' end;
    end if;
    if new.message_type = 'template' and chat.platform <> 'whatsapp' then
      raise sqlstate 'PT400' using message = 'Only WhatsApp has templates';
    end if;
    if meta and new.message_type <> 'template' and coalesce(chat.window_expires_at <= pg_catalog.now(), true) then
      raise sqlstate 'PT409' using
        message = 'The contact did not write within the last 24 hours', detail = 'outside_window',
        hint = case chat.platform when 'whatsapp' then 'Send a template.' else 'Wait until the contact writes.' end;
    end if;
    perform nexus_app.take_quota(new.organization_id, 'messages', 1);
    perform nexus_app.enqueue('message_send',
      pg_catalog.jsonb_build_object('organization_id', new.organization_id, 'message_id', new.id));
  end if;
  update public.chats c set
    last_message = case when c.last_message_time is null or new.timestamp >= c.last_message_time
      then coalesce(nullif(left(new.content, 500), ''), '[' || new.message_type || ']') else c.last_message end,
    last_message_time = greatest(c.last_message_time, new.timestamp),
    last_inbound_time = case new.direction when 'inbound' then greatest(c.last_inbound_time, new.timestamp) else c.last_inbound_time end,
    last_outbound_time = case new.direction when 'outbound' then greatest(c.last_outbound_time, new.timestamp) else c.last_outbound_time end,
    window_expires_at = case when new.direction = 'inbound' and meta
      then greatest(c.window_expires_at, new.timestamp + interval '24 hours') else c.window_expires_at end,
    unread_count = c.unread_count + case when new.direction = 'inbound' and new.status <> 'read' then 1 else 0 end,
    is_archived = c.is_archived and new.direction = 'outbound'
  where c.id = chat.id;
  if chat.customer_id is not null then
    update public.customers c set last_contact = new.timestamp
    where c.organization_id = new.organization_id and c.id = chat.customer_id
      and (c.last_contact is null or c.last_contact < new.timestamp);
  end if;
  return null;
end
$$;
-- +goose StatementEnd
comment on function nexus_app.message_added() is
  'Refuses what may not be sent, counts it and has it sent; keeps the chat''s last message, unread count and window, and the contact''s last contact';
select nexus_app.secure('nexus_app.message_added()');
create trigger message_added after insert on public.messages for each row execute function nexus_app.message_added();

-- +goose StatementBegin
create function nexus_app.message_removed() returns trigger
language plpgsql security definer
set search_path = ''
as $$
begin
  update public.chats c set (last_message, last_message_time) = (
    select coalesce(nullif(left(m.content, 500), ''), '[' || m.message_type || ']'), m.timestamp
    from public.messages m where m.organization_id = c.organization_id and m.chat_id = c.id
    order by m.timestamp desc, m.created_at desc limit 1
  )
  where c.id = old.chat_id and c.last_message_time <= old.timestamp;
  return null;
end
$$;
-- +goose StatementEnd
comment on function nexus_app.message_removed() is 'Keeps a chat''s last message when it is deleted';
select nexus_app.secure('nexus_app.message_removed()');
create trigger message_removed after delete on public.messages for each row execute function nexus_app.message_removed();

-- Sending ----------------------------------------------------------------------------------------------------------------

-- +goose StatementBegin
create function nexus_app.begin_sending(
  message uuid, out outcome text, out platform text, out recipient text, out kind text, out content text, out media_url text,
  out media_type text, out template_name text, out template_language text, out payload jsonb, out reply_to text, out organization uuid,
  out organization_name text, out account uuid, out account_external_id text, out credentials bytea
)
language plpgsql security definer
set search_path = ''
as $$
declare
  m public.messages;
  c public.chats;
begin
  select x.* into m from public.messages x where x.id = message for no key update;
  if not found or m.direction <> 'outbound' or m.status not in ('queued', 'sending') then
    outcome := 'done';
    return;
  end if;
  if m.status = 'sending' then
    update public.messages x set status = 'failed', error_code = 'outcome_unknown',
      error_message = 'The server ended while it sent the message, which may have arrived or not'
    where x.id = m.id;
    outcome := 'lost';
    return;
  end if;
  -- Messages of a chat go out in their order, but one that failed and is tried again holds up no others.
  if exists (
    select from public.messages x
    where x.chat_id = m.chat_id and x.direction = 'outbound' and x.status in ('queued', 'sending') and x.id <> m.id
      and (x.timestamp, x.created_at, x.id) < (m.timestamp, m.created_at, m.id)
      and (x.attempts = 0 or x.status = 'sending') and x.updated_at > pg_catalog.now() - interval '2 minutes'
  ) and m.attempts = 0 then
    outcome := 'wait';
    return;
  end if;
  update public.messages x set status = 'sending', attempts = x.attempts + 1 where x.id = m.id;
  select x.* into c from public.chats x where x.id = m.chat_id;
  outcome := 'send';
  platform := c.platform;
  recipient := c.platform_chat_id;
  kind := m.message_type;
  content := m.content;
  media_url := m.media_url;
  media_type := m.media_type;
  template_name := m.template_name;
  template_language := m.template_language;
  payload := m.payload;
  organization := m.organization_id;
  select x.platform_message_id into reply_to from public.messages x where x.id = m.reply_to_message_id;
  select o.name into organization_name from public.organizations o where o.id = m.organization_id;
  select a.id, a.external_id, a.credentials into account, account_external_id, credentials
  from public.channel_accounts a
  where a.organization_id = m.organization_id and a.id = c.channel_account_id and a.is_active;
end
$$;
-- +goose StatementEnd
comment on function nexus_app.begin_sending(uuid) is
  'Takes a message for sending and tells all that is needed for it; outcome is send, wait (for an earlier one), done, or lost if an attempt broke off';
select nexus_app.secure('nexus_app.begin_sending(uuid)', 'authenticator');

-- A status only moves on: reports come late, twice and in any order.
-- +goose StatementBegin
create function nexus_app.advance_message(message uuid, new_status text, at timestamptz, code text, reason text) returns void
language sql security definer
set search_path = ''
as $$
  update public.messages m set
    status = new_status,
    error_code = case new_status when 'failed' then code end,
    error_message = case new_status when 'failed' then reason end,
    sent_at = case when new_status in ('sent', 'delivered', 'read') then coalesce(m.sent_at, at) else m.sent_at end,
    delivered_at = case when new_status in ('delivered', 'read') then coalesce(m.delivered_at, at) else m.delivered_at end,
    read_at = case when new_status = 'read' then coalesce(m.read_at, at) else m.read_at end
  where m.id = message and m.direction = 'outbound' and case
    when new_status = 'failed' then m.status in ('queued', 'sending', 'sent')
    else array_position(array['queued', 'sending', 'failed', 'sent', 'delivered', 'read'], new_status)
      > array_position(array['queued', 'sending', 'failed', 'sent', 'delivered', 'read'], m.status)
  end
$$;
-- +goose StatementEnd
comment on function nexus_app.advance_message(uuid, text, timestamptz, text, text) is 'Moves a message''s status on, and never back';
select nexus_app.secure('nexus_app.advance_message(uuid, text, timestamptz, text, text)', 'nexus_app');

-- +goose StatementBegin
create function nexus_app.end_sending(
  message uuid, outcome text, sent_as text default null, code text default null, reason text default null, bad_credentials boolean default false
) returns void
language plpgsql security definer
set search_path = ''
as $$
declare
  m public.messages;
  from_account uuid;
  event record;
begin
  select x.* into m from public.messages x where x.id = message for no key update;
  if not found then
    return;
  end if;
  select c.channel_account_id into from_account from public.chats c where c.id = m.chat_id;
  if bad_credentials then
    update public.channel_accounts a set last_error = left(reason, 2000), last_error_at = pg_catalog.now() where a.id = from_account;
  end if;
  case outcome
    when 'sent' then
      update public.messages x set platform_message_id = coalesce(x.platform_message_id, sent_as) where x.id = m.id;
      perform nexus_app.advance_message(m.id, 'sent', pg_catalog.now(), null, null);
      for event in
        update public.message_status_events e set message_id = m.id
        where e.channel_account_id = from_account and e.platform_message_id = sent_as and e.message_id is null
        returning e.*
      loop
        perform nexus_app.advance_message(m.id, event.status, event.occurred_at, event.error_code, event.error_message);
      end loop;
    when 'retry' then
      update public.messages x set status = 'queued', error_code = code, error_message = reason where x.id = m.id and x.status = 'sending';
    when 'failed', 'unknown' then
      if m.status in ('queued', 'sending') then
        update public.messages x set status = 'failed', error_code = code, error_message = reason where x.id = m.id;
        if outcome = 'failed' then
          perform nexus_app.give_quota(m.organization_id, 'messages', 1);
        end if;
      end if;
  end case;
end
$$;
-- +goose StatementEnd
comment on function nexus_app.end_sending(uuid, text, text, text, text, boolean) is
  'Notes what became of sending a message: sent, retry, failed (which does not count against the plan) or unknown';
select nexus_app.secure('nexus_app.end_sending(uuid, text, text, text, text, boolean)', 'authenticator');

-- +goose StatementBegin
create function nexus_app.retry_message(message uuid) returns public.messages
language plpgsql security definer
set search_path = ''
as $$
declare
  m public.messages;
  c public.chats;
begin
  select x.* into m from public.messages x
  where x.id = message and x.organization_id = auth.writable_organization() for no key update;
  if not found then
    raise sqlstate 'PT404' using message = 'The organization has no message with this id';
  end if;
  if m.direction <> 'outbound' or m.status <> 'failed' then
    raise sqlstate 'PT409' using message = 'Only messages that failed are sent again', detail = 'not_failed';
  end if;
  select x.* into c from public.chats x where x.id = m.chat_id;
  if c.platform in ('whatsapp', 'facebook', 'instagram') and m.message_type <> 'template'
    and coalesce(c.window_expires_at <= pg_catalog.now(), true) then
    raise sqlstate 'PT409' using message = 'The contact did not write within the last 24 hours', detail = 'outside_window';
  end if;
  perform nexus_app.take_quota(m.organization_id, 'messages', 1);
  update public.messages x set status = 'queued', error_code = null, error_message = null, platform_message_id = null
  where x.id = m.id returning * into m;
  perform nexus_app.enqueue('message_send', pg_catalog.jsonb_build_object('organization_id', m.organization_id, 'message_id', m.id));
  return m;
end
$$;
-- +goose StatementEnd
comment on function nexus_app.retry_message(uuid) is 'Has a message of the caller''s organization that failed sent again';
select nexus_app.secure('nexus_app.retry_message(uuid)', 'authenticated');

-- Receiving --------------------------------------------------------------------------------------------------------------

-- +goose StatementBegin
create function nexus_app.webhook_accounts(of_platform text, external_ids text[])
returns table (id uuid, organization_id uuid, external_id text, business_account_id text, is_active boolean, credentials bytea)
language sql stable security definer
set search_path = ''
as $$
  select a.id, a.organization_id, a.external_id, a.business_account_id, a.is_active, a.credentials
  from public.channel_accounts a
  where a.platform = of_platform and (a.external_id = any (external_ids) or (a.business_account_id = any (external_ids) and of_platform = 'whatsapp'))
$$;
-- +goose StatementEnd
comment on function nexus_app.webhook_accounts(text, text[]) is 'The accounts that a delivery of a webhook is about, by their ids on the channel';
select nexus_app.secure('nexus_app.webhook_accounts(text, text[])', 'authenticator');

-- +goose StatementBegin
create function nexus_app.knows_verify_token(hash text) returns boolean
language sql stable security definer
set search_path = ''
as $$
  select exists (select from public.channel_accounts a where a.verify_token_hash = hash and a.is_active)
$$;
-- +goose StatementEnd
comment on function nexus_app.knows_verify_token(text) is 'Whether an account''s webhook is set up with the token of this hash';
select nexus_app.secure('nexus_app.knows_verify_token(text)', 'authenticator');

-- Contacts who write become known; where the plan has no room for another one, the message is taken all the same.
-- +goose StatementBegin
create function nexus_app.chat_customer(tenant uuid, of_platform text, name text, phone text, email text) returns uuid
language plpgsql security definer
set search_path = ''
as $$
declare
  found_id uuid;
begin
  if phone !~ '^\+[1-9][0-9]{6,14}$' then
    phone := null;
  end if;
  if num_nonnulls(phone, email) = 0 then
    return null;
  end if;
  select c.id into found_id from public.customers c
  where c.organization_id = tenant and (c.phone_number = phone or c.email = chat_customer.email) order by c.created_at, c.id limit 1;
  if found_id is null then
    insert into public.customers (organization_id, first_name, phone_number, email, source, lead_source_id)
    values (tenant, left(name, 200), phone, chat_customer.email, of_platform,
      (select s.id from public.lead_sources s where s.organization_id = tenant and s.name = of_platform))
    returning id into found_id;
  end if;
  return found_id;
exception
  when sqlstate 'PT403' or unique_violation or check_violation then
    return null;
end
$$;
-- +goose StatementEnd
comment on function nexus_app.chat_customer(uuid, text, text, text, text) is 'The contact with a number or address, a new one if there is none and the plan has room';
select nexus_app.secure('nexus_app.chat_customer(uuid, text, text, text, text)', 'nexus_app');

-- +goose StatementBegin
create function nexus_app.receive_message(account uuid, message jsonb) returns uuid
language plpgsql security definer
set search_path = ''
as $$
declare
  a public.channel_accounts;
  chat public.chats;
  contact uuid;
  answered uuid;
  added uuid;
  file jsonb;
  attachment uuid;
  address text := message ->> 'chat';
begin
  select x.* into a from public.channel_accounts x where x.id = account and x.is_active;
  if not found or exists (
    select from public.messages m where m.organization_id = a.organization_id and m.platform_message_id = message ->> 'id'
  ) then
    return null;
  end if;
  -- A chat may have been begun before the account was connected.
  update public.chats c set channel_account_id = a.id
  where c.organization_id = a.organization_id and c.platform = a.platform and c.platform_chat_id = address and c.channel_account_id is null
    and not exists (
      select from public.chats o where o.organization_id = a.organization_id and o.platform = a.platform
        and o.platform_chat_id = address and o.channel_account_id = a.id
    );
  insert into public.chats (organization_id, platform, channel_account_id, platform_chat_id, contact_name, contact_phone)
  values (a.organization_id, a.platform, a.id, address, left(message ->> 'name', 200),
    case a.platform when 'whatsapp' then '+' || address end)
  on conflict (organization_id, platform, platform_chat_id, channel_account_id) where platform_chat_id is not null
  do update set contact_name = coalesce(excluded.contact_name, chats.contact_name)
  returning * into chat;
  if chat.customer_id is null then
    contact := nexus_app.chat_customer(a.organization_id, a.platform, chat.contact_name, chat.contact_phone,
      case a.platform when 'email' then address end);
    update public.chats c set customer_id = contact where c.id = chat.id and c.customer_id is null;
  end if;
  select m.id into answered from public.messages m
  where m.organization_id = a.organization_id and m.platform_message_id = message ->> 'reply_to';
  insert into public.messages (
    organization_id, chat_id, content, message_type, direction, status, platform_message_id, media_type, payload, reply_to_message_id,
    sender_type, timestamp, delivered_at
  ) values (
    a.organization_id, chat.id, left(message ->> 'content', 65536), coalesce((message ->> 'type')::public.message_type, 'text'),
    'inbound', 'delivered', message ->> 'id', message -> 'files' -> 0 ->> 'media_type', coalesce(message -> 'payload', '{}'), answered,
    'customer', least((message ->> 'timestamp')::timestamptz, pg_catalog.now()), pg_catalog.now()
  )
  on conflict (organization_id, platform_message_id) do nothing
  returning id into added;
  if added is null then
    return null;
  end if;
  for file in select f from pg_catalog.jsonb_array_elements(coalesce(message -> 'files', '[]')) as f loop
    insert into public.message_attachments (
      id, organization_id, message_id, channel_account_id, platform_media_id, source_url, file_name, media_type, size_bytes, sha256, status
    ) values (
      coalesce((file ->> 'id')::uuid, gen_random_uuid()), a.organization_id, added, a.id, file ->> 'platform_id', file ->> 'url',
      left(file ->> 'name', 500), left(file ->> 'media_type', 200), (file ->> 'size')::bigint, file ->> 'sha256',
      coalesce(file ->> 'status', 'pending')
    ) returning id into attachment;
    if coalesce(file ->> 'status', 'pending') = 'pending' then
      perform nexus_app.enqueue('message_media',
        pg_catalog.jsonb_build_object('organization_id', a.organization_id, 'attachment_id', attachment));
    else
      update public.messages m set media_url = file ->> 'served_at' where m.id = added and m.media_url is null;
    end if;
  end loop;
  return added;
end
$$;
-- +goose StatementEnd
comment on function nexus_app.receive_message(uuid, jsonb) is
  'Takes a message that came in for an account, and returns its id: null if it was taken before, or the account is off';
select nexus_app.secure('nexus_app.receive_message(uuid, jsonb)', 'authenticator');

-- +goose StatementBegin
create function nexus_app.note_delivery(
  account uuid, sent_as text, ours uuid, new_status text, at timestamptz, code text default null, reason text default null
) returns void
language plpgsql security definer
set search_path = ''
as $$
declare
  tenant uuid := (select a.organization_id from public.channel_accounts a where a.id = account);
  found_id uuid;
begin
  select m.id into found_id from public.messages m where m.organization_id = tenant and m.platform_message_id = sent_as;
  if found_id is null and ours is not null then
    -- The report is here before the answer to the call, or instead of it.
    update public.messages m set platform_message_id = sent_as
    where m.organization_id = tenant and m.id = ours and m.direction = 'outbound' and m.platform_message_id is null
      and exists (select from public.chats c where c.id = m.chat_id and c.channel_account_id = account)
    returning m.id into found_id;
  end if;
  insert into public.message_status_events
    (organization_id, channel_account_id, message_id, platform_message_id, status, error_code, error_message, occurred_at)
  values (tenant, account, found_id, sent_as, new_status, code, left(reason, 2000), at)
  on conflict do nothing;
  if found and found_id is not null then
    perform nexus_app.advance_message(found_id, new_status, at, code, reason);
  end if;
end
$$;
-- +goose StatementEnd
comment on function nexus_app.note_delivery(uuid, text, uuid, text, timestamptz, text, text) is
  'Notes what a channel reports of a message, by what it calls it, or by what we told it';
select nexus_app.secure('nexus_app.note_delivery(uuid, text, uuid, text, timestamptz, text, text)', 'authenticator');

-- +goose StatementBegin
create function nexus_app.note_delivered_until(account uuid, address text, new_status text, at timestamptz) returns void
language sql security definer
set search_path = ''
as $$
  select nexus_app.note_delivery(account, m.platform_message_id, null, new_status, at)
  from public.chats c
  join public.messages m on m.organization_id = c.organization_id and m.chat_id = c.id
  where c.channel_account_id = account and c.platform_chat_id = address and m.direction = 'outbound' and m.platform_message_id is not null
    and m.timestamp <= at and m.timestamp > at - interval '30 days'
    and (m.status = 'sent' or (m.status = 'delivered' and new_status = 'read'))
$$;
-- +goose StatementEnd
comment on function nexus_app.note_delivered_until(uuid, text, text, timestamptz) is
  'Notes that a contact has got or read all messages up to a time';
select nexus_app.secure('nexus_app.note_delivered_until(uuid, text, text, timestamptz)', 'authenticator');

-- Files ------------------------------------------------------------------------------------------------------------------

-- +goose StatementBegin
create function nexus_app.pending_attachment(
  attachment uuid, out organization uuid, out platform text, out account uuid, out credentials bytea, out platform_media_id text,
  out source_url text, out media_type text, out media_sha256 text
)
language sql stable security definer
set search_path = ''
as $$
  select f.organization_id, a.platform, a.id, a.credentials, f.platform_media_id, f.source_url, f.media_type, f.sha256
  from public.message_attachments f
  left join public.channel_accounts a on a.organization_id = f.organization_id and a.id = f.channel_account_id
  where f.id = attachment and f.status = 'pending'
$$;
-- +goose StatementEnd
comment on function nexus_app.pending_attachment(uuid) is 'What is needed to fetch a file; nothing if it need not be fetched';
select nexus_app.secure('nexus_app.pending_attachment(uuid)', 'authenticator');

-- +goose StatementBegin
create function nexus_app.attachment_stored(attachment uuid, kind text, size bigint, hash text, served_at text) returns void
language plpgsql security definer
set search_path = ''
as $$
begin
  update public.message_attachments f set status = 'stored', media_type = kind, size_bytes = size, sha256 = hash, error = null
  where f.id = attachment;
  update public.messages m set media_url = served_at, media_type = kind
  from public.message_attachments f
  where f.id = attachment and m.organization_id = f.organization_id and m.id = f.message_id and m.media_url is null;
end
$$;
-- +goose StatementEnd
comment on function nexus_app.attachment_stored(uuid, text, bigint, text, text) is 'Notes that a file was fetched and is kept';
select nexus_app.secure('nexus_app.attachment_stored(uuid, text, bigint, text, text)', 'authenticator');

-- +goose StatementBegin
create function nexus_app.attachment_failed(attachment uuid, reason text) returns void
language sql security definer
set search_path = ''
as $$
  update public.message_attachments f set status = 'failed', error = left(reason, 2000) where f.id = attachment and f.status = 'pending'
$$;
-- +goose StatementEnd
comment on function nexus_app.attachment_failed(uuid, text) is 'Notes that a file cannot be fetched';
select nexus_app.secure('nexus_app.attachment_failed(uuid, text)', 'authenticator');

-- +goose StatementBegin
create function nexus_app.attachment_removed() returns trigger
language plpgsql security definer
set search_path = ''
as $$
begin
  perform nexus_app.enqueue('message_media_removed',
    pg_catalog.jsonb_build_object('organization_id', old.organization_id, 'attachment_id', old.id));
  return null;
end
$$;
-- +goose StatementEnd
comment on function nexus_app.attachment_removed() is 'Has a file removed with its row';
select nexus_app.secure('nexus_app.attachment_removed()');
create trigger attachment_removed after delete on public.message_attachments
  for each row when (old.status = 'stored') execute function nexus_app.attachment_removed();

-- Accounts ---------------------------------------------------------------------------------------------------------------

-- +goose StatementBegin
create function nexus_app.save_channel_account(
  account uuid, of_platform text, external_id text, business_account_id text, display_name text, phone_number text,
  credentials bytea, verify_token_hash text
) returns void
language plpgsql security definer
set search_path = ''
as $$
declare
  tenant uuid := auth.administered_organization();
begin
  if tenant is null then
    raise sqlstate 'PT403' using message = 'You may not connect channels', detail = 'forbidden';
  end if;
  insert into public.channel_accounts (
    id, organization_id, platform, external_id, business_account_id, display_name, phone_number, credentials, verify_token_hash, created_by
  ) values (
    account, tenant, of_platform, save_channel_account.external_id, save_channel_account.business_account_id,
    left(save_channel_account.display_name, 200), save_channel_account.phone_number, save_channel_account.credentials,
    save_channel_account.verify_token_hash, auth.uid()
  )
  on conflict (id) do update set
    business_account_id = excluded.business_account_id, display_name = excluded.display_name, phone_number = excluded.phone_number,
    credentials = excluded.credentials, verify_token_hash = excluded.verify_token_hash, is_active = true, last_error = null, last_error_at = null
  where channel_accounts.organization_id = tenant;
  -- Chats that were begun before have found their account.
  update public.chats c set channel_account_id = account
  where c.organization_id = tenant and c.platform = of_platform and c.channel_account_id is null;
exception
  when unique_violation then
    raise sqlstate 'PT409' using message = 'This account is connected to another organization', detail = 'account_connected_elsewhere';
end
$$;
-- +goose StatementEnd
comment on function nexus_app.save_channel_account(uuid, text, text, text, text, text, bytea, text) is
  'Connects an account to the caller''s organization, or gives it other credentials';
select nexus_app.secure('nexus_app.save_channel_account(uuid, text, text, text, text, text, bytea, text)', 'authenticated');

-- +goose StatementBegin
create function nexus_app.channel_secret(tenant uuid, of_platform text, account uuid default null)
returns table (id uuid, external_id text, business_account_id text, credentials bytea)
language sql stable security definer
set search_path = ''
as $$
  select a.id, a.external_id, a.business_account_id, a.credentials
  from public.channel_accounts a
  where a.organization_id = tenant and a.platform = of_platform and a.is_active and (account is null or a.id = account)
  order by a.created_at, a.id limit 1
$$;
-- +goose StatementEnd
comment on function nexus_app.channel_secret(uuid, text, uuid) is 'The sealed credentials of an organization''s account on a channel, the oldest one if none is named';
select nexus_app.secure('nexus_app.channel_secret(uuid, text, uuid)', 'authenticator');

-- +goose StatementBegin
create function nexus_app.save_templates(tenant uuid, account uuid, templates jsonb) returns void
language plpgsql security definer
set search_path = ''
as $$
begin
  if not exists (select from public.channel_accounts a where a.id = account and a.organization_id = tenant) then
    raise sqlstate 'PT404' using message = 'The organization has no account with this id';
  end if;
  delete from public.whatsapp_templates t
  where t.channel_account_id = account and not exists (
    select from pg_catalog.jsonb_array_elements(templates) as n where n ->> 'name' = t.name and n ->> 'language' = t.language
  );
  insert into public.whatsapp_templates (organization_id, channel_account_id, external_id, name, language, status, category, components)
  select distinct on (n ->> 'name', n ->> 'language')
    tenant, account, n ->> 'id', n ->> 'name', n ->> 'language', n ->> 'status', n ->> 'category', coalesce(nullif(n -> 'components', 'null'), '[]')
  from pg_catalog.jsonb_array_elements(templates) as n
  on conflict (channel_account_id, name, language) do update set
    external_id = excluded.external_id, status = excluded.status, category = excluded.category, components = excluded.components,
    synced_at = pg_catalog.now();
end
$$;
-- +goose StatementEnd
comment on function nexus_app.save_templates(uuid, uuid, jsonb) is 'Keeps the templates that Meta knows of an organization''s account';
select nexus_app.secure('nexus_app.save_templates(uuid, uuid, jsonb)', 'authenticator');

-- Rights -----------------------------------------------------------------------------------------------------------------

select nexus_app.tenant_table('public.channel_accounts', null, 'administered', 'administered');
revoke select, update on public.channel_accounts from authenticated;
grant select (id, organization_id, platform, external_id, business_account_id, display_name, phone_number, is_active, last_error,
  last_error_at, created_by, created_at, updated_at), update (display_name, is_active) on public.channel_accounts to authenticated;

select nexus_app.tenant_table('public.whatsapp_templates', null, null, null);

select nexus_app.tenant_table('public.chats');
revoke insert, update on public.chats from authenticated;
grant insert (id, organization_id, platform, channel_account_id, platform_chat_id, contact_name, contact_phone, contact_platform_id,
    customer_id, is_archived, assigned_to, metadata),
  update (contact_name, contact_phone, customer_id, unread_count, is_archived, assigned_to, metadata) on public.chats to authenticated;

-- What contacts wrote comes from channels alone, but for the one that is the organization's own.
select nexus_app.tenant_table('public.messages', null, null, 'administered');
grant insert (id, organization_id, chat_id, content, message_type, direction, status, platform_message_id, media_url, media_type,
  template_name, template_language, payload, reply_to_message_id, timestamp) on public.messages to authenticated;
create policy tenant_insert on public.messages for insert to authenticated with check (
  organization_id = (select auth.writable_organization())
  and (direction = 'outbound' or exists (select from public.chats c where c.id = chat_id and c.platform = 'internal'))
);

select nexus_app.tenant_table('public.message_status_events', null, null, null);
select nexus_app.tenant_table('public.message_attachments', null, null, null);
select nexus_app.tenant_table('public.canned_responses', 'writable', 'writable', 'writable');

revoke execute on all functions in schema nexus_app from public;

-- +goose Down

drop trigger link_chats on public.customers;
drop function nexus_app.link_chats(), nexus_app.retry_message(uuid), nexus_app.open_chat(text, text, text, uuid);
drop table public.canned_responses, public.message_attachments, public.message_status_events, public.messages, public.chats,
  public.whatsapp_templates, public.channel_accounts;
drop function nexus_app.save_templates(uuid, uuid, jsonb), nexus_app.channel_secret(uuid, text, uuid),
  nexus_app.save_channel_account(uuid, text, text, text, text, text, bytea, text), nexus_app.attachment_failed(uuid, text),
  nexus_app.attachment_stored(uuid, text, bigint, text, text), nexus_app.pending_attachment(uuid),
  nexus_app.note_delivered_until(uuid, text, text, timestamptz),
  nexus_app.note_delivery(uuid, text, uuid, text, timestamptz, text, text), nexus_app.receive_message(uuid, jsonb),
  nexus_app.chat_customer(uuid, text, text, text, text), nexus_app.knows_verify_token(text), nexus_app.webhook_accounts(text, text[]),
  nexus_app.end_sending(uuid, text, text, text, text, boolean),
  nexus_app.advance_message(uuid, text, timestamptz, text, text), nexus_app.begin_sending(uuid), nexus_app.message_removed(), nexus_app.attachment_removed(),
  nexus_app.message_added(), nexus_app.prepare_message(), nexus_app.prepare_chat();
drop type public.message_type;
