// Package storage serves storage/v1: files in buckets, guarded by row level security on storage.buckets and storage.objects
// (https://supabase.com/docs/guides/storage/security/access-control). The paths, bodies and errors are those that storage-js
// expects; resumable uploads follow TUS 1.0.0 (https://tus.io/protocols/resumable-upload), and existing tools use the S3 protocol.
//
// An object is a row, which says who may do what and which version of the bytes counts, and a blob of that version. Bytes are
// stored first, under a version of their own; then the row changes, in one transaction; then the version before goes. So whatever
// fails in between, the row leads to bytes that are whole: the old ones or the new ones. What a crash leaves unreferenced the
// sweeper removes.
package storage
