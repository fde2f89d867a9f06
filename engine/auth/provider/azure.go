package provider

import (
	"context"
	"errors"
	"net/http"
	"regexp"
	"strings"
)

const (
	azureEveryone = "https://login.microsoftonline.com/common"
	// azurePersonal is the tenant of Microsoft's own accounts, which are no organization's.
	azurePersonal = "9188040d-6c67-4c5b-b112-36a304b66dad"
	// azureTenant stands for the tenant in the issuer of a document that serves many.
	azureTenant = "{tenantid}"
)

var tenantID = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

// azure is Microsoft Entra ID (https://learn.microsoft.com/entra/identity-platform/v2-protocols-oidc). The document of a
// tenant names the tenant's issuer, maybe under another name than it was asked by; that of common and organizations a pattern.
func azure(base string) preset {
	if base == "" {
		base = azureEveryone
	}
	base = strings.TrimSuffix(strings.TrimSuffix(base, "/"), "/v2.0")
	work := strings.HasSuffix(base, "/organizations")
	return preset{
		base: base + "/v2.0", scopes: []string{"openid", "email", "profile"},
		signer: func(ctx context.Context, dir *directory, home *document, claimed string) (*document, error) {
			return azureSigner(ctx, dir, home, claimed, work)
		},
		identify: identifyAzure,
	}
}

// azureSigner finds the tenant that claims to have issued a token. Its own document is asked for its keys, so that no tenant's
// keys sign for another. Work excludes personal accounts.
func azureSigner(ctx context.Context, dir *directory, home *document, claimed string, work bool) (*document, error) {
	before, after, many := strings.Cut(home.Issuer, azureTenant)
	if !many {
		return sameIssuer(ctx, dir, home, claimed)
	}
	rest, begins := strings.CutPrefix(claimed, before)
	tenant, ends := strings.CutSuffix(rest, after)
	if !begins || !ends || !tenantID.MatchString(tenant) {
		return nil, errOtherIssuer
	}
	if work && strings.EqualFold(tenant, azurePersonal) {
		return nil, invalid("it is of a personal account")
	}
	doc, err := dir.get(ctx, claimed, true)
	var status statusError
	if errors.As(err, &status) && status < http.StatusInternalServerError && status != http.StatusTooManyRequests {
		return nil, invalid("its tenant does not exist")
	}
	return doc, err
}
