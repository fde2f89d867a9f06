// Package functions serves functions/v1: business logic beside the tables of rest/v1, behind one gateway for identity, limits,
// validation and errors.
//
// There are three kinds of functions, and clients cannot tell them apart:
//
//   - in Go, made with Define and held by a Registry, which is the one source for routing, access, limits, validation, the OpenAPI
//     description and the tools of agents;
//   - in SQL, those of the schema functions, whose comments say how they are called (ParseComment);
//   - in TypeScript, served by whatever implements Edge.
//
// A request passes the stages route, identity, access, limit, body and idempotency before any function runs, and a refusal at one
// of them takes no connection to the database beyond what limits are counted with. Functions in Go do their database work
// in Call.Tx, as their caller and under row level security; what needs more rights is a SECURITY DEFINER function in SQL.
//
// Errors are {"error": code, "message": text, "details": {}}, lists {"data": [], "pagination": {}}.
package functions
