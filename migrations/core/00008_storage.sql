-- The tables of storage/v1 and what policies on them ask. Names, types and answers are those of Supabase's, so that its policies,
-- triggers and dumps fit. What a dump has brought already stays, and gets the columns that newer versions added and we need.

-- +goose Up

comment on column nexus.core_objects.kind is
  'What was added: role, membership, login, schema, function, event trigger, type, table, column, nullable column, policy, trigger, index, or the kind of object a grant is on';

-- +goose StatementBegin
do $$
begin
  if pg_catalog.to_regnamespace('storage') is null then
    if not pg_catalog.has_database_privilege(pg_catalog.current_database(), 'create') then
      raise warning 'schema storage is not made, because this role may not create schemas: storage/v1 is not served';
      return;
    end if;
    create schema storage;
    comment on schema storage is 'Files of storage/v1: buckets, objects, and functions for policies on them';
    insert into nexus.core_objects (kind, name) values ('schema', 'storage');
  end if;
end
$$;
-- +goose StatementEnd

-- Says whether to make a table, and notes that it is ours.
-- +goose StatementBegin
create function nexus.begin_table(wanted text) returns boolean
language plpgsql
set search_path = ''
as $$
begin
  if pg_catalog.to_regclass(wanted) is not null or pg_catalog.to_regnamespace('storage') is null
    or not pg_catalog.has_schema_privilege('storage', 'create') then
    return false;
  end if;
  insert into nexus.core_objects (kind, name) values ('table', wanted) on conflict do nothing;
  return true;
end
$$;
-- +goose StatementEnd

-- +goose StatementBegin
do $$
begin
  if not nexus.begin_table('storage.buckets') then
    return;
  end if;
  create table storage.buckets (
    id text not null,
    name text not null,
    owner uuid,
    created_at timestamptz default pg_catalog.now(),
    updated_at timestamptz default pg_catalog.now(),
    public boolean default false,
    avif_autodetection boolean default false,
    file_size_limit bigint,
    allowed_mime_types text[],
    owner_id text,
    type text not null default 'STANDARD',
    constraint buckets_pkey primary key (id)
  );
  create unique index bname on storage.buckets (name);
  comment on table storage.buckets is 'Buckets of storage/v1; policies on it say who may see and change them';
  comment on column storage.buckets.id is 'The bucket as paths name it';
  comment on column storage.buckets.name is 'The same as id';
  comment on column storage.buckets.owner is 'Kept for dumps: owner_id, where that is a UUID';
  comment on column storage.buckets.created_at is 'When the bucket was made';
  comment on column storage.buckets.updated_at is 'When the bucket was last changed';
  comment on column storage.buckets.public is 'Whether everybody may read its objects, whatever the policies say';
  comment on column storage.buckets.avif_autodetection is 'Kept for dumps; means nothing';
  comment on column storage.buckets.file_size_limit is 'The largest object in bytes, null for the server''s limit';
  comment on column storage.buckets.allowed_mime_types is 'The media types that objects may have, such as image/*; null for any';
  comment on column storage.buckets.owner_id is 'The sub claim of who made the bucket';
  comment on column storage.buckets.type is 'STANDARD; dumps may have others, which are not served';
end
$$;
-- +goose StatementEnd

-- +goose StatementBegin
do $$
begin
  if not nexus.begin_table('storage.objects') then
    return;
  end if;
  create table storage.objects (
    id uuid not null default pg_catalog.gen_random_uuid(),
    bucket_id text,
    name text,
    owner uuid,
    created_at timestamptz default pg_catalog.now(),
    updated_at timestamptz default pg_catalog.now(),
    last_accessed_at timestamptz default pg_catalog.now(),
    metadata jsonb,
    path_tokens text[] generated always as (pg_catalog.string_to_array(name, '/')) stored,
    version text,
    owner_id text,
    user_metadata jsonb,
    constraint objects_pkey primary key (id),
    constraint "objects_bucketId_fkey" foreign key (bucket_id) references storage.buckets (id)
  );
  create unique index bucketid_objname on storage.objects (bucket_id, name);
  comment on table storage.objects is 'Objects of storage/v1; policies on it say who may read and write them';
  comment on column storage.objects.id is 'The object; it stays when the object is replaced, moved or renamed';
  comment on column storage.objects.bucket_id is 'The bucket that it is in';
  comment on column storage.objects.name is 'Its key in the bucket, with / between folders';
  comment on column storage.objects.owner is 'Kept for dumps: owner_id, where that is a UUID';
  comment on column storage.objects.created_at is 'When it was made';
  comment on column storage.objects.updated_at is 'When the row last changed';
  comment on column storage.objects.last_accessed_at is 'When it was last replaced; reading does not change it';
  comment on column storage.objects.metadata is 'What the server knows of the bytes: size, mimetype, cacheControl, eTag and others';
  comment on column storage.objects.path_tokens is 'The folders of its key, and its name in the last of them';
  comment on column storage.objects.version is 'What the bytes are kept under; each upload has one of its own';
  comment on column storage.objects.owner_id is 'The sub claim of who last uploaded it';
  comment on column storage.objects.user_metadata is 'What the uploader says of it';
end
$$;
-- +goose StatementEnd

-- Uploads that come in parts, by the S3 protocol or by TUS.
-- +goose StatementBegin
do $$
begin
  if not nexus.begin_table('storage.s3_multipart_uploads') then
    return;
  end if;
  create table storage.s3_multipart_uploads (
    id text not null,
    in_progress_size bigint not null default 0,
    upload_signature text not null,
    bucket_id text not null,
    key text not null collate "C",
    version text not null,
    owner_id text,
    created_at timestamptz not null default pg_catalog.now(),
    user_metadata jsonb,
    metadata jsonb,
    constraint s3_multipart_uploads_pkey primary key (id),
    constraint s3_multipart_uploads_bucket_id_fkey foreign key (bucket_id) references storage.buckets (id) on delete cascade
  );
  create index idx_multipart_uploads_list on storage.s3_multipart_uploads (bucket_id, key, created_at);
  comment on table storage.s3_multipart_uploads is 'Uploads of the S3 protocol that were begun and not ended';
  comment on column storage.s3_multipart_uploads.id is 'The upload id that the client was given';
  comment on column storage.s3_multipart_uploads.in_progress_size is 'Bytes of all its parts';
  comment on column storage.s3_multipart_uploads.upload_signature is 'Kept for dumps; empty';
  comment on column storage.s3_multipart_uploads.bucket_id is 'The bucket of the object to be';
  comment on column storage.s3_multipart_uploads.key is 'The key of the object to be';
  comment on column storage.s3_multipart_uploads.version is 'The version of the object to be';
  comment on column storage.s3_multipart_uploads.owner_id is 'The sub claim of who began it';
  comment on column storage.s3_multipart_uploads.created_at is 'When it was begun';
  comment on column storage.s3_multipart_uploads.user_metadata is 'What the uploader says of the object';
  comment on column storage.s3_multipart_uploads.metadata is 'Media type and cache control of the object to be';
end
$$;
-- +goose StatementEnd

-- +goose StatementBegin
do $$
begin
  if not nexus.begin_table('storage.s3_multipart_uploads_parts') then
    return;
  end if;
  create table storage.s3_multipart_uploads_parts (
    id uuid not null default pg_catalog.gen_random_uuid(),
    upload_id text not null,
    size bigint not null default 0,
    part_number integer not null,
    bucket_id text not null,
    key text not null collate "C",
    etag text not null,
    owner_id text,
    version text not null,
    created_at timestamptz not null default pg_catalog.now(),
    constraint s3_multipart_uploads_parts_pkey primary key (id),
    constraint s3_multipart_uploads_parts_upload_id_fkey foreign key (upload_id)
      references storage.s3_multipart_uploads (id) on delete cascade,
    constraint s3_multipart_uploads_parts_bucket_id_fkey foreign key (bucket_id)
      references storage.buckets (id) on delete cascade
  );
  create index s3_multipart_uploads_parts_upload_id_idx on storage.s3_multipart_uploads_parts (upload_id, part_number, created_at);
  comment on table storage.s3_multipart_uploads_parts is 'Parts of uploads of the S3 protocol; of several with the same number the last counts';
  comment on column storage.s3_multipart_uploads_parts.id is 'The part';
  comment on column storage.s3_multipart_uploads_parts.upload_id is 'The upload that it is of';
  comment on column storage.s3_multipart_uploads_parts.size is 'Its bytes';
  comment on column storage.s3_multipart_uploads_parts.part_number is 'Its place among the parts, from 1';
  comment on column storage.s3_multipart_uploads_parts.bucket_id is 'The bucket of the upload';
  comment on column storage.s3_multipart_uploads_parts.key is 'The key of the upload';
  comment on column storage.s3_multipart_uploads_parts.etag is 'The MD5 sum of its bytes in hexadecimal digits';
  comment on column storage.s3_multipart_uploads_parts.owner_id is 'The sub claim of who sent it';
  comment on column storage.s3_multipart_uploads_parts.version is 'What its bytes are kept under';
  comment on column storage.s3_multipart_uploads_parts.created_at is 'When it was sent';
end
$$;
-- +goose StatementEnd

-- +goose StatementBegin
do $$
begin
  if not nexus.begin_table('storage.tus_uploads') then
    return;
  end if;
  create table storage.tus_uploads (
    id text not null,
    bucket_id text not null,
    key text not null,
    version text not null,
    owner_id text,
    upsert boolean not null default false,
    size bigint,
    upload_metadata text not null default '',
    metadata jsonb not null default '{}',
    user_metadata jsonb,
    created_at timestamptz not null default pg_catalog.now(),
    expires_at timestamptz not null,
    completed_at timestamptz,
    constraint tus_uploads_pkey primary key (id),
    constraint tus_uploads_bucket_id_fkey foreign key (bucket_id) references storage.buckets (id) on delete cascade
  );
  create index tus_uploads_expires_at_idx on storage.tus_uploads (expires_at);
  comment on table storage.tus_uploads is 'Resumable uploads (TUS) that were begun';
  comment on column storage.tus_uploads.id is 'The last segment of the upload''s URL';
  comment on column storage.tus_uploads.bucket_id is 'The bucket of the object to be';
  comment on column storage.tus_uploads.key is 'The key of the object to be';
  comment on column storage.tus_uploads.version is 'The version of the object to be';
  comment on column storage.tus_uploads.owner_id is 'The sub claim of who began it';
  comment on column storage.tus_uploads.upsert is 'Whether it may replace an object';
  comment on column storage.tus_uploads.size is 'The bytes of the whole object, null as long as the client has not said so';
  comment on column storage.tus_uploads.upload_metadata is 'The header Upload-Metadata as it came';
  comment on column storage.tus_uploads.metadata is 'Media type and cache control of the object to be';
  comment on column storage.tus_uploads.user_metadata is 'What the uploader says of the object';
  comment on column storage.tus_uploads.created_at is 'When it was begun';
  comment on column storage.tus_uploads.expires_at is 'Until when it can be gone on with';
  comment on column storage.tus_uploads.completed_at is 'When the object was made of it, null before';
end
$$;
-- +goose StatementEnd

-- +goose StatementBegin
do $$
begin
  if not nexus.begin_table('storage.tus_parts') then
    return;
  end if;
  create table storage.tus_parts (
    upload_id text not null,
    start bigint not null,
    size bigint not null,
    version text not null,
    constraint tus_parts_pkey primary key (upload_id, start),
    constraint tus_parts_upload_id_fkey foreign key (upload_id) references storage.tus_uploads (id) on delete cascade
  );
  comment on table storage.tus_parts is 'The bytes of resumable uploads that have arrived, in pieces that follow each other';
  comment on column storage.tus_parts.upload_id is 'The upload';
  comment on column storage.tus_parts.start is 'Where in the object it begins';
  comment on column storage.tus_parts.size is 'Its bytes';
  comment on column storage.tus_parts.version is 'What its bytes are kept under';
end
$$;
-- +goose StatementEnd

-- Columns that older dumps do not have.
-- +goose StatementBegin
do $$
declare
  wanted record;
begin
  for wanted in
    select w.*, pg_catalog.to_regclass('storage.' || w.table_name) as relation
    from (values
      ('buckets', 'public', 'boolean default false'),
      ('buckets', 'file_size_limit', 'bigint'),
      ('buckets', 'allowed_mime_types', 'text[]'),
      ('buckets', 'owner_id', 'text'),
      ('buckets', 'avif_autodetection', 'boolean default false'),
      ('objects', 'path_tokens', 'text[] generated always as (pg_catalog.string_to_array(name, ''/'')) stored'),
      ('objects', 'version', 'text'),
      ('objects', 'owner_id', 'text'),
      ('objects', 'user_metadata', 'jsonb'),
      ('s3_multipart_uploads', 'user_metadata', 'jsonb'),
      ('s3_multipart_uploads', 'metadata', 'jsonb')
    ) as w (table_name, column_name, definition)
  loop
    continue when wanted.relation is null or exists (
      select from pg_catalog.pg_attribute a
      where a.attrelid = wanted.relation and a.attname = wanted.column_name and not a.attisdropped
    );
    begin
      execute pg_catalog.format('alter table storage.%I add column %I %s', wanted.table_name, wanted.column_name, wanted.definition);
      insert into nexus.core_objects (kind, name)
      values ('column', pg_catalog.format('storage.%s.%s', wanted.table_name, wanted.column_name)) on conflict do nothing;
    exception
      when insufficient_privilege then
        raise warning 'storage/v1 misses the column storage.%.%: %', wanted.table_name, wanted.column_name, sqlerrm;
    end;
  end loop;
  if pg_catalog.to_regclass('storage.objects') is null then
    return;
  end if;
  -- Listing walks the keys in the order of their bytes, whatever the collation of the database.
  if pg_catalog.to_regclass('storage.idx_objects_bucket_id_name') is null then
    begin
      create index idx_objects_bucket_id_name on storage.objects (bucket_id, name collate "C");
      insert into nexus.core_objects (kind, name) values ('index', 'storage.idx_objects_bucket_id_name') on conflict do nothing;
    exception
      when insufficient_privilege then raise warning 'listing objects of storage/v1 will be slow: %', sqlerrm;
    end;
  end if;
  -- The sweeper asks for versions.
  if pg_catalog.to_regclass('storage.idx_objects_version') is null then
    begin
      create index idx_objects_version on storage.objects (version);
      insert into nexus.core_objects (kind, name) values ('index', 'storage.idx_objects_version') on conflict do nothing;
    exception
      when insufficient_privilege then raise warning 'sweeping storage/v1 will be slow: %', sqlerrm;
    end;
  end if;
end
$$;
-- +goose StatementEnd

-- Nobody reads or writes anything without a policy. What is in pieces is the server's own business.
-- +goose StatementBegin
do $$
declare
  made text;
  api_role text;
begin
  for made in
    select o.name from nexus.core_objects o where o.kind = 'table' and o.name like 'storage.%'
  loop
    execute pg_catalog.format('alter table %s enable row level security', made);
    execute pg_catalog.format('grant select, insert, update, delete on %s to service_role', made);
    if made in ('storage.buckets', 'storage.objects') then
      execute pg_catalog.format('grant select, insert, update, delete on %s to anon, authenticated', made);
    end if;
  end loop;
  foreach api_role in array array['anon', 'authenticated', 'service_role'] loop
    continue when pg_catalog.to_regnamespace('storage') is null or pg_catalog.has_schema_privilege(api_role, 'storage', 'usage');
    begin
      execute pg_catalog.format('grant usage on schema storage to %I', api_role);
      insert into nexus.core_objects (kind, name, grantee, privilege) values ('on schema', 'storage', api_role, 'usage');
    exception
      when insufficient_privilege then raise warning '% cannot use the schema storage: %', api_role, sqlerrm;
    end;
  end loop;
end
$$;
-- +goose StatementEnd

-- The first group is for policies. The bodies are of the SQL standard's form, as those of schema auth.
-- +goose StatementBegin
do $$
declare
  wanted record;
begin
  for wanted in
    select *
    from (values
      ('storage.foldername(name text)', 'text[]', 'immutable', $body$
        (pg_catalog.string_to_array(name, '/'))[1 : pg_catalog.cardinality(pg_catalog.string_to_array(name, '/')) - 1]
      $body$, 'The folders of an object''s key, outermost first'),
      ('storage.filename(name text)', 'text', 'immutable', $body$
        (pg_catalog.string_to_array(name, '/'))[pg_catalog.cardinality(pg_catalog.string_to_array(name, '/'))]
      $body$, 'The last segment of an object''s key'),
      ('storage.extension(name text)', 'text', 'immutable', $body$
        pg_catalog.reverse(pg_catalog.split_part(pg_catalog.reverse(pg_catalog.reverse(pg_catalog.split_part(pg_catalog.reverse(name), '/', 1))), '.', 1))
      $body$, 'What follows the last dot of an object''s file name; the whole file name if it has none'),
      ('storage.operation()', 'text', 'stable', $body$
        pg_catalog.current_setting('storage.operation', true)
      $body$, 'What the request does, such as storage.object.upload'),
      ('storage.allow_only_operation(expected_operation text)', 'boolean', 'stable', $body$
        coalesce(
          pg_catalog.regexp_replace(expected_operation, '^storage\.', '')
            = pg_catalog.regexp_replace(nullif(pg_catalog.current_setting('storage.operation', true), ''), '^storage\.', ''),
          false
        )
      $body$, 'Whether the request does that; the prefix storage. may be left out'),
      ('storage.allow_any_operation(expected_operations text[])', 'boolean', 'stable', $body$
        exists (
          select
          from pg_catalog.unnest(expected_operations) as e (operation)
          where pg_catalog.regexp_replace(e.operation, '^storage\.', '')
            = pg_catalog.regexp_replace(nullif(pg_catalog.current_setting('storage.operation', true), ''), '^storage\.', '')
        )
      $body$, 'Whether the request does one of those')
    ) as f (signature, result, volatility, body, meaning)
  loop
    continue when pg_catalog.to_regnamespace('storage') is null
      or pg_catalog.to_regprocedure(pg_catalog.regexp_replace(wanted.signature, '\w+ (text)', '\1')) is not null
      or not pg_catalog.has_schema_privilege('storage', 'create');
    execute pg_catalog.format(
      'create function %s returns %s language sql %s parallel safe return %s', wanted.signature, wanted.result, wanted.volatility, wanted.body
    );
    execute pg_catalog.format('comment on function %s is %L', wanted.signature, wanted.meaning);
    insert into nexus.core_objects (kind, name)
    values ('function', pg_catalog.regexp_replace(wanted.signature, '\w+ (text)', '\1'));
  end loop;
end
$$;
-- +goose StatementEnd

-- A database without the schema keeps the functions for the day that it gets it.
set local check_function_bodies = off;

-- The second group is for the server. They run with the rights of who calls, so that policies decide what is listed.
-- list_entries goes from entry to entry in the order of bytes; of a folder it reads one object, however many there are.
-- +goose StatementBegin
create function nexus.storage_list_entries(
  in_bucket text, in_prefix text, in_delimiter text, in_after text, in_limit integer,
  out key text, out folder boolean, out id uuid, out updated_at timestamptz, out created_at timestamptz,
  out last_accessed_at timestamptz, out metadata jsonb
)
returns setof record
language plpgsql stable
set search_path = ''
as $$
declare
  last_char constant text := pg_catalog.chr(1114111);
  last_key text := coalesce(in_after, '');
  beyond text := in_prefix || last_char;
  found_object record;
  place integer;
begin
  if in_delimiter <> '' and pg_catalog.right(last_key, pg_catalog.length(in_delimiter)) = in_delimiter
    and pg_catalog.length(last_key) > pg_catalog.length(in_prefix) then
    last_key := last_key || last_char; -- the last entry was a folder
  end if;
  for taken in 1 .. in_limit loop
    select * into found_object
    from storage.objects o
    where o.bucket_id = in_bucket and o.name collate "C" > last_key collate "C" and o.name collate "C" >= in_prefix collate "C"
      and o.name collate "C" < beyond collate "C"
    order by o.name collate "C"
    limit 1;
    exit when not found;
    place := case when in_delimiter = '' then 0 else pg_catalog.strpos(pg_catalog.substr(found_object.name, pg_catalog.length(in_prefix) + 1), in_delimiter) end;
    folder := place > 0;
    if folder then
      key := pg_catalog.left(found_object.name, pg_catalog.length(in_prefix) + place + pg_catalog.length(in_delimiter) - 1);
      last_key := key || last_char;
      id := null; updated_at := null; created_at := null; last_accessed_at := null; metadata := null;
    else
      key := found_object.name;
      last_key := key;
      id := found_object.id; updated_at := found_object.updated_at; created_at := found_object.created_at;
      last_accessed_at := found_object.last_accessed_at; metadata := found_object.metadata;
    end if;
    return next;
  end loop;
end
$$;
-- +goose StatementEnd
comment on function nexus.storage_list_entries(text, text, text, text, integer) is
  'Lists keys with a prefix after one of them, and up to the delimiter instead of those that have one behind the prefix';

-- +goose StatementBegin
create function nexus.storage_search(
  in_bucket text, in_folder text, in_search text, in_column text, in_descending boolean, in_limit integer, in_offset integer,
  out name text, out id uuid, out updated_at timestamptz, out created_at timestamptz, out last_accessed_at timestamptz, out metadata jsonb
)
returns setof record
language sql stable
set search_path = ''
as $$
  with inside as (
    select o.*, pg_catalog.substr(o.name, pg_catalog.length(in_folder) + 1) as rest
    from storage.objects o
    where o.bucket_id = in_bucket and o.name collate "C" > in_folder collate "C"
      and o.name collate "C" < (in_folder || pg_catalog.chr(1114111)) collate "C"
  ), entries as (
    select i.rest as name, i.id, i.updated_at, i.created_at, i.last_accessed_at, i.metadata
    from inside i
    where pg_catalog.strpos(i.rest, '/') = 0
    union all
    select pg_catalog.split_part(i.rest, '/', 1), null, null, null, null, null
    from inside i
    where pg_catalog.strpos(i.rest, '/') > 0
    group by 1
  )
  select e.*
  from entries e
  where pg_catalog.left(pg_catalog.lower(e.name), pg_catalog.length(in_search)) = pg_catalog.lower(in_search)
  order by
    case when not in_descending then
      case in_column when 'updated_at' then e.updated_at when 'created_at' then e.created_at when 'last_accessed_at' then e.last_accessed_at end
    end nulls first,
    case when in_descending then
      case in_column when 'updated_at' then e.updated_at when 'created_at' then e.created_at when 'last_accessed_at' then e.last_accessed_at end
    end desc nulls last,
    case when not in_descending then e.name end collate "C",
    e.name collate "C" desc
  limit in_limit offset in_offset
$$;
-- +goose StatementEnd
comment on function nexus.storage_search(text, text, text, text, boolean, integer, integer) is
  'Lists the objects and folders of a folder whose names begin with a text, sorted by one of their columns';

-- +goose StatementBegin
create function nexus.storage_protect_delete() returns trigger
language plpgsql
set search_path = ''
as $$
begin
  if coalesce(pg_catalog.current_setting('storage.allow_delete_query', true), '') <> 'true' then
    raise insufficient_privilege using
      message = 'Direct deletion from storage tables is not allowed. Use the Storage API instead.',
      hint = 'A row that is deleted leaves its bytes behind; set storage.allow_delete_query to true to delete it all the same.';
  end if;
  return null;
end
$$;
-- +goose StatementEnd
comment on function nexus.storage_protect_delete() is 'Refuses deletions that do not come from storage/v1';

-- +goose StatementBegin
create function nexus.storage_touch() returns trigger
language plpgsql
set search_path = ''
as $$
begin
  new.updated_at := pg_catalog.now();
  return new;
end
$$;
-- +goose StatementEnd
comment on function nexus.storage_touch() is 'Notes when a row changed';

-- +goose StatementBegin
do $$
declare
  wanted record;
begin
  for wanted in
    select *
    from (values
      ('protect_buckets_delete', 'buckets', 'before delete', 'for each statement', 'nexus.storage_protect_delete'),
      ('protect_objects_delete', 'objects', 'before delete', 'for each statement', 'nexus.storage_protect_delete'),
      ('update_objects_updated_at', 'objects', 'before update', 'for each row', 'nexus.storage_touch')
    ) as t (name, relation, event, level, function)
  loop
    continue when pg_catalog.to_regclass('storage.' || wanted.relation) is null or exists (
      select from pg_catalog.pg_trigger g
      where g.tgrelid = pg_catalog.to_regclass('storage.' || wanted.relation) and g.tgname = wanted.name
    );
    begin
      execute pg_catalog.format('create trigger %I %s on storage.%I %s execute function %s()',
        wanted.name, wanted.event, wanted.relation, wanted.level, wanted.function);
      insert into nexus.core_objects (kind, name) values ('trigger', 'storage.' || wanted.relation || '.' || wanted.name);
    exception
      when insufficient_privilege then raise warning 'the trigger % is missing: %', wanted.name, sqlerrm;
    end;
  end loop;
end
$$;
-- +goose StatementEnd

revoke execute on function
  nexus.storage_list_entries(text, text, text, text, integer),
  nexus.storage_search(text, text, text, text, boolean, integer, integer),
  nexus.storage_protect_delete(), nexus.storage_touch()
from public;
grant execute on function
  nexus.storage_list_entries(text, text, text, text, integer),
  nexus.storage_search(text, text, text, text, boolean, integer, integer)
to anon, authenticated, service_role;

drop function nexus.begin_table(text);

-- +goose Down

-- Tables that others depend on stay, and so do functions that policies use, and the schema with them.
-- +goose StatementBegin
do $$
declare
  made record;
begin
  for made in
    select o.name, pg_catalog.split_part(o.name, '.', 2) as relation, pg_catalog.split_part(o.name, '.', 3) as trigger_name
    from nexus.core_objects o where o.kind = 'trigger' and o.name like 'storage.%'
  loop
    if pg_catalog.to_regclass('storage.' || made.relation) is not null then
      execute pg_catalog.format('drop trigger if exists %I on storage.%I', made.trigger_name, made.relation);
    end if;
    delete from nexus.core_objects where kind = 'trigger' and name = made.name;
  end loop;
  for made in select o.name from nexus.core_objects o where o.kind = 'index' and o.name like 'storage.%' loop
    execute pg_catalog.format('drop index if exists %s', made.name);
    delete from nexus.core_objects where kind = 'index' and name = made.name;
  end loop;
  for made in
    select o.name, pg_catalog.split_part(o.name, '.', 2) as relation, pg_catalog.split_part(o.name, '.', 3) as column_name
    from nexus.core_objects o where o.kind = 'column' and o.name like 'storage.%'
  loop
    begin
      execute pg_catalog.format('alter table if exists storage.%I drop column if exists %I', made.relation, made.column_name);
      delete from nexus.core_objects where kind = 'column' and name = made.name;
    exception
      when dependent_objects_still_exist then raise notice 'column % stays: %', made.name, sqlerrm;
    end;
  end loop;
  for made in
    select o.name
    from nexus.core_objects o
    left join unnest(array[
      'storage.tus_parts', 'storage.tus_uploads', 'storage.s3_multipart_uploads_parts', 'storage.s3_multipart_uploads',
      'storage.objects', 'storage.buckets'
    ]) with ordinality as t (name, place) using (name)
    where o.kind = 'table' and o.name like 'storage.%'
    order by t.place
  loop
    begin
      execute pg_catalog.format('drop table if exists %s', made.name);
      delete from nexus.core_objects where kind = 'table' and name = made.name;
    exception
      when dependent_objects_still_exist then raise notice 'table % stays: %', made.name, sqlerrm;
    end;
  end loop;
  for made in select o.name from nexus.core_objects o where o.kind = 'function' and o.name like 'storage.%' loop
    begin
      execute pg_catalog.format('drop function if exists %s', made.name);
      delete from nexus.core_objects where kind = 'function' and name = made.name;
    exception
      when dependent_objects_still_exist then raise notice 'function % stays: %', made.name, sqlerrm;
    end;
  end loop;
  if exists (select from nexus.core_objects o where o.kind in ('function', 'table') and o.name like 'storage.%') then
    return;
  end if;
  for made in select o.grantee from nexus.core_objects o where o.kind = 'on schema' and o.name = 'storage' loop
    if pg_catalog.to_regnamespace('storage') is not null
      and pg_catalog.to_regrole(pg_catalog.quote_ident(made.grantee)) is not null then
      execute pg_catalog.format('revoke usage on schema storage from %I', made.grantee);
    end if;
    delete from nexus.core_objects where kind = 'on schema' and name = 'storage' and grantee = made.grantee;
  end loop;
  if exists (select from nexus.core_objects where kind = 'schema' and name = 'storage') then
    drop schema if exists storage restrict;
    delete from nexus.core_objects where kind = 'schema' and name = 'storage';
  end if;
exception
  when dependent_objects_still_exist then raise notice 'schema storage stays: %', sqlerrm;
end
$$;
-- +goose StatementEnd

drop function if exists nexus.storage_protect_delete(), nexus.storage_touch(),
  nexus.storage_list_entries(text, text, text, text, integer),
  nexus.storage_search(text, text, text, text, boolean, integer, integer);
