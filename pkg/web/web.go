// Package web shows the health of clusters to people, and to tools as JSON.
//
// Invariant: pages are complete without scripts and without anything from
// another host; the script only keeps them fresh. Nothing a page shows changes
// by a GET.
//
// Goroutines: none but those of net/http; a stream of events ends with its
// request.
package web

import (
	"embed"
	"html/template"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/tocsin-lma/tocsin/pkg/gse"
	"github.com/tocsin-lma/tocsin/pkg/silence"
	"github.com/tocsin-lma/tocsin/pkg/store"
)

//go:embed assets templates
var files embed.FS

// History is what happened.
type History interface {
	Events(q store.Query) ([]store.Event, error)
	Watch() (events <-chan store.Event, stop func())
	EvidenceAt(cluster string, at time.Time) (*gse.Evidence, error) // nil: none is kept
}

// Evaluator answers for statuses.
type Evaluator interface {
	Explain(cluster string, now time.Time) (gse.Evidence, bool)
	Interval(cluster string) (time.Duration, bool) // between two verdicts; false: there is no such cluster
	Forget(host, member string) int
}

// Fault is something a demonstration can break on demand.
type Fault struct {
	Name   string // in the URL
	Title  string // on the button
	Active func() bool
	Toggle func()
}

// Options are what the pages show.
type Options struct {
	State     *store.State
	History   History
	Evaluator Evaluator
	Silences  func() []silence.Silence // that hold now; nil: there are none
	Faults    []Fault                  // buttons of the demonstration; nil: none
	Version   string
	Title     string // beside the name, such as the environment's
	Logger    *slog.Logger
	Now       func() time.Time // nil: time.Now
}

type server struct {
	Options
	pages map[string]*template.Template
}

// Handler serves the pages and /api/v1.
func Handler(opt Options) (http.Handler, error) {
	if opt.Now == nil {
		opt.Now = time.Now
	}
	s := &server{Options: opt, pages: map[string]*template.Template{}}
	if err := s.parse(); err != nil {
		return nil, err
	}
	assets, err := fs.Sub(files, "assets")
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("GET /assets/", http.StripPrefix("/assets/", cached(http.FileServerFS(assets))))
	mux.HandleFunc("GET /{$}", s.overview)
	mux.HandleFunc("GET /clusters/{name}", s.cluster)
	mux.HandleFunc("GET /nodes", s.nodes)
	mux.HandleFunc("GET /nodes/{host}", s.node)
	mux.HandleFunc("GET /events", s.events)
	mux.HandleFunc("GET /silences", s.silencesPage)
	mux.HandleFunc("GET /api/v1/clusters", s.apiClusters)
	mux.HandleFunc("GET /api/v1/clusters/{name}", s.apiCluster)
	mux.HandleFunc("GET /api/v1/nodes", s.apiNodes)
	mux.HandleFunc("GET /api/v1/members", s.apiMembers)
	mux.HandleFunc("GET /api/v1/events", s.apiEvents)
	mux.HandleFunc("GET /api/v1/explain/{name}", s.apiExplain)
	mux.HandleFunc("GET /api/v1/stream", s.apiStream)
	mux.HandleFunc("POST /api/v1/forget", s.apiForget)
	mux.HandleFunc("POST /api/v1/faults/{name}", s.apiFault)
	return protect(mux), nil
}

// protect sets the headers that keep a page from doing more than it says, and
// refuses changes that another site asks for.
func protect(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'self'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			if foreign(r) {
				http.Error(w, "changes are not for other sites", http.StatusForbidden)
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// foreign reports whether a browser says that a request comes from another
// site's page. Tools send neither header.
func foreign(r *http.Request) bool {
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" {
		return site != "same-origin" && site != "none"
	}
	origin := r.Header.Get("Origin")
	if origin == "" {
		return false
	}
	u, err := url.Parse(origin)
	return err != nil || u.Host != r.Host
}

func cached(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-cache") // embedded files change with the binary
		next.ServeHTTP(w, r)
	})
}
