package httpsend_test

import (
	"bytes"
	"context"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/pkg/outputs/httpsend"
	"github.com/tocsin-lma/tocsin/pkg/outputs/outputtest"
	"github.com/tocsin-lma/tocsin/pkg/tlsconfig"
)

// plain sends a batch as it is.
type plain struct{ *httpsend.Client }

func (p plain) Send(ctx context.Context, b []byte) error {
	return p.Client.Send(ctx, httpsend.Request{Body: b})
}

func TestEarlyAnswers(t *testing.T) {
	open := func(t *testing.T, url string, tls *tlsconfig.Config) (outputtest.Output, *http.Transport) {
		client, err := httpsend.New(httpsend.Config{Address: url, Proxy: "none", TLS: tls})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, client.Close()) })
		return plain{client}, client.Transport()
	}
	outputtest.EarlyAnswers(t, open, func(size int) []byte { return bytes.Repeat([]byte{'a'}, size) })
}
