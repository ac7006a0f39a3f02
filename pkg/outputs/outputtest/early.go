package outputtest

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/pkg/tlsconfig"
)

const (
	// earlySize is the size of a batch that no socket takes whole, in bytes.
	earlySize = 24 << 20
	// lateClose is how long the client takes to close a connection: as long as
	// that it may send what it finds in the memory of a batch.
	lateClose = 200 * time.Millisecond
)

// EarlyAnswers sends large batches to servers that answer before they have read
// them, and uses their memory again as soon as Send has returned, as a queue does:
// nothing of what stands there then may be sent, and no request may follow on that
// connection. open also returns the transport of the output; batch makes one item
// of about size bytes, without the letter Z.
func EarlyAnswers(t *testing.T, open func(t *testing.T, url string, tls *tlsconfig.Config) (Output, *http.Transport), batch func(size int) []byte) {
	for name, encrypted := range map[string]bool{"plain": false, "tls": true} {
		for name, serve := range map[string]func(s *early, conn net.Conn, rest io.Reader){
			name + ", reads on":    (*early).readOn,
			name + ", reads later": (*early).readLater,
			name + ", closes":      func(_ *early, conn net.Conn, _ io.Reader) { _ = conn.Close() },
		} {
			t.Run(name, func(t *testing.T) {
				s, url, settings := startEarly(t, encrypted, serve)
				out, transport := open(t, url, settings)
				transport.DialContext = closingLate(transport.DialContext)
				b := batch(earlySize)
				require.Error(t, out.Send(t.Context(), b))
				for i := range b {
					b[i] = 'Z'
				}
				close(s.sent)
				require.NoError(t, out.Send(t.Context(), batch(1<<10)))
				<-s.ended
				require.EqualValues(t, 2, s.opened.Load(), "a connection whose request was not sent whole is done with")
				require.False(t, s.foreign.Load(), "what stood in the memory of the batch afterwards was sent")
			})
		}
	}
}

// early is a server that refuses the first request when it has read its header.
type early struct {
	opened  atomic.Int32
	foreign atomic.Bool
	sent    chan struct{} // closed when the memory of the first batch has been used again
	ended   chan struct{} // closed when the first connection has ended
}

func startEarly(t *testing.T, encrypted bool, serve func(*early, net.Conn, io.Reader)) (s *early, url string, settings *tlsconfig.Config) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	url = "http://" + l.Addr().String()
	if encrypted {
		srv := httptest.NewTLSServer(nil) // for its certificate
		srv.Close()
		url = "https://" + l.Addr().String()
		settings = &tlsconfig.Config{RootCAFile: CertificateFile(t, srv)}
		l = tls.NewListener(l, &tls.Config{Certificates: srv.TLS.Certificates})
	}
	s = &early{sent: make(chan struct{}), ended: make(chan struct{})}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			n := s.opened.Add(1)
			go func() {
				if n == 1 {
					defer close(s.ended)
				}
				defer conn.Close()
				s.answer(conn, n == 1, serve)
			}()
		}
	}()
	t.Cleanup(func() {
		require.NoError(t, l.Close())
		<-done
	})
	return s, url, settings
}

func (s *early) answer(conn net.Conn, first bool, serve func(*early, net.Conn, io.Reader)) {
	r := bufio.NewReader(conn)
	req, err := http.ReadRequest(r)
	if err != nil {
		return
	}
	if !first {
		_, _ = io.Copy(io.Discard, req.Body)
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 16\r\nConnection: close\r\n\r\n"+`{"errors":false}`)
		return
	}
	_, _ = io.WriteString(conn, "HTTP/1.1 400 Bad Request\r\nContent-Length: 5\r\n\r\nearly")
	serve(s, conn, r)
}

// readOn reads what comes, too slowly for the client to have sent all of it when it
// has the answer.
func (s *early) readOn(_ net.Conn, rest io.Reader) {
	buf := make([]byte, 64<<10)
	for {
		n, err := rest.Read(buf)
		if bytes.IndexByte(buf[:n], 'Z') >= 0 {
			s.foreign.Store(true)
		}
		if err != nil {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

// readLater reads only when the client has gone on.
func (s *early) readLater(conn net.Conn, rest io.Reader) {
	<-s.sent
	s.readOn(conn, rest)
}

type dial = func(ctx context.Context, network, address string) (net.Conn, error)

// closingLate makes connections that take a while to close, as on a busy machine.
func closingLate(dial dial) dial {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		if r, ok := conn.(io.ReaderFrom); ok {
			return fastConn{lateConn{conn}, r}, nil
		}
		return lateConn{conn}, nil
	}
}

type lateConn struct{ net.Conn }

func (c lateConn) Close() error {
	time.Sleep(lateClose)
	return c.Conn.Close()
}

// fastConn takes a whole body at once.
type fastConn struct {
	lateConn
	io.ReaderFrom
}
