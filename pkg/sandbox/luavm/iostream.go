package luavm

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"syscall"
)

// bufferSize is how much of a file is read and written at once, C's st_blksize.
const bufferSize = 4096

// buffering says when a stream hands over what was written.
type buffering int

const (
	bufferNone buffering = iota
	bufferFull
	bufferLine
)

// stream is C's FILE: one position for reading and writing, one buffer that
// holds either what was read ahead or what is not yet written. Switching from
// one to the other moves the file to where the script thinks it is.
type stream struct {
	in   io.Reader // nil when the stream is not open for reading
	out  io.Writer // nil when it is not open for writing
	pos  io.Seeker // nil when there is no position, as in a pipe
	shut func() error

	appends  bool // every write goes to the end of the file
	standard bool // a script cannot close it
	mode     buffering
	wait     func() // runs before the stream reads from its file; may be nil

	buf     []byte
	next    int  // the first byte of buf that was not read yet
	writing bool // buf waits for being written
	eof     bool // no byte is read until it is cleared
	err     error
}

// fail remembers the error that ferror tells of.
func (s *stream) fail(err error) bool {
	s.err = err
	return false
}

// clear is clearerr.
func (s *stream) clear() { s.eof, s.err = false, nil }

// unread returns what was read ahead.
func (s *stream) unread() []byte {
	if s.writing {
		return nil
	}
	return s.buf[s.next:]
}

// fill makes unread not empty; false is the end of the file or an error.
func (s *stream) fill() bool {
	if len(s.unread()) > 0 {
		return true
	}
	if !s.readable() {
		return false
	}
	s.buf = slices.Grow(s.buf[:0], bufferSize)
	size := bufferSize
	if s.mode == bufferNone {
		size = 1
	}
	n := s.readFile(s.buf[:size])
	s.buf, s.next = s.buf[:n], 0
	return n > 0
}

// readable prepares the stream for reading from its file.
func (s *stream) readable() bool {
	if s.in == nil {
		return s.fail(syscall.EBADF)
	}
	if s.eof || !s.flush() {
		return false
	}
	if s.writing {
		s.writing, s.buf, s.next = false, s.buf[:0], 0
	}
	return true
}

// readFile reads into p and returns how much; 0 is the end of the file or an error.
func (s *stream) readFile(p []byte) int {
	if s.wait != nil {
		s.wait()
	}
	for {
		n, err := s.in.Read(p)
		switch {
		case n > 0:
			return n
		case errors.Is(err, io.EOF):
			s.eof = true
			return 0
		case err != nil:
			s.fail(err)
			return 0
		}
	}
}

// getc returns the next byte, -1 at the end of the file.
func (s *stream) getc() int {
	if !s.fill() {
		return -1
	}
	s.next++
	return int(s.buf[s.next-1])
}

// write is fwrite. What an error keeps from being written is lost, as in C.
func (s *stream) write(text string) bool {
	if text == "" {
		return true
	}
	if s.out == nil {
		return s.fail(syscall.EBADF)
	}
	room := 0
	if s.writing {
		room = bufferSize - len(s.buf)
	} else if !s.startWriting() {
		return false
	}
	switch s.mode {
	case bufferNone:
		s.buf = append(s.buf, text...)
		return s.flush()
	case bufferLine:
		last := strings.LastIndexByte(text, '\n') + 1
		if last > 0 && !(s.put(text[:last], room) && s.flush()) {
			return false
		}
		return s.put(text[last:], bufferSize-len(s.buf))
	}
	return s.put(text, room)
}

// startWriting turns from reading to writing, at the position of the reader.
func (s *stream) startWriting() bool {
	if ahead := len(s.unread()); ahead > 0 && !s.appends && s.pos != nil {
		if _, err := s.pos.Seek(int64(-ahead), io.SeekCurrent); err != nil {
			return s.fail(err)
		}
	}
	s.buf, s.next, s.writing = s.buf[:0], 0, true
	return true
}

// put buffers what room there is for, and writes whole buffers.
func (s *stream) put(text string, room int) bool {
	if len(text) <= room {
		s.buf = append(s.buf, text...)
		return true
	}
	s.buf = append(s.buf, text[:room]...)
	text = text[room:]
	if !s.flush() {
		return false
	}
	whole := len(text) - len(text)%bufferSize
	if whole > 0 {
		if _, err := io.WriteString(s.out, text[:whole]); err != nil {
			return s.fail(err)
		}
	}
	s.buf = append(s.buf, text[whole:]...)
	return true
}

// flush writes what is buffered.
func (s *stream) flush() bool {
	if !s.writing || len(s.buf) == 0 {
		return true
	}
	_, err := s.out.Write(s.buf)
	s.buf = s.buf[:0]
	if err != nil {
		return s.fail(err)
	}
	return true
}

// sync is fflush, which also gives back what was read ahead.
func (s *stream) sync() bool {
	ahead := len(s.unread())
	if ahead == 0 || s.pos == nil {
		return s.flush()
	}
	_, err := s.pos.Seek(int64(-ahead), io.SeekCurrent)
	switch {
	case errors.Is(err, syscall.ESPIPE):
		return true
	case err != nil:
		return s.fail(err)
	}
	s.buf, s.next = s.buf[:0], 0
	return true
}

// seek is fseek, and returns the position.
func (s *stream) seek(offset int64, whence int) (int64, error) {
	if !s.flush() {
		return 0, s.err
	}
	if s.pos == nil {
		return 0, syscall.ESPIPE
	}
	if whence == io.SeekCurrent {
		offset -= int64(len(s.unread()))
	}
	at, err := s.pos.Seek(offset, whence)
	if err != nil {
		return 0, err
	}
	s.buf, s.next = s.buf[:0], 0
	s.writing, s.eof = false, false
	return at, nil
}

// setBuffering is setvbuf without a buffer; like glibc it takes no notice of
// sizes, and gives no buffer back to a stream that was told to have none.
func (s *stream) setBuffering(mode buffering) bool {
	if s.mode == bufferNone {
		return true
	}
	s.mode = mode
	return mode != bufferNone || s.sync()
}

// close writes what is buffered and closes the file.
func (s *stream) close() error {
	var err error
	if !s.flush() {
		err = s.err
	}
	s.in, s.out, s.pos, s.buf, s.next = nil, nil, nil, nil, 0
	if s.shut != nil {
		if closing := s.shut(); closing != nil {
			err = closing
		}
	}
	return err
}

// appendLine appends up to the end of a line, which it takes away; ended is
// false when there was none in the buffer.
func (s *stream) appendLine(dst []byte) (line []byte, ended bool) {
	ahead := s.unread()
	if i := bytes.IndexByte(ahead, '\n'); i >= 0 {
		s.next += i + 1
		return append(dst, ahead[:i]...), true
	}
	s.next += len(ahead)
	return append(dst, ahead...), false
}

// appendSome appends at most n bytes, n > 0; nothing at the end of the file. It
// reads past the buffer what would fill it.
func (s *stream) appendSome(dst []byte, n int) []byte {
	if len(s.unread()) == 0 && n >= bufferSize && s.mode != bufferNone {
		if !s.readable() {
			return dst
		}
		dst = slices.Grow(dst, min(n, max(bufferSize, len(dst))))
		start := len(dst)
		room := dst[start:cap(dst)]
		got := s.readFile(room[:min(n, len(room))])
		return dst[:start+got]
	}
	if !s.fill() {
		return dst
	}
	ahead := s.unread()
	ahead = ahead[:min(n, len(ahead))]
	s.next += len(ahead)
	return append(dst, ahead...)
}
