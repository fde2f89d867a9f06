package provider

import (
	"context"
	"encoding/json"
)

const (
	issuerApple = "https://appleid.apple.com"
	// issuerAppleNew is the name that some of Apple's tokens carry, signed with the same keys.
	issuerAppleNew = "https://account.apple.com"
)

// apple is Sign in with Apple (https://developer.apple.com/documentation/signinwithapplerestapi). Whoever asks for name or
// email must take the answer as a posted form.
func apple() preset {
	return preset{
		base: issuerApple, exact: true, scopes: []string{"email", "name"},
		params: map[string]string{"response_mode": "form_post"},
		signer: func(_ context.Context, _ *directory, home *document, claimed string) (*document, error) {
			if claimed != issuerApple && claimed != issuerAppleNew {
				return nil, errOtherIssuer
			}
			return home, nil
		},
		identify: identifyApple, complete: completeApple,
	}
}

// completeApple takes the name from the form of the first login; the token never has it. The form comes from the browser, so
// its address is not looked at, and a form that cannot be read is as good as none.
func completeApple(who *identity, req ExchangeRequest) {
	var user struct {
		Name struct {
			First string `json:"firstName"`
			Last  string `json:"lastName"`
		} `json:"name"`
	}
	if json.Unmarshal([]byte(req.Form.Get("user")), &user) == nil {
		who.named(user.Name.First, user.Name.Last)
	}
}
