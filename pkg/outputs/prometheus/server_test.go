package prometheus_test

import (
	"io"
	"net/http"
	"net/http/httptest"
)

func newServer(f func(w http.ResponseWriter, body []byte)) *httptest.Server {
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err == nil {
			f(w, body)
		}
	}))
}
