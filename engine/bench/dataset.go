package bench

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// organizations is how many tenants the customers belong to.
const organizations = 200

// size is the number of rows of each table.
type size struct {
	customers, items, orders int
}

// fullSize is what the figures are compared at.
var fullSize = size{customers: 200_000, items: 100_000, orders: 300_000}

const dropSQL = `
drop table if exists nexus_bench_orders, nexus_bench_customers, nexus_bench_items, nexus_bench_notes, nexus_bench_export;
drop function if exists nexus_bench_add(integer, integer);`

// The policies compare with the organization in the caller's claims, once per statement, by an index that begins with it.
const createSQL = `
create table nexus_bench_customers (
	id integer primary key, organization integer not null, name text not null, email text not null, city text not null,
	balance numeric(12,2) not null
);
insert into nexus_bench_customers
	select n, n %% %[4]d, 'Customer ' || n, 'customer' || n || '@example.org', 'City ' || n %% 97, n %% 1000 + 0.25
	from generate_series(1, %[1]d) n;
create index on nexus_bench_customers (organization, id);
create table nexus_bench_items (
	id integer primary key, name text not null, price numeric(10,2) not null, stock integer not null, category text not null
);
insert into nexus_bench_items
	select n, 'Item ' || n, n %% 500 + 0.5, n %% 77, 'Category ' || n %% 20 from generate_series(1, %[2]d) n;
create table nexus_bench_orders (
	id integer primary key, organization integer not null, customer_id integer not null references nexus_bench_customers,
	item_id integer not null references nexus_bench_items, quantity integer not null, total numeric(10,2) not null
);
insert into nexus_bench_orders
	select n, (n %% %[1]d + 1) %% %[4]d, n %% %[1]d + 1, n %% %[2]d + 1, n %% 9 + 1, n %% 100 * 1.5 from generate_series(1, %[3]d) n;
create index on nexus_bench_orders (customer_id);
create index on nexus_bench_orders (organization);
create index on nexus_bench_orders (item_id);
create table nexus_bench_notes (id bigint generated always as identity primary key, author text not null, body text not null);
create function nexus_bench_add(a integer, b integer) returns integer immutable language sql as 'select a + b';
alter table nexus_bench_customers enable row level security;
alter table nexus_bench_orders enable row level security;
create policy own on nexus_bench_customers to authenticated
	using (organization = (select (current_setting('request.jwt.claims', true)::json ->> 'organization')::integer));
create policy own on nexus_bench_orders to authenticated
	using (organization = (select (current_setting('request.jwt.claims', true)::json ->> 'organization')::integer));
grant select, insert, update, delete on nexus_bench_customers, nexus_bench_items, nexus_bench_orders, nexus_bench_notes to authenticated;
grant execute on function nexus_bench_add(integer, integer) to authenticated;
notify pgrst, 'reload schema';`

// build makes the data set, in place of one that an earlier run may have left.
func build(ctx context.Context, conn *pgx.Conn, schema string, s size) error {
	for _, sql := range []string{
		"set search_path to " + pgx.Identifier{schema}.Sanitize(), dropSQL,
		fmt.Sprintf(createSQL, s.customers, s.items, s.orders, organizations),
		"vacuum analyze nexus_bench_customers", "vacuum analyze nexus_bench_items", "vacuum analyze nexus_bench_orders", "checkpoint",
	} {
		if _, err := conn.Exec(ctx, sql); err != nil && !strings.HasPrefix(sql, "checkpoint") { // which takes a superuser
			return fmt.Errorf("make the data set: %w", err)
		}
	}
	return nil
}

// drop removes everything that build made.
func drop(ctx context.Context, conn *pgx.Conn) error {
	if _, err := conn.Exec(ctx, dropSQL); err != nil {
		return fmt.Errorf("drop the data set: %w", err)
	}
	return nil
}
