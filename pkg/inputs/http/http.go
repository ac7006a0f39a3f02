package http

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/tidwall/gjson"
	"golang.org/x/sync/errgroup"

	"github.com/tocsin-lma/tocsin/pkg/inputs"
	"github.com/tocsin-lma/tocsin/pkg/message"
	"github.com/tocsin-lma/tocsin/pkg/selfmon"
)

// Input is an HTTP listener.
type Input struct {
	cfg    Config
	opt    Options
	tls    *tls.Config
	ids    inputs.Identities
	intake *inputs.Intake
	addr   atomic.Pointer[net.TCPAddr]
	stats  counters
	full   atomic.Bool // as it was last logged
}

type counters struct{ accepted, dropped, refused, tooLong, malformed, unauthorized atomic.Uint64 }

// Stats counts requests by outcome.
type Stats struct {
	Accepted     uint64
	Dropped      uint64 // answered 200 although the pipeline was full
	Refused      uint64 // answered 503
	TooLong      uint64 // answered 413
	Malformed    uint64 // answered 400
	Unauthorized uint64 // answered 401
}

// New makes the input. It listens when it runs.
func New(cfg Config, opt Options) (*Input, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	if opt.Logger == nil {
		opt.Logger = slog.New(slog.DiscardHandler)
	}
	if opt.Account == nil {
		opt.Account = selfmon.NewLedger().Account("input", opt.Name)
	}
	in := &Input{cfg: cfg, opt: opt, intake: inputs.NewIntake(64)}
	if cfg.TLS != nil && (cfg.UseTLS == nil || *cfg.UseTLS) {
		var err error
		if in.tls, err = cfg.TLS.Server(); err != nil {
			return nil, fmt.Errorf("read http input: %w", err)
		}
	} else if cfg.UseTLS != nil && *cfg.UseTLS {
		return nil, errors.New("read http input: use_tls needs a tls section with cert_file and key_file")
	}
	return in, nil
}

// Addr returns the address the input listens on; nil before it does.
func (in *Input) Addr() *net.TCPAddr { return in.addr.Load() }

// Run listens and serves until ctx ends.
func (in *Input) Run(ctx context.Context, open message.OpenStream) error {
	address := net.JoinHostPort(in.cfg.Address, strconv.Itoa(in.cfg.Port))
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return inputs.ListenError(in.opt.Name, "address or port", address, err)
	}
	in.addr.Store(listener.Addr().(*net.TCPAddr))
	stream, err := open(in.opt.Name)
	if err != nil {
		return errors.Join(fmt.Errorf("open stream %s: %w", in.opt.Name, err), listener.Close())
	}
	listener = inputs.LimitListener(listener, in.cfg.MaxConnections)
	if in.tls != nil {
		listener = tls.NewListener(listener, in.tls)
	}
	server := &http.Server{
		Handler: in, ReadTimeout: in.cfg.ReadTimeout, ReadHeaderTimeout: in.cfg.ReadTimeout, IdleTimeout: in.cfg.IdleTimeout,
		MaxHeaderBytes: 64 << 10, ErrorLog: slog.NewLogLogger(in.opt.Logger.Handler(), slog.LevelDebug),
	}
	serving, stopped := context.WithCancel(context.Background())
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return in.intake.Run(serving, stream) })
	group.Go(func() error {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serve %s: %w", address, err)
		}
		return nil
	})
	group.Go(func() error {
		defer stopped() // after the last request was answered
		<-ctx.Done()
		bounded, cancel := context.WithTimeout(context.Background(), in.cfg.AcceptTimeout)
		defer cancel()
		if err := server.Shutdown(bounded); err != nil {
			return server.Close()
		}
		return nil
	})
	return group.Wait()
}

// ServeHTTP takes one request.
func (in *Input) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	for name, value := range in.cfg.Headers {
		w.Header().Set(name, value)
	}
	if !in.authorized(r) {
		in.stats.unauthorized.Add(1)
		if in.cfg.AuthType == "basic" {
			w.Header().Set("WWW-Authenticate", `Basic realm="tocsin"`)
		}
		http.Error(w, "credentials missing or wrong", http.StatusUnauthorized)
		return
	}
	body, err := readAll(http.MaxBytesReader(w, r.Body, in.cfg.MaxBodySize), r.ContentLength)
	var tooLong *http.MaxBytesError
	switch {
	case errors.As(err, &tooLong):
		in.stats.tooLong.Add(1)
		size := "more than " + strconv.FormatInt(in.cfg.MaxBodySize, 10)
		if r.ContentLength > 0 {
			size = strconv.FormatInt(r.ContentLength, 10)
		}
		in.opt.Logger.Warn("request body too long", "input", in.opt.Name, "from", r.RemoteAddr, "size", size, "limit", in.cfg.MaxBodySize)
		http.Error(w, fmt.Sprintf("body of %s bytes refused: the limit is %d (max_body_size)", size, in.cfg.MaxBodySize), http.StatusRequestEntityTooLarge)
		return
	case err != nil:
		in.stats.malformed.Add(1)
		http.Error(w, "body could not be read", http.StatusBadRequest)
		return
	}
	text := unsafe.String(unsafe.SliceData(body), len(body)) // body is not written again
	if in.cfg.Format == "json" && !gjson.Valid(text) {
		in.stats.malformed.Add(1)
		http.Error(w, fmt.Sprintf("body of %d bytes is no JSON", len(text)), http.StatusBadRequest)
		return
	}
	in.accept(w, r, in.message(r, text))
}

// accept hands the message on and answers.
func (in *Input) accept(w http.ResponseWriter, r *http.Request, m *message.Message) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), in.cfg.AcceptTimeout)
	defer cancel()
	fate := &fate{account: in.opt.Account}
	taken, err := in.intake.Offer(ctx, fate.settled, m)
	full := errors.Is(err, inputs.ErrFull)
	in.note(full, len(m.Payload))
	switch {
	case err == nil:
		in.stats.accepted.Add(1)
	case in.cfg.WhenFull == "refuse" || !full:
		in.stats.refused.Add(1)
		w.Header().Set("Retry-After", "5")
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	case taken:
		in.stats.accepted.Add(1)
		fate.answered()
	default:
		in.stats.dropped.Add(1)
		drop(in.opt.Account, dropFull)
	}
	w.WriteHeader(http.StatusOK)
}

// note logs when the pipeline becomes full, and when it takes requests again.
func (in *Input) note(full bool, size int) {
	if in.full.Swap(full) == full {
		return
	}
	if full {
		in.opt.Logger.Warn("the pipeline is full", "input", in.opt.Name, "size", size, "when_full", in.cfg.WhenFull)
		return
	}
	in.opt.Logger.Info("the pipeline takes requests again", "input", in.opt.Name)
}

// readAll reads a body. A length that was announced is believed up to 1 MiB.
func readAll(r io.Reader, announced int64) ([]byte, error) {
	body := make([]byte, 0, min(max(announced, 511), 1<<20)+1) // one more, to meet the end
	for {
		n, err := r.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		if errors.Is(err, io.EOF) {
			return body, nil
		}
		if err != nil {
			return body, err
		}
		if len(body) == cap(body) {
			body = slices.Grow(body, len(body))
		}
	}
}

func (in *Input) authorized(r *http.Request) bool {
	switch in.cfg.AuthType {
	case "basic":
		user, password, ok := r.BasicAuth()
		return ok && equal(user, in.cfg.Username) && equal(password, in.cfg.Password)
	case "api":
		return equal(r.Header.Get("X-Api-Key"), in.cfg.APIKey)
	}
	return true
}

// equal compares in a time that tells nothing about either text.
func equal(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}

func (in *Input) message(r *http.Request, body string) *message.Message {
	m := &message.Message{
		UUID: in.ids.Next(), Timestamp: time.Now().UnixNano(), Type: "heka.httpdata.request", Logger: in.opt.Name,
		Hostname: in.opt.Hostname, EnvVersion: "1", Payload: body,
	}
	m.SetSeverity(6)
	m.SetPID(in.opt.PID)
	m.AddString("Protocol", r.Proto)
	m.AddString("UserAgent", r.UserAgent())
	m.AddString("ContentType", r.Header.Get("Content-Type"))
	m.AddString("Path", r.URL.Path)
	m.AddString("Host", r.Host)
	m.AddString("RemoteAddr", r.RemoteAddr)
	for _, name := range in.cfg.RequestHeaders {
		m.AddStrings(name, r.Header.Values(name)...)
	}
	query := r.URL.Query()
	for _, name := range sortedNames(query) {
		m.AddStrings(name, query[name]...)
	}
	return m
}

func sortedNames(v url.Values) []string {
	names := make([]string, 0, len(v))
	for name := range v {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Stats returns the counts so far.
func (in *Input) Stats() Stats {
	return Stats{
		Accepted: in.stats.accepted.Load(), Dropped: in.stats.dropped.Load(), Refused: in.stats.refused.Load(),
		TooLong: in.stats.tooLong.Load(), Malformed: in.stats.malformed.Load(), Unauthorized: in.stats.unauthorized.Load(),
	}
}
