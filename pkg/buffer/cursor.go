package buffer

import (
	"encoding/binary"
	"fmt"
	"io"
	"os"
)

// Reasons of dropped messages, as they appear in Stats and in the ledger.
const (
	ReasonFull     = "queue_full"  // Drop, and the queue has reached MaxBytes
	ReasonOldest   = "drop_oldest" // gave way to newer ones
	ReasonDisk     = "disk_full"   // the file system has no room
	ReasonWrite    = "write_error" // the disk refused to take it
	ReasonLarge    = "too_large"   // larger than the whole queue
	ReasonCorrupt  = "corrupt"     // its bytes are damaged
	ReasonMissing  = "missing"     // its segment is gone
	ReasonOperator = "operator"    // dropped by hand
	ReasonOutput   = "output"      // given up by the sender
)

type reason int

const (
	full reason = iota
	oldest
	diskFull
	writeError
	tooLarge
	corrupt
	missing
	operator
	output
	reasons
)

func (r reason) String() string {
	return [reasons]string{
		ReasonFull, ReasonOldest, ReasonDisk, ReasonWrite, ReasonLarge,
		ReasonCorrupt, ReasonMissing, ReasonOperator, ReasonOutput,
	}[r]
}

// hole is a range of records that will never be handed out. A hole whose reason
// is oldest is already counted and is kept in the cursor file; the others are
// found again by every scan, and are counted when the cursor passes them.
type hole struct {
	from, to pos
	why      reason
}

// cursor is what a queue remembers beside its records.
type cursor struct {
	gen       uint64
	base      uint64 // number of the first message the totals know of
	acked     pos    // everything before is settled
	next      pos    // where the next record goes
	delivered uint64
	dead      uint64
	dropped   [reasons]uint64
	repeated  uint64 // offered again, not appended again
	gone      []hole // given up ahead of acked, counted
}

const (
	cursorMagic = 0x31435354 // "TSC1"
	slotSize    = 512
	slotReasons = 16 // reasons, some to come, and the last for what came again
	maxGone     = 8
	cursorName  = "cursor"

	slotRepeated = slotReasons - 1
)

func (c *cursor) append(dst []byte) []byte {
	start := len(dst)
	dst = binary.LittleEndian.AppendUint32(dst, cursorMagic)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(c.gone)))
	for _, v := range []uint64{c.gen, c.base, c.acked.id, c.acked.seq, c.next.id, c.next.seq, c.delivered, c.dead} {
		dst = binary.LittleEndian.AppendUint64(dst, v)
	}
	for i := range slotReasons {
		var v uint64
		switch {
		case i < int(reasons):
			v = c.dropped[i]
		case i == slotRepeated:
			v = c.repeated
		}
		dst = binary.LittleEndian.AppendUint64(dst, v)
	}
	for _, h := range c.gone {
		for _, v := range []uint64{h.from.id, h.from.seq, h.to.id, h.to.seq} {
			dst = binary.LittleEndian.AppendUint64(dst, v)
		}
	}
	dst = dst[:start+slotSize]
	clear(dst[start+slotUsed(len(c.gone)) : start+slotSize])
	binary.LittleEndian.PutUint32(dst[start+slotSize-4:], checksum(dst[start:start+slotSize-4]))
	return dst
}

func slotUsed(gone int) int { return 8 + 8*8 + slotReasons*8 + gone*32 }

func parseCursor(b []byte) (cursor, bool) {
	var c cursor
	if len(b) < slotSize || binary.LittleEndian.Uint32(b) != cursorMagic ||
		binary.LittleEndian.Uint32(b[slotSize-4:]) != checksum(b[:slotSize-4]) {
		return c, false
	}
	gone := binary.LittleEndian.Uint32(b[4:])
	if gone > maxGone {
		return c, false
	}
	b = b[8:]
	read := func() uint64 {
		v := binary.LittleEndian.Uint64(b)
		b = b[8:]
		return v
	}
	for _, p := range []*uint64{&c.gen, &c.base, &c.acked.id, &c.acked.seq, &c.next.id, &c.next.seq, &c.delivered, &c.dead} {
		*p = read()
	}
	for i := range slotReasons {
		switch v := read(); {
		case i < int(reasons):
			c.dropped[i] = v
		case i == slotRepeated:
			c.repeated = v
		}
	}
	for range gone {
		h := hole{why: oldest}
		for _, p := range []*uint64{&h.from.id, &h.from.seq, &h.to.id, &h.to.seq} {
			*p = read()
		}
		c.gone = append(c.gone, h)
	}
	return c, true
}

// readCursor returns the newer of the two slots; found is false when neither is
// sound or can be read. Everything is delivered again then.
func readCursor(path string) (c cursor, found bool) {
	f, err := os.Open(path)
	if err != nil {
		return c, false
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, 2*slotSize))
	if err != nil {
		return c, false
	}
	for off := 0; off+slotSize <= len(b); off += slotSize {
		if other, ok := parseCursor(b[off:]); ok && (!found || other.gen > c.gen) {
			c, found = other, true
		}
	}
	return c, found
}

// cursorFile writes the cursor in place, alternating between two slots, so that
// it needs no space on a full disk and a torn write leaves the older one.
type cursorFile struct {
	path string
	f    *os.File
	buf  []byte
	disk disk
}

// write is tried again at the next change when it fails.
func (w *cursorFile) write(c *cursor) error {
	if w.f == nil {
		f, err := os.OpenFile(w.path, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			return fmt.Errorf("open cursor: %w", err)
		}
		w.f, w.buf = f, make([]byte, 0, slotSize)
	}
	c.gen++
	if _, err := w.disk.writeAt(w.f, c.append(w.buf[:0]), int64(c.gen%2)*slotSize); err != nil {
		c.gen-- // the next try goes to the same slot, as the other is sound
		return fmt.Errorf("write cursor: %w", err)
	}
	return nil
}

func (w *cursorFile) close() error {
	if w.f == nil {
		return nil
	}
	return w.f.Close()
}
