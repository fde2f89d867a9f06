-- Shipping: consignments with couriers (air waybills), and what became of them.
--
-- An AWB is made while its order is being fulfilled and makes it shipped; what couriers report is appended to awb_status_logs and
-- moves the AWB, and with it the order, forward: delivered and returned are the order's too. Reports that come late or twice are
-- kept and change nothing.

-- +goose Up

create table public.courier_accounts (
  id uuid not null default gen_random_uuid() primary key,
  organization_id uuid not null references public.organizations (id) on delete cascade,
  courier_name text not null check (courier_name ~ '^[a-z][a-z0-9_]{0,49}$'),
  is_active boolean not null default true,
  settings jsonb not null default '{}' check (jsonb_typeof(settings) = 'object'),
  credentials bytea,
  webhook_token_hash text check (webhook_token_hash ~ '^[0-9a-f]{64}$'),
  created_by uuid default auth.uid() references auth.users (id) on delete set null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (organization_id, id),
  unique (organization_id, courier_name)
);
create index courier_accounts_created_by_idx on public.courier_accounts (created_by);
create index courier_accounts_webhook_idx on public.courier_accounts (webhook_token_hash);
select nexus_app.describe('public.courier_accounts', 'The couriers that an organization ships with; set up by courier-configure',
  'courier_name', 'The courier: nexus (the built-in one) or bosta', 'is_active', 'Whether it is used', 'settings', 'Settings without secrets, such as the pickup address',
  'credentials', 'Its credentials, encrypted; nobody reads them through the API', 'webhook_token_hash', 'The SHA-256 hash of the token that its reports must carry, as hex');

create table public.awbs (
  id uuid not null default gen_random_uuid() primary key,
  organization_id uuid not null references public.organizations (id) on delete cascade,
  order_id uuid,
  awb_number text not null unique check (length(awb_number) between 1 and 100),
  courier_name text not null check (length(courier_name) <= 50),
  courier_tracking_number text check (length(courier_tracking_number) <= 100),
  status text not null default 'created' check (status in ('created', 'picked_up', 'in_transit', 'delivered', 'returned', 'failed')),
  pickup_date timestamptz,
  delivery_date timestamptz,
  shipping_cost numeric(10,2) check (shipping_cost >= 0),
  cod_amount numeric(10,2) not null default 0 check (cod_amount >= 0),
  label_url text check (length(label_url) <= 2000),
  recipient jsonb not null default '{}' check (jsonb_typeof(recipient) = 'object'),
  created_by uuid default auth.uid() references auth.users (id) on delete set null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (organization_id, id),
  foreign key (organization_id, order_id) references public.orders (organization_id, id) on delete set null (order_id)
);
create index awbs_order_id_idx on public.awbs (organization_id, order_id);
create index awbs_by_order_idx on public.awbs (order_id);
create index awbs_tracking_idx on public.awbs (courier_name, courier_tracking_number);
create index awbs_created_at_idx on public.awbs (organization_id, created_at desc);
create index awbs_created_by_idx on public.awbs (created_by);
create unique index awbs_open_idx on public.awbs (order_id) where status not in ('returned', 'failed');
select nexus_app.describe('public.awbs', 'Consignments with couriers; made by create-awb, moved on by tracking-webhook',
  'order_id', 'The order that is shipped', 'awb_number', 'The number of the air waybill', 'courier_name', 'The courier', 'courier_tracking_number', 'The courier''s own number',
  'status', 'created, picked_up, in_transit, delivered, returned or failed', 'pickup_date', 'When the courier fetches it, or did', 'delivery_date', 'When it was delivered',
  'shipping_cost', 'What the courier charges', 'cod_amount', 'What the courier collects on delivery', 'label_url', 'Where the label is',
  'recipient', 'Whom it goes to: name, phone, line1, line2, city, country');

create table public.awb_status_logs (
  id uuid not null default gen_random_uuid() primary key,
  organization_id uuid not null references public.organizations (id) on delete cascade,
  awb_id uuid not null,
  status text not null check (status in ('created', 'picked_up', 'in_transit', 'out_for_delivery', 'delivered', 'returned', 'failed', 'other')),
  courier_status text check (length(courier_status) <= 200),
  description text check (length(description) <= 2000),
  location text check (length(location) <= 500),
  event_id text check (length(event_id) <= 200),
  timestamp timestamptz not null default now(),
  created_at timestamptz not null default now(),
  unique (awb_id, event_id),
  foreign key (organization_id, awb_id) references public.awbs (organization_id, id) on delete cascade
);
create index awb_status_logs_awb_id_idx on public.awb_status_logs (organization_id, awb_id, timestamp);
select nexus_app.describe('public.awb_status_logs', 'What couriers reported of consignments',
  'awb_id', 'The consignment', 'status', 'What it means: a status of awbs, out_for_delivery or other', 'courier_status', 'What the courier calls it', 'description', 'What the courier says of it',
  'location', 'Where it happened', 'event_id', 'The courier''s id of the report, so that it is taken once', 'timestamp', 'When it happened', 'created_at', 'When it was reported');

-- The number is nobody's to choose and everybody's to read: digits with a check digit (Luhn), and unlike others' numbers.
-- +goose StatementBegin
create function nexus_app.new_awb_number() returns text
language plpgsql
set search_path = ''
as $$
declare
  digits text := lpad(pg_catalog.floor(pg_catalog.random() * 1e12)::bigint::text, 12, '0');
  total integer := 0;
  d integer;
begin
  for i in 1..12 loop
    d := substr(digits, i, 1)::integer;
    -- The check digit comes last, so every second digit from the right, the twelfth first, is doubled.
    if i % 2 = 0 then
      d := d * 2;
      if d > 9 then
        d := d - 9;
      end if;
    end if;
    total := total + d;
  end loop;
  return 'NX' || digits || ((10 - total % 10) % 10)::text;
end
$$;
-- +goose StatementEnd
comment on function nexus_app.new_awb_number() is 'A number for the built-in courier: NX, twelve digits and a check digit (Luhn)';

-- What is needed to hand an order to a courier; the order's row is locked, so that it is handed over once.
-- +goose StatementBegin
create function nexus_app.prepare_awb(target uuid) returns public.orders
language plpgsql security definer
set search_path = ''
as $$
declare
  tenant uuid := auth.writable_organization();
  sold public.orders;
begin
  select o.* into sold from public.orders o where o.organization_id = tenant and o.id = target for no key update;
  if sold.id is null then
    raise sqlstate 'PT404' using message = 'There is no order with this id';
  end if;
  if exists (select from public.awbs a where a.order_id = target and a.status not in ('returned', 'failed')) then
    raise sqlstate 'PT409' using message = 'The order has an AWB already', detail = 'already_shipped';
  end if;
  if sold.order_status not in ('confirmed', 'fulfilling') then
    raise sqlstate 'PT409' using message = pg_catalog.format('An order that is %s is not shipped', sold.order_status), detail = 'invalid_transition';
  end if;
  return sold;
end
$$;
-- +goose StatementEnd
comment on function nexus_app.prepare_awb(uuid) is 'Locks an order that is to be shipped, or tells why it is not';
select nexus_app.secure('nexus_app.prepare_awb(uuid)', 'authenticated');

-- +goose StatementBegin
create function nexus_app.add_awb(target uuid, number text, courier text, tracking text, pickup timestamptz, cost numeric, cod numeric, to_whom jsonb)
returns uuid
language plpgsql security definer
set search_path = ''
as $$
declare
  sold public.orders := nexus_app.prepare_awb(target);
  made uuid;
begin
  insert into public.awbs (organization_id, order_id, awb_number, courier_name, courier_tracking_number, pickup_date, shipping_cost, cod_amount, recipient)
  values (sold.organization_id, target, coalesce(number, nexus_app.new_awb_number()), courier, tracking, pickup, cost, coalesce(cod, 0), coalesce(to_whom, '{}'))
  returning id into made;
  insert into public.awb_status_logs (organization_id, awb_id, status, event_id) values (sold.organization_id, made, 'created', 'created');
  if sold.order_status = 'confirmed' then
    update public.orders o set order_status = 'fulfilling' where o.id = target;
  end if;
  update public.orders o set order_status = 'shipped', awb_number = (select a.awb_number from public.awbs a where a.id = made) where o.id = target;
  insert into public.order_events (organization_id, order_id, event, details)
  values (sold.organization_id, target, 'shipment', pg_catalog.jsonb_build_object('awb_id', made, 'courier', courier));
  return made;
end
$$;
-- +goose StatementEnd
comment on function nexus_app.add_awb(uuid, text, text, text, timestamptz, numeric, numeric, jsonb) is
  'Notes that an order was handed to a courier: its AWB, its status and its stock in one';
select nexus_app.secure('nexus_app.add_awb(uuid, text, text, text, timestamptz, numeric, numeric, jsonb)', 'authenticated');
alter function nexus_app.new_awb_number() owner to nexus_app;

create function nexus_app.awb_rank(status text) returns integer
language sql immutable
return case status when 'created' then 1 when 'picked_up' then 2 when 'in_transit' then 3 when 'failed' then 4 when 'delivered' then 5 when 'returned' then 6 else 0 end;
alter function nexus_app.awb_rank(text) owner to nexus_app;
comment on function nexus_app.awb_rank(text) is 'How far a status is; consignments do not go back';

-- +goose StatementBegin
create function nexus_app.track_awb(
  token_hash text, number text, report_id text, new_status text, courier_says text, about text, place text, happened timestamptz
) returns text
language plpgsql security definer
set search_path = ''
as $$
declare
  a public.awbs;
  sold public.orders;
begin
  select x.* into a
  from public.awbs x
  join public.courier_accounts c on c.organization_id = x.organization_id and c.courier_name = x.courier_name
  where (x.awb_number = number or x.courier_tracking_number = number) and c.webhook_token_hash = token_hash and c.is_active
  order by x.awb_number = number desc limit 1
  for update of x;
  if a.id is null then
    return null;
  end if;
  insert into public.awb_status_logs (organization_id, awb_id, status, courier_status, description, location, event_id, timestamp)
  values (a.organization_id, a.id, new_status, courier_says, about, place, report_id, coalesce(happened, now()))
  on conflict (awb_id, event_id) do nothing;
  if not found or nexus_app.awb_rank(new_status) <= nexus_app.awb_rank(a.status) then
    return a.status;
  end if;
  update public.awbs x set status = new_status,
    pickup_date = case when new_status = 'picked_up' then coalesce(happened, now()) else x.pickup_date end,
    delivery_date = case when new_status = 'delivered' then coalesce(happened, now()) else x.delivery_date end
  where x.id = a.id;
  select o.* into sold from public.orders o where o.id = a.order_id for no key update;
  if new_status = 'delivered' and sold.order_status = 'shipped' then
    update public.orders o set order_status = 'delivered' where o.id = sold.id;
  elsif new_status = 'returned' and sold.order_status in ('shipped', 'delivered') then
    update public.orders o set order_status = 'returned' where o.id = sold.id;
  end if;
  if sold.id is not null then
    insert into public.order_events (organization_id, order_id, event, details)
    values (a.organization_id, sold.id, 'tracking', pg_catalog.jsonb_build_object('awb_id', a.id, 'status', new_status));
  end if;
  return new_status;
end
$$;
-- +goose StatementEnd
comment on function nexus_app.track_awb(text, text, text, text, text, text, text, timestamptz) is
  'Takes a courier''s report, if the token is that of the organization''s account with it; answers with the status, null if there is nothing to report on';
select nexus_app.secure('nexus_app.track_awb(text, text, text, text, text, text, text, timestamptz)', 'authenticator');

create function nexus_app.courier_of_token(token_hash text) returns text
language sql stable security definer
set search_path = ''
return (select c.courier_name from public.courier_accounts c where c.webhook_token_hash = token_hash and c.is_active limit 1);
comment on function nexus_app.courier_of_token(text) is 'Whose reports a token is for, null if it is unknown';
select nexus_app.secure('nexus_app.courier_of_token(text)', 'authenticator');

-- +goose StatementBegin
create function nexus_app.configure_courier(courier text, sealed bytea, token_hash text, options jsonb) returns uuid
language plpgsql security definer
set search_path = ''
as $$
declare
  tenant uuid := auth.administered_organization();
  made uuid;
begin
  if tenant is null then
    raise sqlstate 'PT403' using message = 'You may not set up couriers', detail = 'forbidden';
  end if;
  insert into public.courier_accounts as c (organization_id, courier_name, credentials, webhook_token_hash, settings)
  values (tenant, courier, sealed, token_hash, coalesce(options, '{}'))
  on conflict (organization_id, courier_name) do update set
    credentials = coalesce(excluded.credentials, c.credentials), webhook_token_hash = coalesce(excluded.webhook_token_hash, c.webhook_token_hash),
    settings = coalesce(options, c.settings), is_active = true
  returning c.id into made;
  return made;
end
$$;
-- +goose StatementEnd
comment on function nexus_app.configure_courier(text, bytea, text, jsonb) is 'Sets up a courier for the caller''s organization';
select nexus_app.secure('nexus_app.configure_courier(text, bytea, text, jsonb)', 'authenticated');

-- The server opens the credentials; clients of the API cannot even ask, because the function runs for the login role alone.
-- +goose StatementBegin
create function nexus_app.courier_credentials(organization uuid, courier text) returns bytea
language sql stable security definer
set search_path = ''
as $$
  select c.credentials from public.courier_accounts c where c.organization_id = organization and c.courier_name = courier and c.is_active
$$;
-- +goose StatementEnd
comment on function nexus_app.courier_credentials(uuid, text) is 'The encrypted credentials of an organization''s account with a courier';
select nexus_app.secure('nexus_app.courier_credentials(uuid, text)', 'authenticator');

select nexus_app.lock_down('public.courier_accounts');
grant select (id, organization_id, courier_name, is_active, settings, created_by, created_at, updated_at), update (is_active, settings), delete
  on public.courier_accounts to authenticated;
create policy tenant_select on public.courier_accounts for select to authenticated using (organization_id = (select auth.readable_organization()));
create policy tenant_update on public.courier_accounts for update to authenticated
  using (organization_id = (select auth.administered_organization())) with check (organization_id = (select auth.administered_organization()));
create policy tenant_delete on public.courier_accounts for delete to authenticated using (organization_id = (select auth.administered_organization()));
select nexus_app.tenant_table('public.awbs', null, 'writable', null);
revoke update on public.awbs from authenticated;
grant update (pickup_date, shipping_cost, label_url) on public.awbs to authenticated;
select nexus_app.tenant_table('public.awb_status_logs', null, null, null);

revoke execute on all functions in schema nexus_app from public;

-- +goose Down

drop function nexus_app.courier_credentials(uuid, text), nexus_app.configure_courier(text, bytea, text, jsonb),
  nexus_app.courier_of_token(text), nexus_app.track_awb(text, text, text, text, text, text, text, timestamptz), nexus_app.awb_rank(text),
  nexus_app.add_awb(uuid, text, text, text, timestamptz, numeric, numeric, jsonb), nexus_app.prepare_awb(uuid), nexus_app.new_awb_number();
drop table public.awb_status_logs, public.awbs, public.courier_accounts;
