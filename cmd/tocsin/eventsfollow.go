package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/tocsin-lma/tocsin/pkg/store"
)

// reconnectDelay is how long a follower waits before it asks again for what a
// lost connection kept from it.
const reconnectDelay = 2 * time.Second

// follower prints events as they come. The aggregator's stream only says that
// there may be something new: what is new is read from the history, so that a
// slow reader and a lost connection miss nothing.
type follower struct {
	t     *tool
	c     *client
	p     *printer
	query url.Values
	last  uint64 // number of the newest event seen
}

func newFollower(t *tool, c *client, query url.Values) *follower {
	p := t.printer()
	p.lines = true
	return &follower{t: t, c: c, p: p, query: query}
}

// run prints the events there are, then those that come, until ctx is done.
func (f *follower) run(ctx context.Context) error {
	newest, err := readEvents(ctx, f.c, url.Values{"limit": {"1"}})
	if err != nil {
		return err
	}
	if len(newest) > 0 {
		f.last = newest[0].ID
	}
	if err := f.next(ctx); err != nil {
		return err
	}
	f.query.Set("order", "oldest")
	f.query.Set("limit", "10000")
	for {
		err := f.watch(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if _, down := errors.AsType[*unreachableError](err); !down {
			return err
		}
		fmt.Fprintf(f.t.std.err, "tocsin events: %v; trying again every %s\n", err, reconnectDelay)
		for answers := false; !answers; {
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(reconnectDelay):
				answers = f.c.get(ctx, "/api/v1/events", url.Values{"limit": {"1"}}, nil) == nil
			}
		}
	}
}

// next prints what query selects.
func (f *follower) next(ctx context.Context) error {
	events, err := readEvents(ctx, f.c, f.query)
	if err != nil {
		return err
	}
	for i := range events {
		e := &events[i]
		f.last = max(f.last, e.ID)
		if err := f.p.print(e, func(p *printer) error { return printEventLine(p, e) }); err != nil {
			return err
		}
	}
	return nil
}

// watch reads what is new whenever the stream says anything, until one of the
// two fails.
func (f *follower) watch(ctx context.Context) error {
	answer, err := f.c.open(ctx, http.MethodGet, "/api/v1/stream", nil)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	lines := bufio.NewScanner(answer.Body)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		if !strings.HasPrefix(lines.Text(), "data:") {
			continue
		}
		f.query.Set("after", strconv.FormatUint(f.last, 10))
		if err := f.next(ctx); err != nil {
			return err
		}
	}
	if err = lines.Err(); err == nil {
		err = io.ErrUnexpectedEOF
	}
	return &unreachableError{f.c.base, err}
}

func printEventLine(p *printer, e *store.Event) error {
	cells := eventCells(e)
	change := p.paint(cells[4])
	if e.Before != nil {
		change = p.paint(cells[3]) + " -> " + change
	}
	text := fmt.Sprintf("%s  %s %s  %s", cells[0], cells[1], cells[2], change)
	if cells[5] != "" {
		text += ": " + cells[5]
	}
	return p.printf("%s\n", text)
}
