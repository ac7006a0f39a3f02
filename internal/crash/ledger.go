package crash

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// What a ledger must say.
//
// At the end of a round, when everything has arrived, of every output of every
// daemon of the chain:
//
//	written = accepted = delivered + dead-lettered, and nothing queued or dropped
//	delivered = stored at the sink, each record counted once
//	dead-lettered = refused for good by the sink, each record counted once
//
// At any moment, however broken things are, of every answer of a ledger:
//
//	accepted = delivered + queued + dropped + dead-lettered
//	accepted <= written and delivered <= stored, as counted after the answer
//	accepted and delivered never go back, whatever was killed
//
// written is what the feeds wrote: for values that collectd's protocol brought,
// of which the daemon did not confirm all, what the sinks stored takes its place.

// Account is an entry of a ledger, in messages.
type Account struct {
	Stage, Name                 string
	Accepted, Delivered, Queued int
	Repeated                    int            // recognised as offered again; in no other count
	DeadLettered                int            `json:"dead_lettered"`
	Dropped                     map[string]int // by reason
}

func (a Account) dropped() (n int) {
	for _, dropped := range a.Dropped {
		n += dropped
	}
	return n
}

// AskLedger returns the accounts of a daemon's outputs, by name.
func AskLedger(ctx context.Context, admin string) (map[string]Account, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+admin+"/api/v1/ledger", nil)
	if err != nil {
		return nil, fmt.Errorf("ask for the ledger: %w", err)
	}
	client := http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask for the ledger: %w", err)
	}
	defer resp.Body.Close()
	var ledger struct {
		Balanced bool
		Entries  []Account
	}
	if err := json.NewDecoder(resp.Body).Decode(&ledger); err != nil {
		return nil, fmt.Errorf("read the ledger: %w", err)
	}
	if !ledger.Balanced {
		return nil, errUnbalanced
	}
	out := map[string]Account{}
	for _, e := range ledger.Entries {
		if e.Stage == "output" {
			out[e.Name] = e
		}
	}
	return out, nil
}

var errUnbalanced = errors.New("the ledger says itself that it is not balanced")

// watch is what was last seen of the ledgers.
type watch struct {
	mu        sync.Mutex
	odd       string // the first thing that must not be
	delivered int    // at the end of the round, by the last daemon
	repeated  int
}

func (w *watch) complain(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.odd == "" {
		w.odd = "while things broke: " + fmt.Sprintf(format, args...)
	}
}

// watchLedgers looks at all ledgers while things break. stop ends that and says
// what was wrong.
func (r *run) watchLedgers(ctx context.Context) (stop func() string) {
	ctx, cancel := context.WithCancel(ctx)
	var watching sync.WaitGroup
	for i, m := range r.chain {
		if len(m.spec.Ledger) > 0 {
			watching.Go(func() { r.watchLedger(ctx, i, m) })
		}
	}
	return func() string {
		cancel()
		watching.Wait()
		return r.watch.odd
	}
}

func (r *run) watchLedger(ctx context.Context, i int, m *member) {
	before := map[string]Account{}
	for ctx.Err() == nil {
		pause(ctx, 100*time.Millisecond)
		accounts, err := AskLedger(ctx, m.places.Admin)
		if errors.Is(err, errUnbalanced) {
			r.watch.complain("%s: %v", m.spec.Name, err)
		}
		if err != nil {
			continue // it is dead, cut off or stopped
		}
		for k, name := range m.spec.Ledger {
			a, opened := accounts[name]
			b := before[name]
			switch {
			case !opened:
				continue // it answers before its queues are open
			case a.Accepted != a.Delivered+a.Queued+a.dropped()+a.DeadLettered:
				r.watch.complain("%s, %s: accepted %d is not delivered %d + queued %d + dropped %d + dead-lettered %d",
					m.spec.Name, name, a.Accepted, a.Delivered, a.Queued, a.dropped(), a.DeadLettered)
			case a.Accepted < b.Accepted || a.Delivered < b.Delivered || a.DeadLettered < b.DeadLettered:
				r.watch.complain("%s, %s: accepted and delivered went back from %d and %d to %d and %d", m.spec.Name, name, b.Accepted, b.Delivered, a.Accepted, a.Delivered)
			case a.Accepted > r.offered():
				r.watch.complain("%s, %s: accepted %d of %d", m.spec.Name, name, a.Accepted, r.offered())
			case i == len(r.chain)-1 && a.Delivered > r.sinks[k].Count().Stored:
				r.watch.complain("%s, %s: delivered %d, of which %d arrived", m.spec.Name, name, a.Delivered, r.sinks[k].Count().Stored)
			}
			before[name] = a
		}
	}
}

// offered is the most that can have been accepted by now.
func (r *run) offered() int {
	n := r.feed.Written()
	if r.values != nil {
		n += r.values.Posted()
	}
	return n
}

// settle waits until the ledgers say that nothing is queued and compares them.
func (r *run) settle(ctx context.Context, deadline time.Time) string {
	for {
		verdict := r.compareLedgers(ctx)
		if verdict == Equal || time.Now().After(deadline) || ctx.Err() != nil {
			return verdict
		}
		if err := r.revive(); err != nil { // it ends when its predecessor has not quite gone
			return err.Error()
		}
		pause(ctx, 20*time.Millisecond)
	}
}

// compareLedgers holds all accounts against feeds and sinks.
func (r *run) compareLedgers(ctx context.Context) string {
	delivered, repeated := 0, 0
	for i, m := range r.chain {
		if len(m.spec.Ledger) == 0 {
			continue
		}
		accounts, err := AskLedger(ctx, m.places.Admin)
		if err != nil {
			return m.spec.Name + ": " + err.Error()
		}
		for k, name := range m.spec.Ledger {
			a, ok := accounts[name]
			if !ok {
				return fmt.Sprintf("%s: no output %q in it", m.spec.Name, name)
			}
			written, refused := r.feed.Written(), 0
			if i == len(r.chain)-1 {
				c := r.sinks[k].Count()
				refused = c.Refused
				delivered += a.Delivered
				if c.Unknown > 0 || a.Delivered != c.Stored {
					return fmt.Sprintf("%s, %s: %d delivered, %d arrived, and %d without a number", m.spec.Name, name, a.Delivered, c.Stored, c.Unknown)
				}
				if r.opts.Sinks[k].Values {
					written = c.Stored
				}
			}
			if a.Accepted != written || a.Delivered != written-refused || a.DeadLettered != refused || a.Queued > 0 || a.dropped() > 0 {
				return fmt.Sprintf("%s, %s: written %d, of which %d refused; accepted %d, delivered %d, queued %d, dropped %v, dead-lettered %d",
					m.spec.Name, name, written, refused, a.Accepted, a.Delivered, a.Queued, a.Dropped, a.DeadLettered)
			}
			repeated += a.Repeated
		}
	}
	r.watch.delivered, r.watch.repeated = delivered, repeated
	return Equal
}
