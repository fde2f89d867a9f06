-- AI analytics: what models, or people, say of messages and conversations, in words that an organization has chosen.
--
-- Annotations may come from a model of the organization's own (through rest/v1 with the scope write), from ai-cs-annotator, or from
-- people; the tags are those of ai_tag_definitions. The two rpc_ai functions sum up what there is, under the caller's policies.

-- +goose Up

create table public.ai_tag_definitions (
  id uuid not null default gen_random_uuid() primary key,
  organization_id uuid not null references public.organizations (id) on delete cascade,
  scope text not null default 'message' check (scope in ('message', 'conversation', 'customer')),
  tag text not null check (tag ~ '^[a-z0-9][a-z0-9_-]{0,99}$'),
  category text check (length(category) <= 100),
  description text check (length(description) <= 2000),
  keywords text[] not null default '{}' check (cardinality(keywords) <= 100),
  is_active boolean not null default true,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (organization_id, id),
  unique (organization_id, scope, tag)
);
select nexus_app.describe('public.ai_tag_definitions', 'The tags that annotations use',
  'scope', 'What it is said of: message, conversation or customer', 'tag', 'The tag, as a slug', 'category', 'The group of the tag', 'description', 'When it applies',
  'keywords', 'Words by which it is recognized without a model', 'is_active', 'Whether it is used');

create table public.ai_message_annotations (
  id uuid not null default gen_random_uuid() primary key,
  organization_id uuid not null references public.organizations (id) on delete cascade,
  message_id uuid not null,
  chat_id uuid not null,
  tags text[] not null default '{}' check (cardinality(tags) <= 100),
  tag_group text check (length(tag_group) <= 100),
  intent text check (length(intent) <= 100),
  sentiment text check (sentiment in ('positive', 'neutral', 'negative')),
  risk_flags text[] not null default '{}' check (cardinality(risk_flags) <= 50),
  confidence real check (confidence between 0 and 1),
  source text not null default 'person' check (source in ('person', 'model', 'rules')),
  model text check (length(model) <= 100),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (organization_id, id),
  unique (message_id),
  foreign key (organization_id, message_id) references public.messages (organization_id, id) on delete cascade,
  foreign key (organization_id, chat_id) references public.chats (organization_id, id) on delete cascade
);
create index ai_message_annotations_chat_id_idx on public.ai_message_annotations (organization_id, chat_id);
create index ai_message_annotations_by_chat_idx on public.ai_message_annotations (chat_id);
create index ai_message_annotations_tags_idx on public.ai_message_annotations using gin (tags);
select nexus_app.describe('public.ai_message_annotations', 'What is said of a message, once',
  'message_id', 'The message', 'chat_id', 'Its conversation', 'tags', 'Tags of ai_tag_definitions', 'tag_group', 'The group of the tags', 'intent', 'What the writer wants',
  'sentiment', 'positive, neutral or negative', 'risk_flags', 'What to look out for, such as churn', 'confidence', 'How sure it is, from 0 to 1', 'source', 'Who says so: person, model or rules',
  'model', 'The model');

create table public.org_ai_prompts (
  id uuid not null default gen_random_uuid() primary key,
  organization_id uuid not null references public.organizations (id) on delete cascade,
  prompt_key text not null check (prompt_key in ('tag_message', 'tag_group')),
  prompt text not null check (length(prompt) between 1 and 20000),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (organization_id, id),
  unique (organization_id, prompt_key)
);
select nexus_app.describe('public.org_ai_prompts', 'What models are told for an organization',
  'prompt_key', 'What it is for: tag_message or tag_group', 'prompt', 'The text');

create table public.org_ai_profile (
  organization_id uuid not null primary key references public.organizations (id) on delete cascade,
  summary text check (length(summary) <= 20000),
  industry text check (length(industry) <= 200),
  priority_attributes text[] not null default '{}',
  custom_vocabulary text[] not null default '{}',
  dashboard_focus_areas text[] not null default '{}',
  annotation_enabled boolean not null default true,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
select nexus_app.describe('public.org_ai_profile', 'What models should know of an organization',
  'summary', 'What it does', 'industry', 'Its industry', 'priority_attributes', 'What matters most about contacts', 'custom_vocabulary', 'Words of its own',
  'dashboard_focus_areas', 'What its dashboard is about', 'annotation_enabled', 'Whether conversations are annotated');

create table public.cs_annotations (
  id uuid not null default gen_random_uuid() primary key,
  organization_id uuid not null references public.organizations (id) on delete cascade,
  chat_id uuid not null,
  summary text check (length(summary) <= 20000),
  sentiment text check (sentiment in ('positive', 'neutral', 'negative')),
  intent text check (length(intent) <= 100),
  tags text[] not null default '{}' check (cardinality(tags) <= 100),
  risk_flags text[] not null default '{}' check (cardinality(risk_flags) <= 50),
  first_response_seconds integer check (first_response_seconds >= 0),
  messages_in integer not null default 0,
  messages_out integer not null default 0,
  source text not null default 'person' check (source in ('person', 'model', 'rules')),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (organization_id, id),
  unique (chat_id),
  foreign key (organization_id, chat_id) references public.chats (organization_id, id) on delete cascade
);
create index cs_annotations_organization_id_idx on public.cs_annotations (organization_id, updated_at desc);
select nexus_app.describe('public.cs_annotations', 'What is said of a conversation as a whole, once',
  'chat_id', 'The conversation', 'summary', 'What it was about', 'sentiment', 'positive, neutral or negative', 'intent', 'What the contact wants', 'tags', 'Tags of ai_tag_definitions',
  'risk_flags', 'What to look out for', 'first_response_seconds', 'How long the contact waited for the first answer', 'messages_in', 'How many messages came', 'messages_out', 'How many went out',
  'source', 'Who says so: person, model or rules');

create table public.ai_insights (
  id uuid not null default gen_random_uuid() primary key,
  organization_id uuid not null references public.organizations (id) on delete cascade,
  kind text not null check (length(kind) between 1 and 100),
  title text not null check (length(title) between 1 and 500),
  body text check (length(body) <= 20000),
  data jsonb not null default '{}',
  period_start date,
  period_end date,
  created_at timestamptz not null default now(),
  unique (organization_id, id)
);
create index ai_insights_created_at_idx on public.ai_insights (organization_id, created_at desc);
select nexus_app.describe('public.ai_insights', 'What analyses found', 'kind', 'What kind of analysis', 'title', 'What was found, in a line', 'body', 'What was found', 'data', 'The figures',
  'period_start', 'From when the figures are', 'period_end', 'Until when the figures are');

create table public.embeddings (
  id uuid not null default gen_random_uuid() primary key,
  organization_id uuid not null references public.organizations (id) on delete cascade,
  subject text not null check (subject in ('customer', 'item', 'message', 'chat')),
  subject_id uuid not null,
  model text not null check (length(model) between 1 and 100),
  embedding real[] not null check (cardinality(embedding) between 1 and 4096),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (organization_id, id),
  unique (organization_id, subject, subject_id, model)
);
select nexus_app.describe('public.embeddings', 'Vectors that models make of texts, as plain arrays so that no extension is needed',
  'subject', 'What it is of: customer, item, message or chat', 'subject_id', 'The row', 'model', 'The model', 'embedding', 'The vector');

-- Both run as their caller: what policies hide is not counted.
-- +goose StatementBegin
create function public.rpc_ai_get_customer_intelligence(customer_id uuid) returns jsonb
language sql stable
set search_path = ''
begin atomic
  select jsonb_build_object(
    'customer', jsonb_build_object('id', c.id, 'first_name', c.first_name, 'last_name', c.last_name, 'score', c.customer_score, 'tags', c.tags, 'last_contact', c.last_contact),
    'orders', (
      select jsonb_build_object('count', count(*), 'total', coalesce(sum(o.total_amount), 0), 'last', max(o.created_at),
        'returned', count(*) filter (where o.order_status = 'returned'))
      from public.orders o where o.customer_id = c.id and o.organization_id = c.organization_id and o.order_status <> 'cancelled'
    ),
    'conversations', coalesce((
      select jsonb_agg(jsonb_build_object('chat_id', h.id, 'platform', h.platform, 'summary', a.summary, 'sentiment', a.sentiment, 'intent', a.intent, 'tags', a.tags, 'risk_flags', a.risk_flags)
        order by h.last_message_time desc nulls last)
      from public.chats h left join public.cs_annotations a on a.chat_id = h.id and a.organization_id = h.organization_id
      where h.customer_id = c.id and h.organization_id = c.organization_id
    ), '[]'),
    'sentiment', coalesce((
      select jsonb_object_agg(s.sentiment, s.n) from (
        select m.sentiment, count(*) as n from public.ai_message_annotations m join public.chats h on h.id = m.chat_id and h.organization_id = m.organization_id
        where h.customer_id = c.id and h.organization_id = c.organization_id and m.sentiment is not null group by 1
      ) as s
    ), '{}')
  )
  from public.customers c
  where c.id = rpc_ai_get_customer_intelligence.customer_id;
end;
-- +goose StatementEnd
comment on function public.rpc_ai_get_customer_intelligence(uuid) is 'What is known of a contact: orders, conversations and what annotations say of them; null if there is no such contact';

-- +goose StatementBegin
create function public.rpc_ai_get_conversation_dashboard(date_from date default null, date_to date default null) returns jsonb
language sql stable
set search_path = ''
begin atomic
  with period as (
    select coalesce(date_from, (now() - interval '30 days')::date) as first, coalesce(date_to, now()::date) as last
  ),
  said as (
    select a.* from public.cs_annotations a, period p where a.updated_at >= p.first and a.updated_at < p.last + 1
  )
  select jsonb_build_object(
    'from', p.first, 'to', p.last,
    'conversations', (select count(*) from said),
    'average_first_response_seconds', (select round(avg(s.first_response_seconds)) from said s),
    'messages', (
      select jsonb_build_object('inbound', count(*) filter (where m.direction = 'inbound'), 'outbound', count(*) filter (where m.direction = 'outbound'))
      from public.messages m where m.timestamp >= p.first and m.timestamp < p.last + 1
    ),
    'sentiment', coalesce((select jsonb_object_agg(x.sentiment, x.n) from (select s.sentiment, count(*) as n from said s where s.sentiment is not null group by 1) x), '{}'),
    'intents', coalesce((select jsonb_object_agg(x.intent, x.n) from (select s.intent, count(*) as n from said s where s.intent is not null group by 1 order by 2 desc, 1 limit 20) x), '{}'),
    'tags', coalesce((select jsonb_object_agg(x.tag, x.n) from (select t.tag, count(*) as n from said s, unnest(s.tags) as t (tag) group by 1 order by 2 desc, 1 limit 20) x), '{}'),
    'risk_flags', coalesce((select jsonb_object_agg(x.flag, x.n) from (select f.flag, count(*) as n from said s, unnest(s.risk_flags) as f (flag) group by 1) x), '{}')
  )
  from period p;
end;
-- +goose StatementEnd
comment on function public.rpc_ai_get_conversation_dashboard(date, date) is 'Conversations of a period in figures: how many, how fast they were answered, moods, intents, tags and risks; the last 30 days if no dates are given';

-- What can be said without a model: figures, and tags whose keywords occur.
-- +goose StatementBegin
create function nexus_app.annotate_chat(chat uuid) returns public.cs_annotations
language plpgsql security definer
set search_path = ''
as $$
declare
  tenant uuid := auth.writable_organization();
  message record;
  found_tags text[];
  all_tags text[] := '{}';
  said public.cs_annotations;
begin
  if not exists (select from public.chats c where c.organization_id = tenant and c.id = chat) then
    raise sqlstate 'PT404' using message = 'There is no conversation with this id';
  end if;
  for message in
    select m.id, nexus_app.fold(coalesce(m.content, '')) as text from public.messages m
    where m.organization_id = tenant and m.chat_id = chat and m.direction = 'inbound' order by m.timestamp
  loop
    select coalesce(pg_catalog.array_agg(distinct d.tag order by d.tag), '{}') into found_tags
    from public.ai_tag_definitions d
    where d.organization_id = tenant and d.scope in ('message', 'conversation') and d.is_active
      and exists (select from unnest(d.keywords) as k (word) where k.word <> '' and position(nexus_app.fold(k.word) in message.text) > 0);
    all_tags := all_tags || found_tags;
    insert into public.ai_message_annotations as a (organization_id, message_id, chat_id, tags, source)
    values (tenant, message.id, chat, found_tags, 'rules')
    on conflict (message_id) do update set tags = excluded.tags where a.source = 'rules';
  end loop;
  insert into public.cs_annotations as a (organization_id, chat_id, tags, messages_in, messages_out, first_response_seconds, source)
  select tenant, chat, array(select distinct t from unnest(all_tags) as t order by t),
    count(*) filter (where m.direction = 'inbound'), count(*) filter (where m.direction = 'outbound'),
    greatest(pg_catalog.date_part('epoch',
      (select min(o.timestamp) from public.messages o where o.chat_id = chat and o.direction = 'outbound'
        and o.timestamp >= min(m.timestamp) filter (where m.direction = 'inbound'))
      - min(m.timestamp) filter (where m.direction = 'inbound'))::integer, 0),
    'rules'
  from public.messages m where m.organization_id = tenant and m.chat_id = chat
  on conflict (chat_id) do update set
    tags = case when a.source = 'rules' then excluded.tags else a.tags end, messages_in = excluded.messages_in, messages_out = excluded.messages_out,
    first_response_seconds = excluded.first_response_seconds
  returning * into said;
  return said;
end
$$;
-- +goose StatementEnd
comment on function nexus_app.annotate_chat(uuid) is 'Says of a conversation what can be said without a model: figures, and tags whose keywords occur; what people and models said stays';
select nexus_app.secure('nexus_app.annotate_chat(uuid)', 'authenticated');

select nexus_app.tenant_table('public.ai_tag_definitions', 'writable', 'writable');
select nexus_app.tenant_table('public.ai_message_annotations');
select nexus_app.tenant_table('public.org_ai_prompts', 'writable', 'writable');
select nexus_app.tenant_table('public.org_ai_profile', 'writable', 'writable');
select nexus_app.tenant_table('public.cs_annotations');
select nexus_app.tenant_table('public.ai_insights', 'writable', null);
select nexus_app.tenant_table('public.embeddings');

revoke execute on all functions in schema nexus_app from public;
revoke execute on function public.rpc_ai_get_customer_intelligence(uuid), public.rpc_ai_get_conversation_dashboard(date, date) from public, anon;
grant execute on function public.rpc_ai_get_customer_intelligence(uuid), public.rpc_ai_get_conversation_dashboard(date, date) to authenticated, service_role;

-- +goose Down

drop function nexus_app.annotate_chat(uuid), public.rpc_ai_get_conversation_dashboard(date, date), public.rpc_ai_get_customer_intelligence(uuid);
drop table public.embeddings, public.ai_insights, public.cs_annotations, public.org_ai_profile, public.org_ai_prompts, public.ai_message_annotations,
  public.ai_tag_definitions;
