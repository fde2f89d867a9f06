package print

import (
	"bytes"
	"compress/zlib"
	"io"
	"os/exec"
	"strings"
	"testing"
	"time"
)

func TestShape(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"abc":    "abc",
		"سلام":   "\uFEB3\uFEFC\uFEE1",        // seen initial, lam-alef final, meem isolated
		"محمد":   "\uFEE3\uFEA4\uFEE4\uFEAA",  // initial, medial, medial, final
		"بَيت":   "\uFE91\uFEF4\uFE96",        // the vowel mark is left out
		"دار":    "\uFEA9\uFE8D\uFEAD",        // none of them joins the letter after it
		"ماء":    "\uFEE3\uFE8E\uFE80",        // hamza joins nothing
		"لا إله": "\uFEFB \uFE87\uFEDF\uFEEA", // a ligature of its own
		"شارع 5": "\uFEB7\uFE8E\uFEAD\uFEC9 5",
	} {
		if got := shape(text); got != want {
			t.Errorf("%s: %+q, want %+q", text, got, want)
		}
	}
}

func TestVisual(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"Nile St 5":  "Nile St 5",
		"دار":        "\uFEAD\uFE8D\uFEA9",
		"شارع 15":    "15 \uFEC9\uFEAD\uFE8E\uFEB7",
		"Mr. دار, x": "Mr. \uFEAD\uFE8D\uFEA9, x",
	} {
		if got := visual(text); got != want {
			t.Errorf("%s: %+q, want %+q", text, got, want)
		}
	}
}

func label() *Label {
	return &Label{
		AWBNumber: "NX1234567890128", Courier: "nexus", OrderNumber: "ORD-000001", Date: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		To:   Address{Name: "منى عادل", Phone: "+201001234567", Line1: strings.Repeat("A very long street ", 20), City: "Cairo", Country: "EG"},
		From: Address{Name: "Corner Shop"}, COD: "120.00 EGP",
	}
}

func TestLabel(t *testing.T) {
	t.Parallel()
	pdf, err := label().PDF()
	if err != nil {
		t.Fatal(err)
	}
	again, err := label().PDF()
	if err != nil || !bytes.Equal(pdf, again) {
		t.Errorf("the same label has other bytes: %v", err)
	}
	if !bytes.HasPrefix(pdf, []byte("%PDF-")) || bytes.Count(pdf, []byte("/Type /Page\n")) != 1 || len(pdf) > 100_000 {
		t.Errorf("%d bytes, %d pages", len(pdf), bytes.Count(pdf, []byte("/Type /Page\n")))
	}
	if n := strings.Count(page(t, pdf), " re f"); n < 50 {
		t.Errorf("the barcode has %d bars", n)
	}
	bad := label()
	bad.AWBNumber = "é"
	if _, err := bad.PDF(); err == nil {
		t.Error("a number that cannot be a barcode is printed")
	}
}

// page returns the first page's drawing.
func page(t *testing.T, pdf []byte) string {
	t.Helper()
	for part := range bytes.SplitSeq(pdf, []byte("stream\n")) {
		reader, err := zlib.NewReader(bytes.NewReader(part))
		if err != nil {
			continue
		}
		text, _ := io.ReadAll(reader)
		if bytes.Contains(text, []byte(" re f")) {
			return string(text)
		}
	}
	t.Fatal("no page is drawn")
	return ""
}

// Another program reads what was drawn, if one is there (poppler-utils).
func TestLabelIsReadable(t *testing.T) {
	t.Parallel()
	tool, err := exec.LookPath("pdftotext")
	if err != nil {
		t.Skip("pdftotext is not installed")
	}
	pdf, err := label().PDF()
	if err != nil {
		t.Fatal(err)
	}
	run := exec.CommandContext(t.Context(), tool, "-", "-")
	run.Stdin = bytes.NewReader(pdf)
	text, err := run.Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"NX1234567890128", "ORD-000001", "COD 120.00 EGP", "+201001234567", "Cairo, EG", "Corner Shop"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
}

func TestSlip(t *testing.T) {
	t.Parallel()
	slip := Slip{Number: "PS-000001", OrderNumber: "ORD-000001", Organization: "Corner Shop", To: Address{Name: "Mona"}}
	for range 100 {
		slip.Lines = append(slip.Lines, SlipLine{SKU: "SKU", Name: strings.Repeat("a long name ", 20), Quantity: 2})
	}
	pdf, err := slip.PDF()
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(pdf, []byte("/Type /Page\n")); n != 3 {
		t.Errorf("%d pages", n)
	}
}
