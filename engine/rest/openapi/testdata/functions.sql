-- Functions with every kind of argument, and things of pg_proc that no request can call.
set client_min_messages = warning;
do $$ begin create role oa_caller; exception when duplicate_object or unique_violation then null; end $$;
create schema fns; create schema elsewhere; grant usage on schema fns to oa_caller;
create type fns.mood as enum ('ok'); create type elsewhere.kind as enum ('a');

create function fns.plain() returns void language sql as ''; comment on function fns.plain is E'Summary\ntext';
create function fns.args(a int, "B c" text[], m fns.mood default 'ok') returns int language sql stable as 'select 1';
create function fns.body(jsonb) returns jsonb language sql immutable as 'select $1';
create function fns.outs(out o int, i int, inout io text) language sql as 'select 1, io';
create function fns.returns(n elsewhere.kind) returns table (a int, b text) language sql as $$ select 1, '' $$;
create function fns.variadic(variadic v int[]) returns int language sql immutable as 'select 1';

create function fns.unnamed_number(int) returns int language sql as 'select $1';
create function fns.unnamed_pair(text, text) returns text language sql as 'select $1';
create function fns.on_change() returns trigger language plpgsql as 'begin return new; end';
create procedure fns.procedure() language sql as '';
create aggregate fns.aggregate(int) (sfunc = int4pl, stype = int);
create function fns.refused() returns int language sql as 'select 1'; revoke execute on function fns.refused() from public;
