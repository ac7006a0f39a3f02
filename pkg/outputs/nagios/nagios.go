// Package nagios sends passive check results to the command CGI of Nagios, or to
// a plain receiver such as StackLight's, which takes the same form.
//
// A batch is a sequence of lines, each the body of a form: cmd_typ, cmd_mod, host,
// service, plugin_state, plugin_output, performance_data.
//
// The CGI answers 200 to everything; only its page says what happened. It wants a
// token in a cookie and in the form, which it hands out with the empty form.
//
// Invariant: with the CGI, a result counts as delivered only when the page says
// that it was submitted.
package nagios

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/tocsin-lma/tocsin/pkg/message"
	"github.com/tocsin-lma/tocsin/pkg/outputs/batch"
	"github.com/tocsin-lma/tocsin/pkg/outputs/httpsend"
)

const (
	formType   = "application/x-www-form-urlencoded"
	cookieName = "NagFormId"
	tokenField = "nagFormId"

	// The sizes of plugin_output, in bytes after decoding: what the CGI of Nagios
	// 4.4 takes (it calls anything longer blank), and what StackLight allowed.
	cgiLimit   = 1022
	plainLimit = 3072
)

// The words of the CGI's pages.
var (
	submitted = []byte("successfully submitted")
	refused   = []byte("CLASS='errorMessage'")
)

// Config is the section of a Nagios output.
type Config struct {
	httpsend.Config `yaml:",inline"`

	// Receiver is cgi, plain, or "" for cgi when the address ends in cmd.cgi.
	Receiver string `yaml:"receiver"`
	// MaxOutput cuts plugin_output; 0: 1,022 bytes for cgi, 3,072 for plain.
	MaxOutput int    `yaml:"max_output"`
	Method    string `yaml:"method"` // accepted for StackLight's models: POST
}

// DefaultConfig returns the defaults.
func DefaultConfig() Config { return Config{} }

// Output sends results one by one. Calls of Send are never concurrent.
type Output struct {
	cfg   Config
	http  *httpsend.Client
	cgi   bool
	token string
}

// New makes an output; it connects when the first batch is sent.
func New(cfg Config) (*Output, error) {
	client, err := httpsend.New(cfg.Config)
	if err != nil {
		return nil, err
	}
	o := &Output{cfg: cfg, http: client}
	switch cfg.Receiver {
	case "":
		o.cgi = strings.HasSuffix(client.URL().Path, "/cmd.cgi")
	case "cgi", "plain":
		o.cgi = cfg.Receiver == "cgi"
	default:
		return nil, fmt.Errorf("read receiver: %q is neither cgi nor plain", cfg.Receiver)
	}
	if cfg.Method != "" && !strings.EqualFold(cfg.Method, http.MethodPost) {
		return nil, fmt.Errorf("read method: %q is not POST, the only one that works", cfg.Method)
	}
	if o.cfg.MaxOutput <= 0 {
		o.cfg.MaxOutput = plainLimit
		if o.cgi {
			o.cfg.MaxOutput = cgiLimit
		}
	}
	return o, nil
}

// Send sends the results of b.
func (o *Output) Send(ctx context.Context, b []byte) error {
	return batch.Each(b, batch.Line, httpsend.Whole, func(item []byte) error {
		form, err := url.ParseQuery(string(bytes.TrimSpace(item)))
		if err != nil {
			return fmt.Errorf("read form: %w: %w", message.ErrPermanent, err)
		}
		if form.Get("host") == "" || form.Get("service") == "" {
			return fmt.Errorf("read form: %w: it names no host or no service", message.ErrPermanent)
		}
		form.Set("plugin_output", Shorten(form.Get("plugin_output"), o.cfg.MaxOutput))
		if !o.cgi {
			return o.http.Send(ctx, httpsend.Request{Type: formType, Body: []byte(form.Encode())})
		}
		return o.submit(ctx, form)
	})
}

// submit posts a form with the token. A token is good for many forms, until the
// CGI forgets it.
func (o *Output) submit(ctx context.Context, form url.Values) error {
	for attempt := 0; ; attempt++ {
		fresh := o.token == ""
		if fresh {
			if err := o.fetchToken(ctx, form); err != nil {
				return err
			}
		}
		form.Set(tokenField, o.token)
		res, err := o.http.Do(ctx, httpsend.Request{
			Type: formType, Body: []byte(form.Encode()),
			Header: http.Header{"Cookie": {cookieName + "=" + o.token}},
		})
		if err != nil {
			return err
		}
		if err = httpsend.Check(res); err != nil {
			return err
		}
		switch {
		case bytes.Contains(res.Body, submitted):
			return nil
		case bytes.Contains(res.Body, refused):
			return fmt.Errorf("%w: Nagios refused the result for host %q, service %q; are both defined there? Its page: %s",
				message.ErrPermanent, form.Get("host"), form.Get("service"), httpsend.Excerpt(reason(res.Body)))
		case fresh || attempt > 0:
			o.token = ""
			return fmt.Errorf("read page of Nagios: it does not say that the result was submitted: %s",
				httpsend.Excerpt(reason(res.Body)))
		}
		o.token = ""
	}
}

// fetchToken asks for the empty form. A CGI that gives no token wants none.
func (o *Output) fetchToken(ctx context.Context, form url.Values) error {
	u := o.http.URL()
	query := url.Values{"cmd_typ": {"30"}, "host": {form.Get("host")}, "service": {form.Get("service")}}
	u.RawQuery = query.Encode()
	res, err := o.http.Do(ctx, httpsend.Request{Method: http.MethodGet, URL: u.String()})
	if err != nil {
		return err
	}
	if err = httpsend.Check(res); err != nil {
		if errors.Is(err, message.ErrPermanent) {
			// Not wrapped: it says nothing about the result to be sent.
			return fmt.Errorf("fetch the token: %v", err)
		}
		return fmt.Errorf("fetch the token: %w", err)
	}
	o.token = "none"
	answer := http.Response{Header: res.Header}
	for _, c := range answer.Cookies() {
		if c.Name == cookieName {
			o.token = c.Value
		}
	}
	return nil
}

// reason finds the part of a page that says why.
func reason(page []byte) []byte {
	for _, mark := range [][]byte{refused, []byte("<p>Error")} {
		if i := bytes.Index(page, mark); i >= 0 {
			page = page[i:]
			break
		}
	}
	text := make([]byte, 0, len(page))
	inside := false
	for _, c := range page {
		switch {
		case c == '<':
			inside = true
		case c == '>':
			inside = false
			text = append(text, ' ')
		case !inside:
			text = append(text, c)
		}
	}
	return text
}

// Shorten cuts a text to limit bytes: at the last `\n` (the two characters, which
// Nagios reads as the end of a line) when that keeps half of it, else between
// characters.
func Shorten(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	end := limit
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	text = text[:end]
	if i := strings.LastIndex(text, `\n`); i >= limit/2 {
		return text[:i]
	}
	return strings.TrimSuffix(text, `\`)
}

// Close closes the idle connections.
func (o *Output) Close() error { return o.http.Close() }
