package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/tocsin-lma/tocsin/pkg/daemon"
)

const (
	defaultAddress = "http://127.0.0.1:8340"
	requestTimeout = 15 * time.Second
	maxAnswer      = 256 << 20
)

// client asks the admin server of one daemon.
type client struct {
	base string // without a slash at the end
	http *http.Client
}

// unreachableError says that no daemon answers.
type unreachableError struct {
	address string
	cause   error
}

func (e *unreachableError) Error() string {
	return fmt.Sprintf("no daemon answers at %s: %v; is it running? --address names another one", e.address, e.cause)
}

func (e *unreachableError) Unwrap() error { return e.cause }

// answerError is a daemon's refusal.
type answerError struct {
	status int
	text   string
}

func (e *answerError) Error() string { return e.text }

// newClient takes a URL, a host and port, or the name of a daemon of this host.
func newClient(address string) (*client, error) {
	for _, r := range daemon.Roles() {
		if address == r.Binary() {
			address = r.AdminAddress()
		}
	}
	text := address
	if !strings.Contains(text, "://") {
		text = "http://" + text
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, usageError{fmt.Sprintf("--address is %q; write http://HOST:PORT, HOST:PORT, or the name of a daemon such as logcollector", address)}
	}
	return &client{base: strings.TrimRight(u.String(), "/"), http: &http.Client{Transport: &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
		ResponseHeaderTimeout: requestTimeout,
	}}}, nil
}

// get asks for path and reads its JSON into into.
func (c *client) get(ctx context.Context, path string, query url.Values, into any) error {
	return c.call(ctx, http.MethodGet, path, query, into)
}

// post sends a form.
func (c *client) post(ctx context.Context, path string, form url.Values, into any) error {
	return c.call(ctx, http.MethodPost, path, form, into)
}

func (c *client) call(ctx context.Context, method, path string, values url.Values, into any) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	answer, err := c.open(ctx, method, path, values)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if into == nil {
		return nil
	}
	if err := json.NewDecoder(io.LimitReader(answer.Body, maxAnswer)).Decode(into); err != nil {
		if _, isNet := errors.AsType[net.Error](err); isNet || ctx.Err() != nil || errors.Is(err, io.ErrUnexpectedEOF) {
			return &unreachableError{c.base, err}
		}
		return fmt.Errorf("read %s%s: %w; is this a daemon of Tocsin?", c.base, path, err)
	}
	return nil
}

// open sends a request and returns an answer that is no refusal, whose body the
// caller closes.
func (c *client) open(ctx context.Context, method, path string, values url.Values) (*http.Response, error) {
	target, body := c.base+path, io.Reader(nil)
	if method == http.MethodPost {
		body = strings.NewReader(values.Encode())
	} else if len(values) > 0 {
		target += "?" + values.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, method, target, body)
	if err != nil {
		return nil, fmt.Errorf("make request: %w", err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	req.Header.Set("Accept", "application/json")
	answer, err := c.http.Do(req)
	if err != nil {
		if cause, ok := errors.AsType[*url.Error](err); ok {
			err = cause.Err
		}
		return nil, &unreachableError{c.base, err}
	}
	if answer.StatusCode >= 300 {
		defer answer.Body.Close()
		return nil, c.refusal(answer, path)
	}
	return answer, nil
}

// refusal reads why a daemon did not do what it was asked.
func (c *client) refusal(answer *http.Response, path string) error {
	text, _ := io.ReadAll(io.LimitReader(answer.Body, 1<<20))
	var said struct {
		Error string `json:"error"`
	}
	if json.Unmarshal(text, &said) == nil && said.Error != "" {
		return &answerError{answer.StatusCode, said.Error}
	}
	if answer.StatusCode == http.StatusNotFound || answer.StatusCode == http.StatusMethodNotAllowed {
		return &answerError{http.StatusNotImplemented, fmt.Sprintf("%s has no %s; --address must name a daemon of the right role (health is the aggregator's)", c.base, path)}
	}
	return &answerError{answer.StatusCode, fmt.Sprintf("%s%s answers %s: %s", c.base, path, answer.Status, strings.TrimSpace(string(text)))}
}
