package main

import (
	"bufio"
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tocsin-lma/tocsin/pkg/selfmon"
)

const topHelp = `Usage: tocsin top [FLAGS]

Shows what a daemon does now: messages a second, what waits and what was lost, for
each input, filter and output, and the processor time and memory it takes.

Flags:
  --interval DURATION  the time between two looks (default 2s)
  -n N                 stop after N tables (default: at Ctrl-C)
  --address ADDRESS    URL, HOST:PORT, or a daemon of this host by its name
                       (default http://127.0.0.1:8340, the aggregator)
  --output FORMAT      table, json (one object a line) or yaml

Examples:
  tocsin top --address logcollector
  tocsin top -n 1 --output json --address metriccollector
`

// look is one reading of a daemon's counters.
type look struct {
	at      time.Time
	ledger  selfmon.Snapshot
	metrics map[string]float64 // sums over all labels, by name
}

// topRow is one stage of the daemon.
type topRow struct {
	Stage        string  `json:"stage"`
	Name         string  `json:"name"`
	In           float64 `json:"in_per_second"`
	Out          float64 `json:"out_per_second"`
	Queued       uint64  `json:"queued"`
	Dropped      uint64  `json:"dropped"` // since the account was opened
	Drops        float64 `json:"dropped_per_second"`
	DeadLettered uint64  `json:"dead_lettered"`
	Repeated     uint64  `json:"repeated"` // recognised as accepted before, in no other count
}

// topView is one table.
type topView struct {
	Time     time.Time  `json:"time"`
	Daemon   daemonInfo `json:"daemon"`
	CPU      float64    `json:"cpu_cores"`
	Memory   float64    `json:"memory_bytes"`
	Balanced bool       `json:"balanced"`
	Rows     []topRow   `json:"rows"`
}

func runTop(ctx context.Context, std streams, args []string) int {
	t := newTool(std, "top", topHelp).withAddress()
	interval := t.set.Duration("interval", 2*time.Second, "")
	count := t.set.Int("n", 0, "")
	if code, done := t.parse(args, 0, 0); done {
		return code
	}
	if *interval < 100*time.Millisecond {
		return t.end(usageError{fmt.Sprintf("--interval is %s; the shortest is 100ms", *interval)})
	}
	c, err := newClient(t.address)
	if err != nil {
		return t.end(err)
	}
	p := t.printer()
	p.lines = true
	before, err := takeLook(ctx, c)
	if err != nil {
		return t.end(err)
	}
	for shown := 0; *count <= 0 || shown < *count; shown++ {
		select {
		case <-ctx.Done():
			return exitOK
		case <-time.After(*interval):
		}
		now, err := takeLook(ctx, c)
		if ctx.Err() != nil {
			return exitOK
		}
		var view topView
		if err == nil {
			view = compareLooks(before, now)
			err = c.get(ctx, "/api/v1/daemon", nil, &view.Daemon)
		}
		if err == nil {
			err = p.print(view, func(p *printer) error { return printTop(p, &view) })
		}
		if err != nil {
			return t.end(err)
		}
		before = now
	}
	return exitOK
}

func takeLook(ctx context.Context, c *client) (*look, error) {
	l := &look{at: time.Now(), metrics: map[string]float64{}}
	if err := c.get(ctx, "/api/v1/ledger", nil, &l.ledger); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	answer, err := c.open(ctx, http.MethodGet, "/metrics", nil)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	lines := bufio.NewScanner(answer.Body)
	for lines.Scan() {
		if name, value, ok := parseMetric(lines.Text()); ok {
			l.metrics[name] += value
		}
	}
	if err := lines.Err(); err != nil {
		return nil, &unreachableError{c.base, err}
	}
	return l, nil
}

// parseMetric reads a line of the Prometheus text format and leaves the labels
// out.
func parseMetric(line string) (name string, value float64, ok bool) {
	if strings.HasPrefix(line, "#") {
		return "", 0, false
	}
	end := strings.LastIndexByte(line, ' ')
	if end < 0 {
		return "", 0, false
	}
	value, err := strconv.ParseFloat(line[end+1:], 64)
	name, _, _ = strings.Cut(line[:end], "{")
	return name, value, err == nil
}

// compareLooks makes rates of two readings; a daemon that was restarted between
// them counts from nothing.
func compareLooks(before, now *look) topView {
	seconds := now.at.Sub(before.at).Seconds()
	rate := func(a, b uint64) float64 {
		if b < a {
			a = 0
		}
		return float64(b-a) / seconds
	}
	old := map[[2]string]selfmon.Entry{}
	for _, e := range before.ledger.Entries {
		old[[2]string{e.Stage, e.Name}] = e
	}
	view := topView{Time: now.at.UTC(), Balanced: now.ledger.Balanced, Memory: now.metrics["process_resident_memory_bytes"], Rows: []topRow{}}
	view.CPU = max(now.metrics["process_cpu_seconds_total"]-before.metrics["process_cpu_seconds_total"], 0) / seconds
	for _, e := range now.ledger.Entries {
		b := old[[2]string{e.Stage, e.Name}]
		view.Rows = append(view.Rows, topRow{
			Stage: e.Stage, Name: e.Name, In: rate(b.Accepted, e.Accepted), Out: rate(b.Delivered, e.Delivered), Queued: e.Queued,
			Dropped: dropped(e), Drops: rate(dropped(b), dropped(e)), DeadLettered: e.DeadLettered, Repeated: e.Repeated,
		})
	}
	return view
}

func dropped(e selfmon.Entry) (n uint64) {
	for _, reason := range slices.Sorted(maps.Keys(e.Dropped)) {
		n += e.Dropped[reason]
	}
	return n
}

func printTop(p *printer, v *topView) error {
	if p.colour || isTerminal(p.w) {
		if err := p.printf("\x1b[H\x1b[2J"); err != nil {
			return err
		}
	}
	note := ""
	if !v.Balanced {
		note = "   the ledger does not balance"
	}
	err := p.printf("%s %s on %s   %s   cpu %.2f cores   memory %.0f MB%s\n\n", v.Daemon.Role.Binary(), v.Daemon.Version, v.Daemon.Host,
		v.Time.Local().Format("15:04:05"), v.CPU, v.Memory/1e6, note)
	if err != nil {
		return err
	}
	t := table{header: []string{"STAGE", "NAME", "IN/S", "OUT/S", "QUEUED", "DROPPED", "DROPS/S", "DEAD", "REPEATED"}}
	for _, r := range v.Rows {
		t.add(r.Stage, r.Name, fmt.Sprintf("%.1f", r.In), fmt.Sprintf("%.1f", r.Out), strconv.FormatUint(r.Queued, 10),
			strconv.FormatUint(r.Dropped, 10), fmt.Sprintf("%.1f", r.Drops), strconv.FormatUint(r.DeadLettered, 10), strconv.FormatUint(r.Repeated, 10))
	}
	if len(t.rows) == 0 {
		return p.printf("This daemon keeps no accounts: it has no outputs.\n")
	}
	if err := p.table(&t); err != nil {
		return err
	}
	return p.printf("\n")
}
