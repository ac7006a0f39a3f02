package buffer

import (
	"context"

	own "github.com/tocsin-lma/tocsin/pkg/buffer"
)

// Segments is the queue of the product.
type Segments struct{ q *own.Queue }

// OpenSegments opens the queue in dir.
func OpenSegments(dir string) (*Segments, error) {
	q, err := own.Open(dir, own.Options{Sync: own.SyncNever, FullAction: own.Block})
	return &Segments{q}, err
}

// Close closes the queue.
func (s *Segments) Close() error { return s.q.Close() }

// Append writes one batch.
func (s *Segments) Append(data []byte, count int) error {
	return s.q.Append(context.Background(), own.Record{Data: data, Count: count})
}

// Next hands out a record.
func (s *Segments) Next() (uint64, []byte, error) {
	st := s.q.Stats()
	if st.Records <= uint64(st.InFlight) {
		return 0, nil, nil
	}
	rec, err := s.q.Next(context.Background())
	// Its numbers begin at 0, which means nothing here.
	return rec.ID + 1, rec.Data, err
}

// Ack settles a record.
func (s *Segments) Ack(id uint64) error { return s.q.Ack(id - 1) }
