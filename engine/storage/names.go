package storage

import (
	"encoding/json"
	"math"
	"mime"
	"path"
	"regexp"
	"strconv"
	"strings"
)

const (
	// maxKeyBytes is S3's limit.
	maxKeyBytes   = 1024
	maxBucketName = 100
	// emptyFolder is the name of the object that stands for a folder without any.
	emptyFolder = ".emptyFolderPlaceholder"
)

// nameCharacter tells the characters that names may have; keys may also have slashes.
func nameCharacter(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("_!.*'() &$@=;:+,?-", c) >= 0
}

// checkKey refuses keys with characters that storage-js does not know, and those that would lead out of a folder where somebody
// saves an object under its key. Here no key is ever a path of the file system.
func checkKey(key string) error {
	if key == "" || len(key) > maxKeyBytes {
		return invalidKey(shorten(key))
	}
	for i := range len(key) {
		if key[i] != '/' && !nameCharacter(key[i]) {
			return invalidKey(shorten(key))
		}
	}
	for segment := range strings.SplitSeq(key, "/") {
		if segment == "." || segment == ".." {
			return invalidKey(shorten(key))
		}
	}
	return nil
}

// shorten keeps errors from repeating what is far too long.
func shorten(key string) string {
	if len(key) > maxKeyBytes {
		return strings.ToValidUTF8(key[:maxKeyBytes], "") + "…"
	}
	return strings.ToValidUTF8(key, "\uFFFD")
}

func checkBucketName(name string) error {
	if name == "" || len(name) > maxBucketName || strings.TrimSpace(name) != name || name == "." || name == ".." {
		return errBucketName
	}
	for i := range len(name) {
		if !nameCharacter(name[i]) {
			return errBucketName
		}
	}
	return nil
}

func isEmptyFolder(key string) bool { return path.Base(key) == emptyFolder }

var sizeText = regexp.MustCompile(`^(?i)\s*(\d+(?:\.\d+)?)\s*(B|KB|MB|GB|TB)?\s*$`)

var sizeUnits = map[string]float64{"": 1, "B": 1, "KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12}

// parseSizeLimit reads a number of bytes, or a text such as "20MB" with decimal units; null is no limit.
func parseSizeLimit(raw json.RawMessage) (*int64, error) {
	text := string(raw)
	if text == "null" {
		return nil, nil
	}
	if strings.HasPrefix(text, `"`) {
		if err := json.Unmarshal(raw, &text); err != nil {
			return nil, errSizeLimit
		}
	}
	match := sizeText.FindStringSubmatch(text)
	if match == nil {
		return nil, errSizeLimit
	}
	number, err := strconv.ParseFloat(match[1], 64)
	bytes := number * sizeUnits[strings.ToUpper(match[2])]
	if err != nil || bytes >= math.MaxInt64 {
		return nil, errSizeLimit
	}
	limit := int64(bytes)
	return &limit, nil
}

var mimePattern = regexp.MustCompile(`^(\*|[a-zA-Z0-9!#$&^_.+-]+/(\*|[a-zA-Z0-9!#$&^_.+-]+)(;.*)?)$`)

// checkMIMETypes refuses lists that no object could match.
func checkMIMETypes(types []string) error {
	for _, one := range types {
		if !mimePattern.MatchString(one) {
			return invalidType(one)
		}
	}
	return nil
}

// allowsType reports whether a media type is on the list; parameters do not count.
func allowsType(allowed []string, kind string) bool {
	if len(allowed) == 0 {
		return true
	}
	kind = bareType(kind)
	family, _, ok := strings.Cut(kind, "/")
	if !ok {
		return false
	}
	for _, one := range allowed {
		one = bareType(one)
		if one == "*" || one == "*/*" || one == kind || one == family+"/*" {
			return true
		}
	}
	return false
}

// bareType is a media type without parameters, in lower case.
func bareType(text string) string {
	if kind, _, err := mime.ParseMediaType(text); err == nil {
		return kind
	}
	kind, _, _ := strings.Cut(text, ";")
	return strings.ToLower(strings.TrimSpace(kind))
}
