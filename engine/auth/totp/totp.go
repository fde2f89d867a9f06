// Package totp makes and checks the codes of authenticator apps (RFC 6238): SHA-1, six digits, half a minute each.
package totp

import (
	"crypto/subtle"
	"fmt"
	"image"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/boombuler/barcode/qr"
	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"
	"github.com/pquerna/otp/totp"
)

// Period is how long a code is shown.
const Period = 30 * time.Second

// skew is how many periods a clock may be off, to either side.
const skew = 1

// Key is what an app needs to make codes.
type Key struct {
	// Secret is base32 without padding, URI an otpauth:// URI with it.
	Secret string
	URI    string

	modules image.Image
}

// Generate makes a key. The issuer and the account are what the app shows; neither may be empty.
func Generate(issuer, account string) (*Key, error) {
	key, err := totp.Generate(totp.GenerateOpts{Issuer: issuer, AccountName: account})
	if err != nil {
		return nil, fmt.Errorf("totp: %w", err)
	}
	uri := keyURI(issuer, account, key.Secret())
	modules, err := qr.Encode(uri, qr.M, qr.Auto)
	if err != nil {
		return nil, fmt.Errorf("totp: %w", err)
	}
	return &Key{Secret: key.Secret(), URI: uri, modules: modules}, nil
}

// keyURI writes what apps read (https://github.com/google/google-authenticator/wiki/Key-Uri-Format). The library leaves
// characters as they are that would end a value; and apps do not take a plus for a space.
func keyURI(issuer, account, secret string) string {
	query := url.Values{
		"secret": {secret}, "issuer": {issuer}, "algorithm": {"SHA1"}, "digits": {"6"},
		"period": {strconv.Itoa(int(Period / time.Second))},
	}
	return "otpauth://totp/" + url.PathEscape(issuer) + ":" + url.PathEscape(account) + "?" +
		strings.ReplaceAll(query.Encode(), "+", "%20")
}

// quiet is the width of the white border that readers need, in modules.
const quiet = 4

// QRCodeSVG draws the URI as a QR code: one path, in which each row's runs of dark modules are rectangles.
func (k *Key) QRCodeSVG() string {
	bounds := k.modules.Bounds()
	size := bounds.Dx()
	dark := func(x, y int) bool {
		if x >= size {
			return false
		}
		r, _, _, _ := k.modules.At(bounds.Min.X+x, bounds.Min.Y+y).RGBA()
		return r == 0
	}
	var path strings.Builder
	for y := range size {
		for x := 0; x < size; x++ {
			if !dark(x, y) {
				continue
			}
			start := x
			for dark(x, y) {
				x++
			}
			fmt.Fprintf(&path, "M%d %dh%dv1h-%dz", start+quiet, y+quiet, x-start, x-start)
		}
	}
	side := strconv.Itoa(size + 2*quiet)
	return `<svg xmlns="http://www.w3.org/2000/svg" width="256" height="256" viewBox="0 0 ` + side + " " + side +
		`" shape-rendering="crispEdges"><path fill="#fff" d="M0 0h` + side + "v" + side + "H0z\"/><path d=\"" + path.String() + `"/></svg>`
}

// Verify reports whether the code is that of the secret at the time, or a period before or after, and of which period since
// 1970 it is. A caller who remembers that can refuse a code that was used before.
func Verify(secret, code string, at time.Time) (step uint64, ok bool) {
	now := uint64(at.Unix()) / uint64(Period/time.Second)
	for step := now - skew; step <= now+skew; step++ {
		want, err := hotp.GenerateCodeCustom(secret, step, hotp.ValidateOpts{Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1})
		if err == nil && subtle.ConstantTimeCompare([]byte(want), []byte(code)) == 1 {
			return step, true
		}
	}
	return 0, false
}
