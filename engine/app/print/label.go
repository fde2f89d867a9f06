package print

import (
	"encoding/json"
	"fmt"
	"time"
)

// Address is whom a parcel goes to or comes from.
type Address struct {
	Name    string `json:"name"`
	Phone   string `json:"phone"`
	Line1   string `json:"line1"`
	Line2   string `json:"line2"`
	City    string `json:"city"`
	Country string `json:"country"`
}

// ParseAddress reads an address as the application's tables keep it. Whatever is no text is left out, because people keep all
// sorts of things there; the error is for what is no object.
func ParseAddress(text []byte) (a Address, err error) {
	var all map[string]any
	if err := json.Unmarshal(text, &all); err != nil {
		return a, fmt.Errorf("print: address: %w", err)
	}
	for name, into := range map[string]*string{
		"name": &a.Name, "phone": &a.Phone, "line1": &a.Line1, "line2": &a.Line2, "city": &a.City, "country": &a.Country,
	} {
		*into, _ = all[name].(string)
	}
	return a, nil
}

// lines are those of an address that say something.
func (a *Address) lines() []string {
	var out []string
	city := a.City
	if a.Country != "" {
		if city != "" {
			city += ", "
		}
		city += a.Country
	}
	for _, text := range []string{a.Name, a.Phone, a.Line1, a.Line2, city} {
		if text != "" {
			out = append(out, text)
		}
	}
	return out
}

// Label is what a shipping label says.
type Label struct {
	AWBNumber, Courier, TrackingNumber, OrderNumber string
	From, To                                        Address
	// COD is what the courier collects, such as "120.00 EGP"; empty for nothing.
	COD  string
	Date time.Time
}

// PDF draws the label on 100 by 150 mm, the size of label printers. The error tells that the number cannot be a barcode.
func (l *Label) PDF() ([]byte, error) {
	p := newPaper(labelWidth, labelHeight, "AWB "+l.AWBNumber, l.Date)
	p.line(16, l.Courier)
	p.line(9, "Order "+l.OrderNumber+"   "+l.Date.UTC().Format(time.DateOnly))
	p.rule()
	if err := p.barcode(l.AWBNumber, 22); err != nil {
		return nil, err
	}
	if l.TrackingNumber != "" && l.TrackingNumber != l.AWBNumber {
		p.line(9, "Tracking "+l.TrackingNumber)
	}
	p.rule()
	p.line(8, "TO")
	for _, text := range l.To.lines() {
		p.line(12, text)
	}
	p.rule()
	p.line(8, "FROM")
	for _, text := range l.From.lines() {
		p.line(9, text)
	}
	if l.COD != "" {
		p.rule()
		p.line(18, "COD "+l.COD)
	}
	return p.bytes()
}
