package rls

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math"
	"strings"
	"time"
	"unicode/utf8"
)

// allowedSkew is how far the clocks of issuer and server may be apart, in seconds.
const allowedSkew = 30

// verdict is what there is to say about a token with a good signature. It holds for as long as the keys do; only the time
// decides anew at every use.
type verdict struct {
	identity               *Identity
	expires, before, since timeClaim // exp, nbf and iat
	// refused is why the token is of no use at any time, or nil.
	refused *Error
}

// at applies the verdict at a time. Of several faults the first counts: exp, nbf, iat, aud, role.
func (v *verdict) at(now time.Time) (*Identity, *Error) {
	seconds := now.Unix()
	switch {
	case v.expires.wrong:
		return nil, errExpType
	case v.expires.given && v.expires.seconds < seconds-allowedSkew:
		return nil, errExpired
	case v.before.wrong:
		return nil, errNbfType
	case v.before.given && v.before.seconds > seconds+allowedSkew:
		return nil, errNotYetValid
	case v.since.wrong:
		return nil, errIatType
	case v.since.given && v.since.seconds > seconds+allowedSkew:
		return nil, errFuture
	case v.refused != nil:
		return nil, v.refused
	}
	return v.identity, nil
}

// timeClaim is a NumericDate (RFC 7519, section 2) in whole seconds of Unix time.
type timeClaim struct {
	seconds int64
	given   bool
	wrong   bool // not a number
}

// timeClaimOf reads a claim; null counts as absent. A fraction is cut off: PostgREST reads such a number as 0, which refuses
// good tokens for exp and accepts bad ones for nbf.
func timeClaimOf(claim any) timeClaim {
	number, ok := claim.(json.Number)
	if !ok {
		return timeClaim{wrong: claim != nil}
	}
	if whole, err := number.Int64(); err == nil {
		return timeClaim{seconds: whole, given: true}
	}
	f, _ := number.Float64() // out of range it is infinite
	whole := int64(math.MaxInt64)
	switch {
	case f <= math.MinInt64:
		whole = math.MinInt64
	case f < math.MaxInt64:
		whole = int64(math.Floor(f))
	}
	return timeClaim{seconds: whole, given: true}
}

// judge reads the payload of a token with a good signature.
func (v *Verifier) judge(payload []byte) (*verdict, *Error) {
	claims, err := decodeClaims(payload)
	if err != nil {
		return nil, errClaims
	}
	out := &verdict{
		expires: timeClaimOf(claims["exp"]), before: timeClaimOf(claims["nbf"]), since: timeClaimOf(claims["iat"]),
	}
	out.identity, out.refused = v.identityOf(claims)
	if v.credentials && out.refused == nil {
		out.identity.Caller, out.refused = callerOf(out.identity, out)
	}
	return out, nil
}

// identityOf applies the claims that do not depend on the time.
func (v *Verifier) identityOf(claims map[string]any) (*Identity, *Error) {
	if refused := v.checkAudience(claims["aud"]); refused != nil {
		return nil, refused
	}
	role, ok := v.rolePath.role(claims)
	if !ok {
		if role = v.anonRole; role == "" {
			return nil, errTokenRequired
		}
	}
	// No role has a NUL in its name, and PostgreSQL takes no such text.
	if strings.Contains(role, "\x00") {
		return nil, errClaims
	}
	identity, err := newIdentity(claims, role)
	if err != nil {
		return nil, errClaims
	}
	return identity, nil
}

// decodeClaims reads a payload, which must be one JSON object in UTF-8. Numbers keep their text.
func decodeClaims(payload []byte) (map[string]any, error) {
	if !utf8.Valid(payload) {
		return nil, errors.New("not UTF-8")
	}
	decoder := json.NewDecoder(bytes.NewReader(payload))
	decoder.UseNumber()
	var claims map[string]any
	if err := decoder.Decode(&claims); err != nil {
		return nil, err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) || claims == nil {
		return nil, errors.New("not a single object")
	}
	return claims, nil
}

// checkAudience applies aud: a string or an array of strings, of which one must be wanted. Without a configured audience
// each is. An empty array names nobody and is accepted (https://docs.postgrest.org/en/v14/references/auth.html#aud-validation).
func (v *Verifier) checkAudience(claim any) *Error {
	switch aud := claim.(type) {
	case nil:
		return nil
	case string:
		if !v.wants(aud) {
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
			found = found || v.wants(text)
		}
		if !found {
			return errAudience
		}
		return nil
	default:
		return errAudType
	}
}

func (v *Verifier) wants(audience string) bool { return v.audience == "" || v.audience == audience }
