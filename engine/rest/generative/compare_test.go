package generative

import (
	"encoding/json"
	"fmt"
	"math/big"
	"strings"
)

// matches tells whether a list of the answer is one that a window allows: it has as many rows, and each stands for a row of
// its own among those that the order allows at its place.
func (w *window) matches(got any) bool {
	list, ok := got.([]any)
	if !ok || len(list) != w.to-w.from {
		return false
	}
	for start := w.from; start < w.to; {
		first, end := start, start
		for first > 0 && w.rows[first-1].rank == w.rows[start].rank {
			first--
		}
		for end < len(w.rows) && w.rows[end].rank == w.rows[start].rank {
			end++
		}
		if !pairUp(list[start-w.from:min(end, w.to)-w.from], w.rows[first:end]) {
			return false
		}
		start = end
	}
	return true
}

// pairUp finds a different row for each value, by augmenting paths.
func pairUp(values []any, rows []ranked) bool {
	owner := make([]int, len(rows)) // 1 + the place of the value that a row is taken by
	known := map[[2]int]bool{}
	fits := func(v, row int) bool {
		fit, ok := known[[2]int{v, row}]
		if !ok {
			fit = rows[row].value.matches(values[v])
			known[[2]int{v, row}] = fit
		}
		return fit
	}
	var place func(v int, tried []bool) bool
	place = func(v int, tried []bool) bool {
		for row := range rows {
			if tried[row] || !fits(v, row) {
				continue
			}
			tried[row] = true
			if owner[row] == 0 || place(owner[row]-1, tried) {
				owner[row] = v + 1
				return true
			}
		}
		return false
	}
	for v := range values {
		if !place(v, make([]bool, len(rows))) {
			return false
		}
	}
	return true
}

func (o *object) matches(got any) bool {
	values, ok := got.(map[string]any)
	if !ok {
		return false
	}
	names := len(o.values)
	for name, want := range o.values {
		value, ok := values[name]
		if !ok || !same(want, value) {
			return false
		}
	}
	for _, a := range o.arrays {
		names += len(a.names)
		if !a.matches(values) {
			return false
		}
	}
	return len(values) == names
}

// matches puts the arrays of the names back into rows.
func (a arrays) matches(values map[string]any) bool {
	rows := make([]any, a.rows.to-a.rows.from)
	for i := range rows {
		rows[i] = map[string]any{}
	}
	for _, name := range a.names {
		array, ok := values[name].([]any)
		if !ok || len(array) != len(rows) {
			return false
		}
		for i, v := range array {
			rows[i].(map[string]any)[name] = v
		}
	}
	return a.rows.matches(rows)
}

// same compares an expected value with one of the answer.
func same(want, got any) bool {
	switch want := want.(type) {
	case *window:
		return want.matches(got)
	case *object:
		return want.matches(got)
	case map[string]any:
		object, ok := got.(map[string]any)
		if !ok || len(object) != len(want) {
			return false
		}
		for k, v := range want {
			if g, ok := object[k]; !ok || !same(v, g) {
				return false
			}
		}
		return true
	case []any:
		list, ok := got.([]any)
		if !ok || len(list) != len(want) {
			return false
		}
		for i, v := range want {
			if !same(v, list[i]) {
				return false
			}
		}
		return true
	case json.Number:
		n, ok := got.(json.Number)
		return ok && sameNumber(want, n)
	}
	return want == got
}

// sameNumber compares the texts of numbers, so 1.50 is not 1.5. What is in an embedded resource has been a jsonb, which
// knows no exponents and no negative zero.
func sameNumber(want, got json.Number) bool {
	if want == got {
		return true
	}
	if !strings.ContainsAny(string(want), "eE") && want != "-0" {
		return false
	}
	a, ok1 := new(big.Rat).SetString(string(want))
	b, ok2 := new(big.Rat).SetString(string(got))
	return ok1 && ok2 && a.Cmp(b) == 0
}

// String shows an allowed answer as JSON.
func (w *window) String() string { return render(w) }

// render writes one of the allowed answers as JSON.
func render(v any) string {
	text, err := json.Marshal(plain(v))
	if err != nil {
		return fmt.Sprint(err)
	}
	return string(text)
}

// plain makes a value of one of the allowed answers.
func plain(v any) any {
	switch v := v.(type) {
	case *window:
		list := []any{}
		for _, row := range v.rows[v.from:v.to] {
			list = append(list, plain(row.value))
		}
		return list
	case *object:
		all := map[string]any{}
		for name, value := range v.values {
			all[name] = plain(value)
		}
		for _, a := range v.arrays {
			for _, name := range a.names {
				array := []any{}
				for _, row := range plain(a.rows).([]any) {
					array = append(array, row.(map[string]any)[name])
				}
				all[name] = array
			}
		}
		return all
	}
	return v
}
