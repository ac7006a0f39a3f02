package httpsend

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"slices"
)

// Body is a request's body made of several parts, which are sent from where they
// are. They must stay as they are until the request is answered.
type Body struct {
	parts [][]byte
	rest  [][]byte // what is not read yet
	at    int      // in the first of rest
}

// NewBody makes a body of parts. The list is copied: net/http looks for bytes behind
// the last one while the answer may be there already and the caller goes on.
func NewBody(parts [][]byte) *Body {
	parts = slices.Clone(parts)
	return &Body{parts: parts, rest: parts}
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
	req.GetBody = func() (io.ReadCloser, error) { return NewBody(b.parts), nil }
}

// next returns what follows of a part, at most limit bytes of it; nothing at the
// end.
func (b *Body) next(limit int64) []byte {
	for len(b.rest) > 0 && b.at == len(b.rest[0]) {
		b.rest, b.at = b.rest[1:], 0
	}
	if len(b.rest) == 0 {
		return nil
	}
	chunk := b.rest[0][b.at:]
	chunk = chunk[:min(int64(len(chunk)), limit)]
	b.at += len(chunk)
	return chunk
}

// Read is for connections that cannot do better, such as encrypted ones.
func (b *Body) Read(p []byte) (int, error) {
	chunk := b.next(int64(len(p)))
	if len(chunk) == 0 && len(p) > 0 {
		return 0, io.EOF
	}
	return copy(p, chunk), nil
}

// Close does nothing.
func (b *Body) Close() error { return nil }

// conn sends the parts of a Body as they are: net/http copies what it does not
// know through a buffer, a little at a time.
type conn struct{ net.Conn }

// ReadFrom is called by net/http with a request's body.
func (c conn) ReadFrom(r io.Reader) (n int64, err error) {
	if limited, ok := r.(*io.LimitedReader); ok {
		switch body := limited.R.(type) {
		case *Body:
			for limited.N > 0 && err == nil {
				chunk := body.next(limited.N)
				if len(chunk) == 0 {
					break
				}
				var sent int
				sent, err = c.Write(chunk)
				n, limited.N = n+int64(sent), limited.N-int64(sent)
			}
			return n, err
		case *bytes.Reader:
			if int64(body.Len()) <= limited.N {
				n, err = body.WriteTo(c.Conn)
				limited.N -= n
				return n, err
			}
		}
	}
	return io.Copy(struct{ io.Writer }{c.Conn}, r)
}
