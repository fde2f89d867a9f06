-- Answers of functions/v1 that are repeated to calls with the same Idempotency-Key, and the deliveries of webhooks that were seen.

-- +goose Up

create table nexus.idempotency_keys (
  scope text not null,
  key text not null,
  fingerprint bytea not null,
  status integer,
  headers jsonb,
  body bytea,
  running_until timestamptz not null,
  created_at timestamptz not null default pg_catalog.now(),
  expires_at timestamptz not null default pg_catalog.now() + interval '24 hours',
  primary key (scope, key)
);
create index idempotency_keys_expires_at_idx on nexus.idempotency_keys (expires_at);
comment on table nexus.idempotency_keys is 'Calls with an Idempotency-Key that had an effect; the row is committed together with it';
comment on column nexus.idempotency_keys.scope is 'Who called what';
comment on column nexus.idempotency_keys.key is 'The key';
comment on column nexus.idempotency_keys.fingerprint is 'A hash of the request: another one under the same key is a mistake';
comment on column nexus.idempotency_keys.status is 'The status of the answer, null while there is none';
comment on column nexus.idempotency_keys.headers is 'The headers of the answer';
comment on column nexus.idempotency_keys.body is 'The body of the answer, null if it is not kept because it is too large or has a secret';
comment on column nexus.idempotency_keys.running_until is 'Until when a missing answer may still come; after that it is lost';
comment on column nexus.idempotency_keys.created_at is 'When the call was made';
comment on column nexus.idempotency_keys.expires_at is 'Until when the answer is repeated';
alter table nexus.idempotency_keys enable row level security;

create table nexus.webhook_deliveries (
  source text not null,
  id text not null,
  seen_at timestamptz not null default pg_catalog.now(),
  primary key (source, id)
);
create index webhook_deliveries_seen_at_idx on nexus.webhook_deliveries (seen_at);
comment on table nexus.webhook_deliveries is 'Deliveries of webhooks that were taken, so that repeated ones are not taken twice';
comment on column nexus.webhook_deliveries.source is 'Who delivers';
comment on column nexus.webhook_deliveries.id is 'The provider''s id of the delivery';
comment on column nexus.webhook_deliveries.seen_at is 'When it was taken';
alter table nexus.webhook_deliveries enable row level security;

-- +goose StatementBegin
create function nexus.claim_idempotency_key(
  of_scope text, of_key text, of_fingerprint bytea, may_run interval, out outcome text, out status integer, out headers jsonb, out body bytea
)
language plpgsql security definer
set search_path = ''
as $$
declare
  found_key nexus.idempotency_keys;
begin
  if not pg_catalog.pg_try_advisory_xact_lock(pg_catalog.hashtextextended('nexus idempotency ' || of_scope || ' ' || of_key, 0)) then
    outcome := 'running';
    return;
  end if;
  delete from nexus.idempotency_keys k where k.scope = of_scope and k.key = of_key and k.expires_at <= pg_catalog.now();
  insert into nexus.idempotency_keys (scope, key, fingerprint, running_until)
  values (of_scope, of_key, of_fingerprint, pg_catalog.clock_timestamp() + may_run)
  on conflict do nothing;
  if found then
    outcome := 'claimed';
    return;
  end if;
  select * into found_key from nexus.idempotency_keys k where k.scope = of_scope and k.key = of_key;
  outcome := case
    when found_key.fingerprint <> of_fingerprint then 'other'
    when found_key.status is null and found_key.running_until > pg_catalog.clock_timestamp() then 'running'
    when found_key.status is null then 'unknown'
    when found_key.body is null then 'withheld'
    else 'done'
  end;
  if outcome = 'done' then
    status := found_key.status;
    headers := found_key.headers;
    body := found_key.body;
  end if;
end
$$;
-- +goose StatementEnd
comment on function nexus.claim_idempotency_key(text, text, bytea, interval) is
  'Claims a key for the transaction''s effect, or tells why it cannot be: running elsewhere, other request, done (with the answer), withheld (done, answer not kept), unknown (done, answer lost)';

-- +goose StatementBegin
create function nexus.answer_idempotency_key(of_scope text, of_key text, of_status integer, of_headers jsonb, of_body bytea) returns void
language sql security definer
set search_path = ''
as $$
  update nexus.idempotency_keys k set status = of_status, headers = of_headers, body = of_body
  where k.scope = of_scope and k.key = of_key
$$;
-- +goose StatementEnd
comment on function nexus.answer_idempotency_key(text, text, integer, jsonb, bytea) is 'Keeps the answer of a call under its key';

-- +goose StatementBegin
create function nexus.release_idempotency_key(of_scope text, of_key text) returns void
language sql security definer
set search_path = ''
as 'delete from nexus.idempotency_keys k where k.scope = of_scope and k.key = of_key and k.status is null';
-- +goose StatementEnd
comment on function nexus.release_idempotency_key(text, text) is 'Gives a claimed key back, because the call had no effect';

-- +goose StatementBegin
create function nexus.lose_idempotency_answer(of_scope text, of_key text) returns void
language sql security definer
set search_path = ''
as $$
  update nexus.idempotency_keys k set running_until = pg_catalog.clock_timestamp()
  where k.scope = of_scope and k.key = of_key and k.status is null
$$;
-- +goose StatementEnd
comment on function nexus.lose_idempotency_answer(text, text) is 'Says that no answer will come, though the call may have had an effect';

-- Runs before a function in SQL, in its transaction and as its caller. The server says in a header what to claim.
-- +goose StatementBegin
create function nexus.claim_for_request() returns void
language plpgsql security definer
set search_path = ''
as $$
declare
  claim jsonb := (pg_catalog.current_setting('request.headers', true)::jsonb ->> 'nexus-idempotency')::jsonb;
  outcome text;
begin
  if claim is null then
    return;
  end if;
  select c.outcome into outcome
  from nexus.claim_idempotency_key(claim ->> 'scope', claim ->> 'key', pg_catalog.decode(claim ->> 'fingerprint', 'hex'),
    (claim ->> 'may_run')::interval) as c;
  if outcome <> 'claimed' then
    raise sqlstate 'PT409' using message = 'A call with this Idempotency-Key is running', detail = 'idempotency_in_progress';
  end if;
end
$$;
-- +goose StatementEnd
comment on function nexus.claim_for_request() is 'Claims the Idempotency-Key of a call of a function in SQL together with its effect';

-- +goose StatementBegin
create function nexus.first_delivery(of_source text, of_id text) returns boolean
language plpgsql security definer
set search_path = ''
as $$
begin
  insert into nexus.webhook_deliveries (source, id) values (of_source, of_id) on conflict do nothing;
  return found;
end
$$;
-- +goose StatementEnd
comment on function nexus.first_delivery(text, text) is
  'Notes a delivery of a webhook, and tells whether it is new; to be called in the transaction of its effect';

-- +goose StatementBegin
create function nexus.forget_calls(most integer) returns integer
language plpgsql security definer
set search_path = ''
as $$
declare
  forgotten integer;
  more integer;
begin
  delete from nexus.idempotency_keys k
  where (k.scope, k.key) in (
    select o.scope, o.key from nexus.idempotency_keys o where o.expires_at < pg_catalog.now() limit most for update skip locked
  );
  get diagnostics forgotten = row_count;
  delete from nexus.webhook_deliveries d
  where (d.source, d.id) in (
    select o.source, o.id from nexus.webhook_deliveries o where o.seen_at < pg_catalog.now() - interval '30 days' limit most
    for update skip locked
  );
  get diagnostics more = row_count;
  return greatest(forgotten, more);
end
$$;
-- +goose StatementEnd
comment on function nexus.forget_calls(integer) is 'Removes keys that have expired and deliveries that are long past, but no more than that many of each';

revoke all on function nexus.claim_idempotency_key(text, text, bytea, interval),
  nexus.answer_idempotency_key(text, text, integer, jsonb, bytea), nexus.release_idempotency_key(text, text),
  nexus.lose_idempotency_answer(text, text), nexus.claim_for_request(), nexus.first_delivery(text, text), nexus.forget_calls(integer) from public;
grant execute on function nexus.claim_idempotency_key(text, text, bytea, interval),
  nexus.answer_idempotency_key(text, text, integer, jsonb, bytea), nexus.release_idempotency_key(text, text),
  nexus.lose_idempotency_answer(text, text), nexus.first_delivery(text, text), nexus.forget_calls(integer) to authenticator;
grant usage on schema nexus to anon, authenticated, service_role;
grant execute on function nexus.claim_for_request() to anon, authenticated, service_role;

-- +goose Down

revoke usage on schema nexus from anon, authenticated, service_role;
drop function nexus.forget_calls(integer), nexus.first_delivery(text, text), nexus.claim_for_request(),
  nexus.lose_idempotency_answer(text, text), nexus.release_idempotency_key(text, text), nexus.answer_idempotency_key(text, text, integer, jsonb, bytea),
  nexus.claim_idempotency_key(text, text, bytea, interval);
drop table nexus.webhook_deliveries, nexus.idempotency_keys;
