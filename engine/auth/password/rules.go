package password

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
)

// Rules say which passwords are strong enough.
type Rules struct {
	// MinLength is the least number of bytes.
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

// Check fails with a WeakError, with ErrTooLong, or when it is not known whether the password has leaked and must be.
func (r Rules) Check(ctx context.Context, password string) error {
	if len(password) > maxBytes {
		return ErrTooLong
	}
	var weak WeakError
	add := func(reason, message string) {
		weak.Reasons = append(weak.Reasons, reason)
		weak.Message = strings.TrimSpace(weak.Message + " " + message)
	}
	if len(password) < r.MinLength {
		add("length", fmt.Sprintf("Password should be at least %d characters.", r.MinLength))
	}
	for _, set := range r.Required {
		if !strings.ContainsAny(password, set) {
			add("characters", "Password should contain at least one character of each: "+strings.Join(r.Required, ", ")+".")
			break
		}
	}
	if r.Breached != nil {
		leaked, err := r.Breached.Breached(ctx, password)
		if err != nil {
			return err
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

// Random returns a password that nobody knows.
func Random() string { return rand.Text() + rand.Text() }
