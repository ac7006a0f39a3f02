package selfmon

import (
	"cmp"
	"maps"
	"slices"
	"sync"
)

// Entry is the account of one stage or output:
//
//	Accepted == Delivered + Queued + the sum of Dropped + DeadLettered
type Entry struct {
	Stage        string            `json:"stage"` // input, decoder, filter, output
	Name         string            `json:"name"`
	Accepted     uint64            `json:"accepted"`
	Delivered    uint64            `json:"delivered"`
	Queued       uint64            `json:"queued"`
	Dropped      map[string]uint64 `json:"dropped"` // by reason
	DeadLettered uint64            `json:"dead_lettered"`
	// Repeated messages were offered again by their source and recognised: they
	// are in no other count.
	Repeated uint64 `json:"repeated"`
}

// Balance is what the entry cannot account for: 0, or the ledger is wrong.
func (e Entry) Balance() int64 {
	rest := e.Accepted - e.Delivered - e.Queued - e.DeadLettered
	for _, n := range e.Dropped {
		rest -= n
	}
	return int64(rest)
}

// Snapshot is the whole ledger at one moment, as JSON at /api/v1/ledger.
type Snapshot struct {
	Balanced bool    `json:"balanced"`
	Entries  []Entry `json:"entries"` // by stage and name
}

// Ledger says of every stage and output what became of the messages it took.
// All methods may be called from any goroutine.
type Ledger struct {
	mu      sync.Mutex
	sources map[place]func() Entry
	owned   map[place]*Account
}

type place struct{ stage, name string }

// NewLedger returns an empty ledger.
func NewLedger() *Ledger {
	return &Ledger{sources: map[place]func() Entry{}, owned: map[place]*Account{}}
}

// Source enters an account that somebody else keeps, such as a queue that
// outlives the process. read is called when somebody looks, from any goroutine,
// and must return numbers of one moment; Stage and Name are filled in.
func (l *Ledger) Source(stage, name string, read func() Entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sources[place{stage, name}] = read
	delete(l.owned, place{stage, name})
}

// Account returns the account of a stage that has no queue of its own, and opens
// it if need be.
func (l *Ledger) Account(stage, name string) *Account {
	l.mu.Lock()
	defer l.mu.Unlock()
	at := place{stage, name}
	if a := l.owned[at]; a != nil {
		return a
	}
	a := &Account{dropped: map[string]uint64{}}
	l.owned[at] = a
	l.sources[at] = a.entry
	return a
}

// Remove closes an account, for what a reload removed.
func (l *Ledger) Remove(stage, name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.sources, place{stage, name})
	delete(l.owned, place{stage, name})
}

// Snapshot reads all accounts. Each is of one moment; they are read one after
// the other.
func (l *Ledger) Snapshot() Snapshot {
	l.mu.Lock()
	sources := maps.Clone(l.sources)
	l.mu.Unlock()
	s := Snapshot{Balanced: true, Entries: make([]Entry, 0, len(sources))}
	for at, read := range sources {
		e := read()
		e.Stage, e.Name = at.stage, at.name
		if e.Dropped == nil {
			e.Dropped = map[string]uint64{}
		}
		if e.Balance() != 0 {
			s.Balanced = false
		}
		s.Entries = append(s.Entries, e)
	}
	slices.SortFunc(s.Entries, func(a, b Entry) int {
		return cmp.Or(cmp.Compare(a.Stage, b.Stage), cmp.Compare(a.Name, b.Name))
	})
	return s
}

// Register shows the ledger among the metrics of r.
func (l *Ledger) Register(r *Registry) {
	r.Collect(func(w *Writer) {
		for _, e := range l.Snapshot().Entries {
			labels := []string{"stage", e.Stage, "name", e.Name}
			w.Count(e.Accepted, "tocsin_ledger_accepted_messages_total", labels...)
			w.Count(e.Delivered, "tocsin_ledger_delivered_messages_total", labels...)
			w.Count(e.DeadLettered, "tocsin_ledger_dead_lettered_messages_total", labels...)
			w.Count(e.Repeated, "tocsin_ledger_repeated_messages_total", labels...)
			w.Count(e.Queued, "tocsin_ledger_queued_messages", labels...)
			w.Value(float64(e.Balance()), "tocsin_ledger_unaccounted_messages", labels...)
			for _, reason := range slices.Sorted(maps.Keys(e.Dropped)) {
				w.Count(e.Dropped[reason], "tocsin_ledger_dropped_messages_total", append(slices.Clone(labels), "reason", reason)...)
			}
		}
	})
}

// Account counts the messages of one stage. What it accepted and has not
// otherwise accounted for is in hand: Entry.Queued. All methods may be called
// from any goroutine; call them once a batch.
type Account struct {
	mu                        sync.Mutex
	accepted, delivered, dead uint64
	dropped                   map[string]uint64
}

// Accept counts messages taken.
func (a *Account) Accept(n int) { a.Settle(n, 0, 0) }

// Deliver counts messages passed on to all who want them.
func (a *Account) Deliver(n int) { a.Settle(0, n, 0) }

// DeadLetter counts messages refused for good by the far side.
func (a *Account) DeadLetter(n int) { a.Settle(0, 0, n) }

// Settle does the three above in one step.
func (a *Account) Settle(accepted, delivered, deadLettered int) {
	a.mu.Lock()
	a.accepted += uint64(accepted)
	a.delivered += uint64(delivered)
	a.dead += uint64(deadLettered)
	a.mu.Unlock()
}

// Drop counts messages given up, for a reason in lower_case.
func (a *Account) Drop(reason string, n int) {
	if n == 0 {
		return
	}
	a.mu.Lock()
	a.dropped[reason] += uint64(n)
	a.mu.Unlock()
}

func (a *Account) entry() Entry {
	a.mu.Lock()
	defer a.mu.Unlock()
	e := Entry{Accepted: a.accepted, Delivered: a.delivered, DeadLettered: a.dead, Dropped: maps.Clone(a.dropped)}
	// A stage that passed on more than it took shows as unbalanced, not as a
	// huge number in hand.
	if rest := e.Balance(); rest > 0 {
		e.Queued = uint64(rest)
	}
	return e
}
