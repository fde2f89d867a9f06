package totp_test

import (
	"encoding/base32"
	"image"
	"image/color"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode"

	"nexus/engine/auth/totp"
)

// The vectors of RFC 6238, appendix B, of which six digits count.
func TestVerifyVectors(t *testing.T) {
	t.Parallel()
	secret := base32.StdEncoding.EncodeToString([]byte("12345678901234567890"))
	for seconds, code := range map[int64]string{
		59: "287082", 1111111109: "081804", 1111111111: "050471", 1234567890: "005924", 2000000000: "279037", 20000000000: "353130",
	} {
		step, ok := totp.Verify(secret, code, time.Unix(seconds, 0))
		if !ok || step != uint64(seconds/30) {
			t.Errorf("at %d: step %d, %v", seconds, step, ok)
		}
	}
}

func TestVerify(t *testing.T) {
	t.Parallel()
	secret := base32.StdEncoding.EncodeToString([]byte("12345678901234567890"))
	const code = "005924" // of the period that begins at 1234567890
	for offset, want := range map[int64]bool{-31: false, -30: true, 0: true, 29: true, 59: true, 60: false} {
		if _, ok := totp.Verify(secret, code, time.Unix(1234567890+offset, 0)); ok != want {
			t.Errorf("%d seconds off: %v", offset, ok)
		}
	}
	for _, wrong := range []string{"", "5924", "005925", "00592 4", "0059240", "٠٠٥٩٢٤"} {
		if _, ok := totp.Verify(secret, wrong, time.Unix(1234567890, 0)); ok {
			t.Errorf("%q is taken", wrong)
		}
	}
	if _, ok := totp.Verify("not base32!", code, time.Unix(1234567890, 0)); ok {
		t.Error("a broken secret is taken")
	}
}

func TestGenerate(t *testing.T) {
	t.Parallel()
	key, err := totp.Generate("Nexus & Co", "ann@example.com")
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(key.URI)
	if err != nil || u.Scheme != "otpauth" || u.Host != "totp" || u.Path != "/Nexus & Co:ann@example.com" {
		t.Errorf("the URI is %s", key.URI)
	}
	if u.Query().Get("secret") != key.Secret || u.Query().Get("issuer") != "Nexus & Co" || len(key.Secret) < 32 {
		t.Errorf("the URI is %s, the secret %s", key.URI, key.Secret)
	}
	if _, err := totp.Generate("", ""); err == nil {
		t.Error("a key for nobody is made")
	}
}

// What is drawn can be read: the path is painted and given to a reader of QR codes.
func TestQRCodeSVG(t *testing.T) {
	t.Parallel()
	key, err := totp.Generate("nexus", "ann@example.com")
	if err != nil {
		t.Fatal(err)
	}
	svg := key.QRCodeSVG()
	if !strings.HasPrefix(svg, "<svg ") || len(svg) > 64<<10 {
		t.Fatalf("%d bytes: %.100s", len(svg), svg)
	}
	const scale = 4
	side := numbers(t, regexp.MustCompile(`viewBox="0 0 (\d+) (\d+)"`).FindStringSubmatch(svg)[1:])[0]
	img := image.NewGray(image.Rect(0, 0, side*scale, side*scale))
	for i := range img.Pix {
		img.Pix[i] = 0xff
	}
	for _, run := range regexp.MustCompile(`M(\d+) (\d+)h(\d+)v1h-(\d+)z`).FindAllStringSubmatch(svg, -1) {
		n := numbers(t, run[1:])
		for x := n[0] * scale; x < (n[0]+n[2])*scale; x++ {
			for y := n[1] * scale; y < (n[1]+1)*scale; y++ {
				img.SetGray(x, y, color.Gray{})
			}
		}
	}
	bitmap, err := gozxing.NewBinaryBitmapFromImage(img)
	if err != nil {
		t.Fatal(err)
	}
	read, err := qrcode.NewQRCodeReader().Decode(bitmap, nil)
	if err != nil || read.GetText() != key.URI {
		t.Errorf("it reads %v, %v, want %s", read, err, key.URI)
	}
}

func numbers(t *testing.T, texts []string) []int {
	t.Helper()
	all := make([]int, len(texts))
	for i, text := range texts {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal(err)
		}
		all[i] = n
	}
	return all
}
