package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/tocsin-lma/tocsin/pkg/selfmon"
	"github.com/tocsin-lma/tocsin/pkg/silence"
)

// startAdmin serves the pages and the API of the daemon. The address is that of
// the command line, else the model's, else the role's.
func (d *Daemon) startAdmin(g *generation) (stop func(), err error) {
	address := d.opt.Admin
	if address == "" {
		address = g.parts.global.Admin.Address
	}
	if address == "" {
		address = d.opt.Role.AdminAddress()
	}
	if address == "none" {
		return func() {}, nil
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("%w: the admin server cannot listen on %s: %w; choose another address with --admin or global.admin.address", ErrConfig, address, err)
	}
	server := &http.Server{Handler: d.adminHandler(g), ReadHeaderTimeout: 10 * time.Second}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			d.log.Error("the admin server ended", "error", err)
		}
	}()
	d.log.Info("admin server listens", "url", "http://"+listener.Addr().String()+"/")
	return func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if server.Shutdown(ctx) != nil {
			_ = server.Close() // a page that streams does not end by itself
		}
		<-done
	}, nil
}

func (d *Daemon) adminHandler(g *generation) http.Handler {
	mux := http.NewServeMux()
	watch := selfmon.Handler(selfmon.HandlerOptions{Registry: d.reg, Ledger: d.ledger, Checks: d.checks, Pprof: g.parts.global.Admin.Pprof})
	for _, path := range []string{"/metrics", "/healthz", "/readyz", "/api/v1/ledger", "/debug/pprof/"} {
		mux.Handle(path, watch)
	}
	mux.HandleFunc("GET /api/v1/daemon", d.serveDaemon)
	mux.HandleFunc("GET /api/v1/config", d.serveConfig)
	mux.HandleFunc("GET /api/v1/report", d.serveReport)
	mux.HandleFunc("GET /api/v1/plugins", d.servePlugins)
	mux.HandleFunc("POST /api/v1/plugins/reload", d.servePluginReload)
	mux.HandleFunc("GET /api/v1/tap", d.serveTap)
	mux.HandleFunc("POST /api/v1/reload", d.serveReload)
	if d.silences != nil {
		mux.Handle(silence.Path, d.silences.Handler())
		mux.Handle(silence.Path+"/", d.silences.Handler())
	}
	mux.Handle("/", d.pages())
	return sameSite(mux)
}

// sameSite refuses what a page of somebody else asks a browser to change here.
func sameSite(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		site := r.Header.Get("Sec-Fetch-Site")
		if r.Method != http.MethodGet && r.Method != http.MethodHead && site != "" && site != "same-origin" && site != "none" {
			writeError(w, http.StatusForbidden, errors.New("changes are not for other sites"))
			return
		}
		next.ServeHTTP(w, r)
	})
}

var errStarting = errors.New("the daemon is starting")

// daemonInfo is what a daemon says about itself.
type daemonInfo struct {
	Role    Role      `json:"role"`
	Host    string    `json:"host"`
	Version string    `json:"version"`
	Started time.Time `json:"started"`
	DataDir string    `json:"data_dir"`
	Hash    string    `json:"config_hash"`  // of the model that runs
	Since   time.Time `json:"config_since"` // when it took over
	Alarms  int       `json:"alarms"`
	Notices []string  `json:"notices"`
	Inputs  []string  `json:"inputs"`
	Filters []string  `json:"filters"`
	Outputs []string  `json:"outputs"`
}

func (d *Daemon) serveDaemon(w http.ResponseWriter, _ *http.Request) {
	g := d.generation()
	if g == nil {
		writeError(w, http.StatusServiceUnavailable, errStarting)
		return
	}
	info := daemonInfo{
		Role: d.opt.Role, Host: g.parts.global.Hostname, Version: d.opt.Version, Started: d.started,
		DataDir: d.opt.DataDir, Hash: g.hash, Since: g.since, Alarms: g.parts.alarms,
	}
	for _, n := range g.notices {
		info.Notices = append(info.Notices, n.String())
	}
	for _, x := range g.parts.spec.Inputs {
		info.Inputs = append(info.Inputs, x.Name)
	}
	for _, x := range g.parts.spec.Filters {
		info.Filters = append(info.Filters, x.Name)
	}
	for _, x := range g.parts.spec.Outputs {
		info.Outputs = append(info.Outputs, x.Name)
	}
	writeJSON(w, info)
}

// serveConfig shows the running model without its secrets.
func (d *Daemon) serveConfig(w http.ResponseWriter, _ *http.Request) {
	if g := d.generation(); g != nil {
		writeJSON(w, g.model.Redacted())
		return
	}
	writeError(w, http.StatusServiceUnavailable, errStarting)
}

func (d *Daemon) serveReload(w http.ResponseWriter, r *http.Request) {
	hash, err := d.Reload(r.Context())
	if err != nil {
		writeError(w, http.StatusUnprocessableEntity, err)
		return
	}
	writeJSON(w, map[string]string{"status": "reloading", "config_hash": hash})
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	_ = enc.Encode(v) // the client went away; there is nobody to tell
}

func writeError(w http.ResponseWriter, code int, err error) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(map[string]string{"error": err.Error()})
}
