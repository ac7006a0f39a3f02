package outputtest

import (
	"bytes"
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tocsin-lma/tocsin/pkg/tlsconfig"
)

// Stream describes an output that writes to a TCP connection.
type Stream struct {
	// New makes an output that sends to address; tls is nil without TLS.
	New func(t *testing.T, address string, tls *tlsconfig.Config) Output
	// Batch makes a batch of n items with the ids "0" to "n-1".
	Batch func(n int) []byte
	// Serve reads one connection as a healthy server until it ends, answers what
	// is to be answered, and calls got with the id of every whole item. nil: such a
	// server is more than a test can be; only what needs none is run.
	Serve func(conn net.Conn, got func(id string))
	// Answers says that the far side confirms batches.
	Answers bool
	// Answered are the faults that the far side has answers for after all, which
	// the output's own tests cover.
	Answered []Fault
	// NoTLS leaves out the cases about certificates; it is noted as having none unless
	// TLS is Answered.
	NoTLS bool
	// Reconnects says that each item has a connection of its own.
	Reconnects bool
}

// Run runs the suite.
func (s Stream) Run(t *testing.T) {
	t.Run("refusing", s.refusing)
	t.Run("hanging", s.hanging)
	t.Run("half closing", s.halfClosing)
	t.Run("no such host", s.noSuchHost)
	t.Run("canceled", s.canceled)
	s.noAnswers(t)
	if s.Serve == nil {
		return
	}
	t.Run("healthy", s.healthy)
	t.Run("slow", s.slow)
	t.Run("idle connection closed", s.idleClosed)
	t.Run("tls", s.tls)
	t.Run("restart", s.restart)
}

// noAnswers notes the faults that only a server with answers like those of HTTP has.
func (s Stream) noAnswers(t *testing.T) {
	why := "nothing answers: written and taken by the far kernel is delivered"
	if s.Answers {
		why = "the far side confirms a batch or does not"
	}
	for _, f := range []Fault{BadRequest, RetryAfter, ServerError, Partial} {
		if !slices.Contains(s.Answered, f) {
			Happened(t, f, None, "%s", why)
		}
	}
}

// listener is a far side that hands each connection to serve.
type listener struct {
	store
	net.Listener
	conns   map[net.Conn]bool
	connsMu sync.Mutex
	running sync.WaitGroup
	seen    chan struct{}
	once    sync.Once
}

func listen(t *testing.T, address string, serve func(*listener, net.Conn)) *listener {
	t.Helper()
	l := &listener{conns: map[net.Conn]bool{}, seen: make(chan struct{})}
	var err error
	l.Listener, err = net.Listen("tcp", address)
	require.NoError(t, err)
	l.running.Go(func() { l.accept(serve) })
	t.Cleanup(l.kill)
	return l
}

func (l *listener) accept(serve func(*listener, net.Conn)) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		l.connsMu.Lock()
		l.conns[conn] = true
		l.connsMu.Unlock()
		l.once.Do(func() { close(l.seen) })
		l.running.Go(func() {
			serve(l, conn)
			_ = conn.Close()
			l.connsMu.Lock()
			delete(l.conns, conn)
			l.connsMu.Unlock()
		})
	}
}

// drop closes the connections, as a process does that dies.
func (l *listener) drop() {
	l.connsMu.Lock()
	defer l.connsMu.Unlock()
	for conn := range l.conns {
		_ = conn.Close()
	}
}

func (l *listener) kill() {
	_ = l.Close()
	l.drop()
	l.running.Wait()
}

func (s Stream) serve(l *listener, conn net.Conn) { s.Serve(conn, func(id string) { l.add(id) }) }

func (s Stream) healthy(t *testing.T) {
	l := listen(t, "127.0.0.1:0", s.serve)
	out := s.New(t, l.Addr().String(), nil)
	for range 3 {
		b := s.Batch(20)
		want := string(b)
		require.NoError(t, out.Send(t.Context(), b))
		require.Equal(t, want, string(b), "a batch must not be changed")
	}
	l.requireAll(t, 20)
	require.NoError(t, out.Send(t.Context(), nil), "an empty batch is delivered")
}

// slowConn gives a few bytes at a time.
type slowConn struct{ net.Conn }

func (c slowConn) Read(b []byte) (int, error) {
	time.Sleep(time.Millisecond)
	return c.Conn.Read(b[:min(len(b), 64)])
}

func (s Stream) slow(t *testing.T) {
	l := listen(t, "127.0.0.1:0", func(l *listener, conn net.Conn) { s.serve(l, slowConn{conn}) })
	require.NoError(t, s.New(t, l.Addr().String(), nil).Send(t.Context(), s.Batch(20)))
	l.requireAll(t, 20)
	Happened(t, Slow, Delivered, "to a reader of 64 bytes a millisecond")
}

func (s Stream) refusing(t *testing.T) {
	err := failsForNow(t, s.New(t, unusedAddress(t), nil), s.Batch(3), prompt)
	Happened(t, Refusing, Kept, "%s", Because(err))
}

// silent keeps a connection open and reads nothing.
func silent(l *listener, conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetReadBuffer(4096)
	}
	<-l.done(conn)
}

// done is closed when the listener's end closes conn.
func (l *listener) done(conn net.Conn) <-chan struct{} {
	closed := make(chan struct{})
	l.running.Go(func() {
		defer close(closed)
		for {
			l.connsMu.Lock()
			err := conn.SetDeadline(time.Time{})
			l.connsMu.Unlock()
			if err != nil {
				return
			}
			time.Sleep(5 * time.Millisecond)
		}
	})
	return closed
}

// batchToHang is a batch that cannot be delivered unless somebody reads it: for
// want of answers, one that is more than what the kernels on both ends hold.
func (s Stream) batchToHang() []byte {
	if s.Answers || s.Reconnects {
		return s.Batch(3)
	}
	b := s.Batch(1000)
	return bytes.Repeat(b, 1+(24<<20)/len(b))
}

// skipUnknowable skips a case about a far side that takes a small item from the
// network and then fails: without an answer nobody can know.
func (s Stream) skipUnknowable(t *testing.T, noted ...Fault) {
	if s.Reconnects && !s.Answers {
		const why = "the kernel at the far end confirms small items, whatever its program does"
		for _, f := range noted {
			Happened(t, f, None, why)
		}
		t.Skip(why)
	}
}

func (s Stream) hanging(t *testing.T) {
	s.skipUnknowable(t, Hanging)
	l := listen(t, "127.0.0.1:0", silent)
	err := failsForNow(t, s.New(t, l.Addr().String(), nil), s.batchToHang(), brief)
	if !s.Answers {
		// This much the kernel at our end takes at once, and the one at the far
		// end does not.
		b := bytes.Repeat(s.Batch(1000), 4)
		_ = failsForNow(t, s.New(t, l.Addr().String(), nil), b, brief)
	}
	Happened(t, Hanging, Kept, "%s", Because(err))
}

// halfClosing reads a little of each connection and closes it.
func (s Stream) halfClosing(t *testing.T) {
	s.skipUnknowable(t, HalfClosing)
	l := listen(t, "127.0.0.1:0", func(_ *listener, conn net.Conn) {
		_, _ = io.ReadFull(conn, make([]byte, 16))
	})
	_ = failsForNow(t, s.New(t, l.Addr().String(), nil), s.batchToHang(), prompt)
	Happened(t, HalfClosing, Kept, "the connection ended within the batch")
}

// idleClosed has the far side close between two batches: the second must not
// vanish in the dead connection.
func (s Stream) idleClosed(t *testing.T) {
	l := listen(t, "127.0.0.1:0", s.serve)
	out := s.New(t, l.Addr().String(), nil)
	require.NoError(t, out.Send(t.Context(), s.Batch(1)))
	l.requireAll(t, 1)
	l.drop()
	time.Sleep(20 * time.Millisecond) // for the end of the connection to arrive
	require.NoError(t, out.Send(t.Context(), s.Batch(5)), "a connection known to be closed is not tried")
	l.requireAll(t, 5)
}

func (s Stream) tls(t *testing.T) {
	if s.NoTLS {
		const why = "this protocol has no TLS, or its own way to it"
		if !slices.Contains(s.Answered, TLS) {
			Happened(t, TLS, None, why)
		}
		t.Skip(why)
	}
	srv := httptest.NewUnstartedServer(nil)
	srv.StartTLS()
	t.Cleanup(srv.Close)
	settings := &tls.Config{Certificates: srv.TLS.Certificates}
	l := listen(t, "127.0.0.1:0", func(l *listener, conn net.Conn) { s.serve(l, tls.Server(conn, settings)) })
	_ = failsForNow(t, s.New(t, l.Addr().String(), &tlsconfig.Config{}), s.Batch(3), prompt)
	trusted := &tlsconfig.Config{RootCAFile: CertificateFile(t, srv)}
	require.NoError(t, s.New(t, l.Addr().String(), trusted).Send(t.Context(), s.Batch(3)))
	l.requireAll(t, 3)
	Happened(t, TLS, Kept, "unknown authority; delivered with the right one")
}

func (s Stream) noSuchHost(t *testing.T) {
	_ = failsForNow(t, s.New(t, "tocsin-no-such-host.invalid:9", nil), s.Batch(3), prompt)
	Happened(t, DNS, Kept, "no such host")
}

func (s Stream) restart(t *testing.T) {
	l := listen(t, "127.0.0.1:0", func(_ *listener, conn net.Conn) {
		_, _ = io.ReadFull(conn, make([]byte, 16))
	})
	out := s.New(t, l.Addr().String(), nil)
	if !s.Reconnects || s.Answers {
		_ = failsForNow(t, out, s.batchToHang(), prompt)
	}
	l.kill()
	_ = failsForNow(t, out, s.Batch(50), prompt)
	again := listen(t, l.Addr().String(), s.serve)
	require.Empty(t, Deliver(t, out, s.Batch(50)))
	again.requireAll(t, 50)
	Happened(t, Restart, Kept, "sent again until the far side was back: all 50 items there")
}

func (s Stream) canceled(t *testing.T) {
	s.skipUnknowable(t)
	l := listen(t, "127.0.0.1:0", silent)
	canceled(t, s.New(t, l.Addr().String(), nil), s.batchToHang(), l.seen)
}

func quiet() *log.Logger { return log.New(io.Discard, "", 0) }
