package apierr

// Suggestion is the part of an error that names objects of the database which the request did not name. The error is made
// without it: only the database knows which of them the caller may see.
type Suggestion struct {
	Objects []Object
	// Add puts into the error what names only visible objects; visible has an entry for each of Objects.
	Add func(e *Error, visible []bool)
}

// Object is what a Suggestion names: a relation with some of its columns, or functions of which one has to be visible. A
// relation is visible to a role with any privilege on it or its columns, a column to one that may read or write it, and a
// function to one that may execute it.
type Object struct {
	Schema   string   `json:"schema,omitempty"`
	Relation string   `json:"relation,omitempty"`
	Columns  []string `json:"columns,omitempty"`
	// Routines are OIDs of functions.
	Routines []uint32 `json:"routines,omitempty"`
}
