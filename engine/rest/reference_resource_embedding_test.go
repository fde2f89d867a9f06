package rest_test

import (
	"net/http"
	"testing"
)

func TestReferenceEmbeddingRelationships(t *testing.T) {
	t.Parallel()
	run(t, harbour(t, nil), map[string]call{
		"many-to-one is an object": {
			target: "/voyages?select=title,captains(name)&id=in.(1,4)&order=id",
			want:   `[{"title":"Whale","captains":{"name":"Ahab"}},{"title":"Ghost","captains":null}]`,
		},
		"with an alias": {target: "/voyages?select=title,captain:captains(name)&id=eq.1", want: `[{"title":"Whale","captain":{"name":"Ahab"}}]`},
		"by the name of the foreign key's column": {
			target: "/voyages?select=title,captain_id(name)&id=eq.1", want: `[{"title":"Whale","captain_id":{"name":"Ahab"}}]`,
		},
		"one-to-many is an array": {
			target: "/captains?select=name,voyages(title)&voyages.order=id&id=gt.1&order=id",
			want:   `[{"name":"Nemo","voyages":[{"title":"Deep"},{"title":"Island"}]},{"name":"Idle","voyages":[]}]`,
		},
		"many-to-many through a join table": {
			target: "/passengers?select=name,voyages(title)&voyages.order=id&id=eq.1",
			want:   `[{"name":"Ishmael","voyages":[{"title":"Whale"},{"title":"Island"}]}]`,
		},
		"many-to-many through a key of more columns": {
			target: "/captains?select=name,passengers(name)&id=eq.2", want: `[{"name":"Nemo","passengers":[{"name":"Ishmael"}]}]`,
		},
		"one-to-one by a primary key": {target: "/voyages?select=title,manifests(cargo)&id=eq.1", want: `[{"title":"Whale","manifests":{"cargo":"oil"}}]`},
		"one-to-one by a unique key": {
			target: "/voyages?select=title,insurances(sum)&id=in.(1,2)&order=id",
			want:   `[{"title":"Whale","insurances":{"sum":100}},{"title":"Deep","insurances":null}]`,
		},
		"one-to-one from its other side": {target: "/manifests?select=cargo,voyages(title)&voyage_id=eq.1", want: `[{"cargo":"oil","voyages":{"title":"Whale"}}]`},
		"all columns":                    {target: "/berths?select=*,ships(*)&ship_id=eq.2", want: `[{"ship_id":2,"number":1,"note":"aft","ships":{"id":2,"name":"Borealis","dock_id":1,"home_id":2,"length":12,"papers":{"crew": [], "flag": "EG", "tons": 9},"flags":["cargo"],"slots":"[5,9)"}}]`},
		"a table that is partitioned": {
			target: "/catches?select=kilos,voyages(title)&kilos=gte.50", want: `[{"kilos":60,"voyages":{"title":"Deep"}}]`,
		},
		"not its partitions": {target: "/voyages?select=title,catches_1(kilos)", status: 400, want: `~PGRST200`},
	})
}

func TestReferenceEmbeddingComputed(t *testing.T) {
	t.Parallel()
	run(t, harbour(t, nil), map[string]call{
		"rows 1 is to-one": {
			target: "/sightings?select=place,voyage(title)&order=id",
			want:   `[{"place":"Cape","voyage":{"title":"Whale"}},{"place":"Reef","voyage":{"title":"Deep"}},{"place":"Fog","voyage":null}]`,
		},
		"without it is to-many": {target: "/voyages?select=title,sightings(place)&id=eq.1", want: `[{"title":"Whale","sightings":[{"place":"Cape"}]}]`},
		"before a foreign key":  {target: "/boats?select=id,captains(name)", want: `[{"id":1,"captains":{"name":"Nemo"}}]`},
		"recursive one-to-one": {
			target: "/pilots?select=name,predecessor(name),successor(name)&id=eq.2",
			want:   `[{"name":"Ben","predecessor":{"name":"Ada"},"successor":{"name":"Cleo"}}]`,
		},
		"recursive one-to-many": {target: "/pilots?select=name,pupils(name)&id=eq.1", want: `[{"name":"Ada","pupils":[{"name":"Ben"},{"name":"Cleo"}]}]`},
		"recursive many-to-one": {target: "/pilots?select=name,teacher(name)&id=eq.3", want: `[{"name":"Cleo","teacher":{"name":"Ada"}}]`},
		"recursive many-to-many": {
			target: "/pilots?select=name,followers(name),following(name)&followers.order=name&id=eq.2",
			want:   `[{"name":"Ben","followers":[{"name":"Ada"},{"name":"Cleo"}],"following":[{"name":"Cleo"}]}]`,
		},
		"nested in one another": {target: "/pilots?select=name,pupils(name,teacher(name))&pupils.id=eq.2&id=eq.1", want: `[{"name":"Ada","pupils":[{"name":"Ben","teacher":{"name":"Ada"}}]}]`},
	})
}

func TestReferenceEmbeddingAmbiguous(t *testing.T) {
	t.Parallel()
	run(t, harbour(t, nil), map[string]call{
		"two foreign keys need a hint": {target: "/ships?select=*,docks(*)", status: 300, want: `~PGRST201`},
		"many-to-one by the foreign key": {
			target: "/ships?select=name,dock:docks!ships_dock_id_fkey(name),home:docks!ships_home_id_fkey(name)&id=eq.2",
			want:   `[{"name":"Borealis","dock":{"name":"North"},"home":{"name":"South"}}]`,
		},
		"many-to-one by the column": {
			target: "/ships?select=name,dock:docks!dock_id(name),home:docks!home_id(name)&id=eq.2",
			want:   `[{"name":"Borealis","dock":{"name":"North"},"home":{"name":"South"}}]`,
		},
		"one-to-many by the foreign key": {
			target: "/docks?select=name,here:ships!ships_dock_id_fkey(name),homed:ships!ships_home_id_fkey(name)&here.order=id&id=eq.1",
			want:   `[{"name":"North","here":[{"name":"Aurora"},{"name":"Borealis"}],"homed":[{"name":"Aurora"}]}]`,
		},
	})
}

func TestReferenceEmbeddingElsewhere(t *testing.T) {
	t.Parallel()
	run(t, harbour(t, nil), map[string]call{
		"a view, by the columns it shows": {
			target: "/booking_list?select=title,voyages!booked_id(year)&cabin=eq.B2", want: `[{"title":"Deep","voyages":{"year":1870}}]`,
		},
		"a view, to where its key is wanted": {
			target: "/booking_list?select=cabin,manifests(cargo)&cabin=eq.A1", want: `[{"cabin":"A1","manifests":{"cargo":"oil"}}]`,
		},
		"a view over a view":           {target: "/first_class?select=title,voyages(year)&title=eq.Whale", want: `[{"title":"Whale","voyages":{"year":1851}}]`},
		"a materialized view":          {target: "/voyage_years?select=year,captains(name)&id=eq.1", want: `[{"year":1851,"captains":{"name":"Ahab"}}]`},
		"a view with a union has none": {target: "/all_names?select=name,voyages(title)", status: 400, want: `~PGRST200`},
		"a function's table": {
			target: "/rpc/voyages_since?first=1850&select=title,captains(name)&title=like.*h*", want: `[{"title":"Whale","captains":{"name":"Ahab"}}]`,
		},
		"an insert": {
			method: post, target: "/voyages?select=title,captain:captains(name)", header: prefer("return=representation"), status: 201,
			body: `{"id":9,"captain_id":2,"title":"New"}`, want: `[{"title":"New","captain":{"name":"Nemo"}}]`,
		},
		"nested": {
			target: "/passengers?select=name,bookings(cabin,voyages(title,captains(name)))&bookings.order=cabin&id=eq.1",
			want: `[{"name":"Ishmael","bookings":[{"cabin":"A1","voyages":{"title":"Whale","captains":{"name":"Ahab"}}},` +
				`{"cabin":"C9","voyages":{"title":"Island","captains":{"name":"Nemo"}}}]}]`,
		},
	})
}

func TestReferenceEmbeddingFilters(t *testing.T) {
	t.Parallel()
	run(t, harbour(t, nil), map[string]call{
		"an order inside": {target: "/captains?select=id,voyages(id)&voyages.order=year.desc&id=eq.2", want: `[{"id":2,"voyages":[{"id":3},{"id":2}]}]`},
		"a filter inside does not filter the top": {
			target: "/captains?select=id,voyages(id)&voyages.title=in.(Whale,None)&order=id",
			want:   `[{"id":1,"voyages":[{"id":1}]},{"id":2,"voyages":[]},{"id":3,"voyages":[]}]`,
		},
		"or inside": {
			target: "/captains?select=id,voyages(id)&voyages.or=(title.eq.Deep,year.eq.1851)&order=id&id=lt.3",
			want:   `[{"id":1,"voyages":[{"id":1}]},{"id":2,"voyages":[{"id":2}]}]`,
		},
		"limit and offset inside": {target: "/captains?select=id,voyages(id)&voyages.order=id&voyages.limit=1&voyages.offset=1&id=eq.2", want: `[{"id":2,"voyages":[{"id":3}]}]`},
		"by alias, twice": {
			target: "/captains?select=id,early:voyages(id),late:voyages(id)&early.year=lt.1871&late.year=gte.1871&id=eq.2",
			want:   `[{"id":2,"early":[{"id":2}],"late":[{"id":3}]}]`,
		},
		"two levels down": {
			target: "/captains?select=id,voyages(id,bookings(cabin))&voyages.bookings.order=cabin.desc&voyages.bookings.cabin=like.B*&voyages.order=id&id=eq.2",
			want:   `[{"id":2,"voyages":[{"id":2,"bookings":[{"cabin":"B2"},{"cabin":"B1"}]},{"id":3,"bookings":[]}]}]`,
		},
	})
}

func TestReferenceEmbeddingTopLevel(t *testing.T) {
	t.Parallel()
	run(t, harbour(t, nil), map[string]call{
		"!inner filters the top":        {target: "/captains?select=id,voyages!inner(id)&voyages.year=eq.1851", want: `[{"id":1,"voyages":[{"id":1}]}]`},
		"not.is.null does too":          {target: "/captains?select=id,voyages(id)&voyages.year=eq.1851&voyages=not.is.null", want: `[{"id":1,"voyages":[{"id":1}]}]`},
		"is.null is an anti-join":       {target: "/captains?select=id,voyages()&voyages=is.null", want: `[{"id":3}]`},
		"of a to-one":                   {target: "/voyages?select=id,captains()&captains=is.null", want: `[{"id":4}]`},
		"either is null":                {target: "/voyages?select=id,manifests(),captains()&or=(manifests.is.null,captains.is.null)&order=id", want: `[{"id":3},{"id":4}]`},
		"an empty embed only filters":   {target: "/captains?select=id,voyages()&voyages.title=eq.Deep&voyages=not.is.null", want: `[{"id":2}]`},
		"an embed of another, empty":    {target: "/voyages?select=id,captains()&id=eq.1", want: `[{"id":1}]`},
		"!left is what is without it":   {target: "/captains?select=id,voyages!left(id)&voyages.year=eq.1851&id=eq.3", want: `[{"id":3,"voyages":[]}]`},
		"another operator than is.null": {target: "/captains?select=id,voyages()&voyages=eq.1", status: 400, want: `~"code":"42703"`},
		"or across resources": {
			target: "/voyages?select=title,captains(),passengers()&captains.name=eq.Ahab&passengers.name=eq.Aronnax&or=(captains.not.is.null,passengers.not.is.null)&order=id",
			want:   `[{"title":"Whale"},{"title":"Deep"}]`,
		},
		"or across resources that are shown whole": {
			target: "/voyages?select=title,c:captains(),p:passengers(),captains(name),passengers(name)&c.name=eq.Ahab&p.name=eq.Aronnax" +
				"&or=(c.not.is.null,p.not.is.null)&passengers.order=name&order=id",
			want: `[{"title":"Whale","captains":{"name":"Ahab"},"passengers":[{"name":"Ishmael"}]},` +
				`{"title":"Deep","captains":{"name":"Nemo"},"passengers":[{"name":"Aronnax"},{"name":"Conseil"}]}]`,
		},
		"an order by a to-one": {
			target: "/voyages?select=id,captains(name)&order=captains(name).desc.nullslast,id&id=gt.2",
			want:   `[{"id":3,"captains":{"name":"Nemo"}},{"id":4,"captains":null}]`,
		},
		"an order by a to-one under an alias": {target: "/voyages?select=id,c:captains()&order=c(name),id&id=lt.4", want: `[{"id":1},{"id":2},{"id":3}]`},
		"counted with an inner join": {
			method: http.MethodHead, target: "/captains?select=id,voyages!inner(id)", header: prefer("count=exact"), want: "",
			wantHeader: map[string]string{"Content-Range": "0-1/2"},
		},
	})
}

func TestReferenceEmbeddingSpread(t *testing.T) {
	t.Parallel()
	run(t, harbour(t, nil), map[string]call{
		"to-one lifts the columns": {
			target: "/voyages?select=title,...captains(captain:name)&id=in.(1,4)&order=id", want: `[{"title":"Whale","captain":"Ahab"},{"title":"Ghost","captain":null}]`,
		},
		"to-one keeps names that occur twice": {target: "/voyages?select=id,...captains(id)&id=eq.3", want: `[{"id":3,"id":2}]`},
		"to-many makes arrays, in the order of the embed": {
			target: "/captains?select=name,...voyages(titles:title,years:year)&voyages.order=year.desc&id=gt.1&order=id",
			want:   `[{"name":"Nemo","titles":["Island","Deep"],"years":[1874,1870]},{"name":"Idle","titles":[],"years":[]}]`,
		},
		"at several levels": {
			target: "/captains?select=name,...voyages(titles:title,...manifests(cargos:cargo),...bookings(cabins:cabin))&voyages.order=year&voyages.bookings.order=cabin&id=eq.2",
			want:   `[{"name":"Nemo","titles":["Deep","Island"],"cargos":["maps",null],"cabins":[["B1","B2"],["C9"]]}]`,
		},
		"of a join table": {
			target: "/voyages?select=title,passengers:bookings(cabin,...passengers(name))&passengers.order=cabin&id=eq.2",
			want:   `[{"title":"Deep","passengers":[{"cabin":"B1","name":"Aronnax"},{"cabin":"B2","name":"Conseil"}]}]`,
		},
	})
}
