package buffer

import (
	"errors"
	"fmt"
	"os"
	"time"
)

// maxUnsynced is how many full segments may wait for the disk before Append does:
// what a power cut may take stays bounded when the disk is slow.
const maxUnsynced = 8

// unsynced is a segment that is full, or was ended, before it was synced. One
// that is delivered and deleted in time never has to be.
type unsynced struct {
	segment *segment
	f       *os.File
}

// syncLoop makes written records durable once an interval.
func (q *Queue) syncLoop() {
	tick := time.NewTicker(q.opts.Interval)
	defer tick.Stop()
	for {
		select {
		case <-q.stop:
			return
		case <-tick.C:
		}
		q.tidy() // what is deleted needs no sync
		q.syncNow()
	}
}

// tidy deletes the segments that hold nothing but settled records.
func (q *Queue) tidy() {
	q.mu.Lock()
	if q.unsaved() {
		q.saveCursor()
	}
	gone := q.retire()
	q.mu.Unlock()
	q.remove(gone)
}

func (q *Queue) syncCursor() error {
	q.mu.Lock()
	f := q.file.f
	q.mu.Unlock()
	if f == nil {
		return nil
	}
	return q.disk.sync(f)
}

// syncNow does not hold up Append.
func (q *Queue) syncNow() {
	q.syncSealed()
	err := q.syncActive()
	if err == nil {
		return
	}
	// What failed to sync is in the queue, safe from a crash of the process but
	// not from a power cut; the next record goes into a new file.
	q.writer <- struct{}{}
	q.mu.Lock()
	q.seal()
	q.note(err)
	q.mu.Unlock()
	<-q.writer
}

// syncSealed syncs the segments that were ended since the last time, and the
// names of all.
func (q *Queue) syncSealed() {
	q.syncNames()
	q.mu.Lock()
	list := q.unsynced
	q.unsynced = nil
	q.mu.Unlock()
	for _, u := range list {
		if err := q.disk.sync(u.f); err != nil {
			q.syncFailed(fmt.Errorf("sync segment: %w", err))
		}
		_ = u.f.Close()
	}
}

// syncNames syncs the folder if it has new names: without it a power cut could
// take the name of a synced file.
func (q *Queue) syncNames() {
	q.mu.Lock()
	named := q.named
	q.named = false
	q.mu.Unlock()
	if !named {
		return
	}
	if err := q.lock.Sync(); err != nil {
		q.syncFailed(fmt.Errorf("sync folder: %w", err))
	}
}

func (q *Queue) syncFailed(err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.syncErrs++
	q.note(err)
}

// syncActive syncs the segment that is being written. One that is ended meanwhile
// is synced once more: it counts as not synced until this has succeeded.
func (q *Queue) syncActive() error {
	q.mu.Lock()
	f, dirty, next := q.active, q.dirty, q.cur.next
	q.mu.Unlock()
	if !dirty || f == nil {
		return nil
	}
	err := q.disk.sync(f)
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case err == nil && q.active == f && q.cur.next == next:
		q.dirty = false
	case err != nil && !errors.Is(err, os.ErrClosed):
		q.syncErrs++
		return fmt.Errorf("sync segment: %w", err)
	}
	return nil
}

// seal ends the last segment. The right to append and mu are held.
func (q *Queue) seal() {
	if q.active == nil {
		return
	}
	if q.dirty && q.opts.Sync == SyncInterval {
		q.unsynced = append(q.unsynced, unsynced{q.segments[len(q.segments)-1], q.active})
	} else {
		_ = q.active.Close()
	}
	q.active, q.dirty = nil, false
}
