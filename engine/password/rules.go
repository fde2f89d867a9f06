package password

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math/big"
	"strings"
)

// ErrUnchecked means that it could not be found out whether a password has leaked.
var ErrUnchecked = errors.New("password: cannot tell whether it has leaked")

// leastLength is what no rule may go below, as in GoTrue.
const leastLength = 6

// Rules say which passwords are strong enough.
type Rules struct {
	// MinLength is the least number of bytes; less than 6 means 6.
	MinLength int
	// Required are sets of characters, of each of which a password needs one.
	Required []string
	// Breached, if set, knows passwords that have leaked.
	Breached Checker
}

// Checker knows passwords that have leaked.
type Checker interface {
	Breached(ctx context.Context, password string) (bool, error)
}

// WeakError tells what makes a password weak, in the words of GoTrue.
type WeakError struct {
	Message string
	// Reasons are length, characters and pwned.
	Reasons []string
}

// Error implements error.
func (e *WeakError) Error() string { return e.Message }

// Check fails with a *WeakError; with ErrTooLong; with ErrUnchecked and its cause, if it cannot be told whether the password has
// leaked.
func (r Rules) Check(ctx context.Context, password string) error {
	if len(password) > maxBytes {
		return ErrTooLong
	}
	var weak WeakError
	add := func(reason, message string) {
		weak.Reasons = append(weak.Reasons, reason)
		weak.Message = strings.TrimSpace(weak.Message + " " + message)
	}
	if least := r.minLength(); len(password) < least {
		add("length", fmt.Sprintf("Password should be at least %d characters.", least))
	}
	for _, set := range r.Required {
		if set != "" && !strings.ContainsAny(password, set) {
			add("characters", "Password should contain at least one character of each: "+strings.Join(r.Required, ", ")+".")
			break
		}
	}
	if r.Breached != nil {
		leaked, err := r.Breached.Breached(ctx, password)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrUnchecked, err)
		}
		if leaked {
			add("pwned", "Password is known to be weak and easy to guess, please choose a different one.")
		}
	}
	if weak.Reasons != nil {
		return &weak
	}
	return nil
}

// ParseRequired reads sets of characters that are separated by colons; a colon in a set has a backslash before it.
func ParseRequired(text string) []string {
	var sets []string
	var set strings.Builder
	end := func() {
		if set.Len() > 0 {
			sets = append(sets, set.String())
		}
		set.Reset()
	}
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '\\' && i+1 < len(text) && text[i+1] == ':':
			i++
			set.WriteByte(':')
		case text[i] == ':':
			end()
		default:
			set.WriteByte(text[i])
		}
	}
	end()
	return sets
}

func (r Rules) minLength() int { return max(r.MinLength, leastLength) }

// Random returns a password that nobody knows, and that satisfies rules without sets of characters.
func Random() string { return Rules{}.Random() }

// Random returns a password that nobody knows and that has a character of each set. It is longer than 72 bytes only if the rules
// leave no other way.
func (r Rules) Random() string {
	var text strings.Builder
	for _, set := range r.Required {
		if chars := []rune(set); len(chars) > 0 {
			text.WriteRune(chars[randomIndex(len(chars))])
		}
	}
	// The characters of the sets are no secret to speak of; the 130 bits of one rand.Text are.
	text.WriteString(rand.Text())
	for text.Len() < r.minLength() {
		text.WriteString(rand.Text()[:1])
	}
	return text.String()
}

// randomIndex returns a random number from 0 up to n.
func randomIndex(n int) int {
	i, err := rand.Int(rand.Reader, big.NewInt(int64(n)))
	if err != nil {
		panic(err) // the reader never fails
	}
	return int(i.Int64())
}
