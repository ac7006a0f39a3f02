package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/pkg/health"
	"github.com/tocsin-lma/tocsin/pkg/store"
)

// history is an aggregator that makes one event for each look at it.
type history struct {
	mu    sync.Mutex
	n     int
	limit int
	cut   bool // streams end after the first line
}

func (h *history) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/api/v1/stream" {
		for i := 0; r.Context().Err() == nil && (i == 0 || !h.cut); i++ {
			fmt.Fprintf(w, "event: tick\ndata: %d\n\n", i)
			_ = http.NewResponseController(w).Flush()
			select {
			case <-r.Context().Done():
			case <-time.After(time.Millisecond):
			}
		}
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.n < h.limit {
		h.n++
	}
	after, _ := strconv.Atoi(r.URL.Query().Get("after"))
	count, _ := strconv.Atoi(r.URL.Query().Get("limit"))
	out := []store.Event{}
	if r.URL.Query().Get("order") == "oldest" {
		for i := after + 1; i <= h.n; i++ {
			out = append(out, store.Event{ID: uint64(i), Kind: store.Cluster, Name: fmt.Sprint("c", i), Status: health.Down})
		}
	} else {
		for i := h.n; i > max(0, h.n-count); i-- {
			out = append(out, store.Event{ID: uint64(i), Kind: store.Cluster, Name: fmt.Sprint("c", i), Status: health.Down})
		}
	}
	_ = json.NewEncoder(w).Encode(out)
}

// enough cancels when it has seen so many lines.
type enough struct {
	bytes.Buffer
	lines  int
	cancel func()
}

func (e *enough) Write(b []byte) (int, error) {
	n, err := e.Buffer.Write(b)
	if bytes.Count(e.Bytes(), []byte("\n")) >= e.lines {
		e.cancel()
	}
	return n, err
}

func TestFollowMissesNothingAndDoublesNothing(t *testing.T) {
	for _, cut := range []bool{false, true} {
		t.Run(fmt.Sprint("cut ", cut), func(t *testing.T) {
			total := 20
			if cut {
				total = 4 // each new connection costs reconnectDelay
			}
			server := httptest.NewServer(&history{limit: total, cut: cut})
			defer server.Close()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			out := &enough{lines: total, cancel: cancel}
			var errs bytes.Buffer
			code := runEvents(ctx, streams{strings.NewReader(""), out, &errs}, []string{"--follow", "--output", "json", "--address", server.URL})
			require.Equal(t, exitOK, code, errs.String())
			dec := json.NewDecoder(&out.Buffer)
			for want := 1; want <= total; want++ {
				var e store.Event
				require.NoError(t, dec.Decode(&e))
				require.Equal(t, uint64(want), e.ID)
			}
			require.Equal(t, cut, strings.Contains(errs.String(), "trying again"))
		})
	}
}
