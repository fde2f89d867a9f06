package cluster

import (
	"errors"
	"fmt"
	"strings"
)

// ErrInUse means that another process manages the directory.
var ErrInUse = errors.New("cluster: another process is using this data directory")

// BinariesError means that no usable PostgreSQL was found or could be downloaded.
type BinariesError struct {
	// Tried lists the places looked at, in order, with what was wrong with each.
	Tried []string
	// Remedy is the one command that helps on this system.
	Remedy string
}

// Error implements error; it tells what was tried and what to do.
func (e *BinariesError) Error() string {
	return fmt.Sprintf("no usable PostgreSQL (%d or newer) was found; tried:\n  %s\nInstall it with:\n  %s",
		minMajor, strings.Join(e.Tried, "\n  "), e.Remedy)
}

// DirError means that the data directory cannot be used as it is. Nothing in it was changed.
type DirError struct {
	Dir string
	// Problem says what is wrong with it, Remedy what the operator can do.
	Problem, Remedy string
}

// Error implements error.
func (e *DirError) Error() string {
	return fmt.Sprintf("cluster: %s %s; %s", e.Dir, e.Problem, e.Remedy)
}

// StartError means that the server did not come up; Log holds its last words.
type StartError struct {
	Cause error
	Log   string
}

// Error implements error.
func (e *StartError) Error() string {
	text := "cluster: PostgreSQL did not start: " + e.Cause.Error()
	if e.Log != "" {
		text += "\n" + e.Log
	}
	return text
}

// Unwrap returns the cause.
func (e *StartError) Unwrap() error { return e.Cause }
