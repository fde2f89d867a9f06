-- A museum: what PostgREST's changelog tells of, each in objects of its own. Run as superuser on an empty database.
set client_min_messages = warning;
do $$ declare r text; begin
  foreach r in array array['anon','authenticated','museum_slow'] loop
    if not exists (select from pg_roles where rolname = r) then execute format('create role %I nologin', r); end if; end loop;
  if not exists (select from pg_roles where rolname = 'authenticator') then create role authenticator login noinherit; end if;
  grant anon, authenticated, museum_slow to authenticator;
end $$;
create schema museum; create schema annex; create schema vault;

-- Tables that many cases read.
create table museum.halls (id int primary key, name text not null, floor int not null);
insert into museum.halls values (1,'Egypt',0),(2,'Greece',1),(3,'Attic',9);
create table museum.exhibits (
  id int primary key, hall_id int references museum.halls, title text not null, worth numeric not null default 0,
  facts jsonb, lent_on timestamptz);
insert into museum.exhibits values
  (1,1,'Stele',10,'{"made of":"stone","age (years)":3000}','2026-05-01 12:00:00+00'),
  (2,1,'Scarab',20,'{"made of":"gold"}',null),
  (3,2,'Vase',5,null,'2026-06-01 12:00:00+00');
create table museum.guides (id int primary key, name text not null);
insert into museum.guides values (1,'Iris'),(2,'Nora');
create table museum.tours (guide_id int references museum.guides, hall_id int references museum.halls, primary key (guide_id, hall_id));
insert into museum.tours values (1,1),(1,2),(2,1);

-- Errors that functions raise.
create function museum.full_house() returns void language plpgsql as $$ begin
  raise sqlstate 'PGRST' using message = '{"code":"FULL","message":"No tickets left","details":"Try tomorrow","hint":"09:00"}',
    detail = '{"status":423,"status_text":"Sold Out","headers":{"X-Queue":"12"}}'; end $$;
create function museum.garbled_message() returns void language plpgsql as $$ begin
  raise sqlstate 'PGRST' using message = 'no json', detail = '{"status":423,"headers":{}}'; end $$;
create function museum.garbled_detail() returns void language plpgsql as $$ begin
  raise sqlstate 'PGRST' using message = '{"code":"A","message":"b"}', detail = '{"status":"x"}'; end $$;
create function museum.no_detail() returns void language plpgsql as $$ begin
  raise sqlstate 'PGRST' using message = '{"code":"A","message":"b"}'; end $$;
create function museum.fail_with(state text) returns void language plpgsql as $$ begin
  raise exception 'failed with %', state using errcode = state; end $$;
create function museum.hall_of_two() returns text language sql stable as $$ select (select name from museum.halls) $$;
create table museum.mirrors (id int primary key);
alter table museum.mirrors enable row level security;
create policy mirrored on museum.mirrors using (id in (select id from museum.mirrors));

-- Settings.
create function museum.patience() returns text language sql stable set statement_timeout = '4321ms' as $$ select current_setting('statement_timeout') $$;
create function museum.own_setting() returns json language sql stable set statement_timeout = '4321ms' set work_mem = '5MB' as
  $$ select json_build_object('timeout', current_setting('statement_timeout'), 'memory', current_setting('work_mem')) $$;
create function museum.nap() returns void language sql volatile set statement_timeout = '20ms' as $$ select pg_sleep(5) $$;
create function museum.my_setting(name text) returns text language sql stable as $$ select current_setting(name, true) $$;
create function museum.sees_header(name text) returns text language sql stable as
  $$ select current_setting('request.headers', true)::json->>name $$;
create function museum.old_header() returns text language sql stable as $$ select current_setting('request.header.x-lamp', true) $$;

-- Media types.
create domain museum."text/plain" as text;
create domain museum."application/octet-stream" as bytea;
create domain museum."*/*" as bytea;
create domain museum."text/x-signs" as text;
create function museum.scalar_text() returns text language sql stable as $$ select 'a sign'::text $$;
create function museum.scalar_bytes() returns bytea language sql stable as $$ select '\x6162'::bytea $$;
create function museum.sign() returns museum."text/plain" language sql stable as $$ select 'way out'::museum."text/plain" $$;
create function museum.anything() returns museum."*/*" language sql stable as $$ select 'raw'::bytea::museum."*/*" $$;
create function museum.picture() returns museum."*/*" language plpgsql stable as $$ begin
  perform set_config('response.headers', '[{"Content-Type":"image/x-own"}]', true); return 'px'::bytea; end $$;
create function museum.no_sign() returns museum."text/plain" language sql stable as $$ select null::museum."text/plain" $$;
create table museum.notices (id int primary key, text text not null, secret text not null default 's');
insert into museum.notices values (1,'no flash'),(2,'no food');
create function museum.sign_step(state text, n museum.notices) returns museum."text/x-signs" language sql immutable as
  $$ select (state || n.id || '=' || coalesce(n.text, '-') || '/' || coalesce(n.secret, '-') || ';')::museum."text/x-signs" $$;
create aggregate museum.signs(museum.notices) (initcond = '', stype = museum."text/x-signs", sfunc = museum.sign_step);
create domain museum."text/x-any" as text;
create function museum.any_step(state text, n anyelement) returns museum."text/x-any" language sql immutable as
  $$ select (state || '+')::museum."text/x-any" $$;
create aggregate museum.any_rows(anyelement) (initcond = '', stype = museum."text/x-any", sfunc = museum.any_step);
create table annex.crates (id int primary key);
insert into annex.crates values (1),(2),(3);
create domain annex."text/x-any" as text;

-- Writes.
create table museum.lockers (number int primary key, owner text not null default 'nobody', size text);
insert into museum.lockers values (1,'ann','s'),(2,'bea','m'),(3,'cid','l');
create domain museum.shout as text default 'DOMAIN';
create table museum.echoes (id int primary key, word museum.shout default 'column', other museum.shout, plain text default 'text');
create table museum.keys (id int primary key, "odd key (x)" text, "it's" text);
insert into museum.keys values (1,'a','b');

-- One-to-one over two columns in another order.
create table museum.rooms (wing text, no int, name text, primary key (wing, no));
create table museum.alarms (no int, wing text, code text, primary key (no, wing), foreign key (wing, no) references museum.rooms (wing, no));
insert into museum.rooms values ('w',1,'Lobby'),('e',2,'Shop');
insert into museum.alarms values (1,'w','A1');
create table museum.passports (exhibit_id int primary key references museum.exhibits, stamp text);
insert into museum.passports values (1,'EG');

-- Enumerations of the same name in two schemas.
create type museum.mood as enum ('calm','loud');
create type annex.mood as enum ('dusty','damp');
create table museum.visits (id int primary key, mood museum.mood);
create table annex.visits (id int primary key, mood annex.mood);

grant usage on schema museum, annex to anon, authenticated, museum_slow;
grant all on all tables in schema museum, annex to anon, authenticated, museum_slow;
create function museum.short_nap() returns void language sql volatile set statement_timeout = '1ms' as $$ select pg_sleep(0.05) $$;
create function museum.first_hall() returns museum.halls language sql stable as $$ select * from museum.halls order by id limit 1 $$;

-- Full-text search over what is no tsvector, and over a domain of one.
create domain museum.lexemes as tsvector;
create table museum.captions (id int primary key, body text, meta jsonb, words tsvector, domain_words museum.lexemes);
insert into museum.captions values
  (1,'The cats were sleeping','{"de":"Die Katzen schliefen"}',to_tsvector('english','golden cats'),to_tsvector('english','silver cats')),
  (2,'A dog',null,to_tsvector('english','dogs'),null);

-- Functions.
create function museum.open_halls() returns setof museum.halls language sql stable as $$ select * from museum.halls $$;
create function museum.close_halls() returns setof museum.lockers language sql volatile as $$ update museum.lockers set size = 'x' returning * $$;
create function museum.hall_report() returns table (id int, name text, floor int) language sql stable as $$ select id, name, floor from museum.halls $$;
create function museum.counted(a int, b int default 2) returns int language sql volatile as $$ select a + b $$;
create function museum.same(a int) returns int language sql stable as $$ select a $$;
create function museum.whole_body(json) returns json language sql stable as $$ select $1 $$;
create function museum.named_body(data json) returns json language sql stable as $$ select data $$;
create table museum.ledger (id int primary key, note text);
insert into museum.ledger select n, 'n' || n from generate_series(1, 20000) n;
create function museum.ledger_rows() returns setof museum.ledger language sql stable as $$ select * from museum.ledger $$;

-- A domain of a domain of a domain.
create domain museum.inner_count as int;
create domain museum.middle_count as museum.inner_count;
create domain museum.outer_count as museum.middle_count check (value > 0);
create table museum.counters (id bigint primary key, few smallint, amount museum.outer_count);

-- Another object's comment under a table's oid, as oids are unique only within their catalog.
create table museum.commented (id int primary key);
comment on table museum.commented is 'The comment of the table';
insert into pg_catalog.pg_description select 'museum.commented'::regclass, 'pg_catalog.pg_proc'::regclass, 0, 'Of a function';

-- Found through the extra search path alone.
create function vault.lock_word() returns text language sql immutable as $$ select 'sesame' $$;
create function museum.try_lock() returns text language plpgsql stable as $$ begin return lock_word(); end $$;
grant usage on schema vault to anon;

-- Returned rows and filters.
create table museum.jobs (id int primary key, state text, worker text);
insert into museum.jobs values (1,'new',null),(2,'new','ann'),(3,'done','bea');
grant all on all tables in schema museum to anon, authenticated, museum_slow;
revoke all on museum.passports from authenticated;

-- Functions that a body could be given whole, but for their parameter's name.
create function museum.takes_data(data json) returns json language sql stable as $$ select data $$;
create function museum.takes_text(words text) returns text language sql stable as $$ select words $$;
create function museum.hall_by_names(names text) returns text language sql stable as $$ select names $$;
