package logstream

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/cespare/xxhash/v2"
	"golang.org/x/sys/unix"
)

const (
	headSize = 1024 // bytes at a file's start that tell it from others
	leadSize = 32   // bytes at the start of a file that may be a copy cut short
	tailSize = 256  // bytes before a position that prove it
)

// file is one file of a stream and how far it was read.
type file struct {
	entry
	found     found
	size      int64  // when last looked at
	mtime     int64  // when last looked at, ns
	checked   int64  // the mtime at which what was read was found intact
	pos       int64  // read up to here; entry.Offset is what is durable
	last      []byte // the bytes before pos, as they were read: at most tailSize
	tried     int64  // size at the last time it was read to its end
	grown     time.Time
	fd        *os.File
	gz        *gzip.Reader
	zipped    bool
	current   bool      // the newest file of its stream
	gone      bool      // its name leads elsewhere now
	goneAt    time.Time // since when
	failed    bool      // the last attempt to read it failed, and was reported
	adopted   bool      // the identity is that of an entry
	journaled uint64    // the ID under which the journal on disk has it
}

// errRenamed is no failure: the next scan finds the file under its new name.
var errRenamed = errors.New("the file was renamed")

// status is what the file system says about a file, all of one moment.
type status struct {
	inode       uint64
	birth       int64 // ns; 0 where the file system has none
	size, mtime int64 // bytes, ns
	regular     bool
}

// examine asks for the status of a path, or with an empty path of a descriptor.
func examine(dir int, path string) (status, error) {
	var sx unix.Statx_t
	flags := 0
	if path == "" {
		flags = unix.AT_EMPTY_PATH
	}
	if err := unix.Statx(dir, path, flags, unix.STATX_BASIC_STATS|unix.STATX_BTIME, &sx); err != nil {
		return status{}, fmt.Errorf("examine %s: %w", path, err)
	}
	st := status{
		inode: sx.Ino, size: int64(sx.Size), mtime: sx.Mtime.Sec*1e9 + int64(sx.Mtime.Nsec),
		regular: sx.Mode&unix.S_IFMT == unix.S_IFREG,
	}
	if sx.Mask&unix.STATX_BTIME != 0 {
		st.birth = sx.Btime.Sec*1e9 + int64(sx.Btime.Nsec)
	}
	return st, nil
}

func examinePath(path string) (status, error) { return examine(unix.AT_FDCWD, path) }

// open opens the file by its name, unless another file has that name by now.
func (f *file) open() error {
	if f.fd != nil {
		return nil
	}
	fd, err := os.Open(f.Path)
	if err != nil {
		return err
	}
	if st, err := examine(int(fd.Fd()), ""); err != nil || !f.is(st) {
		_ = fd.Close()
		return errors.Join(errRenamed, err)
	}
	var magic [2]byte
	n, err := fd.ReadAt(magic[:], 0)
	if err != nil && !errors.Is(err, io.EOF) {
		_ = fd.Close()
		return fmt.Errorf("read %s: %w", f.Path, err)
	}
	f.fd, f.zipped = fd, n == 2 && magic == [2]byte{0x1f, 0x8b}
	return nil
}

func (f *file) close() {
	if f.fd != nil {
		_ = f.fd.Close()
	}
	f.fd, f.gz = nil, nil
}

// refresh asks the open file for its size.
func (f *file) refresh() {
	if f.fd == nil {
		return
	}
	if st, err := examine(int(f.fd.Fd()), ""); err == nil {
		f.size, f.mtime = st.size, st.mtime
	}
}

// read fills buf from the position and returns io.EOF at the end. An end that
// comes too early in a compressed file is io.ErrUnexpectedEOF.
func (f *file) read(buf []byte) (int, error) {
	if !f.zipped {
		return f.fd.ReadAt(buf, f.pos)
	}
	if f.gz == nil {
		if err := f.unzip(f.pos); err != nil {
			return 0, err
		}
	}
	return fill(f.gz, buf)
}

// fill is io.ReadFull with the reader's own error.
func fill(r io.Reader, buf []byte) (n int, err error) {
	for n < len(buf) && err == nil {
		var got int
		got, err = r.Read(buf[n:])
		n += got
	}
	return n, err
}

// unzip opens the compressed file and passes over what was read already.
func (f *file) unzip(skip int64) error {
	if _, err := f.fd.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("rewind %s: %w", f.Path, err)
	}
	z, err := gzip.NewReader(f.fd)
	if err != nil {
		return fmt.Errorf("decompress %s: %w", f.Path, err)
	}
	if _, err := io.CopyN(io.Discard, z, skip); err != nil {
		return fmt.Errorf("decompress %s up to byte %d: %w", f.Path, skip, err)
	}
	f.gz = z
	return nil
}

// content reads up to n bytes of the content from an offset.
func (f *file) content(offset int64, n int) ([]byte, error) {
	buf := make([]byte, n)
	var got int
	var err error
	if f.zipped {
		if err = f.unzip(offset); err == nil {
			got, err = fill(f.gz, buf)
		}
		f.gz = nil
	} else {
		got, err = f.fd.ReadAt(buf, offset)
	}
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, err
	}
	return buf[:got], nil
}

// identify gives a file never seen before its identity: from the place on disk,
// which no other file has at any time; where the file system does not know the
// time of birth, and after a truncation, from the first bytes also.
func (f *file) identify(host, stream string) error {
	head, err := f.content(0, headSize)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s\x00%s\x00%d\x00%d\x00%d\x00", host, stream, f.Inode, f.Birth, f.Generation)
	if f.Birth == 0 || f.Generation > 0 {
		b.Write(head)
	}
	f.ID = xxhash.Sum64(b.Bytes()) | 1 // 0 is none
	f.HeadLen, f.HeadHash = len(head), xxhash.Sum64(head)
	f.LeadHash = leadHash(head)
	return nil
}

func leadHash(head []byte) uint64 {
	if len(head) < leadSize {
		return 0
	}
	return xxhash.Sum64(head[:leadSize])
}

// widen takes more of a grown file's start into its fingerprint.
func (f *file) widen() {
	if f.HeadLen >= headSize || f.zipped || f.fd == nil || f.pos <= int64(f.HeadLen) {
		return
	}
	head, err := f.content(0, headSize)
	if err == nil && len(head) > f.HeadLen && xxhash.Sum64(head[:f.HeadLen]) == f.HeadHash && f.intact() {
		f.HeadLen, f.HeadHash, f.LeadHash = len(head), xxhash.Sum64(head), leadHash(head)
	}
}

// remember keeps the end of data, which was read just before the position, and
// marks the last of the records in it, which end there.
func (f *file) remember(data []byte, ends []int) {
	for _, end := range ends {
		at := f.pos - int64(len(data)-end)
		if end >= tailSize {
			f.mark(at, data[end-tailSize:end])
			continue
		}
		f.mark(at, tailOf(append(bytes.Clone(f.last), data[:end]...)))
	}
	if len(data) >= tailSize {
		f.last = append(f.last[:0], tailOf(data)...)
		return
	}
	f.last = append(f.last, data...)
	f.last = append(f.last[:0], tailOf(f.last)...)
}

func tailOf(data []byte) []byte { return data[max(0, len(data)-tailSize):] }

// seek sets the position, where reading goes on: at its end if it is shorter.
func (f *file) seek(pos int64) error {
	length := f.size
	if f.zipped && pos > 0 {
		if err := f.unzip(0); err != nil {
			return err
		}
		length, _ = io.CopyN(io.Discard, f.gz, pos)
		f.gz = nil
	}
	pos = min(pos, length)
	n := min(pos, tailSize)
	last, err := f.content(pos-n, int(n))
	if err != nil {
		return err
	}
	f.pos, f.Offset, f.last = pos, pos, last
	return nil
}

// intact reports whether the bytes before the position are those that were
// read. What was read at the position before it is asked belongs to them then: a
// file that is truncated never gets them back.
func (f *file) intact() bool {
	if f.zipped || f.fd == nil || len(f.last) == 0 {
		return true
	}
	var buf [tailSize]byte
	n, _ := f.fd.ReadAt(buf[:len(f.last)], f.pos-int64(len(f.last)))
	return bytes.Equal(buf[:n], f.last)
}

// starts reports whether data, read at the start of the file, has the head that
// the identity was given for.
func (f *file) starts(data []byte) bool {
	return len(data) >= f.HeadLen && xxhash.Sum64(data[:f.HeadLen]) == f.HeadHash
}

// mark remembers the bytes before a position, as a proof for later.
func (f *file) mark(at int64, before []byte) {
	n := len(f.Marks)
	if len(before) == 0 || n > 0 && f.Marks[n-1].At >= at {
		return
	}
	if n == keepMarks {
		f.Marks = append(f.Marks[:0], f.Marks[1:]...)
	}
	f.Marks = append(f.Marks, mark{At: at, Hash: xxhash.Sum64(before)})
}

// seal returns the entry with the proof of what was read.
func (f *file) seal() entry {
	f.mark(f.pos, f.last)
	e := f.entry
	if e.Offset < f.pos {
		e.ZipSize = 0 // some of it must be read again
	}
	e.Marks = append([]mark(nil), f.Marks...)
	return e
}
