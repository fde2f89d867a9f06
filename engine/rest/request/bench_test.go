package request_test

import (
	"net/http"
	"strings"
	"testing"

	"nexus/engine/rest/request"
)

// shape is a request whose parsing has a budget.
type shape struct {
	name string
	in   request.Input
}

func shapes() []shape {
	header := http.Header{
		"Accept": {"application/json"}, "User-Agent": {"bench"}, "Authorization": {"Bearer x.y.z"},
	}
	jsonHeader := http.Header{"Content-Type": {"application/json"}, "Prefer": {"return=representation, count=exact"}}
	rows := "[" + strings.Repeat(`{"id":1,"name":"someone","tags":["a","b"],"score":1.5},`, 99) + `{"id":1,"name":"x","tags":[],"score":0}]`
	return []shape{
		{"row", request.Input{Method: "GET", Path: "/items", RawQuery: "id=eq.42", Header: header}},
		{"page", request.Input{
			Method: "GET", Path: "/orders", Header: header,
			RawQuery: "select=id,customer_id,status,total,created_at&status=eq.open&total=gte.10&order=created_at.desc,id&limit=25",
		}},
		{"embed", request.Input{
			Method: "GET", Path: "/orders", Header: header,
			RawQuery: "select=id,total,customer:customers(id,name)&status=eq.open&total=gte.10&order=created_at.desc&limit=25",
		}},
		{"logic", request.Input{
			Method: "GET", Path: "/orders", Header: header,
			RawQuery: "select=*&or=(status.eq.open,and(total.gt.10,id.in.(1,2,3)))&order=id&limit=10&offset=20",
		}},
		{"call", request.Input{Method: "GET", Path: "/rpc/add", RawQuery: "a=1&b=2", Header: header}},
		{"insert", request.Input{Method: "POST", Path: "/items", Header: jsonHeader, Body: []byte(`{"id":1,"name":"x","score":2.5}`)}},
		{"insert100", request.Input{Method: "POST", Path: "/items", Header: jsonHeader, Body: []byte(rows)}},
		{"syntax error", request.Input{Method: "GET", Path: "/items", RawQuery: "select=id,,name", Header: header}},
	}
}

func BenchmarkParse(b *testing.B) {
	for _, bb := range shapes() {
		b.Run(bb.name, func(b *testing.B) {
			opts := request.Options{Schemas: []string{"public"}}
			b.ReportAllocs()
			b.SetBytes(int64(len(bb.in.Body)))
			for b.Loop() {
				_, _ = request.Parse(opts, bb.in)
			}
		})
	}
}
