package httpsend

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
)

// Body is a request's body made of several parts, which are sent from where they
// are. They must stay as they are until End.
type Body struct {
	parts [][]byte
	rest  [][]byte // what is not read yet
	at    int      // in the first of rest
	use   *use
}

// use is the right to read the parts, which all copies of a body share.
type use struct {
	mu   sync.Mutex
	over bool
}

var errOver = errors.New("the request has been answered, or was given up, before it was sent whole")

// NewBody makes a body of parts. The list is copied: net/http looks for bytes behind
// the last one while the answer may be there already and the caller goes on.
func NewBody(parts [][]byte) *Body {
	parts = slices.Clone(parts)
	return &Body{parts: parts, rest: parts, use: &use{}}
}

// NewRequest makes a request with b.
func NewRequest(ctx context.Context, method, address string, b *Body) (*http.Request, error) {
	if b.Len() == 0 {
		return http.NewRequestWithContext(ctx, method, address, http.NoBody)
	}
	req, err := http.NewRequestWithContext(ctx, method, address, b)
	if err == nil {
		b.Describe(req)
	}
	return req, err
}

// End is to be called when a request with b was answered or has failed, and after its
// answer was closed: from then on nobody reads the parts, and their memory may be used
// again. A transport goes on sending for a moment, until it has closed the
// connection, when the answer comes before all of the request was sent.
func (b *Body) End() {
	b.use.mu.Lock() // what is being written fails as soon as the connection is closed
	defer b.use.mu.Unlock()
	b.use.over = true
}

// Len returns the size of the whole body in bytes.
func (b *Body) Len() (n int64) {
	for _, part := range b.parts {
		n += int64(len(part))
	}
	return n
}

// Join returns the whole body; a single part as it is.
func (b *Body) Join() []byte {
	if len(b.parts) == 1 {
		return b.parts[0]
	}
	return bytes.Join(b.parts, nil)
}

// Describe tells a request that was made with b what http.NewRequest knows of
// its own readers only: how long the body is, and how to have it again.
func (b *Body) Describe(req *http.Request) {
	req.ContentLength = b.Len()
	req.GetBody = func() (io.ReadCloser, error) { return &Body{parts: b.parts, rest: b.parts, use: b.use}, nil }
}

// next hands what follows of a part to take, at most limit bytes of it; io.EOF is
// the end. Until take returns the parts stay as they are.
func (b *Body) next(limit int64, take func(chunk []byte) (int, error)) (int, error) {
	b.use.mu.Lock()
	defer b.use.mu.Unlock()
	for len(b.rest) > 0 && b.at == len(b.rest[0]) {
		b.rest, b.at = b.rest[1:], 0
	}
	if len(b.rest) == 0 {
		return 0, io.EOF
	}
	if b.use.over {
		return 0, errOver
	}
	chunk := b.rest[0][b.at:]
	n, err := take(chunk[:min(int64(len(chunk)), limit)])
	b.at += n
	return n, err
}

// Read is for connections that cannot do better, such as encrypted ones.
func (b *Body) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	return b.next(int64(len(p)), func(chunk []byte) (int, error) { return copy(p, chunk), nil })
}

// Close does nothing.
func (b *Body) Close() error { return nil }

// conn sends the parts of a Body as they are: net/http copies what it does not
// know through a buffer, a little at a time.
type conn struct{ net.Conn }

// ReadFrom is called by net/http with a request's body.
func (c conn) ReadFrom(r io.Reader) (n int64, err error) {
	limited, ok := r.(*io.LimitedReader)
	if !ok {
		return io.Copy(struct{ io.Writer }{c.Conn}, r)
	}
	body, ok := limited.R.(*Body)
	if !ok {
		return io.Copy(struct{ io.Writer }{c.Conn}, r)
	}
	write := c.Conn.Write
	for limited.N > 0 && err == nil {
		var sent int
		sent, err = body.next(limited.N, write)
		n, limited.N = n+int64(sent), limited.N-int64(sent)
	}
	if err == io.EOF {
		err = nil
	}
	return n, err
}
