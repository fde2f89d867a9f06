-- Orders and their fulfillment.
--
-- An order goes pending → confirmed → fulfilling → shipped → delivered; until it is shipped it can be cancelled, afterwards returned.
-- Whoever may update orders sets order_status, over whatever surface, and the database does what belongs to it in the same
-- transaction: confirming reserves stock, cancelling releases it, shipping takes it out, a return brings it back. Lines change
-- only while an order is pending, and the total is what the lines say.

-- +goose Up

create type public.order_status as enum ('pending', 'confirmed', 'fulfilling', 'shipped', 'delivered', 'cancelled', 'returned');
comment on type public.order_status is 'How far an order is: pending, confirmed (stock is reserved), fulfilling, shipped (stock is out), delivered; cancelled or returned';

create table public.orders (
  id uuid not null default gen_random_uuid() primary key,
  organization_id uuid not null references public.organizations (id) on delete cascade,
  customer_id uuid,
  shopify_order_id text check (length(shopify_order_id) between 1 and 100),
  order_number text check (length(order_number) between 1 and 100),
  order_status public.order_status not null default 'pending',
  total_amount numeric(10,2) not null default 0 check (total_amount >= 0),
  shipping_amount numeric(10,2) not null default 0 check (shipping_amount >= 0),
  discount_amount numeric(10,2) not null default 0 check (discount_amount >= 0),
  currency text check (currency ~ '^[A-Z]{3}$'),
  payment_method text check (payment_method in ('cod', 'prepaid', 'partial')),
  paid_amount numeric(10,2) not null default 0 check (paid_amount >= 0),
  items jsonb not null default '[]' check (jsonb_typeof(items) = 'array'),
  airtable_record_id text check (length(airtable_record_id) <= 100),
  awb_number text check (length(awb_number) <= 100),
  refund_amount numeric(10,2) not null default 0 check (refund_amount >= 0),
  source text not null default 'manual' check (length(source) <= 50),
  shipping_address jsonb check (jsonb_typeof(shipping_address) = 'object'),
  notes text check (length(notes) <= 20000),
  confirmed_at timestamptz,
  shipped_at timestamptz,
  delivered_at timestamptz,
  cancelled_at timestamptz,
  returned_at timestamptz,
  created_by uuid default auth.uid() references auth.users (id) on delete set null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  check (order_number is not null and currency is not null),
  unique (organization_id, id),
  unique (organization_id, order_number),
  unique (organization_id, shopify_order_id),
  foreign key (organization_id, customer_id) references public.customers (organization_id, id) on delete set null (customer_id)
) with (fillfactor = 80);
create index orders_customer_id_idx on public.orders (organization_id, customer_id, created_at desc);
create index orders_by_customer_idx on public.orders (customer_id);
create index orders_status_idx on public.orders (organization_id, order_status, created_at desc);
create index orders_created_at_idx on public.orders (organization_id, created_at desc);
create index orders_created_by_idx on public.orders (created_by);
select nexus_app.describe('public.orders', 'Sales. Setting order_status does what belongs to it: confirmed reserves stock, cancelled releases it, shipped takes it out, returned brings it back',
  'customer_id', 'Who ordered', 'shopify_order_id', 'The order''s id at Shopify; one order has it', 'order_number', 'The number, given or ORD-000001 and so on',
  'order_status', 'How far the order is; only the moves of an order''s life are allowed (409 otherwise)',
  'total_amount', 'What the customer pays: lines plus shipping less discount, kept by the database; an order without lines keeps what it was given',
  'shipping_amount', 'What shipping costs the customer', 'discount_amount', 'What is taken off', 'currency', 'The currency of all amounts (ISO 4217); the organization''s if none is given',
  'payment_method', 'cod (on delivery), prepaid or partial', 'paid_amount', 'What has been paid', 'items', 'Lines as other systems embed them; the order''s own lines are in order_items',
  'airtable_record_id', 'The record''s id at Airtable', 'awb_number', 'The number of the shipment', 'refund_amount', 'What was paid back',
  'source', 'Where the order came from: manual, shopify, import, agent', 'shipping_address', 'Where it goes: name, phone, line1, line2, city, country',
  'notes', 'Notes of the staff', 'confirmed_at', 'When it was confirmed', 'shipped_at', 'When it was shipped', 'delivered_at', 'When it was delivered',
  'cancelled_at', 'When it was cancelled', 'returned_at', 'When it came back');

create table public.order_items (
  id uuid not null default gen_random_uuid() primary key,
  order_id uuid not null references public.orders (id) on delete cascade,
  item_id uuid references public.items (id) on delete set null,
  sku text check (length(sku) <= 100),
  name text check (length(name) <= 500),
  barcode text check (length(barcode) <= 100),
  qty integer not null check (qty between 1 and 1000000),
  unit_price numeric(12,2) not null default 0 check (unit_price >= 0),
  returned_qty integer not null default 0 check (returned_qty between 0 and qty),
  -- The moment of the row and not of its transaction, so that lines keep their order.
  created_at timestamptz not null default clock_timestamp()
);
create index order_items_order_id_idx on public.order_items (order_id);
create index order_items_item_id_idx on public.order_items (item_id);
select nexus_app.describe('public.order_items', 'The lines of orders; they change only while the order is pending',
  'order_id', 'The order', 'item_id', 'The item; a line without one has no stock', 'sku', 'The SKU, the item''s if none is given',
  'name', 'What was sold, the item''s name if none is given', 'barcode', 'What scanners read, the item''s if none is given', 'qty', 'How many pieces',
  'unit_price', 'What a piece costs, the item''s selling price if none is given', 'returned_qty', 'How many pieces came back');

create table public.order_events (
  id uuid not null default gen_random_uuid() primary key,
  organization_id uuid not null references public.organizations (id) on delete cascade,
  order_id uuid not null,
  event text not null check (length(event) between 1 and 50),
  from_status public.order_status,
  to_status public.order_status,
  details jsonb not null default '{}',
  created_by uuid default auth.uid() references auth.users (id) on delete set null,
  created_at timestamptz not null default pg_catalog.clock_timestamp(),
  foreign key (organization_id, order_id) references public.orders (organization_id, id) on delete cascade
);
create index order_events_order_id_idx on public.order_events (organization_id, order_id, created_at);
create index order_events_by_order_idx on public.order_events (order_id);
create index order_events_created_by_idx on public.order_events (created_by);
select nexus_app.describe('public.order_events', 'What happened to orders, and who did it: the timeline',
  'order_id', 'The order', 'event', 'What happened: created, status, picking, picked, packed, shipment, tracking, return', 'from_status', 'The status before',
  'to_status', 'The status after', 'details', 'What else there is to know', 'created_by', 'Who did it', 'created_at', 'When it happened');

-- Reservations were waiting for orders to exist.
alter table public.stock_reservations
  add foreign key (organization_id, order_id) references public.orders (organization_id, id) on delete cascade,
  add foreign key (order_item_id) references public.order_items (id) on delete cascade;
create index stock_reservations_by_order_idx on public.stock_reservations (organization_id, order_id);

-- Lines ------------------------------------------------------------------------------------------------------------------

-- Runs as the caller, so that nothing is told of what they do not see: policies and foreign keys refuse it.
-- +goose StatementBegin
create function nexus_app.prepare_order_item() returns trigger
language plpgsql
set search_path = ''
as $$
declare
  line public.order_items := case when tg_op = 'DELETE' then old else new end;
  sold public.orders;
  item public.items;
begin
  if tg_op = 'UPDATE' then
    if new.order_id <> old.order_id then
      raise sqlstate 'PT409' using message = 'A line stays with its order', detail = 'order_not_pending';
    end if;
    if (new.qty, new.unit_price, new.sku, new.name, new.barcode) is not distinct from (old.qty, old.unit_price, old.sku, old.name, old.barcode)
      and (new.item_id is null or new.item_id is not distinct from old.item_id) then
      return new; -- an item is gone, or pieces came back
    end if;
  end if;
  select o.* into sold from public.orders o where o.id = line.order_id for no key update;
  if sold.id is null then
    return line;
  end if;
  if sold.order_status <> 'pending' then
    raise sqlstate 'PT409' using message = pg_catalog.format('Lines change only while an order is pending; this one is %s', sold.order_status),
      detail = 'order_not_pending';
  end if;
  if tg_op <> 'DELETE' and new.item_id is not null then
    select i.* into item from public.items i where i.id = new.item_id and i.organization_id = sold.organization_id;
    if item.id is null then
      raise sqlstate 'PT409' using message = 'There is no item with this id', detail = 'unknown_item';
    end if;
    new.sku := coalesce(new.sku, item.sku, item.item_no);
    new.name := coalesce(new.name, item.name, item.description);
    new.barcode := coalesce(new.barcode, item.barcode);
    new.unit_price := coalesce(new.unit_price, item.selling_price, 0);
    return new;
  end if;
  if tg_op <> 'DELETE' then
    new.unit_price := coalesce(new.unit_price, 0);
    return new;
  end if;
  return old;
end
$$;
-- +goose StatementEnd
comment on function nexus_app.prepare_order_item() is 'Completes a line from its item, and keeps lines of orders that are on their way';
alter table public.order_items alter unit_price drop not null, alter unit_price drop default, add check (unit_price is not null);
create trigger prepare before insert or update or delete on public.order_items for each row execute function nexus_app.prepare_order_item();

-- +goose StatementBegin
create function nexus_app.total_orders() returns trigger
language plpgsql
set search_path = ''
as $$
declare
  ids uuid[];
begin
  if tg_op = 'DELETE' then
    select pg_catalog.array_agg(distinct r.order_id) into ids from removed r;
  else
    select pg_catalog.array_agg(distinct r.order_id) into ids from added r;
  end if;
  update public.orders o
  set total_amount = greatest(coalesce((select sum(l.qty * l.unit_price) from public.order_items l where l.order_id = o.id), 0)
    + o.shipping_amount - o.discount_amount, 0)
  where o.id = any (ids) and o.order_status = 'pending';
  return null;
end
$$;
-- +goose StatementEnd
comment on function nexus_app.total_orders() is 'Has the totals of orders follow their lines';
create trigger total_added after insert on public.order_items referencing new table as added
  for each statement execute function nexus_app.total_orders();
create trigger total_changed after update on public.order_items referencing new table as added
  for each statement execute function nexus_app.total_orders();
create trigger total_removed after delete on public.order_items referencing old table as removed
  for each statement execute function nexus_app.total_orders();

-- Statuses -----------------------------------------------------------------------------------------------------------------

create function nexus_app.order_may_become(status public.order_status, next public.order_status) returns boolean
language sql immutable
return case status
  when 'pending' then next in ('confirmed', 'cancelled')
  when 'confirmed' then next in ('fulfilling', 'cancelled')
  when 'fulfilling' then next in ('shipped', 'cancelled')
  when 'shipped' then next in ('delivered', 'returned')
  when 'delivered' then next = 'returned'
  else false
end;
comment on function nexus_app.order_may_become(public.order_status, public.order_status) is 'The moves of an order''s life';

-- All balances of the order's items are locked first and in one order, so that orders with the same items wait for each other
-- instead of failing. What one warehouse does not have is taken from others, the default one first.
-- +goose StatementBegin
create function nexus_app.reserve_order(sold public.orders) returns void
language plpgsql security definer
set search_path = ''
as $$
declare
  line record;
  place record;
  missing integer;
  short text[] := '{}';
begin
  if not exists (select from public.order_items l where l.order_id = sold.id) then
    raise sqlstate 'PT409' using message = 'An order without lines is not confirmed', detail = 'order_empty';
  end if;
  perform from public.stock_balances b
  where b.organization_id = sold.organization_id and b.item_id in (select l.item_id from public.order_items l where l.order_id = sold.id)
  order by b.item_id, b.warehouse_id
  for update;
  for line in
    select l.id, l.item_id, l.qty, coalesce(l.sku, l.name, l.item_id::text) as name
    from public.order_items l where l.order_id = sold.id and l.item_id is not null
    order by l.item_id, l.id
  loop
    missing := line.qty;
    for place in
      select b.warehouse_id, b.available_quantity
      from public.stock_balances b join public.warehouses w on w.id = b.warehouse_id
      where b.organization_id = sold.organization_id and b.item_id = line.item_id and b.available_quantity > 0 and w.is_active
      order by w.is_default desc, (b.available_quantity >= line.qty) desc, b.available_quantity desc, b.warehouse_id
    loop
      exit when missing = 0;
      insert into public.stock_reservations (organization_id, item_id, warehouse_id, order_id, order_item_id, quantity)
      values (sold.organization_id, line.item_id, place.warehouse_id, sold.id, line.id, least(missing, place.available_quantity));
      missing := missing - least(missing, place.available_quantity);
    end loop;
    if missing > 0 then
      short := short || pg_catalog.format('%s (%s missing)', line.name, missing);
    end if;
  end loop;
  if cardinality(short) > 0 then
    raise sqlstate 'PT409' using message = 'There is not enough stock: ' || pg_catalog.array_to_string(short, ', '),
      detail = 'insufficient_stock', hint = 'Receive or transfer stock, or change the order.';
  end if;
end
$$;
-- +goose StatementEnd
comment on function nexus_app.reserve_order(public.orders) is 'Reserves the pieces of an order, all or none';
select nexus_app.secure('nexus_app.reserve_order(public.orders)');

-- +goose StatementBegin
create function nexus_app.ship_order(sold public.orders) returns void
language plpgsql security definer
set search_path = ''
as $$
declare
  reserved record;
begin
  for reserved in
    select r.* from public.stock_reservations r where r.order_id = sold.id order by r.item_id, r.warehouse_id
  loop
    delete from public.stock_reservations r where r.id = reserved.id;
    insert into public.stock_movements (organization_id, item_id, warehouse_id, movement_type, quantity, reference_type, reference_id)
    values (sold.organization_id, reserved.item_id, reserved.warehouse_id, 'outbound', -reserved.quantity, 'order', sold.id);
  end loop;
end
$$;
-- +goose StatementEnd
comment on function nexus_app.ship_order(public.orders) is 'Takes the reserved pieces of an order out of stock';
select nexus_app.secure('nexus_app.ship_order(public.orders)');

-- +goose StatementBegin
create function nexus_app.restock_order(sold public.orders) returns void
language plpgsql security definer
set search_path = ''
as $$
begin
  insert into public.stock_movements (organization_id, item_id, warehouse_id, movement_type, quantity, reason, reference_type, reference_id)
  select sold.organization_id, m.item_id, m.warehouse_id, 'inbound', -sum(m.quantity), 'return', 'order', sold.id
  from public.stock_movements m
  where m.organization_id = sold.organization_id and m.reference_type = 'order' and m.reference_id = sold.id
  group by m.item_id, m.warehouse_id
  having sum(m.quantity) < 0
  order by m.item_id, m.warehouse_id;
  update public.order_items l set returned_qty = l.qty where l.order_id = sold.id and l.returned_qty < l.qty;
end
$$;
-- +goose StatementEnd
comment on function nexus_app.restock_order(public.orders) is 'Brings back into stock what of an order is still out';
select nexus_app.secure('nexus_app.restock_order(public.orders)');

-- +goose StatementBegin
create function nexus_app.prepare_order() returns trigger
language plpgsql security definer
set search_path = ''
as $$
declare
  lines numeric;
begin
  if tg_op = 'INSERT' then
    -- Other systems' orders come as they are, and without stock.
    if new.order_status <> 'pending' and new.shopify_order_id is null then
      raise sqlstate 'PT409' using message = 'An order begins as pending', detail = 'invalid_transition';
    end if;
    new.order_number := coalesce(new.order_number, nexus_app.next_number(new.organization_id, 'order', 'ORD'));
    new.currency := coalesce(new.currency, (select o.currency from public.organizations o where o.id = new.organization_id), 'USD');
    return new;
  end if;
  if (new.total_amount, new.shipping_amount, new.discount_amount) is distinct from (old.total_amount, old.shipping_amount, old.discount_amount) then
    select sum(l.qty * l.unit_price) into lines from public.order_items l where l.order_id = new.id;
    if lines is not null then
      new.total_amount := greatest(lines + new.shipping_amount - new.discount_amount, 0);
    end if;
  end if;
  if new.order_status = old.order_status then
    return new;
  end if;
  if not nexus_app.order_may_become(old.order_status, new.order_status) then
    raise sqlstate 'PT409' using message = pg_catalog.format('An order that is %s does not become %s', old.order_status, new.order_status),
      detail = 'invalid_transition',
      hint = coalesce((select 'It may become ' || pg_catalog.string_agg(s::text, ' or ') || '.'
        from pg_catalog.unnest(pg_catalog.enum_range(null::public.order_status)) as s where nexus_app.order_may_become(old.order_status, s)),
        'It stays what it is.');
  end if;
  case new.order_status
    when 'confirmed' then
      perform nexus_app.reserve_order(new);
      new.confirmed_at := now();
    when 'cancelled' then
      delete from public.stock_reservations r where r.order_id = new.id;
      new.cancelled_at := now();
    when 'shipped' then
      perform nexus_app.ship_order(new);
      new.shipped_at := now();
    when 'delivered' then
      new.delivered_at := now();
    when 'returned' then
      perform nexus_app.restock_order(new);
      new.returned_at := now();
    else
      null;
  end case;
  return new;
end
$$;
-- +goose StatementEnd
comment on function nexus_app.prepare_order() is 'Numbers orders, keeps their totals, allows the moves of their life and does to stock what belongs to them';
select nexus_app.secure('nexus_app.prepare_order()');
alter function nexus_app.order_may_become(public.order_status, public.order_status) owner to nexus_app;
create trigger prepare before insert or update on public.orders for each row execute function nexus_app.prepare_order();

-- +goose StatementBegin
create function nexus_app.order_changed() returns trigger
language plpgsql security definer
set search_path = ''
as $$
begin
  if tg_op = 'DELETE' then
    if old.order_status not in ('pending', 'cancelled') and pg_catalog.pg_trigger_depth() = 1 then
      raise sqlstate 'PT409' using message = pg_catalog.format('An order that is %s is not deleted', old.order_status), detail = 'order_not_pending',
        hint = 'Cancel it first.';
    end if;
    return null;
  end if;
  if tg_op = 'INSERT' then
    insert into public.order_events (organization_id, order_id, event, to_status) values (new.organization_id, new.id, 'created', new.order_status);
    if new.customer_id is not null then
      insert into public.customer_touchpoints (organization_id, customer_id, kind, channel, summary, reference_id)
      values (new.organization_id, new.customer_id, 'order', new.source, 'Order ' || new.order_number, new.id);
    end if;
  elsif new.order_status <> old.order_status then
    insert into public.order_events (organization_id, order_id, event, from_status, to_status)
    values (new.organization_id, new.id, 'status', old.order_status, new.order_status);
    if new.order_status = 'cancelled' then
      update public.pick_list_items l set cancelled = true
      from public.pick_lists p where l.order_id = new.id and p.id = l.pick_list_id and p.status = 'open';
      update public.pick_lists p set status = 'cancelled'
      where p.status = 'open' and p.organization_id = new.organization_id
        and exists (select from public.pick_list_items l where l.pick_list_id = p.id and l.order_id = new.id)
        and not exists (select from public.pick_list_items l where l.pick_list_id = p.id and not l.cancelled);
    end if;
  end if;
  return null;
end
$$;
-- +goose StatementEnd
comment on function nexus_app.order_changed() is 'Writes the timeline of orders, and stops the picking of cancelled ones';
select nexus_app.secure('nexus_app.order_changed()');
create trigger changed after insert or update or delete on public.orders for each row execute function nexus_app.order_changed();

-- +goose StatementBegin
create function nexus_app.count_orders() returns trigger
language plpgsql security definer
set search_path = ''
as $$
declare
  counted record;
begin
  for counted in select r.organization_id, count(*)::integer as n from added r group by 1 order by 1 loop
    perform nexus_app.take_quota(counted.organization_id, 'orders', counted.n);
  end loop;
  return null;
end
$$;
-- +goose StatementEnd
comment on function nexus_app.count_orders() is 'Counts orders against the plan of their organization';
select nexus_app.secure('nexus_app.count_orders()');
create trigger count_added after insert on public.orders referencing new table as added
  for each statement execute function nexus_app.count_orders();

-- Picking and packing ------------------------------------------------------------------------------------------------------

create table public.pick_lists (
  id uuid not null default gen_random_uuid() primary key,
  organization_id uuid not null references public.organizations (id) on delete cascade,
  status text not null default 'open' check (status in ('open', 'completed', 'cancelled')),
  picker_id uuid references auth.users (id) on delete set null,
  created_by uuid default auth.uid() references auth.users (id) on delete set null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  completed_at timestamptz,
  unique (organization_id, id)
);
create index pick_lists_status_idx on public.pick_lists (organization_id, status, created_at desc);
create index pick_lists_picker_id_idx on public.pick_lists (picker_id);
create index pick_lists_created_by_idx on public.pick_lists (created_by);
select nexus_app.describe('public.pick_lists', 'What a picker fetches from the shelves, for one order or several; made by start-picking and closed by complete-pick',
  'status', 'open, completed or cancelled', 'picker_id', 'Who picks', 'completed_at', 'When everything was picked');

create table public.pick_list_items (
  id uuid not null default gen_random_uuid() primary key,
  organization_id uuid not null references public.organizations (id) on delete cascade,
  pick_list_id uuid not null,
  order_id uuid not null,
  order_item_id uuid references public.order_items (id) on delete set null,
  item_id uuid not null,
  warehouse_id uuid not null,
  bin_id uuid,
  quantity integer not null check (quantity > 0),
  picked_quantity integer not null default 0 check (picked_quantity between 0 and quantity),
  cancelled boolean not null default false,
  created_at timestamptz not null default now(),
  foreign key (organization_id, pick_list_id) references public.pick_lists (organization_id, id) on delete cascade,
  foreign key (organization_id, order_id) references public.orders (organization_id, id) on delete cascade,
  foreign key (organization_id, item_id) references public.items (organization_id, id) on delete cascade,
  foreign key (organization_id, warehouse_id) references public.warehouses (organization_id, id) on delete cascade,
  foreign key (organization_id, warehouse_id, bin_id) references public.warehouse_bins (organization_id, warehouse_id, id) on delete set null (bin_id)
);
create index pick_list_items_pick_list_id_idx on public.pick_list_items (organization_id, pick_list_id);
create index pick_list_items_by_list_idx on public.pick_list_items (pick_list_id);
create index pick_list_items_order_id_idx on public.pick_list_items (order_id);
create index pick_list_items_order_item_id_idx on public.pick_list_items (order_item_id);
create index pick_list_items_item_id_idx on public.pick_list_items (item_id);
create index pick_list_items_warehouse_id_idx on public.pick_list_items (warehouse_id);
create index pick_list_items_bin_id_idx on public.pick_list_items (bin_id);
select nexus_app.describe('public.pick_list_items', 'What to fetch, and from where',
  'pick_list_id', 'The pick list', 'order_id', 'The order that it is for', 'order_item_id', 'The line of the order', 'item_id', 'The item',
  'warehouse_id', 'The warehouse', 'bin_id', 'The place, if one is known', 'quantity', 'How many pieces', 'picked_quantity', 'How many have been scanned',
  'cancelled', 'Whether the order was cancelled in the meantime');

create table public.packing_slips (
  id uuid not null default gen_random_uuid() primary key,
  organization_id uuid not null references public.organizations (id) on delete cascade,
  order_id uuid not null,
  pick_list_id uuid,
  slip_number text not null,
  status text not null default 'packing' check (status in ('packing', 'packed')),
  packages integer not null default 1 check (packages between 1 and 1000),
  weight_grams integer check (weight_grams > 0),
  packed_by uuid references auth.users (id) on delete set null,
  packed_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (organization_id, id),
  unique (organization_id, slip_number),
  unique (order_id, pick_list_id),
  foreign key (organization_id, order_id) references public.orders (organization_id, id) on delete cascade,
  foreign key (organization_id, pick_list_id) references public.pick_lists (organization_id, id) on delete set null (pick_list_id)
);
create index packing_slips_order_id_idx on public.packing_slips (organization_id, order_id);
create index packing_slips_pick_list_id_idx on public.packing_slips (pick_list_id);
create index packing_slips_packed_by_idx on public.packing_slips (packed_by);
select nexus_app.describe('public.packing_slips', 'What goes into the parcels of an order; made when its picking is completed',
  'order_id', 'The order', 'pick_list_id', 'The pick list that the pieces came with', 'slip_number', 'The number, PS-000001 and so on', 'status', 'packing or packed',
  'packages', 'How many parcels', 'weight_grams', 'What they weigh together, in grams', 'packed_by', 'Who packed', 'packed_at', 'When it was packed');

-- +goose StatementBegin
create function nexus_app.start_picking(order_ids uuid[], picker uuid default null) returns uuid
language plpgsql security definer
set search_path = ''
as $$
declare
  tenant uuid := auth.writable_organization();
  wanted uuid[] := array(select distinct o from unnest(order_ids) as o);
  sold record;
  list uuid;
  already uuid;
begin
  if tenant is null then
    raise sqlstate 'PT403' using message = 'You may not pick orders', detail = 'forbidden';
  end if;
  if cardinality(wanted) not between 1 and 100 then
    raise sqlstate 'PT400' using message = 'Name 1 to 100 orders to pick';
  end if;
  if picker is not null and not exists (select from public.organization_members m where m.organization_id = tenant and m.user_id = picker) then
    raise sqlstate 'PT404' using message = 'There is no member with this id to pick';
  end if;
  for sold in
    select o.id, o.order_number, o.order_status from public.orders o where o.organization_id = tenant and o.id = any (wanted) order by o.id for no key update
  loop
    wanted := pg_catalog.array_remove(wanted, sold.id);
    if sold.order_status not in ('confirmed', 'fulfilling') then
      raise sqlstate 'PT409' using message = pg_catalog.format('Order %s is %s, so there is nothing to pick', sold.order_number, sold.order_status),
        detail = 'invalid_transition';
    end if;
    select p.id into already
    from public.pick_list_items l join public.pick_lists p on p.id = l.pick_list_id
    where l.order_id = sold.id and p.status <> 'cancelled' and not l.cancelled limit 1;
    if already is not null then
      raise sqlstate 'PT409' using message = pg_catalog.format('Order %s is on a pick list already', sold.order_number), detail = 'already_picking';
    end if;
  end loop;
  if cardinality(wanted) > 0 then
    raise sqlstate 'PT404' using message = 'There is no order with this id';
  end if;
  insert into public.pick_lists (organization_id, picker_id)
  values (tenant, coalesce(picker, case when auth.org_role() <> 'agent' then auth.uid() end)) returning id into list;
  insert into public.pick_list_items (organization_id, pick_list_id, order_id, order_item_id, item_id, warehouse_id, bin_id, quantity)
  select tenant, list, r.order_id, r.order_item_id, r.item_id, r.warehouse_id, b.bin_id, r.quantity
  from public.stock_reservations r
  left join public.item_bins b on b.item_id = r.item_id and b.warehouse_id = r.warehouse_id and b.is_primary
  where r.organization_id = tenant and r.order_id = any (order_ids);
  if not found then
    raise sqlstate 'PT409' using message = 'There is nothing to pick: no line has stock', detail = 'nothing_to_pick';
  end if;
  insert into public.order_events (organization_id, order_id, event, details)
  select tenant, o, 'picking', pg_catalog.jsonb_build_object('pick_list_id', list) from (select distinct unnest(order_ids) as o) as x;
  return list;
end
$$;
-- +goose StatementEnd
comment on function nexus_app.start_picking(uuid[], uuid) is 'Makes a pick list of what is reserved for orders';
select nexus_app.secure('nexus_app.start_picking(uuid[], uuid)', 'authenticated');

-- +goose StatementBegin
create function nexus_app.scan_item(list uuid, code text, amount integer default 1) returns uuid
language plpgsql security definer
set search_path = ''
as $$
declare
  tenant uuid := auth.writable_organization();
  state text;
  line uuid;
begin
  select p.status into state from public.pick_lists p where p.organization_id = tenant and p.id = list for update;
  if state is null then
    raise sqlstate 'PT404' using message = 'There is no pick list with this id';
  end if;
  if state <> 'open' then
    raise sqlstate 'PT409' using message = pg_catalog.format('The pick list is %s', state), detail = 'invalid_transition';
  end if;
  if not exists (
    select from public.pick_list_items l join public.items i on i.id = l.item_id
    where l.pick_list_id = list and not l.cancelled and code in (i.barcode, i.sku, i.item_no)
  ) then
    raise sqlstate 'PT409' using message = 'This item is not on the pick list', detail = 'wrong_item', hint = 'Put it back.';
  end if;
  update public.pick_list_items l set picked_quantity = l.picked_quantity + amount
  where l.id = (
    select x.id from public.pick_list_items x join public.items i on i.id = x.item_id
    where x.pick_list_id = list and not x.cancelled and code in (i.barcode, i.sku, i.item_no) and x.picked_quantity + amount <= x.quantity
    order by x.created_at, x.id limit 1
  )
  returning l.id into line;
  if line is null then
    raise sqlstate 'PT409' using message = 'There are enough of this item on the pick list already', detail = 'over_pick', hint = 'Put it back.';
  end if;
  return line;
end
$$;
-- +goose StatementEnd
comment on function nexus_app.scan_item(uuid, text, integer) is 'Counts a scanned item on a pick list, by barcode, SKU or item number';
select nexus_app.secure('nexus_app.scan_item(uuid, text, integer)', 'authenticated');

-- +goose StatementBegin
create function nexus_app.complete_pick(list uuid, unscanned boolean default false) returns uuid[]
language plpgsql security definer
set search_path = ''
as $$
declare
  tenant uuid := auth.writable_organization();
  state text;
  sold uuid;
  slip uuid;
  slips uuid[] := '{}';
begin
  select p.status into state from public.pick_lists p where p.organization_id = tenant and p.id = list for update;
  if state is null then
    raise sqlstate 'PT404' using message = 'There is no pick list with this id';
  end if;
  if state <> 'open' then
    raise sqlstate 'PT409' using message = pg_catalog.format('The pick list is %s', state), detail = 'invalid_transition';
  end if;
  if unscanned then
    update public.pick_list_items l set picked_quantity = l.quantity where l.pick_list_id = list and not l.cancelled;
  elsif exists (select from public.pick_list_items l where l.pick_list_id = list and not l.cancelled and l.picked_quantity < l.quantity) then
    raise sqlstate 'PT409' using message = 'Some items are not picked yet', detail = 'pick_incomplete',
      hint = 'Scan them, or say that all of them were picked without scanning.';
  end if;
  update public.pick_lists p set status = 'completed', completed_at = now() where p.id = list;
  for sold in select distinct l.order_id from public.pick_list_items l where l.pick_list_id = list and not l.cancelled order by 1 loop
    insert into public.packing_slips (organization_id, order_id, pick_list_id, slip_number)
    values (tenant, sold, list, nexus_app.next_number(tenant, 'packing_slip', 'PS'))
    returning id into slip;
    slips := slips || slip;
    insert into public.order_events (organization_id, order_id, event, details)
    values (tenant, sold, 'picked', pg_catalog.jsonb_build_object('pick_list_id', list, 'packing_slip_id', slip));
  end loop;
  return slips;
end
$$;
-- +goose StatementEnd
comment on function nexus_app.complete_pick(uuid, boolean) is 'Closes a pick list and makes a packing slip for each of its orders';
select nexus_app.secure('nexus_app.complete_pick(uuid, boolean)', 'authenticated');

-- +goose StatementBegin
create function nexus_app.pack_order(slip uuid, parcels integer, grams integer) returns public.packing_slips
language plpgsql security definer
set search_path = ''
as $$
declare
  tenant uuid := auth.writable_organization();
  packed public.packing_slips;
begin
  update public.packing_slips s set status = 'packed', packages = coalesce(parcels, s.packages), weight_grams = coalesce(grams, s.weight_grams),
    packed_by = auth.uid(), packed_at = now()
  where s.organization_id = tenant and s.id = slip and s.status = 'packing'
  returning * into packed;
  if packed.id is null then
    raise sqlstate 'PT409' using message = 'There is no packing slip with this id that is being packed', detail = 'invalid_transition';
  end if;
  insert into public.order_events (organization_id, order_id, event, details)
  values (tenant, packed.order_id, 'packed', pg_catalog.jsonb_build_object('packing_slip_id', slip, 'packages', packed.packages));
  return packed;
end
$$;
-- +goose StatementEnd
comment on function nexus_app.pack_order(uuid, integer, integer) is 'Notes that what is on a packing slip is in its parcels';
select nexus_app.secure('nexus_app.pack_order(uuid, integer, integer)', 'authenticated');

-- Goods come back, whole or damaged; what is damaged is written off at once.
-- +goose StatementBegin
create function nexus_app.return_order(target uuid, returned jsonb, why text default null) returns public.orders
language plpgsql security definer
set search_path = ''
as $$
declare
  tenant uuid := auth.writable_organization();
  sold public.orders;
  line record;
  place record;
  left_over integer;
  part integer;
begin
  select o.* into sold from public.orders o where o.organization_id = tenant and o.id = target for no key update;
  if sold.id is null then
    raise sqlstate 'PT404' using message = 'There is no order with this id';
  end if;
  if sold.order_status not in ('shipped', 'delivered') then
    raise sqlstate 'PT409' using message = pg_catalog.format('An order that is %s does not come back', sold.order_status), detail = 'invalid_transition';
  end if;
  for line in
    select l.id, l.item_id, l.qty, l.returned_qty, (r ->> 'quantity')::integer as quantity, coalesce((r ->> 'damaged')::boolean, false) as damaged
    from jsonb_array_elements(returned) as r
    left join public.order_items l on l.order_id = target and l.id = (r ->> 'order_item_id')::uuid
    order by l.item_id, l.id
  loop
    if line.id is null or line.quantity is null or line.quantity <= 0 then
      raise sqlstate 'PT400' using message = 'A line that comes back has an order_item_id of the order, and at least one piece';
    end if;
    update public.order_items l set returned_qty = l.returned_qty + line.quantity
    where l.id = line.id and l.returned_qty + line.quantity <= l.qty;
    if not found then
      raise sqlstate 'PT409' using message = 'More comes back than was sent', detail = 'over_return';
    end if;
    left_over := line.quantity;
    for place in
      select m.warehouse_id, -sum(m.quantity)::integer as still_out
      from public.stock_movements m
      where m.organization_id = tenant and m.reference_type = 'order' and m.reference_id = target and m.item_id = line.item_id
      group by m.warehouse_id having sum(m.quantity) < 0 order by m.warehouse_id
    loop
      part := least(left_over, place.still_out);
      exit when part = 0;
      insert into public.stock_movements (organization_id, item_id, warehouse_id, movement_type, quantity, reason, reference_type, reference_id, notes)
      values (tenant, line.item_id, place.warehouse_id, 'inbound', part, 'return', 'order', target, why);
      if line.damaged then
        insert into public.stock_movements (organization_id, item_id, warehouse_id, movement_type, quantity, reason, reference_type, reference_id, notes)
        values (tenant, line.item_id, place.warehouse_id, 'adjustment', -part, 'damage', 'return', target, why);
      end if;
      left_over := left_over - part;
    end loop;
  end loop;
  insert into public.order_events (organization_id, order_id, event, details)
  values (tenant, target, 'return', pg_catalog.jsonb_build_object('lines', returned, 'reason', why));
  if not exists (select from public.order_items l where l.order_id = target and l.returned_qty < l.qty) then
    update public.orders o set order_status = 'returned' where o.id = target returning * into sold;
  end if;
  return sold;
end
$$;
-- +goose StatementEnd
comment on function nexus_app.return_order(uuid, jsonb, text) is
  'Books lines [{"order_item_id", "quantity", "damaged"}] of an order that came back; when all is back the order is returned';
select nexus_app.secure('nexus_app.return_order(uuid, jsonb, text)', 'authenticated');

-- Rights ---------------------------------------------------------------------------------------------------------------------

select nexus_app.tenant_table('public.orders');
revoke insert, update on public.orders from authenticated;
grant insert (id, organization_id, customer_id, shopify_order_id, order_number, order_status, total_amount, shipping_amount, discount_amount,
    currency, payment_method, paid_amount, items, airtable_record_id, awb_number, refund_amount, source, shipping_address, notes),
  update (customer_id, order_number, order_status, total_amount, shipping_amount, discount_amount, currency, payment_method, paid_amount,
    items, airtable_record_id, awb_number, refund_amount, source, shipping_address, notes) on public.orders to authenticated;
select nexus_app.child_table('public.order_items', 'public.orders', 'order_id', 'writable', 'writable', 'writable');
revoke insert, update on public.order_items from authenticated;
grant insert (id, order_id, item_id, sku, name, barcode, qty, unit_price), update (item_id, sku, name, barcode, qty, unit_price)
  on public.order_items to authenticated;
select nexus_app.tenant_table('public.order_events', null, null, null);
select nexus_app.tenant_table('public.pick_lists', null, null, null);
select nexus_app.tenant_table('public.pick_list_items', null, null, null);
select nexus_app.tenant_table('public.packing_slips', null, null, null);

revoke execute on all functions in schema nexus_app from public;

-- +goose Down

drop function nexus_app.return_order(uuid, jsonb, text), nexus_app.pack_order(uuid, integer, integer), nexus_app.complete_pick(uuid, boolean),
  nexus_app.scan_item(uuid, text, integer), nexus_app.start_picking(uuid[], uuid);
drop index public.stock_reservations_by_order_idx;
alter table public.stock_reservations
  drop constraint stock_reservations_organization_id_order_id_fkey, drop constraint stock_reservations_order_item_id_fkey;
drop table public.packing_slips, public.pick_list_items, public.pick_lists, public.order_events, public.order_items;
drop function nexus_app.total_orders(), nexus_app.prepare_order_item();
drop trigger prepare on public.orders;
drop function nexus_app.prepare_order(), nexus_app.restock_order(public.orders), nexus_app.ship_order(public.orders),
  nexus_app.reserve_order(public.orders);
drop table public.orders;
drop function nexus_app.count_orders(), nexus_app.order_changed(), nexus_app.order_may_become(public.order_status, public.order_status);
drop type public.order_status;
