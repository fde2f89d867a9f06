package auth

import (
	"net/http"

	"nexus/engine/auth/limit"
)

// routes lists the endpoints with what each demands of its caller.
func (h *Handler) routes() *http.ServeMux {
	mux := http.NewServeMux()
	on := func(pattern string, act action, checks ...action) { mux.HandleFunc(pattern, h.handle(act, checks...)) }
	otp := func(name string) action {
		return limited(func(l *limiters) *limit.Limiter { return l.otp[name] })
	}
	verify := limited(func(l *limiters) *limit.Limiter { return l.verify })
	token := limited(func(l *limiters) *limit.Limiter { return l.token })
	mfa := limited(func(l *limiters) *limit.Limiter { return l.mfa })

	on("GET /health", health)
	on("GET /settings", settings)
	on("GET /.well-known/jwks.json", jwks)

	on("POST /signup", signUp) // limited by itself: anonymous users have a rate of their own
	on("POST /token", grant, token)
	on("POST /otp", oneTimePassword, otp("otp"))
	on("POST /magiclink", magicLink, otp("magiclink"))
	on("POST /recover", recoverPassword, otp("recover"))
	on("POST /resend", resend, otp("resend"))
	on("GET /verify", verifyLink, verify)
	on("POST /verify", verifyCode, verify)
	on("POST /logout", logOut, signedIn)

	on("GET /user", getUser, signedIn)
	on("PUT /user", updateUser, otp("user"), signedIn)
	on("GET /reauthenticate", reauthenticate, otp("reauthenticate"), signedIn)
	on("GET /user/identities/authorize", linkIdentity, signedIn)
	on("DELETE /user/identities/{identity}", unlinkIdentity, signedIn)

	on("POST /factors", enrollFactor, signedIn)
	on("POST /factors/{factor}/challenge", challengeFactor, mfa, signedIn)
	on("POST /factors/{factor}/verify", verifyFactor, mfa, signedIn)
	on("DELETE /factors/{factor}", unenrollFactor, signedIn)

	on("GET /authorize", authorize, token)
	on("GET /callback", callback, token)
	on("POST /callback", callback, token)

	on("POST /invite", invite, admin)
	on("POST /admin/generate_link", generateLink, admin)
	on("GET /admin/users", listUsers, admin)
	on("POST /admin/users", createUser, admin)
	on("GET /admin/users/{user}", adminGetUser, admin)
	on("PUT /admin/users/{user}", adminUpdateUser, admin)
	on("DELETE /admin/users/{user}", adminDeleteUser, admin)
	on("GET /admin/users/{user}/factors", adminListFactors, admin)
	on("PUT /admin/users/{user}/factors/{factor}", adminUpdateFactor, admin)
	on("DELETE /admin/users/{user}/factors/{factor}", adminDeleteFactor, admin)
	on("POST /admin/logout/{user}", adminLogOut, admin)
	on("GET /admin/audit", auditLog, admin)

	on("POST /sso", func(*call) error {
		return newError(http.StatusNotFound, "saml_provider_disabled", "SAML 2.0 is disabled")
	})
	return mux
}
