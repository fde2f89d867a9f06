package engine

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
)

func (p *tenant) rest(method, path string, body any, status int) map[string]any {
	p.r.t.Helper()
	return p.r.json(method, "/rest/v1/"+path, p.access, body, status)
}

// rows reads a table or view.
func (p *tenant) rows(path string) []map[string]any {
	p.r.t.Helper()
	list, _ := p.rest("GET", path, nil, 200)["rows"].([]any)
	out := make([]map[string]any, len(list))
	for i, row := range list {
		out[i], _ = row.(map[string]any)
	}
	return out
}

// add inserts a row and returns its id.
func (p *tenant) add(table string, row map[string]any) string {
	p.r.t.Helper()
	rows, _ := p.rest("POST", table, row, 201)["rows"].([]any)
	return rows[0].(map[string]any)["id"].(string)
}

func TestContacts(t *testing.T) {
	t.Parallel()
	r := withApp(t, nil)
	ann := r.signUp("ann@example.com").found("Corner Shop", "growth")
	bob := r.signUp("bob@example.com").found("Other Shop", "growth")
	ann.rest("PATCH", "organizations?id=eq."+ann.organizationID, map[string]any{"country": "EG"}, 200)

	create := func(p *tenant, body map[string]any, status int) map[string]any {
		t.Helper()
		return p.function("contact-create", body, status)
	}
	first := create(ann, map[string]any{"first_name": "Mona", "email": " Mona@Example.com ", "phone": "0100 123 4567", "tags": []string{"vip"}}, 200)
	contact := first["contact"].(map[string]any)
	id := contact["id"].(string)
	if first["created"] != true || contact["email"] != "mona@example.com" || contact["phone_number"] != "+201001234567" || contact["journey_stage_id"] == nil {
		t.Fatalf("%v", first)
	}
	for name, body := range map[string]map[string]any{
		"by address":              {"email": "MONA@example.com"},
		"by number":               {"phone": "+20 100 123 4567"},
		"by a number in Arabic":   {"phone": "٠١٠٠١٢٣٤٥٦٧"},
		"by a number with zeroes": {"phone": "00201001234567"},
	} {
		if again := create(ann, body, 200); again["created"] != false || again["contact"].(map[string]any)["id"] != id {
			t.Errorf("%s: %v", name, again)
		}
	}
	if e := create(ann, map[string]any{"email": "mona@example.com", "on_duplicate": "refuse"}, 409); e["error"] != "duplicate" {
		t.Errorf("%v", e)
	}
	updated := create(ann, map[string]any{"email": "mona@example.com", "last_name": "Adel", "first_name": "M.", "tags": []string{"new"}, "on_duplicate": "update"}, 200)
	if c := updated["contact"].(map[string]any); c["last_name"] != "Adel" || c["first_name"] != "Mona" || fmt.Sprint(c["tags"]) != "[new vip]" {
		t.Errorf("%v", c)
	}
	other := create(ann, map[string]any{"first_name": "Mona", "phone": "+201001234568"}, 200)["contact"].(map[string]any)["id"].(string)
	if e := create(ann, map[string]any{"email": "mona@example.com", "phone": "+201001234568"}, 409); e["error"] != "duplicate_conflict" {
		t.Errorf("%v", e)
	}
	for name, body := range map[string]map[string]any{
		"address": {"email": "nobody"}, "number": {"phone": "12"}, "nothing": {}, "stage": {"email": "x@example.com", "journey_stage": "none"}, "unknown": {"surname": "x"},
	} {
		if e := create(ann, body, 400); e["error"] != "validation_failed" {
			t.Errorf("%s: %v", name, e)
		}
	}
	// What one tenant has is free for another one.
	if c := create(bob, map[string]any{"email": "mona@example.com"}, 200); c["created"] != true {
		t.Errorf("%v", c)
	}

	t.Run("merge", func(t *testing.T) {
		order := ann.add("orders", map[string]any{"customer_id": other})
		ann.rest("POST", "customer_touchpoints", map[string]any{"customer_id": other, "kind": "call", "summary": "asked"}, 201)
		ann.function("contacts-bulk-label", map[string]any{"label": "Newsletter", "customer_ids": []string{other, id}}, 200)
		if e := bob.function("contacts-merge", map[string]any{"keep_id": id, "merge_ids": []string{other}}, 404); e["error"] != "not_found" {
			t.Errorf("%v", e)
		}
		ann.function("contacts-merge", map[string]any{"keep_id": id, "merge_ids": []string{other}}, 200)
		if rows := ann.rows("customers?select=id"); len(rows) != 1 || rows[0]["id"] != id {
			t.Errorf("%v", rows)
		}
		if rows := ann.rows("orders?select=customer_id&id=eq." + order); rows[0]["customer_id"] != id {
			t.Errorf("the order went elsewhere: %v", rows)
		}
		if rows := ann.rows("customer_touchpoints?select=kind&order=kind&customer_id=eq." + id); fmt.Sprint(rows) != "[map[kind:call] map[kind:merge] map[kind:order]]" {
			t.Errorf("%v", rows)
		}
		if rows := ann.rows("customer_labels?select=customer_id,labels(name)"); len(rows) != 1 || rows[0]["customer_id"] != id {
			t.Errorf("%v", rows)
		}
		if rows := ann.rows("usage_counters?select=used&metric=eq.contacts"); rows[0]["used"] != 1.0 {
			t.Errorf("counted %v", rows)
		}
	})

	t.Run("import", func(t *testing.T) {
		var file strings.Builder
		file.WriteString("\ufeffFirst Name,Last Name,E-mail,Mobile,Tags,City\r\n")
		for i := range 1000 {
			fmt.Fprintf(&file, "Name%d,\"Family, %d\",user%d@example.com,+2010022%05d,a;b,Cairo\r\n", i, i, i, i)
		}
		file.WriteString("Bad,Mail,nobody,,,\nNo,Number,,12,,\n,,,,,\nTwice,,user7@example.com,,,\nShort,line\nMona,,mona@example.com,,,\n")
		dry := ann.function("contacts-import", map[string]any{"csv": file.String(), "dry_run": true}, 200)
		if n := len(ann.rows("customers?select=id&limit=5")); dry["imported"] != 1000.0 || n != 1 {
			t.Errorf("a dry run: %v, %d contacts", dry["imported"], n)
		}
		done := ann.function("contacts-import", map[string]any{"csv": file.String()}, 200)
		if done["total"] != 1006.0 || done["imported"] != 1000.0 || done["skipped"] != 1.0 {
			t.Errorf("%v", done)
		}
		var refused []string
		for _, line := range done["refused"].([]any) {
			l := line.(map[string]any)
			refused = append(refused, fmt.Sprintf("%v %v", l["line"], l["field"]))
		}
		if got := strings.Join(refused, ","); got != "1002 email,1003 phone,1004 ,1005 email,1006 " {
			t.Errorf("refused %q", got)
		}
		again := ann.function("contacts-import", map[string]any{"csv": file.String(), "on_duplicate": "update"}, 200)
		if again["imported"] != 0.0 || again["updated"] != 1001.0 {
			t.Errorf("%v", again)
		}
		for name, csv := range map[string]string{"no columns": " ", "unknown column": "frist_name\nx\n", "a column twice": "email,e-mail\n", "quotes": "email\n\"x\n"} {
			if e := ann.function("contacts-import", map[string]any{"csv": csv}, 400); e["error"] != "validation_failed" {
				t.Errorf("%s: %v", name, e)
			}
		}
	})

	t.Run("search", func(t *testing.T) {
		create(ann, map[string]any{"first_name": "أحمد", "last_name": "عبد الله", "notes": "يحب الكتب"}, 200)
		create(ann, map[string]any{"first_name": "José", "last_name": "Núñez", "company": "100% Books_x"}, 200)
		for query, want := range map[string]string{
			"احمد": "أحمد", "أَحْمَد": "أحمد", "عبد": "أحمد", "jose nunez": "José", "NUÑEZ": "José", "user42@": "Name42", "+201002200042": "Name42",
			"2200042": "Name42", "name42 family": "Name42", "100%": "José", "books_x": "José", "book": "José", "كتاب": "", "zz": "", "mona": "Mona",
		} {
			found := ann.rows("rpc/search_customers?query=" + url.QueryEscape(query) + "&limit=1")
			if want == "" && len(found) > 0 || want != "" && (len(found) == 0 || found[0]["first_name"] != want) {
				t.Errorf("%s: %v, want %q", query, found, want)
			}
		}
		if got := ann.function("contacts-search?query=name1&limit=3", nil, 405); got == nil {
			t.Error("POST is allowed")
		}
		got := r.json("GET", "/functions/v1/contacts-search?query=name1&limit=3", ann.access, nil, 200)
		if n := len(got["data"].([]any)); n != 3 {
			t.Errorf("%d found", n)
		}
		if found := bob.rows("rpc/search_customers?query=name42"); len(found) != 0 {
			t.Errorf("another tenant finds %v", found)
		}
		if e := ann.rest("GET", "rpc/search_customers?query=x", nil, 400); e["details"] != "query_too_short" {
			t.Errorf("%v", e)
		}
	})

	t.Run("segments", func(t *testing.T) {
		segment := ann.add("segments", map[string]any{"name": "Cairo", "filter": map[string]any{"city": "cairo", "tags": []string{"a", "b"}}})
		if rows := ann.rows("rpc/segment_customers?segment_id=" + segment + "&limit=2000"); len(rows) != 1000 {
			t.Errorf("%d contacts", len(rows))
		}
		if got := ann.function("contacts-bulk-label", map[string]any{"label": "Cairo", "segment_id": segment}, 200); got["changed"] != 1000.0 {
			t.Errorf("%v", got)
		}
		if got := ann.function("contacts-bulk-label", map[string]any{"label": "Cairo", "segment_id": segment, "action": "remove"}, 200); got["changed"] != 1000.0 {
			t.Errorf("%v", got)
		}
		ann.rest("POST", "segments", map[string]any{"name": "odd", "filter": map[string]any{"sql": "drop"}}, 400)
		if rows := bob.rows("rpc/segment_customers?segment_id=" + segment); len(rows) != 0 {
			t.Errorf("another tenant sees %v", rows)
		}
	})

	t.Run("quota", func(t *testing.T) {
		psql(t, r.cfg.DatabaseURL, "update public.organizations set plan = 'free' where id = '"+bob.organizationID+"'")
		var file strings.Builder
		file.WriteString("email\n")
		for i := range 50 {
			fmt.Fprintf(&file, "u%d@example.com\n", i)
		}
		if e := bob.function("contacts-import", map[string]any{"csv": file.String()}, 403); e["error"] != "quota_exceeded" {
			t.Errorf("%v", e)
		}
		if rows := bob.rows("customers?select=id"); len(rows) != 1 {
			t.Errorf("%d contacts", len(rows))
		}
	})
}
