package generative

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// param is a query parameter.
type param struct{ key, value string }

// target is the request's path and query.
func (q *query) target() string {
	path := "/" + url.PathEscape(q.root.table.id.Name)
	params := q.root.params("")
	if q.call != nil {
		path = "/rpc/" + url.PathEscape(q.call.function.name.Name)
		params = append(q.call.params(), params...)
	}
	if len(params) == 0 {
		return path
	}
	pairs := make([]string, len(params))
	for i, p := range params {
		pairs[i] = escape(p.key) + "=" + escape(p.value)
	}
	return path + "?" + strings.Join(pairs, "&")
}

// header holds what is not in the URL.
func (q *query) header() http.Header {
	h := http.Header{}
	if schema := q.root.table.id.Schema; schema != schemas[0] {
		h.Set("Accept-Profile", schema)
	}
	if q.who.token != "" {
		h.Set("Authorization", "Bearer "+q.who.token)
	}
	if q.count {
		h.Set("Prefer", "count=exact")
	}
	if q.media != inArray {
		h.Set("Accept", string(q.media))
	}
	if q.span != nil {
		last := ""
		if q.span[1] >= 0 {
			last = strconv.Itoa(q.span[1])
		}
		h.Set("Range", strconv.Itoa(q.span[0])+"-"+last)
	}
	return h
}

// escape leaves readable what may stay as it is in a query.
func escape(s string) string {
	return strings.NewReplacer("%28", "(", "%29", ")", "%2C", ",", "%3A", ":", "%2A", "*", "%21", "!", "%24", "$", "%2F", "/").Replace(url.QueryEscape(s))
}

// params are the parameters of a node and those below it; path leads to the node and is empty or ends in a dot.
func (n *node) params(path string) []param {
	var all []param
	if n.rel == nil && (len(n.items) > 0 || len(n.children) > 0) {
		all = append(all, param{"select", n.selectList()})
	}
	for _, c := range n.where {
		all = append(all, c.param(path))
	}
	if len(n.order) > 0 {
		terms := make([]string, len(n.order))
		for i, t := range n.order {
			terms[i] = t.String()
		}
		all = append(all, param{path + "order", strings.Join(terms, ",")})
	}
	if n.limit >= 0 {
		all = append(all, param{path + "limit", strconv.Itoa(n.limit)})
	}
	if n.offset >= 0 {
		all = append(all, param{path + "offset", strconv.Itoa(n.offset)})
	}
	for _, c := range n.children {
		all = append(all, c.params(path+quoteName(c.name())+".")...)
	}
	return all
}

func (n *node) selectList() string {
	var parts []string
	for _, i := range n.items {
		parts = append(parts, i.String())
	}
	for _, c := range n.children {
		part := ""
		switch {
		case c.spread:
			part = "..."
		case c.alias != "":
			part = quoteName(c.alias) + ":"
		}
		part += quoteName(c.target)
		for _, modifier := range []string{c.hint, c.join} {
			if modifier != "" {
				part += "!" + quoteName(modifier)
			}
		}
		parts = append(parts, part+"("+c.selectList()+")")
	}
	return strings.Join(parts, ",")
}

func (i item) String() string {
	if i.star {
		return "*"
	}
	var s string
	if i.alias != "" {
		s = quoteName(i.alias) + ":"
	}
	if i.field == nil {
		s += "count()"
	} else {
		s += i.field.url
		if i.cast != "" {
			s += "::" + i.cast
		}
		if i.agg != "" {
			s += "." + i.agg + "()"
		}
	}
	if i.aggCast != "" {
		s += "::" + i.aggCast
	}
	return s
}

func (t term) String() string {
	s := t.field.url
	if t.rel != "" {
		s = quoteName(t.rel) + "(" + s + ")"
	}
	if t.desc {
		s += ".desc"
	}
	if t.nulls != "" {
		s += "." + t.nulls
	}
	return s
}

// param writes a condition as a parameter of its own.
func (c *cond) param(path string) param {
	if c.group == "" {
		return param{path + c.subject(), c.test(false)}
	}
	key := path
	if c.not {
		key += "not."
	}
	return param{key + c.group, "(" + logic(c.conds) + ")"}
}

// logic writes conditions as members of a group.
func logic(conds []*cond) string {
	members := make([]string, len(conds))
	for i, c := range conds {
		switch {
		case c.group == "":
			members[i] = c.subject() + "." + c.test(true)
		case c.not:
			members[i] = "not." + c.group + "(" + logic(c.conds) + ")"
		default:
			members[i] = c.group + "(" + logic(c.conds) + ")"
		}
	}
	return strings.Join(members, ",")
}

// subject is what a condition tests.
func (c *cond) subject() string {
	if c.isEmbed {
		return quoteName(c.embed)
	}
	return c.field.url
}

// test is the operator and its operands. Members of a group are quoted where a single parameter's value stands as it is.
func (c *cond) test(member bool) string {
	var s string
	if c.not {
		s = "not."
	}
	if c.isEmbed {
		return s + "is.null"
	}
	s += c.op.url
	if c.op.language != "" {
		s += "(" + c.op.language + ")"
	}
	var value string
	switch {
	case c.op == among:
		return s + ".(" + list(c.values) + ")"
	case c.quant != "":
		s += "(" + c.quant + ")"
		quoted := make([]string, len(c.values))
		for i, v := range c.values {
			quoted[i] = quoteValue(v)
		}
		value = "{" + strings.Join(quoted, ",") + "}"
	default:
		value = c.values[0]
	}
	if member && strings.ContainsAny(value, `,.:()"\{} `) {
		value = quoteValue(value)
	}
	return s + "." + value
}

// list writes the values of in, quoted where they would not stand.
func list(values []string) string {
	written := make([]string, len(values))
	for i, v := range values {
		if v == "" || strings.ContainsAny(v, `,.:()"\ `) {
			v = quoteValue(v)
		}
		written[i] = v
	}
	return strings.Join(written, ",")
}
