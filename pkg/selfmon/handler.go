package selfmon

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/pprof"
)

// HandlerOptions are what the handler shows; a nil member has no page.
type HandlerOptions struct {
	Registry *Registry
	Ledger   *Ledger
	Checks   *Checks
	Pprof    bool // profiles at /debug/pprof/, for an operator's own address only
}

// Handler serves /metrics, /healthz, /readyz and /api/v1/ledger, to GET and HEAD.
func Handler(opts HandlerOptions) http.Handler {
	mux := http.NewServeMux()
	if opts.Registry != nil {
		mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
			var page bytes.Buffer
			opts.Registry.WritePrometheus(&page)
			w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
			_, _ = page.WriteTo(w)
		})
	}
	if opts.Ledger != nil {
		mux.HandleFunc("GET /api/v1/ledger", func(w http.ResponseWriter, _ *http.Request) {
			writeJSON(w, http.StatusOK, opts.Ledger.Snapshot())
		})
	}
	if opts.Checks != nil {
		mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, r *http.Request) {
			writeHealth(w, opts.Checks.CheckLive(r.Context()))
		})
		mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
			writeHealth(w, opts.Checks.CheckReady(r.Context()))
		})
	}
	if opts.Pprof {
		mux.HandleFunc("GET /debug/pprof/", pprof.Index)
		mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
		mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
		mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
		mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	}
	return mux
}

// health is the answer of /healthz and /readyz.
type health struct {
	Status string            `json:"status"` // ok or failed
	Failed map[string]string `json:"failed,omitempty"`
}

func writeHealth(w http.ResponseWriter, failed map[string]error) {
	if len(failed) == 0 {
		writeJSON(w, http.StatusOK, health{Status: "ok"})
		return
	}
	h := health{Status: "failed", Failed: map[string]string{}}
	for name, err := range failed {
		h.Failed[name] = err.Error()
	}
	writeJSON(w, http.StatusServiceUnavailable, h)
}

func writeJSON(w http.ResponseWriter, code int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(v)
}
