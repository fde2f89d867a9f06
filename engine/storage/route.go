package storage

import (
	"net/http"
	"strings"
)

// access says how a route treats its caller.
type access uint8

const (
	// accessStrict needs a good token.
	accessStrict access = iota
	// accessLenient takes whoever comes; a bad token is none.
	accessLenient
	// accessServer acts as the server: something else than a token lets callers in.
	accessServer
)

// area is a part of storage/v1 with rules of its own.
type area uint8

const (
	areaREST area = iota
	areaTUS
	areaS3
)

// route is where a request goes.
type route struct {
	area area
	// segments are those of the path before the bucket, such as object/sign.
	segments string
	bucket   string
	key      string
	access   access
	// operation is what storage.operation() tells policies.
	operation string
}

// prefixes are the beginnings of paths that a bucket and a key follow, longest first where one begins another.
var prefixes = []string{
	"object/upload/sign", "object/sign", "object/authenticated", "object/public", "object/info/authenticated", "object/info/public",
	"object/info", "object/list-v2", "object/list", "object", "render/image/authenticated", "render/image/public", "render/image/sign",
	"bucket",
}

// whole are paths that nothing follows.
var whole = map[string]bool{"object/move": true, "object/copy": true, "status": true, "health": true, "version": true}

const (
	tusPath = "upload/resumable"
	s3Path  = "s3"
)

// parseRoute splits a path that is percent-decoded once already. What a key looks like is for others to judge.
func parseRoute(path string) route {
	path = strings.TrimPrefix(path, "/")
	if rest, ok := below(path, tusPath); ok {
		return route{area: areaTUS, segments: tusPath, key: rest}
	}
	if rest, ok := below(path, s3Path); ok {
		bucket, key, _ := strings.Cut(rest, "/")
		return route{area: areaS3, segments: s3Path, bucket: bucket, key: key}
	}
	if whole[strings.TrimSuffix(path, "/")] {
		return route{segments: strings.TrimSuffix(path, "/")}
	}
	for _, prefix := range prefixes {
		rest, ok := below(path, prefix)
		if !ok {
			continue
		}
		bucket, key, _ := strings.Cut(rest, "/")
		return route{segments: prefix, bucket: bucket, key: key}
	}
	return route{}
}

// below returns what of path follows prefix and a slash.
func below(path, prefix string) (rest string, ok bool) {
	rest, ok = strings.CutPrefix(path, prefix)
	if !ok || (rest != "" && rest[0] != '/') {
		return "", false
	}
	return strings.TrimPrefix(rest, "/"), true
}

// shape tells routes apart that differ in how much of a path there is.
type shape uint8

const (
	shapeNone shape = iota
	shapeBucket
	shapeKey
)

func (r *route) shape() shape {
	switch {
	case r.bucket == "":
		return shapeNone
	case r.key == "":
		return shapeBucket
	default:
		return shapeKey
	}
}

// endpoint is a line of the routing table.
type endpoint struct {
	methods   string
	segments  string
	shape     shape
	access    access
	operation string
	serve     func(h *Handler) serveFunc
}

func plain(answer func(c *call) (any, error)) func(*Handler) serveFunc {
	return func(h *Handler) serveFunc { return h.plain(answer) }
}

func stream(answer func(c *call, w http.ResponseWriter) error) func(*Handler) serveFunc {
	return func(h *Handler) serveFunc { return h.stream(answer) }
}

// endpoints are all of storage/v1 but TUS and S3. The operations are the names that Supabase's policies know.
var endpoints = []endpoint{
	{"POST", "bucket", shapeNone, accessStrict, "storage.bucket.create", plain((*call).createBucket)},
	{"GET", "bucket", shapeNone, accessStrict, "storage.bucket.list", plain((*call).listBuckets)},
	{"GET", "bucket", shapeBucket, accessStrict, "storage.bucket.get", plain((*call).getBucket)},
	{"PUT", "bucket", shapeBucket, accessStrict, "storage.bucket.update", plain((*call).updateBucket)},
	{"DELETE", "bucket", shapeBucket, accessStrict, "storage.bucket.delete", plain((*call).deleteBucket)},
	{"POST", "bucket", shapeKey, accessStrict, "storage.bucket.empty", stream((*call).emptyBucket)},

	{"POST", "object", shapeKey, accessStrict, "storage.object.upload", stream((*call).upload)},
	{"PUT", "object", shapeKey, accessStrict, "storage.object.upload_update", stream((*call).upload)},
	{"GET HEAD", "object", shapeKey, accessLenient, "storage.object.get_authenticated", stream((*call).download)},
	{"GET HEAD", "object/authenticated", shapeKey, accessStrict, "storage.object.get_authenticated", stream((*call).download)},
	{"GET HEAD", "object/public", shapeKey, accessServer, "storage.object.get_public", stream((*call).downloadPublic)},
	{"GET HEAD", "object/info", shapeKey, accessLenient, "storage.object.info", plain((*call).info)},
	{"GET HEAD", "object/info/authenticated", shapeKey, accessStrict, "storage.object.info", plain((*call).info)},
	{"GET HEAD", "object/info/public", shapeKey, accessServer, "storage.object.info_public", plain((*call).infoPublic)},
	{"DELETE", "object", shapeBucket, accessStrict, "storage.object.delete_many", plain((*call).deleteObjects)},
	{"DELETE", "object", shapeKey, accessStrict, "storage.object.delete", plain((*call).deleteObject)},
	{"POST", "object/list", shapeBucket, accessStrict, "storage.object.list", plain((*call).list)},
	{"POST", "object/list-v2", shapeBucket, accessStrict, "storage.object.list_v2", plain((*call).listV2)},
	{"POST", "object/move", shapeNone, accessStrict, "storage.object.move", plain((*call).move)},
	{"POST", "object/copy", shapeNone, accessStrict, "storage.object.copy", stream((*call).copy)},

	{"POST", "object/sign", shapeKey, accessStrict, "storage.object.sign", plain((*call).sign)},
	{"POST", "object/sign", shapeBucket, accessStrict, "storage.object.sign_many", plain((*call).signMany)},
	{"GET HEAD", "object/sign", shapeKey, accessServer, "storage.object.get_signed", stream((*call).downloadSigned)},
	{"POST", "object/upload/sign", shapeKey, accessStrict, "storage.object.sign_upload_url", plain((*call).signUpload)},
	{"PUT", "object/upload/sign", shapeKey, accessServer, "storage.object.upload_signed", stream((*call).uploadSigned)},

	{"GET HEAD", "render/image/authenticated", shapeKey, accessStrict, "storage.render.image_authenticated", stream((*call).render)},
	{"GET HEAD", "render/image/public", shapeKey, accessServer, "storage.render.image_public", stream((*call).renderPublic)},
	{"GET HEAD", "render/image/sign", shapeKey, accessServer, "storage.render.image_sign", stream((*call).renderSigned)},

	{"GET", "status", shapeNone, accessServer, "", plain((*call).status)},
	{"GET", "health", shapeNone, accessServer, "", plain((*call).status)},
	{"GET", "version", shapeNone, accessServer, "", plain((*call).version)},
}

// find returns who answers, or nil.
func (h *Handler) find(method string, to route) serveFunc {
	if to.area == areaTUS {
		return h.serveTUS
	}
	for i := range endpoints {
		e := &endpoints[i]
		if e.segments != to.segments || e.shape != to.shape() || !hasMethod(e.methods, method) {
			continue
		}
		return func(w http.ResponseWriter, r *http.Request, to route) {
			to.access, to.operation = e.access, e.operation
			e.serve(h)(w, r, to)
		}
	}
	return nil
}

func hasMethod(methods, method string) bool {
	for one := range strings.FieldsSeq(methods) {
		if one == method {
			return true
		}
	}
	return false
}
