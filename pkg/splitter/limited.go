package splitter

import "errors"

// Limited refuses records over a limit: one is skipped up to its end and then
// reported as a *TooLongError with its whole size, or handed on cut to the
// limit (keep_truncated).
type Limited struct {
	inner   Splitter
	limit   int
	keep    bool
	skipped int64 // bytes of the record over the limit that were passed already
	stats   Stats
}

// Stats counts what a splitter left out.
type Stats struct {
	TooLong      uint64 // records over the limit
	TooLongBytes uint64 // their bytes that were dropped
}

// Stats returns the counts so far.
func (l *Limited) Stats() Stats { return l.stats }

// Limit returns the greatest size of a record in bytes.
func (l *Limited) Limit() int { return l.limit }

// Pending returns how many bytes of an unfinished record were passed already:
// a position that must not split a record stays that far behind.
func (l *Limited) Pending() int64 { return l.skipped }

// Reset forgets everything about the data seen so far; a new source begins.
func (l *Limited) Reset() {
	l.skipped = 0
	if r, ok := l.inner.(*regex); ok {
		r.reset()
	}
}

// Split is as Splitter says. An error that is a *TooLongError comes with the
// advance over the end of that record and is no reason to stop.
func (l *Limited) Split(data []byte, atEOF bool) ([]byte, int, error) {
	record, advance, err := l.inner.Split(data, atEOF)
	if err != nil {
		return nil, advance, err
	}
	switch {
	case record == nil && advance > 0:
		return nil, advance, nil
	case record == nil:
		return l.unfinished(data, atEOF)
	case l.skipped > 0:
		return nil, advance, l.refuse(int64(advance))
	case len(record) <= l.limit:
		return record, advance, nil
	case l.keep:
		l.stats.TooLong++
		l.stats.TooLongBytes += uint64(len(record) - l.limit)
		return record[:l.limit], advance, nil
	}
	return nil, advance, l.refuse(int64(len(record)))
}

// unfinished passes over the front of a record that is too long already.
func (l *Limited) unfinished(data []byte, atEOF bool) ([]byte, int, error) {
	limit, hold := l.limit, overlap
	framed := false
	switch l.inner.(type) {
	case token:
		hold = 0
	case framing:
		framed = true
		limit += 255 + 3
	}
	switch {
	case atEOF && l.skipped > 0:
		return nil, len(data), l.refuse(int64(len(data)))
	case l.skipped == 0 && len(data) <= limit, len(data) <= hold:
		return nil, 0, nil
	case framed: // no frame that long can be meant: look for the next one
		return nil, 1, nil
	}
	first := l.skipped == 0
	passed := len(data) - hold // the end is seen again: a delimiter may begin there
	l.skipped += int64(passed)
	if r, ok := l.inner.(*regex); ok {
		r.reset()
	}
	if first && l.keep {
		return data[:limit], passed, nil
	}
	return nil, passed, nil
}

func (l *Limited) refuse(last int64) error {
	size := l.skipped + last
	l.skipped = 0
	l.stats.TooLong++
	l.stats.TooLongBytes += uint64(size)
	if l.keep { // its front was handed on
		l.stats.TooLongBytes -= uint64(min(int64(l.limit), size))
		return nil
	}
	return &TooLongError{Size: size, Limit: l.limit}
}

// IsTooLong reports whether err is a refused record, and its size.
func IsTooLong(err error) (int64, bool) {
	if err == nil { // spare the hot path the variable below
		return 0, false
	}
	var e *TooLongError
	if errors.As(err, &e) {
		return e.Size, true
	}
	return 0, false
}
