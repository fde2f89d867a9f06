// Package provider logs people in at OAuth 2.0 (RFC 6749) and OpenID Connect providers, and tells who they are there.
//
// A [Provider] takes the two ways in that Supabase's clients know. With the code flow the browser is sent to
// [Provider.AuthURL] and comes back with a code, which [Provider.Exchange] turns into a [Login]. With the id_token grant
// an app got an ID token by itself, from a button of Google or Apple for instance, and [Provider.VerifyIDToken] checks it.
// Neither knows of routes, users or sessions: what a login means for the accounts is its caller's to say.
//
// # Presets
//
//   - oidc: any OpenID Connect provider, by discovery at Config.URL
//   - google, apple: by discovery at their fixed issuers
//   - azure: Microsoft Entra ID, by discovery at the tenant of Config.URL, or for all tenants without one
//   - github: plain OAuth 2.0; its API tells who logged in. Config.URL is the base of a GitHub Enterprise server
//
// # Trust
//
// Nothing a browser carries is trusted. The code flow always runs with PKCE (RFC 7636) and its ID token must carry the
// nonce that was sent. ID tokens must be signed with an asymmetric key that the provider publishes, and be issued by the
// provider, to one of Config.ClientIDs, now; the checks are those of OpenID Connect Core 1.0, section 3.1.3.7.
// Emails say whether the provider vouches for an address. Only such an address may decide which account a login belongs to.
//
// Discovery happens at the first use, so that a server starts while a provider is down. Documents and keys are kept for an
// hour and outlive the provider's outages; a failure is never kept.
//
// Errors never hold tokens, codes, secrets or what providers answered, apart from the code and description of a refusal.
package provider
