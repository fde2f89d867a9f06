package storage

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/HugoSmits86/nativewebp"
	"golang.org/x/image/draw"
	_ "golang.org/x/image/webp" // reads WebP

	"nexus/engine/storage/blob"
)

const (
	// maxImages is how many images are transformed at a time: each holds its pixels in memory.
	maxImages = 2
	// maxPixels and maxImageBytes are those of an image that is still transformed; a pixel takes four bytes.
	maxPixels     = 50_000_000
	maxImageBytes = 25 << 20
	maxSide       = 2000
	// defaultQuality is that of storage-js.
	defaultQuality = 80
	minQuality     = 20
	maxQuality     = 100
)

// How an image is brought to a size.
const (
	resizeCover   = "cover"
	resizeContain = "contain"
	resizeFill    = "fill"
)

// transform is what an image is to become.
type transform struct {
	width, height int
	resize        string
	quality       int
	format        string
}

// parseTransform reads a query. Sides beyond the limit are clamped to it.
func parseTransform(query url.Values) (*transform, error) {
	t := &transform{resize: resizeCover, quality: defaultQuality, format: "origin"}
	var err error
	if t.width, err = number(query, "width", 0, 0, maxSide); err != nil {
		return nil, err
	}
	if t.height, err = number(query, "height", 0, 0, maxSide); err != nil {
		return nil, err
	}
	if t.quality, err = number(query, "quality", defaultQuality, minQuality, maxQuality); err != nil {
		return nil, err
	}
	if wanted := query.Get("resize"); wanted != "" {
		t.resize = wanted
	}
	if wanted := query.Get("format"); wanted != "" {
		t.format = wanted
	}
	if t.resize != resizeCover && t.resize != resizeContain && t.resize != resizeFill {
		return nil, invalidRequest("querystring/resize must be equal to one of the allowed values")
	}
	switch t.format {
	case "origin", "webp", "avif":
		return t, nil
	default:
		return nil, invalidRequest("querystring/format must be equal to one of the allowed values")
	}
}

func number(query url.Values, name string, otherwise, least, most int) (int, error) {
	text := query.Get(name)
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return 0, invalidRequest("querystring/" + name + " must be integer")
	}
	return min(max(n, least), most), nil
}

// transformOfJSON reads the field transform of sign.
func transformOfJSON(fields map[string]json.RawMessage) (*transform, error) {
	query := url.Values{}
	for name, raw := range fields {
		query.Set(name, strings.Trim(string(raw), `"`))
	}
	return parseTransform(query)
}

// String is the transformation as a query.
func (t *transform) String() string {
	query := url.Values{"resize": {t.resize}, "quality": {strconv.Itoa(t.quality)}, "format": {t.format}}
	if t.width > 0 {
		query.Set("width", strconv.Itoa(t.width))
	}
	if t.height > 0 {
		query.Set("height", strconv.Itoa(t.height))
	}
	return query.Encode()
}

// boxes tells which part of an image becomes which size. Images are not enlarged.
func (t *transform) boxes(bounds image.Rectangle) (part image.Rectangle, width, height int) {
	w, h := float64(bounds.Dx()), float64(bounds.Dy())
	toW, toH := float64(t.width), float64(t.height)
	switch {
	case toW == 0 && toH == 0:
		return bounds, bounds.Dx(), bounds.Dy()
	case t.resize == resizeFill && toW > 0 && toH > 0:
		return bounds, t.width, t.height
	case toW == 0:
		toW = toH * w / h
	case toH == 0:
		toH = toW * h / w
	}
	if t.resize != resizeCover || t.width == 0 || t.height == 0 {
		scale := min(toW/w, toH/h, 1)
		return bounds, pixels(w * scale), pixels(h * scale)
	}
	scale := min(max(toW/w, toH/h), 1)
	width, height = pixels(min(toW, w*scale)), pixels(min(toH, h*scale))
	partW, partH := min(pixels(float64(width)/scale), bounds.Dx()), min(pixels(float64(height)/scale), bounds.Dy())
	corner := bounds.Min.Add(image.Pt((bounds.Dx()-partW)/2, (bounds.Dy()-partH)/2))
	return image.Rectangle{Min: corner, Max: corner.Add(image.Pt(partW, partH))}, width, height
}

func pixels(side float64) int { return max(1, int(math.Round(side))) }

var errNotImage = &Error{Status: 422, Code: "InvalidRequest", Name: "InvalidRequest", Message: "The object is not an image that can be transformed"}

// apply decodes, scales and encodes an image. It returns the media type of the result.
func (t *transform) apply(source io.ReadSeeker) (out []byte, kind string, err error) {
	config, format, err := image.DecodeConfig(source)
	if err != nil {
		return nil, "", errNotImage.because(err)
	}
	if config.Width <= 0 || config.Height <= 0 || config.Width > maxPixels/config.Height {
		return nil, "", errNotImage.because(fmt.Errorf("%d × %d pixels", config.Width, config.Height))
	}
	if _, err := source.Seek(0, io.SeekStart); err != nil {
		return nil, "", err
	}
	decoded, _, err := image.Decode(source)
	if err != nil {
		return nil, "", errNotImage.because(err)
	}
	part, width, height := t.boxes(decoded.Bounds())
	scaled := image.NewNRGBA(image.Rect(0, 0, width, height))
	draw.CatmullRom.Scale(scaled, scaled.Bounds(), decoded, part, draw.Src, nil)
	if t.format == "webp" {
		format = "webp"
	}
	return encode(scaled, format, t.quality)
}

func encode(scaled *image.NRGBA, format string, quality int) (out []byte, kind string, err error) {
	var buffer bytes.Buffer
	switch format {
	case "jpeg":
		err = jpeg.Encode(&buffer, opaque(scaled), &jpeg.Options{Quality: quality})
	case "gif":
		err = gif.Encode(&buffer, scaled, nil)
	case "webp":
		err = nativewebp.Encode(&buffer, scaled, nil)
	default:
		format, err = "png", png.Encode(&buffer, scaled)
	}
	return buffer.Bytes(), "image/" + format, err
}

// opaque puts an image on white, for formats that know no transparency.
func opaque(from *image.NRGBA) image.Image {
	if from.Opaque() {
		return from
	}
	out := image.NewRGBA(from.Bounds())
	draw.Draw(out, out.Bounds(), image.NewUniform(color.White), image.Point{}, draw.Src)
	draw.Draw(out, out.Bounds(), from, from.Bounds().Min, draw.Over)
	return out
}

// render serves an image that the caller may read, in another size.
func (c *call) render(w http.ResponseWriter) error {
	t, err := parseTransform(c.URL.Query())
	if err != nil {
		return err
	}
	return c.sendImage(w, t, c.findReadable)
}

func (c *call) renderPublic(w http.ResponseWriter) error {
	t, err := parseTransform(c.URL.Query())
	if err != nil {
		return err
	}
	return c.sendImage(w, t, c.findPublic)
}

// renderSigned serves an image to whoever has its URL, in the size that the URL was signed for.
func (c *call) renderSigned(w http.ResponseWriter) error {
	g, err := c.h.signer.verify(c.URL.Query().Get("token"), scopeDownload, c.to.bucket, c.to.key)
	if err != nil {
		return err
	}
	if g.Transformations == "" {
		return errSignature
	}
	query, err := url.ParseQuery(g.Transformations)
	if err != nil {
		return errSignature.because(err)
	}
	t, err := parseTransform(query)
	if err != nil {
		return err
	}
	return c.sendImage(w, t, func() (*found, error) { return c.find(c.identity) })
}

func (c *call) sendImage(w http.ResponseWriter, t *transform, find func() (*found, error)) error {
	f, err := find()
	if err != nil {
		return err
	}
	header := w.Header()
	tag := imageTag(f.metadata.ETag, t)
	if c.Header.Get("If-None-Match") == tag {
		header.Set("ETag", tag)
		header.Set("Cache-Control", f.metadata.CacheControl)
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	out, kind, err := c.transformed(t, f)
	if err != nil {
		return err
	}
	known := f.metadata
	known.Mimetype, known.ETag = kind, tag
	setObjectHeaders(header, &known)
	header.Set("X-Transformations", strings.ReplaceAll(t.String(), "&", ","))
	if query := c.URL.Query(); query.Has("download") {
		header.Set("Content-Disposition", attachment(query.Get("download")))
	}
	http.ServeContent(w, c.Request, "", known.LastModified.Time, bytes.NewReader(out))
	return nil
}

// imageTag differs for each transformation of each version.
func imageTag(etag string, t *transform) string {
	return `"` + strings.Trim(etag, `"`) + "-" + strings.NewReplacer("&", "-", "=", "").Replace(t.String()) + `"`
}

// transformed waits until there is room for the pixels of one more image.
func (c *call) transformed(t *transform, f *found) (out []byte, kind string, err error) {
	select {
	case c.h.images <- struct{}{}:
		defer func() { <-c.h.images }()
	case <-c.Context().Done():
		return nil, "", c.Context().Err()
	}
	body, err := c.h.blobs.Open(c.Context(), f.version)
	if errors.Is(err, blob.ErrNotFound) || errors.Is(err, blob.ErrKey) {
		return nil, "", errNoObject.because(err)
	}
	if err != nil {
		return nil, "", err
	}
	defer func() { _ = body.Close() }()
	if body.Size > maxImageBytes {
		return nil, "", errNotImage
	}
	return t.apply(body)
}
