package rls

// keyring is one set of keys and the tokens that were verified with it. It is replaced as a whole when keys change, so that
// no token outlives the key that verified it.
type keyring struct {
	keys  []key
	cache *cache
	// complete is false as long as keys are expected from a URL but none have come.
	complete bool
}

// verify checks a token's signature. A token that names a key is verified with that key alone, and one that does not with
// any that suits its algorithm (https://docs.postgrest.org/en/v14/references/auth.html#kid-verification).
func (r *keyring) verify(c *compact) *Error {
	tried := false
	for i := range r.keys {
		k := &r.keys[i]
		if c.keyID != "" && c.keyID != k.id {
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
