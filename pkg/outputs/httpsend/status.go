package httpsend

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tocsin-lma/tocsin/pkg/message"
)

const maxExcerpt = 300 // bytes of an answer quoted in an error

// StatusError is the error of an answer that is no success.
type StatusError struct {
	Status int
	Body   string        // its beginning
	Hint   string        // what to do, if that is known
	After  time.Duration // how long the far side asks to wait; 0: it did not say
}

// Error names the status, the far side's words and the way out.
func (e *StatusError) Error() string {
	text := "far side answered " + strconv.Itoa(e.Status) + " " + http.StatusText(e.Status)
	if e.Body != "" {
		text += ": " + e.Body
	}
	if e.Hint != "" {
		text += " (" + e.Hint + ")"
	}
	return text
}

// Check returns nil for a 2xx answer. An answer that condemns the body for good
// (400, 413, 422 and the like) gives an error that wraps message.ErrPermanent.
// One that a change of settings cures (401, 403, 404, 405, a redirection) and one
// that time cures (408, 429, 5xx) do not: the batch is kept. See Whole for Retry-After.
func Check(res *Response) error {
	if res.Status >= 200 && res.Status < 300 {
		return nil
	}
	e := &StatusError{Status: res.Status, Body: Excerpt(res.Body), Hint: hint(res), After: RetryAfter(res.Header, time.Now())}
	if Permanent(res.Status) {
		return fmt.Errorf("%w: %w", message.ErrPermanent, e)
	}
	return e
}

// Whole makes the error of Send out of one of Check that concerns all of b: when
// the far side said how long to wait, the whole batch is to be sent again after
// that time. b is kept, not copied.
func Whole(err error, b []byte) error {
	var e *StatusError
	if errors.As(err, &e) && e.After > 0 && !errors.Is(err, message.ErrPermanent) {
		return &message.SendError{Retry: b, After: e.After, Err: err}
	}
	return err
}

// Permanent reports whether a status condemns the body of the request: the same
// bytes will never be accepted.
func Permanent(status int) bool {
	switch status {
	case http.StatusUnauthorized, http.StatusPaymentRequired, http.StatusForbidden, http.StatusNotFound,
		http.StatusMethodNotAllowed, http.StatusProxyAuthRequired, http.StatusRequestTimeout,
		http.StatusMisdirectedRequest, http.StatusLocked, http.StatusTooEarly, http.StatusTooManyRequests:
		return false
	}
	return status >= 400 && status < 500
}

func hint(res *Response) string {
	switch {
	case res.Status == http.StatusUnauthorized || res.Status == http.StatusForbidden:
		return "check username, password or token"
	case res.Status == http.StatusNotFound || res.Status == http.StatusMethodNotAllowed:
		return "check the path in address"
	case res.Status >= 300 && res.Status < 400:
		return "redirections are not followed; set address to " + strconv.Quote(res.Header.Get("Location"))
	}
	return ""
}

// Excerpt returns the beginning of an answer as one line of text.
func Excerpt(body []byte) string {
	if len(body) > maxExcerpt {
		body = body[:maxExcerpt]
	}
	text := strings.ToValidUTF8(string(body), "")
	return strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r < ' ' || r == utf8.RuneError }), " ")
}

// RetryAfter reads the Retry-After header: seconds, or a date. 0: absent or past.
func RetryAfter(h http.Header, now time.Time) time.Duration {
	text := h.Get("Retry-After")
	if text == "" {
		return 0
	}
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if date, err := http.ParseTime(text); err == nil {
		return max(date.Sub(now), 0)
	}
	return 0
}

// Status returns the status an error of Check is about; 0 when there was none.
func Status(err error) int {
	var e *StatusError
	if errors.As(err, &e) {
		return e.Status
	}
	return 0
}
