package rls

import (
	"bytes"
	"encoding/json"
	"math"
	"time"
)

// allowedSkew is how far the clocks of issuer and server may be apart.
const allowedSkew = 30 * time.Second

// validity is when a token may be used, in seconds of Unix time.
type validity struct {
	expires, notBefore, issued int64
}

// always is the validity of a token without time claims.
var always = validity{expires: math.MaxInt64, notBefore: math.MinInt64, issued: math.MinInt64}

// check applies the time claims; a claim may be off by allowedSkew.
func (v validity) check(now time.Time) *Error {
	seconds, skew := now.Unix(), int64(allowedSkew/time.Second)
	switch {
	case v.expires < seconds-skew:
		return errExpired
	case v.notBefore > seconds+skew:
		return errNotYetValid
	case v.issued > seconds+skew:
		return errFuture
	default:
		return nil
	}
}

// decodeClaims reads a payload, which must be one JSON object. Numbers keep their text.
func decodeClaims(payload []byte) (map[string]any, *Error) {
	decoder := json.NewDecoder(bytes.NewReader(payload))
	decoder.UseNumber()
	var claims map[string]any
	if decoder.Decode(&claims) != nil || claims == nil || decoder.More() {
		return nil, errClaims
	}
	return claims, nil
}

// validityOf reads exp, nbf and iat (RFC 7519, section 4.1); null counts as absent.
func validityOf(claims map[string]any) (validity, *Error) {
	v := always
	for _, c := range []struct {
		name string
		into *int64
		err  *Error
	}{{"exp", &v.expires, errExpType}, {"nbf", &v.notBefore, errNbfType}, {"iat", &v.issued, errIatType}} {
		switch value := claims[c.name].(type) {
		case nil:
		case json.Number:
			*c.into = numericDate(value)
		default:
			return v, c.err
		}
	}
	return v, nil
}

// numericDate reads whole seconds; RFC 7519 allows a fraction, which is cut off.
func numericDate(n json.Number) int64 {
	if whole, err := n.Int64(); err == nil {
		return whole
	}
	f, _ := n.Float64()
	switch {
	case f >= math.MaxInt64:
		return math.MaxInt64
	case f <= math.MinInt64:
		return math.MinInt64
	default:
		return int64(f)
	}
}

// checkAudience applies aud: a string or an array of strings, of which one must be wanted. Without a configured audience
// every one is. An empty array names nobody and is accepted, as PostgREST does.
func checkAudience(claim any, matches func(string) bool) *Error {
	switch aud := claim.(type) {
	case nil:
		return nil
	case string:
		if !matches(aud) {
			return errAudience
		}
		return nil
	case []any:
		found := len(aud) == 0
		for _, element := range aud {
			text, ok := element.(string)
			if !ok {
				return errAudType
			}
			found = found || matches(text)
		}
		if !found {
			return errAudience
		}
		return nil
	default:
		return errAudType
	}
}
