package logstream

import (
	"bytes"
	"slices"

	"github.com/cespare/xxhash/v2"
)

// mark proves content by the bytes before a position: tailSize of them, or all
// there are.
type mark struct {
	At   int64  `json:"at"`
	Hash uint64 `json:"hash"`
}

// keepMarks is how many of the last record ends are remembered. A copy that was
// made just before the original was truncated lacks what was written in between,
// which may have been read, and is recognised by an earlier one.
const keepMarks = 8

// proof is how well the content of a file agrees with an entry.
type proof int

const (
	other    proof = iota // it is other content
	shorter               // it begins like it, but is shorter than every mark
	confirms              // it is that content
)

// compare holds the content of an open file, which begins with head, against an
// entry, and returns up to where the two are known to agree.
func (f *file) compare(e *entry, head []byte) (upTo int64, p proof) {
	if e.HeadLen == 0 {
		return 0, other
	}
	if len(head) >= e.HeadLen && xxhash.Sum64(head[:e.HeadLen]) != e.HeadHash {
		return 0, other
	}
	if len(e.Marks) == 0 { // nothing is known to have been read of it
		if len(head) >= e.HeadLen || e.LeadHash != 0 && leadHash(head) == e.LeadHash {
			return 0, confirms
		}
		return 0, other
	}
	for i, m := range slices.Backward(e.Marks) {
		p := f.proves(m)
		if p == confirms && i == len(e.Marks)-1 {
			return max(m.At, e.Offset), confirms
		}
		if p != shorter {
			return m.At, p
		}
	}
	return 0, shorter
}

// proves holds the bytes before a mark against it.
func (f *file) proves(m mark) proof {
	n := min(m.At, tailSize)
	got, err := f.content(m.At-n, int(n))
	switch {
	case err != nil:
		return other
	case int64(len(got)) < n:
		return shorter
	case xxhash.Sum64(got) != m.Hash:
		return other
	}
	return confirms
}

// continues reports whether f is still the file of e, which has its place on
// disk: nothing that was read from it has gone.
func (f *file) continues(e *entry, head []byte) bool {
	if n := len(e.Marks); n > 0 && f.proves(e.Marks[n-1]) != confirms || len(head) < e.HeadLen {
		return false
	}
	_, p := f.compare(e, head)
	return p == confirms
}

// resembles reports whether all of f, as far as it is looked at, is what another
// file begins with: it may be a copy of it in the making.
func (f *file) resembles(original *file, head []byte) bool {
	if original.open() != nil {
		return false
	}
	begin, err := original.content(0, headSize)
	return err == nil && bytes.HasPrefix(begin, head)
}
