package auth

import (
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

// hashCode is what is stored of a code, and what links carry: of the same form as GoTrue's, so that mails that were sent
// before a database moved stay valid.
func hashCode(address, code string) string {
	sum := sha256.Sum224([]byte(address + code))
	return hex.EncodeToString(sum[:])
}

// pkcePrefix marks the hash of a link that ends in an auth code.
const pkcePrefix = "pkce_"
