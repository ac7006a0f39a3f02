package crash

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Feed writes numbered log lines to a file that is rotated at times, by renaming
// as logrotate does. Calls are never concurrent.
type Feed struct {
	dir, name string
	line      func(n int) string // makes line n, without its end
	f         *os.File
	next      int
	rotate    chan struct{}
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
	f := &Feed{dir: dir, name: name, line: line, rotate: make(chan struct{}, 1)}
	return f, f.open()
}

func (f *Feed) open() (err error) {
	f.f, err = os.OpenFile(filepath.Join(f.dir, f.name), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("open feed: %w", err)
	}
	return nil
}

// Written is how many records there are; they are numbered from 0.
func (f *Feed) Written() int { return f.next }

// Rotate asks for a rotation between two lines.
func (f *Feed) Rotate() {
	select {
	case f.rotate <- struct{}{}:
	default:
	}
}

// Write writes n lines, spread over a time.
func (f *Feed) Write(ctx context.Context, n int, spread time.Duration) error {
	const slices = 50
	for i := range slices {
		select {
		case <-f.rotate:
			if err := f.turn(); err != nil {
				return err
			}
		default:
		}
		w := bufio.NewWriter(f.f)
		for range n*(i+1)/slices - n*i/slices {
			fmt.Fprintln(w, f.line(f.next))
			f.next++
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

// turn rotates the file.
func (f *Feed) turn() error {
	if err := f.f.Close(); err != nil {
		return fmt.Errorf("rotate feed: %w", err)
	}
	for i := keepRotated; i >= 0; i-- {
		from := filepath.Join(f.dir, f.name)
		if i > 0 {
			from = fmt.Sprintf("%s.%d", from, i)
		}
		err := os.Rename(from, fmt.Sprintf("%s.%d", filepath.Join(f.dir, f.name), i+1))
		if err != nil && !os.IsNotExist(err) {
			return fmt.Errorf("rotate feed: %w", err)
		}
	}
	return f.open()
}

// Close closes the file.
func (f *Feed) Close() { _ = f.f.Close() }
