package crash

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"
)

// Feed writes numbered log lines to a file that is rotated at times, as logrotate
// does. Calls are never concurrent.
type Feed struct {
	dir, name string
	line      func(n int) string // makes line n, without its end
	f         *os.File
	next      atomic.Int64
	rotate    chan func() error // how to, between two lines
}

// keepRotated is how many rotated files stay: more than any fault lasts.
const keepRotated = 20

// NewFeed makes the folder and the first file. line makes line n, which must hold
// seq= and n; nil makes log lines.
func NewFeed(dir, name string, line func(n int) string) (*Feed, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make folder of the feed: %w", err)
	}
	if line == nil {
		line = logLine
	}
	f := &Feed{dir: dir, name: name, line: line, rotate: make(chan func() error, 1)}
	return f, f.open()
}

func (f *Feed) open() (err error) {
	f.f, err = os.OpenFile(filepath.Join(f.dir, f.name), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("open feed: %w", err)
	}
	return nil
}

// Written is how many records there are, or are just being written; they are
// numbered from 0. It may be called from any goroutine.
func (f *Feed) Written() int { return int(f.next.Load()) }

// Rotate asks for a rotation by renaming, between two lines.
func (f *Feed) Rotate() { f.ask(f.rename) }

// CopyTruncate asks for a rotation by copying and truncating, between two lines:
// with more than one writer it would lose some by itself.
func (f *Feed) CopyTruncate() { f.ask(f.copyTruncate) }

func (f *Feed) ask(how func() error) {
	select {
	case f.rotate <- how:
	default:
	}
}

// Write writes n lines, spread over a time.
func (f *Feed) Write(ctx context.Context, n int, spread time.Duration) error {
	const slices = 50
	for i := range slices {
		select {
		case turn := <-f.rotate:
			if err := turn(); err != nil {
				return fmt.Errorf("rotate feed: %w", err)
			}
		default:
		}
		w := bufio.NewWriter(f.f)
		for range n*(i+1)/slices - n*i/slices {
			fmt.Fprintln(w, f.line(int(f.next.Add(1))-1))
		}
		if err := w.Flush(); err != nil {
			return fmt.Errorf("write feed: %w", err)
		}
		pause(ctx, spread/slices)
	}
	return ctx.Err()
}

// logLine has many lengths, so that no read ends where a line does.
func logLine(n int) string {
	return fmt.Sprintf("%s node-1 app[%d]: request served seq=%09d status=200 %s",
		time.Now().UTC().Format("2006-01-02T15:04:05.000000Z"), os.Getpid(), n, strings.Repeat("x", n%97))
}

func (f *Feed) rename() error {
	if err := f.f.Close(); err != nil {
		return err
	}
	if err := f.shift(0); err != nil {
		return err
	}
	return f.open()
}

// shift gives the rotated files the next number, from one on.
func (f *Feed) shift(from int) error {
	for i := keepRotated; i >= from; i-- {
		if err := os.Rename(f.path(i), f.path(i+1)); err != nil && !os.IsNotExist(err) {
			return err
		}
	}
	return nil
}

func (f *Feed) path(i int) string {
	path := filepath.Join(f.dir, f.name)
	if i > 0 {
		path = fmt.Sprintf("%s.%d", path, i)
	}
	return path
}

func (f *Feed) copyTruncate() error {
	if err := f.shift(1); err != nil {
		return err
	}
	in, err := os.Open(f.path(0))
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(f.path(1))
	if err != nil {
		return err
	}
	defer out.Close()
	if _, err := io.Copy(out, in); err != nil {
		return err
	}
	return f.f.Truncate(0)
}

// Close closes the file.
func (f *Feed) Close() { _ = f.f.Close() }
