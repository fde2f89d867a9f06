package rls

import "net/http"

// Error is a refusal of a token, as PostgREST words it. Values are shared; they must not be changed
// (https://docs.postgrest.org/en/v14/references/errors.html#group-3-jwt).
type Error struct {
	Status  int    // HTTP status
	Code    string // PGRST300 to PGRST303, or NEXUS503 as long as no keys could be fetched
	Message string
	// Details and Hint are nil or a string.
	Details any
	Hint    any
	// WWWAuthenticate is the value of that header, "" for none (RFC 6750, section 3).
	WWWAuthenticate string
}

// Error implements error; it never includes the token.
func (e *Error) Error() string { return e.Code + ": " + e.Message }

var (
	errNoSecret = &Error{
		Status: http.StatusInternalServerError, Code: "PGRST300", Message: "Server lacks JWT secret",
	}
	errTokenRequired = &Error{
		Status: http.StatusUnauthorized, Code: "PGRST302", Message: "Anonymous access is disabled", WWWAuthenticate: "Bearer",
	}
	// errNoRemoteKeys is ours: no key has come from the URL yet, so nobody can say whether the token is good.
	errNoRemoteKeys = &Error{
		Status: http.StatusServiceUnavailable, Code: "NEXUS503", Message: "The keys that verify tokens are not available",
	}
	errEmptyToken  = badToken("Empty JWT is sent in Authorization header", nil)
	errCrypto      = badToken("JWT cryptographic operation failed", nil)
	errUnsecured   = badToken("Wrong or unsupported encoding algorithm", "JWT is unsecured but expected 'alg' was not 'none'")
	errNoKey       = badToken("No suitable key or wrong key type", "No suitable key was found to decode the JWT")
	errKeysFailed  = badToken("No suitable key or wrong key type", "None of the keys was able to decode the JWT")
	errClaims      = badClaims("Parsing claims failed")
	errExpired     = badClaims("JWT expired")
	errNotYetValid = badClaims("JWT not yet valid")
	errFuture      = badClaims("JWT issued at future")
	errAudience    = badClaims("JWT not in audience")
	errExpType     = badClaims("The JWT 'exp' claim must be a number")
	errNbfType     = badClaims("The JWT 'nbf' claim must be a number")
	errIatType     = badClaims("The JWT 'iat' claim must be a number")
	errAgentToken  = badClaims("JWT of an agent is not as agents' tokens must be")
	errAudType     = badClaims("The JWT 'aud' claim must be a string or an array of strings")
)

// badToken is the refusal of a token that cannot be decoded or verified.
func badToken(message string, details any) *Error { return refusal("PGRST301", message, details) }

// badClaims is the refusal of a genuine token for what it claims.
func badClaims(message string) *Error { return refusal("PGRST303", message, nil) }

func refusal(code, message string, details any) *Error {
	return &Error{
		Status: http.StatusUnauthorized, Code: code, Message: message, Details: details,
		WWWAuthenticate: `Bearer error="invalid_token", error_description="` + message + `"`,
	}
}
