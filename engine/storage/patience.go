package storage

import (
	"io"
	"net/http"
	"time"
)

// stallBytes is how much a client must take or give within Config.Stall.
const stallBytes = 64 << 10

// patient is a writer that gives the client time for as long as it takes what it is sent. The server's own timeouts are for whole
// requests, which large objects cannot meet.
type patient struct {
	http.ResponseWriter
	control *http.ResponseController
	stall   time.Duration
	left    int64
}

func (h *Handler) patient(w http.ResponseWriter, _ *http.Request) *patient {
	p := &patient{ResponseWriter: w, control: http.NewResponseController(w), stall: h.cfg.Stall}
	p.renew()
	return p
}

// renew starts the time for the next piece. Connections that have no deadlines are those of tests.
func (p *patient) renew() {
	p.left = stallBytes
	_ = p.control.SetWriteDeadline(time.Now().Add(p.stall))
}

// Write implements http.ResponseWriter.
func (p *patient) Write(data []byte) (int, error) {
	written := 0
	for len(data) > 0 {
		piece := data[:min(len(data), stallBytes)]
		n, err := p.ResponseWriter.Write(piece)
		written += n
		if p.left -= int64(n); p.left <= 0 {
			p.renew()
		}
		if err != nil {
			return written, err
		}
		data = data[len(piece):]
	}
	return written, nil
}

// sendPiece is how much the kernel sends of a file between two looks at the clock; the client has as much more time for it.
const sendPiece = 16 * stallBytes

// ReadFrom implements io.ReaderFrom: it lets the kernel send files without our seeing their bytes.
func (p *patient) ReadFrom(r io.Reader) (sent int64, err error) {
	to, ok := p.ResponseWriter.(io.ReaderFrom)
	if !ok {
		return io.Copy(struct{ io.Writer }{p}, r)
	}
	// net/http recognizes a file only directly below one LimitedReader.
	limit, ok := r.(*io.LimitedReader)
	if !ok {
		limit = &io.LimitedReader{R: r, N: 1<<63 - 1}
	}
	for limit.N > 0 {
		_ = p.control.SetWriteDeadline(time.Now().Add(p.stall * (sendPiece / stallBytes)))
		piece := &io.LimitedReader{R: limit.R, N: min(limit.N, sendPiece)}
		n, err := to.ReadFrom(piece)
		sent += n
		limit.N -= n
		if err != nil || n == 0 {
			return sent, err
		}
	}
	return sent, nil
}

// Unwrap lets http.ResponseController reach the connection.
func (p *patient) Unwrap() http.ResponseWriter { return p.ResponseWriter }

// patientBody gives the client time for as long as it sends.
func (h *Handler) patientBody(w http.ResponseWriter, body io.Reader) io.Reader {
	b := &patientReader{body: body, control: http.NewResponseController(w), stall: h.cfg.Stall}
	b.renew()
	return b
}

type patientReader struct {
	body    io.Reader
	control *http.ResponseController
	stall   time.Duration
	left    int64
}

func (b *patientReader) renew() {
	b.left = stallBytes
	now := time.Now()
	_ = b.control.SetReadDeadline(now.Add(b.stall))
	_ = b.control.SetWriteDeadline(now.Add(2 * b.stall)) // for the answer that follows
}

// Read implements io.Reader.
func (b *patientReader) Read(p []byte) (int, error) {
	n, err := b.body.Read(p)
	if b.left -= int64(n); b.left <= 0 {
		b.renew()
	}
	return n, err
}
