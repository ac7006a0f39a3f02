package daemon

import (
	"fmt"
	"net/http"

	"github.com/tocsin-lma/tocsin/pkg/web"
)

// pages serves the health pages of an aggregator; a collector has an index of
// its endpoints only.
func (d *Daemon) pages() http.Handler {
	if d.health == nil {
		return http.HandlerFunc(d.index)
	}
	pages, err := web.Handler(web.Options{
		State: d.health.state, History: d.health, Evaluator: d.health, Silences: d.silences.List, Faults: d.opt.Faults, Version: d.opt.Version, Title: d.opt.Title, Logger: d.log,
	})
	if err != nil {
		panic(fmt.Sprintf("the embedded pages do not parse: %v", err)) // they are part of the program
	}
	return pages
}

func (d *Daemon) index(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/" {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = fmt.Fprintf(w, "tocsin %s %s\n\n/healthz\n/readyz\n/metrics\n/api/v1/daemon\n/api/v1/config\n/api/v1/ledger\n/api/v1/plugins\n/api/v1/tap?matcher=TRUE\n", d.opt.Role.Binary(), d.opt.Version)
	if g := d.generation(); g != nil {
		_, _ = fmt.Fprint(w, "\nLua plugins\n\n")
		for _, p := range d.plugins(g) {
			_, _ = fmt.Fprintf(w, "%-8s %-24s %-8s %s %s %s\n", p.Kind, p.Name, p.State, p.Version, p.Script, p.LastError)
		}
	}
}
