package provider

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// claims are what a token or a profile says, by JSON name.
type claims map[string]any

// text is a claim that is a string; others are empty.
func (c claims) text(name string) string {
	text, _ := c[name].(string)
	return text
}

// truth is a claim that is a boolean, or one in words, as some providers write them. Ok tells whether there is one.
func (c claims) truth(name string) (value, ok bool) {
	switch v := c[name].(type) {
	case bool:
		return v, true
	case string:
		value, err := strconv.ParseBool(v)
		return value, err == nil
	}
	return false, false
}

// identity is a person as a provider tells of them, before anybody decided whether that is enough.
type identity struct {
	subject string
	emails  []Email
	// data becomes Login.Metadata; who made it need not set the keys that all providers have.
	data map[string]any
}

// login completes the metadata. GoTrue's identity_data always tell the primary address and what is verified.
func (i *identity) login(emailOptional bool) (*Login, error) {
	if len(i.emails) == 0 && !emailOptional {
		return nil, ErrNoEmail
	}
	for name, value := range i.data {
		if value == "" {
			delete(i.data, name)
		}
	}
	delete(i.data, "email")
	i.data["email_verified"] = false
	if _, ok := i.data["phone_verified"]; !ok {
		i.data["phone_verified"] = false
	}
	for _, email := range i.emails {
		i.data["email"], i.data["email_verified"] = email.Address, email.Verified
		if email.Primary {
			break
		}
	}
	return &Login{Subject: i.subject, Emails: i.emails, Metadata: i.data}, nil
}

// tell adds the one address that a token tells.
func (i *identity) tell(address string, verified bool) {
	if address != "" {
		i.emails = []Email{{Address: address, Verified: verified, Primary: true}}
	}
}

// standard are the claims of OpenID Connect Core 1.0, section 5.1, that identities keep as they are.
var standard = []string{
	"name", "family_name", "given_name", "middle_name", "nickname", "preferred_username", "profile", "picture", "website",
	"gender", "birthdate", "zoneinfo", "locale", "phone",
}

// identifyGeneric keeps the standard claims, and adds the names that GoTrue's clients look for.
func identifyGeneric(c claims) *identity {
	who := &identity{data: make(map[string]any)}
	for _, name := range standard {
		who.data[name] = c.text(name)
	}
	if number := c.text("phone_number"); number != "" {
		who.data["phone"] = number
	}
	verified, ok := c.truth("phone_number_verified")
	if !ok {
		verified, _ = c.truth("phone_verified")
	}
	who.data["phone_verified"] = verified
	who.data["full_name"], who.data["avatar_url"] = c.text("name"), c.text("picture")
	who.data["user_name"] = c.text("preferred_username")
	if seconds, ok := c["updated_at"].(float64); ok {
		who.data["updated_at"] = time.Unix(int64(seconds), 0).UTC().Format(time.RFC3339)
	}
	verified, _ = c.truth("email_verified")
	who.tell(c.text("email"), verified)
	return who
}

// identifyGoogle also tells the Workspace domain, hd.
func identifyGoogle(c claims) *identity {
	name, picture := c.text("name"), c.text("picture")
	who := &identity{data: map[string]any{
		"name": name, "full_name": name, "picture": picture, "avatar_url": picture,
	}}
	if domain := c.text("hd"); domain != "" {
		who.data["custom_claims"] = map[string]any{"hd": domain}
	}
	verified, ok := c.truth("email_verified")
	if !ok {
		verified, _ = c.truth("verified_email")
	}
	who.tell(c.text("email"), verified)
	return who
}

// protocol are the claims of Entra ID's tokens that say nothing of the person, or are kept under other names
// (https://learn.microsoft.com/entra/identity-platform/id-token-claims-reference).
var protocol = []string{
	"aud", "iss", "iat", "nbf", "exp", "c_hash", "at_hash", "aio", "nonce", "rh", "uti", "jti", "ver",
	"sub", "name", "preferred_username",
}

// identifyAzure keeps all other claims as custom ones. Address and verification are what xms_edov says, the claim that the
// domain's owner is the tenant. Tenants send it only if the application asks; without it Entra ID leaves out unverified
// addresses of other tenants by itself, for applications of June 2023 and later.
func identifyAzure(c claims) *identity {
	who := &identity{data: map[string]any{
		"full_name": c.text("name"), "preferred_username": c.text("preferred_username"),
	}}
	custom := make(map[string]any)
	for name, value := range c {
		if !slices.Contains(protocol, name) {
			custom[name] = value
		}
	}
	if len(custom) > 0 {
		who.data["custom_claims"] = custom
	}
	verified := true
	if _, ok := c["xms_edov"]; ok {
		verified, _ = c.truth("xms_edov")
	}
	who.tell(c.text("email"), verified)
	return who
}

// identifyApple trusts addresses unless the token says otherwise, as those of managed accounts may.
func identifyApple(c claims) *identity {
	who := &identity{data: make(map[string]any)}
	custom := make(map[string]any)
	if private, ok := c.truth("is_private_email"); ok {
		custom["is_private_email"] = private
	}
	if at, ok := c["auth_time"].(float64); ok {
		custom["auth_time"] = at
	}
	if transfer := c.text("transfer_sub"); transfer != "" {
		custom["transfer_sub"] = transfer
	}
	if len(custom) > 0 {
		who.data["custom_claims"] = custom
	}
	verified, ok := c.truth("email_verified")
	who.tell(c.text("email"), verified || !ok)
	return who
}

// named gives a person the name that was typed in at the provider.
func (i *identity) named(first, last string) {
	if name := strings.TrimSpace(strings.TrimSpace(first) + " " + strings.TrimSpace(last)); name != "" {
		i.data["name"], i.data["full_name"] = name, name
	}
}
