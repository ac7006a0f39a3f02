package logstream

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
	"time"

	"github.com/cespare/xxhash/v2"
	"golang.org/x/sys/unix"
)

const (
	headSize = 1024 // bytes at a file's start that tell it from others
	tailSize = 500  // bytes before a position that prove it
)

// file is one file of a stream and how far it was read.
type file struct {
	entry
	found   found
	size    int64 // when last looked at
	pos     int64 // read up to here; entry.Offset is what is durable
	grown   time.Time
	fd      *os.File
	gz      *gzip.Reader
	sum     uint64 // hash of the bytes before sumAt; 0: unknown
	sumAt   int64
	proven  int64 // the offset entry.TailHash belongs to
	tried   int64 // size at the last time it was read to its end
	zipped  bool
	current bool      // the newest file of its stream
	gone    bool      // its name leads elsewhere now
	goneAt  time.Time // since when
	failed  bool      // the last attempt to read it failed, and was reported
}

// errRenamed is no failure: the next scan finds the file under its new name.
var errRenamed = errors.New("the file was renamed")

// inode returns the inode and the time of birth, 0 where the file system has none.
func inode(path string, info fs.FileInfo) (ino uint64, birth int64) {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		ino = st.Ino
	}
	var sx unix.Statx_t
	err := unix.Statx(unix.AT_FDCWD, path, 0, unix.STATX_BTIME|unix.STATX_INO, &sx)
	if err == nil && sx.Mask&unix.STATX_BTIME != 0 && sx.Ino == ino { // the name may lead to another file by now
		birth = sx.Btime.Sec*1e9 + int64(sx.Btime.Nsec)
	}
	return ino, birth
}

func sameInode(info fs.FileInfo, ino uint64) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && st.Ino == ino
}

// open opens the file by its name, unless another file has that name by now.
func (f *file) open() error {
	if f.fd != nil {
		return nil
	}
	fd, err := os.Open(f.Path)
	if err != nil {
		return err
	}
	if info, err := fd.Stat(); err != nil || !sameInode(info, f.Inode) {
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

// read fills buf from the position and returns io.EOF at the end.
func (f *file) read(buf []byte) (int, error) {
	if !f.zipped {
		return f.fd.ReadAt(buf, f.pos)
	}
	if f.gz == nil {
		if err := f.unzip(f.pos); err != nil {
			return 0, err
		}
	}
	return io.ReadFull(f.gz, buf)
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

// head returns up to n bytes from the start of the content.
func (f *file) head(n int) ([]byte, error) {
	buf := make([]byte, n)
	var got int
	var err error
	if f.zipped {
		if err = f.unzip(0); err == nil {
			got, err = io.ReadFull(f.gz, buf)
		}
		f.gz = nil
	} else {
		got, err = f.fd.ReadAt(buf, 0)
	}
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, err
	}
	return buf[:got], nil
}

// tail hashes the bytes before a position; 0 for a compressed file.
func (f *file) tail(offset int64) uint64 {
	if f.zipped || f.fd == nil || offset == 0 {
		return 0
	}
	var buf [tailSize]byte
	n := min(offset, tailSize)
	got, _ := f.fd.ReadAt(buf[:n], offset-n)
	return xxhash.Sum64(buf[:got])
}

// proves reports whether the content of f is that of e up to e's position.
func (f *file) proves(e *entry) bool {
	if e.HeadLen == 0 || e.Offset == 0 || !f.begins(e) {
		return false
	}
	if f.zipped {
		return true
	}
	if f.length() < e.Offset {
		return false
	}
	return e.TailHash == 0 || f.tail(e.Offset) == e.TailHash
}

// begins reports whether f begins with the bytes e was recognised by.
func (f *file) begins(e *entry) bool {
	head, err := f.head(e.HeadLen)
	return err == nil && len(head) == e.HeadLen && xxhash.Sum64(head) == e.HeadHash
}

// identify gives a file never seen before its identity: from the stream, the
// place on disk and the first bytes.
func (f *file) identify(stream string) error {
	head, err := f.head(headSize)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s\x00%d\x00%d\x00%d\x00", stream, f.Inode, f.Birth, f.Generation)
	b.Write(head)
	f.ID = xxhash.Sum64(b.Bytes())
	f.HeadLen, f.HeadHash = len(head), xxhash.Sum64(head)
	return nil
}

// widen takes more of a grown file's start into its fingerprint.
func (f *file) widen() {
	if f.HeadLen >= headSize || f.zipped || f.fd == nil || f.size <= int64(f.HeadLen) {
		return
	}
	head, err := f.head(headSize)
	if err == nil && len(head) > f.HeadLen && xxhash.Sum64(head[:f.HeadLen]) == f.HeadHash {
		f.HeadLen, f.HeadHash = len(head), xxhash.Sum64(head)
	}
}

// overwritten reports whether the file no longer holds what was read from it:
// it was truncated, and perhaps written anew.
func (f *file) overwritten() bool {
	if f.zipped || f.fd == nil {
		return false
	}
	if f.size < f.pos {
		return true
	}
	return f.sum != 0 && f.sumAt == f.pos && f.tail(f.pos) != f.sum
}

// mark remembers the bytes before the position, so that an overwritten file is
// noticed even when it is longer than before.
func (f *file) mark() { f.sum, f.sumAt = f.tail(f.pos), f.pos }

// seal returns the entry with the proof of its offset.
func (f *file) seal() entry {
	switch {
	case f.fd != nil:
		f.TailHash = f.tail(f.Offset)
	case f.proven == f.Offset:
	case f.sumAt == f.Offset:
		f.TailHash = f.sum
	default:
		f.TailHash = 0 // better none than that of another offset
	}
	f.proven = f.Offset
	return f.entry
}
