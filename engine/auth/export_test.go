package auth

// NewID makes a random id.
var NewID = newID
