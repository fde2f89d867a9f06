-- One relation for each way of having a privilege. The roles are of the cluster and may be there already.
set client_min_messages = warning;
do $$ declare r text; begin
  foreach r in array array['oa_nobody', 'oa_reader', 'oa_writer', 'oa_owner', 'oa_member'] loop
    begin execute format('create role %I', r); exception when duplicate_object or unique_violation then null; end;
  end loop;
end $$;
grant oa_owner to oa_member;
create schema "Api"; create schema empty;
comment on schema "Api" is E'Title\nand text';

create table "Api".read (id int); grant select on "Api".read to oa_reader;
create view "Api".view as select 1 as id; grant select on "Api".view to oa_reader;
create materialized view "Api".matview as select 1 as id; grant select on "Api".matview to oa_reader;
create table "Api".by_column (id int, hidden text); grant select (id) on "Api".by_column to oa_reader;
create table "Api".written (id int); grant insert on "Api".written to oa_writer;
create table "Api".truncated (id int); grant truncate on "Api".truncated to oa_writer;
create table "Api".referenced (id int primary key); grant references (id) on "Api".referenced to oa_writer;
create table "Api".parted (id int) partition by list (id); grant delete on "Api".parted to oa_writer;
create table "Api".part partition of "Api".parted for values in (1); grant all on "Api".part to oa_writer;
create table "Api".owned (id int); alter table "Api".owned owner to oa_owner;
create sequence "Api".counter; grant all on "Api".counter to public;
create type "Api".pair as (a int, b int); grant usage on type "Api".pair to public;

create function "Api".for_all() returns int language sql as 'select 1';
create function "Api".for_reader() returns int language sql as 'select 1';
revoke execute on function "Api".for_reader() from public; grant execute on function "Api".for_reader() to oa_reader;
