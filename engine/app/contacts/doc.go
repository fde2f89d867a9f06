// Package contacts has the functions of contacts: creating them without doubles, merging, importing, labelling and finding them. All
// work runs under the caller's row level security; what a contact looks like and what belongs together is said in the database
// (migrations/app/00003_contacts.sql).
package contacts
