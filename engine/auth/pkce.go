package auth

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
	"time"

	"nexus/engine/auth/store"
)

// challengeInput is how a client begins a flow with PKCE (RFC 7636).
type challengeInput struct {
	Challenge string `json:"code_challenge"`
	Method    string `json:"code_challenge_method"`
}

func (in challengeInput) pkce() bool { return in.Challenge != "" }

const (
	minChallenge = 43
	maxChallenge = 128
)

func (in challengeInput) check() error {
	if (in.Challenge == "") != (in.Method == "") {
		return invalid("PKCE flow requires code_challenge_method and code_challenge")
	}
	if in.Challenge == "" {
		return nil
	}
	if method := strings.ToLower(in.Method); method != "s256" && method != "plain" {
		return invalid("unsupported code challenge method")
	}
	if n := len(in.Challenge); n < minChallenge || n > maxChallenge {
		return invalid("code challenge has to be between 43 and 128 characters")
	}
	if strings.ContainsFunc(in.Challenge, func(r rune) bool { return !isUnreserved(r) }) {
		return invalid("code challenge can only contain alphanumeric characters, hyphens, periods, underscores and tildes")
	}
	return nil
}

// isUnreserved tells the characters of challenges and verifiers (RFC 7636, section 4.1).
func isUnreserved(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-._~", r)
}

// beginPKCE notes the challenge of a flow that a mail continues; without a challenge nothing.
func (c *call) beginPKCE(tx *store.Tx, in challengeInput, userID, providerType, method string) error {
	if !in.pkce() {
		return nil
	}
	return tx.CreateFlowState(c.ctx(), &store.FlowState{
		ID: newID(), UserID: &userID, AuthCode: newID(), ChallengeMethod: strings.ToLower(in.Method), Challenge: in.Challenge,
		ProviderType: providerType, Method: method,
	})
}

// issueAuthCode returns the code that the client exchanges for a session.
func (c *call) issueAuthCode(tx *store.Tx, user *store.User, method string) (string, error) {
	flow, err := tx.NewestFlowState(c.ctx(), user.ID, method)
	if errors.Is(err, store.ErrNotFound) {
		return "", newError(http.StatusBadRequest, "flow_state_not_found", "No associated flow state found.")
	}
	if err != nil {
		return "", err
	}
	flow.AuthCodeIssuedAt = &c.now
	return flow.AuthCode, tx.SaveFlowState(c.ctx(), flow)
}

// flowLife is how long a code can be exchanged.
const flowLife = 5 * time.Minute

var errFlowNotFound = newError(http.StatusNotFound, "flow_state_not_found", "invalid flow state, no valid flow state found")

// grantPKCE exchanges an auth code.
func grantPKCE(c *call) error {
	var in struct {
		AuthCode     string `json:"auth_code"`
		CodeVerifier string `json:"code_verifier"`
	}
	if err := c.read(&in); err != nil {
		return err
	}
	if in.AuthCode == "" || in.CodeVerifier == "" {
		return invalid("invalid request: both auth code and code verifier should be non-empty")
	}
	var out *sessionView
	var refused error
	err := c.do(func(tx *store.Tx) (err error) {
		flow, err := tx.FlowStateByCode(c.ctx(), in.AuthCode)
		if errors.Is(err, store.ErrNotFound) || err == nil && (flow.UserID == nil || flow.AuthCodeIssuedAt == nil) {
			return errFlowNotFound
		}
		if err != nil {
			return err
		}
		// A code is for one try, so that a verifier cannot be guessed.
		if err := tx.DeleteFlowState(c.ctx(), flow.ID); err != nil {
			return err
		}
		if !c.within(flow.AuthCodeIssuedAt, flowLife) {
			refused = unprocessable("flow_state_expired", "invalid flow state, flow state has expired")
			return nil
		}
		if !verifies(flow, in.CodeVerifier) {
			refused = newError(http.StatusBadRequest, "bad_code_verifier", "code challenge does not match previously saved code verifier")
			return nil
		}
		out, err = c.openFlow(tx, flow)
		return err
	})
	if err = errors.Join(err, refused); err != nil {
		return err
	}
	c.write(http.StatusOK, out)
	return nil
}

func (c *call) openFlow(tx *store.Tx, flow *store.FlowState) (*sessionView, error) {
	user, err := tx.User(c.ctx(), *flow.UserID)
	if errors.Is(err, store.ErrNotFound) {
		return nil, errFlowNotFound
	}
	if err != nil {
		return nil, err
	}
	if user.IsBanned(c.now) {
		return nil, newError(http.StatusBadRequest, "user_banned", "User is banned")
	}
	if err := c.audit(tx, user, "login", map[string]any{"provider_type": flow.ProviderType}); err != nil {
		return nil, err
	}
	out, err := c.open(tx, user, flow.Method)
	if err != nil {
		return nil, err
	}
	out.ProviderToken, out.ProviderRefreshToken = flow.ProviderAccessToken, flow.ProviderRefreshToken
	return out, nil
}

// verifies compares a verifier with the flow's challenge.
func verifies(flow *store.FlowState, verifier string) bool {
	if n := len(verifier); n < minChallenge || n > maxChallenge {
		return false
	}
	if flow.ChallengeMethod == "s256" {
		sum := sha256.Sum256([]byte(verifier))
		verifier = base64.RawURLEncoding.EncodeToString(sum[:])
	}
	return subtle.ConstantTimeCompare([]byte(verifier), []byte(flow.Challenge)) == 1
}
