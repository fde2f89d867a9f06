-- Inventory: what there is, where it lies, and every change of it.
--
-- A quantity changes by a movement and by nothing else: inserting into stock_movements changes stock_balances in the same
-- transaction, movements are never changed or removed, so a balance is the sum of its movements at every moment. What orders have
-- a claim to is in stock_reservations; reserved_quantity is the sum of those. Corrections may take a balance below zero, because
-- what was sold without being booked was sold all the same (adjust_stock warns); reservations and transfers never do.

-- +goose Up

create type public.movement_type as enum ('inbound', 'outbound', 'adjustment', 'transfer');
comment on type public.movement_type is 'Why stock changed: goods came in, went out, were counted differently, or moved between warehouses';

create table public.items (
  id uuid not null default gen_random_uuid() primary key,
  organization_id uuid not null references public.organizations (id) on delete cascade,
  name text check (length(name) <= 500),
  description text check (length(description) <= 20000),
  item_no text check (length(item_no) between 1 and 100),
  sku text check (length(sku) between 1 and 100),
  barcode text check (length(barcode) between 1 and 100),
  category text check (length(category) <= 200),
  unit text check (length(unit) <= 50),
  cost_price numeric(10,2) check (cost_price >= 0),
  selling_price numeric(10,2) check (selling_price >= 0),
  weight_grams integer check (weight_grams >= 0),
  min_stock_level integer not null default 0 check (min_stock_level >= 0),
  is_active boolean not null default true,
  shopify_variant_id text check (length(shopify_variant_id) between 1 and 100),
  metadata jsonb not null default '{}' check (jsonb_typeof(metadata) = 'object'),
  created_by uuid default auth.uid() references auth.users (id) on delete set null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (organization_id, id),
  unique (organization_id, sku),
  unique (organization_id, item_no),
  unique (organization_id, barcode),
  unique (organization_id, shopify_variant_id),
  check (num_nonnulls(name, item_no, sku, description) > 0)
);
create index items_category_idx on public.items (organization_id, category);
create index items_updated_at_idx on public.items (organization_id, updated_at desc);
create index items_created_by_idx on public.items (created_by);
select nexus_app.describe('public.items', 'The products of an organization; how many there are is in stock_balances',
  'name', 'The product''s name', 'description', 'What it is', 'item_no', 'The organization''s own number for it',
  'sku', 'The stock keeping unit; one item of an organization has it', 'barcode', 'What scanners read, such as an EAN',
  'category', 'The group that it belongs to', 'unit', 'What one of it is, such as piece or box',
  'cost_price', 'What it costs the organization', 'selling_price', 'What customers pay, unless an order says otherwise',
  'weight_grams', 'Its weight in grams', 'min_stock_level', 'Below this many available pieces it is low on stock',
  'is_active', 'Whether it is sold', 'shopify_variant_id', 'The variant''s id at Shopify', 'metadata', 'Whatever else an application keeps of it');

create table public.warehouses (
  id uuid not null default gen_random_uuid() primary key,
  organization_id uuid not null references public.organizations (id) on delete cascade,
  name text not null check (length(btrim(name)) between 1 and 200),
  location text check (length(location) <= 500),
  is_active boolean not null default true,
  is_default boolean not null default false,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (organization_id, id),
  unique (organization_id, name)
);
create unique index warehouses_default_idx on public.warehouses (organization_id) where is_default;
select nexus_app.describe('public.warehouses', 'Where goods are kept',
  'name', 'The warehouse''s name', 'location', 'Where it is', 'is_active', 'Whether orders are served from it',
  'is_default', 'Whether orders are served from it first; one warehouse at most');

create table public.warehouse_bins (
  id uuid not null default gen_random_uuid() primary key,
  organization_id uuid not null references public.organizations (id) on delete cascade,
  warehouse_id uuid not null,
  name text not null check (length(btrim(name)) between 1 and 100),
  zone text check (length(zone) <= 100),
  capacity integer check (capacity >= 0),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (organization_id, id),
  unique (organization_id, warehouse_id, id),
  unique (organization_id, warehouse_id, name),
  foreign key (organization_id, warehouse_id) references public.warehouses (organization_id, id) on delete cascade
);
create index warehouse_bins_warehouse_id_idx on public.warehouse_bins (warehouse_id);
select nexus_app.describe('public.warehouse_bins', 'Places in a warehouse; pick lists go through them in the order of their names',
  'warehouse_id', 'The warehouse', 'name', 'What is written on the place, such as A-03-12', 'zone', 'The part of the warehouse',
  'capacity', 'How many pieces it holds');

create table public.item_bins (
  organization_id uuid not null references public.organizations (id) on delete cascade,
  item_id uuid not null,
  warehouse_id uuid not null,
  bin_id uuid not null,
  is_primary boolean not null default true,
  created_at timestamptz not null default now(),
  primary key (item_id, bin_id),
  foreign key (organization_id, item_id) references public.items (organization_id, id) on delete cascade,
  foreign key (organization_id, warehouse_id, bin_id) references public.warehouse_bins (organization_id, warehouse_id, id) on delete cascade
);
create unique index item_bins_primary_idx on public.item_bins (item_id, warehouse_id) where is_primary;
create index item_bins_organization_id_idx on public.item_bins (organization_id, item_id);
create index item_bins_bin_id_idx on public.item_bins (organization_id, warehouse_id, bin_id);
create index item_bins_by_bin_idx on public.item_bins (bin_id);
select nexus_app.describe('public.item_bins', 'In which bins of a warehouse an item lies',
  'item_id', 'The item', 'warehouse_id', 'The bin''s warehouse', 'bin_id', 'The bin',
  'is_primary', 'Whether pickers are sent here; one bin of an item and warehouse', 'created_at', 'When this was noted');

create table public.stock_balances (
  id uuid not null default gen_random_uuid() primary key,
  organization_id uuid not null references public.organizations (id) on delete cascade,
  item_id uuid not null,
  warehouse_id uuid not null,
  quantity integer not null default 0,
  reserved_quantity integer not null default 0 check (reserved_quantity >= 0),
  available_quantity integer not null generated always as (quantity - reserved_quantity) stored,
  last_updated timestamptz not null default now(),
  unique (organization_id, id),
  unique (organization_id, item_id, warehouse_id),
  foreign key (organization_id, item_id) references public.items (organization_id, id) on delete cascade,
  foreign key (organization_id, warehouse_id) references public.warehouses (organization_id, id) on delete cascade
) with (fillfactor = 70);
create index stock_balances_item_id_idx on public.stock_balances (item_id);
create index stock_balances_warehouse_id_idx on public.stock_balances (warehouse_id);
select nexus_app.describe('public.stock_balances', 'How many pieces of an item there are in a warehouse; movements and reservations keep it, nothing else can',
  'item_id', 'The item', 'warehouse_id', 'The warehouse', 'quantity', 'How many pieces there are',
  'reserved_quantity', 'How many of them orders have a claim to', 'available_quantity', 'How many can still be sold: quantity less reserved_quantity',
  'last_updated', 'When it last changed');

create table public.stock_movements (
  id uuid not null default gen_random_uuid() primary key,
  organization_id uuid not null references public.organizations (id) on delete cascade,
  item_id uuid not null,
  warehouse_id uuid not null,
  bin_id uuid,
  movement_type public.movement_type not null,
  quantity integer not null check (quantity between -1000000000 and 1000000000 and quantity <> 0),
  reason text check (reason in ('damage', 'shrinkage', 'correction', 'receiving_error', 'cycle_count', 'opening', 'return', 'other')),
  reference_type text check (length(reference_type) <= 50),
  reference_id uuid,
  notes text check (length(notes) <= 2000),
  created_by uuid default auth.uid() references auth.users (id) on delete set null,
  created_at timestamptz not null default now(),
  check (movement_type <> 'inbound' or quantity > 0),
  check (movement_type <> 'outbound' or quantity < 0),
  check (movement_type <> 'adjustment' or reason is not null),
  foreign key (organization_id, item_id) references public.items (organization_id, id) on delete cascade,
  foreign key (organization_id, warehouse_id) references public.warehouses (organization_id, id) on delete cascade,
  foreign key (organization_id, warehouse_id, bin_id) references public.warehouse_bins (organization_id, warehouse_id, id)
    on delete set null (bin_id)
);
create index stock_movements_item_id_idx on public.stock_movements (organization_id, item_id, created_at desc);
create index stock_movements_warehouse_id_idx on public.stock_movements (organization_id, warehouse_id, bin_id);
create index stock_movements_by_warehouse_idx on public.stock_movements (warehouse_id);
create index stock_movements_bin_id_idx on public.stock_movements (bin_id);
create index stock_movements_reference_id_idx on public.stock_movements (reference_id);
create index stock_movements_created_by_idx on public.stock_movements (created_by);
select nexus_app.describe('public.stock_movements', 'Every change of a quantity, for ever. Owners, admins, agents with the scope admin and members with the permission inventory may add adjustments; the rest comes from orders, purchases and transfers',
  'item_id', 'The item', 'warehouse_id', 'The warehouse', 'bin_id', 'The bin, if it is known', 'movement_type', 'What kind of change it is',
  'quantity', 'How many pieces came (above zero) or went (below zero)',
  'reason', 'Why stock was adjusted: damage, shrinkage, correction, receiving_error, cycle_count, opening, return or other',
  'reference_type', 'What reference_id is of: order, purchase_order, transfer, cycle_count', 'reference_id', 'What caused the change',
  'notes', 'What else is to say');

create table public.stock_reservations (
  id uuid not null default gen_random_uuid() primary key,
  organization_id uuid not null references public.organizations (id) on delete cascade,
  item_id uuid not null,
  warehouse_id uuid not null,
  order_id uuid not null,
  order_item_id uuid not null,
  quantity integer not null check (quantity > 0),
  created_at timestamptz not null default now(),
  unique (order_item_id, warehouse_id),
  foreign key (organization_id, item_id, warehouse_id) references public.stock_balances (organization_id, item_id, warehouse_id) on delete cascade
);
create index stock_reservations_balance_idx on public.stock_reservations (organization_id, item_id, warehouse_id);
create index stock_reservations_warehouse_id_idx on public.stock_reservations (warehouse_id);
create index stock_reservations_order_id_idx on public.stock_reservations (order_id);
select nexus_app.describe('public.stock_reservations', 'Pieces that confirmed orders have a claim to until they are shipped or cancelled',
  'item_id', 'The item', 'warehouse_id', 'The warehouse that the pieces lie in', 'order_id', 'The order', 'order_item_id', 'The line of the order',
  'quantity', 'How many pieces');

-- Balances ---------------------------------------------------------------------------------------------------------------

-- +goose StatementBegin
create function nexus_app.apply_movement() returns trigger
language plpgsql security definer
set search_path = ''
as $$
begin
  if tg_op <> 'INSERT' then
    -- Whole organizations, items and warehouses go with their movements; what remains cannot be told another way. That a bin or a
    -- user is gone changes nothing of what is told.
    if pg_catalog.pg_trigger_depth() > 1
      and (tg_op = 'DELETE' or (new.quantity, new.item_id, new.warehouse_id) = (old.quantity, old.item_id, old.warehouse_id)) then
      return coalesce(new, old);
    end if;
    raise sqlstate 'PT409' using message = 'Movements of stock are not changed', detail = 'movement_is_final',
      hint = 'Add a movement that corrects it.';
  end if;
  insert into public.stock_balances as b (organization_id, item_id, warehouse_id, quantity)
  values (new.organization_id, new.item_id, new.warehouse_id, new.quantity)
  on conflict (organization_id, item_id, warehouse_id) do update
  set quantity = b.quantity + excluded.quantity, last_updated = now();
  return new;
end
$$;
-- +goose StatementEnd
comment on function nexus_app.apply_movement() is 'Books a movement, and keeps movements from being changed';
select nexus_app.secure('nexus_app.apply_movement()');
create trigger apply_movement before insert or update or delete on public.stock_movements
  for each row execute function nexus_app.apply_movement();

-- +goose StatementBegin
create function nexus_app.apply_reservation() returns trigger
language plpgsql security definer
set search_path = ''
as $$
begin
  if tg_op in ('DELETE', 'UPDATE') then
    update public.stock_balances b set reserved_quantity = b.reserved_quantity - old.quantity, last_updated = now()
    where b.organization_id = old.organization_id and b.item_id = old.item_id and b.warehouse_id = old.warehouse_id;
  end if;
  if tg_op in ('INSERT', 'UPDATE') then
    update public.stock_balances b set reserved_quantity = b.reserved_quantity + new.quantity, last_updated = now()
    where b.organization_id = new.organization_id and b.item_id = new.item_id and b.warehouse_id = new.warehouse_id
      and b.quantity - b.reserved_quantity >= new.quantity;
    if not found then
      raise sqlstate 'PT409' using message = 'There is not enough stock', detail = 'insufficient_stock';
    end if;
  end if;
  return null;
end
$$;
-- +goose StatementEnd
comment on function nexus_app.apply_reservation() is 'Keeps reserved_quantity in step with reservations, and refuses what is not available';
select nexus_app.secure('nexus_app.apply_reservation()');
create trigger apply_reservation after insert or update or delete on public.stock_reservations
  for each row execute function nexus_app.apply_reservation();

-- +goose StatementBegin
create function nexus_app.stock_organization() returns uuid
language plpgsql stable security definer
set search_path = ''
as $$
declare
  tenant uuid := auth.writable_organization();
begin
  if tenant is null or auth.administered_organization() is not null then
    return auth.administered_organization();
  end if;
  if auth.org_role() = 'member' and exists (
    select from public.organization_members m
    where m.organization_id = tenant and m.user_id = auth.uid() and 'inventory' = any (m.permissions)
  ) then
    return tenant;
  end if;
  return null;
end
$$;
-- +goose StatementEnd
comment on function nexus_app.stock_organization() is
  'The organization whose stock the caller may adjust: as owner, admin, agent with the scope admin, or member with the permission inventory; null without one';
select nexus_app.secure('nexus_app.stock_organization()', 'authenticated', 'service_role');

-- Everything else that moves goods -------------------------------------------------------------------------------------

-- +goose StatementBegin
create function public.adjust_stock(item_id uuid, warehouse_id uuid, quantity integer, reason text, notes text default null) returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  tenant uuid := nexus_app.stock_organization();
  moved uuid;
  balance public.stock_balances;
begin
  if tenant is null then
    raise sqlstate 'PT403' using message = 'You may not adjust stock', detail = 'forbidden',
      hint = 'Admins may, and members with the permission inventory.';
  end if;
  insert into public.stock_movements (organization_id, item_id, warehouse_id, movement_type, quantity, reason, notes)
  values (tenant, adjust_stock.item_id, adjust_stock.warehouse_id, 'adjustment', adjust_stock.quantity, adjust_stock.reason, adjust_stock.notes)
  returning id into moved;
  select b.* into balance from public.stock_balances b
  where b.organization_id = tenant and b.item_id = adjust_stock.item_id and b.warehouse_id = adjust_stock.warehouse_id;
  return pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object(
    'movement_id', moved, 'quantity', balance.quantity, 'available_quantity', balance.available_quantity,
    'warning', case
      when balance.quantity < 0 then 'The quantity is below zero now'
      when balance.available_quantity < 0 then 'Orders have a claim to more than there is now'
    end
  ));
end
$$;
-- +goose StatementEnd
comment on function public.adjust_stock(uuid, uuid, integer, text, text) is
  'Corrects how many pieces of an item a warehouse has, by a difference; answers with the new quantity and a warning if it is below zero';

-- +goose StatementBegin
create function nexus_app.transfer_stock(item uuid, source uuid, target uuid, amount integer, note text default null) returns uuid
language plpgsql security definer
set search_path = ''
as $$
declare
  tenant uuid := auth.writable_organization();
  transfer uuid := gen_random_uuid();
begin
  if tenant is null then
    raise sqlstate 'PT403' using message = 'You may not move stock', detail = 'forbidden';
  end if;
  if amount is null or amount <= 0 or source = target then
    raise sqlstate 'PT400' using message = 'Move at least one piece to another warehouse';
  end if;
  -- In one order, so that two transfers in opposite directions do not wait for each other.
  perform from public.stock_balances b
  where b.organization_id = tenant and b.item_id = item and b.warehouse_id in (source, target) order by b.warehouse_id for update;
  if not exists (
    select from public.stock_balances b
    where b.organization_id = tenant and b.item_id = item and b.warehouse_id = source and b.available_quantity >= amount
  ) then
    raise sqlstate 'PT409' using message = 'There is not enough stock', detail = 'insufficient_stock';
  end if;
  insert into public.stock_movements (organization_id, item_id, warehouse_id, movement_type, quantity, reference_type, reference_id, notes)
  values
    (tenant, item, source, 'transfer', -amount, 'transfer', transfer, note),
    (tenant, item, target, 'transfer', amount, 'transfer', transfer, note);
  return transfer;
end
$$;
-- +goose StatementEnd
comment on function nexus_app.transfer_stock(uuid, uuid, uuid, integer, text) is
  'Moves available pieces of an item to another warehouse, both movements or none; answers with the reference_id of both';
select nexus_app.secure('nexus_app.transfer_stock(uuid, uuid, uuid, integer, text)', 'authenticated');

create function public.transfer_stock(item_id uuid, from_warehouse_id uuid, to_warehouse_id uuid, quantity integer, notes text default null)
returns uuid
language sql
return nexus_app.transfer_stock(item_id, from_warehouse_id, to_warehouse_id, quantity, notes);
comment on function public.transfer_stock(uuid, uuid, uuid, integer, text) is
  'Moves available pieces of an item to another warehouse, both movements or none; answers with the reference_id of both';

create view public.low_stock_items with (security_invoker = true) as
select
  i.id, i.organization_id, i.name, i.sku, i.item_no, i.category, i.min_stock_level,
  coalesce(sum(b.quantity), 0)::integer as quantity, coalesce(sum(b.available_quantity), 0)::integer as available_quantity
from public.items i
left join public.stock_balances b on b.organization_id = i.organization_id and b.item_id = i.id
where i.is_active
group by i.id
having coalesce(sum(b.available_quantity), 0) < i.min_stock_level;
select nexus_app.describe('public.low_stock_items', 'Items with fewer available pieces, over all warehouses, than their min_stock_level',
  'id', 'The item', 'name', 'The product''s name', 'sku', 'The stock keeping unit', 'item_no', 'The organization''s own number for it',
  'category', 'The group that it belongs to', 'min_stock_level', 'How many there should be', 'quantity', 'How many there are',
  'available_quantity', 'How many can be sold');
revoke all on public.low_stock_items from anon, authenticated;
grant select on public.low_stock_items to authenticated, service_role;

-- Purchases ------------------------------------------------------------------------------------------------------------------

create table public.suppliers (
  id uuid not null default gen_random_uuid() primary key,
  organization_id uuid not null references public.organizations (id) on delete cascade,
  name text not null check (length(btrim(name)) between 1 and 200),
  contact_name text check (length(contact_name) <= 200),
  email text check (length(email) <= 254),
  phone_number text check (length(phone_number) <= 50),
  address jsonb check (jsonb_typeof(address) = 'object'),
  lead_time_days integer check (lead_time_days >= 0),
  is_active boolean not null default true,
  notes text check (length(notes) <= 20000),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (organization_id, id),
  unique (organization_id, name)
);
select nexus_app.describe('public.suppliers', 'Who sells to an organization',
  'name', 'The supplier''s name', 'contact_name', 'Whom to ask for', 'email', 'The address for orders', 'phone_number', 'The phone number',
  'address', 'The postal address', 'lead_time_days', 'How many days deliveries take', 'is_active', 'Whether the organization still buys there',
  'notes', 'Notes of the staff');

create view public.vendors with (security_invoker = true) as select * from public.suppliers;
select nexus_app.describe('public.vendors', 'The suppliers, under their other name',
  'name', 'The supplier''s name', 'contact_name', 'Whom to ask for', 'email', 'The address for orders', 'phone_number', 'The phone number',
  'address', 'The postal address', 'lead_time_days', 'How many days deliveries take', 'is_active', 'Whether the organization still buys there',
  'notes', 'Notes of the staff');
revoke all on public.vendors from anon, authenticated;
grant select, insert, update, delete on public.vendors to authenticated, service_role;

create table public.number_series (
  organization_id uuid not null references public.organizations (id) on delete cascade,
  kind text not null check (kind in ('order', 'purchase_order', 'awb', 'packing_slip')),
  last bigint not null default 0 check (last >= 0),
  primary key (organization_id, kind)
) with (fillfactor = 50);
select nexus_app.describe('public.number_series', 'The last number of each kind of document',
  'kind', 'The kind of document: order, purchase_order, awb or packing_slip', 'last', 'The last number');

-- +goose StatementBegin
create function nexus_app.next_number(organization uuid, of_kind text, prefix text) returns text
language plpgsql security definer
set search_path = ''
as $$
declare
  n bigint;
begin
  insert into public.number_series as s (organization_id, kind, last) values (organization, of_kind, 1)
  on conflict (organization_id, kind) do update set last = s.last + 1
  returning s.last into n;
  return prefix || '-' || lpad(n::text, greatest(6, length(n::text)), '0');
end
$$;
-- +goose StatementEnd
comment on function nexus_app.next_number(uuid, text, text) is 'The next number of a kind of document, such as ORD-000042; a number whose row is not committed is used again';
select nexus_app.secure('nexus_app.next_number(uuid, text, text)');

create table public.purchase_orders (
  id uuid not null default gen_random_uuid() primary key,
  organization_id uuid not null references public.organizations (id) on delete cascade,
  supplier_id uuid,
  warehouse_id uuid not null,
  po_number text not null check (length(po_number) between 1 and 100),
  status text not null default 'draft' check (status in ('draft', 'ordered', 'partially_received', 'received', 'cancelled')),
  currency text not null default 'USD' check (currency ~ '^[A-Z]{3}$'),
  total_amount numeric(12,2) not null default 0,
  expected_at date,
  ordered_at timestamptz,
  received_at timestamptz,
  notes text check (length(notes) <= 20000),
  created_by uuid default auth.uid() references auth.users (id) on delete set null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (organization_id, id),
  unique (organization_id, po_number),
  foreign key (organization_id, supplier_id) references public.suppliers (organization_id, id) on delete set null (supplier_id),
  foreign key (organization_id, warehouse_id) references public.warehouses (organization_id, id) on delete cascade
);
create index purchase_orders_supplier_id_idx on public.purchase_orders (supplier_id);
create index purchase_orders_warehouse_id_idx on public.purchase_orders (warehouse_id);
create index purchase_orders_created_by_idx on public.purchase_orders (created_by);
create index purchase_orders_created_at_idx on public.purchase_orders (organization_id, created_at desc);
select nexus_app.describe('public.purchase_orders', 'What an organization orders from its suppliers; the function purchase-order-receive books what arrives',
  'supplier_id', 'Who delivers', 'warehouse_id', 'Where the goods go', 'po_number', 'The number, given or PO-000001 and so on',
  'status', 'draft, ordered, partially_received, received or cancelled; the last but one states come from receipts', 'currency', 'The currency of all amounts',
  'total_amount', 'The sum of the lines', 'expected_at', 'When the goods should arrive', 'ordered_at', 'When it was ordered',
  'received_at', 'When the last goods arrived', 'notes', 'Notes of the staff');

create table public.po_items (
  id uuid not null default gen_random_uuid() primary key,
  organization_id uuid not null references public.organizations (id) on delete cascade,
  po_id uuid not null,
  item_id uuid not null,
  qty integer not null check (qty > 0),
  received_qty integer not null default 0 check (received_qty >= 0),
  unit_cost numeric(12,2) not null default 0 check (unit_cost >= 0),
  created_at timestamptz not null default now(),
  unique (organization_id, id),
  foreign key (organization_id, po_id) references public.purchase_orders (organization_id, id) on delete cascade,
  foreign key (organization_id, item_id) references public.items (organization_id, id) on delete cascade
);
create index po_items_po_id_idx on public.po_items (organization_id, po_id);
create index po_items_by_po_idx on public.po_items (po_id);
create index po_items_item_id_idx on public.po_items (item_id);
select nexus_app.describe('public.po_items', 'The lines of purchase orders',
  'po_id', 'The purchase order', 'item_id', 'The item', 'qty', 'How many pieces were ordered', 'received_qty', 'How many have arrived',
  'unit_cost', 'What a piece costs');

-- +goose StatementBegin
create function nexus_app.prepare_purchase_order() returns trigger
language plpgsql security definer
set search_path = ''
as $$
begin
  if tg_op = 'INSERT' then
    if new.po_number is null then
      new.po_number := nexus_app.next_number(new.organization_id, 'purchase_order', 'PO');
    end if;
    if new.status not in ('draft', 'ordered') then
      raise sqlstate 'PT409' using message = 'A purchase order begins as draft or ordered', detail = 'invalid_transition';
    end if;
  elsif new.status <> old.status and not (
    (old.status = 'draft' and new.status in ('ordered', 'cancelled')) or (old.status = 'ordered' and new.status = 'cancelled')
    or (old.status = 'partially_received' and new.status in ('received', 'cancelled'))
    or (old.status in ('ordered', 'partially_received') and new.status in ('partially_received', 'received') and coalesce(pg_catalog.current_setting('nexus.receiving', true), '') = new.id::text)
  ) then
    raise sqlstate 'PT409' using message = pg_catalog.format('A purchase order that is %s does not become %s', old.status, new.status),
      detail = 'invalid_transition';
  end if;
  if new.status = 'ordered' then
    new.ordered_at := coalesce(new.ordered_at, now());
  end if;
  return new;
end
$$;
-- +goose StatementEnd
comment on function nexus_app.prepare_purchase_order() is 'Numbers purchase orders and allows no other changes of their status than there are';
select nexus_app.secure('nexus_app.prepare_purchase_order()');
alter table public.purchase_orders alter po_number drop not null;
alter table public.purchase_orders add check (po_number is not null);
create trigger prepare before insert or update on public.purchase_orders for each row execute function nexus_app.prepare_purchase_order();

-- +goose StatementBegin
create function nexus_app.total_purchase_order() returns trigger
language plpgsql security definer
set search_path = ''
as $$
declare
  po uuid := case when tg_op = 'DELETE' then old.po_id else new.po_id end;
  state text;
begin
  select p.status into state from public.purchase_orders p where p.id = po for update;
  if state <> 'draft' and (tg_op <> 'UPDATE' or (old.qty, old.item_id, old.unit_cost, old.po_id) is distinct from (new.qty, new.item_id, new.unit_cost, new.po_id)) then
    raise sqlstate 'PT409' using message = 'Lines of a purchase order change only while it is a draft', detail = 'invalid_transition';
  end if;
  update public.purchase_orders p
  set total_amount = (select coalesce(sum(l.qty * l.unit_cost), 0) from public.po_items l where l.po_id = po)
  where p.id = po and state = 'draft';
  return null;
end
$$;
-- +goose StatementEnd
comment on function nexus_app.total_purchase_order() is 'Keeps the total of a purchase order, and its lines once it is ordered';
select nexus_app.secure('nexus_app.total_purchase_order()');
create trigger total after insert or update or delete on public.po_items for each row execute function nexus_app.total_purchase_order();

-- +goose StatementBegin
create function nexus_app.receive_purchase_order(po uuid, received jsonb, note text default null) returns public.purchase_orders
language plpgsql security definer
set search_path = ''
as $$
declare
  tenant uuid := auth.writable_organization();
  bought public.purchase_orders;
  line record;
  arrived integer;
  booked integer := 0;
begin
  select p.* into bought from public.purchase_orders p where p.organization_id = tenant and p.id = po for update;
  if bought.id is null then
    raise sqlstate 'PT404' using message = 'There is no purchase order with this id';
  end if;
  if bought.status not in ('ordered', 'partially_received') then
    raise sqlstate 'PT409' using message = pg_catalog.format('A purchase order that is %s receives nothing', bought.status), detail = 'invalid_transition';
  end if;
  for line in
    select l.* from public.po_items l where l.po_id = po order by l.item_id
  loop
    arrived := case
      when received is null then line.qty - line.received_qty
      else coalesce((select sum((r ->> 'quantity')::integer) from jsonb_array_elements(received) as r where (r ->> 'po_item_id')::uuid = line.id), 0)
    end;
    continue when arrived = 0;
    if arrived < 0 then
      raise sqlstate 'PT400' using message = 'What arrives is at least one piece';
    end if;
    if line.received_qty + arrived > line.qty then
      raise sqlstate 'PT409' using message = 'More has arrived than was ordered', detail = 'over_receipt',
        hint = 'Adjust the stock by what was not ordered.';
    end if;
    update public.po_items l set received_qty = l.received_qty + arrived where l.id = line.id;
    insert into public.stock_movements (organization_id, item_id, warehouse_id, movement_type, quantity, reference_type, reference_id, notes)
    values (tenant, line.item_id, bought.warehouse_id, 'inbound', arrived, 'purchase_order', po, note);
    booked := booked + 1;
  end loop;
  if booked = 0 or (received is not null and exists (
    select from jsonb_array_elements(received) as r
    where not exists (select from public.po_items l where l.po_id = po and l.id = (r ->> 'po_item_id')::uuid)
  )) then
    raise sqlstate 'PT400' using message = 'Nothing of this purchase order has arrived';
  end if;
  perform pg_catalog.set_config('nexus.receiving', po::text, true);
  update public.purchase_orders p set
    status = case when exists (select from public.po_items l where l.po_id = po and l.received_qty < l.qty) then 'partially_received' else 'received' end,
    received_at = now()
  where p.id = po
  returning * into bought;
  perform pg_catalog.set_config('nexus.receiving', '', true);
  return bought;
end
$$;
-- +goose StatementEnd
comment on function nexus_app.receive_purchase_order(uuid, jsonb, text) is
  'Books what has arrived of a purchase order: all that is open, or lines [{"po_item_id", "quantity"}]';
select nexus_app.secure('nexus_app.receive_purchase_order(uuid, jsonb, text)', 'authenticated');

-- Cycle counts ---------------------------------------------------------------------------------------------------------------

create table public.cycle_counts (
  id uuid not null default gen_random_uuid() primary key,
  organization_id uuid not null references public.organizations (id) on delete cascade,
  warehouse_id uuid not null,
  name text check (length(name) <= 200),
  mode text not null default 'blind' check (mode in ('blind', 'guided')),
  scope text not null default 'all' check (scope in ('all', 'category', 'zone', 'skus', 'sample')),
  scope_values text[] not null default '{}',
  sample_size integer check (sample_size between 1 and 10000),
  status text not null default 'counting' check (status in ('counting', 'finalized', 'cancelled')),
  finalized_at timestamptz,
  created_by uuid default auth.uid() references auth.users (id) on delete set null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (organization_id, id),
  foreign key (organization_id, warehouse_id) references public.warehouses (organization_id, id) on delete cascade
);
create index cycle_counts_warehouse_id_idx on public.cycle_counts (warehouse_id);
create index cycle_counts_created_by_idx on public.cycle_counts (created_by);
select nexus_app.describe('public.cycle_counts', 'Counts of a part of a warehouse; made and moved on by the functions cycle-count-…',
  'warehouse_id', 'The warehouse', 'name', 'What people call it',
  'mode', 'blind, if those who count are not told what to expect, or guided', 'scope', 'What is counted: all, category, zone, skus or sample',
  'scope_values', 'The categories, zones or SKUs', 'sample_size', 'How many items a sample has', 'status', 'counting, finalized or cancelled',
  'finalized_at', 'When the differences were booked');

create table public.cycle_count_lines (
  id uuid not null default gen_random_uuid() primary key,
  organization_id uuid not null references public.organizations (id) on delete cascade,
  cycle_count_id uuid not null,
  item_id uuid not null,
  expected_quantity integer,
  counted_quantity integer check (counted_quantity >= 0),
  variance integer generated always as (counted_quantity - expected_quantity) stored,
  decision text not null default 'pending' check (decision in ('pending', 'accepted', 'recount')),
  counted_by uuid references auth.users (id) on delete set null,
  counted_at timestamptz,
  times_counted integer not null default 0,
  created_at timestamptz not null default now(),
  unique (organization_id, id),
  unique (cycle_count_id, item_id),
  foreign key (organization_id, cycle_count_id) references public.cycle_counts (organization_id, id) on delete cascade,
  foreign key (organization_id, item_id) references public.items (organization_id, id) on delete cascade
);
create index cycle_count_lines_count_idx on public.cycle_count_lines (organization_id, cycle_count_id);
create index cycle_count_lines_item_id_idx on public.cycle_count_lines (item_id);
create index cycle_count_lines_counted_by_idx on public.cycle_count_lines (counted_by);
select nexus_app.describe('public.cycle_count_lines', 'What is to be counted, and what was',
  'cycle_count_id', 'The count', 'item_id', 'The item',
  'expected_quantity', 'What the books say, at the moment of counting; in a blind count it is null before',
  'counted_quantity', 'What was found', 'variance', 'What was found less what was expected',
  'decision', 'What becomes of the difference: pending, accepted (booked when the count is finalized) or recount', 'counted_by', 'Who counted',
  'counted_at', 'When it was counted', 'times_counted', 'How often it was counted');

-- +goose StatementBegin
create function nexus_app.start_cycle_count(warehouse uuid, count_name text, count_mode text, count_scope text, vals text[], sample integer)
returns uuid
language plpgsql security definer
set search_path = ''
as $$
declare
  tenant uuid := nexus_app.stock_organization();
  made uuid;
begin
  if tenant is null then
    raise sqlstate 'PT403' using message = 'You may not count stock', detail = 'forbidden';
  end if;
  insert into public.cycle_counts (organization_id, warehouse_id, name, mode, scope, scope_values, sample_size)
  values (tenant, warehouse, count_name, coalesce(count_mode, 'blind'), coalesce(count_scope, 'all'), coalesce(vals, '{}'), sample)
  returning id into made;
  insert into public.cycle_count_lines (organization_id, cycle_count_id, item_id, expected_quantity)
  select tenant, made, i.id, case when count_mode = 'guided' then coalesce(b.quantity, 0) end
  from public.items i
  left join public.stock_balances b on b.organization_id = tenant and b.item_id = i.id and b.warehouse_id = warehouse
  where i.organization_id = tenant and i.is_active
    and case coalesce(count_scope, 'all')
      when 'all' then b.id is not null
      when 'sample' then b.id is not null
      when 'category' then i.category = any (vals)
      when 'skus' then i.sku = any (vals)
      when 'zone' then exists (
        select from public.item_bins ib join public.warehouse_bins w on w.id = ib.bin_id
        where ib.item_id = i.id and ib.warehouse_id = warehouse and w.zone = any (vals)
      )
    end
  order by case when count_scope = 'sample' then pg_catalog.random() end
  limit case when count_scope = 'sample' then coalesce(sample, 20) end;
  if not found then
    raise sqlstate 'PT409' using message = 'There is nothing to count', detail = 'nothing_to_count';
  end if;
  return made;
end
$$;
-- +goose StatementEnd
comment on function nexus_app.start_cycle_count(uuid, text, text, text, text[], integer) is 'Begins to count a part of a warehouse';
select nexus_app.secure('nexus_app.start_cycle_count(uuid, text, text, text, text[], integer)', 'authenticated');

-- Anybody in the warehouse counts; those who may adjust stock decide.
-- +goose StatementBegin
create function nexus_app.record_count(line uuid, counted integer) returns public.cycle_count_lines
language plpgsql security definer
set search_path = ''
as $$
declare
  tenant uuid := auth.writable_organization();
  l public.cycle_count_lines;
  c public.cycle_counts;
begin
  select x.* into l from public.cycle_count_lines x where x.organization_id = tenant and x.id = line for update;
  if l.id is null then
    raise sqlstate 'PT404' using message = 'There is no line with this id';
  end if;
  select x.* into c from public.cycle_counts x where x.id = l.cycle_count_id for share;
  if c.status <> 'counting' or l.decision = 'accepted' then
    raise sqlstate 'PT409' using message = 'This is not being counted any more', detail = 'invalid_transition';
  end if;
  update public.cycle_count_lines x set
    counted_quantity = counted, counted_by = auth.uid(), counted_at = now(), times_counted = x.times_counted + 1, decision = 'pending',
    expected_quantity = coalesce((
      select b.quantity from public.stock_balances b
      where b.organization_id = tenant and b.item_id = l.item_id and b.warehouse_id = c.warehouse_id
    ), 0)
  where x.id = line
  returning * into l;
  return l;
end
$$;
-- +goose StatementEnd
comment on function nexus_app.record_count(uuid, integer) is 'Notes what was found, beside what the books say at this moment';
select nexus_app.secure('nexus_app.record_count(uuid, integer)', 'authenticated');

-- +goose StatementBegin
create function nexus_app.decide_count(line uuid, what text) returns public.cycle_count_lines
language plpgsql security definer
set search_path = ''
as $$
declare
  tenant uuid := nexus_app.stock_organization();
  l public.cycle_count_lines;
begin
  if tenant is null then
    raise sqlstate 'PT403' using message = 'You may not adjust stock', detail = 'forbidden';
  end if;
  update public.cycle_count_lines x set decision = what,
    counted_quantity = case when what = 'recount' then null else x.counted_quantity end,
    expected_quantity = case when what = 'recount' and c.mode = 'blind' then null else x.expected_quantity end
  from public.cycle_counts c
  where x.organization_id = tenant and x.id = line and c.id = x.cycle_count_id and c.status = 'counting' and x.counted_quantity is not null
  returning x.* into l;
  if l.id is null then
    raise sqlstate 'PT409' using message = 'There is nothing to decide about this line', detail = 'invalid_transition',
      hint = 'It must have been counted, and the count not be finalized.';
  end if;
  return l;
end
$$;
-- +goose StatementEnd
comment on function nexus_app.decide_count(uuid, text) is 'Accepts what was found or has it counted again';
select nexus_app.secure('nexus_app.decide_count(uuid, text)', 'authenticated');

-- +goose StatementBegin
create function nexus_app.finalize_count(target uuid) returns public.cycle_counts
language plpgsql security definer
set search_path = ''
as $$
declare
  tenant uuid := nexus_app.stock_organization();
  c public.cycle_counts;
begin
  if tenant is null then
    raise sqlstate 'PT403' using message = 'You may not adjust stock', detail = 'forbidden';
  end if;
  select x.* into c from public.cycle_counts x where x.organization_id = tenant and x.id = target for update;
  if c.id is null then
    raise sqlstate 'PT404' using message = 'There is no count with this id';
  end if;
  if c.status <> 'counting' then
    raise sqlstate 'PT409' using message = pg_catalog.format('The count is %s already', c.status), detail = 'invalid_transition';
  end if;
  if exists (
    select from public.cycle_count_lines l
    where l.cycle_count_id = target and (l.counted_quantity is null or (l.variance <> 0 and l.decision <> 'accepted'))
  ) then
    raise sqlstate 'PT409' using message = 'Some lines are not counted, or their difference is not accepted', detail = 'count_incomplete';
  end if;
  insert into public.stock_movements (organization_id, item_id, warehouse_id, movement_type, quantity, reason, reference_type, reference_id)
  select tenant, l.item_id, c.warehouse_id, 'adjustment', l.variance, 'cycle_count', 'cycle_count', target
  from public.cycle_count_lines l where l.cycle_count_id = target and l.variance <> 0
  order by l.item_id;
  update public.cycle_counts x set status = 'finalized', finalized_at = now() where x.id = target returning * into c;
  return c;
end
$$;
-- +goose StatementEnd
comment on function nexus_app.finalize_count(uuid) is 'Books the accepted differences of a count and ends it';
select nexus_app.secure('nexus_app.finalize_count(uuid)', 'authenticated');

-- Rights ---------------------------------------------------------------------------------------------------------------------

select nexus_app.tenant_table('public.items');
select nexus_app.tenant_table('public.warehouses', 'administered', 'administered');
select nexus_app.tenant_table('public.warehouse_bins');
select nexus_app.tenant_table('public.item_bins', 'writable', 'writable', 'writable');
select nexus_app.tenant_table('public.stock_balances', null, null, null);
select nexus_app.tenant_table('public.stock_reservations', null, null, null);
select nexus_app.tenant_table('public.stock_movements', null, null, null);
grant insert on public.stock_movements to authenticated;
create policy stock_insert on public.stock_movements for insert to authenticated with check (
  organization_id = (select nexus_app.stock_organization()) and movement_type = 'adjustment' and reference_id is null
);
select nexus_app.tenant_table('public.suppliers');
select nexus_app.tenant_table('public.purchase_orders');
revoke insert, update on public.purchase_orders from authenticated;
grant insert (id, organization_id, supplier_id, warehouse_id, po_number, status, currency, expected_at, notes),
  update (supplier_id, warehouse_id, po_number, status, currency, expected_at, notes) on public.purchase_orders to authenticated;
select nexus_app.tenant_table('public.po_items', 'writable', 'writable', 'writable');
revoke insert, update on public.po_items from authenticated;
grant insert (id, organization_id, po_id, item_id, qty, unit_cost), update (item_id, qty, unit_cost) on public.po_items to authenticated;
select nexus_app.lock_down('public.number_series');
select nexus_app.tenant_table('public.cycle_counts', null, null, 'administered');
select nexus_app.tenant_table('public.cycle_count_lines', null, null, null);

revoke execute on all functions in schema nexus_app from public;
revoke execute on function public.adjust_stock(uuid, uuid, integer, text, text), public.transfer_stock(uuid, uuid, uuid, integer, text)
  from public, anon;
grant execute on function public.adjust_stock(uuid, uuid, integer, text, text), public.transfer_stock(uuid, uuid, uuid, integer, text)
  to authenticated, service_role;

-- +goose Down

drop view public.vendors, public.low_stock_items;
drop function nexus_app.finalize_count(uuid), nexus_app.decide_count(uuid, text), nexus_app.record_count(uuid, integer),
  nexus_app.start_cycle_count(uuid, text, text, text, text[], integer), nexus_app.receive_purchase_order(uuid, jsonb, text),
  public.transfer_stock(uuid, uuid, uuid, integer, text), nexus_app.transfer_stock(uuid, uuid, uuid, integer, text),
  public.adjust_stock(uuid, uuid, integer, text, text);
drop table public.cycle_count_lines, public.cycle_counts, public.po_items, public.purchase_orders, public.number_series, public.suppliers,
  public.stock_reservations, public.stock_movements, public.stock_balances, public.item_bins, public.warehouse_bins, public.warehouses,
  public.items;
drop function nexus_app.total_purchase_order(), nexus_app.prepare_purchase_order(), nexus_app.next_number(uuid, text, text),
  nexus_app.stock_organization(), nexus_app.apply_reservation(), nexus_app.apply_movement();
drop type public.movement_type;
