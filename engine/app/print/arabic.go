package print

import (
	"slices"
	"strings"

	"golang.org/x/text/unicode/bidi"
)

// form says where a letter's presentation forms begin in Unicode's blocks Arabic Presentation Forms-A and -B: isolated, final and,
// if it joins the letter after it, initial and medial.
type form struct {
	first rune
	joins bool
}

var forms = map[rune]form{
	'ء': {first: 0xFE80}, 'آ': {first: 0xFE81}, 'أ': {first: 0xFE83}, 'ؤ': {first: 0xFE85}, 'إ': {first: 0xFE87}, 'ئ': {0xFE89, true},
	'ا': {first: 0xFE8D}, 'ب': {0xFE8F, true}, 'ة': {first: 0xFE93}, 'ت': {0xFE95, true}, 'ث': {0xFE99, true}, 'ج': {0xFE9D, true},
	'ح': {0xFEA1, true}, 'خ': {0xFEA5, true}, 'د': {first: 0xFEA9}, 'ذ': {first: 0xFEAB}, 'ر': {first: 0xFEAD}, 'ز': {first: 0xFEAF},
	'س': {0xFEB1, true}, 'ش': {0xFEB5, true}, 'ص': {0xFEB9, true}, 'ض': {0xFEBD, true}, 'ط': {0xFEC1, true}, 'ظ': {0xFEC5, true},
	'ع': {0xFEC9, true}, 'غ': {0xFECD, true}, 'ف': {0xFED1, true}, 'ق': {0xFED5, true}, 'ك': {0xFED9, true}, 'ل': {0xFEDD, true},
	'م': {0xFEE1, true}, 'ن': {0xFEE5, true}, 'ه': {0xFEE9, true}, 'و': {first: 0xFEED}, 'ى': {first: 0xFEEF}, 'ي': {0xFEF1, true},
	'پ': {0xFB56, true}, 'چ': {0xFB7A, true}, 'ژ': {first: 0xFB8A}, 'ک': {0xFB8E, true}, 'گ': {0xFB92, true}, 'ی': {0xFBFC, true},
}

// lamAlef are the ligatures of lam and an alef, which are obligatory.
var lamAlef = map[rune]rune{'آ': 0xFEF5, 'أ': 0xFEF7, 'إ': 0xFEF9, 'ا': 0xFEFB}

// isMark reports whether a rune is a vowel mark, which sits on a letter and joins nothing.
func isMark(r rune) bool { return r >= 0x064B && r <= 0x065F || r == 0x0670 }

// shape joins Arabic letters. Vowel marks and lengthened joins are left out, as papers leave them out.
func shape(text string) string {
	var letters []rune
	for _, r := range text {
		if !isMark(r) && r != 'ـ' {
			letters = append(letters, r)
		}
	}
	var out strings.Builder
	joined := false // whether the letter before joins this one
	for i := 0; i < len(letters); i++ {
		f, ok := forms[letters[i]]
		if !ok {
			out.WriteRune(letters[i])
			joined = false
			continue
		}
		var next rune
		if i+1 < len(letters) {
			next = letters[i+1]
		}
		if ligature, ok := lamAlef[next]; ok && letters[i] == 'ل' {
			if joined {
				ligature++
			}
			out.WriteRune(ligature)
			joined = false
			i++
			continue
		}
		if letters[i] == 'ء' {
			out.WriteRune(f.first)
			joined = false
			continue
		}
		_, follows := forms[next]
		joinsNext := f.joins && follows && next != 'ء'
		at := f.first
		if joined {
			at++
		}
		if joinsNext {
			at += 2
		}
		out.WriteRune(at)
		joined = joinsNext
	}
	return out.String()
}

// visual puts a line into the order in which it is drawn from left to right (https://www.unicode.org/reports/tr9/).
func visual(line string) string {
	var p bidi.Paragraph
	if _, err := p.SetString(shape(line)); err != nil {
		return line
	}
	order, err := p.Order()
	if err != nil {
		return line
	}
	runs := make([]string, order.NumRuns())
	for i := range runs {
		run := order.Run(i)
		runs[i] = run.String()
		if run.Direction() == bidi.RightToLeft {
			runs[i] = bidi.ReverseString(runs[i])
		}
	}
	if isRightToLeft(line) {
		slices.Reverse(runs)
	}
	return strings.Join(runs, "")
}

// isRightToLeft reports whether a line begins at the right: whether its first letter is of such a script (rule P2).
func isRightToLeft(line string) bool {
	for _, r := range line {
		properties, _ := bidi.LookupRune(r)
		switch properties.Class() {
		case bidi.L:
			return false
		case bidi.R, bidi.AL:
			return true
		}
	}
	return false
}
