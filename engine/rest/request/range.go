package request

import (
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"nexus/engine/apierr"
)

// span is a window as limits, offsets and the Range header name it: rows from lower up to and including upper. It is
// empty when upper is below lower.
type span struct {
	lower, upper int64
	bounded      bool
}

// zeroRows is the span of limit=0, the only empty one that a client may ask for.
var zeroRows = span{lower: 0, upper: -1, bounded: true}

func (s span) isEmpty() bool { return s.bounded && s.upper < s.lower }

// isZeroLimit reports whether the span ends where limit=0 without an offset ends.
func (s span) isZeroLimit() bool { return s.bounded && s.upper == -1 }

func (s span) intersect(other span) span {
	if s.isEmpty() || other.isEmpty() {
		return span{lower: 1, upper: 0, bounded: true}
	}
	if other.lower > s.lower {
		s.lower = other.lower
	}
	if other.bounded && (!s.bounded || other.upper < s.upper) {
		s.upper, s.bounded = other.upper, true
	}
	return s
}

func (s span) toRange() Range {
	r := Range{Offset: s.lower}
	if s.bounded {
		r.Limit, r.HasLimit = saturatingAdd(s.upper-s.lower, 1), true
	}
	return r
}

func saturatingAdd(a, b int64) int64 {
	switch sum := a + b; {
	case a > 0 && b > 0 && sum < 0:
		return math.MaxInt64
	case a < 0 && b < 0 && sum >= 0:
		return math.MinInt64
	default:
		return sum
	}
}

// windows are the spans that limit and offset parameters name: of the top level, and of embedded ones.
type windows struct {
	top      span
	embedded []PathRange
}

// levelWindow collects the texts of the limit and the offset of one level, under the name of its limit parameter.
type levelWindow struct {
	key                 string
	limit, offset       string
	hasLimit, hasOffset bool
}

func (w *levelWindow) setLimit(text string)  { w.limit, w.hasLimit = text, true }
func (w *levelWindow) setOffset(text string) { w.offset, w.hasOffset = text, true }

// levelWindows are the embedded levels in the order in which they are first named.
type levelWindows struct {
	levels []levelWindow
	places map[string]int // made when there are many levels
}

// maxLinearLevels is up to how many levels are searched one by one.
const maxLinearLevels = 8

// at finds the level of that name, adding it when it is new.
func (l *levelWindows) at(key string) *levelWindow {
	place, ok := l.find(key)
	if !ok {
		place = len(l.levels)
		l.levels = append(l.levels, levelWindow{key: key})
		if l.places != nil {
			l.places[key] = place
		}
	}
	return &l.levels[place]
}

func (l *levelWindows) find(key string) (place int, ok bool) {
	if len(l.levels) <= maxLinearLevels {
		place = slices.IndexFunc(l.levels, func(w levelWindow) bool { return w.key == key })
		return place, place >= 0
	}
	if l.places == nil {
		l.places = make(map[string]int, 2*len(l.levels))
		for i, w := range l.levels {
			l.places[w.key] = i
		}
	}
	place, ok = l.places[key]
	return place, ok
}

// windows collects limits and offsets; of several of one name the last counts.
func (q *queryParser) windows() (windows, *apierr.Error) {
	var top levelWindow
	var named levelWindows
	for i := range q.pairs {
		switch p := &q.pairs[i]; {
		case p.is(parameterLimit) && p.key == "limit":
			top.setLimit(p.value)
		case p.is(parameterOffset) && p.key == "offset":
			top.setOffset(p.value)
		case p.is(parameterLimit):
			named.at(p.key).setLimit(p.value)
		case p.is(parameterOffset):
			named.at(strings.TrimSuffix(p.key, "offset") + "limit").setOffset(p.value)
		}
	}
	all := windows{top: top.span()}
	for i := range named.levels {
		w := &named.levels[i]
		at, err := locate(w.key)
		if err != nil {
			return all, err
		}
		all.embedded = append(all.embedded, PathRange{at.relations, w.span().toRange()})
	}
	return all, nil
}

// span joins a level's limit and offset. Texts that are no numbers restrict nothing, but an offset beside a limit that
// is no number leaves no rows.
func (w *levelWindow) span() span {
	var s span
	if w.hasOffset {
		s.lower, _ = parseInteger(w.offset)
	}
	if !w.hasLimit {
		return s
	}
	limit, ok := parseInteger(w.limit)
	if ok || w.hasOffset {
		s.bounded, s.upper = true, saturatingAdd(s.lower, limit-1)
	}
	return s
}

// parseInteger reads a whole number the way Haskell reads one: white space and parentheses may surround it, and it may
// be hexadecimal or octal. Numbers beyond 64 bits become the nearest one.
func parseInteger(text string) (n int64, ok bool) {
	text = trimSpace(text)
	for len(text) > 1 && strings.HasPrefix(text, "(") && strings.HasSuffix(text, ")") {
		text = trimSpace(text[1 : len(text)-1])
	}
	negative := strings.HasPrefix(text, "-")
	if negative {
		text = trimSpace(text[1:])
	}
	base, digits := 10, text
	if len(text) > 2 && text[0] == '0' {
		switch text[1] {
		case 'x', 'X':
			base, digits = 16, text[2:]
		case 'o', 'O':
			base, digits = 8, text[2:]
		}
	}
	if digits == "" || !isHex(digits[0]) {
		return 0, false
	}
	n, err := strconv.ParseInt(digits, base, 64)
	if err != nil && n != math.MaxInt64 {
		return 0, false
	}
	if negative {
		n = -n
	}
	return n, true
}

// headerSpan reads the Range header: first-last or first-, and everything when it is neither.
func headerSpan(header http.Header) span {
	values := header["Range"]
	if len(values) == 0 {
		return span{}
	}
	first, last, ok := strings.Cut(values[0], "-")
	if !ok || !isDigits(first) || last != "" && !isDigits(last) {
		return span{}
	}
	var s span
	s.lower, _ = parseInteger(first)
	s.upper, s.bounded = parseInteger(last)
	return s
}

func isDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// topRange joins the limit and offset of the top level with the Range header, which only GET has.
func topRange(method string, fromQuery span, header http.Header) (Range, *apierr.Error) {
	var fromHeader span
	if method == http.MethodGet {
		fromHeader = headerSpan(header)
	}
	top := fromHeader.intersect(fromQuery)
	if fromQuery.isZeroLimit() {
		top = zeroRows
	}
	switch {
	case top.isEmpty() && !fromQuery.isZeroLimit() && fromHeader.isEmpty():
		return Range{}, errRange("The lower boundary must be lower than or equal to the upper boundary in the Range header.")
	case top.isEmpty() && !fromQuery.isZeroLimit():
		return Range{}, errRange("Limit should be greater than or equal to zero.")
	case method == http.MethodPut && top != span{}:
		return Range{}, errPutWindow()
	}
	return top.toRange(), nil
}

// IsAll reports whether the window restricts nothing.
func (r Range) IsAll() bool { return r == AllRows }

// Restrict narrows the window to at most maxRows rows.
func (r Range) Restrict(maxRows int64) Range {
	if !r.HasLimit || r.Limit > maxRows {
		r.Limit, r.HasLimit = maxRows, true
	}
	return r
}

// Status is the HTTP status of an answer that holds rows rows of the window; total is the number of all rows, nil when
// it was not counted.
func (r Range) Status(rows int64, total *int64) int {
	switch {
	case total == nil:
		return http.StatusOK
	case r.Offset > *total:
		return http.StatusRequestedRangeNotSatisfiable
	case rows < *total:
		return http.StatusPartialContent
	default:
		return http.StatusOK
	}
}

// ContentRange renders the Content-Range header of an answer that holds rows rows of the window.
func (r Range) ContentRange(rows int64, total *int64) string {
	return ContentRange(r.Offset, r.Offset+rows-1, total)
}

// ErrOutOfBounds is PostgREST's error for an offset beyond the last row (PGRST103).
func (r Range) ErrOutOfBounds(total *int64) *apierr.Error {
	rows := "0"
	if total != nil {
		rows = strconv.FormatInt(*total, 10)
	}
	return errRange("An offset of " + strconv.FormatInt(r.Offset, 10) + " was requested, but there are only " + rows + " rows.")
}

// ContentRange renders a Content-Range header for the rows from lower to upper; without rows they become "*", and so
// does a total that was not counted (nil).
func ContentRange(lower, upper int64, total *int64) string {
	b := make([]byte, 0, 32)
	if lower <= upper && (total == nil || *total != 0) {
		b = strconv.AppendInt(b, lower, 10)
		b = append(b, '-')
		b = strconv.AppendInt(b, upper, 10)
	} else {
		b = append(b, '*')
	}
	b = append(b, '/')
	if total == nil {
		return string(append(b, '*'))
	}
	return string(strconv.AppendInt(b, *total, 10))
}
