package httpsend_test

import (
	"bytes"
	"crypto/tls"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/pkg/outputs/httpsend"
)

func parts() (list [][]byte, whole []byte) {
	for i, size := range []int{0, 1, 300 << 10, 0, 70_000, 3, 1 << 20, 0} {
		part := bytes.Repeat([]byte{byte('a' + i), '-'}, size)[:size]
		list, whole = append(list, part), append(whole, part...)
	}
	return list, whole
}

// TestBodies sends bodies in parts and whole ones over plain, encrypted and
// HTTP/2 connections: all of it arrives, in order, with its length.
func TestBodies(t *testing.T) {
	list, whole := parts()
	for name, start := range map[string]func(*httptest.Server){
		"plain": (*httptest.Server).Start,
		"tls":   (*httptest.Server).StartTLS,
		"http2": func(s *httptest.Server) { s.EnableHTTP2 = true; s.StartTLS() },
	} {
		t.Run(name, func(t *testing.T) {
			var got []byte
			var length int64
			srv := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				length = r.ContentLength
				got, _ = io.ReadAll(r.Body)
			}))
			start(srv)
			defer srv.Close()
			transport, err := httpsend.NewTransport(httpsend.Config{Proxy: "none"})
			require.NoError(t, err)
			transport.TLSClientConfig = &tls.Config{InsecureSkipVerify: true}
			defer transport.CloseIdleConnections()
			client := &http.Client{Transport: transport}

			for range 3 { // the later ones on a connection in use
				body := httpsend.NewBody(list)
				require.EqualValues(t, len(whole), body.Len())
				require.True(t, bytes.Equal(whole, body.Join()))
				req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, srv.URL, body)
				require.NoError(t, err)
				body.Describe(req)
				send(t, client, req)
				require.True(t, bytes.Equal(whole, got), "%d of %d bytes", len(got), len(whole))
				require.EqualValues(t, len(whole), length)

				req, err = http.NewRequestWithContext(t.Context(), http.MethodPost, srv.URL, bytes.NewReader(whole[:200_000]))
				require.NoError(t, err)
				send(t, client, req)
				require.True(t, bytes.Equal(whole[:200_000], got))

				req, err = http.NewRequestWithContext(t.Context(), http.MethodPost, srv.URL, io.MultiReader(bytes.NewReader(whole)))
				require.NoError(t, err)
				send(t, client, req)
				require.True(t, bytes.Equal(whole, got), "of unknown length")
			}
		})
	}
}

func send(t *testing.T, client *http.Client, req *http.Request) {
	t.Helper()
	res, err := client.Do(req)
	require.NoError(t, err)
	_, err = io.Copy(io.Discard, res.Body)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.Equal(t, http.StatusOK, res.StatusCode)
}

// TestBodyIsReadAgain asks for the body of a request of which some was read, as
// net/http does when an idle connection turns out to be closed.
func TestBodyIsReadAgain(t *testing.T) {
	list, whole := parts()
	body := httpsend.NewBody(list)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://x/", body)
	require.NoError(t, err)
	body.Describe(req)
	_, err = io.CopyN(io.Discard, body, 100_000)
	require.NoError(t, err)
	again, err := req.GetBody()
	require.NoError(t, err)
	got, err := io.ReadAll(again)
	require.NoError(t, err)
	require.True(t, bytes.Equal(whole, got))
	rest, err := io.ReadAll(body)
	require.NoError(t, err)
	require.True(t, bytes.Equal(whole[100_000:], rest))
}
