package buffer

import (
	"fmt"
	"os"
	"slices"
)

// Ack settles a record whose messages were all delivered.
func (q *Queue) Ack(id uint64) error { return q.Settle(id, Outcome{}) }

// Settle ends a record that Next handed out: it will not be handed out again.
// Records may be settled in any order; they count, and their space is freed,
// when all older ones are settled too. ErrNotTaken: the record is not in flight.
func (q *Queue) Settle(id uint64, outcome Outcome) error {
	return q.SettleAll([]Record{{ID: id}}, outcome)
}

// SettleAll settles records that were sent as one batch, to which the outcome
// belongs as a whole, in one step: after a crash either all of them are settled or
// all are handed out again, if no older record is in flight. In two steps a part of
// the outcome would be counted twice, as nobody knows in which record it lies.
func (q *Queue) SettleAll(records []Record, outcome Outcome) error {
	if q.opts.ReadOnly {
		return ErrReadOnly
	}
	q.mu.Lock()
	for _, r := range records {
		if f := q.flight(r.ID); f == nil || f.done {
			q.mu.Unlock()
			return fmt.Errorf("settle record %d of queue %s: %w", r.ID, q.dir, ErrNotTaken)
		}
	}
	for _, r := range records {
		f := q.flight(r.ID)
		dead := min(max(outcome.DeadLettered, 0), int(f.count))
		dropped := min(max(outcome.Dropped, 0), int(f.count)-dead)
		outcome.DeadLettered -= dead
		outcome.Dropped -= dropped
		f.done, f.outcome = true, Outcome{DeadLettered: dead, Dropped: dropped}
	}
	moved := false
	for len(q.flights) > 0 && q.flights[0].done {
		q.finish(q.flights[0])
		q.flights = q.flights[1:]
		moved = true
	}
	var gone []*segment
	if moved {
		q.saveCursor()
		gone = q.retireMany()
		q.wake()
	}
	q.mu.Unlock()
	q.remove(gone)
	return nil
}

func (q *Queue) flight(id uint64) *flight {
	for i := range q.flights {
		if q.flights[i].id == id {
			return &q.flights[i]
		}
	}
	return nil
}

// finish moves the cursor over the oldest record in flight; mu is held.
func (q *Queue) finish(f flight) {
	c := &q.cur
	if c.acked.id < f.id {
		q.passHoles()
	}
	dead := min(uint64(max(f.outcome.DeadLettered, 0)), uint64(f.count))
	dropped := min(uint64(max(f.outcome.Dropped, 0)), uint64(f.count)-dead)
	c.dead += dead
	c.dropped[output] += dropped
	c.delivered += uint64(f.count) - dead - dropped
	c.acked = f.end()
	q.passHoles()
	q.recycle(f.frame)
}

// Release gives a record back undelivered: Next hands it out again, before all
// that was not handed out yet.
func (q *Queue) Release(id uint64) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	f := q.flight(id)
	if f == nil || f.done {
		return fmt.Errorf("release record %d of queue %s: %w", id, q.dir, ErrNotTaken)
	}
	f.out = false
	q.wake()
	return nil
}

// Discard drops the oldest n records that are not in flight, all of them when n
// is negative, counts their messages under ReasonOperator, and returns how many
// records and messages it dropped.
func (q *Queue) Discard(n int) (records, messages uint64) {
	if q.opts.ReadOnly {
		return 0, 0
	}
	q.mu.Lock()
	q.skipHoles()
	to := q.after(n)
	if q.read.id >= to.id {
		q.mu.Unlock()
		return 0, 0
	}
	from, before := q.read, q.cur.dropped[operator]
	held := q.heldRecords()
	if !q.giveUp(from, to, operator) {
		q.mu.Unlock()
		return 0, 0
	}
	records, messages = held-q.heldRecords(), q.cur.dropped[operator]-before
	q.passHoles()
	q.skipHoles()
	q.saveCursor()
	gone := q.retire()
	q.wake()
	q.mu.Unlock()
	q.remove(gone)
	return records, messages
}

// after returns the place behind the next n records; mu is held.
func (q *Queue) after(n int) pos {
	if n < 0 || uint64(n) >= q.cur.next.id-q.read.id {
		return q.cur.next
	}
	var r reader
	defer r.close()
	at := q.read
	for n > 0 && at.id < q.cur.next.id {
		s := q.segmentOf(at)
		if s == nil {
			at = q.behind(at)
			continue
		}
		h, _, err := r.get(s, s.size, at.id, s.end.id, nil)
		if err != nil {
			at = s.end // damaged to its end
			continue
		}
		at = h.end()
		n--
	}
	return at
}

// retire takes the segments off the list that hold nothing but settled records,
// except the one being written; mu is held. Settled is what the cursor on disk
// says: a crash would make a deleted record of any other look lost.
func (q *Queue) retire() (gone []*segment) {
	for len(q.segments) > 0 {
		s := q.segments[0]
		if s.end.id > q.saved.acked || q.active != nil && len(q.segments) == 1 {
			break
		}
		gone = append(gone, s)
		q.segments = q.segments[1:]
	}
	return gone
}

// retireMany is retire when it is worth its price, which with SyncInterval is a
// sync of the cursor: the next tick retires the rest.
func (q *Queue) retireMany() (gone []*segment) {
	if q.opts.Sync == SyncInterval {
		n, size := 0, int64(0)
		for n < len(q.segments) && q.segments[n].end.id <= q.saved.acked {
			size += q.segments[n].size
			n++
		}
		if n < retireAtOnce && size < q.opts.MaxBytes/8 {
			return nil
		}
	}
	return q.retire()
}

// retireAtOnce is how many segments retireMany waits for.
const retireAtOnce = 4

// useless takes the segments off the list that no record will be read from: all
// of theirs are given up, or none is intact. A new segment may take such a name.
func (q *Queue) useless() (gone []*segment) {
	q.segments = slices.DeleteFunc(q.segments, func(s *segment) bool {
		at := s.first.id
		for _, h := range q.holes {
			if h.from.id <= at && at < h.to.id {
				at = h.to.id
			}
		}
		if at >= s.end.id {
			gone = append(gone, s)
		}
		return at >= s.end.id
	})
	return gone
}

// remove deletes segments. The cursor must be on disk first: a power cut that
// took the cursor and not the deletion would make settled records look lost.
func (q *Queue) remove(gone []*segment) {
	if len(gone) == 0 || q.opts.ReadOnly {
		return
	}
	if q.opts.Sync != SyncNever {
		if err := q.syncCursor(); err != nil {
			q.syncFailed(fmt.Errorf("sync cursor: %w", err))
		}
	}
	var freed int64
	var failed error
	for _, s := range gone {
		if err := os.Remove(s.path); err != nil && !os.IsNotExist(err) {
			failed = fmt.Errorf("delete segment: %w", err)
		}
		// One that cannot be deleted is settled all the same; the next Open
		// tries again.
		freed += s.size + s.waste
	}
	q.mu.Lock()
	q.unsynced = slices.DeleteFunc(q.unsynced, func(u unsynced) bool {
		deleted := slices.Contains(gone, u.segment)
		if deleted {
			_ = u.f.Close()
		}
		return deleted
	})
	q.bytes -= freed
	q.note(failed)
	q.wake()
	q.mu.Unlock()
}
