// Package crash runs real daemons against sinks of its own while things break:
// a daemon is killed (-9), stopped and continued, terminated; its disk fills or
// fails; its clock jumps; the log files rotate; a sink refuses, answers 503, asks
// to wait, takes a batch and hangs up before it answers, hangs, or takes half of
// a batch; the network is slow, lossy or cut; what stands between two daemons
// drops their connections.
//
// Invariant: the oracle is outside of what is tested. The feeds know every record
// that was written, Sink every record that arrived, by number and by document id;
// nothing a daemon says about itself is believed, but its ledger must agree with
// both exactly, in every round (see ledger.go).
//
//	Feed --file--> daemon --Link--> daemon --Link--> daemon --HTTP--> Sink
//	                 ^       ^        ^       ^        ^               ^
//	                 +-------+--- run: faults, watch --+---------------+
//
// Goroutines of a run: one writes each feed, one breaks things, one watches each
// ledger, the sinks and links have some for each connection.
//
// For the record: make rounds. A seed repeats the choice of faults, not their
// timing.
//
// What it cannot do: LD_PRELOAD (Go makes system calls by itself). Failing writes
// are injected with strace where it is installed, the clock by building the
// daemons with a time.Now of the harness (see clock.go).
package crash

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// Options describe a run.
type Options struct {
	Daemons  []Daemon // in the order in which they hand records on
	Dir      string   // working folder, which must exist
	Rounds   int
	Until    time.Time          // begin no round after it; zero: all rounds
	Records  int                // lines of a round, and a quarter as many values: each is a series of its own, which costs much more; 0: 1,000
	Length   time.Duration      // of a round's feed and faults; 0: 600 ms
	Patience time.Duration      // how long a round may take to deliver everything; 0: 60 s
	Seed     uint64             // of everything random
	Line     func(n int) string // makes line n of the feed, with seq= and n in it; nil: log lines
	Sinks    []Wants            // of the last daemon's outputs, in the order of its Ledger; nil: one for lines
	Refuse   func(n int) bool   // which lines the sinks refuse for good; nil: none
	Faults   []string           // which kinds; nil: all that this machine can do
	Clock    bool               // the daemons were built with Binaries: their clock can jump
	Log      io.Writer          // one JSON line a round, written at once; nil: none
}

// Wants says what a sink gets: lines of the feed, and values that are posted to the
// last daemon's {http} as collectd does.
type Wants struct{ Lines, Values bool }

// Daemon is one daemon of a chain.
type Daemon struct {
	Name    string
	Command []string // see Places for what is replaced in it
	Config  string   // content of its configuration file, with the same places
	// Ledger are the names of its outputs in the ledger. Those of the last daemon
	// belong to the sinks, in their order; empty: do not ask.
	Ledger []string
}

// Round is what a round came to.
type Round struct {
	Round    int      `json:"round"`
	Seed     uint64   `json:"seed"`
	Faults   []string `json:"faults"`
	Records  int      `json:"records"`  // written, at all sinks together
	Lost     int      `json:"lost"`     // written and never arrived
	Doubled  int      `json:"doubled"`  // stored again under another id
	Repeated int      `json:"repeated"` // sent again under the same id: harmless; -1: nobody could count it
	Ledger   string   `json:"ledger"`   // "equal", or what is wrong with it
	// Delivered, by the ledgers of the last daemon, and Stored, at the sinks, count
	// all rounds so far.
	Delivered int     `json:"delivered"`
	Refused   int     `json:"refused,omitempty"` // by the sinks, for good, so far
	Stored    int     `json:"stored"`
	Again     int     `json:"again"` // recognised by the daemons as offered again, so far
	Kills     int     `json:"kills"`
	PeakMiB   int     `json:"peak_mib"` // of the processes that ran at the end, the largest
	Seconds   float64 `json:"seconds"`  // until everything had arrived
}

// OK tells whether nothing was lost or doubled and the ledger is right.
func (r Round) OK() bool { return r.Lost == 0 && r.Doubled == 0 && r.Ledger == Equal }

// Equal is what Round.Ledger says when the ledger agrees with the oracle.
const Equal = "equal"

// run is a run in progress.
type run struct {
	opts   Options
	rng    *rand.Rand
	sinks  []*Sink
	feed   *Feed
	values *Values // nil: none
	chain  []*member
	links  []*Link
	clock  *Clock // nil: it cannot jump
	faults map[string]fault
	kinds  []string
	watch  watch
}

// Run runs all rounds and returns what each came to. An error says that the
// harness itself could not go on; a round that went wrong is no error. The first
// round that loses something is the last: what is lost would be missed, and
// waited for, in all later ones.
func Run(ctx context.Context, opts Options) (rounds []Round, err error) {
	if opts.Records == 0 {
		opts.Records = 1000
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
	if err := r.chooseFaults(); err != nil {
		return nil, err
	}
	for i := range opts.Rounds {
		if !opts.Until.IsZero() && time.Now().After(opts.Until) {
			break
		}
		round, err := r.round(ctx, i)
		if err != nil {
			return rounds, fmt.Errorf("run round %d of seed %d: %w", i, opts.Seed, err)
		}
		rounds = append(rounds, round)
		if opts.Log != nil {
			if err := json.NewEncoder(opts.Log).Encode(round); err != nil {
				return rounds, fmt.Errorf("write the log: %w", err)
			}
		}
		if !round.OK() {
			break
		}
	}
	return rounds, nil
}

// start opens the sinks and feeds, and starts the daemons, the last one first.
func (r *run) start(ctx context.Context) (err error) {
	if r.opts.Clock {
		if r.clock, err = NewClock(filepath.Join(r.opts.Dir, "clock")); err != nil {
			return err
		}
	}
	if r.feed, err = NewFeed(filepath.Join(r.opts.Dir, "logs"), "app.log", r.opts.Line); err != nil {
		return err
	}
	next := ""
	for i, d := range slices.Backward(r.opts.Daemons) {
		m, err := r.place(ctx, d)
		if m != nil {
			r.chain = slices.Insert(r.chain, 0, m)
		}
		if err != nil {
			return err
		}
		if i == len(r.opts.Daemons)-1 {
			if err := r.openSinks(m); err != nil {
				return err
			}
		}
		m.places.Next = next
		if i > 0 {
			link, err := NewLink("127.0.0.1:0", m.places.Listen)
			if err != nil {
				return err
			}
			r.links = append(r.links, link)
			next = link.Address()
		}
	}
	// A link listens where the daemon before it can reach it: its own end.
	for i, link := range slices.Backward(r.links) {
		m := r.chain[len(r.links)-1-i]
		if m.net != nil {
			if err := link.Move(m.net.Here); err != nil {
				return err
			}
		}
		m.places.Next = link.Address()
	}
	if slices.ContainsFunc(r.opts.Sinks, func(w Wants) bool { return w.Values }) {
		r.values = NewValues("http://" + r.chain[len(r.chain)-1].places.HTTP)
	}
	for _, m := range slices.Backward(r.chain) {
		if err := m.start(r); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) openSinks(last *member) error {
	host := "127.0.0.1"
	if last.net != nil {
		host = last.net.Here
	}
	if r.opts.Sinks == nil {
		r.opts.Sinks = []Wants{{Lines: true}}
	}
	for range r.opts.Sinks {
		s, err := NewSink(host)
		if err != nil {
			return err
		}
		s.refuse = r.opts.Refuse
		r.sinks = append(r.sinks, s)
		last.places.Sinks = append(last.places.Sinks, s.Address())
	}
	return nil
}

func (r *run) close() {
	for _, m := range r.chain {
		m.close()
	}
	for _, l := range r.links {
		l.Close()
	}
	for _, s := range r.sinks {
		s.Close()
	}
	if r.feed != nil {
		r.feed.Close()
	}
	if r.clock != nil {
		r.clock.Close()
	}
}

// expected is how many records all sinks together must have: all that were
// written, and the values that the collector accepted.
func (r *run) expected() (n int) {
	for _, w := range r.opts.Sinks {
		if w.Lines {
			n += r.feed.Written()
		}
		if w.Values {
			n += r.values.Accepted()
		}
	}
	return n
}

// missing is how many of the expected records have not arrived, at all sinks.
func (r *run) missing() (n int) {
	for i, s := range r.sinks {
		if r.opts.Sinks[i].Lines {
			n += s.Missing(r.feed.Written())
		}
		if r.opts.Sinks[i].Values {
			n += r.values.Missing(s)
		}
	}
	return n
}

// total adds up what all sinks have seen.
func (r *run) total() (c Count) {
	for _, s := range r.sinks {
		one := s.Count()
		c.Stored += one.Stored
		c.Repeated += one.Repeated
		c.Doubled += one.Doubled
		c.Unknown += one.Unknown
		c.Refused += one.Refused
	}
	return c
}

func (r *run) kills() (n int) {
	for _, m := range r.chain {
		n += m.proc.kills
	}
	return n
}

// round feeds while things break, mends everything, and waits for what is still
// on its way.
func (r *run) round(ctx context.Context, n int) (Round, error) {
	round := Round{Round: n, Seed: r.opts.Seed}
	before, kills, expected := r.total(), r.kills(), r.expected()
	began := time.Now()
	stop := r.watchLedgers(ctx)
	err := r.breakThings(ctx, &round)
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		stop()
		return round, err
	}
	deadline := time.Now().Add(r.opts.Patience)
	for r.missing() > 0 && time.Now().Before(deadline) && ctx.Err() == nil {
		if err := r.revive(); err != nil {
			return round, err
		}
		pause(ctx, 10*time.Millisecond)
	}
	round.Seconds = time.Since(began).Seconds()
	round.Ledger = r.settle(ctx, deadline)
	if odd := stop(); odd != "" {
		round.Ledger = odd
	}
	// What comes now comes too late to be anything but a repetition.
	pause(ctx, 20*time.Millisecond)
	c := r.total()
	round.Records, round.Delivered, round.Stored, round.Again = r.expected()-expected, r.watch.delivered, c.Stored, r.watch.repeated
	round.Refused = c.Refused
	round.Lost = r.missing()
	round.Doubled, round.Repeated = c.Doubled-before.Doubled, c.Repeated-before.Repeated
	round.Kills = r.kills() - kills
	for _, m := range r.chain {
		round.PeakMiB = max(round.PeakMiB, m.proc.PeakMiB())
	}
	return round, nil
}

// breakThings writes the records of a round while one to three things break.
func (r *run) breakThings(ctx context.Context, round *Round) error {
	fed := make(chan error, 2)
	go func() { fed <- r.feed.Write(ctx, r.opts.Records, r.opts.Length) }()
	go func() {
		if r.values != nil {
			r.values.Post(ctx, r.opts.Records/4, r.opts.Length)
		}
		fed <- nil
	}()
	count := 1 + r.rng.IntN(3)
	for i := range count {
		name := r.kinds[r.rng.IntN(len(r.kinds))]
		round.Faults = append(round.Faults, name)
		pause(ctx, time.Duration(r.rng.Int64N(int64(r.opts.Length)/int64(count))))
		length := time.Duration(r.rng.Int64N(int64(r.opts.Length/2))) + 20*time.Millisecond
		if err := r.faults[name].do(ctx, r, length); err != nil {
			return fmt.Errorf("fault %d, %s: %w", i, name, err)
		}
	}
	for range 2 {
		if err := <-fed; err != nil {
			return err
		}
	}
	return nil
}

// revive starts what has ended by itself, as a supervisor does.
func (r *run) revive() error {
	for _, m := range r.chain {
		if err := m.proc.Revive(); err != nil {
			return err
		}
	}
	return nil
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

// member is one daemon of the chain with all that is its own.
type member struct {
	spec   Daemon
	dir    string
	net    *Net // nil: it runs in the network of this machine
	disk   *Disk
	proc   *Process
	places Places
}

// place gives a daemon a network, a disk and addresses.
func (r *run) place(ctx context.Context, d Daemon) (*member, error) {
	m := &member{spec: d, dir: filepath.Join(r.opts.Dir, d.Name)}
	if err := os.MkdirAll(m.dir, 0o700); err != nil {
		return nil, fmt.Errorf("make folder of %s: %w", d.Name, err)
	}
	var err error
	if m.disk, err = NewDisk(filepath.Join(m.dir, "data")); err != nil {
		return m, err
	}
	m.places = Places{Config: filepath.Join(m.dir, "config.yml"), Data: m.disk.Dir, Logs: r.feed.dir}
	if m.net, err = NewNet(ctx); err == nil {
		m.places.Admin, m.places.Listen, m.places.HTTP = m.net.There+":8341", m.net.There+":5565", m.net.There+":8325"
		return m, nil
	}
	for _, at := range []*string{&m.places.Admin, &m.places.Listen, &m.places.HTTP} {
		if *at, err = freeAddress(); err != nil {
			return m, err
		}
	}
	return m, nil
}

// start writes the configuration, which needs all addresses, and starts it.
func (m *member) start(r *run) error {
	if err := os.WriteFile(m.places.Config, []byte(m.places.fill(m.spec.Config)), 0o600); err != nil {
		return fmt.Errorf("write configuration: %w", err)
	}
	m.proc = &Process{Command: m.places.fillAll(m.spec.Command), Output: filepath.Join(m.dir, "output.txt")}
	if m.net != nil {
		m.proc.Enter = m.net.Enter()
	}
	if r.clock != nil {
		m.proc.Env = append(os.Environ(), r.clock.Env())
	}
	return m.proc.Start()
}

func (m *member) close() {
	if m.proc != nil {
		m.proc.Kill()
	}
	if m.disk != nil {
		m.disk.Close()
	}
	if m.net != nil {
		m.net.Close()
	}
}
