package webhook_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"
	"github.com/tocsin-lma/tocsin/pkg/message"
	"github.com/tocsin-lma/tocsin/pkg/outputs/outputtest"
	"github.com/tocsin-lma/tocsin/pkg/outputs/webhook"
	"github.com/tocsin-lma/tocsin/pkg/tlsconfig"
)

func events(n int) []byte {
	var b []byte
	for i := range n {
		b = fmt.Appendf(b, `{"name":"service_%d","host":"node-1","status":3,"text":"too hot"}`+"\n", i)
	}
	return b
}

func open(t *testing.T, address string, change func(*webhook.Config)) *webhook.Output {
	t.Helper()
	cfg := webhook.DefaultConfig()
	cfg.Address, cfg.Proxy = address, "none"
	change(&cfg)
	out, err := webhook.New(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { _ = out.Close() })
	return out
}

func TestSigned(t *testing.T) {
	outputtest.HTTP{
		New: func(t *testing.T, url string, tls *tlsconfig.Config) outputtest.Output {
			return open(t, url, func(c *webhook.Config) { c.TLS, c.Secret = tls, "secret" })
		},
		Batch: events,
		Accept: func(w http.ResponseWriter, r *http.Request, body []byte) []string {
			mac := hmac.New(sha256.New, []byte("secret"))
			mac.Write(body)
			if r.Header.Get(webhook.SignatureHeader) != "sha256="+hex.EncodeToString(mac.Sum(nil)) {
				w.WriteHeader(http.StatusBadRequest)
				return nil
			}
			return []string{strings.TrimPrefix(gjson.GetBytes(body, "name").String(), "service_")}
		},
	}.Run(t)
}

func TestText(t *testing.T) {
	outputtest.HTTP{
		New: func(t *testing.T, url string, tls *tlsconfig.Config) outputtest.Output {
			return open(t, url, func(c *webhook.Config) { c.TLS, c.Format = tls, "text" })
		},
		Batch: events,
		Accept: func(_ http.ResponseWriter, _ *http.Request, body []byte) []string {
			text := gjson.GetBytes(body, "text").String()
			id, found := strings.CutSuffix(text, " CRITICAL on node-1\ntoo hot")
			if !found {
				return nil
			}
			return []string{strings.TrimPrefix(id, "service_")}
		},
	}.Run(t)
}

func TestBadEvents(t *testing.T) {
	for _, format := range []string{"event", "text"} {
		out := open(t, "http://127.0.0.1:1", func(c *webhook.Config) { c.Format = format })
		var partial *message.SendError
		require.ErrorAs(t, out.Send(t.Context(), []byte("not json\n")), &partial)
		require.Len(t, partial.Rejected, 1)
		require.Empty(t, partial.Retry)
	}
	_, err := webhook.New(webhook.Config{Format: "smoke"})
	require.Error(t, err)
}
