package rls

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jwk"
	"github.com/lestrrat-go/jwx/v2/jws"
)

// Algorithms that NewSigningKey makes keys for (RFC 7518, section 3.1).
const (
	HS256 = "HS256"
	ES256 = "ES256"
	RS256 = "RS256"
)

// KeyState is what a signing key is still good for.
type KeyState string

const (
	// Current is the state of the one key that signs.
	Current KeyState = "current"
	// Previous is the state of a key that only verifies what it signed before.
	Previous KeyState = "previous"
)

// ErrAlgorithm means that tokens are not signed with such an algorithm.
var ErrAlgorithm = errors.New("the algorithm of a signing key must be HS256, ES256 or RS256")

// SigningKey signs tokens, and verifies them with the one algorithm that it is for. It does not change. Its JSON form is a
// private JWK (RFC 7517) with the members created_at and state besides.
type SigningKey struct {
	verifying key
	algorithm jwa.SignatureAlgorithm
	private   any // []byte, *ecdsa.PrivateKey or *rsa.PrivateKey
	createdAt time.Time
	state     KeyState
}

// NewSigningKey makes a current key with a random id, dated now. It fails with ErrAlgorithm on any but the three
// algorithms.
func NewSigningKey(algorithm string) (*SigningKey, error) {
	var private any
	var err error
	switch algorithm {
	case HS256:
		private = []byte(NewSecret())
	case ES256:
		private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case RS256:
		private, err = rsa.GenerateKey(rand.Reader, minRSA)
	default:
		return nil, ErrAlgorithm
	}
	if err != nil {
		return nil, fmt.Errorf("rls: make a signing key: %w", err)
	}
	id := strings.ToLower(rand.Text())
	return makeSigningKey(id, algorithm, private, time.Now().UTC().Truncate(time.Second), Current)
}

// SecretKey makes a signing key for HS256 of a plain secret. It has no id, and so have its tokens. It fails with
// ErrShortSecret or ErrPublicSecret on what cannot be one.
func SecretKey(secret []byte, createdAt time.Time, state KeyState) (*SigningKey, error) {
	if len(secret) < minSecret {
		return nil, ErrShortSecret
	}
	if isPublic(secret) {
		return nil, ErrPublicSecret
	}
	return makeSigningKey("", HS256, bytes.Clone(secret), createdAt, state)
}

// makeSigningKey refuses whatever could not sign, or whose signatures it would not accept itself.
func makeSigningKey(id, algorithm string, private any, createdAt time.Time, state KeyState) (*SigningKey, error) {
	if state != Current && state != Previous {
		return nil, fmt.Errorf("the state of a signing key must be %s or %s", Current, Previous)
	}
	public := private
	switch p := private.(type) {
	case []byte:
		if len(p) < minSecret {
			return nil, ErrShortSecret
		}
	case *ecdsa.PrivateKey, *rsa.PrivateKey:
		public = p.(crypto.Signer).Public()
	default:
		return nil, errors.New("the signing key has no private part")
	}
	if err := checkMaterial(public); err != nil {
		return nil, err
	}
	suitable := only(algorithmsOf(public), algorithm)
	if suitable == nil || (algorithm != HS256 && algorithm != ES256 && algorithm != RS256) {
		return nil, ErrAlgorithm
	}
	verifying, err := newKey(id, public, suitable...)
	if err != nil {
		return nil, err
	}
	verifying.byName = id != ""
	k := &SigningKey{verifying: verifying, algorithm: suitable[0], private: private, createdAt: createdAt, state: state}
	return k, k.try()
}

// try finds out whether the private part and the public one belong together.
func (k *SigningKey) try() error {
	token, err := k.Sign(nil)
	if err != nil {
		return err
	}
	parsed, refused := parseCompact(token)
	if refused != nil {
		return refused
	}
	if k.verifying.verifiers[k.algorithm].Verify(parsed.signed, parsed.signature, k.verifying.material) != nil {
		return errors.New("the parts of the signing key do not belong together")
	}
	return nil
}

// ID is the kid of the key and of the tokens that it signs; "" if it has none.
func (k *SigningKey) ID() string { return k.verifying.id }

// Algorithm is the alg of the tokens that it signs.
func (k *SigningKey) Algorithm() string { return k.algorithm.String() }

// CreatedAt tells when the key was made.
func (k *SigningKey) CreatedAt() time.Time { return k.createdAt }

// State tells whether the key still signs.
func (k *SigningKey) State() KeyState { return k.state }

// Sign makes a token with the claims as they are. It fails on claims that have no JSON form. A previous key signs, too; it
// is up to the caller to take the current one.
func (k *SigningKey) Sign(claims map[string]any) (string, error) {
	if claims == nil {
		claims = map[string]any{}
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("rls: claims: %w", err)
	}
	headers := jws.NewHeaders()
	err = headers.Set(jws.TypeKey, "JWT")
	if err == nil && k.ID() != "" {
		err = headers.Set(jws.KeyIDKey, k.ID())
	}
	if err != nil {
		return "", fmt.Errorf("rls: header: %w", err)
	}
	token, err := jws.Sign(payload, jws.WithKey(k.algorithm, k.private, jws.WithProtectedHeaders(headers)))
	if err != nil {
		return "", fmt.Errorf("rls: sign: %w", err)
	}
	return string(token), nil
}

// Public is the public JWK with which others verify the key's tokens, or nil if it is symmetric.
func (k *SigningKey) Public() json.RawMessage {
	if k.verifying.symmetric() {
		return nil
	}
	text, err := k.jwk(k.verifying.material, map[string]any{jwk.KeyOpsKey: jwk.KeyOperationList{jwk.KeyOpVerify}})
	if err != nil {
		// Signatures of the key were verified when it was made, so it has a JSON form.
		panic("rls: " + err.Error())
	}
	return text
}

// MarshalJSON includes the private part.
func (k *SigningKey) MarshalJSON() ([]byte, error) {
	return k.jwk(k.private, map[string]any{"created_at": k.createdAt.Format(time.RFC3339), "state": string(k.state)})
}

// jwk writes the material as a JWK with what is known of the key and further members.
func (k *SigningKey) jwk(material any, members map[string]any) ([]byte, error) {
	out, err := jwk.FromRaw(material)
	if err != nil {
		return nil, err
	}
	members[jwk.AlgorithmKey], members[jwk.KeyUsageKey] = k.algorithm, jwk.ForSignature
	if k.ID() != "" {
		members[jwk.KeyIDKey] = k.ID()
	}
	for name, value := range members {
		if err := out.Set(name, value); err != nil {
			return nil, err
		}
	}
	return json.Marshal(out)
}

// UnmarshalJSON reads what MarshalJSON writes. It refuses keys without an id, keys for anything but signatures, and those
// that could not sign.
func (k *SigningKey) UnmarshalJSON(text []byte) error {
	var own struct {
		CreatedAt time.Time `json:"created_at"`
		State     KeyState  `json:"state"`
	}
	if err := json.Unmarshal(text, &own); err != nil {
		return fmt.Errorf("signing key: %w", err)
	}
	parsed, err := jwk.ParseKey(text)
	if err != nil {
		return fmt.Errorf("signing key: %w", err)
	}
	if parsed.KeyID() == "" {
		return errors.New("signing key: it has no kid")
	}
	if use := parsed.KeyUsage(); use != "" && use != jwk.ForSignature.String() {
		return fmt.Errorf("signing key %s: it is not for signatures", parsed.KeyID())
	}
	var private any
	if err := parsed.Raw(&private); err != nil {
		return fmt.Errorf("signing key %s: %w", parsed.KeyID(), err)
	}
	made, err := makeSigningKey(parsed.KeyID(), parsed.Algorithm().String(), private, own.CreatedAt, own.State)
	if err != nil {
		return fmt.Errorf("signing key %s: %w", parsed.KeyID(), err)
	}
	*k = *made
	return nil
}
