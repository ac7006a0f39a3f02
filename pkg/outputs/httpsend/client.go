// Package httpsend is the part of HTTP that the outputs share: one client with
// its authentication, TLS and limits, and one reading of status codes.
//
// Invariant: an answer is read to its end before it counts, so that a connection
// cut within it is a failure; a batch is not read any more when its request is over,
// though the answer came before all of it was sent; redirections are not followed, because a POST that
// becomes a GET would look like success.
package httpsend

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/klauspost/compress/gzip"
)

const (
	dialTimeout = 10 * time.Second
	idleTimeout = 90 * time.Second
	maxAnswer   = 1 << 20 // bytes of an answer that are kept
	maxDrain    = 64 << 20
	userAgent   = "tocsin"
)

// Client sends requests to one far side. It is safe for concurrent use.
type Client struct {
	http    *http.Client
	url     *url.URL
	header  http.Header
	user    *url.Userinfo
	timeout time.Duration
	gzip    bool
	writers sync.Pool
}

// Request is one request. Body is only read, and not any more when Do has returned.
type Request struct {
	Method string // "": POST
	URL    string // "": the configured address
	Type   string // content type
	Header http.Header
	Body   []byte
}

// Response is an answer that was read to its end. Body holds at most 1 MiB.
type Response struct {
	Status int
	Header http.Header
	Body   []byte
}

// New makes a client; nothing is connected yet.
func New(cfg Config) (*Client, error) {
	u, err := ParseURL("address", cfg.Address)
	if err != nil {
		return nil, err
	}
	transport, err := NewTransport(cfg)
	if err != nil {
		return nil, err
	}
	c := &Client{url: u, user: u.User, gzip: cfg.Gzip, timeout: cfg.timeout(), header: http.Header{}}
	u.User = nil
	if cfg.Username != "" {
		c.user = url.UserPassword(cfg.Username, cfg.Password)
	}
	if cfg.Token != "" {
		c.user = nil
		c.header.Set("Authorization", "Bearer "+cfg.Token)
	}
	c.header.Set("User-Agent", userAgent)
	for name, values := range cfg.Headers {
		c.header[http.CanonicalHeaderKey(name)] = values
	}
	c.http = &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return c, nil
}

// NewTransport makes the transport of a client from the same settings.
func NewTransport(cfg Config) (*http.Transport, error) {
	dialer := &net.Dialer{Timeout: dialTimeout, KeepAlive: 30 * time.Second}
	t := &http.Transport{
		Proxy: http.ProxyFromEnvironment,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			c, err := dialer.DialContext(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return conn{c}, nil
		},
		TLSHandshakeTimeout:   dialTimeout,
		MaxIdleConnsPerHost:   4,
		IdleConnTimeout:       idleTimeout,
		ExpectContinueTimeout: time.Second,
		ForceAttemptHTTP2:     true,
		WriteBufferSize:       64 << 10,
	}
	if cfg.TLS != nil {
		settings, err := cfg.TLS.Client()
		if err != nil {
			return nil, fmt.Errorf("read tls: %w", err)
		}
		t.TLSClientConfig = settings
	}
	switch cfg.Proxy {
	case "":
	case "none":
		t.Proxy = nil
	default:
		proxy, err := ParseURL("proxy", cfg.Proxy)
		if err != nil {
			return nil, err
		}
		t.Proxy = http.ProxyURL(proxy)
	}
	return t, nil
}

func (cfg Config) timeout() time.Duration {
	if cfg.Timeout > 0 {
		return time.Duration(cfg.Timeout)
	}
	return time.Duration(cfg.HTTPTimeout)
}

// URL returns a copy of the configured address, without user and password.
func (c *Client) URL() *url.URL {
	u := *c.url
	return &u
}

// Close closes the idle connections.
func (c *Client) Close() error {
	c.http.CloseIdleConnections()
	return nil
}

// Do sends r and reads the answer. An error means that there was no whole
// answer; any status is an answer.
func (c *Client) Do(ctx context.Context, r Request) (*Response, error) {
	if c.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.timeout)
		defer cancel()
	}
	req, done, err := c.request(ctx, r)
	defer done() // after the answer was closed
	if err != nil {
		return nil, err
	}
	res, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("send request: %w", err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err == nil {
		_, err = io.CopyN(io.Discard, res.Body, maxDrain)
	}
	if err != nil && err != io.EOF {
		return nil, fmt.Errorf("read answer (status %d): %w", res.StatusCode, err)
	}
	return &Response{Status: res.StatusCode, Header: res.Header, Body: body}, nil
}

// Send is Do and Check: nil for a 2xx answer.
func (c *Client) Send(ctx context.Context, r Request) error {
	res, err := c.Do(ctx, r)
	if err != nil {
		return err
	}
	return Check(res)
}

// request builds the HTTP request; done is to be called when it is over.
func (c *Client) request(ctx context.Context, r Request) (req *http.Request, done func(), err error) {
	method, address, content := r.Method, r.URL, r.Body
	if method == "" {
		method = http.MethodPost
	}
	if address == "" {
		address = c.url.String()
	}
	zipped := c.gzip && len(content) > 0
	if zipped {
		content = c.compress(content)
	}
	body := NewBody([][]byte{content})
	req, err = NewRequest(ctx, method, address, body)
	if err != nil {
		return nil, body.End, fmt.Errorf("make request: %w", err)
	}
	for name, values := range c.header {
		req.Header[name] = values
	}
	if r.Type != "" && len(c.header["Content-Type"]) == 0 {
		req.Header.Set("Content-Type", r.Type)
	}
	for name, values := range r.Header {
		req.Header[name] = values
	}
	if zipped {
		req.Header.Set("Content-Encoding", "gzip")
	}
	if c.user != nil && req.Header.Get("Authorization") == "" {
		password, _ := c.user.Password()
		req.SetBasicAuth(c.user.Username(), password)
	}
	return req, body.End, nil
}

func (c *Client) compress(body []byte) []byte {
	buf := bytes.NewBuffer(make([]byte, 0, len(body)/4+64))
	w, ok := c.writers.Get().(*gzip.Writer)
	if ok {
		w.Reset(buf)
	} else {
		w, _ = gzip.NewWriterLevel(buf, gzip.BestSpeed) // the level is valid
	}
	_, _ = w.Write(body) // a bytes.Buffer does not fail
	_ = w.Close()
	c.writers.Put(w)
	return buf.Bytes()
}
