// Package buffer compares the disk queue of the product with one built on
// tidwall/wal, under the same load and the same kills. It is the measurement
// behind the decision in docs/adr/0001-disk-queue.md and serves nothing else.
//
// Invariant: both queues do the same work: a checksum over each batch, one write
// a batch, hand-over from memory while the sender keeps up, a cursor written at
// every acknowledgement, and deletion of what is acknowledged.
package buffer

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/tidwall/wal"
)

// Queue is what the comparison needs. Calls are never concurrent. Next returns
// id 0 when there is nothing to hand out.
type Queue interface {
	Append(data []byte, count int) error
	Next() (id uint64, data []byte, err error)
	Ack(id uint64) error
}

// WAL is a queue on tidwall/wal, with the care that its users have to take: the
// tail is cut before it is opened, and segments are given up only by truncating
// to the last index of a finished one.
type WAL struct {
	dir    string
	log    *wal.Log
	cursor *os.File
	gen    uint64
	last   uint64   // index of the last record
	read   uint64   // index of the next record to hand out
	starts []uint64 // first index of each segment
	size   int      // bytes in the last segment
	memory [][]byte // the newest records, up to last
	bytes  int
}

const (
	walSegment = 4 << 20
	walMemory  = 1 << 20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// OpenWAL opens the queue in dir.
func OpenWAL(dir string) (*WAL, error) {
	if err := cutTail(dir); err != nil {
		return nil, err
	}
	log, err := wal.Open(filepath.Join(dir, "log"), &wal.Options{
		NoSync: true, NoCopy: true, AllowEmpty: true, SegmentSize: walSegment, SegmentCacheSize: 1,
	})
	if err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	w := &WAL{dir: dir, log: log}
	if w.cursor, err = os.OpenFile(filepath.Join(dir, "cursor"), os.O_RDWR|os.O_CREATE, 0o600); err != nil {
		return nil, err
	}
	if w.last, err = log.LastIndex(); err != nil {
		return nil, err
	}
	first, err := log.FirstIndex()
	if err != nil {
		return nil, err
	}
	w.read = max(first, w.acked()+1)
	w.starts, err = starts(dir)
	return w, err
}

// Close closes the log.
func (w *WAL) Close() error { return errors.Join(w.log.Close(), w.cursor.Close()) }

// Append writes one batch.
func (w *WAL) Append(data []byte, count int) error {
	frame := make([]byte, 8, 8+len(data))
	binary.LittleEndian.PutUint32(frame, uint32(count))
	binary.LittleEndian.PutUint32(frame[4:], crc32.Checksum(data, castagnoli))
	frame = append(frame, data...)
	if err := w.log.Write(w.last+1, frame); err != nil {
		return err
	}
	w.last++
	if w.size >= walSegment {
		w.starts, w.size = append(w.starts, w.last), 0
	}
	w.size += len(frame) + 3
	if w.bytes == 0 && w.read == w.last || w.bytes > 0 && w.bytes+len(frame) <= walMemory {
		w.memory = append(w.memory, frame)
		w.bytes += len(frame)
	} else if w.bytes > 0 {
		w.memory, w.bytes = nil, 0
	}
	return nil
}

// Next hands out a record, from memory if it is there.
func (w *WAL) Next() (uint64, []byte, error) {
	if w.read > w.last {
		return 0, nil, nil
	}
	id := w.read
	var frame []byte
	if first := w.last - uint64(len(w.memory)) + 1; len(w.memory) > 0 && id >= first {
		frame = w.memory[id-first]
		w.memory = w.memory[id-first+1:]
		if w.bytes -= len(frame); len(w.memory) == 0 {
			w.bytes = 0
		}
	} else {
		var err error
		if frame, err = w.log.Read(id); err != nil {
			return 0, nil, fmt.Errorf("read record %d: %w", id, err)
		}
		if len(frame) < 8 || crc32.Checksum(frame[8:], castagnoli) != binary.LittleEndian.Uint32(frame[4:]) {
			return 0, nil, fmt.Errorf("read record %d: %w", id, wal.ErrCorrupt)
		}
	}
	w.read++
	return id, frame[8:], nil
}

// Ack moves the cursor and gives up finished segments.
func (w *WAL) Ack(id uint64) error {
	var slot [24]byte
	w.gen++
	binary.LittleEndian.PutUint64(slot[:], w.gen)
	binary.LittleEndian.PutUint64(slot[8:], id)
	binary.LittleEndian.PutUint32(slot[16:], crc32.Checksum(slot[:16], castagnoli))
	if _, err := w.cursor.WriteAt(slot[:], int64(w.gen%2)*32); err != nil {
		return err
	}
	for len(w.starts) > 2 && w.starts[1] <= id {
		if err := w.log.TruncateFront(w.starts[1] - 1); err != nil {
			return fmt.Errorf("truncate: %w", err)
		}
		w.starts = w.starts[1:]
	}
	return nil
}

func (w *WAL) acked() (id uint64) {
	var b [64]byte
	n, _ := w.cursor.ReadAt(b[:], 0)
	for off := 0; off+20 <= n; off += 32 {
		slot := b[off:]
		gen := binary.LittleEndian.Uint64(slot)
		if crc32.Checksum(slot[:16], castagnoli) == binary.LittleEndian.Uint32(slot[16:]) && gen > w.gen {
			w.gen, id = gen, binary.LittleEndian.Uint64(slot[8:])
		}
	}
	return id
}

func starts(dir string) (ids []uint64, err error) {
	entries, err := os.ReadDir(filepath.Join(dir, "log"))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	for _, e := range entries {
		if id, err := strconv.ParseUint(e.Name(), 10, 64); err == nil && len(e.Name()) == 20 {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids, err
}

// cutTail cuts the last segment behind its last whole and sound record, without
// which the log would refuse to open.
func cutTail(dir string) error {
	ids, err := starts(dir)
	if err != nil || len(ids) == 0 {
		return err
	}
	name := filepath.Join(dir, "log", fmt.Sprintf("%020d", ids[len(ids)-1]))
	b, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	good := 0
	for good < len(b) {
		size, n := binary.Uvarint(b[good:])
		if n <= 0 || size < 8 || uint64(len(b)-good-n) < size {
			break
		}
		frame := b[good+n:][:size]
		if crc32.Checksum(frame[8:], castagnoli) != binary.LittleEndian.Uint32(frame[4:]) {
			break
		}
		good += n + int(size)
	}
	return os.Truncate(name, int64(good))
}
