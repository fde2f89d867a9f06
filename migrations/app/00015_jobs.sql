-- Background jobs: how anything in the database has work done later, by the server, with retries.
--
-- A job is a kind and arguments. Whoever may call nexus_app.enqueue adds one in the transaction of what it is for, so that there is
-- no job for what did not happen. Arguments name rows rather than hold data, and organization_id tells whose job it is. A job that
-- failed as often as it may, or that no further attempt would help, is dead: its organization's admins see it (dead_jobs) and can have it tried again (retry_job).

-- +goose Up

grant usage on schema nexus_jobs to authenticator, nexus_app;
grant select, insert, update, delete on all tables in schema nexus_jobs to authenticator;
grant usage, select on all sequences in schema nexus_jobs to authenticator, nexus_app;
grant select, insert, update on nexus_jobs.river_job to nexus_app;

-- The channel and its payload are River's.
-- +goose StatementBegin
create function nexus_app.enqueue(
  kind text, args jsonb, run_at timestamptz default null, max_attempts integer default 10, queue text default 'default'
) returns bigint
language plpgsql security definer
set search_path = ''
as $$
declare
  added bigint;
  later boolean := run_at > pg_catalog.now();
begin
  insert into nexus_jobs.river_job (kind, args, state, scheduled_at, max_attempts, queue, tags, metadata)
  values (enqueue.kind, enqueue.args,
    case when later then 'scheduled' else 'available' end::nexus_jobs.river_job_state,
    coalesce(run_at, pg_catalog.now()), enqueue.max_attempts, enqueue.queue, '{}', '{}')
  returning id into added;
  if later is not true then
    perform pg_catalog.pg_notify('nexus_jobs.river_insert', pg_catalog.json_build_object('queue', enqueue.queue)::text);
  end if;
  return added;
end
$$;
-- +goose StatementEnd
comment on function nexus_app.enqueue(text, jsonb, timestamptz, integer, text) is
  'Has the server do a job once this transaction is committed, or at a time after that, and returns its number';
select nexus_app.secure('nexus_app.enqueue(text, jsonb, timestamptz, integer, text)', 'service_role', 'authenticator');

create type public.dead_job as (
  id bigint, kind text, args jsonb, attempts integer, error text, created_at timestamptz, failed_at timestamptz
);
comment on type public.dead_job is 'A background job that was given up';

-- +goose StatementBegin
create function public.dead_jobs() returns setof public.dead_job
language sql stable security definer
set search_path = ''
as $$
  select j.id, j.kind, j.args, j.attempt::integer, j.errors[array_upper(j.errors, 1)] ->> 'error', j.created_at, j.finalized_at
  from nexus_jobs.river_job j
  where j.state in ('discarded', 'cancelled') and j.args @> pg_catalog.jsonb_build_object('organization_id', auth.administered_organization())
    and auth.administered_organization() is not null
  order by j.finalized_at desc, j.id desc
$$;
-- +goose StatementEnd
comment on function public.dead_jobs() is
  'The background jobs of the caller''s organization that were given up, the newest first; for owners, admins and agents with the scope admin';

-- +goose StatementBegin
create function public.retry_job(id bigint) returns void
language plpgsql security definer
set search_path = ''
as $$
begin
  update nexus_jobs.river_job j
  set state = 'available', scheduled_at = pg_catalog.now(), finalized_at = null,
    max_attempts = least(j.attempt + 3, 32767)
  where j.id = retry_job.id and j.state in ('discarded', 'cancelled')
    and j.args @> pg_catalog.jsonb_build_object('organization_id', auth.administered_organization())
    and auth.administered_organization() is not null;
  if not found then
    raise sqlstate 'PT404' using message = 'The organization has no dead job with this id';
  end if;
end
$$;
-- +goose StatementEnd
comment on function public.retry_job(bigint) is 'Has a dead job tried up to three times again';

alter function public.dead_jobs() owner to nexus_app;
alter function public.retry_job(bigint) owner to nexus_app;
revoke all on function public.dead_jobs(), public.retry_job(bigint) from public, anon;
grant execute on function public.dead_jobs(), public.retry_job(bigint) to authenticated;

revoke execute on all functions in schema nexus_app from public;

-- +goose Down

drop function public.retry_job(bigint), public.dead_jobs(), nexus_app.enqueue(text, jsonb, timestamptz, integer, text);
drop type public.dead_job;
revoke all on all tables in schema nexus_jobs from authenticator, nexus_app;
revoke all on all sequences in schema nexus_jobs from authenticator, nexus_app;
revoke all on schema nexus_jobs from authenticator, nexus_app;
