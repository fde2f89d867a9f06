package postgrest

// Example is a configuration file to begin with.
const Example = `## Where to find the database; a URI, keyword=value pairs, or @ and the name of a file that holds one
db-uri = "postgresql://authenticator@localhost:5432/postgres"

## The schemas to serve; the first is used when a request names none
db-schemas = "public"

## The role of requests without a token
# db-anon-role = "anon"

## Secret, JSON Web Key or key set that tokens are verified with; @ and the name of a file that holds it
# jwt-secret = "secret_with_at_least_32_characters"

## Most rows of one answer
# db-max-rows = 1000

## Address of the API
server-host = "!4"
server-port = 3000

## Health checks, metrics and schema cache
# admin-server-port = 3001

## crit, error, warn, info or debug
log-level = "error"
`
