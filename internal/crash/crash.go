// Package crash runs a real collector against a sink of its own while things
// break: the collector is killed (-9), stopped and continued, terminated; its
// disk fills or fails; the log files rotate; the sink refuses, answers 503, asks
// to wait, takes a batch and hangs up before it answers, hangs, or takes half of
// a batch; the network is slow, lossy or cut.
//
// Invariant: the oracle is outside of what is tested. Feed knows every record
// that was written, Sink every record that arrived, by number and by document
// id; nothing the collector says about itself is believed, but its ledger is
// held against both.
//
//	Feed --file--> collector (process) --HTTP--> Sink
//	                   ^                           ^
//	                   +------- Run: faults -------+
//
// Goroutines: one writes the feed of a round, one breaks things, the sink has
// one for each connection.
//
// For the record: go test ./internal/crash -run LogCollector -rounds 1000
// -timeout 2h -record FILE. A seed repeats the choice of faults, not their timing.
//
// What it cannot do: move the clock (Go reads it without a system call that
// could be diverted), and LD_PRELOAD (Go makes system calls by itself). Failing
// writes are injected with strace where it is installed.
package crash

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// Options describe a run.
type Options struct {
	Command  []string // the collector; see Places for what is replaced in it
	Config   string   // content of its configuration file, with the same places
	Dir      string   // working folder, which must exist
	Rounds   int
	Records  int                // of a round; 0: 2,000
	Length   time.Duration      // of a round's feed and faults; 0: 600 ms
	Patience time.Duration      // how long a round may take to deliver everything; 0: 60 s
	Seed     uint64             // of everything random
	Line     func(n int) string // makes line n of the feed, with seq= and n in it; nil: log lines
	Faults   []string           // which kinds; nil: all that this machine can do
	Ledger   string             // name of the output in the ledger; "": do not ask
	Log      io.Writer          // one JSON line a round; nil: none
}

// Round is what a round came to.
type Round struct {
	Round    int      `json:"round"`
	Faults   []string `json:"faults"`
	Records  int      `json:"records"`  // written
	Lost     int      `json:"lost"`     // written and never arrived
	Doubled  int      `json:"doubled"`  // stored again under another id
	Repeated int      `json:"repeated"` // sent again under the same id: harmless
	Ledger   string   `json:"ledger"`   // "balanced", or what is wrong with it
	// Delivered, by the ledger, and Stored, at the sink, count all rounds so far.
	// Delivered is exact between two bounds: Stored, as nothing arrives that is
	// not delivered, and all that the sink took, again or not, as nothing is
	// delivered that it did not take. They meet where nothing was taken again.
	Delivered int     `json:"delivered"`
	Stored    int     `json:"stored"`
	Kills     int     `json:"kills"`
	PeakMiB   int     `json:"peak_mib"` // of the process that ran at the end
	Seconds   float64 `json:"seconds"`  // until everything had arrived
}

// OK tells whether nothing was lost or doubled and the ledger is right.
func (r Round) OK() bool { return r.Lost == 0 && r.Doubled == 0 && r.Ledger == balanced }

const balanced = "balanced"

// run is a run in progress.
type run struct {
	opts   Options
	rng    *rand.Rand
	sink   *Sink
	feed   *Feed
	proc   *Process
	disk   *Disk
	net    *Net // nil: the collector runs in the network of this machine
	places Places
	faults map[string]fault
	kinds  []string

	delivered int // by the ledger, when last asked
}

// Run runs all rounds and returns what each came to. An error says that the
// harness itself could not go on; a round that went wrong is no error. The first
// round that loses something is the last: what is lost would be missed, and
// waited for, in all later ones.
func Run(ctx context.Context, opts Options) (rounds []Round, err error) {
	if opts.Records == 0 {
		opts.Records = 2000
	}
	if opts.Length == 0 {
		opts.Length = 600 * time.Millisecond
	}
	if opts.Patience == 0 {
		opts.Patience = time.Minute
	}
	r := &run{opts: opts, rng: rand.New(rand.NewPCG(opts.Seed, 1))}
	defer r.close()
	if err := r.start(ctx); err != nil {
		return nil, err
	}
	for i := range opts.Rounds {
		round, err := r.round(ctx, i)
		if err != nil {
			return rounds, fmt.Errorf("run round %d: %w", i, err)
		}
		rounds = append(rounds, round)
		if opts.Log != nil {
			if err := json.NewEncoder(opts.Log).Encode(round); err != nil {
				return rounds, fmt.Errorf("write the log: %w", err)
			}
		}
		if round.Lost > 0 {
			break
		}
	}
	return rounds, nil
}

// start opens the sink, the disk and the feed, and starts the collector.
func (r *run) start(ctx context.Context) error {
	host := "127.0.0.1"
	admin, err := freeAddress()
	if err != nil {
		return err
	}
	var enter []string
	if r.net, err = NewNet(ctx); err == nil {
		host, admin, enter = r.net.Here, r.net.There+":8341", r.net.Enter()
	}
	if r.sink, err = NewSink(host); err != nil {
		return err
	}
	if r.disk, err = NewDisk(filepath.Join(r.opts.Dir, "data")); err != nil {
		return err
	}
	if r.feed, err = NewFeed(filepath.Join(r.opts.Dir, "logs"), "app.log", r.opts.Line); err != nil {
		return err
	}
	r.places = Places{
		Config: filepath.Join(r.opts.Dir, "config.yml"), Data: r.disk.Dir,
		Logs: r.feed.dir, Sink: r.sink.Address(), Admin: admin,
	}
	if err := os.WriteFile(r.places.Config, []byte(r.places.fill(r.opts.Config)), 0o600); err != nil {
		return fmt.Errorf("write configuration: %w", err)
	}
	r.proc = &Process{Enter: enter, Command: r.places.fillAll(r.opts.Command), Output: filepath.Join(r.opts.Dir, "output.txt")}
	r.faults = allFaults()
	r.kinds = r.opts.Faults
	if r.kinds == nil {
		for _, name := range slices.Sorted(maps.Keys(r.faults)) {
			if r.faults[name].able == nil || r.faults[name].able(r) {
				r.kinds = append(r.kinds, name)
			}
		}
	}
	for _, name := range r.kinds {
		f, ok := r.faults[name]
		if !ok {
			return fmt.Errorf("unknown fault %q: there are %v", name, slices.Sorted(maps.Keys(r.faults)))
		}
		if f.able != nil && !f.able(r) {
			return fmt.Errorf("fault %q needs root and tools that are not here", name)
		}
	}
	return r.proc.Start()
}

func (r *run) close() {
	if r.proc != nil {
		r.proc.Kill()
	}
	if r.sink != nil {
		r.sink.Close()
	}
	if r.disk != nil {
		r.disk.Close()
	}
	if r.feed != nil {
		r.feed.Close()
	}
	if r.net != nil {
		r.net.Close()
	}
}

// round feeds while things break, mends everything, and waits for what is still
// on its way.
func (r *run) round(ctx context.Context, n int) (Round, error) {
	round := Round{Round: n}
	kills, repeated, doubled := r.proc.kills, r.sink.Count().Repeated, r.sink.Count().Doubled
	began := time.Now()
	fed := make(chan error, 1)
	go func() { fed <- r.feed.Write(ctx, r.opts.Records, r.opts.Length) }()
	count := 1 + r.rng.IntN(3)
	for i := range count {
		name := r.kinds[r.rng.IntN(len(r.kinds))]
		round.Faults = append(round.Faults, name)
		pause(ctx, time.Duration(r.rng.Int64N(int64(r.opts.Length)/int64(count))))
		length := time.Duration(r.rng.Int64N(int64(r.opts.Length/2))) + 20*time.Millisecond
		if err := r.faults[name].do(ctx, r, length); err != nil {
			return round, fmt.Errorf("fault %d, %s: %w", i, name, err)
		}
	}
	if err := <-fed; err != nil {
		return round, err
	}
	if err := ctx.Err(); err != nil {
		return round, err
	}
	deadline := time.Now().Add(r.opts.Patience)
	for r.sink.Missing(r.feed.Written()) > 0 && time.Now().Before(deadline) && ctx.Err() == nil {
		if err := r.proc.Revive(); err != nil {
			return round, err
		}
		pause(ctx, 10*time.Millisecond)
	}
	round.Seconds = time.Since(began).Seconds()
	round.Ledger = r.settle(ctx, deadline)
	// What comes now comes too late to be anything but a repetition.
	pause(ctx, 20*time.Millisecond)
	c := r.sink.Count()
	round.Records, round.Delivered, round.Stored = r.opts.Records, r.delivered, c.Stored
	round.Lost = r.sink.Missing(r.feed.Written())
	round.Doubled, round.Repeated = c.Doubled-doubled, c.Repeated-repeated
	round.Kills, round.PeakMiB = r.proc.kills-kills, r.proc.PeakMiB()
	return round, nil
}

// settle waits until the ledger says that nothing is queued and compares it.
func (r *run) settle(ctx context.Context, deadline time.Time) string {
	if r.opts.Ledger == "" {
		return balanced
	}
	for {
		verdict := r.compareLedger(ctx)
		if verdict == balanced || time.Now().After(deadline) || ctx.Err() != nil {
			return verdict
		}
		if err := r.proc.Revive(); err != nil { // it ends when its predecessor has not quite gone
			return err.Error()
		}
		pause(ctx, 20*time.Millisecond)
	}
}

// compareLedger holds the account of the output against feed and sink.
func (r *run) compareLedger(ctx context.Context) string {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+r.places.Admin+"/api/v1/ledger", nil)
	if err != nil {
		return err.Error()
	}
	client := http.Client{Timeout: 2 * time.Second}
	resp, err := client.Do(req)
	if err != nil {
		return "no answer: " + err.Error()
	}
	defer resp.Body.Close()
	var ledger struct {
		Balanced bool
		Entries  []struct {
			Stage, Name                 string
			Accepted, Delivered, Queued int
			DeadLettered                int `json:"dead_lettered"`
			Dropped                     map[string]int
		}
	}
	if err := json.NewDecoder(resp.Body).Decode(&ledger); err != nil {
		return "unreadable: " + err.Error()
	}
	if !ledger.Balanced {
		return "not balanced"
	}
	for _, e := range ledger.Entries {
		if e.Stage != "output" || e.Name != r.opts.Ledger {
			continue
		}
		dropped := e.DeadLettered
		for _, n := range e.Dropped {
			dropped += n
		}
		r.delivered = e.Delivered
		c := r.sink.Count()
		received := c.Stored + c.Repeated + c.Doubled + c.Unknown
		switch {
		case e.Accepted != e.Delivered+e.Queued+dropped:
			return fmt.Sprintf("accepted %d is not delivered %d + queued %d + dropped %d", e.Accepted, e.Delivered, e.Queued, dropped)
		case e.Queued > 0:
			return fmt.Sprintf("%d queued although all have arrived", e.Queued)
		case dropped > 0:
			return fmt.Sprintf("%d dropped: %v", dropped, e.Dropped)
		case e.Delivered < c.Stored:
			return fmt.Sprintf("%d delivered, %d arrived", e.Delivered, c.Stored)
		case e.Delivered > received:
			return fmt.Sprintf("%d delivered, but the sink took only %d, %d of them again", e.Delivered, received, c.Repeated)
		}
		return balanced
	}
	return fmt.Sprintf("no output %q in it", r.opts.Ledger)
}

// pause waits, but not longer than ctx.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
