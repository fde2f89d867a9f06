package password

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/crypto/blowfish" //nolint:staticcheck // bcrypt is made of it; that new ciphers should not be is no objection
)

// The hash of golang.org/x/crypto/bcrypt keeps a processor for all of its time. The runtime takes it away after ten milliseconds
// at the earliest, and until then requests that wait for the same processor stand still. So the loop, which is all there is to
// bcrypt beside the cipher, is here, and steps aside every now and then.

const (
	saltBytes = 16
	hashBytes = 23
	// yieldRounds is how many rounds pass without a pause: about half a millisecond.
	yieldRounds = 8
	// minCost and maxImportedCost bound what is computed; a hash must not occupy a processor for minutes.
	minCost         = 4
	maxImportedCost = 16
)

// encoding is base64 with the alphabet of bcrypt.
var encoding = base64.NewEncoding("./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789").WithPadding(base64.NoPadding)

// magic is what is encrypted with the key that the password makes: OrpheanBeholderScryDoubt.
const magic = "OrpheanBeholderScryDoubt"

// bcryptHash is a hash in bcrypt's form: $2b$10$, 22 characters of salt, 31 of hash.
type bcryptHash struct {
	cost       int
	salt, hash []byte
}

// bcryptPrefixes are those of the versions that compute the same for what passwords are.
var bcryptPrefixes = []string{"$2a$", "$2b$", "$2y$", "$2x$"}

func parseBcrypt(text string) (*bcryptHash, bool) {
	const length = 4 + 3 + 22 + 31
	if len(text) != length || text[6] != '$' {
		return nil, false
	}
	known := false
	for _, prefix := range bcryptPrefixes {
		known = known || strings.HasPrefix(text, prefix)
	}
	cost, err1 := strconv.Atoi(text[4:6])
	salt, err2 := encoding.DecodeString(text[7:29])
	hash, err3 := encoding.DecodeString(text[29:])
	if !known || err1 != nil || err2 != nil || err3 != nil || cost < minCost || cost > maxImportedCost || len(hash) != hashBytes {
		return nil, false
	}
	return &bcryptHash{cost, salt, hash}, true
}

func (h *bcryptHash) verify(password string) bool {
	sum, err := bcryptSum(password, h.salt, h.cost)
	return err == nil && subtle.ConstantTimeCompare(sum, h.hash) == 1
}

// newBcrypt hashes a password of at most maxBytes with a salt of its own.
func newBcrypt(password string, cost int) (string, error) {
	salt := make([]byte, saltBytes)
	_, _ = rand.Read(salt) // never fails
	sum, err := bcryptSum(password, salt, cost)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("$2a$%02d$%s%s", cost, encoding.EncodeToString(salt), encoding.EncodeToString(sum)), nil
}

// bcryptSum is bcrypt itself (Provos and Mazières, A Future-Adaptable Password Scheme, 1999).
func bcryptSum(password string, salt []byte, cost int) ([]byte, error) {
	key := append([]byte(password), 0)
	cipher, err := blowfish.NewSaltedCipher(key, salt)
	if err != nil {
		return nil, err
	}
	for round := range 1 << cost {
		if round%yieldRounds == 0 {
			runtime.Gosched()
		}
		blowfish.ExpandKey(key, cipher)
		blowfish.ExpandKey(salt, cipher)
	}
	sum := []byte(magic)
	for block := 0; block < len(sum); block += blowfish.BlockSize {
		for range 64 {
			cipher.Encrypt(sum[block:], sum[block:])
		}
	}
	return sum[:hashBytes], nil // the last byte was never used
}
