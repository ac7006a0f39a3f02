package buffer

// Stats is a consistent snapshot. The totals are of the queue's whole life, over
// restarts and crashes of the process, and
//
//	Accepted == Delivered + DeadLettered + Messages + the sum of Dropped
type Stats struct {
	Records  uint64 // in the queue, in flight included
	Messages uint64 // in those records
	Bytes    int64  // of all segments on disk
	MaxBytes int64
	InFlight int // records handed out and not settled
	Segments int

	Accepted     uint64            // messages given to Append and kept or counted
	Delivered    uint64            // messages
	DeadLettered uint64            // messages
	Dropped      map[string]uint64 // messages by reason; only reasons that occurred
	Repeated     uint64            // messages offered again and recognised: in no other total

	Damage     Damage // found since Open
	SyncErrors uint64 // since Open
	LastError  error  // the last trouble with the disk since Open, if any
}

// Stats returns the state of the queue.
func (q *Queue) Stats() Stats {
	q.mu.Lock()
	defer q.mu.Unlock()
	c := &q.cur
	// What a sender settled counts as settled when the cursor on disk says so.
	dropped := c.dropped
	for r := range dropped {
		if atTheDoor(reason(r)) || reason(r) == output {
			dropped[r] = q.saved.dropped[r]
		}
	}
	messages := c.next.seq - c.acked.seq
	messages += c.delivered - q.saved.delivered + c.dead - q.saved.dead + c.dropped[output] - dropped[output]
	for _, h := range q.holes {
		messages -= h.to.seq - h.from.seq
		if h.why != oldest {
			dropped[h.why] += h.to.seq - h.from.seq
		}
	}
	s := Stats{
		Records: q.heldRecords(), Messages: messages, Bytes: q.bytes, MaxBytes: q.opts.MaxBytes,
		InFlight: len(q.flights), Segments: len(q.segments),
		Accepted:  c.next.seq - c.base,
		Delivered: q.saved.delivered, DeadLettered: q.saved.dead, Dropped: map[string]uint64{}, Repeated: c.repeated,
		Damage: q.damage, SyncErrors: q.syncErrs, LastError: q.lastErr,
	}
	for r, n := range dropped {
		if n > 0 {
			s.Dropped[reason(r).String()] = n
		}
		if atTheDoor(reason(r)) {
			s.Accepted += n
		}
	}
	return s
}

// atTheDoor tells whether messages dropped for r never got a number.
func atTheDoor(r reason) bool {
	return r == full || r == diskFull || r == writeError || r == tooLarge
}

// heldRecords counts the records in the queue; mu is held.
func (q *Queue) heldRecords() uint64 {
	n := q.cur.next.id - q.cur.acked.id
	for _, h := range q.holes {
		n -= h.to.id - h.from.id
	}
	return n
}
