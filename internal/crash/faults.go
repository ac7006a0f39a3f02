package crash

import (
	"context"
	"fmt"
	"maps"
	"os/exec"
	"slices"
	"time"
)

// fault breaks something for about a while and mends it before it returns; what
// outlasts it must mend itself. Where there are several daemons, sinks or links
// it chooses one.
type fault struct {
	do   func(ctx context.Context, r *run, d time.Duration) error
	able func(r *run) bool // nil: always
}

// allFaults are the faults by name.
func allFaults() map[string]fault {
	return map[string]fault{
		"none":       {do: func(ctx context.Context, _ *run, d time.Duration) error { pause(ctx, d); return nil }},
		"kill":       {do: func(_ context.Context, r *run, _ time.Duration) error { return r.any().proc.KillAndStart() }},
		"kill twice": {do: killTwice},
		"kill all":   {do: killAll, able: isChain},
		"pause":      {do: func(_ context.Context, r *run, d time.Duration) error { r.any().proc.Pause(d); return nil }},
		"terminate":  {do: func(_ context.Context, r *run, _ time.Duration) error { return r.any().proc.Terminate() }},
		"reload":     {do: func(_ context.Context, r *run, _ time.Duration) error { r.any().proc.Reload(); return nil }},
		"rotate":     {do: func(_ context.Context, r *run, _ time.Duration) error { r.feed.Rotate(); return nil }},
		"copy and truncate": {do: func(_ context.Context, r *run, _ time.Duration) error {
			r.feed.CopyTruncate()
			return nil
		}},
		"sink restarts": {do: func(_ context.Context, r *run, d time.Duration) error {
			return r.anySink().Restart(d)
		}},
		"sink answers 503":         {do: moody(failing)},
		"sink answers 429":         {do: moody(busy)},
		"sink hangs up":            {do: moody(hangUp)},
		"sink takes half":          {do: moody(half)},
		"sink hangs":               {do: moody(hanging)},
		"sink is slow":             {do: moody(slow)},
		"sink breaks its answer":   {do: moody(halfBody)},
		"kill while sink refuses":  {do: moodyKill(failing)},
		"kill while sink hangs up": {do: moodyKill(hangUp)},
		"network cut": {able: ownNet, do: func(ctx context.Context, r *run, d time.Duration) error {
			return r.any().net.Cut(ctx, d)
		}},
		"network bad": {able: ownNet, do: func(ctx context.Context, r *run, d time.Duration) error {
			return r.any().net.Impair(ctx, d)
		}},
		"link drops": {able: isChain, do: func(_ context.Context, r *run, _ time.Duration) error {
			r.anyLink().Drop()
			return nil
		}},
		"link stalls": {able: isChain, do: func(_ context.Context, r *run, d time.Duration) error {
			r.anyLink().Stall(d)
			return nil
		}},
		"link restarts": {able: isChain, do: func(_ context.Context, r *run, d time.Duration) error {
			return r.anyLink().Restart(d)
		}},
		"disk full":            {do: fullDisk(false), able: ownDisk},
		"kill while disk full": {do: fullDisk(true), able: ownDisk},
		"disk fails":           {do: failDisk, able: canInject},
		"clock jumps":          {do: jumpClock(false), able: canJump},
		"kill, clock jumped":   {do: jumpClock(true), able: canJump},
	}
}

// chooseFaults takes the faults asked for, or all that this machine can do.
func (r *run) chooseFaults() error {
	r.faults = allFaults()
	r.kinds = r.opts.Faults
	if r.kinds == nil {
		for _, name := range slices.Sorted(maps.Keys(r.faults)) {
			if r.faults[name].able == nil || r.faults[name].able(r) {
				r.kinds = append(r.kinds, name)
			}
		}
	}
	for _, name := range r.kinds {
		f, ok := r.faults[name]
		if !ok {
			return fmt.Errorf("unknown fault %q: there are %v", name, slices.Sorted(maps.Keys(r.faults)))
		}
		if f.able != nil && !f.able(r) {
			return fmt.Errorf("fault %q needs root, tools or a chain that are not here", name)
		}
	}
	return nil
}

func (r *run) any() *member   { return r.chain[r.rng.IntN(len(r.chain))] }
func (r *run) anySink() *Sink { return r.sinks[r.rng.IntN(len(r.sinks))] }
func (r *run) anyLink() *Link { return r.links[r.rng.IntN(len(r.links))] }
func isChain(r *run) bool     { return len(r.links) > 0 }
func ownNet(r *run) bool      { return r.chain[0].net != nil }
func ownDisk(r *run) bool     { return r.chain[0].disk.Own }
func canJump(r *run) bool     { return r.clock != nil }
func (r *run) last() *member  { return r.chain[len(r.chain)-1] }
func canInject(*run) bool {
	// It may be there and not be allowed to trace.
	return exec.Command("strace", "-qq", "-o", "/dev/null", "-e", "trace=none", "true").Run() == nil
}

func moody(m mood) func(context.Context, *run, time.Duration) error {
	return func(ctx context.Context, r *run, d time.Duration) error {
		r.anySink().Be(m, d)
		pause(ctx, d)
		return nil
	}
}

func moodyKill(m mood) func(context.Context, *run, time.Duration) error {
	return func(_ context.Context, r *run, d time.Duration) error {
		r.anySink().Be(m, d)
		time.Sleep(d / 2)
		return r.last().proc.KillAndStart()
	}
}

// killTwice kills one again while it is still repairing.
func killTwice(_ context.Context, r *run, _ time.Duration) error {
	p := r.any().proc
	if err := p.KillAndStart(); err != nil {
		return err
	}
	time.Sleep(time.Duration(r.rng.IntN(30)) * time.Millisecond)
	return p.KillAndStart()
}

// killAll is what a host does that loses its power, but for its disk.
func killAll(_ context.Context, r *run, _ time.Duration) error {
	for _, m := range r.chain {
		if err := m.proc.KillAndStart(); err != nil {
			return err
		}
	}
	return nil
}

func fullDisk(kill bool) func(context.Context, *run, time.Duration) error {
	return func(ctx context.Context, r *run, d time.Duration) error {
		m := r.any()
		if err := m.disk.Fill(); err != nil {
			return err
		}
		pause(ctx, d/2)
		if kill {
			if err := m.proc.KillAndStart(); err != nil {
				return err
			}
		}
		pause(ctx, d/2)
		return m.disk.Empty()
	}
}

// failDisk lets every n-th write to a file, and every n-th sync, fail with EIO
// or ENOSPC.
func failDisk(ctx context.Context, r *run, d time.Duration) error {
	name := []string{"EIO", "ENOSPC"}[r.rng.IntN(2)]
	p := r.any().proc
	p.Kill()
	p.Wrap = []string{
		"strace", "-f", "--seccomp-bpf", "-qq", "-o", "/dev/null", "-e", "trace=pwrite64,fdatasync,fsync",
		"-e", fmt.Sprintf("inject=pwrite64,fdatasync,fsync:error=%s:when=%d+%d", name, 5+r.rng.IntN(10), 3+r.rng.IntN(9)),
	}
	if err := p.Start(); err != nil {
		return err
	}
	pause(ctx, d)
	p.Wrap = nil
	return p.KillAndStart()
}

// jumpClock lets the wall clock of all daemons jump by up to two days and back. A
// killed one begins in another time than it ended in.
func jumpClock(kill bool) func(context.Context, *run, time.Duration) error {
	return func(ctx context.Context, r *run, d time.Duration) error {
		r.clock.Jump(time.Duration(r.rng.Int64N(int64(96*time.Hour))) - 48*time.Hour)
		pause(ctx, d/2)
		if kill {
			if err := r.any().proc.KillAndStart(); err != nil {
				return err
			}
		}
		pause(ctx, d/2)
		r.clock.Jump(0)
		return nil
	}
}
