package rls

import "sync"

// keyring is one set of keys and the tokens that were verified with it. It is replaced as a whole when keys change, so that
// no token outlives the key that verified it.
type keyring struct {
	keys  []key
	cache *cache
	// complete is false as long as keys are expected from a URL but none have come.
	complete bool
}

// verify checks a token's signature. A token that names a key is verified with that key alone, and one that does not with
// any that suits its algorithm (https://docs.postgrest.org/en/v14/references/auth.html#kid-verification), but for our own
// keys with names: all that they sign says so.
func (r *keyring) verify(c *compact) *Error {
	tried := false
	for i := range r.keys {
		k := &r.keys[i]
		if c.keyID != k.id && (c.keyID != "" || k.byName) {
			continue
		}
		verifier, ok := k.verifiers[c.algorithm]
		if !ok {
			continue
		}
		tried = true
		if verifier.Verify(c.signed, c.signature, k.material) == nil {
			return nil
		}
	}
	if !tried {
		return errNoKey
	}
	return errKeysFailed
}

// keySources are where the keys of a keyring come from.
type keySources struct {
	cacheEntries int

	mu                      sync.Mutex
	secret, signing, remote []key
	// awaited is true as long as keys are expected from a URL but none have come.
	awaited bool
}

// use takes the keys of set for those that tokens are signed with.
func (s *keySources) use(set *KeySet) {
	s.signing = nil
	if set != nil {
		s.signing = set.verifying()
	}
}
