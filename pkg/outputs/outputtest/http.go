package outputtest

import (
	"compress/gzip"
	"encoding/pem"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tocsin-lma/tocsin/pkg/message"
	"github.com/tocsin-lma/tocsin/pkg/tlsconfig"
)

// HTTP describes an output that speaks HTTP.
type HTTP struct {
	// New makes an output that sends to the server at url; tls is nil for http.
	New func(t *testing.T, url string, tls *tlsconfig.Config) Output
	// Batch makes a batch of n items with the ids "0" to "n-1".
	Batch func(n int) []byte
	// Accept answers as a healthy server and returns the ids of the items it
	// stored; none for a request of another kind.
	Accept func(w http.ResponseWriter, r *http.Request, body []byte) []string
	// Partial, if not nil, answers as a server that refuses the item "1" for
	// good and, while busy, the item "2" for now, and stores the others.
	Partial func(w http.ResponseWriter, r *http.Request, body []byte, busy bool) []string
	// Reject, if not nil, answers as a server that refuses all items for good;
	// else status 400 is answered.
	Reject func(w http.ResponseWriter, r *http.Request, body []byte)
}

// server is a far side whose behaviour can be changed.
type server struct {
	store
	mode sync.Mutex
	now  handler
	seen chan struct{} // closed at the first request
	once sync.Once
}

type handler func(w http.ResponseWriter, r *http.Request, body []byte)

func (s *server) behave(h handler) {
	s.mode.Lock()
	defer s.mode.Unlock()
	s.now = h
}

func (s *server) handle(w http.ResponseWriter, r *http.Request, body []byte) {
	s.mode.Lock()
	h := s.now
	s.mode.Unlock()
	h(w, r, body)
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var body io.Reader = r.Body
	if r.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(r.Body)
		if err != nil {
			http.Error(w, "not gzip", http.StatusBadRequest)
			return
		}
		body = z
	}
	b, err := io.ReadAll(body)
	if err != nil {
		return
	}
	s.once.Do(func() { close(s.seen) })
	s.handle(w, r, b)
}

// Run runs the suite.
func (h HTTP) Run(t *testing.T) {
	t.Run("healthy", h.healthy)
	t.Run("slow", h.slow)
	t.Run("refusing", h.refusing)
	t.Run("hanging", h.hanging)
	t.Run("half closing", h.halfClosing)
	t.Run("answer cut short", h.cutShort)
	t.Run("bad request", h.badRequest)
	t.Run("statuses that pass", h.passing)
	t.Run("retry after", h.retryAfter)
	t.Run("partial", h.partial)
	t.Run("tls", h.tls)
	t.Run("no such host", h.noSuchHost)
	t.Run("restart", h.restart)
	t.Run("canceled", h.canceled)
}

func (h HTTP) start(t *testing.T) (*server, *httptest.Server) {
	s := &server{seen: make(chan struct{})}
	s.behave(s.healthy(h))
	srv := httptest.NewServer(s)
	t.Cleanup(srv.Close)
	return s, srv
}

func (s *server) healthy(h HTTP) handler {
	return func(w http.ResponseWriter, r *http.Request, body []byte) { s.add(h.Accept(w, r, body)...) }
}

func (h HTTP) healthy(t *testing.T) {
	s, srv := h.start(t)
	out := h.New(t, srv.URL, nil)
	b := h.Batch(20)
	want := string(b)
	require.NoError(t, out.Send(t.Context(), b))
	require.Equal(t, want, string(b), "a batch must not be changed")
	s.requireAll(t, 20)
	require.NoError(t, out.Send(t.Context(), nil), "an empty batch is delivered")
}

func (h HTTP) slow(t *testing.T) {
	s, srv := h.start(t)
	s.behave(func(w http.ResponseWriter, r *http.Request, body []byte) {
		time.Sleep(50 * time.Millisecond)
		s.add(h.Accept(w, r, body)...)
	})
	require.NoError(t, h.New(t, srv.URL, nil).Send(t.Context(), h.Batch(2)))
	s.requireAll(t, 2)
	Happened(t, Slow, Delivered, "when the answers came, 50 ms late")
}

func (h HTTP) refusing(t *testing.T) {
	err := failsForNow(t, h.New(t, "http://"+unusedAddress(t), nil), h.Batch(3), prompt)
	Happened(t, Refusing, Kept, "%s", Because(err))
}

func (h HTTP) hanging(t *testing.T) {
	s, srv := h.start(t)
	s.behave(func(_ http.ResponseWriter, r *http.Request, _ []byte) { <-r.Context().Done() })
	err := failsForNow(t, h.New(t, srv.URL, nil), h.Batch(3), brief)
	Happened(t, Hanging, Kept, "%s", Because(err))
}

// halfClosing reads the request and closes without a word.
func (h HTTP) halfClosing(t *testing.T) {
	s, srv := h.start(t)
	s.behave(func(w http.ResponseWriter, _ *http.Request, _ []byte) { hijack(w, "") })
	err := failsForNow(t, h.New(t, srv.URL, nil), h.Batch(3), prompt)
	Happened(t, HalfClosing, Kept, "%s; an answer that ends too early is none", Because(err))
}

// cutShort promises a longer answer than it gives.
func (h HTTP) cutShort(t *testing.T) {
	s, srv := h.start(t)
	s.behave(func(w http.ResponseWriter, _ *http.Request, _ []byte) {
		hijack(w, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 5000\r\n\r\n{\"errors\":false,")
	})
	_ = failsForNow(t, h.New(t, srv.URL, nil), h.Batch(3), prompt)
}

func hijack(w http.ResponseWriter, answer string) {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	_, _ = io.WriteString(conn, answer)
	_ = conn.Close()
}

func (h HTTP) badRequest(t *testing.T) {
	s, srv := h.start(t)
	reject := h.Reject
	if reject == nil {
		reject = func(w http.ResponseWriter, _ *http.Request, _ []byte) { http.Error(w, "bad", http.StatusBadRequest) }
	}
	s.behave(func(w http.ResponseWriter, r *http.Request, body []byte) { reject(w, r, body) })
	out := h.New(t, srv.URL, nil)
	rejected := Deliver(t, out, h.Batch(4))
	var all strings.Builder
	for _, r := range rejected {
		require.NotEmpty(t, r.Reason)
		all.Write(r.Item)
	}
	require.Equal(t, string(h.Batch(4)), all.String(), "every item is rejected once")
	s.behave(s.healthy(h))
	require.NoError(t, out.Send(t.Context(), h.Batch(4)), "the next batch goes through")
	Happened(t, BadRequest, Refused, "%d of 4 items to the dead letters (%s), the next batch delivered; 401, 403, 404, 408 and redirections: kept, as they can be mended",
		len(rejected), reasonIn(rejected[0].Reason))
}

// reasonIn is the beginning of a reason, without what differs from run to run.
func reasonIn(reason string) string { return Because(errors.New(reason)) }

// passing are answers after which the whole batch must be kept: credentials and
// addresses can be mended, and a server recovers.
func (h HTTP) passing(t *testing.T) {
	s, srv := h.start(t)
	out := h.New(t, srv.URL, nil)
	for _, status := range []int{302, 401, 403, 404, 408, 429, 500, 502, 503, 504} {
		s.behave(func(w http.ResponseWriter, _ *http.Request, _ []byte) {
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(status)
		})
		_ = failsForNow(t, out, h.Batch(3), prompt)
	}
	s.behave(s.healthy(h))
	require.Empty(t, Deliver(t, out, h.Batch(3)))
	s.requireAll(t, 3)
	Happened(t, ServerError, Kept, "500, 502, 503, 504; delivered when they had passed")
}

func (h HTTP) retryAfter(t *testing.T) {
	s, srv := h.start(t)
	for _, status := range []int{429, 503} {
		s.behave(func(w http.ResponseWriter, _ *http.Request, _ []byte) {
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(status)
		})
		err := failsForNow(t, h.New(t, srv.URL, nil), h.Batch(3), patience)
		var partial *message.SendError
		require.ErrorAs(t, err, &partial)
		require.Equal(t, 7*time.Second, partial.After)
	}
	Happened(t, RetryAfter, Kept, "sent again after the 7 s asked for, also with 503")
}

func (h HTTP) partial(t *testing.T) {
	if h.Partial == nil {
		const why = "this far side takes a batch whole or not at all"
		Happened(t, Partial, None, why)
		t.Skip(why)
	}
	s, srv := h.start(t)
	var busy atomic.Bool
	busy.Store(true)
	s.behave(func(w http.ResponseWriter, r *http.Request, body []byte) {
		s.add(h.Partial(w, r, body, busy.Load())...)
	})
	out := h.New(t, srv.URL, nil)
	var partial *message.SendError
	require.ErrorAs(t, out.Send(t.Context(), h.Batch(8)), &partial)
	require.Error(t, partial.Err)
	require.NotEmpty(t, partial.Retry)
	require.Less(t, len(partial.Retry), len(h.Batch(8)), "what was stored is not sent again")
	rejected := partial.Rejected
	busy.Store(false)
	rejected = append(rejected, Deliver(t, out, partial.Retry)...)
	require.Len(t, rejected, 1)
	s.requireAll(t, 8, "1")
	Happened(t, Partial, Split, "of 8 items 6 stored, 1 refused for now sent again without the others, 1 to the dead letters")
}

func (h HTTP) tls(t *testing.T) {
	s := &server{seen: make(chan struct{})}
	s.behave(s.healthy(h))
	srv := httptest.NewUnstartedServer(s)
	srv.Config.ErrorLog = quiet()
	srv.StartTLS()
	t.Cleanup(srv.Close)
	_ = failsForNow(t, h.New(t, srv.URL, &tlsconfig.Config{}), h.Batch(3), prompt) // unknown authority
	trusted := CertificateFile(t, srv)
	_ = failsForNow(t, h.New(t, srv.URL, &tlsconfig.Config{RootCAFile: trusted, ServerName: "other.test"}), h.Batch(3), prompt)
	require.NoError(t, h.New(t, srv.URL, &tlsconfig.Config{RootCAFile: trusted}).Send(t.Context(), h.Batch(3)))
	s.requireAll(t, 3)
	Happened(t, TLS, Kept, "unknown authority, wrong name; delivered with the right ones")
}

// CertificateFile writes the certificate of a TLS test server to a PEM file.
func CertificateFile(t *testing.T, srv *httptest.Server) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw})
	require.NoError(t, os.WriteFile(path, block, 0o600))
	return path
}

func (h HTTP) noSuchHost(t *testing.T) {
	_ = failsForNow(t, h.New(t, "http://tocsin-no-such-host.invalid:9", nil), h.Batch(3), prompt)
	Happened(t, DNS, Kept, "no such host")
}

// restart kills the server within a request and starts it anew.
func (h HTTP) restart(t *testing.T) {
	s := &server{seen: make(chan struct{})}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := l.Addr().String()
	first := &http.Server{Handler: s, ErrorLog: quiet()}
	s.behave(func(_ http.ResponseWriter, r *http.Request, _ []byte) {
		_ = first.Close() // cuts this connection, too
	})
	served := make(chan error, 1)
	go func() { served <- first.Serve(l) }()
	out := h.New(t, "http://"+address, nil)
	_ = failsForNow(t, out, h.Batch(50), prompt)
	require.ErrorIs(t, <-served, http.ErrServerClosed)

	again := make(chan error, 1)
	second := &http.Server{ErrorLog: quiet()}
	go func() {
		time.Sleep(brief)
		s.behave(s.healthy(h))
		second.Handler = s
		l, err := net.Listen("tcp", address)
		if err == nil {
			err = second.Serve(l)
		}
		again <- err
	}()
	require.Empty(t, Deliver(t, out, h.Batch(50)))
	s.requireAll(t, 50)
	require.NoError(t, second.Close())
	if err := <-again; !errors.Is(err, http.ErrServerClosed) {
		require.NoError(t, err)
	}
	Happened(t, Restart, Kept, "sent again until the server was back: all 50 items there")
}

func (h HTTP) canceled(t *testing.T) {
	s, srv := h.start(t)
	s.behave(func(_ http.ResponseWriter, r *http.Request, _ []byte) { <-r.Context().Done() })
	canceled(t, h.New(t, srv.URL, nil), h.Batch(3), s.seen)
}
