package message

import (
	"bytes"
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"unsafe"
)

const (
	recordSeparator = 0x1e
	unitSeparator   = 0x1f
	maxHeader       = 255

	// DefaultMaxMessage is the size of the largest message a FrameReader takes,
	// in bytes.
	DefaultMaxMessage = 64 << 10
)

// Hash is the hash function of a signature, with the numbers of the wire format.
type Hash uint8

// The hash functions. SHA256 is not in Heka: use it between our own daemons only.
const (
	MD5 Hash = iota
	SHA1
	SHA256
)

func (h Hash) new() func() hash.Hash {
	switch h {
	case MD5:
		return md5.New
	case SHA1:
		return sha1.New
	}
	return sha256.New
}

// Signer signs frames, and names the key that checks them.
type Signer struct {
	Name    string
	Version uint32
	Hash    Hash
	Key     []byte
}

// KeyName is the name of the signer's key in FrameOptions.Keys.
func (s *Signer) KeyName() string { return keyName(s.Name, s.Version) }

func keyName(signer string, version uint32) string { return fmt.Sprintf("%s_%d", signer, version) }

func sign(h Hash, key, payload []byte) []byte {
	mac := hmac.New(h.new(), key)
	mac.Write(payload)
	return mac.Sum(nil)
}

// AppendFrame appends payload (an encoded message) as a frame of a stream:
// 0x1E, header length, header, 0x1F, payload. A nil signer leaves it unsigned.
func AppendFrame(dst, payload []byte, signer *Signer) []byte {
	dst = append(dst, recordSeparator, 0)
	start := len(dst)
	dst = append(dst, 1<<3)
	dst = binary.AppendUvarint(dst, uint64(len(payload)))
	if signer != nil {
		dst = append(dst, 3<<3, byte(signer.Hash))
		dst = appendText(dst, 4<<3|2, signer.Name)
		dst = append(dst, 5<<3)
		dst = binary.AppendUvarint(dst, uint64(signer.Version))
		mac := sign(signer.Hash, signer.Key, payload)
		dst = append(dst, 6<<3|2, byte(len(mac)))
		dst = append(dst, mac...)
	}
	dst[start-1] = byte(len(dst) - start)
	dst = append(dst, unitSeparator)
	return append(dst, payload...)
}

// AppendFramed appends the frame of m, unsigned, without an intermediate copy.
func AppendFramed(dst []byte, m *Message) []byte {
	size := Size(m)
	dst = append(dst, recordSeparator, byte(1+uvarintSize(uint64(size))), 1<<3)
	dst = binary.AppendUvarint(dst, uint64(size))
	dst = append(dst, unitSeparator)
	return AppendMessage(dst, m)
}

// FrameOptions limits and secures a FrameReader.
type FrameOptions struct {
	MaxMessage    int               // bytes; 0 means DefaultMaxMessage
	Keys          map[string][]byte // key by "<signer>_<version>"; nil: signatures are not checked
	RequireSigned bool              // refuse unsigned messages
}

// FrameStats counts what a FrameReader did not deliver.
type FrameStats struct {
	SkippedBytes  uint64 // bytes that belong to no frame
	Oversized     uint64 // frames over MaxMessage
	BadSignatures uint64 // frames with a wrong, unknown or missing signature
}

// FrameReader cuts a byte stream into the messages framed in it. After damage
// it resumes at the next 0x1E that starts a frame.
type FrameReader struct {
	r     io.Reader
	opt   FrameOptions
	buf   []byte
	start int
	end   int
	err   error
	stats FrameStats
}

// NewFrameReader reads frames from r.
func NewFrameReader(r io.Reader, opt FrameOptions) *FrameReader {
	if opt.MaxMessage <= 0 {
		opt.MaxMessage = DefaultMaxMessage
	}
	return &FrameReader{r: r, opt: opt, buf: make([]byte, 16<<10)}
}

// Stats returns the counts so far.
func (f *FrameReader) Stats() FrameStats { return f.stats }

// Buffered returns how many bytes were read and not yet delivered; 0 means that
// Next would wait for the far side.
func (f *FrameReader) Buffered() int { return f.end - f.start }

// Next returns the next message's bytes, valid until the next call. The error is
// that of the underlying reader, io.EOF at its end; an unfinished frame there is
// counted as skipped.
func (f *FrameReader) Next() ([]byte, error) {
	for {
		payload, need := f.scan()
		if payload != nil {
			return payload, nil
		}
		if f.err != nil {
			if f.start == f.end {
				return nil, f.err
			}
			f.discard(1) // it will never be whole; a frame may start inside it
			continue
		}
		f.fill(need)
	}
}

// scan looks for a whole frame in the buffer. Without one it returns how many
// bytes it needs to go on.
func (f *FrameReader) scan() (payload []byte, need int) {
	for {
		i := bytes.IndexByte(f.buf[f.start:f.end], recordSeparator)
		if i < 0 {
			f.discard(f.end - f.start)
			return nil, 3
		}
		f.discard(i)
		b := f.buf[f.start:f.end]
		if len(b) < 2 {
			return nil, 3
		}
		head := int(b[1])
		if len(b) < head+3 {
			return nil, head + 3
		}
		if b[head+2] != unitSeparator {
			f.discard(1)
			continue
		}
		var h frameHeader
		if err := h.parse(b[2 : head+2]); err != nil {
			f.discard(1)
			continue
		}
		if h.length > uint64(f.opt.MaxMessage) {
			// The length may be damage: search behind the separator, so that
			// a good frame inside what it claims is not lost.
			f.stats.Oversized++
			f.discard(head + 3)
			continue
		}
		total := head + 3 + int(h.length)
		if len(b) < total {
			return nil, total
		}
		f.start += total
		payload = b[head+3 : total]
		if !f.authentic(&h, payload) {
			f.stats.BadSignatures++
			continue
		}
		return payload, 0
	}
}

func (f *FrameReader) discard(n int) {
	f.start += n
	f.stats.SkippedBytes += uint64(n)
}

func (f *FrameReader) authentic(h *frameHeader, payload []byte) bool {
	if h.signer == "" {
		return !f.opt.RequireSigned
	}
	if f.opt.Keys == nil {
		return !f.opt.RequireSigned
	}
	key, ok := f.opt.Keys[keyName(h.signer, h.version)]
	return ok && h.hash <= SHA256 && hmac.Equal(sign(h.hash, key, payload), h.mac)
}

// fill reads at least one byte more, with room for a frame of need bytes.
func (f *FrameReader) fill(need int) {
	if f.start > 0 && (f.start == f.end || f.start+need > len(f.buf)) {
		copy(f.buf, f.buf[f.start:f.end])
		f.end -= f.start
		f.start = 0
	}
	if need > len(f.buf) {
		grown := make([]byte, max(need, min(2*len(f.buf), f.opt.MaxMessage+maxHeader+3)))
		copy(grown, f.buf[:f.end])
		f.buf = grown
	}
	for range 100 {
		n, err := f.r.Read(f.buf[f.end:])
		f.end += n
		if err != nil {
			f.err = err
			return
		}
		if n > 0 {
			return
		}
	}
	f.err = io.ErrNoProgress
}

type frameHeader struct {
	length  uint64
	hash    Hash
	signer  string
	version uint32
	mac     []byte
}

var errNoLength = errors.New("frame header without a message length")

func (h *frameHeader) parse(b []byte) error {
	r := wire{s: unsafe.String(unsafe.SliceData(b), len(b))}
	seen := false
	for r.more() {
		switch tag := r.uvarint(); tag {
		case 1 << 3:
			h.length, seen = r.uvarint(), true
		case 3 << 3:
			h.hash = Hash(min(r.uvarint(), 255))
		case 4<<3 | 2:
			h.signer = r.text()
		case 5 << 3:
			h.version = uint32(r.uvarint())
		case 6<<3 | 2:
			h.mac = []byte(r.text())
		default:
			r.skip(tag)
		}
	}
	if r.err == nil && !seen {
		return errNoLength
	}
	return r.err
}
