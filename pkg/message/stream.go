package message

import (
	"context"
	"time"
)

// Stream takes the records of one ordered source: a log file, a connection.
// Calls are never concurrent. A Stream may have a method Repeats, for inputs whose
// source may give again, at any time, what was accepted before.
type Stream interface {
	// Emit takes one raw record. Its UUID is derived from where it came from.
	Emit(*Message) error
	// Commit makes everything taken so far durable in every queue that wants
	// it, or counts it as dropped. held is how many of the newest records the
	// decoder still holds back (an unfinished multi-line record): a position
	// must not advance past the first of them. An input calls Commit after
	// every read, and at least once a second while its source is silent.
	Commit(ctx context.Context) (held int, err error)
	// Close flushes what is held back, commits, and releases the stream.
	Close(ctx context.Context) error
}

// OpenStream opens the stream called name; its messages get that logger unless
// they name their own.
type OpenStream func(name string) (Stream, error)

// SendError says what became of a batch that an output could not deliver whole.
// What it does not mention was confirmed. An error of another type means that
// nothing is known to be delivered and the whole batch is to be sent again; one
// that wraps ErrPermanent, that it never will be accepted.
type SendError struct {
	Rejected []Rejected    // refused for good; they go to the dead-letter file
	Retry    []byte        // items to send again, as a batch; empty: none
	Waiting  int           // how many items Retry holds; 0: as many as were sent and not rejected
	After    time.Duration // how long the far side asks to wait; 0: it did not say
	Err      error         // the cause
}

// Rejected is one item of a batch that the far side refuses for good.
type Rejected struct {
	Item   []byte
	Reason string
}

func (e *SendError) Error() string { return e.Err.Error() }

func (e *SendError) Unwrap() error { return e.Err }
