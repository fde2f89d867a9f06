package password

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/subtle"
	"encoding/base64"
	"strconv"
	"strings"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/scrypt"
)

// Limits of what an imported hash may cost: a row of a dump must not exhaust the server.
const (
	maxMemory       = 256 << 20 // bytes, of one hash at work
	maxArgonTime    = 20
	maxArgonThreads = 16
	maxScryptPower  = 18 // of N
	maxScryptR      = 16
	maxScryptP      = 16
	maxKeyBytes     = 128
)

// foreign is a hash of another kind than ours.
type foreign interface{ verify(password string) bool }

// parseForeign reads a hash; it fails with ErrHash.
func parseForeign(text string) (foreign, error) {
	parts := strings.Split(text, "$")
	if len(parts) < 2 || parts[0] != "" {
		return nil, ErrHash
	}
	switch parts[1] {
	case "argon2i", "argon2id":
		return parseArgon(parts)
	case "fbscrypt":
		return parseScrypt(parts)
	default:
		return nil, ErrHash
	}
}

// argon is a hash in the PHC's form: $argon2id$v=19$m=65536,t=3,p=4$salt$hash.
type argon struct {
	hybrid       bool
	memory, time uint32
	threads      uint8
	salt, hash   []byte
}

func parseArgon(parts []string) (foreign, error) {
	if len(parts) != 6 || parts[2] != "v=19" {
		return nil, ErrHash
	}
	n, ok := numbers(parts[3], "m", "t", "p")
	if !ok || n[0] > maxMemory>>10 || n[1] < 1 || n[1] > maxArgonTime || n[2] < 1 || n[2] > maxArgonThreads {
		return nil, ErrHash
	}
	salt, ok1 := decode(base64.RawStdEncoding, parts[4])
	hash, ok2 := decode(base64.RawStdEncoding, parts[5])
	if !ok1 || !ok2 || len(salt) == 0 || len(hash) < 4 {
		return nil, ErrHash
	}
	return &argon{
		hybrid: parts[1] == "argon2id", memory: uint32(n[0]), time: uint32(n[1]), threads: uint8(n[2]), salt: salt, hash: hash,
	}, nil
}

func (a *argon) verify(password string) bool {
	derive := argon2.Key
	if a.hybrid {
		derive = argon2.IDKey
	}
	key := derive([]byte(password), a.salt, a.time, a.memory, a.threads, uint32(len(a.hash)))
	return subtle.ConstantTimeCompare(key, a.hash) == 1
}

// firebase is a hash of Firebase's: a scrypt key encrypts the project's signer key, and the result is what is kept. Its form is
// GoTrue's: $fbscrypt$v=1,n=14,r=8,p=1,ss=…,sk=…$salt$hash, with n as a power of two; ss may be left out.
type firebase struct {
	n, r, p                          int
	separator, signer, salt, encoded []byte
}

func parseScrypt(parts []string) (foreign, error) {
	if len(parts) != 5 {
		return nil, ErrHash
	}
	settings, signer, signed := strings.Cut(parts[2], ",sk=")
	settings, separator, _ := strings.Cut(settings, ",ss=")
	n, ok := numbers(settings, "v", "n", "r", "p")
	if !ok || !signed || n[0] != 1 || n[1] < 1 || n[1] > maxScryptPower || n[2] < 1 || n[2] > maxScryptR || n[3] < 1 || n[3] > maxScryptP {
		return nil, ErrHash
	}
	f := &firebase{n: 1 << n[1], r: n[2], p: n[3]}
	if f.memory() > maxMemory {
		return nil, ErrHash
	}
	for _, field := range []struct {
		into *[]byte
		text string
	}{{&f.separator, separator}, {&f.signer, signer}, {&f.salt, parts[3]}, {&f.encoded, parts[4]}} {
		if *field.into, ok = decode(base64.StdEncoding, field.text); !ok {
			return nil, ErrHash
		}
	}
	if len(f.signer) == 0 || len(f.salt) == 0 {
		return nil, ErrHash
	}
	return f, nil
}

// memory is how many bytes the computation takes, but for a few: N blocks of 128·r (RFC 7914, section 5).
func (f *firebase) memory() int { return 128 * f.r * f.n }

const firebaseKeyBytes = 32

func (f *firebase) verify(password string) bool {
	salt := append(append([]byte(nil), f.salt...), f.separator...)
	key, err := scrypt.Key([]byte(password), salt, f.n, f.r, f.p, firebaseKeyBytes)
	if err != nil {
		return false
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return false
	}
	out := make([]byte, len(f.signer))
	cipher.NewCTR(block, make([]byte, aes.BlockSize)).XORKeyStream(out, f.signer) //nolint:gosec // the scheme has no other counter
	return subtle.ConstantTimeCompare(out, f.encoded) == 1
}

// decode reads base64 of at most maxKeyBytes. Unlike the library's, it refuses line breaks: they have no place in a hash.
func decode(encoding *base64.Encoding, text string) ([]byte, bool) {
	if encoding.DecodedLen(len(text)) > maxKeyBytes+2 || strings.ContainsAny(text, "\r\n") {
		return nil, false
	}
	decoded, err := encoding.DecodeString(text)
	return decoded, err == nil && len(decoded) <= maxKeyBytes
}

// numbers reads "a=1,b=2" with exactly these names.
func numbers(text string, names ...string) ([]int, bool) {
	fields := strings.Split(text, ",")
	if len(fields) != len(names) {
		return nil, false
	}
	all := make([]int, len(names))
	for i, name := range names {
		value, ok := strings.CutPrefix(fields[i], name+"=")
		n, err := strconv.ParseUint(value, 10, 31)
		if !ok || err != nil {
			return nil, false
		}
		all[i] = int(n)
	}
	return all, true
}
