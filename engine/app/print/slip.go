package print

import (
	"strconv"
	"time"
)

// Slip is what a packing slip says.
type Slip struct {
	Number, OrderNumber, Organization string
	To                                Address
	Lines                             []SlipLine
	Date                              time.Time
}

// SlipLine is a line of a packing slip.
type SlipLine struct {
	SKU, Name string
	Quantity  int
}

// PDF draws the packing slip on A4, on as many pages as it needs.
func (s *Slip) PDF() ([]byte, error) {
	p := newPaper(210, 297, "Packing slip "+s.Number, s.Date)
	p.line(18, s.Organization)
	p.line(12, "Packing slip "+s.Number+"   Order "+s.OrderNumber+"   "+s.Date.UTC().Format(time.DateOnly))
	if err := p.barcode(s.OrderNumber, 12); err != nil {
		return nil, err
	}
	p.rule()
	for _, text := range s.To.lines() {
		p.line(11, text)
	}
	p.rule()
	for _, line := range s.Lines {
		p.SetFont("paper", "", 10)
		p.CellFormat(20, 7, strconv.Itoa(line.Quantity)+" ×", "B", 0, "R", false, 0, "")
		p.CellFormat(45, 7, visual(cut(line.SKU, 24)), "B", 0, "L", false, 0, "")
		p.CellFormat(0, 7, visual(cut(line.Name, 70)), "B", 1, "L", false, 0, "")
	}
	return p.bytes()
}

// cut shortens a text to at most n characters.
func cut(text string, n int) string {
	if runes := []rune(text); len(runes) > n {
		return string(runes[:n-1]) + "…"
	}
	return text
}
