package buffer

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"io"
)

// A frame is a header followed by the batch. All integers are little-endian.
//
//	 0  magic "TSQ1"
//	 4  length of the batch   uint32
//	 8  number of the record  uint64
//	16  number of its first message  uint64
//	24  count of its messages        uint32
//	28  CRC-32C of the batch         uint32
//	32  CRC-32C of the 32 bytes above
//
// The header has a checksum of its own, so that a damaged batch still tells how
// many messages went with it.
const (
	headerSize = 36
	frameMagic = "TSQ1"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func checksum(b []byte) uint32 { return crc32.Checksum(b, castagnoli) }

// pos is a place between two records: the number of the record that begins
// there, and of its first message.
type pos struct{ id, seq uint64 }

type header struct {
	pos
	size  uint32
	count uint32
	sum   uint32
}

// end is the place behind the record.
func (h header) end() pos { return pos{h.id + 1, h.seq + uint64(h.count)} }

func appendHeader(dst []byte, h header) []byte {
	start := len(dst)
	dst = append(dst, frameMagic...)
	dst = binary.LittleEndian.AppendUint32(dst, h.size)
	dst = binary.LittleEndian.AppendUint64(dst, h.id)
	dst = binary.LittleEndian.AppendUint64(dst, h.seq)
	dst = binary.LittleEndian.AppendUint32(dst, h.count)
	dst = binary.LittleEndian.AppendUint32(dst, h.sum)
	return binary.LittleEndian.AppendUint32(dst, checksum(dst[start:]))
}

func parseHeader(b []byte) (header, bool) {
	if len(b) < headerSize || string(b[:4]) != frameMagic ||
		binary.LittleEndian.Uint32(b[32:]) != checksum(b[:32]) {
		return header{}, false
	}
	h := header{
		pos:   pos{binary.LittleEndian.Uint64(b[8:]), binary.LittleEndian.Uint64(b[16:])},
		size:  binary.LittleEndian.Uint32(b[4:]),
		count: binary.LittleEndian.Uint32(b[24:]),
		sum:   binary.LittleEndian.Uint32(b[28:]),
	}
	return h, h.size <= maxRecord
}

// scanner walks the intact frames of one segment and steps over everything else.
// It never reads behind end, which may grow between calls.
type scanner struct {
	f        io.ReaderAt
	off, end int64
	known    pos   // the end of the last damaged record whose header was legible
	skipped  int64 // bytes that belong to no intact frame

	window []byte // bytes of the file from windowOff on
	start  int64
}

const windowSize = 256 << 10

// fetch returns n bytes at off; they are valid until the next call.
func (s *scanner) fetch(off int64, n int) ([]byte, error) {
	if off >= s.start && off+int64(n) <= s.start+int64(len(s.window)) {
		return s.window[off-s.start:][:n], nil
	}
	want := int(min(int64(max(n, windowSize)), s.end-off))
	if cap(s.window) < want {
		s.window = make([]byte, want)
	}
	s.window, s.start = s.window[:want], off
	got, err := s.f.ReadAt(s.window, off)
	s.window = s.window[:got]
	if got < n {
		if err == nil {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	return s.window[:n], nil
}

// next returns the next intact frame whose number is in [from, to), or io.EOF.
// The batch is valid until the next call.
func (s *scanner) next(from, to uint64) (header, []byte, error) {
	for s.end-s.off >= headerSize {
		b, err := s.fetch(s.off, headerSize)
		if err != nil {
			s.skipUnreadable()
			continue
		}
		h, ok := parseHeader(b)
		if !ok || h.id < from || h.id >= to {
			s.resync(s.off+1, from, to)
			continue
		}
		if s.off+headerSize+int64(h.size) > s.end {
			s.resync(s.off+headerSize, from, to)
			continue
		}
		b, err = s.fetch(s.off, headerSize+int(h.size))
		if err != nil || checksum(b[headerSize:]) != h.sum {
			s.known = h.end()
			// The length is not trusted: bytes may be missing from the middle.
			s.resync(s.off+headerSize, from, to)
			continue
		}
		s.off += headerSize + int64(h.size)
		return h, b[headerSize:], nil
	}
	s.skipped += s.end - s.off
	s.off = s.end
	return header{}, nil, io.EOF
}

// skipUnreadable steps over a block that the disk does not give back.
func (s *scanner) skipUnreadable() {
	const block = 4096
	next := min((s.off/block+1)*block, s.end)
	s.skipped += next - s.off
	s.off = next
}

// resync moves to the first place at or behind off that holds a sound header of
// a record in [from, to).
func (s *scanner) resync(off int64, from, to uint64) {
	begin := s.off
	defer func() { s.skipped += s.off - begin }()
	for s.end-off >= headerSize {
		n := int(min(windowSize, s.end-off))
		b, err := s.fetch(off, n)
		if err != nil {
			// One unreadable block must not hide the sound ones behind it.
			off = min((off/4096+1)*4096, s.end)
			continue
		}
		for i := 0; ; i++ {
			j := bytes.Index(b[i:], []byte(frameMagic))
			if j < 0 || i+j+headerSize > n {
				break
			}
			i += j
			if h, ok := parseHeader(b[i:]); ok && h.id >= from && h.id < to {
				s.off = off + int64(i)
				return
			}
		}
		off += int64(max(n-headerSize+1, 1))
	}
	s.off = s.end
}
