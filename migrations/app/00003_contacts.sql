-- Contacts: the people an organization deals with, how far they have come, and how they are found again.
--
-- A contact is a row of customers. Within an organization an address and a phone number belong to one contact only; addresses are
-- kept in lower case and numbers in E.164, so that the same person is not taken for two. What refers to contacts follows them when
-- they are merged (nexus_app.merge_customers).

-- +goose Up

-- Comments of a table and its columns in one place. Columns that are the same everywhere say the same everywhere.
-- +goose StatementBegin
create function nexus_app.describe(target regclass, meaning text, variadic columns text[]) returns void
language plpgsql
set search_path = ''
as $$
declare
  said jsonb := pg_catalog.jsonb_build_object(
    'id', 'The row', 'organization_id', 'The organization that it belongs to', 'created_by', 'The person or agent who made it',
    'created_at', 'When it was made', 'updated_at', 'When the row last changed'
  ) || coalesce(pg_catalog.jsonb_object(columns), '{}');
  kind text := case (select c.relkind from pg_catalog.pg_class c where c.oid = target) when 'v' then 'view' else 'table' end;
  name name;
begin
  execute pg_catalog.format('comment on %s %s is %L', kind, target, meaning);
  for name in
    select a.attname from pg_catalog.pg_attribute a where a.attrelid = target and a.attnum > 0 and not a.attisdropped
  loop
    if said ->> name is null then
      raise exception 'column % of % is not described', name, target;
    end if;
    execute pg_catalog.format('comment on column %s.%I is %L', target, name, said ->> name);
    columns := pg_catalog.array_remove(columns, name::text);
  end loop;
end
$$;
-- +goose StatementEnd
comment on function nexus_app.describe(regclass, text, text[]) is
  'Comments a table and its columns, given as names and meanings in turn; refuses to leave one out';

-- How far contacts have come -------------------------------------------------------------------------------------------

create table public.customer_journey_stages (
  id uuid not null default gen_random_uuid() primary key,
  organization_id uuid not null references public.organizations (id) on delete cascade,
  name text not null check (length(btrim(name)) between 1 and 100),
  position integer not null default 0,
  color text check (color ~ '^#[0-9a-fA-F]{6}$'),
  is_default boolean not null default false,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (organization_id, id),
  unique (organization_id, name)
);
create unique index customer_journey_stages_default_idx on public.customer_journey_stages (organization_id) where is_default;
select nexus_app.describe('public.customer_journey_stages',
  'The stages that contacts pass, per organization; lead, prospect, customer and churned are there from the beginning',
  'name', 'The stage''s name', 'position', 'Its place in the order of stages, from the first', 'color', 'Its colour, as #rrggbb',
  'is_default', 'Whether new contacts begin here; one stage at most');

create table public.lead_sources (
  id uuid not null default gen_random_uuid() primary key,
  organization_id uuid not null references public.organizations (id) on delete cascade,
  name text not null check (length(btrim(name)) between 1 and 100),
  is_active boolean not null default true,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (organization_id, id),
  unique (organization_id, name)
);
select nexus_app.describe('public.lead_sources',
  'Where contacts come from, per organization; manual, import, shopify and whatsapp are there from the beginning',
  'name', 'The source''s name', 'is_active', 'Whether it is offered for new contacts');

-- Contacts ---------------------------------------------------------------------------------------------------------------

create table public.customers (
  id uuid not null default gen_random_uuid() primary key,
  organization_id uuid not null references public.organizations (id) on delete cascade,
  first_name text check (length(first_name) <= 200),
  last_name text check (length(last_name) <= 200),
  email text check (email = lower(btrim(email)) and length(email) between 3 and 254 and position('@' in email) > 1),
  phone_number text check (phone_number ~ '^\+[1-9][0-9]{6,14}$'),
  company text check (length(company) <= 200),
  address jsonb check (jsonb_typeof(address) = 'object'),
  shopify_customer_id text check (length(shopify_customer_id) between 1 and 100),
  customer_label text check (length(customer_label) <= 100),
  journey_stage_id uuid,
  lead_source_id uuid,
  assigned_to text check (length(assigned_to) <= 100),
  customer_score integer not null default 0,
  tags text[] not null default '{}' check (cardinality(tags) <= 100),
  last_contact timestamptz,
  next_follow_up timestamptz,
  notes text check (length(notes) <= 20000),
  source text check (length(source) <= 100),
  metadata jsonb not null default '{}' check (jsonb_typeof(metadata) = 'object'),
  created_by uuid references auth.users (id) on delete set null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (organization_id, id),
  unique (organization_id, phone_number),
  unique (organization_id, email),
  unique (organization_id, shopify_customer_id),
  check (num_nonnulls(first_name, last_name, email, phone_number, company, shopify_customer_id) > 0),
  foreign key (organization_id, journey_stage_id) references public.customer_journey_stages (organization_id, id)
    on delete set null (journey_stage_id),
  foreign key (organization_id, lead_source_id) references public.lead_sources (organization_id, id) on delete set null (lead_source_id)
);
create index customers_journey_stage_id_idx on public.customers (organization_id, journey_stage_id);
create index customers_lead_source_id_idx on public.customers (organization_id, lead_source_id);
create index customers_created_by_idx on public.customers (created_by);
create index customers_created_at_idx on public.customers (organization_id, created_at desc);
create index customers_next_follow_up_idx on public.customers (organization_id, next_follow_up) where next_follow_up is not null;
create index customers_tags_idx on public.customers using gin (tags);
select nexus_app.describe('public.customers', 'The contacts of an organization. search_customers finds them by any part of what is known of them',
  'first_name', 'The given name', 'last_name', 'The family name',
  'email', 'The e-mail address, in lower case; one contact of an organization has it',
  'phone_number', 'The phone number in E.164, such as +201001234567; one contact of an organization has it',
  'company', 'The company that the contact belongs to', 'address', 'The postal address: line1, line2, city, country',
  'shopify_customer_id', 'The contact''s id at Shopify', 'customer_label', 'A word for the contact, such as VIP',
  'journey_stage_id', 'How far the contact has come', 'lead_source_id', 'Where the contact came from',
  'assigned_to', 'The id of the user who looks after the contact, as text',
  'customer_score', 'What the contact is worth, as the nightly evaluation has it', 'tags', 'Words by which contacts are grouped',
  'last_contact', 'When there was contact last; touchpoints keep it', 'next_follow_up', 'When somebody should get in touch again',
  'notes', 'Notes of the staff', 'source', 'What made the contact: manual, import, shopify, whatsapp',
  'metadata', 'Whatever else an application keeps of the contact');

-- What people write is brought into the form that is compared. National numbers need a country and are left to the functions.
-- +goose StatementBegin
create function nexus_app.normalize_customer() returns trigger
language plpgsql
set search_path = ''
as $$
begin
  new.email := nullif(lower(btrim(new.email)), '');
  new.phone_number := nullif(pg_catalog.regexp_replace(
    pg_catalog.regexp_replace(new.phone_number, '[[:space:]().\-]', '', 'g'), '^00', '+'), '');
  new.first_name := nullif(btrim(new.first_name), '');
  new.last_name := nullif(btrim(new.last_name), '');
  if tg_op = 'INSERT' then
    new.created_by := coalesce(new.created_by, auth.uid());
    if new.journey_stage_id is null then
      select s.id into new.journey_stage_id
      from public.customer_journey_stages s where s.organization_id = new.organization_id and s.is_default;
    end if;
  end if;
  return new;
end
$$;
-- +goose StatementEnd
comment on function nexus_app.normalize_customer() is 'Writes addresses and numbers in one way, and begins a contact''s journey';
create trigger normalize before insert or update on public.customers for each row execute function nexus_app.normalize_customer();

-- Contacts count against the plan.
-- +goose StatementBegin
create function nexus_app.count_customers() returns trigger
language plpgsql security definer
set search_path = ''
as $$
declare
  counted record;
begin
  if tg_op = 'INSERT' then
    for counted in select r.organization_id, count(*)::integer as n from added r group by 1 order by 1 loop
      perform nexus_app.take_quota(counted.organization_id, 'contacts', counted.n);
    end loop;
  else
    for counted in select r.organization_id, count(*)::integer as n from removed r group by 1 order by 1 loop
      perform nexus_app.give_quota(counted.organization_id, 'contacts', counted.n);
    end loop;
  end if;
  return null;
end
$$;
-- +goose StatementEnd
comment on function nexus_app.count_customers() is 'Counts contacts against the plan of their organization';
select nexus_app.secure('nexus_app.count_customers()');
create trigger count_added after insert on public.customers referencing new table as added
  for each statement execute function nexus_app.count_customers();
create trigger count_removed after delete on public.customers referencing old table as removed
  for each statement execute function nexus_app.count_customers();

-- Labels -----------------------------------------------------------------------------------------------------------------

create table public.labels (
  id uuid not null default gen_random_uuid() primary key,
  organization_id uuid not null references public.organizations (id) on delete cascade,
  name text not null check (length(btrim(name)) between 1 and 100),
  color text check (color ~ '^#[0-9a-fA-F]{6}$'),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (organization_id, id),
  unique (organization_id, name)
);
select nexus_app.describe('public.labels', 'Markers for contacts, per organization',
  'name', 'The label''s name', 'color', 'Its colour, as #rrggbb');

create table public.customer_labels (
  organization_id uuid not null references public.organizations (id) on delete cascade,
  customer_id uuid not null,
  label_id uuid not null,
  created_by uuid default auth.uid() references auth.users (id) on delete set null,
  created_at timestamptz not null default now(),
  primary key (customer_id, label_id),
  foreign key (organization_id, customer_id) references public.customers (organization_id, id) on delete cascade,
  foreign key (organization_id, label_id) references public.labels (organization_id, id) on delete cascade
);
create index customer_labels_organization_id_idx on public.customer_labels (organization_id, label_id);
create index customer_labels_label_id_idx on public.customer_labels (label_id);
create index customer_labels_created_by_idx on public.customer_labels (created_by);
select nexus_app.describe('public.customer_labels', 'Which contacts have which labels',
  'customer_id', 'The contact', 'label_id', 'The label', 'created_by', 'Who put it there', 'created_at', 'When it was put there');

-- Segments -----------------------------------------------------------------------------------------------------------------

create table public.segments (
  id uuid not null default gen_random_uuid() primary key,
  organization_id uuid not null references public.organizations (id) on delete cascade,
  name text not null check (length(btrim(name)) between 1 and 100),
  description text check (length(description) <= 2000),
  filter jsonb not null default '{}' check (
    jsonb_typeof(filter) = 'object'
    and filter - array['tags', 'label_ids', 'journey_stage_ids', 'lead_source_ids', 'min_score', 'max_score', 'city', 'country',
      'inactive_days', 'assigned_to'] = '{}'
  ),
  created_by uuid default auth.uid() references auth.users (id) on delete set null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (organization_id, id),
  unique (organization_id, name)
);
create index segments_created_by_idx on public.segments (created_by);
select nexus_app.describe('public.segments', 'Saved descriptions of groups of contacts; segment_customers lists who belongs to one now',
  'name', 'The segment''s name', 'description', 'What it is for',
  'filter', 'Who belongs: all of tags and label_ids (arrays), any of journey_stage_ids and lead_source_ids (arrays), min_score, max_score, city, country, assigned_to, inactive_days (without contact for so many days)');

-- The texts and numbers of a filter are read as what they are compared with, so a value of another kind is an error, not a hole.
-- +goose StatementBegin
create function public.segment_customers(segment_id uuid) returns setof public.customers
language sql stable
begin atomic
  select c.*
  from public.segments s
  join public.customers c on c.organization_id = s.organization_id
  where s.id = segment_customers.segment_id
    and (s.filter -> 'tags' is null or c.tags @> array(select jsonb_array_elements_text(s.filter -> 'tags')))
    and (s.filter -> 'label_ids' is null or not exists (
      select from jsonb_array_elements_text(s.filter -> 'label_ids') as l (id)
      where not exists (select from public.customer_labels cl where cl.customer_id = c.id and cl.label_id = l.id::uuid)
    ))
    and (s.filter -> 'journey_stage_ids' is null
      or c.journey_stage_id = any (array(select jsonb_array_elements_text(s.filter -> 'journey_stage_ids')::uuid)))
    and (s.filter -> 'lead_source_ids' is null
      or c.lead_source_id = any (array(select jsonb_array_elements_text(s.filter -> 'lead_source_ids')::uuid)))
    and (s.filter -> 'min_score' is null or c.customer_score >= (s.filter ->> 'min_score')::integer)
    and (s.filter -> 'max_score' is null or c.customer_score <= (s.filter ->> 'max_score')::integer)
    and (s.filter -> 'city' is null or lower(c.address ->> 'city') = lower(s.filter ->> 'city'))
    and (s.filter -> 'country' is null or lower(c.address ->> 'country') = lower(s.filter ->> 'country'))
    and (s.filter -> 'assigned_to' is null or c.assigned_to = s.filter ->> 'assigned_to')
    and (s.filter -> 'inactive_days' is null
      or coalesce(c.last_contact, c.created_at) < now() - make_interval(days => (s.filter ->> 'inactive_days')::integer));
end;
-- +goose StatementEnd
comment on function public.segment_customers(uuid) is 'The contacts that belong to a segment now';

-- Touchpoints ----------------------------------------------------------------------------------------------------------------

create table public.customer_touchpoints (
  id uuid not null default gen_random_uuid() primary key,
  organization_id uuid not null references public.organizations (id) on delete cascade,
  customer_id uuid not null,
  kind text not null check (kind in ('message', 'call', 'order', 'visit', 'email', 'note', 'merge', 'other')),
  channel text check (length(channel) <= 50),
  summary text check (length(summary) <= 2000),
  reference_id uuid,
  metadata jsonb not null default '{}' check (jsonb_typeof(metadata) = 'object'),
  occurred_at timestamptz not null default now(),
  created_by uuid default auth.uid() references auth.users (id) on delete set null,
  created_at timestamptz not null default now(),
  unique (organization_id, id),
  foreign key (organization_id, customer_id) references public.customers (organization_id, id) on delete cascade
);
create index customer_touchpoints_customer_id_idx on public.customer_touchpoints (organization_id, customer_id, occurred_at desc);
create index customer_touchpoints_created_by_idx on public.customer_touchpoints (created_by);
select nexus_app.describe('public.customer_touchpoints', 'What happened between an organization and a contact, and when',
  'customer_id', 'The contact', 'kind', 'What it was: message, call, order, visit, email, note, merge or other',
  'channel', 'How it took place, such as whatsapp', 'summary', 'What it was about', 'reference_id', 'The row that it is about, such as an order',
  'metadata', 'What else is known', 'occurred_at', 'When it took place');

-- +goose StatementBegin
create function nexus_app.note_contact() returns trigger
language plpgsql
set search_path = ''
as $$
begin
  if new.kind not in ('merge', 'note') then
    update public.customers c set last_contact = new.occurred_at
    where c.id = new.customer_id and c.organization_id = new.organization_id
      and (c.last_contact is null or c.last_contact < new.occurred_at);
  end if;
  return null;
end
$$;
-- +goose StatementEnd
comment on function nexus_app.note_contact() is 'Keeps when there was contact with a contact last';
create trigger note_contact after insert on public.customer_touchpoints for each row execute function nexus_app.note_contact();

-- What every organization begins with -----------------------------------------------------------------------------------

-- +goose StatementBegin
create function nexus_app.begin_contacts() returns trigger
language plpgsql security definer
set search_path = ''
as $$
begin
  insert into public.customer_journey_stages (organization_id, name, position, is_default)
  values (new.id, 'lead', 1, true), (new.id, 'prospect', 2, false), (new.id, 'customer', 3, false), (new.id, 'churned', 4, false);
  insert into public.lead_sources (organization_id, name)
  values (new.id, 'manual'), (new.id, 'import'), (new.id, 'shopify'), (new.id, 'whatsapp');
  return null;
end
$$;
-- +goose StatementEnd
comment on function nexus_app.begin_contacts() is 'Gives a new organization the usual stages and sources';
select nexus_app.secure('nexus_app.begin_contacts()');
create trigger begin_contacts after insert on public.organizations for each row execute function nexus_app.begin_contacts();

-- Search -------------------------------------------------------------------------------------------------------------------

-- One form for what looks or sounds the same to people: case, accents, the marks and letter forms of Arabic, its digits.
create function nexus_app.fold(value text) returns text
language sql immutable parallel safe strict
return pg_catalog.translate(
  pg_catalog.regexp_replace(lower(normalize(value, nfkd)), U&'[\0300-\036F\0640\064B-\065F\0670]', '', 'g'),
  U&'\0671\0649\0629\0660\0661\0662\0663\0664\0665\0666\0667\0668\0669\06F0\06F1\06F2\06F3\06F4\06F5\06F6\06F7\06F8\06F9',
  U&'\0627\064A\064701234567890123456789'
);
comment on function nexus_app.fold(text) is 'A text without what people leave out when they search: case, accents, Arabic vowel marks and letter forms';

create function nexus_app.customer_text(
  first_name text, last_name text, email text, phone_number text, company text, tags text[], notes text
) returns text
language sql immutable parallel safe
return nexus_app.fold(
  coalesce(first_name, '') || ' ' || coalesce(last_name, '') || ' ' || coalesce(email, '') || ' ' || coalesce(phone_number, '')
  || ' ' || coalesce(company, '') || ' ' || tags::text || ' ' || coalesce(left(notes, 4000), '')
);
comment on function nexus_app.customer_text(text, text, text, text, text, text[], text) is 'What a contact is found by';

create function nexus_app.customer_words(
  first_name text, last_name text, email text, phone_number text, company text, tags text[], notes text
) returns tsvector
language sql immutable parallel safe
return pg_catalog.to_tsvector('pg_catalog.arabic', nexus_app.customer_text(first_name, last_name, email, phone_number, company, tags, notes))
  || pg_catalog.to_tsvector('pg_catalog.english', nexus_app.customer_text(first_name, last_name, email, phone_number, company, tags, notes));
comment on function nexus_app.customer_words(text, text, text, text, text, text[], text) is
  'The words that a contact is found by, in their Arabic and English stems';

-- Both indexes begin with the organization, so that a search never reads what others have. Parts of words need the extension
-- pg_trgm and the organization in a GIN index needs btree_gin; without them search works, and reads the whole organization.
-- +goose StatementBegin
do $$
declare
  found_schema name;
begin
  if (select count(*) from pg_catalog.pg_available_extensions e where e.name in ('pg_trgm', 'btree_gin')) < 2 then
    raise notice 'search over contacts is slow without the extensions pg_trgm and btree_gin';
    return;
  end if;
  if pg_catalog.to_regnamespace('extensions') is null then
    create schema extensions;
    comment on schema extensions is 'Objects of extensions';
    insert into nexus.core_objects (kind, name) values ('app schema', 'extensions');
  end if;
  for found_schema in
    select e.name from pg_catalog.pg_available_extensions e where e.name in ('pg_trgm', 'btree_gin') and e.installed_version is null
  loop
    execute pg_catalog.format('create extension %I with schema extensions', found_schema);
    insert into nexus.core_objects (kind, name) values ('app extension', found_schema);
  end loop;
  select n.nspname into found_schema
  from pg_catalog.pg_opclass o join pg_catalog.pg_namespace n on n.oid = o.opcnamespace where o.opcname = 'gin_trgm_ops';
  execute pg_catalog.format(
    'create index customers_text_idx on public.customers using gin (organization_id,
      nexus_app.customer_text(first_name, last_name, email, phone_number, company, tags, notes) %I.gin_trgm_ops)', found_schema
  );
  create index customers_words_idx on public.customers using gin (organization_id,
    nexus_app.customer_words(first_name, last_name, email, phone_number, company, tags, notes));
end
$$;
-- +goose StatementEnd

-- Runs with more rights than its caller, because PostgreSQL uses no index for like under row level security; it looks at the caller's
-- organization alone. At most 200 candidates of each kind are ranked, so that common words cost no more than rare ones.
-- +goose StatementBegin
create function nexus_app.find_customers(query text, most integer) returns uuid[]
language plpgsql stable security definer
set search_path = ''
set enable_seqscan = off
set enable_indexscan = off
set plan_cache_mode = force_custom_plan
as $$
declare
  tenant uuid := auth.readable_organization();
  text_query text := btrim(nexus_app.fold(query));
  words text[];
  longest text;
  patterns text[];
  stems tsquery;
  part uuid[];
  found_ids uuid[] := '{}';
begin
  if tenant is null or text_query is null then
    return found_ids;
  end if;
  if length(text_query) < 2 then
    raise sqlstate 'PT400' using message = 'Search for two letters at least', detail = 'query_too_short';
  end if;
  words := (pg_catalog.regexp_split_to_array(text_query, '[[:space:],;]+'))[1:8];
  select w into longest from unnest(words) as w order by length(w) desc limit 1;
  select pg_catalog.array_agg('%' || pg_catalog.regexp_replace(w, '([\\%_])', '\\\1', 'g') || '%') into patterns from unnest(words) as w;
  if length(longest) >= 3 then
    -- A condition for each word, because the index takes no "like all".
    execute 'select pg_catalog.array_agg(m.id) from (
        select c.id from public.customers c
        where c.organization_id = $1 and '
      || (
        select pg_catalog.string_agg(pg_catalog.format('nexus_app.customer_text(c.first_name, c.last_name, c.email, c.phone_number, c.company,
          c.tags, c.notes) like $2[%s]', n), ' and ')
        from pg_catalog.generate_subscripts(patterns, 1) as n
      )
      || ' limit 200) as m'
    into part using tenant, patterns;
    found_ids := coalesce(part, '{}');
  end if;
  -- Other forms of the words, and beginnings of short ones.
  if cardinality(found_ids) < most then
    stems := pg_catalog.plainto_tsquery('pg_catalog.arabic', text_query) || pg_catalog.plainto_tsquery('pg_catalog.english', text_query);
    if length(longest) < 3 then
      stems := stems || (
        select pg_catalog.to_tsquery('pg_catalog.simple', pg_catalog.string_agg(pg_catalog.quote_literal(w) || ':*', ' & ')) from unnest(words) as w
      );
    end if;
    select pg_catalog.array_agg(m.id) into part
    from (
      select c.id from public.customers c
      where c.organization_id = tenant
        and nexus_app.customer_words(c.first_name, c.last_name, c.email, c.phone_number, c.company, c.tags, c.notes) @@ stems
        and c.id <> all (found_ids)
      limit 200
    ) as m;
    found_ids := found_ids || coalesce(part, '{}');
  end if;
  return found_ids;
end
$$;
-- +goose StatementEnd
comment on function nexus_app.find_customers(text, integer) is 'Candidates among the contacts of the caller''s organization for a search';
select nexus_app.secure('nexus_app.find_customers(text, integer)', 'authenticated');

-- The contacts themselves are read under the caller's policies, and in an order in which the best come first.
-- +goose StatementBegin
create function public.search_customers(query text, most integer default 25) returns setof public.customers
language sql stable
rows 25
begin atomic
  select c.*
  from public.customers c, lateral (select nexus_app.fold(search_customers.query) as text) as q
  where c.id = any ((select nexus_app.find_customers(search_customers.query, least(search_customers.most, 200)))::uuid[])
  order by
    (q.text in (coalesce(c.email, ''), coalesce(c.phone_number, ''), ltrim(coalesce(c.phone_number, ''), '+'))) desc,
    (position(q.text in nexus_app.fold(coalesce(c.first_name, '') || ' ' || coalesce(c.last_name, ''))) = 1) desc,
    (position(' ' || q.text in ' ' || nexus_app.fold(coalesce(c.first_name, '') || ' ' || coalesce(c.last_name, ''))) > 0) desc,
    c.last_contact desc nulls last, c.created_at desc, c.id
  limit least(search_customers.most, 200);
end;
-- +goose StatementEnd
comment on function public.search_customers(text, integer) is
  'Finds contacts by parts of their name, address, number, company, tags and notes, whatever the case, accents and Arabic letter forms; the best first, at most 200';

-- Merging ------------------------------------------------------------------------------------------------------------------

-- +goose StatementBegin
create function nexus_app.merge_customers(keep uuid, others uuid[]) returns public.customers
language plpgsql security definer
set search_path = ''
as $$
declare
  tenant uuid := auth.writable_organization();
  ids uuid[] := array(select distinct o from unnest(others) as o where o <> keep);
  kept public.customers;
  other public.customers;
  reference record;
begin
  if tenant is null then
    raise sqlstate 'PT403' using message = 'You may not merge contacts', detail = 'forbidden';
  end if;
  if cardinality(ids) not between 1 and 50 then
    raise sqlstate 'PT400' using message = 'Name 1 to 50 contacts to merge into another one';
  end if;
  perform from public.customers c where c.organization_id = tenant and c.id = any (ids || keep) order by c.id for update;
  if (select count(*) from public.customers c where c.organization_id = tenant and c.id = any (ids || keep)) <= cardinality(ids) then
    raise sqlstate 'PT404' using message = 'One of the contacts does not exist';
  end if;
  insert into public.customer_labels (organization_id, customer_id, label_id, created_by, created_at)
  select l.organization_id, keep, l.label_id, l.created_by, l.created_at from public.customer_labels l where l.customer_id = any (ids)
  on conflict do nothing;
  delete from public.customer_labels l where l.customer_id = any (ids);
  for reference in
    select k.conrelid::regclass as tbl, a.attname as col
    from pg_catalog.pg_constraint k
    join pg_catalog.pg_attribute a on a.attrelid = k.conrelid and a.attnum = k.conkey[array_upper(k.conkey, 1)]
    where k.contype = 'f' and k.confrelid = 'public.customers'::regclass and k.conrelid <> 'public.customer_labels'::regclass
    order by 1
  loop
    execute pg_catalog.format('update %s set %I = $1 where %I = any ($2) and organization_id = $3', reference.tbl, reference.col, reference.col)
      using keep, ids, tenant;
  end loop;
  for other in select c.* from public.customers c where c.id = any (ids) order by c.created_at, c.id loop
    insert into public.customer_touchpoints (organization_id, customer_id, kind, summary, metadata)
    values (tenant, keep, 'merge', 'Merged with another contact', pg_catalog.jsonb_build_object('merged', pg_catalog.to_jsonb(other)));
    delete from public.customers c where c.id = other.id;
    update public.customers c set
      first_name = coalesce(c.first_name, other.first_name), last_name = coalesce(c.last_name, other.last_name),
      email = coalesce(c.email, other.email), phone_number = coalesce(c.phone_number, other.phone_number),
      company = coalesce(c.company, other.company), address = coalesce(c.address, other.address),
      shopify_customer_id = coalesce(c.shopify_customer_id, other.shopify_customer_id),
      customer_label = coalesce(c.customer_label, other.customer_label),
      lead_source_id = coalesce(c.lead_source_id, other.lead_source_id), assigned_to = coalesce(c.assigned_to, other.assigned_to),
      customer_score = greatest(c.customer_score, other.customer_score),
      tags = (array(select distinct t from unnest(c.tags || other.tags) as t order by t))[1:100],
      last_contact = greatest(c.last_contact, other.last_contact), next_follow_up = least(c.next_follow_up, other.next_follow_up),
      notes = left(nullif(pg_catalog.concat_ws(E'\n\n', c.notes, other.notes), ''), 20000), metadata = other.metadata || c.metadata
    where c.id = keep
    returning * into kept;
  end loop;
  return kept;
end
$$;
-- +goose StatementEnd
comment on function nexus_app.merge_customers(uuid, uuid[]) is
  'Makes several contacts one: all that refers to the others refers to the first, what it lacks it gets from them, and a touchpoint keeps what they were';
select nexus_app.secure('nexus_app.merge_customers(uuid, uuid[])', 'authenticated');

select nexus_app.tenant_table('public.customers');
select nexus_app.tenant_table('public.customer_journey_stages', 'administered', 'administered');
select nexus_app.tenant_table('public.lead_sources', 'administered', 'administered');
select nexus_app.tenant_table('public.labels');
select nexus_app.tenant_table('public.customer_labels', 'writable', null, 'writable');
select nexus_app.tenant_table('public.segments', 'writable', 'writable', 'writable');
select nexus_app.tenant_table('public.customer_touchpoints', 'writable', null, 'administered');

insert into public.customer_journey_stages (organization_id, name, position, is_default)
select o.id, s.name, s.position, s.position = 1
from public.organizations o cross join (values ('lead', 1), ('prospect', 2), ('customer', 3), ('churned', 4)) as s (name, position);
insert into public.lead_sources (organization_id, name)
select o.id, s.name from public.organizations o cross join (values ('manual'), ('import'), ('shopify'), ('whatsapp')) as s (name);

revoke execute on all functions in schema nexus_app from public;
revoke execute on function public.search_customers(text, integer), public.segment_customers(uuid) from public, anon;
grant execute on function public.search_customers(text, integer), public.segment_customers(uuid) to authenticated, service_role;
grant execute on function nexus_app.fold(text), nexus_app.customer_text(text, text, text, text, text, text[], text),
  nexus_app.customer_words(text, text, text, text, text, text[], text) to authenticated, service_role, nexus_app;
grant execute on function nexus_app.find_customers(text, integer) to service_role;

-- +goose Down

drop function public.search_customers(text, integer), public.segment_customers(uuid),
  nexus_app.merge_customers(uuid, uuid[]), nexus_app.find_customers(text, integer);
drop trigger begin_contacts on public.organizations;
drop table public.customer_touchpoints, public.segments, public.customer_labels, public.labels, public.customers, public.lead_sources,
  public.customer_journey_stages;
drop function nexus_app.begin_contacts(), nexus_app.note_contact(), nexus_app.count_customers(),
  nexus_app.normalize_customer(),
  nexus_app.customer_words(text, text, text, text, text, text[], text),
  nexus_app.customer_text(text, text, text, text, text, text[], text), nexus_app.fold(text),
  nexus_app.describe(regclass, text, text[]);

-- +goose StatementBegin
do $$
declare
  made record;
begin
  for made in select o.kind, o.name from nexus.core_objects o where o.kind in ('app extension', 'app schema') order by o.kind loop
    begin
      execute pg_catalog.format('drop %s %I', substr(made.kind, 5), made.name);
    exception
      when dependent_objects_still_exist then
        raise notice '% % stays: %', made.kind, made.name, sqlerrm;
    end;
    delete from nexus.core_objects o where o.kind = made.kind and o.name = made.name;
  end loop;
end
$$;
-- +goose StatementEnd
