package plan_test

import (
	"testing"

	"nexus/engine/rest/plan"
)

// TestErrors checks what clients are told about names that are not there, or mean several things.
func TestErrors(t *testing.T) {
	t.Parallel()
	snap := loadSnapshot(t)
	all := plan.Options{AggregatesEnabled: true, PlanEnabled: true}
	for _, test := range []struct {
		request string
		opts    plan.Options
		status  int
		want    string
	}{
		{"GET /custommers", all, 404, `{"code":"PGRST205","details":null,"hint":"Perhaps you meant the table 'shop.customers'","message":"Could not find the table 'shop.custommers' in the schema cache"}`},
		{"OPTIONS /qqqq", all, 404, `{"code":"PGRST205","details":null,"hint":null,"message":"Could not find the table 'shop.qqqq' in the schema cache"}`},
		{"DELETE /types", all, 404, `{"code":"PGRST205","details":null,"hint":"Perhaps you meant the table 'shop.employees'","message":"Could not find the table 'shop.types' in the schema cache"}`},

		{
			"GET /customers?select=order(id)", all, 400,
			`{"code":"PGRST200","details":"Searched for a foreign key relationship between 'customers' and 'order' in the schema 'shop', but no matches were found.","hint":"Perhaps you meant 'orders' instead of 'order'.","message":"Could not find a relationship between 'customers' and 'order' in the schema cache"}`,
		},
		{
			"GET /orders?select=customers!nope(id)", all, 400,
			`{"code":"PGRST200","details":"Searched for a foreign key relationship between 'orders' and 'customers' using the hint 'nope' in the schema 'shop', but no matches were found.","hint":null,"message":"Could not find a relationship between 'orders' and 'customers' in the schema cache"}`,
		},
		{
			"GET /secrets?select=orders(id)", all, 400,
			`{"code":"PGRST200","details":"Searched for a foreign key relationship between 'secrets' and 'orders' in the schema 'shop', but no matches were found.","hint":null,"message":"Could not find a relationship between 'secrets' and 'orders' in the schema cache"}`,
		},
		{
			"GET /orders?select=addresses(id)", all, 300,
			`{"code":"PGRST201","details":[{"cardinality":"many-to-one","embedding":"orders with addresses","relationship":"orders_billing_address_id_fkey using orders(billing_address_id) and addresses(id)"},{"cardinality":"many-to-one","embedding":"orders with addresses","relationship":"orders_shipping_address_id_fkey using orders(shipping_address_id) and addresses(id)"}],"hint":"Try changing 'addresses' to one of the following: 'addresses!orders_billing_address_id_fkey', 'addresses!orders_shipping_address_id_fkey'. Find the desired relationship in the 'details' key.","message":"Could not embed because more than one relationship was found for 'orders' and 'addresses'"}`,
		},

		{"GET /customers?orders.id=eq.1", all, 400, `{"code":"PGRST108","details":null,"hint":"Verify that 'orders' is included in the 'select' query parameter.","message":"'orders' is not an embedded resource in this request"}`},
		{"GET /customers?select=orders(id)&orders.x.or=(id.eq.1)", all, 400, `{"code":"PGRST108","details":null,"hint":"Verify that 'x' is included in the 'select' query parameter.","message":"'x' is not an embedded resource in this request"}`},
		{"GET /customers?a.id=eq.1&b.limit=1&c.order=id", all, 400, `{"code":"PGRST108","details":null,"hint":"Verify that 'a' is included in the 'select' query parameter.","message":"'a' is not an embedded resource in this request"}`},
		{"GET /orders?order=customers(id)", all, 400, `{"code":"PGRST108","details":null,"hint":"Verify that 'customers' is included in the 'select' query parameter.","message":"'customers' is not an embedded resource in this request"}`},
		{"GET /customers?select=orders(id)&order=orders(id)", all, 400, `{"code":"PGRST118","details":"'customers' and 'orders' do not form a many-to-one or one-to-one relationship","hint":null,"message":"A related order on 'orders' is not possible"}`},

		{"GET /orders?select=total.sum()", plan.Options{}, 400, `{"code":"PGRST123","details":null,"hint":null,"message":"Use of aggregate functions is not allowed"}`},
		{"GET /customers?select=id,orders(count())", plan.Options{}, 400, `{"code":"PGRST123","details":null,"hint":null,"message":"Use of aggregate functions is not allowed"}`},
		{"GET /customers?select=id,...orders(total.sum())", all, 400, `{"code":"PGRST127","details":"Aggregates are not implemented for one-to-many or many-to-many spreads.","hint":null,"message":"Feature not implemented"}`},
		{"GET /customers?select=id,...orders(...customers(id.sum()))", all, 400, `{"code":"PGRST127","details":"Aggregates are not implemented for one-to-many or many-to-many spreads.","hint":null,"message":"Feature not implemented"}`},

		{"POST /labels\n\n{\"id\":1,\"nmae\":\"x\"}", all, 400, `{"code":"PGRST204","details":null,"hint":null,"message":"Could not find the 'nmae' column of 'labels' in the schema cache"}`},
		{"PATCH /labels?columns=nope\n\n{\"name\":\"x\"}", all, 400, `{"code":"PGRST204","details":null,"hint":null,"message":"Could not find the 'nope' column of 'labels' in the schema cache"}`},
		{"PUT /labels?name=eq.x\n\n{\"id\":1}", all, 405, putRefused},
		{"PUT /labels\n\n{\"id\":1}", all, 405, putRefused},
		{"PUT /labels?id=gt.1\n\n{\"id\":1}", all, 405, putRefused},
		{"PUT /labels?id=not.eq.1\n\n{\"id\":1}", all, 405, putRefused},
		{"PUT /labels?id=eq(any).{1}\n\n{\"id\":1}", all, 405, putRefused},
		{"PUT /labels?id=eq.1&name=eq.x\n\n{\"id\":1}", all, 405, putRefused},
		{"PUT /labels?id=eq.1&or=(id.eq.1)\n\n{\"id\":1}", all, 405, putRefused},
		{"PUT /product_labels?sku=eq.A-1\n\n{\"sku\":\"A-1\"}", all, 405, putRefused},
		{"PUT /nopk?a=eq.1\nContent-Profile: odd\n\n{\"a\":1}", all, 405, putRefused},

		{"GET /labels\nAccept: text/unknown, application/vnd.pgrst.plan", plan.Options{}, 406, `{"code":"PGRST107","details":null,"hint":null,"message":"None of these media types are available: text/unknown, application/vnd.pgrst.plan+text; for=\"application/json\""}`},
		{"GET /labels\nAccept: application/vnd.pgrst.plan; for=\"text/unknown\"", all, 406, `{"code":"PGRST107","details":null,"hint":null,"message":"None of these media types are available: application/vnd.pgrst.plan+text; for=\"text/unknown\""}`},
		{"GET /\nAccept: text/csv", all, 406, `{"code":"PGRST107","details":null,"hint":null,"message":"None of these media types are available: text/csv"}`},
		{"GET /walls?select=id\nAccept-Profile: extra\nAccept: image/x-wall", all, 406, `{"code":"PGRST107","details":null,"hint":null,"message":"None of these media types are available: image/x-wall"}`},
		{"GET /labels\nPrefer: handling=strict, foo, count=exact, bar=1", all, 400, `{"code":"PGRST122","details":"Invalid preferences: foo, bar=1","hint":null,"message":"Invalid preferences given with handling=strict"}`},

		{"GET /rpc/ad", all, 404, `{"code":"PGRST202","details":"Searched for the function shop.ad without parameters, but no matches were found in the schema cache.","hint":"Perhaps you meant to call the function shop.add","message":"Could not find the function shop.ad without parameters in the schema cache"}`},
		{"GET /rpc/add?x=1", all, 404, `{"code":"PGRST202","details":"Searched for the function shop.add with parameter x, but no matches were found in the schema cache.","hint":null,"message":"Could not find the function shop.add(x) in the schema cache"}`},
		{"GET /rpc/add?aa=1&b=2", all, 404, `{"code":"PGRST202","details":"Searched for the function shop.add with parameters aa, b, but no matches were found in the schema cache.","hint":"Perhaps you meant to call the function shop.add(a, b)","message":"Could not find the function shop.add(aa, b) in the schema cache"}`},
		{"POST /rpc/add\n\n{\"c\":1,\"a\":1}", all, 404, `{"code":"PGRST202","details":"Searched for the function shop.add with parameters a, c or with a single unnamed json/jsonb parameter, but no matches were found in the schema cache.","hint":"Perhaps you meant to call the function shop.add(a, b)","message":"Could not find the function shop.add(a, c) in the schema cache"}`},
		{"POST /rpc/add\nContent-Type: text/plain\n\nx", all, 404, `{"code":"PGRST202","details":"Searched for the function shop.add with a single unnamed text parameter, but no matches were found in the schema cache.","hint":null,"message":"Could not find the function shop.add in the schema cache"}`},
		{"POST /rpc/nothing\nContent-Type: text/xml\n\n<a/>", all, 404, `{"code":"PGRST202","details":"Searched for the function shop.nothing with a single unnamed xml parameter, but no matches were found in the schema cache.","hint":null,"message":"Could not find the function shop.nothing in the schema cache"}`},
		{"GET /rpc/echo", all, 404, `{"code":"PGRST202","details":"Searched for the function shop.echo without parameters, but no matches were found in the schema cache.","hint":"Perhaps you meant to call the function shop.echo()","message":"Could not find the function shop.echo without parameters in the schema cache"}`},
		{"OPTIONS /rpc/greet", all, 404, `{"code":"PGRST202","details":"Searched for the function shop.greet without parameters, but no matches were found in the schema cache.","hint":null,"message":"Could not find the function shop.greet without parameters in the schema cache"}`},
		{"GET /rpc/either?a=1\nAccept-Profile: extra", all, 300, `{"code":"PGRST203","details":null,"hint":"Try renaming the parameters or the function itself in the database so function overloading can be resolved","message":"Could not choose the best candidate function between: extra.either(a => integer), extra.either(a => text)"}`},
		{"GET /rpc/add?a=1\nPrefer: handling=strict, max-affected=1", all, 400, `{"code":"PGRST128","details":null,"hint":null,"message":"Function must return SETOF or TABLE when max-affected preference is used with handling=strict"}`},
	} {
		got := refusal(t, snap, test.opts, test.request)
		if got.Status != test.status || string(got.JSON(false)) != test.want {
			t.Errorf("%s\n got %d %s\nwant %d %s", test.request, got.Status, got.JSON(false), test.status, test.want)
		}
	}
}

const putRefused = `{"code":"PGRST105","details":null,"hint":null,"message":"Filters must include all and only primary key columns with 'eq' operators"}`
