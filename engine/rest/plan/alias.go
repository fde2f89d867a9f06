package plan

import (
	"hash/fnv"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxName is the length of a name in bytes after which PostgreSQL cuts it
// (https://www.postgresql.org/docs/current/sql-syntax-lexical.html#SQL-SYNTAX-IDENTIFIERS).
const maxName = 63

// alias makes a name of parts. One that PostgreSQL would cut ends in a hash instead, so that names which differ only at the
// end stay apart.
func alias(parts ...string) string {
	name := strings.Join(parts, "_")
	if len(name) <= maxName {
		return name
	}
	hash := fnv.New64a()
	_, _ = hash.Write([]byte(name))
	end := "_" + strconv.FormatUint(hash.Sum64(), 36)
	cut := maxName - len(end)
	for !utf8.RuneStart(name[cut]) {
		cut--
	}
	return name[:cut] + end
}
