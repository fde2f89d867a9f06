// Package agents has the functions of organizations and their agents: keys that are exchanged for tokens, invites, and what plans
// allow. What they decide is decided in the database (migrations/app/00001 and 00002), so that it holds for rest/v1 as well; here
// are secrets made, hashed and mailed.
package agents
