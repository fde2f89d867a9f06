-- A library, and more rows for the shop: every kind of relationship, ties, nulls, quoted values and policies. Run after
-- testdata/fixture.sql. All values are computed, so every copy is the same.
create schema library;

create table library.authors (
  id int primary key, name text not null, born date, rating numeric(4,2), active boolean, shelf int4range, tags text[],
  meta jsonb, country varchar(20), mood char(4), organization_id int not null, seen timestamptz, words tsvector);
create table library.author_details (author_id int primary key references library.authors, bio text, extra json, verified boolean);
create table library.books (
  id int primary key, author_id int not null references library.authors, editor_id int references library.authors (id),
  title text not null, price numeric(8,2), pages int, isbn uuid, attrs jsonb, cover bytea, published timestamp,
  sold interval, lent int8range, public boolean not null);
create domain library.color as int check (value between 0 and 4095); -- requests see it as #rgb
create function library.json(library.color) returns json language sql immutable as $$ select to_json('#' || lpad(to_hex($1), 3, '0')) $$;
create function library.color(text) returns library.color language sql immutable as $$ select ('x' || lpad(substr($1, 2), 8, '0'))::bit(32)::int::library.color $$;
create cast (library.color as json) with function library.json(library.color) as implicit;
create cast (text as library.color) with function library.color(text) as implicit;
create table library.genres (id int primary key, name text not null, parent_id int references library.genres, color library.color);
create table library.book_genres (
  book_id int references library.books, genre_id int references library.genres, weight real, primary key (book_id, genre_id));
create table library.editions (book_id int references library.books, no int, format text, flags bit(3), primary key (book_id, no));
create table library.copies (
  id int primary key, book_id int, edition_no int, state text, shelfmark text, foreign key (book_id, edition_no) references library.editions);
create table library."Loan List" (
  "loan id" int primary key, "copy.id" int not null references library.copies, "who, when" text, "du""e" date, "número" int);

insert into library.authors
select i, (array['Ada','Bo "B" Lee','Cem, C.','Dár(i)o','Eve:E','Fay\F','Ada','زينب','O''Neil','%x_y*'])[i % 10 + 1] || case when i % 4 = 0 then ' ' || i else '' end,
  case when i % 5 <> 0 then date '1950-01-01' + (i * 397 % 9000) end,
  case i % 7 when 0 then null when 1 then 4.50 else (i * 37 % 50) / 10.0 end,
  case i % 3 when 0 then true when 1 then false end,
  case i % 6 when 0 then null when 1 then 'empty' when 2 then int4range(i, null) else int4range(i, i + i % 4) end,
  case i % 4 when 0 then null when 1 then '{}' when 2 then array['a', 'b,c', null, 'q"' || i % 3] else array['a', 'x' || i % 3] end,
  case i % 6 when 0 then null when 1 then '{}' when 2 then '[1, "two", {"k": null}]'
    else jsonb_build_object('lang', (array['ar','en','fr'])[i % 3 + 1], 'age', 20 + i % 5, 'a b', i % 2, 'deep', jsonb_build_object('list', jsonb_build_array(i % 3, i, 'e'), 'n', nullif(i % 4, 0))) end,
  case when i % 3 = 0 then (array['EG','DE','FR'])[i / 3 % 3 + 1] end, case when i % 4 < 3 then (array['up','down','calm'])[i % 4 + 1] end,
  i % 2 + 1, case when i % 5 > 1 then timestamptz '2026-01-01 10:00:00+00' + i % 5 * interval '1 day 1.5 seconds' end,
  case when i % 4 > 0 then to_tsvector('english', (array['The fat cats', 'red shoes running', 'a blue bag of rats'])[i % 3 + 1]) end
from generate_series(1, 24) i;
insert into library.author_details
select i * 2, case when i % 3 > 0 then 'Bio of ' || i % 4 end, case when i % 2 = 0 then '{"a" : [1,  2.50], "s":"x"}'::json when i % 3 = 0 then '[]' end, i % 4 = 0
from generate_series(1, 9) i;
insert into library.books
select i, i * 7 % 20 + 1, case when i % 3 > 0 then i * 5 % 24 + 1 end,
  (array['Red shoes','Cats & rats','A "quoted" tale','1, 2 (three)','Blue running','','كتاب'])[i % 7 + 1] || case when i % 2 = 0 then '' else ' ' || i % 5 end,
  case when i % 6 > 0 then (i * 53 % 400) / 4.0 end, case when i % 5 > 0 then i * 31 % 12 * 50 end,
  case when i % 4 > 0 then ('00000000-0000-0000-0000-' || lpad((i % 9)::text, 12, '0'))::uuid end,
  case when i % 3 = 0 then jsonb_build_object('stock', i % 4, 'big', i * 1e17, 'size', jsonb_build_array(i % 2, 1.50)) when i % 3 = 1 then '"text"' end,
  case when i % 4 = 0 then decode('deadbeef0' || i % 3, 'hex') when i % 4 = 1 then '' end,
  case when i % 5 > 0 then timestamp '2020-02-29 23:59:59.5' + i % 6 * interval '100 days' end,
  case when i % 4 > 0 then i % 4 * interval '1 mon 2 days 03:04:05' end,
  case i % 5 when 0 then null when 1 then '(,)' else int8range(i, i + 10, '[]') end, i % 4 <> 1
from generate_series(1, 48) i;
insert into library.genres select i, 'Genre ' || i % 7, case when i > 3 then i / 2 end, case when i % 4 > 0 then i % 3 * 1000 end from generate_series(1, 10) i;
insert into library.book_genres
select b, g, case when (b + g) % 4 > 0 then (b * g % 10) / 4.0 end from generate_series(1, 48) b, generate_series(1, 9) g where (b * 5 + g * 3) % 11 < 2;
insert into library.editions select b, n, case when (b + n) % 3 > 0 then 'f' || (b + n) % 3 end, (b % 8)::bit(3) from generate_series(1, 40) b, generate_series(1, 3) n where n <= b % 4;
insert into library.copies
select row_number() over (order by b, n, c), case when c < 3 then b end, n, (array['new','worn',null])[(b + c) % 3 + 1], case when b % 2 = 0 then 'S-' || b % 6 end
from (select book_id b, no n from library.editions where book_id % 2 = 0) e, generate_series(1, 3) c where (b + n + c) % 3 > 0;
insert into library."Loan List"
select i, (i * 3 % (select count(*)::int from library.copies)) + 1, case when i % 3 > 0 then (array['Ann, noon','Ben (late)','"C"'])[i % 3 + 1] end, case when i % 4 > 0 then date '2026-03-01' + i % 7 end, i % 5
from generate_series(1, 30) i;

create view library.book_list as select id, author_id, title, price from library.books;
create view library.public_books with (security_invoker) as select id, author_id, title, pages from library.books where public;
create view library.shelves as select a.country, count(*) as authors, max(rating) as best from library.authors a group by 1;

create function library.shout(library.authors) returns text language sql immutable as $$ select upper($1.name) $$;
create function library.spread_of(library.books) returns numeric language sql immutable as $$ select $1.price * $1.pages $$;
create function library.first_book(library.authors) returns setof library.books rows 1 language sql stable
  as $$ select * from library.books where author_id = $1.id order by id limit 1 $$;
create function library.long_books(library.authors) returns setof library.books language sql stable
  as $$ select * from library.books where author_id = $1.id and pages > 200 $$;
create function library.kin(library.genres) returns setof library.genres language sql stable
  as $$ select * from library.genres where parent_id = $1.parent_id and id <> $1.id $$;

create function library.books_from(at_least int, genre text default null) returns setof library.books language sql stable
  as $$ select * from library.books b where pages >= at_least and (genre is null or exists (
    select from library.book_genres join library.genres g on g.id = genre_id where book_id = b.id and g.name = genre)) $$;
create function library.authors_like(pattern text) returns setof library.authors language plpgsql stable
  as $$ begin return query select * from library.authors where name ilike pattern; end $$;

create function library.org() returns int language sql stable as $$ select (current_setting('request.jwt.claims', true)::json->>'organization_id')::int $$;
alter table library.authors enable row level security;
create policy known on library.authors for select to anon using (active is true);
create policy own on library.authors for select to authenticated using (organization_id = (select library.org()) or rating > 4);
alter table library.books enable row level security;
create policy public on library.books for select to anon using (public);
create policy visible on library.books for select to authenticated using (public or exists (select from library.authors a where a.id = author_id));
alter table library.book_genres enable row level security;
create policy everyone on library.book_genres for select to authenticated, anon using (weight is not null);

grant usage on schema library to anon, authenticated, service_role;
grant select on all tables in schema library to authenticated, service_role, anon;
revoke all on library.copies from anon;

-- The shop of the fixture has a handful of rows; these give filters and windows something to cut.
insert into shop.customers (id, organization_id, first_name, last_name, email, phone, tags, score, profile, birthday, created_at)
select i, i % 2 + 1, (array['Amina','Bob','Zoë','x, y'])[i % 4 + 1], case when i % 3 > 0 then 'L' || i % 5 end, case when i % 4 > 0 then 'c' || i || '@example.com' end,
  case when i % 2 = 0 then '+20' || i end, case i % 3 when 0 then '{}' when 1 then array['vip'] else array['new','x'] end, i * 13 % 101,
  case when i % 3 > 0 then jsonb_build_object('lang', (array['ar','en'])[i % 2 + 1], 'age', i % 40) end, case when i % 4 > 0 then date '1980-01-01' + i * 100 end, '2026-01-02 00:00:00+00'
from generate_series(6, 25) i;
insert into shop.addresses select i, i * 3 % 25 + 1, (array['Cairo','Giza','Paris'])[i % 3 + 1], case when i % 2 = 0 then i || ' Any St' end from generate_series(5, 30) i;
insert into shop.products (sku, name, price, weight, stock, discontinued, sizes, available)
select 'P-' || i, (array['Red shoes','Blue bag','Leather socks'])[i % 3 + 1] || ' ' || i % 4, i * 7 % 30 + 0.5, case when i % 3 > 0 then i % 5 / 4.0 end, i % 6, i % 4 = 0,
  case when i % 3 > 0 then array[i % 4, 40] end, case when i % 3 > 0 then daterange(date '2026-01-01' + i, date '2026-02-01' + i * 2) end
from generate_series(1, 14) i;
insert into shop.product_labels select 'P-' || p, l, (p * l) % 4 from generate_series(1, 14) p, generate_series(1, 3) l where (p + l) % 3 = 0;
insert into shop.orders
select 200 + i, i * 7 % 25 + 1, (array['pending','confirmed','shipped','delivered','cancelled'])[i % 5 + 1]::shop.order_status,
  case when i % 4 > 0 then i % 30 + 1 end, case when i % 3 > 0 then i * 2 % 30 + 1 end, i * 11 % 90 + 0.25,
  case when i % 5 > 0 then timestamptz '2026-03-01 00:00:00+00' + i % 8 * interval '7 hours' end, case when i % 3 = 0 then 'note ' || i % 4 end
from generate_series(1, 40) i;
insert into shop.order_items select 200 + o, l, 'P-' || (o + l) % 14 + 1, (o * l) % 5 + 1 from generate_series(1, 40) o, generate_series(1, 3) l where l <= o % 4;
insert into shop.shipments select 200 + i, (array['bosta','dhl'])[i % 2 + 1], case when i % 3 > 0 then 'T' || 200 + i end from generate_series(1, 40, 3) i;
insert into shop.employees select i, 'E' || i % 4, case when i % 5 > 0 then i / 2 end from generate_series(5, 16) i;
refresh materialized view shop.stock_by_state;
