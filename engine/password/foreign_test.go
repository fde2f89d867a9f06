package password_test

import (
	"errors"
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"

	"nexus/engine/password"
)

const (
	signerKey = "ou9tdYTGyYm8kuR6Dt0Bp0kDuAYoXrK16mbZO4yGwAn3oLspjnN0/c41v8xZnO1n14J3MjKj1b2g6AUCAlFwMw=="
	firebase  = "$fbscrypt$v=1,n=14,r=8,p=1,ss=Bw==,sk=" + signerKey + "$C0sHCg9ek77hsg=="
)

// vectors are hashes that other implementations made: the tests of crypt_blowfish and of GoTrue, and the argon2 command.
var vectors = []struct{ name, hash, password string }{
	{"bcrypt 2a", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "U*U"},
	{"bcrypt 2a, one more character", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK", "U*U*"},
	{"bcrypt 2b, bytes above ASCII", "$2b$05$/OK.fbVrR/bpIqNJ5ianF.CE5elHaaO4EbggVDjb8P19RukzXSM3e", "\xff\xff\xa3"},
	{"bcrypt 2y, bytes above ASCII", "$2y$05$/OK.fbVrR/bpIqNJ5ianF.CE5elHaaO4EbggVDjb8P19RukzXSM3e", "\xff\xff\xa3"},
	{"argon2i", "$argon2i$v=19$m=16,t=2,p=1$bGJRWThNOHJJTVBSdHl2dQ$NfEnUOuUpb7F2fQkgFUG4g", "test"},
	{"argon2id", "$argon2id$v=19$m=32,t=3,p=2$SFVpOWJ0eXhjRzVkdGN1RQ$RXnb8rh7LaDcn07xsssqqulZYXOM/EUCEFMVcAcyYVk", "test"},
	{"Firebase scrypt", firebase + "$zKVTMvnWVw5BBOZNUdnsalx4c4c7y/w7IS5p6Ut2+CfEFFlz37J9huyQfov4iizN8dbjvEJlM5tQaJP84+hfTw==", "mytestpassword"},
}

func TestVectors(t *testing.T) {
	t.Parallel()
	h := password.New(password.Config{Cost: 5})
	for _, v := range vectors {
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			if err := password.CheckHash(v.hash); err != nil {
				t.Error(err)
			}
			ok, rehash, err := h.Verify(t.Context(), v.hash, v.password)
			if want := !strings.HasPrefix(v.hash, "$2"); !ok || rehash != want || err != nil {
				t.Errorf("the password: %v, %v, %v", ok, rehash, err)
			}
			for _, wrong := range []string{"", v.password + "1", strings.ToUpper(v.password) + "1"} {
				if ok, rehash, err := h.Verify(t.Context(), v.hash, wrong); ok || rehash || err != nil {
					t.Errorf("%q: %v, %v, %v", wrong, ok, rehash, err)
				}
			}
		})
	}
}

// What is well-formed and yet another's: the password of the salt and settings, but not its hash.
func TestOtherHash(t *testing.T) {
	t.Parallel()
	h := password.New(password.Config{Cost: bcrypt.MinCost})
	hash := firebase + "$ZGlmZmVyZW50aGFzaA=="
	if err := password.CheckHash(hash); err != nil {
		t.Error(err)
	}
	if ok, _, err := h.Verify(t.Context(), hash, "mytestpassword"); ok || err != nil {
		t.Errorf("%v, %v", ok, err)
	}
}

func TestHashBounds(t *testing.T) {
	t.Parallel()
	scrypt := func(settings string) string {
		return "$fbscrypt$v=1," + settings + ",sk=" + signerKey + "$C0sHCg==$C0sHCg=="
	}
	argon := func(settings string) string { return "$argon2id$v=19$" + settings + "$c29tZXNhbHQ$CTFhFdXPJO1a" }
	for name, c := range map[string]struct {
		hash string
		ok   bool
	}{
		"a quarter of a gibibyte":          {argon("m=262144,t=20,p=16"), true},
		"a kibibyte more":                  {argon("m=262145,t=1,p=1"), false},
		"a pass too many":                  {argon("m=64,t=21,p=1"), false},
		"no pass":                          {argon("m=64,t=0,p=1"), false},
		"a thread too many":                {argon("m=64,t=1,p=17"), false},
		"no thread":                        {argon("m=64,t=1,p=0"), false},
		"a sign":                           {argon("m=+64,t=1,p=1"), false},
		"beyond an int":                    {argon("m=18446744073709551616,t=1,p=1"), false},
		"a key of its own":                 {argon("m=64,t=1,p=1,keyid=Hj5+dsK0"), false},
		"a line break in argon2's hash":    {argon("m=64,t=1,p=1") + "\n", false},
		"a hash of 128 bytes":              {"$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$" + strings.Repeat("A", 170) + "A", true},
		"a hash of more":                   {"$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$" + strings.Repeat("A", 172), false},
		"a long salt":                      {"$argon2id$v=19$m=64,t=1,p=1$" + strings.Repeat("A", 400) + "$CTFhFdXPJO1a", false},
		"scrypt without separator":         {scrypt("n=14,r=8,p=1"), true},
		"scrypt, a quarter of a gibibyte":  {scrypt("n=18,r=8,p=1,ss=Bw=="), true},
		"scrypt, half of one":              {scrypt("n=18,r=16,p=1,ss=Bw=="), false},
		"scrypt, a smaller N":              {scrypt("n=17,r=16,p=1,ss=Bw=="), true},
		"scrypt, N = 1":                    {scrypt("n=0,r=8,p=1,ss=Bw=="), false},
		"scrypt, N beyond an int":          {scrypt("n=64,r=8,p=1,ss=Bw=="), false},
		"scrypt, no block":                 {scrypt("n=14,r=0,p=1,ss=Bw=="), false},
		"scrypt, too many threads":         {scrypt("n=14,r=8,p=17,ss=Bw=="), false},
		"scrypt without signer key":        {"$fbscrypt$v=1,n=14,r=8,p=1,ss=Bw==$C0sHCg==$C0sHCg==", false},
		"scrypt with an empty signer key":  {"$fbscrypt$v=1,n=14,r=8,p=1,ss=Bw==,sk=$C0sHCg==$C0sHCg==", false},
		"a line break in scrypt's hash":    {scrypt("n=14,r=8,p=1,ss=Bw==") + "\r\n", false},
		"scrypt, base64 of the other kind": {"$fbscrypt$v=1,n=14,r=8,p=1,ss=Bw==,sk=" + signerKey + "$C0sHCg$C0sHCg==", false},
	} {
		if err := password.CheckHash(c.hash); (err == nil) != c.ok || err != nil && !errors.Is(err, password.ErrHash) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Whatever passes the check takes no more than its bounds, and can be verified.
func FuzzForeign(f *testing.F) {
	for _, v := range vectors {
		f.Add(v.hash)
	}
	for _, hash := range badHashes {
		f.Add(hash)
	}
	h := password.New(password.Config{Cost: bcrypt.MinCost})
	f.Fuzz(func(t *testing.T, hash string) {
		work, ok := password.ForeignWork(hash)
		if ok != (password.CheckHash(hash) == nil) {
			return // bcrypt's
		}
		if work.Memory > 256<<20 || work.Passes > 20 {
			t.Errorf("%q takes %d bytes, %d times", hash, work.Memory, work.Passes)
		}
		if !ok || work.Memory*work.Passes > 1<<20 {
			return // too slow to fuzz with
		}
		if _, _, err := h.Verify(t.Context(), hash, "x"); err != nil {
			t.Error(err)
		}
	})
}
