package prometheus

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/tocsin-lma/tocsin/pkg/outputs/batch"
)

// ScrapeConfig is the section of a scrape output.
type ScrapeConfig struct {
	Address   string        `yaml:"address"`    // to listen at
	Precision string        `yaml:"precision"`  // of the times in the lines: ns, us, ms or s
	Expiry    time.Duration `yaml:"expiry"`     // how long a series without news stays on the page
	MaxSeries int           `yaml:"max_series"` // more are rejected
}

// DefaultScrapeConfig returns the defaults: a page on this host only.
func DefaultScrapeConfig() ScrapeConfig {
	return ScrapeConfig{Address: "127.0.0.1:9273", Precision: "ms", Expiry: 5 * time.Minute, MaxSeries: 100_000}
}

// Scrape keeps the latest sample of every series. One goroutine serves the page,
// until Close.
type Scrape struct {
	cfg    ScrapeConfig
	now    func() time.Time
	server *http.Server
	served chan error
	addr   net.Addr

	mu     sync.Mutex
	series map[string]*latest // by the text of its name and labels
}

type latest struct {
	name  string
	value float64
	ms    int64
	seen  time.Time
}

// OpenScrape makes an output and serves its page. now is the clock; nil: time.Now.
func OpenScrape(cfg ScrapeConfig, now func() time.Time) (*Scrape, error) {
	if err := checkPrecision(cfg.Precision); err != nil {
		return nil, err
	}
	if now == nil {
		now = time.Now
	}
	listener, err := net.Listen("tcp", cfg.Address)
	if err != nil {
		return nil, fmt.Errorf("listen for scrapes (change address): %w", err)
	}
	s := &Scrape{cfg: cfg, now: now, addr: listener.Addr(), series: map[string]*latest{}, served: make(chan error, 1)}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", s)
	s.server = &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, WriteTimeout: time.Minute}
	go func() { s.served <- s.server.Serve(listener) }()
	return s, nil
}

// Addr returns where the page is served.
func (s *Scrape) Addr() net.Addr { return s.addr }

// Send takes the samples of b. An older sample than the one there is let go.
func (s *Scrape) Send(ctx context.Context, b []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return batch.Each(b, batch.Line, nil, func(line []byte) error {
		all, err := parse(line, s.cfg.Precision)
		if err != nil {
			return err
		}
		for _, one := range all {
			if err := s.keep(one); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *Scrape) keep(one sample) error {
	name, key := text(one.labels)
	s.mu.Lock()
	defer s.mu.Unlock()
	there := s.series[key]
	switch {
	case there == nil && s.cfg.MaxSeries > 0 && len(s.series) >= s.cfg.MaxSeries:
		if s.expire(); len(s.series) >= s.cfg.MaxSeries {
			return errTooMany
		}
		fallthrough
	case there == nil:
		there = &latest{name: name}
		s.series[key] = there
	case one.ms < there.ms:
		return nil
	}
	there.value, there.ms, there.seen = one.value, one.ms, s.now()
	return nil
}

// expire lets go of series without news. The lock is held.
func (s *Scrape) expire() {
	if s.cfg.Expiry <= 0 {
		return
	}
	oldest := s.now().Add(-s.cfg.Expiry)
	for key, l := range s.series {
		if l.seen.Before(oldest) {
			delete(s.series, key)
		}
	}
}

// text writes a series as the exposition format has it.
func text(labels []label) (name, key string) {
	var b strings.Builder
	for _, l := range labels {
		if l.name == nameLabel {
			name = l.value
			continue
		}
		if b.Len() > 0 {
			b.WriteByte(',')
		}
		b.WriteString(l.name + `="`)
		b.WriteString(strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(l.value))
		b.WriteByte('"')
	}
	if b.Len() == 0 {
		return name, name
	}
	return name, name + "{" + b.String() + "}"
}

// ServeHTTP writes the page.
func (s *Scrape) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	s.expire()
	lines := make([]string, 0, len(s.series))
	names := make(map[string]string, len(s.series))
	for key, l := range s.series {
		line := key + " " + strconv.FormatFloat(l.value, 'g', -1, 64)
		lines, names[line] = append(lines, line), l.name
	}
	s.mu.Unlock()
	slices.SortFunc(lines, func(a, b string) int {
		return strings.Compare(names[a]+"\x00"+a, names[b]+"\x00"+b)
	})
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	out := bufio.NewWriter(w)
	previous := ""
	for _, line := range lines {
		if name := names[line]; name != previous {
			previous = name
			fmt.Fprintf(out, "# TYPE %s untyped\n", name)
		}
		_, _ = out.WriteString(line + "\n")
	}
	_ = out.Flush() // the reader went away
}

// Close ends the page.
func (s *Scrape) Close() error {
	err := s.server.Close()
	if served := <-s.served; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}
