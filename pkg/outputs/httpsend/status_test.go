package httpsend_test

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tocsin-lma/tocsin/pkg/message"
	"github.com/tocsin-lma/tocsin/pkg/outputs/httpsend"
)

func TestCheck(t *testing.T) {
	for status, want := range map[int]string{
		200: "ok", 201: "ok", 204: "ok", 299: "ok",
		301: "keep", 304: "keep", 401: "keep", 403: "keep", 404: "keep", 405: "keep", 407: "keep",
		408: "keep", 425: "keep", 429: "keep", 500: "keep", 501: "keep", 503: "keep", 504: "keep",
		400: "give up", 406: "give up", 410: "give up", 413: "give up", 415: "give up", 422: "give up",
	} {
		err := httpsend.Check(&httpsend.Response{Status: status, Header: http.Header{}, Body: []byte("why\n\x00")})
		got := "ok"
		if err != nil {
			got = "keep"
			require.Equal(t, status, httpsend.Status(err))
			require.ErrorContains(t, err, "why")
		}
		if errors.Is(err, message.ErrPermanent) {
			got = "give up"
		}
		require.Equal(t, want, got, "status %d", status)
	}
}

func TestWhole(t *testing.T) {
	h := http.Header{"Retry-After": {"3"}}
	b := []byte("batch")
	var e *message.SendError
	require.ErrorAs(t, httpsend.Whole(httpsend.Check(&httpsend.Response{Status: 503, Header: h}), b), &e)
	require.Equal(t, 3*time.Second, e.After)
	require.Equal(t, "batch", string(e.Retry))
	for _, err := range []error{
		nil, errors.New("other"), httpsend.Check(&httpsend.Response{Status: 503}),
		httpsend.Check(&httpsend.Response{Status: 400, Header: h}),
	} {
		require.Equal(t, err, httpsend.Whole(err, b))
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2017, 3, 13, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Duration{
		"": 0, "7": 7 * time.Second, "0": 0, "-1": 0, "soon": 0, "99999999999999": 0,
		"Mon, 13 Mar 2017 12:01:00 GMT": time.Minute, "Mon, 13 Mar 2017 11:01:00 GMT": 0,
	} {
		require.Equal(t, want, httpsend.RetryAfter(http.Header{"Retry-After": {text}}, now), text)
	}
}
