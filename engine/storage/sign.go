package storage

import (
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/jackc/pgx/v5"
)

// What a signed URL is good for.
const (
	scopeDownload = "download"
	scopeUpload   = "upload"
)

// maxSigned is how many URLs one request may ask for.
const maxSigned = 1000

// signer makes the tokens of signed URLs. Its key is derived from the server's secret, so that a token of a URL is none of the API
// and the other way round.
type signer struct {
	key []byte
	jws jose.Signer
}

func newSigner(secret []byte) (*signer, error) {
	if len(secret) == 0 {
		return nil, errors.New("storage: there is no secret to sign URLs with")
	}
	key, err := hkdf.Key(sha256.New, secret, nil, "nexus storage signed urls", sha256.Size)
	if err != nil {
		return nil, err
	}
	jws, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.HS256, Key: key}, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		return nil, err
	}
	return &signer{key: key, jws: jws}, nil
}

// grant is what a token says.
type grant struct {
	// URL is the bucket and the key.
	URL    string  `json:"url"`
	Scope  string  `json:"scope"`
	Owner  *string `json:"owner,omitempty"`
	Upsert bool    `json:"upsert,omitempty"`
	// Transformations are those of an image, as a query has them.
	Transformations string `json:"transformations,omitempty"`
	IssuedAt        int64  `json:"iat"`
	Expires         int64  `json:"exp"`
}

func (s *signer) sign(g grant, life time.Duration) (string, error) {
	now := time.Now()
	g.IssuedAt, g.Expires = now.Unix(), now.Add(life).Unix()
	return jwt.Signed(s.jws).Claims(g).Serialize()
}

func invalidToken(message string) *Error {
	return &Error{Status: 400, Code: "InvalidJWT", Name: "InvalidJWT", Message: message}
}

// verify reads a token for one action on one object.
func (s *signer) verify(token, scope, bucket, key string) (*grant, error) {
	if token == "" {
		return nil, invalidRequest("querystring must have required property 'token'")
	}
	parsed, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.HS256})
	if err != nil {
		return nil, invalidToken("Invalid Compact JWS").because(err)
	}
	g := new(grant)
	if err := parsed.Claims(s.key, g); err != nil {
		return nil, invalidToken("signature verification failed").because(err)
	}
	switch {
	case time.Now().Unix() >= g.Expires:
		return nil, invalidToken(`"exp" claim timestamp check failed`)
	case g.Scope != scope:
		e := *errSignature
		e.Message = "Token is not scoped for " + scope
		return nil, &e
	case g.URL != bucket+"/"+key:
		return nil, errSignature
	}
	return g, nil
}

// lifetime is the field expiresIn, in seconds.
type lifetime int64

func (l lifetime) duration() (time.Duration, error) {
	const longest = 100 * 365 * 24 * time.Hour
	if l < 1 || time.Duration(l) > longest/time.Second {
		return 0, invalidRequest("body/expiresIn must be >= 1")
	}
	return time.Duration(l) * time.Second, nil
}

// sign makes a URL to download an object with, for whoever may read it now. Like all URLs here it is not escaped: storage-js does
// that.
func (c *call) sign() (any, error) {
	var f struct {
		ExpiresIn lifetime                   `json:"expiresIn"`
		Transform map[string]json.RawMessage `json:"transform"`
	}
	if err := errors.Join(checkKey(c.to.key), c.body(&f)); err != nil {
		return nil, err
	}
	life, err := f.ExpiresIn.duration()
	if err != nil {
		return nil, err
	}
	g := grant{URL: c.to.bucket + "/" + c.to.key, Scope: scopeDownload}
	path := "/object/sign/"
	if len(f.Transform) > 0 {
		wanted, err := transformOfJSON(f.Transform)
		if err != nil {
			return nil, err
		}
		g.Transformations, path = wanted.String(), "/render/image/sign/"
	}
	if _, err := c.find(c.identity); err != nil {
		return nil, err
	}
	token, err := c.h.signer.sign(g, life)
	return map[string]string{"signedURL": path + g.URL + "?token=" + token}, err
}

// signedPath is a line of signMany's answer.
type signedPath struct {
	Error     *string `json:"error"`
	Path      string  `json:"path"`
	SignedURL *string `json:"signedURL"`
}

func (c *call) signMany() (any, error) {
	var f struct {
		ExpiresIn lifetime `json:"expiresIn"`
		Paths     []string `json:"paths"`
	}
	if err := c.body(&f); err != nil {
		return nil, err
	}
	life, err := f.ExpiresIn.duration()
	if err != nil {
		return nil, err
	}
	if len(f.Paths) == 0 || len(f.Paths) > maxSigned {
		return nil, invalidRequest("body/paths must have between 1 and 1000 items")
	}
	readable := map[string]bool{}
	err = c.read(func(tx pgx.Tx) error {
		rows, err := tx.Query(c.Context(), "select name from storage.objects where bucket_id = $1 and name = any ($2)", c.to.bucket, f.Paths)
		if err != nil {
			return err
		}
		names, err := pgx.CollectRows(rows, pgx.RowTo[string])
		for _, name := range names {
			readable[name] = true
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	out := make([]signedPath, len(f.Paths))
	for i, key := range f.Paths {
		out[i].Path = key
		if !readable[key] {
			missing := "Either the object does not exist or you do not have access to it"
			out[i].Error = &missing
			continue
		}
		g := grant{URL: c.to.bucket + "/" + key, Scope: scopeDownload}
		token, err := c.h.signer.sign(g, life)
		if err != nil {
			return nil, err
		}
		signed := "/object/sign/" + g.URL + "?token=" + token
		out[i].SignedURL = &signed
	}
	return out, nil
}

// downloadSigned serves an object to whoever has its URL, until that expires.
func (c *call) downloadSigned(w http.ResponseWriter) error {
	g, err := c.h.signer.verify(c.URL.Query().Get("token"), scopeDownload, c.to.bucket, c.to.key)
	if err != nil {
		return err
	}
	w.Header().Set("Expires", time.Unix(g.Expires, 0).UTC().Format(http.TimeFormat))
	return c.send(w, func() (*found, error) { return c.find(c.identity) })
}

// signUpload makes a URL to upload an object to, for whoever may make it now.
func (c *call) signUpload() (any, error) {
	if err := checkKey(c.to.key); err != nil {
		return nil, err
	}
	if _, err := c.findBucket(c.Context(), c.to.bucket); err != nil {
		return nil, err
	}
	g := grant{URL: c.to.bucket + "/" + c.to.key, Scope: scopeUpload, Owner: c.owner(), Upsert: c.Header.Get("X-Upsert") == "true"}
	d := &draft{bucket: c.to.bucket, key: c.to.key, owner: g.Owner, version: newVersion(), upsert: g.Upsert, metadata: map[string]any{}}
	if err := c.mayWrite(d); err != nil {
		return nil, err
	}
	token, err := c.h.signer.sign(g, c.h.cfg.SignedUploadLife)
	return map[string]string{"url": "/object/upload/sign/" + g.URL + "?token=" + token, "token": token}, err
}

// uploadSigned takes an upload in from whoever has its URL, until that expires.
func (c *call) uploadSigned(w http.ResponseWriter) error {
	g, err := c.h.signer.verify(c.URL.Query().Get("token"), scopeUpload, c.to.bucket, c.to.key)
	if err != nil {
		return err
	}
	in := &incoming{bucket: c.to.bucket, key: c.to.key, owner: g.Owner, upsert: g.Upsert, trusted: true}
	if _, err := c.receive(w, in); err != nil {
		return err
	}
	c.h.answer(w, c.Request, map[string]string{"Key": g.URL})
	return nil
}
