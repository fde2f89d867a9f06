package bench

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
)

// organization is the one whose user asks.
const organization = 7

// workload is one kind of request, and the SQL of the same work.
type workload struct {
	name  string
	title string
	// atLeast is the ratio to the floor that is wanted, 0 for none.
	atLeast float64
	// request writes the line and headers of one request, and its body.
	request func(r *rand.Rand, s size) call
	// sql and args are the floor: one statement and its arguments.
	sql  string
	args func(r *rand.Rand, s size) [][]byte
	// check looks at the first answer.
	check func(status int, body []byte) error
}

// call is a request to send.
type call struct {
	method string
	// target is the path below the API's root, with its query.
	target string
	prefer string
	body   []byte
}

func number(n int) []byte { return strconv.AppendInt(nil, int64(n), 10) }

// ownCustomer is the id of a customer of the organization.
func ownCustomer(r *rand.Rand, s size) int {
	return r.IntN(s.customers/organizations-1)*organizations + organization
}

// ownStart is where a page of the organization's customers may begin, with 100 rows behind it where there are so many.
func ownStart(r *rand.Rand, s size) int {
	return r.IntN(max(s.customers/organizations-101, 1)) * organizations
}

// rowsOf expects a JSON array of that many objects.
func rowsOf(want int) func(int, []byte) error {
	return func(status int, body []byte) error {
		var rows []json.RawMessage
		if err := json.Unmarshal(body, &rows); status != 200 || err != nil || len(rows) != want {
			return fmt.Errorf("status %d with %d rows, want %d: %.200s", status, len(rows), want, body)
		}
		return nil
	}
}

func status(want int) func(int, []byte) error {
	return func(got int, body []byte) error {
		if got != want {
			return fmt.Errorf("status %d, want %d: %.200s", got, want, body)
		}
		return nil
	}
}

const bulkRows = 1000

func bulk() []byte {
	rows := make([]string, bulkRows)
	for i := range rows {
		rows[i] = fmt.Sprintf(`{"author":"author %d","body":"the text of note %d"}`, i, i)
	}
	return []byte("[" + strings.Join(rows, ",") + "]")
}

// workloads lists what is measured, in the order of the report.
func workloads() []workload {
	many := bulk()
	page := func(table, columns string, limit int, start func(*rand.Rand, size) int) func(*rand.Rand, size) call {
		return func(r *rand.Rand, s size) call {
			return call{method: "GET", target: fmt.Sprintf("/nexus_bench_%s?select=%s&id=gt.%d&order=id&limit=%d", table, columns, start(r, s), limit)}
		}
	}
	after := func(start func(*rand.Rand, size) int) func(*rand.Rand, size) [][]byte {
		return func(r *rand.Rand, s size) [][]byte { return [][]byte{number(start(r, s))} }
	}
	itemStart := func(r *rand.Rand, s size) int { return r.IntN(max(s.items-1000, 1)) }
	return []workload{
		{
			name: "one-row-rls", title: "one row by key, JWT + RLS", atLeast: 0.35,
			request: func(r *rand.Rand, s size) call {
				return call{method: "GET", target: fmt.Sprintf("/nexus_bench_customers?select=id,name,email,city,balance&id=eq.%d", ownCustomer(r, s))}
			},
			sql:  "select id, name, email, city, balance from nexus_bench_customers where id = $1",
			args: func(r *rand.Rand, s size) [][]byte { return [][]byte{number(ownCustomer(r, s))} }, check: rowsOf(1),
		},
		{
			name: "one-row", title: "one row by key, no RLS", atLeast: 0.35,
			request: func(r *rand.Rand, s size) call {
				return call{method: "GET", target: fmt.Sprintf("/nexus_bench_items?select=id,name,price,stock,category&id=eq.%d", 1+r.IntN(s.items))}
			},
			sql:  "select id, name, price, stock, category from nexus_bench_items where id = $1",
			args: func(r *rand.Rand, s size) [][]byte { return [][]byte{number(1 + r.IntN(s.items))} }, check: rowsOf(1),
		},
		{
			name: "rpc", title: "scalar RPC", atLeast: 0.28,
			request: func(r *rand.Rand, _ size) call {
				return call{method: "POST", target: "/rpc/nexus_bench_add", body: fmt.Appendf(nil, `{"a":%d,"b":2}`, r.IntN(1000))}
			},
			sql:  "select nexus_bench_add($1, $2)",
			args: func(r *rand.Rand, _ size) [][]byte { return [][]byte{number(r.IntN(1000)), number(2)} }, check: status(200),
		},
		{
			name: "25-rows-rls", title: "25 rows x 5 columns, RLS", atLeast: 0.35,
			request: page("customers", "id,name,email,city,balance", 25, ownStart), args: after(ownStart), check: rowsOf(25),
			sql: "select id, name, email, city, balance from nexus_bench_customers where id > $1 order by id limit 25",
		},
		{
			name: "100-rows-rls", title: "100 rows x 6 columns, RLS", atLeast: 0.35,
			request: page("customers", "id,organization,name,email,city,balance", 100, ownStart), args: after(ownStart), check: rowsOf(100),
			sql: "select id, organization, name, email, city, balance from nexus_bench_customers where id > $1 order by id limit 100",
		},
		{
			name: "1000-rows", title: "1,000 rows x 5 columns", atLeast: 0.45,
			request: page("items", "id,name,price,stock,category", 1000, itemStart), args: after(itemStart), check: rowsOf(1000),
			sql: "select id, name, price, stock, category from nexus_bench_items where id > $1 order by id limit 1000",
		},
		{
			name: "embed", title: "25 rows + embedded list", atLeast: 0.50,
			request: page("customers", "id,name,nexus_bench_orders(id,quantity,total)", 25, ownStart), args: after(ownStart), check: rowsOf(25),
			sql: `select c.id, c.name, coalesce(o.list, '[]') from nexus_bench_customers c left join lateral (
				select json_agg(r)::jsonb as list from (
					select o.id, o.quantity, o.total from nexus_bench_orders o where o.customer_id = c.id) r) o on true
				where c.id > $1 order by c.id limit 25`,
		},
		{
			name: "insert", title: "insert, return=minimal", atLeast: 0.50,
			request: func(r *rand.Rand, _ size) call {
				return call{method: "POST", target: "/nexus_bench_notes", prefer: "return=minimal", body: fmt.Appendf(nil, `{"author":"somebody","body":"note %d"}`, r.IntN(1000))}
			},
			sql: "insert into nexus_bench_notes (author, body) values ($1, $2)",
			args: func(r *rand.Rand, _ size) [][]byte {
				return [][]byte{[]byte("somebody"), fmt.Appendf(nil, "note %d", r.IntN(1000))}
			},
			check: status(201),
		},
		{
			name: "bulk-insert", title: "1,000-row bulk insert", atLeast: 0.80,
			request: func(*rand.Rand, size) call {
				return call{method: "POST", target: "/nexus_bench_notes", prefer: "return=minimal", body: many}
			},
			sql:  "insert into nexus_bench_notes (author, body) select author, body from json_to_recordset($1::json) as r (author text, body text)",
			args: func(*rand.Rand, size) [][]byte { return [][]byte{many} }, check: status(201),
		},
		{
			name: "update", title: "update one row, return=representation", atLeast: 0.45,
			request: func(r *rand.Rand, s size) call {
				return call{
					method: "PATCH", target: fmt.Sprintf("/nexus_bench_items?id=eq.%d", 1+r.IntN(s.items)), prefer: "return=representation",
					body: fmt.Appendf(nil, `{"stock":%d}`, r.IntN(1000)),
				}
			},
			sql: "update nexus_bench_items set stock = $1 where id = $2 returning id, name, price, stock, category",
			args: func(r *rand.Rand, s size) [][]byte {
				return [][]byte{number(r.IntN(1000)), number(1 + r.IntN(s.items))}
			},
			check: rowsOf(1),
		},
	}
}
