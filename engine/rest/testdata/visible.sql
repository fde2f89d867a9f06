-- A guild, of which anon may see less than authenticated. Run as superuser on an empty database.
set client_min_messages = warning;
do $$ declare r text; begin
  foreach r in array array['anon','authenticated'] loop
    if not exists (select from pg_roles where rolname = r) then execute format('create role %I nologin', r); end if; end loop;
  if not exists (select from pg_roles where rolname = 'authenticator') then create role authenticator login noinherit; end if;
  grant anon, authenticated to authenticator;
end $$;
create schema guild;
grant usage on schema guild to anon, authenticated;

create table guild.places (id int primary key, name text);
create table guild.people (id int primary key, name text);
create table guild.vaults (id int primary key, name text);
create table guild.works (
  id int primary key, title text, secret text, place_id int references guild.places, hiding_place_id int references guild.places,
  vault_id int references guild.vaults);
create table guild.worker (id int primary key);
create table guild.makers (work_id int references guild.works, person_id int references guild.people, primary key (work_id, person_id));
create table guild.owners (work_id int references guild.works, person_id int references guild.people, primary key (work_id, person_id));
grant all on all tables in schema guild to authenticated;
grant select on guild.places, guild.people, guild.makers to anon;
grant select (id, title, place_id) on guild.works to anon;

create function guild.add_up(a int, b int) returns int language sql immutable as 'select a + b';
create function guild.add_on(a int, b int) returns int language sql immutable as 'select a + b';
create function guild.pick(a int) returns int language sql immutable as 'select a';
create function guild.either(a int) returns int language sql immutable as 'select a';
create function guild.either(a text) returns text language sql immutable as 'select a';
revoke execute on function guild.add_up, guild.pick, guild.either(text) from public;
grant execute on all functions in schema guild to authenticated;
create function guild.broken() returns text language plpgsql security definer as $$ begin
  return (select secre from guild.works limit 1); end $$;
create function guild.advise() returns text language plpgsql as $$ begin
  raise exception 'no' using errcode = '42703', hint = 'Ask at the desk'; end $$;
