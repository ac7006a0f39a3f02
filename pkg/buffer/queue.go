package buffer

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Queue is a bounded disk queue. Append, Settle, Ack, Release, Discard and Stats
// may be called from any goroutine, Next from one at a time.
type Queue struct {
	dir      string
	opts     Options
	disk     disk
	headroom int64
	lock     *os.File
	stop     chan struct{} // ends the syncing goroutine
	stopped  sync.WaitGroup

	// writer is the right to append. active is changed with it and mu. Who has it and
	// waits for room sends on stuck, to those who want it and whose time is up.
	writer  chan struct{}
	stuck   chan struct{}
	active  *os.File // the last segment; nil: the next record begins one
	recent  recent
	failing bool // the last write failed; guarded by writer

	mu         sync.Mutex
	changed    chan struct{} // closed when something changed that somebody waits for
	waiters    int
	cur        cursor
	saved      saved // cur as it is on disk
	file       cursorFile
	holes      []hole // ahead of cur.acked, sorted, disjoint
	segments   []*segment
	bytes      int64
	read       pos // the next record to hand out
	epoch      int // counts changes that make a read from disk void
	flights    []flight
	memory     []kept
	memBytes   int
	spare      [][]byte
	spareBytes int
	closed     bool
	dirty      bool // the active segment was written to and not synced
	unsynced   []unsynced
	named      bool // the folder has names that are not synced
	damage     Damage
	syncErrs   uint64
	lastErr    error

	reader reader // owned by the caller of Next
}

const (
	// minBuffer and maxBuffer bound the buffers that wait for the next record, and
	// maxSpare all of them, in bytes: about as many as are with a busy sender at a
	// time. More would only be memory.
	minBuffer = 4 << 10
	maxBuffer = 1 << 20
	maxSpare  = 4 << 20
)

// flight is a record that was handed out.
type flight struct {
	header
	frame   []byte
	out     bool // with the sender; false: released, to be handed out again
	done    bool
	outcome Outcome
}

// kept is a record in memory, not yet handed out.
type kept struct {
	header
	frame []byte
}

// Open opens the queue in dir, makes it if need be, and repairs what a crash or
// the disk did to it: it fails only when the folder cannot be used at all
// (ErrLocked, no permission). What was lost is in Stats.
func Open(dir string, opts Options) (*Queue, error) {
	return open(dir, opts, realDisk())
}

func open(dir string, opts Options, d disk) (*Queue, error) {
	opts, err := opts.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("open queue %s: %w", dir, err)
	}
	opts.SegmentBytes = min(opts.SegmentBytes, max(opts.MaxBytes/4, 1))
	q := &Queue{
		dir: dir, opts: opts, disk: d,
		writer:  make(chan struct{}, 1),
		stuck:   make(chan struct{}),
		changed: make(chan struct{}),
		stop:    make(chan struct{}),
		file:    cursorFile{path: filepath.Join(dir, cursorName), disk: d},
		recent:  recent{path: filepath.Join(dir, recentName), disk: d},
	}
	if err := q.start(); err != nil {
		_ = q.file.close()
		if q.lock != nil {
			_ = q.lock.Close()
		}
		return nil, fmt.Errorf("open queue %s: %w", dir, err)
	}
	return q, nil
}

func (q *Queue) start() error {
	if q.opts.ReadOnly {
		return q.load()
	}
	if err := os.MkdirAll(q.dir, 0o700); err != nil {
		return err
	}
	var err error
	if q.lock, err = lockDir(q.dir); err != nil {
		return err
	}
	if err := q.load(); err != nil {
		return err
	}
	q.headroom = q.opts.Headroom
	if q.headroom == 0 {
		q.headroom = 2 * q.opts.SegmentBytes
		if _, total, err := q.disk.free(q.dir); err == nil {
			q.headroom = min(q.headroom, total/20)
		}
	}
	q.saveCursor()
	q.remove(append(q.retire(), q.useless()...))
	if q.opts.Sync == SyncInterval {
		q.stopped.Go(q.syncLoop)
	}
	return nil
}

// Close makes everything durable and releases the folder. What is in flight is
// handed out again by the next Open.
func (q *Queue) Close() error {
	q.mu.Lock()
	if q.closed {
		q.mu.Unlock()
		return nil
	}
	q.closed = true
	q.wake()
	q.mu.Unlock()
	close(q.stop)
	q.stopped.Wait()
	q.writer <- struct{}{}
	defer func() { <-q.writer }()

	var errs []error
	if !q.opts.ReadOnly {
		q.tidy()
		if q.opts.Sync != SyncNever {
			q.syncSealed()
			errs = append(errs, q.syncActive(), q.syncCursor())
		}
	}
	q.mu.Lock()
	errs = append(errs, q.file.close(), q.recent.close())
	q.seal()
	q.mu.Unlock()
	if q.lock != nil {
		errs = append(errs, q.lock.Close())
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("close queue %s: %w", q.dir, err)
	}
	return nil
}

// note keeps an error for Stats; mu is held.
func (q *Queue) note(err error) {
	if err == nil {
		return
	}
	if q.lastErr == nil || q.lastErr.Error() != err.Error() {
		q.opts.Logger.Warn("queue has trouble with its disk", "dir", q.dir, "error", err)
	}
	q.lastErr = err
}

// saved is what the cursor on disk says. Until a change is there a crash undoes
// it, so it is not told to anybody either.
type saved struct {
	acked     uint64 // number of a record: what is before it may be deleted
	delivered uint64
	dead      uint64
	dropped   [reasons]uint64
	failed    bool // the last change could not be written
}

func (c *cursor) asSaved() saved {
	return saved{acked: c.acked.id, delivered: c.delivered, dead: c.dead, dropped: c.dropped}
}

// unsaved tells whether the cursor on disk is older than what is known; mu is held.
func (q *Queue) unsaved() bool { return q.saved.failed || q.saved.acked < q.cur.acked.id }

// saveCursor writes the cursor; mu is held. A failure costs only repetition
// after a crash, so it is noted and tried again at the next change, with the next
// tick, and by Close.
func (q *Queue) saveCursor() {
	q.cur.gone = q.cur.gone[:0]
	for _, h := range q.holes {
		if h.why == oldest {
			q.cur.gone = append(q.cur.gone, h)
		}
	}
	err := q.file.write(&q.cur)
	if err == nil {
		q.saved = q.cur.asSaved()
	}
	q.saved.failed = err != nil
	q.note(err)
}

// wake lets everybody look again who waits for a change; mu is held.
func (q *Queue) wake() {
	if q.waiters > 0 {
		close(q.changed)
		q.changed = make(chan struct{})
		q.waiters = 0
	}
}

// wait gives up mu until something changes, ctx ends, after passes (0 means no
// limit), or somebody has heard on tell (nil: nobody is told) that it waits.
func (q *Queue) wait(ctx context.Context, after time.Duration, tell chan<- struct{}) error {
	q.waiters++
	changed := q.changed
	q.mu.Unlock()
	defer q.mu.Lock()
	var timeout <-chan time.Time
	if after > 0 {
		timer := time.NewTimer(after)
		defer timer.Stop()
		timeout = timer.C
	}
	select {
	case <-changed:
	case <-timeout:
	case tell <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

// buffer returns a buffer that is empty and has room for a header and n bytes, as
// many as usual if there is a spare one; mu is held.
func (q *Queue) buffer(n int) []byte {
	if last := len(q.spare) - 1; last >= 0 && cap(q.spare[last]) >= headerSize+n {
		b := q.spare[last]
		q.spare = q.spare[:last]
		q.spareBytes -= cap(b)
		return b[:0]
	}
	return make([]byte, 0, headerSize+max(n, minBuffer))
}

// recycle takes a buffer back; mu is held. Outsized ones go to the collector.
func (q *Queue) recycle(b []byte) {
	if cap(b) >= minBuffer && cap(b) <= maxBuffer && q.spareBytes+cap(b) <= maxSpare {
		q.spare = append(q.spare, b)
		q.spareBytes += cap(b)
	}
}

// fitting returns the frame in no more memory than it may need: a large buffer
// that holds little goes back; mu is held.
func (q *Queue) fitting(frame []byte) []byte {
	if cap(frame) < 2*len(frame)+minBuffer {
		return frame
	}
	small := append(make([]byte, 0, len(frame)), frame...)
	q.recycle(frame)
	return small
}
