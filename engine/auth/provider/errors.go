package provider

import (
	"errors"
	"net/url"
)

var (
	// ErrUnavailable says that the provider cannot be reached, or does not answer as it should. Later it may.
	ErrUnavailable = errors.New("provider is unavailable")
	// ErrRefused says that the provider answered with an error; [RefusedError] has its words.
	ErrRefused = errors.New("provider refused")
	// ErrToken says that an ID token is not valid, or is missing.
	ErrToken = errors.New("ID token is not valid")
	// ErrNoEmail says that the provider tells no e-mail address although Config.EmailOptional is false.
	ErrNoEmail = errors.New("provider tells no e-mail address")
	// ErrUnsupported says that the provider knows no ID tokens.
	ErrUnsupported = errors.New("provider issues no ID tokens")
)

// RefusedError is what a provider answered instead of tokens (RFC 6749, section 5.2). It is an [ErrRefused].
type RefusedError struct {
	// Code is the provider's error code, such as invalid_grant, or empty if it sent none.
	Code string
	// Description is text for developers, maybe empty.
	Description string
	// Status is the HTTP status of the answer.
	Status int
}

// Error implements error.
func (e *RefusedError) Error() string {
	text := ErrRefused.Error()
	if e.Code != "" {
		text += ": " + e.Code
	}
	if e.Description != "" {
		text += ": " + e.Description
	}
	return text
}

// Is makes the error an [ErrRefused].
func (e *RefusedError) Is(target error) bool { return target == ErrRefused }

// unavailableError is an ErrUnavailable of one exchange with the provider.
type unavailableError struct {
	what  string
	cause error
}

// unavailable tells what failed. Of the cause only failures of the transport are told: the libraries' other errors quote
// what the provider answered, which may be tokens.
func unavailable(what string, err error) error {
	var transport *url.Error
	if errors.As(err, &transport) {
		// The URL is left out, since a query may hold what nobody should read in logs.
		return &unavailableError{what, transport.Err}
	}
	return &unavailableError{what: what}
}

func (e *unavailableError) Error() string {
	text := ErrUnavailable.Error() + ": " + e.what
	if e.cause != nil {
		text += ": " + e.cause.Error()
	}
	return text
}

func (e *unavailableError) Is(target error) bool { return target == ErrUnavailable }

func (e *unavailableError) Unwrap() error { return e.cause }
