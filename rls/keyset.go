package rls

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// Errors of a KeySet.
var (
	// ErrUnknownKey means that no key has the id.
	ErrUnknownKey = errors.New("there is no signing key with this id")
	// ErrCurrentKey means that the key is the one that signs.
	ErrCurrentKey = errors.New("this is the current signing key; make another one first")
)

// KeySet is the key that signs tokens, and those that signed before and still verify. It does not change: Rotate and Drop
// make new ones.
type KeySet struct {
	keys    []*SigningKey
	current *SigningKey
	public  []byte
}

// NewKeySet makes a set of keys, of which one is current, and no two have the same id or both none.
func NewKeySet(keys ...*SigningKey) (*KeySet, error) {
	s := &KeySet{keys: slices.Clone(keys)}
	seen := make(map[string]bool, len(keys))
	for _, k := range s.keys {
		if seen[k.ID()] {
			return nil, fmt.Errorf("two signing keys have the id %q", k.ID())
		}
		seen[k.ID()] = true
		if k.State() != Current {
			continue
		}
		if s.current != nil {
			return nil, errors.New("two signing keys are current")
		}
		s.current = k
	}
	if s.current == nil {
		return nil, errors.New("no signing key is current")
	}
	s.public = publicJWKS(s.keys)
	return s, nil
}

// publicJWKS is what all may know of the keys.
func publicJWKS(keys []*SigningKey) []byte {
	var out bytes.Buffer
	out.WriteString(`{"keys":[`)
	separator := ""
	for _, k := range keys {
		if public := k.Public(); public != nil {
			out.WriteString(separator)
			out.Write(public)
			separator = ","
		}
	}
	out.WriteString(`]}`)
	return out.Bytes()
}

// Current is the key that signs.
func (s *KeySet) Current() *SigningKey { return s.current }

// Keys are all keys, in the order in which they were given.
func (s *KeySet) Keys() []*SigningKey { return slices.Clone(s.keys) }

// PublicJWKS is the JWK set with which others verify tokens: the public keys of the asymmetric ones, and so none under
// HS256.
func (s *KeySet) PublicJWKS() []byte { return slices.Clone(s.public) }

// Rotate makes a set in which next, which comes first, is the current key, and all others are previous ones.
func (s *KeySet) Rotate(next *SigningKey) (*KeySet, error) {
	keys := make([]*SigningKey, 1, len(s.keys)+1)
	keys[0] = next
	for _, k := range s.keys {
		old := *k
		old.state = Previous
		keys = append(keys, &old)
	}
	return NewKeySet(keys...)
}

// Drop makes a set without the key of that id, whose tokens are refused from then on. It fails with ErrUnknownKey and
// ErrCurrentKey. A key without an id cannot be dropped.
func (s *KeySet) Drop(id string) (*KeySet, error) {
	i := slices.IndexFunc(s.keys, func(k *SigningKey) bool { return k.ID() == id })
	switch {
	case id == "" || i < 0:
		return nil, ErrUnknownKey
	case s.keys[i] == s.current:
		return nil, ErrCurrentKey
	}
	return NewKeySet(slices.Delete(s.Keys(), i, i+1)...)
}

// MarshalJSON writes the keys with their private parts, as a list, but not one without an id: it is a plain secret, which
// is kept elsewhere.
func (s *KeySet) MarshalJSON() ([]byte, error) {
	named := slices.DeleteFunc(s.Keys(), func(k *SigningKey) bool { return k.ID() == "" })
	return json.Marshal(named)
}

// verifying are the keys as a keyring has them.
func (s *KeySet) verifying() []key {
	keys := make([]key, len(s.keys))
	for i, k := range s.keys {
		keys[i] = k.verifying
	}
	return keys
}
