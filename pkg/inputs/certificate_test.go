package inputs_test

import (
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/pkg/inputs"
)

func TestFirstExpiry(t *testing.T) {
	server := httptest.NewTLSServer(http.NotFoundHandler())
	defer server.Close()
	c := server.Certificate()
	block := func(kind string) []byte { return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: c.Raw}) }
	at, err := inputs.FirstExpiry(append([]byte("text\n"), block("CERTIFICATE")...))
	require.NoError(t, err)
	require.Equal(t, c.NotAfter, at)
	for _, text := range [][]byte{nil, []byte("text"), block("PRIVATE KEY")} {
		_, err = inputs.FirstExpiry(text)
		require.ErrorIs(t, err, inputs.ErrNoCertificate)
	}
	_, err = inputs.FirstExpiry(append(block("CERTIFICATE"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("x")})...))
	require.ErrorContains(t, err, "read certificate 2")
	require.Equal(t, 1.5, inputs.DaysLeft(at, at.Add(-36*time.Hour)))
}

func FuzzFirstExpiry(f *testing.F) {
	f.Add([]byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"))
	f.Add([]byte("-----BEGIN TRUSTED CERTIFICATE-----\n-----END TRUSTED CERTIFICATE-----\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		at, err := inputs.FirstExpiry(text)
		require.Equal(t, err == nil, !at.IsZero())
	})
}
