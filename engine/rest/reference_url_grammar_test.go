package rest_test

import "testing"

func TestReferenceURLGrammar(t *testing.T) {
	t.Parallel()
	run(t, harbour(t, nil), map[string]call{
		"custom queries: a filter, a select and an order are parameters": {
			target: "/docks?select=id,name&depth=gt.3&order=id.desc", want: `[{"id":2,"name":"South"}, 
 {"id":1,"name":"North"}]`,
		},
		"unicode in tables, columns and values": {
			target: "/%D8%A7%D9%84%D9%85%D9%88%D8%A7%D9%86%D8%A6?%D8%A7%D8%B3%D9%85=eq.%D9%85%D9%8A%D9%86%D8%A7%D8%A1",
			want:   `[{"id":1,"اسم":"ميناء"}]`,
		},
		"spaces in tables and columns": {
			target: "/Old%20Wares?select=Lot%20No&Lot%20No=lt.2", want: `[{"Lot No":1}]`,
		},
		"a comma inside a quoted value of in": {
			target: "/Old%20Wares?select=Lot%20No&%22net.weight%22=in.(%22a,b%22,%22c.d%22)", want: `[{"Lot No":1}, {"Lot No":2}]`,
		},
		"quotes may stand as they are": {
			target: `/Old%20Wares?select=Lot%20No&"net.weight"=in.("a,b")`, want: `[{"Lot No":1}]`,
		},
		"parentheses inside a quoted value": {
			target: "/Old%20Wares?select=Lot%20No&%22net.weight%22=in.(%22(e)%22)", want: `[{"Lot No":5}]`,
		},
		"a dot inside a quoted column": {
			target: "/Old%20Wares?select=Lot%20No&%22net.weight%22=like.c*", want: `[{"Lot No":2}]`,
		},
		"a dot inside a quoted column of select": {
			target: "/Old%20Wares?select=%22net.weight%22&Lot%20No=eq.2", want: `[{"net.weight":"c.d"}]`,
		},
		"an escaped quote and an escaped backslash": {
			target: "/Old%20Wares?select=Lot%20No&%22net.weight%22=in.(%22say%20%5C%22x%5C%22%22,%22back%5C%5Cslash%22)&order=Lot%20No",
			want:   `[{"Lot No":3}, {"Lot No":4}]`,
		},
		"a reserved character that is not quoted ends the value": {
			target: "/Old%20Wares?select=Lot%20No&%22net.weight%22=in.(a,b)", want: `[]`,
		},
	})
}
