package rls

import (
	"encoding/base64"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/lestrrat-go/jwx/v2/jwa"
)

// bearer returns the token of a Bearer header; the scheme is case-insensitive (RFC 9110, section 11.1). Any white space
// stands between scheme and token, and a scheme without a token is an empty one.
func bearer(authorization string) (token string, ok bool) {
	const spaces = " \t\n\v\f\r"
	scheme := authorization
	if i := strings.IndexAny(authorization, spaces); i >= 0 {
		scheme = authorization[:i]
	}
	if !strings.EqualFold(scheme, "bearer") {
		return "", false
	}
	return strings.TrimLeft(authorization[len(scheme):], spaces), true
}

// compact is a JWS in its compact serialization (RFC 7515, section 3.1). Nothing in it can be trusted before keyring.verify.
type compact struct {
	algorithm jwa.SignatureAlgorithm
	keyID     string // "" if the header names none
	signed    []byte // what the signature is of: header and payload as they were sent
	payload   []byte
	signature []byte
}

// algorithms are those a header may name. The list is closed: what is not in it cannot be made into anything by a header.
var algorithms = map[string]jwa.SignatureAlgorithm{
	"HS256": jwa.HS256, "HS384": jwa.HS384, "HS512": jwa.HS512,
	"RS256": jwa.RS256, "RS384": jwa.RS384, "RS512": jwa.RS512,
	"PS256": jwa.PS256, "PS384": jwa.PS384, "PS512": jwa.PS512,
	"ES256": jwa.ES256, "ES384": jwa.ES384, "ES512": jwa.ES512,
	"EdDSA": jwa.EdDSA,
}

// parseCompact splits and decodes a token. It refuses in PostgREST's order and words: parts are counted before anything is
// decoded, and whatever cannot be decoded is a failed cryptographic operation.
func parseCompact(token string) (*compact, *Error) {
	if token == "" {
		return nil, errEmptyToken
	}
	if parts := strings.Count(token, ".") + 1; parts != 3 {
		return nil, badToken("Expected 3 parts in JWT; got "+strconv.Itoa(parts), nil)
	}
	header, rest, _ := strings.Cut(token, ".")
	payload, signature, _ := strings.Cut(rest, ".")
	c := &compact{signed: []byte(token[:len(header)+1+len(payload)])}
	unsecured, ok := c.readHeader(header)
	if !ok {
		return nil, errCrypto
	}
	if c.payload, ok = decodePart(payload); !ok {
		return nil, errCrypto
	}
	if unsecured {
		return nil, errUnsecured
	}
	if c.signature, ok = decodePart(signature); !ok {
		return nil, errCrypto
	}
	return c, nil
}

// readHeader reads what of the header decides how the token is verified; ok is false for a header that is not understood.
// The members are looked up in a map, because encoding/json matches those of a struct in any case.
func (c *compact) readHeader(part string) (unsecured, ok bool) {
	text, ok := decodePart(part)
	if !ok {
		return false, false
	}
	var members map[string]any
	if json.Unmarshal(text, &members) != nil || members == nil {
		return false, false
	}
	name, _ := members["alg"].(string)
	if name == "none" {
		return true, true
	}
	if c.algorithm, ok = algorithms[name]; !ok {
		return false, false
	}
	for _, optional := range []string{"typ", "cty", "kid"} {
		if v := members[optional]; v != nil {
			if _, ok := v.(string); !ok {
				return false, false
			}
		}
	}
	c.keyID, _ = members["kid"].(string)
	// With enc it is an encrypted token. No extension is understood, so RFC 7515 (section 4.1.11) demands a refusal of crit.
	_, encrypted := members["enc"]
	return false, !encrypted && members["crit"] == nil
}

// decodePart decodes base64url without padding. The decoder would skip line ends.
func decodePart(part string) ([]byte, bool) {
	decoded, err := base64.RawURLEncoding.DecodeString(part)
	return decoded, err == nil && !strings.ContainsAny(part, "\r\n")
}
