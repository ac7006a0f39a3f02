package buffer

import (
	"bytes"
	"os"
)

// Faults make system calls fail; nil members do not.
type Faults struct {
	WriteAt  func(f *os.File, b []byte, off int64) (int, error)
	Sync     func(f *os.File) error
	Truncate func(f *os.File, size int64) error
	Free     func(dir string) (free, total int64, err error)
}

// OpenFaulty opens a queue on a disk with faults.
func OpenFaulty(dir string, opts Options, f Faults) (*Queue, error) {
	d := realDisk()
	if f.WriteAt != nil {
		d.writeAt = f.WriteAt
	}
	if f.Sync != nil {
		d.sync = f.Sync
	}
	if f.Truncate != nil {
		d.truncate = f.Truncate
	}
	if f.Free != nil {
		d.free = f.Free
	}
	return open(dir, opts, d)
}

// ScanBytes returns the batches that the scanner finds in b.
func ScanBytes(b []byte) (batches [][]byte, skipped int64) {
	sc := scanner{f: bytes.NewReader(b), end: int64(len(b))}
	from := uint64(0)
	for {
		h, data, err := sc.next(from, 1<<63)
		if err != nil {
			return batches, sc.skipped
		}
		from = h.id + 1
		batches = append(batches, append([]byte{}, data...))
	}
}

// Frame returns the bytes of record id on disk.
func Frame(id, seq uint64, data []byte) []byte {
	h := header{pos: pos{id, seq}, size: uint32(len(data)), count: 1, sum: checksum(data)}
	return append(appendHeader(nil, h), data...)
}

// HeaderSize is the length of what precedes a batch on disk.
const HeaderSize = headerSize
