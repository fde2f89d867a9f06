-- Social publishing: posts for Facebook and Instagram, when they go out, and how they did.
--
-- A post goes draft → scheduled → published, or failed; a draft or a scheduled one can be cancelled or removed, and one that failed
-- can be tried again. What a post says does not change once it is published.

-- +goose Up

create type public.social_platform as enum ('facebook', 'instagram', 'twitter', 'linkedin');
comment on type public.social_platform is 'Where posts are; only facebook and instagram can be published to';
create type public.social_post_status as enum ('draft', 'scheduled', 'publishing', 'published', 'failed', 'cancelled');
comment on type public.social_post_status is 'How far a post is';

create table public.social_accounts (
  id uuid not null default gen_random_uuid() primary key,
  organization_id uuid not null references public.organizations (id) on delete cascade,
  platform public.social_platform not null,
  external_id text not null check (length(external_id) between 1 and 200),
  name text check (length(name) <= 200),
  credentials bytea,
  is_active boolean not null default true,
  last_synced_at timestamptz,
  created_by uuid default auth.uid() references auth.users (id) on delete set null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (organization_id, id),
  unique (organization_id, platform, external_id)
);
create index social_accounts_created_by_idx on public.social_accounts (created_by);
select nexus_app.describe('public.social_accounts', 'The accounts that an organization posts with; connected by social-connect',
  'platform', 'Where it is', 'external_id', 'Its id there', 'name', 'Its name', 'credentials', 'Its token, encrypted; nobody reads it through the API', 'is_active', 'Whether it is used', 'last_synced_at', 'When its posts were last read');

create table public.social_posts (
  id uuid not null default gen_random_uuid() primary key,
  organization_id uuid not null references public.organizations (id) on delete cascade,
  account_id uuid,
  platform public.social_platform not null,
  content text not null default '' check (length(content) <= 63206),
  status public.social_post_status not null default 'draft',
  scheduled_at timestamptz,
  published_at timestamptz,
  external_id text check (length(external_id) <= 200),
  permalink text check (length(permalink) <= 2000),
  error text check (length(error) <= 2000),
  created_by uuid default auth.uid() references auth.users (id) on delete set null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (organization_id, id),
  unique (organization_id, platform, external_id),
  check (status <> 'scheduled' or scheduled_at is not null),
  foreign key (organization_id, account_id) references public.social_accounts (organization_id, id) on delete set null (account_id)
);
create index social_posts_account_id_idx on public.social_posts (account_id);
create index social_posts_scheduled_at_idx on public.social_posts (organization_id, scheduled_at);
create index social_posts_due_idx on public.social_posts (scheduled_at) where status = 'scheduled';
create index social_posts_created_by_idx on public.social_posts (created_by);
select nexus_app.describe('public.social_posts', 'Posts, from the draft to what became of them',
  'account_id', 'The account that it is posted with', 'platform', 'Where it is posted', 'content', 'The text', 'status', 'draft, scheduled, publishing, published, failed or cancelled; 409 for moves that there are not',
  'scheduled_at', 'When it goes out', 'published_at', 'When it went out', 'external_id', 'Its id there', 'permalink', 'Where it is seen', 'error', 'Why it failed');

create table public.social_post_media (
  id uuid not null default gen_random_uuid() primary key,
  organization_id uuid not null references public.organizations (id) on delete cascade,
  post_id uuid not null,
  media_url text not null check (length(media_url) between 1 and 2000),
  media_type text not null default 'image' check (media_type in ('image', 'video')),
  position integer not null default 0,
  created_at timestamptz not null default now(),
  unique (organization_id, id),
  foreign key (organization_id, post_id) references public.social_posts (organization_id, id) on delete cascade
);
create index social_post_media_post_id_idx on public.social_post_media (organization_id, post_id);
create index social_post_media_by_post_idx on public.social_post_media (post_id);
select nexus_app.describe('public.social_post_media', 'Pictures and videos of posts', 'post_id', 'The post', 'media_url', 'Where the file is', 'media_type', 'image or video', 'position', 'Its place among the others');

create table public.social_post_metrics_daily (
  organization_id uuid not null references public.organizations (id) on delete cascade,
  post_id uuid not null,
  day date not null,
  impressions integer not null default 0 check (impressions >= 0),
  reach integer not null default 0 check (reach >= 0),
  likes integer not null default 0 check (likes >= 0),
  comments integer not null default 0 check (comments >= 0),
  shares integer not null default 0 check (shares >= 0),
  clicks integer not null default 0 check (clicks >= 0),
  updated_at timestamptz not null default now(),
  primary key (post_id, day),
  foreign key (organization_id, post_id) references public.social_posts (organization_id, id) on delete cascade
);
create index social_post_metrics_daily_organization_id_idx on public.social_post_metrics_daily (organization_id, post_id);
create index social_post_metrics_daily_day_idx on public.social_post_metrics_daily (organization_id, day);
select nexus_app.describe('public.social_post_metrics_daily', 'How posts did, day by day', 'post_id', 'The post', 'day', 'The day (UTC)', 'impressions', 'How often it was shown', 'reach', 'How many saw it',
  'likes', 'How many liked it', 'comments', 'How many comments it got', 'shares', 'How often it was shared', 'clicks', 'How often it was clicked');

-- +goose StatementBegin
create function nexus_app.guard_social_post() returns trigger
language plpgsql
set search_path = ''
as $$
begin
  if tg_op = 'DELETE' then
    if old.status not in ('draft', 'scheduled', 'cancelled', 'failed') and pg_catalog.pg_trigger_depth() = 1 then
      raise sqlstate 'PT409' using message = 'A post that is published is not deleted here', detail = 'invalid_transition';
    end if;
    return old;
  end if;
  if tg_op = 'INSERT' then
    if new.status not in ('draft', 'scheduled') and (new.external_id is null or new.status <> 'published') then
      raise sqlstate 'PT409' using message = 'A post begins as draft or scheduled', detail = 'invalid_transition';
    end if;
    return new;
  end if;
  if new.status <> old.status and not (case old.status
    when 'draft' then new.status in ('scheduled', 'publishing', 'cancelled')
    when 'scheduled' then new.status in ('draft', 'publishing', 'cancelled')
    when 'publishing' then new.status in ('published', 'failed')
    when 'failed' then new.status in ('draft', 'scheduled', 'publishing', 'cancelled')
    when 'cancelled' then new.status = 'draft'
    else false
  end) then
    raise sqlstate 'PT409' using message = pg_catalog.format('A post that is %s does not become %s', old.status, new.status), detail = 'invalid_transition';
  end if;
  if old.status in ('publishing', 'published') and (new.content, new.platform, new.account_id) is distinct from (old.content, old.platform, old.account_id)
    and pg_catalog.pg_trigger_depth() = 1 then
    raise sqlstate 'PT409' using message = 'What is published does not change', detail = 'invalid_transition';
  end if;
  return new;
end
$$;
-- +goose StatementEnd
comment on function nexus_app.guard_social_post() is 'Allows the moves of a post''s life';
create trigger guard before insert or update or delete on public.social_posts for each row execute function nexus_app.guard_social_post();

create view public.content_calendar with (security_invoker = true) as
select p.id, p.organization_id, p.platform, p.status, p.content, coalesce(p.published_at, p.scheduled_at) as at, (coalesce(p.published_at, p.scheduled_at))::date as day
from public.social_posts p
where coalesce(p.published_at, p.scheduled_at) is not null and p.status <> 'cancelled';
select nexus_app.describe('public.content_calendar', 'Posts by the time at which they go out, or went out', 'id', 'The post', 'platform', 'Where it is posted', 'status', 'How far it is', 'content', 'The text', 'at', 'When it goes out', 'day', 'The day on which it goes out');
revoke all on public.content_calendar from anon, authenticated;
grant select on public.content_calendar to authenticated, service_role;

select nexus_app.lock_down('public.social_accounts');
grant select (id, organization_id, platform, external_id, name, is_active, last_synced_at, created_by, created_at, updated_at), update (name, is_active), delete
  on public.social_accounts to authenticated;
create policy tenant_select on public.social_accounts for select to authenticated using (organization_id = (select auth.readable_organization()));
create policy tenant_update on public.social_accounts for update to authenticated
  using (organization_id = (select auth.administered_organization())) with check (organization_id = (select auth.administered_organization()));
create policy tenant_delete on public.social_accounts for delete to authenticated using (organization_id = (select auth.administered_organization()));
select nexus_app.tenant_table('public.social_posts', 'writable', 'writable', 'writable');
revoke insert, update on public.social_posts from authenticated;
grant insert (id, organization_id, account_id, platform, content, status, scheduled_at), update (account_id, platform, content, status, scheduled_at)
  on public.social_posts to authenticated;
select nexus_app.tenant_table('public.social_post_media', 'writable', 'writable', 'writable');
select nexus_app.tenant_table('public.social_post_metrics_daily', null, null, null);

revoke execute on all functions in schema nexus_app from public;

-- +goose Down

drop view public.content_calendar;
drop table public.social_post_metrics_daily, public.social_post_media, public.social_posts, public.social_accounts;
drop function nexus_app.guard_social_post();
drop type public.social_post_status, public.social_platform;
