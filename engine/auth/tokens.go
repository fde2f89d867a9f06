package auth

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"math/big"
	"strings"

	"github.com/google/uuid"
)

func newID() string { return uuid.NewString() }

func isUUID(text string) bool {
	_, err := uuid.Parse(text)
	return err == nil && len(text) == len(uuid.UUID{}.String())
}

// newCode makes a code of so many digits.
func newCode(digits int) string {
	upper := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(digits)), nil)
	n, err := rand.Int(rand.Reader, upper)
	if err != nil {
		panic("auth: " + err.Error()) // crypto/rand never fails
	}
	text := n.String()
	return strings.Repeat("0", digits-len(text)) + text
}

// hashCode is what is stored of a code, and what links carry. It takes the server's secret: a code has so few digits that
// otherwise anybody could compute the hashes of all, and try those instead of the code.
func (h *Handler) hashCode(address, code string) string {
	mac := hmac.New(sha256.New224, h.codeKey)
	mac.Write([]byte(address + " " + code))
	return hex.EncodeToString(mac.Sum(nil))
}

// pkcePrefix marks the hash of a link that ends in an auth code.
const pkcePrefix = "pkce_"
