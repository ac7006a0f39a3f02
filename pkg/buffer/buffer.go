// Package buffer is the bounded disk queue between encoding and sending: one
// queue for each output, one record for each encoded batch.
//
// Invariant: what Append took is handed out by Next until it is settled, across
// any number of kill -9, and whatever cannot be kept is counted exactly:
//
//	accepted = delivered + dead lettered + dropped{reason} + queued
//
// A queue is a folder of segments (appended to, never rewritten, deleted when
// all of their records are settled) and a cursor file. Every record carries its
// number, the number of its first message, the count of its messages and two
// checksums, so a gap tells how much is gone even when the bytes are.
//
//	inputs --Append--> [segment file] --+--> memory (sender keeps up) --+
//	                                    +--> read back (sender lags) ---+--> Next --> sender --> Settle
//
// Goroutines: none, but one that syncs once a second with SyncInterval.
package buffer

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"
)

// FullAction is what Append does with a batch that finds no room.
type FullAction string

// The full actions. Whatever the action, a record larger than the whole queue is
// dropped and counted.
const (
	Drop       FullAction = "drop"        // refuse the new batch and count it
	DropOldest FullAction = "drop_oldest" // give up the oldest segment that is not being sent, and count it
	Block      FullAction = "block"       // wait until there is room
	Shutdown   FullAction = "shutdown"    // return ErrShutdown; the daemon stops
)

// Sync is when written records are forced to the disk. It decides what a power
// cut may take; kill -9 takes nothing in any mode.
type Sync string

// The sync modes.
const (
	SyncBatch    Sync = "batch"    // before Append returns
	SyncInterval Sync = "interval" // every Options.Interval
	SyncNever    Sync = "never"    // when the system sees fit
)

// Errors of a Queue. They come wrapped: use errors.Is.
var (
	ErrFull     = errors.New("queue is full")                     // the batch was dropped and counted
	ErrShutdown = errors.New("queue is full, action is shutdown") // the batch was neither kept nor counted
	ErrClosed   = errors.New("queue is closed")
	ErrLocked   = errors.New("queue is in use by another process")
	ErrReadOnly = errors.New("queue is open for reading only")
	ErrNotTaken = errors.New("record is not in flight")
)

// Record is one encoded batch.
type Record struct {
	ID    uint64 // the number Next gave it; Append ignores it
	Data  []byte // the encoded batch
	Count int    // how many messages are in it
	// IDs are the identities of the messages, in order: numbers spread evenly, by
	// which Seen recognises a message that its source gives again; 0 for one that
	// has none. nil, or a list that ends early: the messages without an entry have
	// none, nothing is kept to recognise them by, and a repetition of them is
	// accepted as a new message. The list stays the caller's. Append and
	// AppendBatch read it; Next leaves it nil, whatever was appended.
	IDs []uint64
}

// Options are the settings of a queue. The zero value of each means its default.
type Options struct {
	MaxBytes     int64         // bound of all segments together; 1 GiB
	FullAction   FullAction    // Drop
	Sync         Sync          // SyncInterval
	Interval     time.Duration // of SyncInterval; 1 s
	SegmentBytes int64         // size at which a new segment is begun; MaxBytes/16, at most 8 MiB
	MemoryBytes  int           // records kept in memory for a sender that keeps up; 4 MiB
	InFlight     int           // records handed out and not settled; 4
	Headroom     int64         // free space of the file system that is left alone; two segments or 5 %, the smaller
	ReadOnly     bool          // look, without lock or repair, also at a queue in use
	Logger       *slog.Logger  // repairs and changes of state; nil: silent
}

// Exists tells whether dir holds a queue.
func Exists(dir string) bool {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return false
	}
	for _, e := range entries {
		if _, ok := segmentID(e.Name()); ok && e.Type().IsRegular() {
			return true
		}
	}
	_, found := readCursor(filepath.Join(dir, cursorName))
	return found
}

const (
	defaultMaxBytes = 1 << 30
	maxSegment      = 8 << 20
	minSegment      = 16 << 10
	// maxRecord bounds what a record may claim to hold.
	maxRecord = 256 << 20
)

// Check reports what Open would refuse in o.
func (o Options) Check() error {
	_, err := o.withDefaults()
	return err
}

func (o Options) withDefaults() (Options, error) {
	if o.MaxBytes == 0 {
		o.MaxBytes = defaultMaxBytes
	}
	if o.FullAction == "" {
		o.FullAction = Drop
	}
	if o.Sync == "" {
		o.Sync = SyncInterval
	}
	if o.Interval == 0 {
		o.Interval = time.Second
	}
	if o.SegmentBytes == 0 {
		o.SegmentBytes = min(maxSegment, max(o.MaxBytes/16, minSegment))
	}
	if o.MemoryBytes == 0 {
		o.MemoryBytes = 4 << 20
	}
	if o.InFlight == 0 {
		o.InFlight = 4
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o, o.validate()
}

func (o Options) validate() error {
	switch o.FullAction {
	case Drop, DropOldest, Block, Shutdown:
	default:
		return fmt.Errorf("full_action %q is unknown: use drop, drop_oldest, block or shutdown", o.FullAction)
	}
	switch o.Sync {
	case SyncBatch, SyncInterval, SyncNever:
	default:
		return fmt.Errorf("sync %q is unknown: use batch, interval or never", o.Sync)
	}
	if o.MaxBytes < 0 || o.SegmentBytes < 0 || o.Interval < 0 || o.MemoryBytes < 0 || o.InFlight < 0 || o.Headroom < 0 {
		return errors.New("a size, an interval or a limit of the queue is negative: use a positive value, or 0 for the default")
	}
	return nil
}
