-- The tables of auth/v1. Names, types, constraints and indexes are those of GoTrue's, so that triggers, foreign keys and
-- policies of Supabase's applications fit, and the data of its dumps. Those of a dump that are here already stay; they get what
-- newer versions of GoTrue added and we need.

-- +goose Up

-- auth/v1 logs in as this role, with a password that the server sets. It owns the tables: row level security, which keeps
-- everybody else out, does not apply to owners.
-- +goose StatementBegin
do $$
begin
  if exists (select from pg_catalog.pg_roles where rolname = 'supabase_auth_admin') then
    return;
  end if;
  create role supabase_auth_admin with login noinherit;
  comment on role supabase_auth_admin is 'The server logs in as this role to keep users and their sessions; it owns the tables of schema auth';
  insert into nexus.core_objects (kind, name) values ('role', 'supabase_auth_admin') on conflict do nothing;
exception
  -- Roles belong to all databases of a cluster, and another one may be migrating right now.
  when duplicate_object or unique_violation then null;
end
$$;
-- +goose StatementEnd

comment on column nexus.core_objects.kind is
  'What was added: role, membership, login, schema, function, event trigger, type, table, column, nullable column, policy, or the kind of object a grant is on';

-- Says whether the tables can be made here, or are here already. In a database that Supabase hosts we may not create them, and
-- an auth.users of one's own making may be something else altogether. The rest of the server works without them.
-- +goose StatementBegin
create function nexus.auth_tables_fit() returns boolean
language sql stable
set search_path = ''
as $$
  select not exists (
    select
    from unnest(array[
      'auth.users', 'auth.sessions', 'auth.oauth_clients', 'auth.mfa_factors', 'auth.flow_state', 'auth.sso_providers'
    ]) as t (name)
    where pg_catalog.to_regclass(t.name) is not null and not exists (
      select
      from pg_catalog.pg_attribute a
      join pg_catalog.pg_index i on i.indrelid = a.attrelid and i.indnkeyatts = 1 and i.indkey[0] = a.attnum
      where a.attrelid = pg_catalog.to_regclass(t.name) and a.attname = 'id' and a.atttypid = 'uuid'::pg_catalog.regtype
        and i.indisunique and i.indimmediate and i.indpred is null
    )
  )
$$;
-- +goose StatementEnd

-- Says whether to make a table, and notes that it is ours.
-- +goose StatementBegin
create function nexus.begin_table(wanted text) returns boolean
language plpgsql
set search_path = ''
as $$
begin
  if pg_catalog.to_regclass(wanted) is not null or not pg_catalog.has_schema_privilege('auth', 'create')
    or not nexus.auth_tables_fit() then
    return false;
  end if;
  insert into nexus.core_objects (kind, name) values ('table', wanted) on conflict do nothing;
  return true;
end
$$;
-- +goose StatementEnd

-- +goose StatementBegin
do $$
declare
  wanted record;
begin
  if not pg_catalog.has_schema_privilege('auth', 'create') or not nexus.auth_tables_fit() then
    return;
  end if;
  for wanted in
    select *
    from (values
      ('auth.aal_level', array['aal1', 'aal2', 'aal3'],
        'How surely a session''s user is who they say: by one factor, by two, or by two of which one is hardware'),
      ('auth.code_challenge_method', array['s256', 'plain'], 'How a PKCE challenge was made of its verifier (RFC 7636)'),
      ('auth.factor_status', array['unverified', 'verified'], 'Whether a second factor has been used once and so counts'),
      ('auth.factor_type', array['totp', 'webauthn', 'phone'], 'What a second factor is'),
      ('auth.one_time_token_type', array[
        'confirmation_token', 'reauthentication_token', 'recovery_token', 'email_change_token_new', 'email_change_token_current',
        'phone_change_token'
      ], 'What a one-time token is good for'),
      ('auth.oauth_registration_type', array['dynamic', 'manual'],
        'Whether an OAuth client registered itself (RFC 7591) or was entered'),
      ('auth.oauth_client_type', array['public', 'confidential'], 'Whether an OAuth client can keep a secret (RFC 6749)'),
      ('auth.oauth_authorization_status', array['pending', 'approved', 'denied', 'expired'],
        'What became of an OAuth client''s request for access'),
      ('auth.oauth_response_type', array['code'], 'What an OAuth client asks for at the authorization endpoint')
    ) as t (name, labels, meaning)
  loop
    continue when pg_catalog.to_regtype(wanted.name) is not null;
    execute pg_catalog.format(
      'create type %s as enum (%s)', wanted.name,
      (select pg_catalog.string_agg(pg_catalog.quote_literal(l.label), ', ' order by l.place)
       from unnest(wanted.labels) with ordinality as l (label, place))
    );
    execute pg_catalog.format('comment on type %s is %L', wanted.name, wanted.meaning);
    insert into nexus.core_objects (kind, name) values ('type', wanted.name) on conflict do nothing;
  end loop;
end
$$;
-- +goose StatementEnd

-- +goose StatementBegin
do $$
begin
  if not nexus.begin_table('auth.users') then
    return;
  end if;
  create table auth.users (
    instance_id uuid,
    id uuid not null,
    aud varchar(255),
    role varchar(255),
    email varchar(255),
    encrypted_password varchar(255),
    email_confirmed_at timestamptz,
    invited_at timestamptz,
    confirmation_token varchar(255),
    confirmation_sent_at timestamptz,
    recovery_token varchar(255),
    recovery_sent_at timestamptz,
    email_change_token_new varchar(255),
    email_change varchar(255),
    email_change_sent_at timestamptz,
    last_sign_in_at timestamptz,
    raw_app_meta_data jsonb,
    raw_user_meta_data jsonb,
    is_super_admin boolean,
    created_at timestamptz,
    updated_at timestamptz,
    phone text,
    phone_confirmed_at timestamptz,
    phone_change text default '',
    phone_change_token varchar(255) default '',
    phone_change_sent_at timestamptz,
    confirmed_at timestamptz generated always as (least(email_confirmed_at, phone_confirmed_at)) stored,
    email_change_token_current varchar(255) default '',
    email_change_confirm_status smallint default 0,
    banned_until timestamptz,
    reauthentication_token varchar(255) default '',
    reauthentication_sent_at timestamptz,
    is_sso_user boolean not null default false,
    deleted_at timestamptz,
    is_anonymous boolean not null default false,
    constraint users_pkey primary key (id),
    constraint users_phone_key unique (phone),
    constraint users_email_change_confirm_status_check check (email_change_confirm_status between 0 and 2)
  );
  create unique index users_email_partial_key on auth.users (email) where is_sso_user = false;
  create index users_instance_id_email_idx on auth.users (instance_id, lower(email));
  create index users_instance_id_idx on auth.users (instance_id);
  create index users_is_anonymous_idx on auth.users (is_anonymous);
  create unique index confirmation_token_idx on auth.users (confirmation_token) where confirmation_token !~ '^[0-9 ]*$';
  create unique index recovery_token_idx on auth.users (recovery_token) where recovery_token !~ '^[0-9 ]*$';
  create unique index email_change_token_current_idx on auth.users (email_change_token_current)
    where email_change_token_current !~ '^[0-9 ]*$';
  create unique index email_change_token_new_idx on auth.users (email_change_token_new)
    where email_change_token_new !~ '^[0-9 ]*$';
  create unique index reauthentication_token_idx on auth.users (reauthentication_token)
    where reauthentication_token !~ '^[0-9 ]*$';
  comment on table auth.users is 'One row per user';
  comment on column auth.users.instance_id is 'Always zero; GoTrue once served several sites of one database';
  comment on column auth.users.id is 'The user: the token''s sub claim, and what auth.uid() returns';
  comment on column auth.users.aud is 'The audience that the user''s tokens are for';
  comment on column auth.users.role is 'The role that the user''s requests run as';
  comment on column auth.users.email is 'The user''s address in lower case';
  comment on column auth.users.encrypted_password is 'The hash of the password, null or empty without one';
  comment on column auth.users.email_confirmed_at is 'When the user proved to own the address, null before';
  comment on column auth.users.invited_at is 'When an administrator invited the user';
  comment on column auth.users.confirmation_token is 'The hash of the token that confirms the address, empty without one';
  comment on column auth.users.confirmation_sent_at is 'When that token was sent';
  comment on column auth.users.recovery_token is 'The hash of the token of a magic link or a password recovery, empty without one';
  comment on column auth.users.recovery_sent_at is 'When that token was sent';
  comment on column auth.users.email_change_token_new is 'The hash of the token sent to the address that is to replace the old one';
  comment on column auth.users.email_change is 'The address that is to replace the old one once it is confirmed';
  comment on column auth.users.email_change_sent_at is 'When the tokens of the change of address were sent';
  comment on column auth.users.last_sign_in_at is 'When the user last logged in';
  comment on column auth.users.raw_app_meta_data is 'What the server knows of the user, in each token; only administrators change it';
  comment on column auth.users.raw_user_meta_data is 'What the user says of themself, in each token; policies must not rely on it';
  comment on column auth.users.is_super_admin is 'Kept for dumps; means nothing';
  comment on column auth.users.created_at is 'When the user signed up';
  comment on column auth.users.updated_at is 'When the row last changed';
  comment on column auth.users.phone is 'The user''s number in E.164 form without the plus sign';
  comment on column auth.users.phone_confirmed_at is 'When the user proved to own the number, null before';
  comment on column auth.users.phone_change is 'The number that is to replace the old one once it is confirmed';
  comment on column auth.users.phone_change_token is 'The hash of the token sent to that number';
  comment on column auth.users.phone_change_sent_at is 'When that token was sent';
  comment on column auth.users.confirmed_at is 'When the user first proved to own an address or a number';
  comment on column auth.users.email_change_token_current is 'The hash of the token sent to the address that is to be replaced';
  comment on column auth.users.email_change_confirm_status is 'How many of the two addresses have agreed to the change';
  comment on column auth.users.banned_until is 'Until when the user may not log in';
  comment on column auth.users.reauthentication_token is 'The hash of the nonce that a change of password asks for';
  comment on column auth.users.reauthentication_sent_at is 'When that nonce was sent';
  comment on column auth.users.is_sso_user is 'Whether the user comes from single sign-on; such users may share an address';
  comment on column auth.users.deleted_at is 'When the user was deleted but the row kept';
  comment on column auth.users.is_anonymous is 'Whether the user has neither address, number nor provider';
end
$$;
-- +goose StatementEnd

-- +goose StatementBegin
do $$
begin
  if not nexus.begin_table('auth.identities') then
    return;
  end if;
  create table auth.identities (
    provider_id text not null,
    user_id uuid not null,
    identity_data jsonb not null,
    provider text not null,
    last_sign_in_at timestamptz,
    created_at timestamptz,
    updated_at timestamptz,
    email text generated always as (lower(identity_data ->> 'email')) stored,
    id uuid not null default pg_catalog.gen_random_uuid(),
    constraint identities_pkey primary key (id),
    constraint identities_provider_id_provider_unique unique (provider_id, provider),
    constraint identities_user_id_fkey foreign key (user_id) references auth.users (id) on delete cascade
  );
  create index identities_user_id_idx on auth.identities (user_id);
  create index identities_email_idx on auth.identities (email text_pattern_ops);
  comment on table auth.identities is 'The ways in which users log in: one row per user and provider''s account';
  comment on column auth.identities.provider_id is 'The provider''s own id of the user; for email and phone the user''s id';
  comment on column auth.identities.user_id is 'Whose way to log in it is';
  comment on column auth.identities.identity_data is 'What the provider said of the user';
  comment on column auth.identities.provider is 'The provider: email, phone, the name of an OAuth provider, or sso: and the id of one';
  comment on column auth.identities.last_sign_in_at is 'When the user last logged in this way';
  comment on column auth.identities.created_at is 'When the user first logged in this way';
  comment on column auth.identities.updated_at is 'When the row last changed';
  comment on column auth.identities.email is 'The address that the provider gave, in lower case';
  comment on column auth.identities.id is 'The identity, to unlink it by';
end
$$;
-- +goose StatementEnd

-- +goose StatementBegin
do $$
begin
  if not nexus.begin_table('auth.instances') then
    return;
  end if;
  create table auth.instances (
    id uuid not null,
    uuid uuid,
    raw_base_config text,
    created_at timestamptz,
    updated_at timestamptz,
    constraint instances_pkey primary key (id)
  );
  comment on table auth.instances is 'Kept for dumps: the sites of a GoTrue that served several';
  comment on column auth.instances.id is 'The site';
  comment on column auth.instances.uuid is 'Its id elsewhere';
  comment on column auth.instances.raw_base_config is 'Its settings';
  comment on column auth.instances.created_at is 'When it was added';
  comment on column auth.instances.updated_at is 'When the row last changed';
end
$$;
-- +goose StatementEnd

-- +goose StatementBegin
do $$
begin
  if not nexus.begin_table('auth.schema_migrations') then
    return;
  end if;
  create table auth.schema_migrations (
    version varchar(255) not null,
    constraint schema_migrations_pkey primary key (version)
  );
  comment on table auth.schema_migrations is 'Kept for dumps: the migrations that GoTrue has run';
  comment on column auth.schema_migrations.version is 'The migration''s number';
end
$$;
-- +goose StatementEnd

-- +goose StatementBegin
do $$
begin
  if not nexus.begin_table('auth.oauth_clients') then
    return;
  end if;
  create table auth.oauth_clients (
    id uuid not null,
    client_secret_hash text,
    registration_type auth.oauth_registration_type not null,
    redirect_uris text not null,
    grant_types text not null,
    client_name text,
    client_uri text,
    logo_uri text,
    created_at timestamptz not null default pg_catalog.now(),
    updated_at timestamptz not null default pg_catalog.now(),
    deleted_at timestamptz,
    client_type auth.oauth_client_type not null default 'confidential',
    token_endpoint_auth_method text not null,
    constraint oauth_clients_pkey primary key (id),
    constraint oauth_clients_client_name_length check (char_length(client_name) <= 1024),
    constraint oauth_clients_client_uri_length check (char_length(client_uri) <= 2048),
    constraint oauth_clients_logo_uri_length check (char_length(logo_uri) <= 2048),
    constraint oauth_clients_token_endpoint_auth_method_check
      check (token_endpoint_auth_method in ('client_secret_basic', 'client_secret_post', 'none'))
  );
  create index oauth_clients_deleted_at_idx on auth.oauth_clients (deleted_at);
  comment on table auth.oauth_clients is 'The applications that may log users in through this server';
  comment on column auth.oauth_clients.id is 'The client_id that the application shows';
  comment on column auth.oauth_clients.client_secret_hash is 'The hash of the client''s secret, null for a public client';
  comment on column auth.oauth_clients.registration_type is 'How the client came to be here';
  comment on column auth.oauth_clients.redirect_uris is 'Where the client may have users sent back to, separated by commas';
  comment on column auth.oauth_clients.grant_types is 'The grants that the client may use, separated by commas';
  comment on column auth.oauth_clients.client_name is 'The name that users are shown';
  comment on column auth.oauth_clients.client_uri is 'The client''s home page';
  comment on column auth.oauth_clients.logo_uri is 'The client''s picture';
  comment on column auth.oauth_clients.created_at is 'When the client was registered';
  comment on column auth.oauth_clients.updated_at is 'When the row last changed';
  comment on column auth.oauth_clients.deleted_at is 'When the client was deleted but the row kept';
  comment on column auth.oauth_clients.client_type is 'Whether the client can keep a secret';
  comment on column auth.oauth_clients.token_endpoint_auth_method is 'How the client proves who it is at the token endpoint';
end
$$;
-- +goose StatementEnd

-- +goose StatementBegin
do $$
begin
  if not nexus.begin_table('auth.sessions') then
    return;
  end if;
  create table auth.sessions (
    id uuid not null,
    user_id uuid not null,
    created_at timestamptz,
    updated_at timestamptz,
    factor_id uuid,
    aal auth.aal_level,
    not_after timestamptz,
    refreshed_at timestamp,
    user_agent text,
    ip inet,
    tag text,
    oauth_client_id uuid,
    refresh_token_hmac_key text,
    refresh_token_counter bigint,
    scopes text,
    constraint sessions_pkey primary key (id),
    constraint sessions_user_id_fkey foreign key (user_id) references auth.users (id) on delete cascade,
    constraint sessions_oauth_client_id_fkey foreign key (oauth_client_id)
      references auth.oauth_clients (id) on delete cascade,
    constraint sessions_scopes_length check (char_length(scopes) <= 4096)
  );
  create index sessions_user_id_idx on auth.sessions (user_id);
  create index user_id_created_at_idx on auth.sessions (user_id, created_at);
  create index sessions_not_after_idx on auth.sessions (not_after desc);
  create index sessions_oauth_client_id_idx on auth.sessions (oauth_client_id);
  create index sessions_factor_id_idx on auth.sessions (factor_id);
  comment on table auth.sessions is 'One row per login on one device';
  comment on column auth.sessions.id is 'The session: the token''s session_id claim';
  comment on column auth.sessions.user_id is 'Who has logged in';
  comment on column auth.sessions.created_at is 'When the user logged in';
  comment on column auth.sessions.updated_at is 'When the row last changed';
  comment on column auth.sessions.factor_id is 'The second factor that the session was last verified with';
  comment on column auth.sessions.aal is 'How surely the user is who they say: the token''s aal claim';
  comment on column auth.sessions.not_after is 'When the session ends, null if it does not by itself';
  comment on column auth.sessions.refreshed_at is 'When the session last got a new token, in UTC';
  comment on column auth.sessions.user_agent is 'The program that last used the session';
  comment on column auth.sessions.ip is 'The address that last used the session';
  comment on column auth.sessions.tag is 'A word of the client''s: only one session per user and tag may live';
  comment on column auth.sessions.oauth_client_id is 'The application that the user logged in to through this server';
  comment on column auth.sessions.refresh_token_hmac_key is 'The key that the session''s refresh tokens are signed with';
  comment on column auth.sessions.refresh_token_counter is 'The number of the last refresh token given out';
  comment on column auth.sessions.scopes is 'What that application may do, separated by spaces';
end
$$;
-- +goose StatementEnd

-- +goose StatementBegin
do $$
begin
  if not nexus.begin_table('auth.refresh_tokens') then
    return;
  end if;
  create table auth.refresh_tokens (
    instance_id uuid,
    id bigserial not null,
    token varchar(255),
    user_id varchar(255),
    revoked boolean,
    created_at timestamptz,
    updated_at timestamptz,
    parent varchar(255),
    session_id uuid,
    constraint refresh_tokens_pkey primary key (id),
    constraint refresh_tokens_token_unique unique (token),
    constraint refresh_tokens_session_id_fkey foreign key (session_id) references auth.sessions (id) on delete cascade
  );
  create index refresh_tokens_instance_id_idx on auth.refresh_tokens (instance_id);
  create index refresh_tokens_instance_id_user_id_idx on auth.refresh_tokens (instance_id, user_id);
  create index refresh_tokens_parent_idx on auth.refresh_tokens (parent);
  create index refresh_tokens_session_id_revoked_idx on auth.refresh_tokens (session_id, revoked);
  create index refresh_tokens_updated_at_idx on auth.refresh_tokens (updated_at desc);
  comment on table auth.refresh_tokens is 'Refresh tokens that are stored rather than signed, as dumps of GoTrue bring them';
  comment on column auth.refresh_tokens.instance_id is 'Always zero; GoTrue once served several sites of one database';
  comment on column auth.refresh_tokens.id is 'The order in which tokens were made';
  comment on column auth.refresh_tokens.token is 'The token itself';
  comment on column auth.refresh_tokens.user_id is 'Whose token it is';
  comment on column auth.refresh_tokens.revoked is 'Whether the token has been used or taken back';
  comment on column auth.refresh_tokens.created_at is 'When the token was made';
  comment on column auth.refresh_tokens.updated_at is 'When the row last changed; for a revoked token when that happened';
  comment on column auth.refresh_tokens.parent is 'The token that this one was given out for, null for a session''s first';
  comment on column auth.refresh_tokens.session_id is 'The session that the token prolongs';
end
$$;
-- +goose StatementEnd

-- +goose StatementBegin
do $$
begin
  if not nexus.begin_table('auth.mfa_factors') then
    return;
  end if;
  create table auth.mfa_factors (
    id uuid not null,
    user_id uuid not null,
    friendly_name text,
    factor_type auth.factor_type not null,
    status auth.factor_status not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    secret text,
    phone text,
    last_challenged_at timestamptz,
    web_authn_credential jsonb,
    web_authn_aaguid uuid,
    last_webauthn_challenge_data jsonb,
    constraint mfa_factors_pkey primary key (id),
    constraint mfa_factors_last_challenged_at_key unique (last_challenged_at),
    constraint mfa_factors_user_id_fkey foreign key (user_id) references auth.users (id) on delete cascade
  );
  create index mfa_factors_user_id_idx on auth.mfa_factors (user_id);
  create index factor_id_created_at_idx on auth.mfa_factors (user_id, created_at);
  create unique index mfa_factors_user_friendly_name_unique on auth.mfa_factors (friendly_name, user_id)
    where trim(friendly_name) <> '';
  create unique index unique_phone_factor_per_user on auth.mfa_factors (user_id, phone);
  comment on table auth.mfa_factors is 'The second factors of users';
  comment on column auth.mfa_factors.id is 'The factor';
  comment on column auth.mfa_factors.user_id is 'Whose factor it is';
  comment on column auth.mfa_factors.friendly_name is 'What the user calls it';
  comment on column auth.mfa_factors.factor_type is 'What it is';
  comment on column auth.mfa_factors.status is 'Whether it has been used once and so counts';
  comment on column auth.mfa_factors.created_at is 'When the user began to add it';
  comment on column auth.mfa_factors.updated_at is 'When the row last changed';
  comment on column auth.mfa_factors.secret is 'The secret that codes are made of (RFC 6238)';
  comment on column auth.mfa_factors.phone is 'The number that codes are sent to';
  comment on column auth.mfa_factors.last_challenged_at is 'When a code was last asked for; unique, so that two challenges cannot race';
  comment on column auth.mfa_factors.web_authn_credential is 'The public key and what belongs to it (WebAuthn)';
  comment on column auth.mfa_factors.web_authn_aaguid is 'The model of the key (WebAuthn)';
  comment on column auth.mfa_factors.last_webauthn_challenge_data is 'The last challenge and its answer (WebAuthn)';
end
$$;
-- +goose StatementEnd

-- +goose StatementBegin
do $$
begin
  if not nexus.begin_table('auth.mfa_challenges') then
    return;
  end if;
  create table auth.mfa_challenges (
    id uuid not null,
    factor_id uuid not null,
    created_at timestamptz not null,
    verified_at timestamptz,
    ip_address inet not null,
    otp_code text,
    web_authn_session_data jsonb,
    constraint mfa_challenges_pkey primary key (id),
    constraint mfa_challenges_auth_factor_id_fkey foreign key (factor_id) references auth.mfa_factors (id) on delete cascade
  );
  create index mfa_challenge_created_at_idx on auth.mfa_challenges (created_at desc);
  create index mfa_challenges_factor_id_idx on auth.mfa_challenges (factor_id);
  comment on table auth.mfa_challenges is 'Questions to prove the possession of a second factor';
  comment on column auth.mfa_challenges.id is 'The challenge, to answer it by';
  comment on column auth.mfa_challenges.factor_id is 'The factor that is to be proved';
  comment on column auth.mfa_challenges.created_at is 'When it was asked';
  comment on column auth.mfa_challenges.verified_at is 'When it was answered rightly, null before';
  comment on column auth.mfa_challenges.ip_address is 'The address that asked for it and must answer';
  comment on column auth.mfa_challenges.otp_code is 'What keeps a code from counting twice: that of an SMS, or the time step of an authenticator';
  comment on column auth.mfa_challenges.web_authn_session_data is 'What the answer is checked against (WebAuthn)';
end
$$;
-- +goose StatementEnd

-- +goose StatementBegin
do $$
begin
  if not nexus.begin_table('auth.mfa_amr_claims') then
    return;
  end if;
  create table auth.mfa_amr_claims (
    session_id uuid not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    authentication_method text not null,
    id uuid not null,
    constraint amr_id_pk primary key (id),
    constraint mfa_amr_claims_session_id_authentication_method_pkey unique (session_id, authentication_method),
    constraint mfa_amr_claims_session_id_fkey foreign key (session_id) references auth.sessions (id) on delete cascade
  );
  comment on table auth.mfa_amr_claims is 'The ways in which a session was authenticated: the token''s amr claim (RFC 8176)';
  comment on column auth.mfa_amr_claims.session_id is 'The session';
  comment on column auth.mfa_amr_claims.created_at is 'When it was first authenticated this way';
  comment on column auth.mfa_amr_claims.updated_at is 'When it was last authenticated this way';
  comment on column auth.mfa_amr_claims.authentication_method is 'The way: password, otp, totp, oauth and so on';
  comment on column auth.mfa_amr_claims.id is 'The row';
end
$$;
-- +goose StatementEnd

-- +goose StatementBegin
do $$
begin
  if not nexus.begin_table('auth.one_time_tokens') then
    return;
  end if;
  create table auth.one_time_tokens (
    id uuid not null,
    user_id uuid not null,
    token_type auth.one_time_token_type not null,
    token_hash text not null,
    relates_to text not null,
    created_at timestamp not null default pg_catalog.now(),
    updated_at timestamp not null default pg_catalog.now(),
    constraint one_time_tokens_pkey primary key (id),
    constraint one_time_tokens_user_id_fkey foreign key (user_id) references auth.users (id) on delete cascade,
    constraint one_time_tokens_token_hash_check check (char_length(token_hash) > 0)
  );
  create unique index one_time_tokens_user_id_token_type_key on auth.one_time_tokens (user_id, token_type);
  create index one_time_tokens_token_hash_hash_idx on auth.one_time_tokens using hash (token_hash);
  create index one_time_tokens_relates_to_hash_idx on auth.one_time_tokens using hash (relates_to);
  comment on table auth.one_time_tokens is 'The one-time tokens that are on their way, at most one per user and kind';
  comment on column auth.one_time_tokens.id is 'The row';
  comment on column auth.one_time_tokens.user_id is 'Who may use it';
  comment on column auth.one_time_tokens.token_type is 'What it is good for';
  comment on column auth.one_time_tokens.token_hash is 'Its hash, with the prefix pkce_ in a flow with PKCE';
  comment on column auth.one_time_tokens.relates_to is 'The address or number that it was sent to';
  comment on column auth.one_time_tokens.created_at is 'When it was made, in UTC';
  comment on column auth.one_time_tokens.updated_at is 'When the row last changed, in UTC';
end
$$;
-- +goose StatementEnd

-- +goose StatementBegin
do $$
begin
  if not nexus.begin_table('auth.flow_state') then
    return;
  end if;
  create table auth.flow_state (
    id uuid not null,
    user_id uuid,
    auth_code text,
    code_challenge_method auth.code_challenge_method,
    code_challenge text,
    provider_type text not null,
    provider_access_token text,
    provider_refresh_token text,
    created_at timestamptz,
    updated_at timestamptz,
    authentication_method text not null,
    auth_code_issued_at timestamptz,
    invite_token text,
    referrer text,
    oauth_client_state_id uuid,
    linking_target_id uuid,
    email_optional boolean not null default false,
    constraint flow_state_pkey primary key (id)
  );
  create index idx_auth_code on auth.flow_state (auth_code);
  create index idx_user_id_auth_method on auth.flow_state (user_id, authentication_method);
  create index flow_state_created_at_idx on auth.flow_state (created_at desc);
  comment on table auth.flow_state is 'Logins that have begun: with PKCE (RFC 7636) or at a provider';
  comment on column auth.flow_state.id is 'The flow, the state parameter at a provider';
  comment on column auth.flow_state.user_id is 'Who has logged in, null until that is known';
  comment on column auth.flow_state.auth_code is 'The code that the client exchanges for a session';
  comment on column auth.flow_state.code_challenge_method is 'How the challenge was made, null without PKCE';
  comment on column auth.flow_state.code_challenge is 'The challenge that the client''s verifier must fit, null without PKCE';
  comment on column auth.flow_state.provider_type is 'The provider that the user logs in at';
  comment on column auth.flow_state.provider_access_token is 'The provider''s access token, for the client';
  comment on column auth.flow_state.provider_refresh_token is 'The provider''s refresh token, for the client';
  comment on column auth.flow_state.created_at is 'When the login began';
  comment on column auth.flow_state.updated_at is 'When the row last changed';
  comment on column auth.flow_state.authentication_method is 'The way to log in: magiclink, oauth and so on';
  comment on column auth.flow_state.auth_code_issued_at is 'When the code was given out; it does not live long';
  comment on column auth.flow_state.invite_token is 'The token of the invitation that the login accepts';
  comment on column auth.flow_state.referrer is 'Where the user goes in the end';
  comment on column auth.flow_state.oauth_client_state_id is 'The row of oauth_client_states that belongs to the login';
  comment on column auth.flow_state.linking_target_id is 'The user whom the login is to be linked to';
  comment on column auth.flow_state.email_optional is 'Whether the provider need not give an address';
end
$$;
-- +goose StatementEnd

-- +goose StatementBegin
do $$
begin
  if not nexus.begin_table('auth.audit_log_entries') then
    return;
  end if;
  create table auth.audit_log_entries (
    instance_id uuid,
    id uuid not null,
    payload json,
    created_at timestamptz,
    ip_address varchar(64) not null default '',
    constraint audit_log_entries_pkey primary key (id)
  );
  create index audit_logs_instance_id_idx on auth.audit_log_entries (instance_id);
  create index audit_log_entries_created_at_idx on auth.audit_log_entries (created_at desc);
  comment on table auth.audit_log_entries is 'What users and administrators did';
  comment on column auth.audit_log_entries.instance_id is 'Always zero; GoTrue once served several sites of one database';
  comment on column auth.audit_log_entries.id is 'The entry';
  comment on column auth.audit_log_entries.payload is 'Who did what: action, actor_id, actor_username, log_type and traits';
  comment on column auth.audit_log_entries.created_at is 'When it happened';
  comment on column auth.audit_log_entries.ip_address is 'The address that the request came from';
end
$$;
-- +goose StatementEnd

-- +goose StatementBegin
do $$
begin
  if not nexus.begin_table('auth.oauth_authorizations') then
    return;
  end if;
  create table auth.oauth_authorizations (
    id uuid not null,
    authorization_id text not null,
    client_id uuid not null,
    user_id uuid,
    redirect_uri text not null,
    scope text not null,
    state text,
    resource text,
    code_challenge text,
    code_challenge_method auth.code_challenge_method,
    response_type auth.oauth_response_type not null default 'code',
    status auth.oauth_authorization_status not null default 'pending',
    authorization_code text,
    created_at timestamptz not null default pg_catalog.now(),
    expires_at timestamptz not null default pg_catalog.now() + interval '3 minutes',
    approved_at timestamptz,
    nonce text,
    constraint oauth_authorizations_pkey primary key (id),
    constraint oauth_authorizations_authorization_id_key unique (authorization_id),
    constraint oauth_authorizations_authorization_code_key unique (authorization_code),
    constraint oauth_authorizations_client_id_fkey foreign key (client_id)
      references auth.oauth_clients (id) on delete cascade,
    constraint oauth_authorizations_user_id_fkey foreign key (user_id) references auth.users (id) on delete cascade,
    constraint oauth_authorizations_redirect_uri_length check (char_length(redirect_uri) <= 2048),
    constraint oauth_authorizations_scope_length check (char_length(scope) <= 4096),
    constraint oauth_authorizations_state_length check (char_length(state) <= 4096),
    constraint oauth_authorizations_resource_length check (char_length(resource) <= 2048),
    constraint oauth_authorizations_code_challenge_length check (char_length(code_challenge) <= 128),
    constraint oauth_authorizations_authorization_code_length check (char_length(authorization_code) <= 255),
    constraint oauth_authorizations_nonce_length check (char_length(nonce) <= 255),
    constraint oauth_authorizations_expires_at_future check (expires_at > created_at)
  );
  create index oauth_auth_pending_exp_idx on auth.oauth_authorizations (expires_at) where status = 'pending';
  create index oauth_authorizations_client_id_idx on auth.oauth_authorizations (client_id);
  create index oauth_authorizations_user_id_idx on auth.oauth_authorizations (user_id);
  comment on table auth.oauth_authorizations is 'Requests of applications for access in the name of a user';
  comment on column auth.oauth_authorizations.id is 'The row';
  comment on column auth.oauth_authorizations.authorization_id is 'The request, as the user''s browser knows it';
  comment on column auth.oauth_authorizations.client_id is 'The application';
  comment on column auth.oauth_authorizations.user_id is 'Who decides, null until that is known';
  comment on column auth.oauth_authorizations.redirect_uri is 'Where the user is sent back to';
  comment on column auth.oauth_authorizations.scope is 'What the application wants to do, separated by spaces';
  comment on column auth.oauth_authorizations.state is 'What the application wants back unchanged';
  comment on column auth.oauth_authorizations.resource is 'What the token is to be used on (RFC 8707)';
  comment on column auth.oauth_authorizations.code_challenge is 'The challenge that the application''s verifier must fit (RFC 7636)';
  comment on column auth.oauth_authorizations.code_challenge_method is 'How the challenge was made';
  comment on column auth.oauth_authorizations.response_type is 'What the application gets';
  comment on column auth.oauth_authorizations.status is 'What became of the request';
  comment on column auth.oauth_authorizations.authorization_code is 'The code that the application exchanges for a session';
  comment on column auth.oauth_authorizations.created_at is 'When the application asked';
  comment on column auth.oauth_authorizations.expires_at is 'Until when the user may decide';
  comment on column auth.oauth_authorizations.approved_at is 'When the user agreed';
  comment on column auth.oauth_authorizations.nonce is 'What the application wants back in the ID token (OpenID Connect)';
end
$$;
-- +goose StatementEnd

-- +goose StatementBegin
do $$
begin
  if not nexus.begin_table('auth.oauth_consents') then
    return;
  end if;
  create table auth.oauth_consents (
    id uuid not null,
    user_id uuid not null,
    client_id uuid not null,
    scopes text not null,
    granted_at timestamptz not null default pg_catalog.now(),
    revoked_at timestamptz,
    constraint oauth_consents_pkey primary key (id),
    constraint oauth_consents_user_client_unique unique (user_id, client_id),
    constraint oauth_consents_user_id_fkey foreign key (user_id) references auth.users (id) on delete cascade,
    constraint oauth_consents_client_id_fkey foreign key (client_id) references auth.oauth_clients (id) on delete cascade,
    constraint oauth_consents_scopes_length check (char_length(scopes) <= 2048),
    constraint oauth_consents_scopes_not_empty check (char_length(trim(scopes)) > 0),
    constraint oauth_consents_revoked_after_granted check (revoked_at >= granted_at)
  );
  create index oauth_consents_active_user_client_idx on auth.oauth_consents (user_id, client_id) where revoked_at is null;
  create index oauth_consents_active_client_idx on auth.oauth_consents (client_id) where revoked_at is null;
  create index oauth_consents_user_order_idx on auth.oauth_consents (user_id, granted_at desc);
  create index oauth_consents_client_id_idx on auth.oauth_consents (client_id);
  comment on table auth.oauth_consents is 'What users have allowed applications to do';
  comment on column auth.oauth_consents.id is 'The row';
  comment on column auth.oauth_consents.user_id is 'Who allowed it';
  comment on column auth.oauth_consents.client_id is 'The application';
  comment on column auth.oauth_consents.scopes is 'What it may do, separated by spaces';
  comment on column auth.oauth_consents.granted_at is 'When the user allowed it';
  comment on column auth.oauth_consents.revoked_at is 'When the user took it back';
end
$$;
-- +goose StatementEnd

-- +goose StatementBegin
do $$
begin
  if not nexus.begin_table('auth.oauth_client_states') then
    return;
  end if;
  create table auth.oauth_client_states (
    id uuid not null,
    provider_type text not null,
    code_verifier text,
    created_at timestamptz not null,
    constraint oauth_client_states_pkey primary key (id)
  );
  create index idx_oauth_client_states_created_at on auth.oauth_client_states (created_at);
  comment on table auth.oauth_client_states is 'Logins at providers that ask for PKCE of us';
  comment on column auth.oauth_client_states.id is 'The login, the state parameter at the provider';
  comment on column auth.oauth_client_states.provider_type is 'The provider';
  comment on column auth.oauth_client_states.code_verifier is 'The verifier that the provider will ask for (RFC 7636)';
  comment on column auth.oauth_client_states.created_at is 'When the login began';
end
$$;
-- +goose StatementEnd

-- +goose StatementBegin
do $$
begin
  if not nexus.begin_table('auth.custom_oauth_providers') then
    return;
  end if;
  create table auth.custom_oauth_providers (
    id uuid not null default pg_catalog.gen_random_uuid(),
    provider_type text not null,
    identifier text not null,
    name text not null,
    client_id text not null,
    client_secret text not null,
    acceptable_client_ids text[] not null default '{}',
    scopes text[] not null default '{}',
    pkce_enabled boolean not null default true,
    attribute_mapping jsonb not null default '{}',
    authorization_params jsonb not null default '{}',
    enabled boolean not null default true,
    email_optional boolean not null default false,
    issuer text,
    discovery_url text,
    skip_nonce_check boolean not null default false,
    cached_discovery jsonb,
    discovery_cached_at timestamptz,
    authorization_url text,
    token_url text,
    userinfo_url text,
    jwks_uri text,
    created_at timestamptz not null default pg_catalog.now(),
    updated_at timestamptz not null default pg_catalog.now(),
    custom_claims_allowlist text[] not null default '{}',
    constraint custom_oauth_providers_pkey primary key (id),
    constraint custom_oauth_providers_identifier_key unique (identifier),
    constraint custom_oauth_providers_provider_type_check check (provider_type in ('oauth2', 'oidc')),
    constraint custom_oauth_providers_identifier_format check (identifier ~ '^[a-z0-9][a-z0-9:-]{0,48}[a-z0-9]$'),
    constraint custom_oauth_providers_name_length check (char_length(name) between 1 and 100),
    constraint custom_oauth_providers_client_id_length check (char_length(client_id) between 1 and 512),
    constraint custom_oauth_providers_issuer_length check (char_length(issuer) between 1 and 2048),
    constraint custom_oauth_providers_discovery_url_length check (char_length(discovery_url) <= 2048),
    constraint custom_oauth_providers_authorization_url_length check (char_length(authorization_url) <= 2048),
    constraint custom_oauth_providers_token_url_length check (char_length(token_url) <= 2048),
    constraint custom_oauth_providers_userinfo_url_length check (char_length(userinfo_url) <= 2048),
    constraint custom_oauth_providers_jwks_uri_length check (char_length(jwks_uri) <= 2048),
    constraint custom_oauth_providers_authorization_url_https check (authorization_url like 'https://%'),
    constraint custom_oauth_providers_token_url_https check (token_url like 'https://%'),
    constraint custom_oauth_providers_userinfo_url_https check (userinfo_url like 'https://%'),
    constraint custom_oauth_providers_jwks_uri_https check (jwks_uri like 'https://%'),
    constraint custom_oauth_providers_oidc_requires_issuer check (provider_type <> 'oidc' or issuer is not null),
    constraint custom_oauth_providers_oidc_issuer_https check (provider_type <> 'oidc' or issuer like 'https://%'),
    constraint custom_oauth_providers_oidc_discovery_url_https
      check (provider_type <> 'oidc' or discovery_url like 'https://%'),
    constraint custom_oauth_providers_oauth2_requires_endpoints
      check (provider_type <> 'oauth2' or num_nulls(authorization_url, token_url, userinfo_url) = 0)
  );
  create index custom_oauth_providers_identifier_idx on auth.custom_oauth_providers (identifier);
  create index custom_oauth_providers_provider_type_idx on auth.custom_oauth_providers (provider_type);
  create index custom_oauth_providers_enabled_idx on auth.custom_oauth_providers (enabled);
  create index custom_oauth_providers_created_at_idx on auth.custom_oauth_providers (created_at);
  comment on table auth.custom_oauth_providers is 'OAuth and OpenID providers that administrators added';
  comment on column auth.custom_oauth_providers.id is 'The row';
  comment on column auth.custom_oauth_providers.provider_type is 'Whether the provider speaks OpenID Connect or bare OAuth 2';
  comment on column auth.custom_oauth_providers.identifier is 'The name that clients ask for the provider by';
  comment on column auth.custom_oauth_providers.name is 'The name that users are shown';
  comment on column auth.custom_oauth_providers.client_id is 'Who we are to the provider';
  comment on column auth.custom_oauth_providers.client_secret is 'How we prove it, encrypted';
  comment on column auth.custom_oauth_providers.acceptable_client_ids is 'Other clients whose ID tokens we take, those of mobile applications say';
  comment on column auth.custom_oauth_providers.scopes is 'What we ask the provider for';
  comment on column auth.custom_oauth_providers.pkce_enabled is 'Whether we use PKCE with the provider (RFC 7636)';
  comment on column auth.custom_oauth_providers.attribute_mapping is 'Which of the provider''s claims become which of ours';
  comment on column auth.custom_oauth_providers.authorization_params is 'What else we tell the provider''s authorization endpoint';
  comment on column auth.custom_oauth_providers.enabled is 'Whether users may log in there';
  comment on column auth.custom_oauth_providers.email_optional is 'Whether the provider need not give an address';
  comment on column auth.custom_oauth_providers.issuer is 'Who signs the provider''s ID tokens';
  comment on column auth.custom_oauth_providers.discovery_url is 'Where the provider describes itself, if not at the usual place below the issuer';
  comment on column auth.custom_oauth_providers.skip_nonce_check is 'Whether the nonce of ID tokens goes unchecked';
  comment on column auth.custom_oauth_providers.cached_discovery is 'What the provider last said of itself';
  comment on column auth.custom_oauth_providers.discovery_cached_at is 'When it said so';
  comment on column auth.custom_oauth_providers.authorization_url is 'Where users log in';
  comment on column auth.custom_oauth_providers.token_url is 'Where we exchange codes';
  comment on column auth.custom_oauth_providers.userinfo_url is 'Where we ask about the user';
  comment on column auth.custom_oauth_providers.jwks_uri is 'Where the provider''s keys are';
  comment on column auth.custom_oauth_providers.created_at is 'When the provider was added';
  comment on column auth.custom_oauth_providers.updated_at is 'When the row last changed';
  comment on column auth.custom_oauth_providers.custom_claims_allowlist is 'Which of the provider''s other claims are kept';
end
$$;
-- +goose StatementEnd

-- +goose StatementBegin
do $$
begin
  if not nexus.begin_table('auth.webauthn_credentials') then
    return;
  end if;
  create table auth.webauthn_credentials (
    id uuid not null default pg_catalog.gen_random_uuid(),
    user_id uuid not null,
    credential_id bytea not null,
    public_key bytea not null,
    attestation_type text not null default '',
    aaguid uuid,
    sign_count bigint not null default 0,
    transports jsonb not null default '[]',
    backup_eligible boolean not null default false,
    backed_up boolean not null default false,
    friendly_name text not null default '',
    created_at timestamptz not null default pg_catalog.now(),
    updated_at timestamptz not null default pg_catalog.now(),
    last_used_at timestamptz,
    constraint webauthn_credentials_pkey primary key (id),
    constraint webauthn_credentials_user_id_fkey foreign key (user_id) references auth.users (id) on delete cascade
  );
  create unique index webauthn_credentials_credential_id_key on auth.webauthn_credentials (credential_id);
  create index webauthn_credentials_user_id_idx on auth.webauthn_credentials (user_id);
  comment on table auth.webauthn_credentials is 'The passkeys of users';
  comment on column auth.webauthn_credentials.id is 'The row';
  comment on column auth.webauthn_credentials.user_id is 'Whose passkey it is';
  comment on column auth.webauthn_credentials.credential_id is 'The passkey''s own id';
  comment on column auth.webauthn_credentials.public_key is 'What its signatures are checked with';
  comment on column auth.webauthn_credentials.attestation_type is 'How the maker vouched for it';
  comment on column auth.webauthn_credentials.aaguid is 'The model of the authenticator';
  comment on column auth.webauthn_credentials.sign_count is 'How often it has signed; a fall betrays a copy';
  comment on column auth.webauthn_credentials.transports is 'How the authenticator can be reached';
  comment on column auth.webauthn_credentials.backup_eligible is 'Whether the passkey can be on several devices';
  comment on column auth.webauthn_credentials.backed_up is 'Whether it is';
  comment on column auth.webauthn_credentials.friendly_name is 'What the user calls it';
  comment on column auth.webauthn_credentials.created_at is 'When it was added';
  comment on column auth.webauthn_credentials.updated_at is 'When the row last changed';
  comment on column auth.webauthn_credentials.last_used_at is 'When it was last used';
end
$$;
-- +goose StatementEnd

-- +goose StatementBegin
do $$
begin
  if not nexus.begin_table('auth.webauthn_challenges') then
    return;
  end if;
  create table auth.webauthn_challenges (
    id uuid not null default pg_catalog.gen_random_uuid(),
    user_id uuid,
    challenge_type text not null,
    session_data jsonb not null,
    created_at timestamptz not null default pg_catalog.now(),
    expires_at timestamptz not null,
    constraint webauthn_challenges_pkey primary key (id),
    constraint webauthn_challenges_user_id_fkey foreign key (user_id) references auth.users (id) on delete cascade,
    constraint webauthn_challenges_challenge_type_check
      check (challenge_type in ('signup', 'registration', 'authentication'))
  );
  create index webauthn_challenges_user_id_idx on auth.webauthn_challenges (user_id);
  create index webauthn_challenges_expires_at_idx on auth.webauthn_challenges (expires_at);
  comment on table auth.webauthn_challenges is 'Questions to prove the possession of a passkey';
  comment on column auth.webauthn_challenges.id is 'The challenge, to answer it by';
  comment on column auth.webauthn_challenges.user_id is 'Who is asked, null if only the answer tells';
  comment on column auth.webauthn_challenges.challenge_type is 'What the answer is for';
  comment on column auth.webauthn_challenges.session_data is 'What the answer is checked against';
  comment on column auth.webauthn_challenges.created_at is 'When it was asked';
  comment on column auth.webauthn_challenges.expires_at is 'Until when it may be answered';
end
$$;
-- +goose StatementEnd

-- +goose StatementBegin
do $$
begin
  if not nexus.begin_table('auth.sso_providers') then
    return;
  end if;
  create table auth.sso_providers (
    id uuid not null,
    resource_id text,
    created_at timestamptz,
    updated_at timestamptz,
    disabled boolean,
    constraint sso_providers_pkey primary key (id),
    constraint "resource_id not empty" check (char_length(resource_id) > 0)
  );
  create unique index sso_providers_resource_id_idx on auth.sso_providers (lower(resource_id));
  create index sso_providers_resource_id_pattern_idx on auth.sso_providers (resource_id text_pattern_ops);
  comment on table auth.sso_providers is 'Organizations whose members log in by single sign-on';
  comment on column auth.sso_providers.id is 'The organization''s provider';
  comment on column auth.sso_providers.resource_id is 'The administrator''s own name for it, in any case';
  comment on column auth.sso_providers.created_at is 'When it was added';
  comment on column auth.sso_providers.updated_at is 'When the row last changed';
  comment on column auth.sso_providers.disabled is 'Whether nobody may log in there for now';
end
$$;
-- +goose StatementEnd

-- +goose StatementBegin
do $$
begin
  if not nexus.begin_table('auth.sso_domains') then
    return;
  end if;
  create table auth.sso_domains (
    id uuid not null,
    sso_provider_id uuid not null,
    domain text not null,
    created_at timestamptz,
    updated_at timestamptz,
    constraint sso_domains_pkey primary key (id),
    constraint sso_domains_sso_provider_id_fkey foreign key (sso_provider_id)
      references auth.sso_providers (id) on delete cascade,
    constraint "domain not empty" check (char_length(domain) > 0)
  );
  create index sso_domains_sso_provider_id_idx on auth.sso_domains (sso_provider_id);
  create unique index sso_domains_domain_idx on auth.sso_domains (lower(domain));
  comment on table auth.sso_domains is 'The domains of mail addresses that belong to those organizations';
  comment on column auth.sso_domains.id is 'The row';
  comment on column auth.sso_domains.sso_provider_id is 'The organization''s provider';
  comment on column auth.sso_domains.domain is 'The domain';
  comment on column auth.sso_domains.created_at is 'When it was added';
  comment on column auth.sso_domains.updated_at is 'When the row last changed';
end
$$;
-- +goose StatementEnd

-- +goose StatementBegin
do $$
begin
  if not nexus.begin_table('auth.saml_providers') then
    return;
  end if;
  create table auth.saml_providers (
    id uuid not null,
    sso_provider_id uuid not null,
    entity_id text not null,
    metadata_xml text not null,
    metadata_url text,
    attribute_mapping jsonb,
    created_at timestamptz,
    updated_at timestamptz,
    name_id_format text,
    constraint saml_providers_pkey primary key (id),
    constraint saml_providers_entity_id_key unique (entity_id),
    constraint saml_providers_sso_provider_id_fkey foreign key (sso_provider_id)
      references auth.sso_providers (id) on delete cascade,
    constraint "metadata_xml not empty" check (char_length(metadata_xml) > 0),
    constraint "metadata_url not empty" check (char_length(metadata_url) > 0),
    constraint "entity_id not empty" check (char_length(entity_id) > 0)
  );
  create index saml_providers_sso_provider_id_idx on auth.saml_providers (sso_provider_id);
  comment on table auth.saml_providers is 'How to talk SAML to those organizations';
  comment on column auth.saml_providers.id is 'The row';
  comment on column auth.saml_providers.sso_provider_id is 'The organization''s provider';
  comment on column auth.saml_providers.entity_id is 'The name that the provider signs with';
  comment on column auth.saml_providers.metadata_xml is 'What the provider says of itself';
  comment on column auth.saml_providers.metadata_url is 'Where it says so';
  comment on column auth.saml_providers.attribute_mapping is 'Which of the provider''s attributes become which of ours';
  comment on column auth.saml_providers.created_at is 'When it was added';
  comment on column auth.saml_providers.updated_at is 'When the row last changed';
  comment on column auth.saml_providers.name_id_format is 'What kind of user id to ask the provider for';
end
$$;
-- +goose StatementEnd

-- +goose StatementBegin
do $$
begin
  if not nexus.begin_table('auth.saml_relay_states') then
    return;
  end if;
  create table auth.saml_relay_states (
    id uuid not null,
    sso_provider_id uuid not null,
    request_id text not null,
    for_email text,
    redirect_to text,
    created_at timestamptz,
    updated_at timestamptz,
    flow_state_id uuid,
    constraint saml_relay_states_pkey primary key (id),
    constraint saml_relay_states_sso_provider_id_fkey foreign key (sso_provider_id)
      references auth.sso_providers (id) on delete cascade,
    constraint saml_relay_states_flow_state_id_fkey foreign key (flow_state_id)
      references auth.flow_state (id) on delete cascade,
    constraint "request_id not empty" check (char_length(request_id) > 0)
  );
  create index saml_relay_states_sso_provider_id_idx on auth.saml_relay_states (sso_provider_id);
  create index saml_relay_states_for_email_idx on auth.saml_relay_states (for_email);
  create index saml_relay_states_created_at_idx on auth.saml_relay_states (created_at desc);
  create index saml_relay_states_flow_state_id_idx on auth.saml_relay_states (flow_state_id);
  comment on table auth.saml_relay_states is 'Logins by SAML that have begun';
  comment on column auth.saml_relay_states.id is 'The login, the RelayState parameter at the provider';
  comment on column auth.saml_relay_states.sso_provider_id is 'The organization''s provider';
  comment on column auth.saml_relay_states.request_id is 'Our request, which the answer must name';
  comment on column auth.saml_relay_states.for_email is 'The address that the user entered';
  comment on column auth.saml_relay_states.redirect_to is 'Where the user goes in the end';
  comment on column auth.saml_relay_states.created_at is 'When the login began';
  comment on column auth.saml_relay_states.updated_at is 'When the row last changed';
  comment on column auth.saml_relay_states.flow_state_id is 'The flow with PKCE that the login is part of';
end
$$;
-- +goose StatementEnd

-- Tables that were here before us stay as they are, but what the server reads and writes must be there.
-- +goose StatementBegin
do $$
declare
  wanted record;
begin
  if not nexus.auth_tables_fit() then
    raise warning 'auth/v1 cannot work on these tables of schema auth: each needs a unique id of type uuid';
    return;
  end if;
  for wanted in
    select *
    from (values
      ('auth.users', 'instance_id', 'uuid'),
      ('auth.users', 'aud', 'varchar(255)'),
      ('auth.users', 'role', 'varchar(255)'),
      ('auth.users', 'email', 'varchar(255)'),
      ('auth.users', 'encrypted_password', 'varchar(255)'),
      ('auth.users', 'email_confirmed_at', 'timestamptz'),
      ('auth.users', 'invited_at', 'timestamptz'),
      ('auth.users', 'confirmation_token', 'varchar(255)'),
      ('auth.users', 'confirmation_sent_at', 'timestamptz'),
      ('auth.users', 'recovery_token', 'varchar(255)'),
      ('auth.users', 'recovery_sent_at', 'timestamptz'),
      ('auth.users', 'email_change_token_new', 'varchar(255)'),
      ('auth.users', 'email_change', 'varchar(255)'),
      ('auth.users', 'email_change_sent_at', 'timestamptz'),
      ('auth.users', 'last_sign_in_at', 'timestamptz'),
      ('auth.users', 'raw_app_meta_data', 'jsonb'),
      ('auth.users', 'raw_user_meta_data', 'jsonb'),
      ('auth.users', 'created_at', 'timestamptz'),
      ('auth.users', 'updated_at', 'timestamptz'),
      ('auth.users', 'phone', 'text'),
      ('auth.users', 'phone_confirmed_at', 'timestamptz'),
      ('auth.users', 'confirmed_at', 'timestamptz generated always as (least(email_confirmed_at, phone_confirmed_at)) stored'),
      ('auth.users', 'email_change_token_current', 'varchar(255) default '''''),
      ('auth.users', 'email_change_confirm_status', 'smallint default 0'),
      ('auth.users', 'banned_until', 'timestamptz'),
      ('auth.users', 'reauthentication_token', 'varchar(255) default '''''),
      ('auth.users', 'reauthentication_sent_at', 'timestamptz'),
      ('auth.users', 'is_sso_user', 'boolean not null default false'),
      ('auth.users', 'deleted_at', 'timestamptz'),
      ('auth.users', 'is_anonymous', 'boolean not null default false'),
      ('auth.identities', 'last_sign_in_at', 'timestamptz'),
      ('auth.identities', 'created_at', 'timestamptz'),
      ('auth.identities', 'updated_at', 'timestamptz'),
      ('auth.identities', 'email', 'text generated always as (lower(identity_data ->> ''email'')) stored'),
      ('auth.sessions', 'created_at', 'timestamptz'),
      ('auth.sessions', 'updated_at', 'timestamptz'),
      ('auth.sessions', 'factor_id', 'uuid'),
      ('auth.sessions', 'aal', 'auth.aal_level'),
      ('auth.sessions', 'not_after', 'timestamptz'),
      ('auth.sessions', 'refreshed_at', 'timestamp'),
      ('auth.sessions', 'user_agent', 'text'),
      ('auth.sessions', 'ip', 'inet'),
      ('auth.sessions', 'tag', 'text'),
      ('auth.sessions', 'refresh_token_hmac_key', 'text'),
      ('auth.sessions', 'refresh_token_counter', 'bigint'),
      ('auth.refresh_tokens', 'token', 'varchar(255)'),
      ('auth.refresh_tokens', 'user_id', 'varchar(255)'),
      ('auth.refresh_tokens', 'revoked', 'boolean'),
      ('auth.refresh_tokens', 'updated_at', 'timestamptz'),
      ('auth.refresh_tokens', 'session_id', 'uuid references auth.sessions (id) on delete cascade'),
      ('auth.mfa_factors', 'friendly_name', 'text'),
      ('auth.mfa_factors', 'secret', 'text'),
      ('auth.mfa_factors', 'phone', 'text'),
      ('auth.mfa_factors', 'last_challenged_at', 'timestamptz'),
      ('auth.mfa_challenges', 'verified_at', 'timestamptz'),
      ('auth.mfa_challenges', 'otp_code', 'text'),
      ('auth.flow_state', 'user_id', 'uuid'),
      ('auth.flow_state', 'auth_code', 'text'),
      ('auth.flow_state', 'code_challenge_method', 'auth.code_challenge_method'),
      ('auth.flow_state', 'code_challenge', 'text'),
      ('auth.flow_state', 'provider_access_token', 'text'),
      ('auth.flow_state', 'provider_refresh_token', 'text'),
      ('auth.flow_state', 'created_at', 'timestamptz'),
      ('auth.flow_state', 'updated_at', 'timestamptz'),
      ('auth.flow_state', 'auth_code_issued_at', 'timestamptz'),
      ('auth.flow_state', 'referrer', 'text'),
      ('auth.flow_state', 'linking_target_id', 'uuid'),
      ('auth.audit_log_entries', 'instance_id', 'uuid'),
      ('auth.audit_log_entries', 'payload', 'json'),
      ('auth.audit_log_entries', 'created_at', 'timestamptz'),
      ('auth.audit_log_entries', 'ip_address', 'varchar(64) not null default ''''')
    ) as c (table_name, name, definition)
  loop
    continue when not exists (
      select
      from pg_catalog.pg_class c
      where c.oid = pg_catalog.to_regclass(wanted.table_name)
        and c.relkind in ('r', 'p')
        and not exists (
          select from pg_catalog.pg_attribute a where a.attrelid = c.oid and a.attname = wanted.name and not a.attisdropped
        )
    );
    begin
      execute pg_catalog.format('alter table %s add column %I %s', wanted.table_name, wanted.name, wanted.definition);
      insert into nexus.core_objects (kind, name) values ('column', wanted.table_name || '.' || wanted.name) on conflict do nothing;
    exception
      when insufficient_privilege or undefined_object or undefined_column or undefined_table or invalid_foreign_key
        or datatype_mismatch then
        raise warning 'auth/v1 misses the column %.%: %', wanted.table_name, wanted.name, sqlerrm;
    end;
  end loop;
  -- Older versions of GoTrue kept flows with PKCE only.
  for wanted in
    select c.oid::pg_catalog.regclass as table_name, a.attname as name
    from pg_catalog.pg_class c
    join pg_catalog.pg_attribute a on a.attrelid = c.oid
    where c.oid = pg_catalog.to_regclass('auth.flow_state')
      and a.attname in ('auth_code', 'code_challenge', 'code_challenge_method')
      and a.attnotnull
  loop
    begin
      execute pg_catalog.format('alter table auth.flow_state alter column %I drop not null', wanted.name);
      insert into nexus.core_objects (kind, name) values ('nullable column', 'auth.flow_state.' || wanted.name) on conflict do nothing;
    exception
      when insufficient_privilege then
        raise warning 'logins at providers without PKCE need a nullable auth.flow_state.%: %', wanted.name, sqlerrm;
    end;
  end loop;
end
$$;
-- +goose StatementEnd

-- Nobody but the owner gets at our tables, whatever default privileges say. Policies and functions of the API roles get
-- what they need to know of the caller from the token.
-- +goose StatementBegin
do $$
declare
  made record;
begin
  for made in
    select c.oid::pg_catalog.regclass::text as name, s.oid::pg_catalog.regclass::text as sequence_name
    from nexus.core_objects o
    join pg_catalog.pg_class c on c.oid = case o.kind when 'table' then pg_catalog.to_regclass(o.name) end
    left join pg_catalog.pg_depend d
      on d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.refobjid = c.oid and d.deptype = 'a'
      and d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
    left join pg_catalog.pg_class s on s.oid = d.objid and s.relkind = 'S'
    where not c.relrowsecurity
  loop
    execute pg_catalog.format('alter table %s enable row level security', made.name);
    execute pg_catalog.format('revoke all on table %s from public, anon, authenticated, service_role', made.name);
    if made.sequence_name is not null then
      execute pg_catalog.format('revoke all on sequence %s from public, anon, authenticated, service_role', made.sequence_name);
    end if;
  end loop;
end
$$;
-- +goose StatementEnd

-- Hands our tables and types over. Unless we are a superuser, that takes the right to become their new owner, which a role
-- that creates others may give itself, and the new owner's right to create in the schema, which it does not keep. We keep the
-- first: who set up the database goes on to put triggers on the tables and foreign keys to them.
-- +goose StatementBegin
do $$
declare
  admin constant name := 'supabase_auth_admin';
  become constant text := case when pg_catalog.current_setting('server_version_num')::int >= 160000 then 'set' else 'member' end;
  lend boolean;
  made record;
begin
  if not exists (select from nexus.core_objects o where o.kind = 'table' and o.name like 'auth.%') then
    return;
  end if;
  if not pg_catalog.pg_has_role(current_user, admin, become) then
    execute pg_catalog.format('grant %I to %I', admin, current_user);
    insert into nexus.core_objects (kind, name, grantee) values ('membership', admin, current_user) on conflict do nothing;
  end if;
  lend := not pg_catalog.has_schema_privilege(admin, 'auth', 'create');
  if lend then
    grant create on schema auth to supabase_auth_admin;
  end if;
  for made in
    select o.kind, o.name
    from nexus.core_objects o
    left join pg_catalog.pg_class c on c.oid = case o.kind when 'table' then pg_catalog.to_regclass(o.name) end
    left join pg_catalog.pg_type t on t.oid = case o.kind when 'type' then pg_catalog.to_regtype(o.name) end
    where coalesce(c.relowner, t.typowner) <> admin::pg_catalog.regrole
  loop
    execute pg_catalog.format('alter %s %s owner to %I', made.kind, made.name, admin);
  end loop;
  if lend then
    revoke create on schema auth from supabase_auth_admin;
  end if;
exception
  when insufficient_privilege then
    -- What follows gives access without ownership.
    raise notice 'the tables of auth/v1 stay with %: %', current_user, sqlerrm;
end
$$;
-- +goose StatementEnd

-- What supabase_auth_admin does not own, it gets access to: by grants, and by a policy where row level security is on.
-- +goose StatementBegin
do $$
declare
  admin constant name := 'supabase_auth_admin';
  missing record;
begin
  if not nexus.auth_tables_fit() then
    return;
  end if;
  if not pg_catalog.has_schema_privilege(admin, 'auth', 'usage') then
    begin
      grant usage on schema auth to supabase_auth_admin;
      insert into nexus.core_objects (kind, name, grantee, privilege) values ('on schema', 'auth', admin, 'usage')
      on conflict do nothing;
    exception
      when insufficient_privilege then raise warning 'auth/v1 may not use the schema auth: %', sqlerrm;
    end;
  end if;
  for missing in
    with relations as (
      select c.oid, c.relkind, c.oid::pg_catalog.regclass::text as name
      from unnest(array[
        'auth.users', 'auth.identities', 'auth.instances', 'auth.schema_migrations', 'auth.oauth_clients', 'auth.sessions',
        'auth.refresh_tokens', 'auth.mfa_factors', 'auth.mfa_challenges', 'auth.mfa_amr_claims', 'auth.one_time_tokens',
        'auth.flow_state', 'auth.audit_log_entries', 'auth.oauth_authorizations', 'auth.oauth_consents',
        'auth.oauth_client_states', 'auth.custom_oauth_providers', 'auth.webauthn_credentials', 'auth.webauthn_challenges',
        'auth.sso_providers', 'auth.sso_domains', 'auth.saml_providers', 'auth.saml_relay_states'
      ]) as t (name)
      join pg_catalog.pg_class c on c.oid = pg_catalog.to_regclass(t.name)
    ), sequences as (
      select s.oid, s.relkind, s.oid::pg_catalog.regclass::text as name
      from relations r
      join pg_catalog.pg_depend d
        on d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.refobjid = r.oid and d.deptype in ('a', 'i')
        and d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
      join pg_catalog.pg_class s on s.oid = d.objid and s.relkind = 'S'
    )
    select 'table' as object, r.name, p.privilege
    from relations r, unnest(array['select', 'insert', 'update', 'delete', 'truncate', 'references', 'trigger']) as p (privilege)
    where not pg_catalog.has_table_privilege(admin, r.oid, p.privilege)
    union all
    select 'sequence', s.name, p.privilege
    from sequences s, unnest(array['usage', 'select', 'update']) as p (privilege)
    where not pg_catalog.has_sequence_privilege(admin, s.oid, p.privilege)
  loop
    begin
      execute pg_catalog.format('grant %s on %s %s to %I', missing.privilege, missing.object, missing.name, admin);
      insert into nexus.core_objects (kind, name, grantee, privilege)
      values ('on ' || missing.object, missing.name, admin, missing.privilege) on conflict do nothing;
    exception
      when insufficient_privilege then
        raise warning 'auth/v1 may not % on %: %', missing.privilege, missing.name, sqlerrm;
    end;
  end loop;
  for missing in
    select c.oid::pg_catalog.regclass::text as name
    from unnest(array[
      'auth.users', 'auth.identities', 'auth.instances', 'auth.schema_migrations', 'auth.oauth_clients', 'auth.sessions',
      'auth.refresh_tokens', 'auth.mfa_factors', 'auth.mfa_challenges', 'auth.mfa_amr_claims', 'auth.one_time_tokens',
      'auth.flow_state', 'auth.audit_log_entries', 'auth.oauth_authorizations', 'auth.oauth_consents',
      'auth.oauth_client_states', 'auth.custom_oauth_providers', 'auth.webauthn_credentials', 'auth.webauthn_challenges',
      'auth.sso_providers', 'auth.sso_domains', 'auth.saml_providers', 'auth.saml_relay_states'
    ]) as t (name)
    join pg_catalog.pg_class c on c.oid = pg_catalog.to_regclass(t.name)
    join pg_catalog.pg_roles r on r.rolname = admin
    where c.relkind in ('r', 'p') and c.relrowsecurity and not r.rolbypassrls and not r.rolsuper
      and (c.relforcerowsecurity or not pg_catalog.pg_has_role(admin, c.relowner, 'usage'))
      and not exists (select from pg_catalog.pg_policy p where p.polrelid = c.oid and p.polname = 'nexus_auth_admin')
  loop
    begin
      execute pg_catalog.format(
        'create policy nexus_auth_admin on %s to %I using (true) with check (true)', missing.name, admin
      );
      execute pg_catalog.format(
        'comment on policy nexus_auth_admin on %s is %L', missing.name, 'The server keeps all users and their sessions'
      );
      insert into nexus.core_objects (kind, name) values ('policy', missing.name) on conflict do nothing;
    exception
      when insufficient_privilege then raise warning 'auth/v1 sees no rows of %: %', missing.name, sqlerrm;
    end;
  end loop;
end
$$;
-- +goose StatementEnd

drop function nexus.begin_table(text);
drop function nexus.auth_tables_fit();

-- +goose Down

-- Tables and types that others depend on, by foreign keys say, stay, and with them the role that owns them.
-- +goose StatementBegin
do $$
declare
  admin constant name := 'supabase_auth_admin';
  made record;
begin
  for made in select o.name from nexus.core_objects o where o.kind = 'policy' loop
    if pg_catalog.to_regclass(made.name) is not null then
      execute pg_catalog.format('drop policy if exists nexus_auth_admin on %s', made.name);
    end if;
    delete from nexus.core_objects where kind = 'policy' and name = made.name;
  end loop;
  for made in select o.* from nexus.core_objects o where o.kind in ('on table', 'on sequence') and o.grantee = admin loop
    if pg_catalog.to_regclass(made.name) is not null and pg_catalog.to_regrole(admin) is not null then
      execute pg_catalog.format('revoke %s %s from %I', made.privilege, made.kind || ' ' || made.name, admin);
    end if;
    delete from nexus.core_objects
    where kind = made.kind and name = made.name and grantee = made.grantee and privilege = made.privilege;
  end loop;
  for made in
    select o.kind, o.name, pg_catalog.split_part(o.name, '.', 2) as table_name, pg_catalog.split_part(o.name, '.', 3) as column_name
    from nexus.core_objects o
    where o.kind in ('column', 'nullable column') and o.name like 'auth.%'
  loop
    begin
      if made.kind = 'column' then
        execute pg_catalog.format('alter table if exists auth.%I drop column if exists %I', made.table_name, made.column_name);
      else
        execute pg_catalog.format('alter table if exists auth.%I alter column %I set not null', made.table_name, made.column_name);
      end if;
      delete from nexus.core_objects where kind = made.kind and name = made.name;
    exception
      when dependent_objects_still_exist or not_null_violation then
        raise notice '% % stays: %', made.kind, made.name, sqlerrm;
      when undefined_column then
        delete from nexus.core_objects where kind = made.kind and name = made.name;
    end;
  end loop;
  for made in
    select o.kind, o.name
    from nexus.core_objects o
    left join unnest(array[
      'auth.saml_relay_states', 'auth.saml_providers', 'auth.sso_domains', 'auth.sso_providers',
      'auth.webauthn_challenges', 'auth.webauthn_credentials', 'auth.custom_oauth_providers', 'auth.oauth_client_states',
      'auth.oauth_consents', 'auth.oauth_authorizations', 'auth.audit_log_entries', 'auth.flow_state',
      'auth.one_time_tokens', 'auth.mfa_amr_claims', 'auth.mfa_challenges', 'auth.mfa_factors', 'auth.refresh_tokens',
      'auth.sessions', 'auth.oauth_clients', 'auth.schema_migrations', 'auth.instances', 'auth.identities', 'auth.users'
    ]) with ordinality as t (name, place) using (name)
    where o.kind in ('table', 'type') and o.name like 'auth.%'
    order by o.kind, t.place, o.name
  loop
    begin
      execute pg_catalog.format('drop %s if exists %s', made.kind, made.name);
      delete from nexus.core_objects where kind = made.kind and name = made.name;
    exception
      when dependent_objects_still_exist then
        raise notice '% % stays: %', made.kind, made.name, sqlerrm;
    end;
  end loop;
  if exists (select from nexus.core_objects o where o.kind in ('table', 'type') and o.name like 'auth.%') then
    return;
  end if;

  for made in
    select o.privilege from nexus.core_objects o where o.kind = 'on schema' and o.name = 'auth' and o.grantee = admin
  loop
    if pg_catalog.to_regrole(admin) is not null then
      execute pg_catalog.format('revoke %s on schema auth from %I', made.privilege, admin);
    end if;
  end loop;
  delete from nexus.core_objects where kind = 'on schema' and name = 'auth' and grantee = admin;
  -- The role stays if another database uses it, and so does our membership; one of a role that was here before us goes.
  if exists (select from nexus.core_objects where kind = 'role' and name = admin) then
    begin
      drop role if exists supabase_auth_admin;
      delete from nexus.core_objects where kind in ('role', 'login', 'membership') and name = admin;
    exception
      when dependent_objects_still_exist or insufficient_privilege then
        raise notice 'role % stays: %', admin, sqlerrm;
    end;
    return;
  end if;
  for made in select o.grantee from nexus.core_objects o where o.kind = 'membership' and o.name = admin loop
    if pg_catalog.to_regrole(admin) is not null
      and pg_catalog.to_regrole(pg_catalog.quote_ident(made.grantee)) is not null then
      execute pg_catalog.format('revoke %I from %I', admin, made.grantee);
    end if;
    delete from nexus.core_objects where kind = 'membership' and name = admin and grantee = made.grantee;
  end loop;
end
$$;
-- +goose StatementEnd
