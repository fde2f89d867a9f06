// Package deno serves functions in TypeScript as their authors write them for Supabase
// (https://supabase.com/docs/guides/functions): DIR/<name>/index.ts, with Deno.serve or a default export, shared code in
// DIR/_shared, and config.toml beside or above.
//
// Each function has a process of its own, on real Deno. So one that crashes, loops or eats memory takes no other with it. A process
// is started by the first call, serves many, is replaced when a file changes while it answers what it has begun, and ends when it
// is not called for a while. It listens on a Unix socket in a directory that only this server's user can enter.
//
// Deno keeps a function from what is not its own: it reads its bundle, the shared code and the modules that it imports, writes to a
// directory that goes with its process, sees only the environment that is meant for it, and starts no programs. The network
// outward is open, as it is at Supabase.
package deno
