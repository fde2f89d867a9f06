-- Integrations: which other systems an organization has connected, and what comes from a shop at Shopify.
--
-- Credentials are sealed by the server before they get here and opened by nobody else. An order of Shopify is an order like any
-- other, known by shopify_order_id; its webhooks are taken once and whatever comes late changes nothing that came after it.

-- +goose Up

create table public.integrations (
  id uuid not null default gen_random_uuid() primary key,
  organization_id uuid not null references public.organizations (id) on delete cascade,
  kind text not null check (kind in ('shopify', 'n8n', 'ai', 'pbx', 'social', 'mail', 'other')),
  name text not null default 'default' check (length(name) between 1 and 100),
  settings jsonb not null default '{}' check (jsonb_typeof(settings) = 'object'),
  credentials bytea,
  external_id text check (length(external_id) <= 200),
  is_active boolean not null default true,
  created_by uuid default auth.uid() references auth.users (id) on delete set null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (organization_id, id),
  unique (organization_id, kind, name)
);
create unique index integrations_external_id_idx on public.integrations (kind, external_id);
create index integrations_created_by_idx on public.integrations (created_by);
select nexus_app.describe('public.integrations', 'Other systems that an organization has connected; set up by integration-configure',
  'kind', 'The system: shopify, n8n, ai, pbx, social, mail or other', 'name', 'Which of several', 'settings', 'Settings without secrets', 'credentials', 'Its credentials, encrypted; nobody reads them through the API',
  'external_id', 'Its id there, such as the domain of a shop; one organization has it', 'is_active', 'Whether it is used');

create table public.shopify_abandoned_checkouts (
  id uuid not null default gen_random_uuid() primary key,
  organization_id uuid not null references public.organizations (id) on delete cascade,
  shopify_checkout_id text not null check (length(shopify_checkout_id) between 1 and 100),
  customer_id uuid,
  email text check (length(email) <= 254),
  phone_number text check (length(phone_number) <= 50),
  total_amount numeric(12,2),
  currency text check (length(currency) = 3),
  recovery_url text check (length(recovery_url) <= 2000),
  abandoned_at timestamptz not null default now(),
  recovered_at timestamptz,
  notified_at timestamptz,
  created_at timestamptz not null default now(),
  unique (organization_id, id),
  unique (organization_id, shopify_checkout_id),
  foreign key (organization_id, customer_id) references public.customers (organization_id, id) on delete set null (customer_id)
);
create index shopify_abandoned_checkouts_customer_id_idx on public.shopify_abandoned_checkouts (customer_id);
select nexus_app.describe('public.shopify_abandoned_checkouts', 'Carts at Shopify that were left',
  'shopify_checkout_id', 'The cart''s id at Shopify', 'customer_id', 'The contact', 'email', 'The address given there', 'phone_number', 'The number given there', 'total_amount', 'What is in it',
  'currency', 'The currency', 'recovery_url', 'Where the cart is found again', 'abandoned_at', 'When it was left', 'recovered_at', 'When it became an order', 'notified_at', 'When the contact was reminded');

-- +goose StatementBegin
create function nexus_app.configure_integration(of_kind text, of_name text, sealed bytea, options jsonb, outside text) returns uuid
language plpgsql security definer
set search_path = ''
as $$
declare
  tenant uuid := auth.administered_organization();
  made uuid;
begin
  if tenant is null then
    raise sqlstate 'PT403' using message = 'You may not set up integrations', detail = 'forbidden';
  end if;
  insert into public.integrations as i (organization_id, kind, name, credentials, settings, external_id)
  values (tenant, of_kind, coalesce(of_name, 'default'), sealed, coalesce(options, '{}'), outside)
  on conflict (organization_id, kind, name) do update set
    credentials = coalesce(excluded.credentials, i.credentials), settings = coalesce(options, i.settings), external_id = coalesce(outside, i.external_id), is_active = true
  returning i.id into made;
  return made;
end
$$;
-- +goose StatementEnd
comment on function nexus_app.configure_integration(text, text, bytea, jsonb, text) is 'Sets up another system for the caller''s organization';
select nexus_app.secure('nexus_app.configure_integration(text, text, bytea, jsonb, text)', 'authenticated');

-- +goose StatementBegin
create function nexus_app.integration(of_kind text, tenant uuid, outside text, out organization uuid, out sealed bytea, out options jsonb)
language sql stable security definer
set search_path = ''
as $$
  select i.organization_id, i.credentials, i.settings from public.integrations i
  where i.kind = of_kind and i.is_active and (i.organization_id = tenant or (tenant is null and i.external_id = outside))
  order by i.name = 'default' desc, i.name limit 1
$$;
-- +goose StatementEnd
comment on function nexus_app.integration(text, uuid, text) is 'The sealed credentials of an integration, by its organization or its id outside';
select nexus_app.secure('nexus_app.integration(text, uuid, text)', 'authenticator');

-- Shopify's words for an order: what is paid, sent or cancelled there is so here, stock apart, which Shopify keeps itself.
-- +goose StatementBegin
create function nexus_app.take_shopify_customer(tenant uuid, person jsonb) returns uuid
language plpgsql security definer
set search_path = ''
as $$
declare
  found_id uuid;
  mail text := nullif(lower(btrim(person ->> 'email')), '');
  phone text := nullif(pg_catalog.regexp_replace(coalesce(person ->> 'phone', ''), '[^0-9+]', '', 'g'), '');
begin
  if person ->> 'id' is null then
    return null;
  end if;
  if phone !~ '^\+[1-9][0-9]{6,14}$' then
    phone := null;
  end if;
  select c.id into found_id from public.customers c
  where c.organization_id = tenant and (c.shopify_customer_id = person ->> 'id' or c.email = mail or c.phone_number = phone)
  order by c.shopify_customer_id = person ->> 'id' desc nulls last, c.email = mail desc nulls last limit 1 for update;
  if found_id is null then
    insert into public.customers (organization_id, shopify_customer_id, first_name, last_name, email, phone_number, source, lead_source_id)
    values (tenant, person ->> 'id', person ->> 'first_name', person ->> 'last_name', mail, phone, 'shopify',
      (select s.id from public.lead_sources s where s.organization_id = tenant and s.name = 'shopify'))
    returning id into found_id;
    return found_id;
  end if;
  update public.customers c set
    shopify_customer_id = coalesce(c.shopify_customer_id, person ->> 'id'), first_name = coalesce(c.first_name, person ->> 'first_name'),
    last_name = coalesce(c.last_name, person ->> 'last_name'),
    email = case when c.email is null and not exists (select from public.customers o where o.organization_id = tenant and o.email = mail) then mail else c.email end,
    phone_number = case when c.phone_number is null and not exists (select from public.customers o where o.organization_id = tenant and o.phone_number = phone) then phone else c.phone_number end
  where c.id = found_id;
  return found_id;
end
$$;
-- +goose StatementEnd
comment on function nexus_app.take_shopify_customer(uuid, jsonb) is 'Makes or completes the contact that Shopify tells of; contacts are known by Shopify''s id, address or number';
select nexus_app.secure('nexus_app.take_shopify_customer(uuid, jsonb)', 'authenticator');

-- +goose StatementBegin
create function nexus_app.take_shopify_order(tenant uuid, sold jsonb) returns uuid
language plpgsql security definer
set search_path = ''
as $$
declare
  customer uuid := nexus_app.take_shopify_customer(tenant, sold -> 'customer');
  made uuid;
  state public.order_status := case
    when sold ->> 'cancelled_at' is not null then 'cancelled'
    when sold ->> 'fulfillment_status' = 'fulfilled' then 'shipped'
    else 'pending'
  end;
  line jsonb;
begin
  select o.id into made from public.orders o where o.organization_id = tenant and o.shopify_order_id = sold ->> 'id' for update;
  if made is not null then
    update public.orders o set
      customer_id = coalesce(o.customer_id, customer), notes = coalesce(o.notes, sold ->> 'note'),
      order_status = case when state = 'cancelled' and nexus_app.order_may_become(o.order_status, 'cancelled') then 'cancelled' else o.order_status end
    where o.id = made;
    return made;
  end if;
  insert into public.orders (organization_id, customer_id, shopify_order_id, order_number, currency, source, notes, shipping_amount, discount_amount,
    paid_amount, payment_method, shipping_address, items, total_amount)
  values (tenant, customer, sold ->> 'id', coalesce('SH-' || (sold ->> 'order_number'), 'SH-' || (sold ->> 'id')), coalesce(sold ->> 'currency', 'USD'), 'shopify', sold ->> 'note',
    coalesce((sold #>> '{total_shipping_price_set,shop_money,amount}')::numeric, 0), coalesce((sold ->> 'total_discounts')::numeric, 0),
    case when sold ->> 'financial_status' = 'paid' then coalesce((sold ->> 'total_price')::numeric, 0) else 0 end,
    case when sold ->> 'financial_status' = 'paid' then 'prepaid' else 'cod' end,
    case when jsonb_typeof(sold -> 'shipping_address') = 'object' then jsonb_strip_nulls(jsonb_build_object(
      'name', sold #>> '{shipping_address,name}', 'phone', sold #>> '{shipping_address,phone}', 'line1', sold #>> '{shipping_address,address1}',
      'line2', sold #>> '{shipping_address,address2}', 'city', sold #>> '{shipping_address,city}', 'country', sold #>> '{shipping_address,country_code}')) end,
    '[]', coalesce((sold ->> 'total_price')::numeric, 0))
  returning id into made;
  for line in select l from jsonb_array_elements(coalesce(sold -> 'line_items', '[]')) as l loop
    insert into public.order_items (order_id, item_id, sku, name, qty, unit_price)
    values (made,
      (select i.id from public.items i where i.organization_id = tenant and (i.shopify_variant_id = line ->> 'variant_id' or i.sku = nullif(line ->> 'sku', ''))
        order by i.shopify_variant_id = line ->> 'variant_id' desc nulls last limit 1),
      nullif(line ->> 'sku', ''), line ->> 'name', (line ->> 'quantity')::integer, (line ->> 'price')::numeric);
  end loop;
  if state = 'cancelled' then
    update public.orders o set order_status = 'cancelled' where o.id = made;
  end if;
  update public.shopify_abandoned_checkouts a set recovered_at = now()
  where a.organization_id = tenant and a.recovered_at is null and a.shopify_checkout_id = sold ->> 'checkout_id';
  return made;
end
$$;
-- +goose StatementEnd
comment on function nexus_app.take_shopify_order(uuid, jsonb) is 'Makes the order that Shopify tells of, with its contact and lines, or cancels it; it is known by shopify_order_id';
select nexus_app.secure('nexus_app.take_shopify_order(uuid, jsonb)', 'authenticator');

-- +goose StatementBegin
create function nexus_app.take_shopify_checkout(tenant uuid, cart jsonb) returns uuid
language plpgsql security definer
set search_path = ''
as $$
declare
  made uuid;
begin
  insert into public.shopify_abandoned_checkouts as a (organization_id, shopify_checkout_id, customer_id, email, phone_number, total_amount, currency, recovery_url, abandoned_at, recovered_at)
  values (tenant, cart ->> 'id', nexus_app.take_shopify_customer(tenant, cart -> 'customer'), cart ->> 'email', cart ->> 'phone', (cart ->> 'total_price')::numeric,
    cart ->> 'currency', cart ->> 'abandoned_checkout_url', coalesce((cart ->> 'updated_at')::timestamptz, now()), (cart ->> 'completed_at')::timestamptz)
  on conflict (organization_id, shopify_checkout_id) do update set
    total_amount = excluded.total_amount, recovery_url = excluded.recovery_url, recovered_at = coalesce(excluded.recovered_at, a.recovered_at)
  returning id into made;
  return made;
end
$$;
-- +goose StatementEnd
comment on function nexus_app.take_shopify_checkout(uuid, jsonb) is 'Notes a cart at Shopify that was left, or that became an order after all';
select nexus_app.secure('nexus_app.take_shopify_checkout(uuid, jsonb)', 'authenticator');

select nexus_app.lock_down('public.integrations');
grant select (id, organization_id, kind, name, settings, external_id, is_active, created_by, created_at, updated_at), update (settings, is_active), delete
  on public.integrations to authenticated;
create policy tenant_select on public.integrations for select to authenticated using (organization_id = (select auth.readable_organization()));
create policy tenant_update on public.integrations for update to authenticated
  using (organization_id = (select auth.administered_organization())) with check (organization_id = (select auth.administered_organization()));
create policy tenant_delete on public.integrations for delete to authenticated using (organization_id = (select auth.administered_organization()));
select nexus_app.tenant_table('public.shopify_abandoned_checkouts', null, null, 'administered');
grant update (notified_at) on public.shopify_abandoned_checkouts to authenticated;
create policy tenant_update on public.shopify_abandoned_checkouts for update to authenticated
  using (organization_id = (select auth.writable_organization())) with check (organization_id = (select auth.writable_organization()));

revoke execute on all functions in schema nexus_app from public;

-- +goose Down

drop function nexus_app.take_shopify_checkout(uuid, jsonb), nexus_app.take_shopify_order(uuid, jsonb), nexus_app.take_shopify_customer(uuid, jsonb),
  nexus_app.integration(text, uuid, text), nexus_app.configure_integration(text, text, bytea, jsonb, text);
drop table public.shopify_abandoned_checkouts, public.integrations;
