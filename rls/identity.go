package rls

// Identity is who a request acts as. It is immutable, so it can be shared by requests with the same token.
type Identity struct {
	// Role is the database role that the request's transaction takes.
	Role string
	// Claims is the token's payload as a JSON object, with "role" set to Role. It becomes request.jwt.claims.
	Claims string
	// Subject is the sub claim when it is a string, for logs.
	Subject string
	// Anonymous is true of a request without a token.
	Anonymous bool
	// Caller is what the token says beside the role. It is zero unless VerifierConfig.Credentials is set.
	Caller Caller
}

// ReadOnly reports whether the credential allows no changes at all, whatever the policies say.
func (i *Identity) ReadOnly() bool { return i.Caller.Class == Agent && !i.Caller.Allows(ScopeWrite) }

// newIdentity makes an identity with "role" among its claims, which it takes over.
func newIdentity(claims map[string]any, role string) (*Identity, error) {
	claims["role"] = role
	text, err := encodeJSON(claims)
	if err != nil {
		return nil, err
	}
	subject, _ := claims["sub"].(string)
	return &Identity{Role: role, Claims: text, Subject: subject}, nil
}
