package rls

// StaySecure is the default client's rule for redirections.
var StaySecure = staySecure
