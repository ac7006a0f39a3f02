// Package store keeps what an aggregator knows: the present state of clusters,
// members and nodes in memory, and the history of events in one bounded file.
//
// Invariant: the history never holds more than Options.MaxEvents events and
// Options.MaxEvidenceBytes of evidence; the oldest go first. Losing the file loses
// history, never the present state.
package store

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/tocsin-lma/tocsin/pkg/gse"
	"github.com/tocsin-lma/tocsin/pkg/health"
)

// Kind is what an event is about.
type Kind string

// The kinds of events.
const (
	Cluster Kind = "cluster"
	Member  Kind = "member"
)

// Event is one change of a status.
type Event struct {
	ID         uint64            `json:"id"` // ascending
	Time       time.Time         `json:"time"`
	Kind       Kind              `json:"kind"`
	Name       string            `json:"name"`           // of the cluster or member
	Host       string            `json:"host,omitempty"` // of a member
	Before     *health.Status    `json:"before,omitempty"`
	Status     health.Status     `json:"status"`
	Alarms     []json.RawMessage `json:"alarms,omitempty"` // the alarms of the verdict, as its payload has them
	Dimensions map[string]string `json:"dimensions,omitempty"`
}

// Options of a Store. The zero value of each means its default.
type Options struct {
	MaxEvents        int   // 100,000
	MaxEvidenceBytes int64 // 64 MiB, of compressed evidence
}

// Store is the history of events. Its methods may be called from any goroutine.
//
// One goroutine writes: events gather in memory for writeDelay, so that a storm
// of changes costs one transaction and Append never waits for the disk.
type Store struct {
	db          *bolt.DB
	max         uint64 // events
	maxEvidence uint64 // bytes

	mu       sync.Mutex
	pending  []Event
	evidence []gse.Evidence // pending too
	last     uint64         // ID of the newest event
	failed   error          // of the last write, told by the next Append

	wake chan struct{}
	done chan struct{}
}

// writeDelay is how long an event may be in memory only.
const writeDelay = 200 * time.Millisecond

var bucket = []byte("events")

// Open opens or makes the file at path. A file that is damaged is set aside
// under the name path.damaged and a new one is begun, because history must not
// keep an aggregator from working.
func Open(path string, opt Options) (*Store, error) {
	if opt.MaxEvents <= 0 {
		opt.MaxEvents = 100_000
	}
	if opt.MaxEvidenceBytes <= 0 {
		opt.MaxEvidenceBytes = 64 << 20
	}
	db, err := open(path)
	if err != nil && !errors.Is(err, bolterrors.ErrTimeout) && !errors.Is(err, os.ErrPermission) {
		if renameErr := os.Rename(path, path+".damaged"); renameErr == nil {
			db, err = open(path)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("open event history %s: %w", path, err)
	}
	s := &Store{db: db, max: uint64(opt.MaxEvents), maxEvidence: uint64(opt.MaxEvidenceBytes), wake: make(chan struct{}, 1), done: make(chan struct{})}
	err = db.View(func(tx *bolt.Tx) error {
		s.last = tx.Bucket(bucket).Sequence()
		return nil
	})
	if err != nil {
		_ = db.Close()
		return nil, fmt.Errorf("read event history %s: %w", path, err)
	}
	go s.write()
	return s, nil
}

func open(path string) (*bolt.DB, error) {
	db, err := bolt.Open(path, 0o640, &bolt.Options{Timeout: time.Second, FreelistType: bolt.FreelistMapType})
	if err != nil {
		return nil, err
	}
	err = db.Update(func(tx *bolt.Tx) error {
		for _, name := range [][]byte{bucket, evidenceBucket, orderBucket} {
			if _, err := tx.CreateBucketIfNotExists(name); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		_ = db.Close()
		return nil, err
	}
	return db, nil
}

// Close writes what is pending and releases the file.
func (s *Store) Close() error {
	close(s.wake)
	<-s.done
	return errors.Join(s.flush(), s.db.Close())
}

// Append adds an event and gives it its ID. The error is that of an earlier
// write, whose events are lost.
func (s *Store) Append(e *Event) error {
	s.mu.Lock()
	s.last++
	e.ID = s.last
	s.pending = append(s.pending, *e)
	err := s.failed
	s.failed = nil
	s.mu.Unlock()
	s.rouse()
	return err
}

// rouse tells the writer that something is pending.
func (s *Store) rouse() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

func (s *Store) write() {
	defer close(s.done)
	for range s.wake {
		time.Sleep(writeDelay)
		if err := s.flush(); err != nil {
			s.mu.Lock()
			s.failed = err
			s.mu.Unlock()
		}
	}
}

// flush writes the pending events in one transaction.
func (s *Store) flush() error {
	s.mu.Lock()
	events, evidence := s.pending, s.evidence
	s.pending, s.evidence = nil, nil
	s.mu.Unlock()
	if len(events) == 0 && len(evidence) == 0 {
		return nil
	}
	err := s.db.Update(func(tx *bolt.Tx) error {
		if err := s.putEvidence(tx, evidence); err != nil || len(events) == 0 {
			return err
		}
		b := tx.Bucket(bucket)
		for i := range events {
			value, err := json.Marshal(&events[i])
			if err != nil {
				return err
			}
			id := events[i].ID
			if err := b.Put(key(id), value); err != nil {
				return err
			}
			if id > s.max {
				if err := b.Delete(key(id - s.max)); err != nil {
					return err
				}
			}
		}
		return b.SetSequence(events[len(events)-1].ID)
	})
	if err != nil {
		return fmt.Errorf("write %d events and the evidence of %d clusters: %w", len(events), len(evidence), err)
	}
	return nil
}

// Query selects events. Zero values select all.
type Query struct {
	Kind   Kind
	Name   string
	Host   string
	After  uint64 // ID
	Since  time.Time
	Until  time.Time
	Limit  int  // 100 if 0
	Oldest bool // oldest first; newest first otherwise
}

func (q *Query) match(e *Event) bool {
	return (q.Kind == "" || e.Kind == q.Kind) && (q.Name == "" || e.Name == q.Name) && (q.Host == "" || e.Host == q.Host) &&
		(q.Since.IsZero() || !e.Time.Before(q.Since)) && (q.Until.IsZero() || !e.Time.After(q.Until)) && e.ID > q.After
}

// Events returns the events that q selects.
func (s *Store) Events(q Query) ([]Event, error) {
	if q.Limit <= 0 {
		q.Limit = 100
	}
	if err := s.flush(); err != nil {
		return nil, err
	}
	var out []Event
	err := s.db.View(func(tx *bolt.Tx) error {
		c := tx.Bucket(bucket).Cursor()
		first, next := c.Last, c.Prev
		if q.Oldest {
			first, next = c.First, c.Next
			if q.After > 0 {
				first = func() ([]byte, []byte) { return c.Seek(key(q.After + 1)) }
			}
		}
		for k, v := first(); k != nil && len(out) < q.Limit; k, v = next() {
			if !q.Oldest && binary.BigEndian.Uint64(k) <= q.After {
				return nil
			}
			var e Event
			if err := json.Unmarshal(v, &e); err != nil {
				return fmt.Errorf("event %d: %w", binary.BigEndian.Uint64(k), err)
			}
			if q.match(&e) {
				out = append(out, e)
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read events: %w", err)
	}
	return out, nil
}

func key(id uint64) []byte { return binary.BigEndian.AppendUint64(nil, id) }
