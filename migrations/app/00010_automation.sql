-- Automation: rules that do something when something happens, and what came of it.
--
-- A rule names an event, conditions on the row that the event is about, and actions. Conditions are {"column": {"op": value}} with
-- eq, neq, gt, gte, lt, lte, in and is; all must hold. Actions are a list of {"type": …}: update_order_status ("status"), add_label
-- ("label"), add_tag ("tag"), assign ("user_id") and note ("text"); they run in the transaction of the event, and an action that
-- fails is noted in the run and changes nothing. Actions that reach out are for background work and are kept as 'queued'.

-- +goose Up

create table public.automation_rules (
  id uuid not null default gen_random_uuid() primary key,
  organization_id uuid not null references public.organizations (id) on delete cascade,
  name text not null check (length(btrim(name)) between 1 and 200),
  event text not null check (event in ('order.created', 'order.status_changed', 'customer.created', 'message.received', 'schedule')),
  conditions jsonb not null default '{}' check (jsonb_typeof(conditions) = 'object'),
  actions jsonb not null check (jsonb_typeof(actions) = 'array' and jsonb_array_length(actions) between 1 and 20),
  schedule text check (length(schedule) <= 100),
  is_active boolean not null default true,
  created_by uuid default auth.uid() references auth.users (id) on delete set null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (organization_id, id),
  check ((event = 'schedule') = (schedule is not null))
);
create index automation_rules_event_idx on public.automation_rules (organization_id, event) where is_active;
create index automation_rules_organization_id_idx on public.automation_rules (organization_id);
create index automation_rules_created_by_idx on public.automation_rules (created_by);
select nexus_app.describe('public.automation_rules', 'What happens by itself; see the head of its migration for the forms of conditions and actions',
  'name', 'The rule''s name', 'event', 'When it runs: order.created, order.status_changed, customer.created, message.received or schedule',
  'conditions', 'What must hold of the row: {"column": {"op": value}} with eq, neq, gt, gte, lt, lte, in and is', 'actions', 'What is done, in order: [{"type": "update_order_status" | "add_label" | "add_tag" | "assign" | "note", …}]',
  'schedule', 'When a rule with the event schedule runs, as cron has it', 'is_active', 'Whether it runs');

create table public.automation_runs (
  id uuid not null default gen_random_uuid() primary key,
  organization_id uuid not null references public.organizations (id) on delete cascade,
  rule_id uuid,
  event text not null,
  reference_id uuid,
  status text not null check (status in ('done', 'failed', 'queued')),
  results jsonb not null default '[]',
  created_at timestamptz not null default now(),
  unique (organization_id, id),
  foreign key (organization_id, rule_id) references public.automation_rules (organization_id, id) on delete set null (rule_id)
);
create index automation_runs_rule_id_idx on public.automation_runs (rule_id);
create index automation_runs_created_at_idx on public.automation_runs (organization_id, created_at desc);
select nexus_app.describe('public.automation_runs', 'What rules did',
  'rule_id', 'The rule', 'event', 'What happened', 'reference_id', 'The row that it happened to', 'status', 'done, failed or queued',
  'results', 'What came of each action', 'created_at', 'When it ran');

-- +goose StatementBegin
create function nexus_app.condition_holds(subject jsonb, conditions jsonb) returns boolean
language plpgsql immutable
set search_path = ''
as $$
declare
  name text;
  tests jsonb;
  op text;
  wanted jsonb;
  has jsonb;
begin
  for name, tests in select * from jsonb_each(conditions) loop
    has := coalesce(subject -> name, 'null');
    for op, wanted in select * from jsonb_each(tests) loop
      if not coalesce(case op
        when 'eq' then has = wanted
        when 'neq' then has <> wanted
        when 'gt' then has <> 'null' and has > wanted
        when 'gte' then has <> 'null' and has >= wanted
        when 'lt' then has <> 'null' and has < wanted
        when 'lte' then has <> 'null' and has <= wanted
        when 'in' then wanted @> jsonb_build_array(has)
        when 'is' then has = wanted
      end, false) then
        return false;
      end if;
    end loop;
  end loop;
  return true;
end
$$;
-- +goose StatementEnd
comment on function nexus_app.condition_holds(jsonb, jsonb) is 'Whether a row fulfils the conditions of a rule; an operator that is unknown fulfils none';

-- One action, with the rights of the application and on the rule's organization alone.
-- +goose StatementBegin
create function nexus_app.run_action(tenant uuid, of_table text, subject jsonb, action jsonb) returns void
language plpgsql security definer
set search_path = ''
as $$
declare
  target uuid := (subject ->> 'id')::uuid;
  customer uuid := case of_table when 'customers' then target else (subject ->> 'customer_id')::uuid end;
  label uuid;
begin
  case action ->> 'type'
    when 'update_order_status' then
      if of_table <> 'orders' then
        raise exception 'the event is about no order';
      end if;
      update public.orders o set order_status = (action ->> 'status')::public.order_status where o.organization_id = tenant and o.id = target;
    when 'add_label' then
      insert into public.labels (organization_id, name) values (tenant, action ->> 'label') on conflict do nothing;
      select l.id into label from public.labels l where l.organization_id = tenant and l.name = action ->> 'label';
      insert into public.customer_labels (organization_id, customer_id, label_id) values (tenant, customer, label) on conflict do nothing;
    when 'add_tag' then
      update public.customers c set tags = c.tags || (action ->> 'tag')
      where c.organization_id = tenant and c.id = customer and not c.tags @> array[action ->> 'tag'];
    when 'assign' then
      if not exists (select from public.organization_members m where m.organization_id = tenant and m.user_id = (action ->> 'user_id')::uuid) then
        raise exception 'there is no such member';
      end if;
      update public.customers c set assigned_to = action ->> 'user_id' where c.organization_id = tenant and c.id = customer;
    when 'note' then
      insert into public.customer_touchpoints (organization_id, customer_id, kind, summary) values (tenant, customer, 'note', action ->> 'text');
    else
      raise exception 'an action of an unknown type';
  end case;
end
$$;
-- +goose StatementEnd
comment on function nexus_app.run_action(uuid, text, jsonb, jsonb) is 'Runs an action of a rule on the row that its event is about';
select nexus_app.secure('nexus_app.run_action(uuid, text, jsonb, jsonb)');

-- Rules do not set off rules: what an action changes is no event.
-- +goose StatementBegin
create function nexus_app.automate() returns trigger
language plpgsql security definer
set search_path = ''
as $$
declare
  what text := tg_argv[0];
  subject jsonb := pg_catalog.to_jsonb(new);
  rule public.automation_rules;
  action jsonb;
  results jsonb;
  failed boolean;
begin
  if coalesce(pg_catalog.current_setting('nexus.automating', true), '') = 'on' then
    return null;
  end if;
  for rule in
    select r.* from public.automation_rules r
    where r.organization_id = new.organization_id and r.event = what and r.is_active order by r.created_at, r.id
  loop
    continue when not nexus_app.condition_holds(subject, rule.conditions);
    results := '[]';
    failed := false;
    perform pg_catalog.set_config('nexus.automating', 'on', true);
    for action in select * from jsonb_array_elements(rule.actions) loop
      begin
        perform nexus_app.run_action(new.organization_id, tg_table_name, subject, action);
        results := results || pg_catalog.jsonb_build_array(pg_catalog.jsonb_build_object('type', action -> 'type', 'ok', true));
      exception
        when others then
          failed := true;
          results := results || pg_catalog.jsonb_build_array(pg_catalog.jsonb_build_object('type', action -> 'type', 'ok', false, 'error', sqlerrm));
      end;
    end loop;
    perform pg_catalog.set_config('nexus.automating', '', true);
    insert into public.automation_runs (organization_id, rule_id, event, reference_id, status, results)
    values (new.organization_id, rule.id, what, (subject ->> 'id')::uuid, case when failed then 'failed' else 'done' end, results);
  end loop;
  return null;
end
$$;
-- +goose StatementEnd
comment on function nexus_app.automate() is 'Runs the rules of an event, in its transaction';
select nexus_app.secure('nexus_app.automate()');
alter function nexus_app.condition_holds(jsonb, jsonb) owner to nexus_app;
create trigger z_automate_created after insert on public.orders for each row execute function nexus_app.automate('order.created');
create trigger z_automate_status after update on public.orders for each row when (old.order_status <> new.order_status)
  execute function nexus_app.automate('order.status_changed');
create trigger z_automate_created after insert on public.customers for each row execute function nexus_app.automate('customer.created');
create trigger z_automate_received after insert on public.messages for each row when (new.direction = 'inbound')
  execute function nexus_app.automate('message.received');

select nexus_app.tenant_table('public.automation_rules', 'administered', 'administered');
select nexus_app.tenant_table('public.automation_runs', null, null, 'administered');

revoke execute on all functions in schema nexus_app from public;

-- +goose Down

drop trigger z_automate_received on public.messages;
drop trigger z_automate_created on public.customers;
drop trigger z_automate_status on public.orders;
drop trigger z_automate_created on public.orders;
drop function nexus_app.automate(), nexus_app.run_action(uuid, text, jsonb, jsonb), nexus_app.condition_holds(jsonb, jsonb);
drop table public.automation_runs, public.automation_rules;
