package store

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/tocsin-lma/tocsin/pkg/gse"
)

// Evidence of clusters is kept beside the events, so that a status can be
// explained as it was then. It is bounded in bytes: the oldest goes first.
var (
	evidenceBucket = []byte("evidence")       // cluster, NUL, time -> compressed JSON; its sequence is their bytes
	orderBucket    = []byte("evidence_order") // sequence -> size, key in evidenceBucket
)

// maxPendingEvidence bounds what waits for the disk.
const maxPendingEvidence = 2000

// Keep adds evidence of a cluster; it must not be changed afterwards. The error
// is that of an earlier write, whose evidence and events are lost.
func (s *Store) Keep(ev gse.Evidence) error {
	s.mu.Lock()
	err := s.failed
	s.failed = nil
	if len(s.evidence) < maxPendingEvidence {
		s.evidence = append(s.evidence, ev)
	} else if err == nil {
		err = fmt.Errorf("keep evidence of cluster %s: %d wait for the disk already", ev.Cluster, maxPendingEvidence)
	}
	s.mu.Unlock()
	s.rouse()
	return err
}

// EvidenceAt returns the evidence of a cluster that was in force at a time: the
// newest that is not younger; nil when none is kept.
func (s *Store) EvidenceAt(cluster string, at time.Time) (*gse.Evidence, error) {
	if err := s.flush(); err != nil {
		return nil, err
	}
	var ev *gse.Evidence
	err := s.db.View(func(tx *bolt.Tx) error {
		c := tx.Bucket(evidenceBucket).Cursor()
		limit := evidenceKey(cluster, at)
		k, v := c.Seek(limit)
		if !bytes.Equal(k, limit) {
			if k == nil {
				k, v = c.Last()
			} else {
				k, v = c.Prev()
			}
		}
		if k == nil || len(k) != len(limit) || !bytes.Equal(k[:len(k)-8], limit[:len(k)-8]) {
			return nil
		}
		data, err := io.ReadAll(flate.NewReader(bytes.NewReader(v)))
		if err != nil {
			return err
		}
		ev = &gse.Evidence{}
		return json.Unmarshal(data, ev)
	})
	if err != nil {
		return nil, fmt.Errorf("read evidence of cluster %s: %w", cluster, err)
	}
	return ev, nil
}

func evidenceKey(cluster string, at time.Time) []byte {
	return binary.BigEndian.AppendUint64(append([]byte(cluster), 0), uint64(max(at.UnixNano(), 0)))
}

// putEvidence writes what was pending and makes room for it.
func (s *Store) putEvidence(tx *bolt.Tx, list []gse.Evidence) error {
	b, order := tx.Bucket(evidenceBucket), tx.Bucket(orderBucket)
	total := b.Sequence()
	for i := range list {
		value, err := pack(&list[i])
		if err != nil {
			return err
		}
		k := evidenceKey(list[i].Cluster, list[i].At)
		if b.Get(k) != nil {
			continue // told twice at one time; the first is as good
		}
		if err := b.Put(k, value); err != nil {
			return err
		}
		number, err := order.NextSequence()
		if err != nil {
			return err
		}
		size := len(k) + len(value)
		if err := order.Put(key(number), append(binary.BigEndian.AppendUint32(nil, uint32(size)), k...)); err != nil {
			return err
		}
		total += uint64(size)
	}
	c := order.Cursor()
	for k, v := c.First(); k != nil && total > s.maxEvidence; k, v = c.First() {
		total -= uint64(binary.BigEndian.Uint32(v))
		if err := b.Delete(v[4:]); err != nil {
			return err
		}
		if err := c.Delete(); err != nil {
			return err
		}
	}
	return b.SetSequence(total)
}

func pack(ev *gse.Evidence) ([]byte, error) {
	data, err := json.Marshal(ev)
	if err != nil {
		return nil, fmt.Errorf("encode evidence of cluster %s: %w", ev.Cluster, err)
	}
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.BestSpeed)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(data); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
