package plan

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"unicode"
)

// The parameters of the approximate matching behind hints. They, and the algorithm, are those of the fuzzyset library
// that PostgREST uses (https://hackage.haskell.org/package/fuzzyset-0.2.4), so that both suggest the same name: candidates
// that share pieces of three characters with the text (or, if none is good enough, of two) are ranked by the cosine of
// their piece counts, and the best of them again by their edit distance.
const (
	longestGram    = 3
	shortestGram   = 2
	maxCandidates  = 50
	minSimilarity  = 0.33
	bitsPerRune    = 21
	gramDelimiter  = '-'
	perfectMatches = 1
)

// match is a candidate with its similarity to the text that was looked for, from 0 to 1.
type match struct {
	text  string
	score float64
}

// closest returns the candidate that is most like the text; ok is false when none is like it at all. Letter case does not
// count. Of equally good candidates the last one in the list wins.
func closest(candidates []string, text string) (best match, ok bool) {
	key := strings.ToLower(text)
	for _, candidate := range slices.Backward(candidates) {
		if strings.ToLower(candidate) == key {
			return match{candidate, perfectMatches}, true
		}
	}
	for size := longestGram; size >= shortestGram; size-- {
		if ranked := rank(candidates, key, size); len(ranked) > 0 && ranked[0].score >= minSimilarity {
			return ranked[0], true
		}
	}
	return match{}, false
}

// shortlist returns the candidates that closest could return for the text if others were left out, in their order.
func shortlist(candidates []string, text string) []string {
	key := strings.ToLower(text)
	near := map[string]bool{}
	for size := longestGram; size >= shortestGram; size-- {
		for _, m := range rank(candidates, key, size) {
			if m.score >= minSimilarity {
				near[m.text] = true
			}
		}
	}
	var list []string
	for _, candidate := range candidates {
		if near[candidate] || strings.ToLower(candidate) == key {
			list = append(list, candidate)
		}
	}
	return list
}

// rank sorts the candidates that share pieces of that size with the key, the most similar first.
func rank(candidates []string, key string, size int) []match {
	wanted := countGrams(key, size)
	var found []match
	for _, candidate := range slices.Backward(candidates) {
		grams := countGrams(strings.ToLower(candidate), size)
		if product := wanted.dot(grams); product > 0 {
			found = append(found, match{candidate, product / (wanted.norm() * grams.norm())})
		}
	}
	byScore := func(a, b match) int { return cmp.Compare(b.score, a.score) }
	slices.SortStableFunc(found, byScore)
	found = found[:min(len(found), maxCandidates)]
	for i := range found {
		found[i].score = similarity(key, strings.ToLower(found[i].text))
	}
	slices.SortStableFunc(found, byScore)
	return found
}

// gramCounts counts the pieces of a text, sorted by piece. A piece is packed into a number.
type gramCounts []gramCount

type gramCount struct {
	gram  uint64
	count float64
}

// countGrams counts the pieces of that many characters in the letters, digits, spaces and commas of a text.
func countGrams(text string, size int) gramCounts {
	runes := make([]rune, 1, len(text)+2)
	runes[0] = gramDelimiter
	for _, r := range text {
		if unicode.IsLetter(r) || unicode.IsNumber(r) || unicode.IsSpace(r) || r == ',' {
			runes = append(runes, r)
		}
	}
	runes = append(runes, gramDelimiter)
	var grams []uint64
	for i := 0; i+size <= len(runes); i++ {
		var gram uint64
		for _, r := range runes[i : i+size] {
			gram = gram<<bitsPerRune | uint64(r)
		}
		grams = append(grams, gram)
	}
	slices.Sort(grams)
	var counts gramCounts
	for i, gram := range grams {
		if i > 0 && grams[i-1] == gram {
			counts[len(counts)-1].count++
			continue
		}
		counts = append(counts, gramCount{gram, 1})
	}
	return counts
}

func (a gramCounts) norm() float64 {
	var sum float64
	for _, g := range a {
		sum += g.count * g.count
	}
	return math.Sqrt(sum)
}

func (a gramCounts) dot(b gramCounts) float64 {
	var sum float64
	for i, j := 0, 0; i < len(a) && j < len(b); {
		switch {
		case a[i].gram < b[j].gram:
			i++
		case a[i].gram > b[j].gram:
			j++
		default:
			sum += a[i].count * b[j].count
			i++
			j++
		}
	}
	return sum
}

// similarity is one minus the edit distance (Levenshtein) relative to the longer text.
func similarity(a, b string) float64 {
	s, t := []rune(a), []rune(b)
	longer := max(len(s), len(t))
	if longer == 0 {
		return perfectMatches
	}
	row := make([]int, len(t)+1)
	for j := range row {
		row[j] = j
	}
	for i, r := range s {
		diagonal := row[0]
		row[0] = i + 1
		for j, other := range t {
			substitution := diagonal
			if r != other {
				substitution++
			}
			diagonal = row[j+1]
			row[j+1] = min(substitution, row[j]+1, diagonal+1)
		}
	}
	return float64(longer-row[len(t)]) / float64(longer)
}
