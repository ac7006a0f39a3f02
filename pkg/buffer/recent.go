package buffer

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
)

// Remembered is how many of the newest messages of a queue are recognised when
// they are offered again: at least so many, at most twice.
const Remembered = 1 << 16

const (
	recentName  = "recent"
	recentSlots = 2 * Remembered
	recentSlot  = 16 // bytes: number of the message, its identity
)

// recent remembers the identities of the newest messages, so that a record which
// its source gives again after a crash is accepted once.
//
// Its file is a ring: the slot of a message is its number modulo recentSlots. A
// slot is written before the record of its message is, and says the number: one
// whose record was never written has a number that the queue has not reached,
// and is not believed.
type recent struct {
	path string
	disk disk
	f    *os.File // guarded by the right to append
	buf  []byte

	mu       sync.Mutex
	late     []uint64 // the newest, not in a set yet: most are never asked about
	cur, old *idSet
}

// save writes the identities of the messages from number seq on; 0 is none.
func (r *recent) save(seq uint64, ids []uint64) error {
	if len(ids) == 0 {
		return nil
	}
	if r.f == nil {
		f, err := os.OpenFile(r.path, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			return fmt.Errorf("open identities: %w", err)
		}
		r.f = f
	}
	if skip := len(ids) - recentSlots; skip > 0 {
		seq, ids = seq+uint64(skip), ids[skip:]
	}
	for len(ids) > 0 {
		at := seq % recentSlots
		n := min(len(ids), int(recentSlots-at))
		r.buf = r.buf[:0]
		for i, id := range ids[:n] {
			r.buf = binary.LittleEndian.AppendUint64(r.buf, seq+uint64(i))
			r.buf = binary.LittleEndian.AppendUint64(r.buf, id)
		}
		if _, err := r.disk.writeAt(r.f, r.buf, int64(at)*recentSlot); err != nil {
			return fmt.Errorf("write identities: %w", err)
		}
		seq, ids = seq+uint64(n), ids[n:]
	}
	return nil
}

// add remembers messages that are in the queue now.
func (r *recent) add(ids []uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if excess := len(r.late) + len(ids) - 2*Remembered; excess > 0 {
		// What is newer is enough, and more at a time makes this seldom.
		drop := min(len(r.late), max(excess, Remembered))
		r.late = append(r.late[:0], r.late[drop:]...)
	}
	r.late = append(r.late, ids[max(len(ids)-2*Remembered, 0):]...)
}

// settle puts the newest into the sets; mu is held.
func (r *recent) settle() {
	for _, id := range r.late {
		if id == 0 {
			continue
		}
		if r.cur == nil {
			r.cur = newIDSet()
		}
		if r.cur.n == Remembered {
			if r.old == nil {
				r.old = newIDSet()
			}
			r.cur, r.old = r.old, r.cur
			r.cur.clear()
		}
		r.cur.add(id)
	}
	r.late = r.late[:0]
}

func (r *recent) has(id uint64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.late) > 0 {
		r.settle()
	}
	return r.cur != nil && (r.cur.has(id) || r.old != nil && r.old.has(id))
}

// load reads the identities of the messages before next, but for those in lost
// ranges: they may come again, also after the next start.
func (r *recent) load(next uint64, lost []hole) error {
	f, err := os.Open(r.path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("open identities: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, recentSlots*recentSlot))
	if err != nil {
		return fmt.Errorf("read identities: %w", err)
	}
	ids := make([]uint64, recentSlots) // in the order of their numbers
	first := next - min(next, recentSlots)
	for at := 0; at+recentSlot <= len(b); at += recentSlot {
		seq := binary.LittleEndian.Uint64(b[at:])
		if seq >= first && seq < next && seq%recentSlots == uint64(at/recentSlot) {
			ids[seq-first] = binary.LittleEndian.Uint64(b[at+8:])
		}
	}
	for _, h := range lost {
		from, to := max(h.from.seq, first), min(h.to.seq, next)
		if h.why == oldest || from >= to {
			continue
		}
		clear(ids[from-first : to-first])
		err = errors.Join(err, r.save(from, ids[from-first:to-first]))
	}
	r.add(ids)
	return err
}

func (r *recent) close() error {
	if r.f == nil {
		return nil
	}
	return r.f.Close()
}

// idSet is a hash set of up to Remembered numbers that are not 0 and are spread
// evenly already.
type idSet struct {
	n     int
	slots []uint64
}

const idSlots = 2 * Remembered

func newIDSet() *idSet { return &idSet{slots: make([]uint64, idSlots)} }

func (s *idSet) clear() {
	s.n = 0
	clear(s.slots)
}

func (s *idSet) add(id uint64) {
	at := id % idSlots
	for s.slots[at] != 0 {
		at = (at + 1) % idSlots
	}
	s.slots[at] = id
	s.n++
}

func (s *idSet) has(id uint64) bool {
	for at := id % idSlots; s.slots[at] != 0; at = (at + 1) % idSlots {
		if s.slots[at] == id {
			return true
		}
	}
	return false
}

// Seen tells whether a message of that identity is, or was, in the queue, as far
// as the queue remembers.
func (q *Queue) Seen(id uint64) bool { return id != 0 && q.recent.has(id) }

// Repeat counts messages that were offered again and not appended again.
func (q *Queue) Repeat(n int) {
	if n <= 0 {
		return
	}
	q.mu.Lock()
	q.cur.repeated += uint64(n)
	q.mu.Unlock()
}
