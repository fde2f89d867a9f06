package rest

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/cespare/xxhash/v2"

	"nexus/engine/rest/render"
)

// revalidate gives a read's answer an ETag and reports whether the client has that version already (RFC 9110, sections 8.8.3
// and 13.1.2). The tag is weak: a compressed body has the same one. It costs no query, and saves none; it saves the way.
func (x *exchange) revalidate(header http.Header, response *render.Response) (fresh bool) {
	isRead := x.http.Method == http.MethodGet && (response.Status == http.StatusOK || response.Status == http.StatusPartialContent)
	if !x.cfg.ETags || !isRead || header["Etag"] != nil {
		return false
	}
	tag := make([]byte, 0, len(`W/"0123456789abcdef"`))
	tag = append(tag, `W/"`...)
	tag = strconv.AppendUint(tag, xxhash.Sum64(response.Body), 16)
	tag = append(tag, '"')
	header["Etag"] = []string{string(tag)}
	known := x.http.Header["If-None-Match"]
	return len(known) > 0 && matchesTag(known, string(tag))
}

// matchesTag compares weakly, as If-None-Match does.
func matchesTag(known []string, tag string) bool {
	opaque := strings.TrimPrefix(tag, "W/")
	for _, line := range known {
		for candidate := range strings.SplitSeq(line, ",") {
			candidate = strings.TrimSpace(candidate)
			if candidate == "*" || strings.TrimPrefix(candidate, "W/") == opaque {
				return true
			}
		}
	}
	return false
}
