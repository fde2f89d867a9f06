package print

import (
	"bytes"
	_ "embed"
	"fmt"
	"image/color"
	"time"

	"codeberg.org/go-pdf/fpdf"
	"github.com/boombuler/barcode"
	"github.com/boombuler/barcode/code128"
)

//go:embed DejaVuSansCondensed.ttf
var font []byte

// The label is as large as label printers print it, in millimetres.
const (
	labelWidth  = 100.0
	labelHeight = 150.0
	margin      = 6.0
)

// paper is a document that is being drawn.
type paper struct {
	*fpdf.Fpdf
}

// newPaper begins a document. The same content gives the same bytes: its date is the one given.
func newPaper(width, height float64, title string, date time.Time) *paper {
	p := &paper{fpdf.NewCustom(&fpdf.InitType{OrientationStr: "P", UnitStr: "mm", Size: fpdf.SizeType{Wd: width, Ht: height}})}
	p.SetCatalogSort(true)
	p.SetCreationDate(date.UTC())
	p.SetModificationDate(date.UTC())
	p.SetTitle(title, true)
	p.SetProducer("Nexus", true)
	p.AddUTF8FontFromBytes("paper", "", font)
	p.SetMargins(margin, margin, margin)
	p.SetAutoPageBreak(true, margin)
	p.AddPage()
	return p
}

// line writes a line of text that is cut where the paper ends.
func (p *paper) line(size float64, text string) {
	p.SetFont("paper", "", size)
	width, _ := p.GetPageSize()
	shown := visual(text)
	for runes := []rune(text); len(runes) > 0 && p.GetStringWidth(shown) > width-2*margin; {
		runes = runes[:len(runes)-1]
		shown = visual(string(runes) + "…")
	}
	align := "L"
	if isRightToLeft(text) {
		align = "R"
	}
	p.CellFormat(0, size*0.45, shown, "", 1, align, false, 0, "")
}

// barcode draws a number as Code 128, with the number below it.
func (p *paper) barcode(number string, height float64) error {
	code, err := code128.Encode(number)
	if err != nil {
		return fmt.Errorf("print: %q as a barcode: %w", number, err)
	}
	width, _ := p.GetPageSize()
	const quiet = 10 // modules of white on both sides, as the standard wants them
	module := (width - 2*margin) / float64(code.Bounds().Dx()+2*quiet)
	x0, y := margin+quiet*module, p.GetY()
	p.SetFillColor(0, 0, 0)
	for x := range code.Bounds().Dx() {
		if isBlack(code, x) {
			p.Rect(x0+float64(x)*module, y, module, height, "F")
		}
	}
	p.SetY(y + height + 1)
	p.SetFont("paper", "", 11)
	p.CellFormat(0, 5, number, "", 1, "C", false, 0, "")
	return nil
}

func isBlack(code barcode.Barcode, x int) bool {
	return color.GrayModel.Convert(code.At(x, 0)).(color.Gray).Y < 128 //nolint:forcetypeassert // the model makes nothing else
}

func (p *paper) rule() {
	width, _ := p.GetPageSize()
	p.Ln(1.5)
	p.Line(margin, p.GetY(), width-margin, p.GetY())
	p.Ln(1.5)
}

func (p *paper) bytes() ([]byte, error) {
	var out bytes.Buffer
	if err := p.Output(&out); err != nil {
		return nil, fmt.Errorf("print: %w", err)
	}
	return out.Bytes(), nil
}
