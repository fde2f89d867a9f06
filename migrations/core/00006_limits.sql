-- Counts of events for rate limits, shared by all servers of the database.

-- +goose Up

-- Losing it in a crash only forgives what was counted, and without a log a count costs no write to the disk.
create unlogged table nexus.rate_limits (
  key text not null primary key,
  at bigint[] not null default '{}',
  n integer[] not null default '{}',
  until timestamptz not null default pg_catalog.now()
);
create index rate_limits_until_idx on nexus.rate_limits (until);
comment on table nexus.rate_limits is 'How often something happened for a key within the time that counts';
comment on column nexus.rate_limits.key is 'What is limited, and for whom';
comment on column nexus.rate_limits.at is 'Ends of the slices of time in which it happened, in microseconds of Unix time, ascending';
comment on column nexus.rate_limits.n is 'How often it happened in each slice';
comment on column nexus.rate_limits.until is 'When all of it stops counting';
alter table nexus.rate_limits enable row level security;

-- +goose StatementBegin
create function nexus.take_events(
  limited text, events integer, per bigint, wanted integer, spare bigint, forced integer, back_at bigint, back_n integer,
  out granted integer, out slice bigint, out retry_after bigint, out remaining integer
)
language plpgsql security definer
set search_path = ''
as $$
declare
  now_us bigint := (extract(epoch from pg_catalog.clock_timestamp()) * 1000000)::bigint;
  width bigint := greatest(per / 128, 1);
  counted nexus.rate_limits;
  ends bigint[] := '{}';
  counts integer[] := '{}';
  used integer := 0;
  room integer;
begin
  insert into nexus.rate_limits (key) values (limited) on conflict do nothing;
  select * into counted from nexus.rate_limits l where l.key = limited for update;
  now_us := (extract(epoch from pg_catalog.clock_timestamp()) * 1000000)::bigint; -- the row may have been locked for long
  for i in 1 .. pg_catalog.cardinality(counted.at) loop
    continue when counted.at[i] <= now_us - per;
    if counted.at[i] = back_at then
      counted.n[i] := counted.n[i] - back_n;
    end if;
    continue when counted.n[i] <= 0;
    ends := ends || counted.at[i];
    counts := counts || counted.n[i];
    used := used + counted.n[i];
  end loop;
  room := greatest(events - used - forced, 0);
  -- What is left is shared: the less of it, the smaller the part that one server takes in advance.
  granted := least(room, greatest(wanted, case when spare > 0 then room / 8 else 0 end));
  -- Events that may come later count as if they came at the end of the time that they may come in.
  slice := ((now_us + case when granted > wanted then spare else 0 end) / width + 1) * width;
  if granted + forced > 0 then
    if pg_catalog.cardinality(ends) > 0 and ends[pg_catalog.cardinality(ends)] >= slice then
      slice := ends[pg_catalog.cardinality(ends)];
      counts[pg_catalog.cardinality(counts)] := counts[pg_catalog.cardinality(counts)] + granted + forced;
    else
      ends := ends || slice;
      counts := counts || (granted + forced);
    end if;
  end if;
  remaining := room - granted;
  retry_after := case when room = 0 and pg_catalog.cardinality(ends) > 0 then ends[1] + per - now_us else 0 end;
  update nexus.rate_limits l
  set at = ends, n = counts,
    until = pg_catalog.to_timestamp((coalesce(ends[pg_catalog.cardinality(ends)], 0) + per) / 1000000.0)
  where l.key = limited;
end
$$;
-- +goose StatementEnd
comment on function nexus.take_events(text, integer, bigint, integer, bigint, integer, bigint, integer) is
  'Counts events for a key: forced ones, and of the wanted ones (and some in advance, for spare microseconds) as many as the limit of events per so many microseconds leaves room for; takes back what was granted for the slice back_at and not used';

-- +goose StatementBegin
create function nexus.forget_events(most integer) returns integer
language plpgsql security definer
set search_path = ''
as $$
declare
  forgotten integer;
begin
  delete from nexus.rate_limits l
  where l.key in (
    select o.key from nexus.rate_limits o where o.until < pg_catalog.now() limit most for update skip locked
  );
  get diagnostics forgotten = row_count;
  return forgotten;
end
$$;
-- +goose StatementEnd
comment on function nexus.forget_events(integer) is 'Removes counts that no longer count, but no more than that many';

revoke all on function nexus.take_events(text, integer, bigint, integer, bigint, integer, bigint, integer),
  nexus.forget_events(integer) from public;
grant usage on schema nexus to authenticator;
grant execute on function nexus.take_events(text, integer, bigint, integer, bigint, integer, bigint, integer),
  nexus.forget_events(integer) to authenticator;

-- +goose Down

drop function nexus.forget_events(integer), nexus.take_events(text, integer, bigint, integer, bigint, integer, bigint, integer);
drop table nexus.rate_limits;
revoke usage on schema nexus from authenticator;
