package buffer

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// retryFull is how often Block looks again at a disk that others fill.
const retryFull = 200 * time.Millisecond

// Room is how many bytes a batch that AppendBatch takes has before its first item.
const Room = headerSize

// Batch returns an empty batch for AppendBatch: Room bytes, to append items to.
func (q *Queue) Batch() []byte {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.buffer(0)[:Room]
}

// Append is AppendBatch for data that stays the caller's: a copy is kept.
func (q *Queue) Append(ctx context.Context, rec Record) error {
	if q.opts.ReadOnly {
		return ErrReadOnly
	}
	q.mu.Lock()
	frame := q.buffer(len(rec.Data))
	q.mu.Unlock()
	rec.Data = append(frame[:Room], rec.Data...)
	return q.AppendBatch(ctx, rec)
}

// AppendBatch adds a batch to the end of the queue and returns when it is there:
// the process may be killed at once. rec.Data begins with Room bytes, as Batch
// made it, which are no part of the batch; it is the queue's from now on,
// whatever the outcome.
//
// An error that wraps ErrFull says that the batch was dropped and its messages
// were counted. After any other error it was neither kept nor counted: ctx ended
// while Block waited, ErrShutdown, ErrClosed. With room a batch is taken although
// ctx has ended.
func (q *Queue) AppendBatch(ctx context.Context, rec Record) error {
	if q.opts.ReadOnly {
		return ErrReadOnly
	}
	err := q.append(ctx, rec)
	if err != nil {
		q.mu.Lock()
		q.recycle(rec.Data)
		q.mu.Unlock()
	}
	return err
}

func (q *Queue) append(ctx context.Context, rec Record) error {
	if err := q.begin(ctx); err != nil {
		return err
	}
	defer func() { <-q.writer }()
	size := int64(len(rec.Data))
	if size > q.opts.MaxBytes || size > headerSize+maxRecord {
		return q.drop(rec.Count, tooLarge, nil)
	}
	for {
		why, err := q.room(size)
		if err != nil {
			return err
		}
		if why == reasons {
			if why, err = q.write(rec); why == reasons {
				return nil
			}
		}
		q.trouble(why, err)
		switch q.opts.FullAction {
		case DropOldest:
			if (why == full || why == diskFull) && q.dropOldest() {
				continue
			}
			return q.drop(rec.Count, why, err)
		case Block:
			q.mu.Lock()
			waitErr := q.wait(ctx, retryFull, q.stuck)
			q.mu.Unlock()
			if waitErr != nil {
				return waitErr
			}
		case Shutdown:
			return fmt.Errorf("append to queue %s (%s): %w", q.dir, why, errors.Join(ErrShutdown, err))
		default:
			return q.drop(rec.Count, why, err)
		}
	}
}

// begin takes the right to append. The end of ctx gives up only what would wait
// for room: whoever writes is done in a moment, and what can be written at once
// is. Half of what was emitted would else be lost or not as chance has it, when
// an input ends.
func (q *Queue) begin(ctx context.Context) error {
	select {
	case q.writer <- struct{}{}:
		return nil
	default:
	}
	select {
	case q.writer <- struct{}{}:
		return nil
	case <-ctx.Done():
	}
	select {
	case q.writer <- struct{}{}:
		return nil
	case <-q.stuck:
		return ctx.Err()
	}
}

// drop counts a refused batch.
func (q *Queue) drop(messages int, why reason, cause error) error {
	q.mu.Lock()
	q.cur.dropped[why] += uint64(max(messages, 0))
	q.saveCursor()
	q.mu.Unlock()
	return fmt.Errorf("append %d messages to queue %s (%s): %w", messages, q.dir, why, errors.Join(ErrFull, cause))
}

// trouble logs the beginning of a time in which nothing can be appended.
func (q *Queue) trouble(why reason, err error) {
	if !q.failing {
		q.failing = true
		q.opts.Logger.Warn("queue takes nothing more", "dir", q.dir, "reason", why.String(), "full_action", string(q.opts.FullAction), "error", err)
	}
}

// room says why size bytes find no room, or reasons when they do.
func (q *Queue) room(size int64) (reason, error) {
	free, _, err := q.disk.free(q.dir)
	q.mu.Lock()
	if q.closed {
		q.mu.Unlock()
		return 0, ErrClosed
	}
	noSpace := err == nil && free-size < q.headroom
	over := q.bytes+size > q.opts.MaxBytes
	var gone []*segment
	if noSpace || over {
		if q.cur.acked == q.cur.next && len(q.segments) > 0 {
			// Everything is delivered: the last segment can make room too.
			q.seal()
			if q.unsaved() {
				q.saveCursor()
			}
		}
		gone = q.retire()
	}
	q.mu.Unlock()
	if len(gone) > 0 {
		q.remove(gone)
		return q.room(size)
	}
	switch {
	case over:
		return full, nil
	case noSpace:
		return diskFull, nil
	}
	return reasons, nil
}

// write appends the record and returns reasons, or cuts the file back to what it
// was and says why.
func (q *Queue) write(rec Record) (reason, error) {
	frame := rec.Data
	q.mu.Lock()
	h := header{pos: q.cur.next, size: uint32(len(frame) - headerSize), count: uint32(max(rec.Count, 0))}
	q.mu.Unlock()
	h.sum = checksum(frame[headerSize:])
	appendHeader(frame[:0], h)

	ids := rec.IDs[:min(len(rec.IDs), int(h.count))]
	err := q.recent.save(h.seq, ids)
	var s *segment
	if err == nil {
		s, err = q.segmentFor(int64(len(frame)))
	}
	if err == nil {
		err = q.put(s, frame)
	}
	if err != nil {
		q.mu.Lock()
		q.note(err)
		q.mu.Unlock()
		if errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) {
			return diskFull, err
		}
		return writeError, err
	}
	if q.failing {
		q.failing = false
		q.opts.Logger.Info("queue takes records again", "dir", q.dir)
	}
	q.recent.add(ids)
	q.publish(s, h, frame)
	return reasons, nil
}

// segmentFor returns the segment that takes n bytes more; the right to append is
// held.
func (q *Queue) segmentFor(n int64) (*segment, error) {
	q.mu.Lock()
	next := q.cur.next
	var last *segment
	if q.active != nil {
		last = q.segments[len(q.segments)-1]
	}
	q.mu.Unlock()
	if last != nil && (last.size == 0 || last.size+n <= q.opts.SegmentBytes) {
		return last, nil
	}
	q.mu.Lock()
	q.seal()
	behind := len(q.unsynced) >= maxUnsynced
	q.mu.Unlock()
	if behind { // the disk is slower than the inputs: they wait for it
		q.syncSealed()
	}
	s := &segment{first: next, end: next, path: segmentPath(q.dir, next.id)}
	f, err := os.OpenFile(s.path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, fmt.Errorf("create segment: %w", err)
	}
	q.mu.Lock()
	q.named = true
	q.mu.Unlock()
	if q.opts.Sync == SyncBatch {
		q.syncNames()
	}
	q.mu.Lock()
	q.active = f
	q.segments = append(q.segments, s)
	gone := q.retireMany()
	q.mu.Unlock()
	q.remove(gone)
	return s, nil
}

// put writes a frame at the end of the segment, or leaves the segment as it was.
func (q *Queue) put(s *segment, frame []byte) error {
	_, err := q.disk.writeAt(q.active, frame, s.size)
	if err != nil {
		err = fmt.Errorf("write segment: %w", err)
	} else if q.opts.Sync == SyncBatch {
		if err = q.disk.sync(q.active); err != nil {
			q.mu.Lock()
			q.syncErrs++
			q.mu.Unlock()
			err = fmt.Errorf("sync segment: %w", err)
		}
	}
	if err != nil {
		// Whether or not the cut succeeds, the next record begins a new segment,
		// whose first number ends this one for every later scan.
		_ = q.disk.truncate(q.active, s.size)
		q.abandon(s)
	}
	return err
}

// abandon ends a segment that the disk has trouble with.
func (q *Queue) abandon(s *segment) {
	info, err := q.active.Stat()
	q.mu.Lock()
	defer q.mu.Unlock()
	q.seal()
	if s.size == 0 {
		_ = os.Remove(s.path)
		q.segments = q.segments[:len(q.segments)-1]
		return
	}
	if err == nil {
		s.waste = max(info.Size()-s.size, 0)
		q.bytes += s.waste
	}
}

// publish lets the sender have the record.
func (q *Queue) publish(s *segment, h header, frame []byte) {
	q.mu.Lock()
	defer q.mu.Unlock()
	caughtUp := len(q.memory) == 0 && q.read.id == h.id
	follows := len(q.memory) > 0 && q.memory[len(q.memory)-1].id+1 == h.id
	size := len(frame)
	if caughtUp || follows && q.memBytes+size <= q.opts.MemoryBytes {
		frame = q.fitting(frame)
		q.memory = append(q.memory, kept{h, frame})
		q.memBytes += cap(frame)
	} else {
		q.recycle(frame)
	}
	s.size += int64(size)
	s.end = h.end()
	q.bytes += int64(size)
	q.cur.next = h.end()
	q.dirty = true
	q.saveCursor()
	q.wake()
}

// dropOldest gives up the oldest whole segment that holds nothing in flight. The
// right to append is held.
func (q *Queue) dropOldest() bool {
	q.mu.Lock()
	var victim *segment
	for i, s := range q.segments {
		if q.active != nil && i == len(q.segments)-1 {
			break
		}
		if s.end.id <= q.read.id || s.first.id < q.read.id && q.inFlight(s) {
			continue
		}
		from := s.first
		if from.id < q.read.id {
			from = q.read
		}
		if q.giveUp(from, s.end, oldest) {
			victim = s
			q.segments = append(q.segments[:i:i], q.segments[i+1:]...)
			q.passHoles()
			q.saveCursor()
		}
		break
	}
	q.mu.Unlock()
	if victim == nil {
		return false
	}
	q.remove([]*segment{victim})
	return true
}

func (q *Queue) inFlight(s *segment) bool {
	for _, f := range q.flights {
		if f.id >= s.first.id && f.id < s.end.id {
			return true
		}
	}
	return false
}
