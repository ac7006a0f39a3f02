package logstream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/tocsin-lma/tocsin/pkg/message"
	"github.com/tocsin-lma/tocsin/pkg/splitter"
)

// Input follows the files its Config describes.
type Input struct {
	cfg    Config
	opt    Options
	match  *matcher // nil in the paths mode
	dir    string   // of the journals
	log    *slog.Logger
	bufs   sync.Pool     // of *[]byte
	turns  chan struct{} // held while a chunk is read and committed
	rescan chan struct{}
	stats  counters

	mu      sync.Mutex
	streams map[string]*stream
}

// Stats counts what an input did since its start.
type Stats struct {
	Streams     int
	Records     uint64
	Bytes       uint64
	TooLong     uint64 // records refused, or cut with keep_truncated
	Truncations uint64 // files found overwritten
	ReadErrors  uint64
}

type counters struct {
	records, bytes, tooLong, truncations, readErrors atomic.Uint64
}

// New makes an input. It touches no file before Run.
func New(cfg Config, opt Options) (*Input, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	if opt.Name == "" {
		opt.Name = "logstream"
	}
	if opt.Logger == nil {
		opt.Logger = slog.New(slog.DiscardHandler)
	}
	if opt.Journals == nil {
		opt.Journals = &Journals{}
	}
	probe, err := splitter.New(opt.Splitter)
	if err != nil {
		return nil, err
	}
	in := &Input{
		cfg: cfg, opt: opt, log: opt.Logger, dir: cfg.JournalDir,
		rescan: make(chan struct{}, 1), streams: map[string]*stream{},
	}
	if in.dir == "" {
		in.dir = filepath.Join(opt.DataDir, "logstreamer")
	}
	if cfg.FileMatch != "" {
		if in.match, err = newMatcher(cfg, opt.Name); err != nil {
			return nil, err
		}
	}
	size := max(256<<10, probe.Limit()) + 4096 // more than one record, or nothing could be cut
	in.turns = make(chan struct{}, 2*runtime.GOMAXPROCS(0))
	in.bufs.New = func() any { b := make([]byte, size); return &b }
	return in, nil
}

// Run follows the files until ctx ends; it returns nil then. After an error it may
// be called again: every stream goes on where its journal says.
func (in *Input) Run(ctx context.Context, open message.OpenStream) error {
	if err := os.MkdirAll(in.dir, 0o700); err != nil {
		return fmt.Errorf("make journal folder (journal_directory, or the data folder): %w", err)
	}
	in.mu.Lock()
	in.streams = map[string]*stream{} // those of a run that failed have ended
	in.mu.Unlock()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return in.scan(ctx, group, open) })
	err := group.Wait()
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// scan looks for files and hands them to their streams.
func (in *Input) scan(ctx context.Context, group *errgroup.Group, open message.OpenStream) error {
	ticker := time.NewTicker(in.cfg.RescanInterval)
	defer ticker.Stop()
	reported := map[string]string{}
	for first := true; ; first = false {
		streams, problems := in.catalogue(time.Now())
		in.claim(streams, problems)
		in.report(problems, reported)
		for _, name := range sortedKeys(streams) {
			if err := in.deliver(ctx, group, open, name, streams[name], first); err != nil {
				return err
			}
		}
		in.mu.Lock()
		for name, s := range in.streams {
			if _, ok := streams[name]; !ok {
				s.offer(nil)
			}
		}
		in.mu.Unlock()
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		case <-in.rescan:
		}
	}
}

func sortedKeys(m map[string][]found) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// deliver hands a stream its files, and starts it the first time.
func (in *Input) deliver(ctx context.Context, group *errgroup.Group, open message.OpenStream, name string, files []found, first bool) error {
	in.mu.Lock()
	s := in.streams[name]
	in.mu.Unlock()
	if s != nil {
		s.offer(files)
		return nil
	}
	out, err := open(name)
	if err != nil {
		return fmt.Errorf("open stream %s: %w", name, err)
	}
	if s, err = in.newStream(name, out, first); err != nil {
		return err
	}
	s.offer(files)
	in.mu.Lock()
	in.streams[name] = s
	in.mu.Unlock()
	group.Go(func() error { return s.run(ctx) })
	return nil
}

// report logs a problem when it first appears, or changes.
func (in *Input) report(problems map[string]error, reported map[string]string) {
	for where, err := range problems {
		if reported[where] != err.Error() {
			reported[where] = err.Error()
			in.log.Warn("log files left out", "input", in.opt.Name, "where", where, "error", err)
		}
	}
	for where := range reported {
		if problems[where] == nil {
			delete(reported, where)
		}
	}
}

// wake asks for a scan soon: a rotation was seen.
func (in *Input) wake() {
	select {
	case in.rescan <- struct{}{}:
	default:
	}
}

// Stats returns the counts so far.
func (in *Input) Stats() Stats {
	in.mu.Lock()
	n := len(in.streams)
	in.mu.Unlock()
	return Stats{
		Streams: n, Records: in.stats.records.Load(), Bytes: in.stats.bytes.Load(), TooLong: in.stats.tooLong.Load(),
		Truncations: in.stats.truncations.Load(), ReadErrors: in.stats.readErrors.Load(),
	}
}

// JournalDir returns the folder of the journals; see Positions.
func (in *Input) JournalDir() string { return in.dir }
