package graph

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// What an Error is about, for errors.Is.
var (
	// ErrUnauthorized means that the access token is void, or lacks a permission.
	ErrUnauthorized = errors.New("graph: the access token is not accepted")
	// ErrRateLimited means that too much was asked for in too short a time.
	ErrRateLimited = errors.New("graph: too many calls")
	// ErrOutsideWindow means that the contact was not heard of for too long to be sent anything but a template.
	ErrOutsideWindow = errors.New("graph: the customer service window is closed")
	// ErrTooLarge means that a file has more bytes than its reader wants.
	ErrTooLarge = errors.New("graph: the file is too large")
)

// Outcome says what became of a call that failed.
type Outcome uint8

// The outcomes.
const (
	// Refused calls had no effect, and would not have one later.
	Refused Outcome = iota
	// Failed calls had no effect, but may have one later.
	Failed
	// Unknown calls may have had their effect: the connection ended before the answer came.
	Unknown
)

// Error is why a call failed. It has no tokens in it.
type Error struct {
	// Status is that of the answer, 0 if none came.
	Status int
	// Code and Subcode are Meta's (https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes).
	Code    int
	Subcode int
	Message string
	// Trace is what Meta's support asks for.
	Trace      string
	Outcome    Outcome
	RetryAfter time.Duration
	Cause      error
}

// Error implements error.
func (e *Error) Error() string {
	switch {
	case e.Code != 0:
		return fmt.Sprintf("graph: %s (code %d, status %d)", e.Message, e.Code, e.Status)
	case e.Status != 0:
		return fmt.Sprintf("graph: %s (status %d)", e.Message, e.Status)
	default:
		return "graph: " + e.Message
	}
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// Codes of the API.
var (
	authCodes   = []int{10, 102, 190, 200, 299}
	rateCodes   = []int{4, 17, 32, 613, 80004, 80007, 80008, 130429, 131048, 131056}
	passedCodes = []int{1, 2, 130472, 131000, 131016, 131057, 133004}
)

const (
	// windowCode is WhatsApp's, windowSubcode that of Messenger and Instagram.
	windowCode    = 131047
	windowSubcode = 2018278
)

// Is implements errors.Is for the errors above.
func (e *Error) Is(target error) bool {
	switch target {
	case ErrOutsideWindow:
		return e.outsideWindow()
	case ErrUnauthorized:
		return !e.outsideWindow() && (e.Status == http.StatusUnauthorized || slices.Contains(authCodes, e.Code))
	case ErrRateLimited:
		return e.Status == http.StatusTooManyRequests || slices.Contains(rateCodes, e.Code)
	default:
		return false
	}
}

func (e *Error) outsideWindow() bool { return e.Code == windowCode || e.Subcode == windowSubcode }

// again reports whether another attempt may help, and does no harm.
func (e *Error) again(repeatable bool) bool {
	return e.Outcome == Failed || (e.Outcome == Unknown && repeatable)
}

// fromNetwork words why no answer came. Only what failed before there was a connection is known to have had no effect.
func fromNetwork(err error) *Error {
	e := &Error{Message: "the service does not answer", Outcome: Unknown, Cause: withoutURL(err)}
	var op *net.OpError
	var dns *net.DNSError
	if errors.As(err, &dns) || (errors.As(err, &op) && op.Op == "dial") {
		e.Message, e.Outcome = "the service cannot be reached", Failed
	}
	return e
}

// fromAnswer reads an answer that is no success.
func fromAnswer(resp *http.Response, text []byte) *Error {
	e := &Error{Status: resp.StatusCode, Message: http.StatusText(resp.StatusCode)}
	if seconds, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && seconds > 0 {
		e.RetryAfter = time.Duration(seconds) * time.Second
	}
	var answer struct {
		Error *struct {
			Message   string `json:"message"`
			Code      int    `json:"code"`
			Subcode   int    `json:"error_subcode"`
			Trace     string `json:"fbtrace_id"`
			Transient bool   `json:"is_transient"`
			Data      struct {
				Details string `json:"details"`
			} `json:"error_data"`
		} `json:"error"`
	}
	told := json.Unmarshal(text, &answer) == nil && answer.Error != nil
	if told {
		e.Code, e.Subcode, e.Message, e.Trace = answer.Error.Code, answer.Error.Subcode, answer.Error.Message, answer.Error.Trace
		if answer.Error.Data.Details != "" {
			e.Message += ": " + answer.Error.Data.Details
		}
	}
	switch {
	case errors.Is(e, ErrRateLimited), e.Status == http.StatusServiceUnavailable,
		told && (answer.Error.Transient || slices.Contains(passedCodes, e.Code) || e.Status >= http.StatusInternalServerError):
		e.Outcome = Failed
	case e.Status >= http.StatusInternalServerError:
		e.Outcome = Unknown // of something in between, which does not know
	}
	return e
}
