package crash

import (
	"context"
	"fmt"
	"os/exec"
	"time"
)

// fault breaks something for about a while and mends it before it returns; what
// outlasts it must mend itself.
type fault struct {
	do   func(ctx context.Context, r *run, d time.Duration) error
	able func(r *run) bool // nil: always
}

// allFaults are the faults by name.
func allFaults() map[string]fault {
	return map[string]fault{
		"none":       {do: func(ctx context.Context, _ *run, d time.Duration) error { pause(ctx, d); return nil }},
		"kill":       {do: func(_ context.Context, r *run, _ time.Duration) error { return r.proc.KillAndStart() }},
		"kill twice": {do: killTwice},
		"pause":      {do: func(_ context.Context, r *run, d time.Duration) error { r.proc.Pause(d); return nil }},
		"terminate":  {do: func(_ context.Context, r *run, _ time.Duration) error { return r.proc.Terminate() }},
		"rotate":     {do: func(_ context.Context, r *run, _ time.Duration) error { r.feed.Rotate(); return nil }},
		"copy and truncate": {do: func(_ context.Context, r *run, _ time.Duration) error {
			r.feed.CopyTruncate()
			return nil
		}},
		"sink restarts": {do: func(_ context.Context, r *run, d time.Duration) error {
			return r.sink.Restart(d)
		}},
		"sink answers 503":       {do: moody(failing)},
		"sink answers 429":       {do: moody(busy)},
		"sink hangs up":          {do: moody(hangUp)},
		"sink takes half":        {do: moody(half)},
		"sink hangs":             {do: moody(hanging)},
		"sink is slow":           {do: moody(slow)},
		"sink breaks its answer": {do: moody(halfBody)},
		"kill while sink refuses": {do: func(_ context.Context, r *run, d time.Duration) error {
			r.sink.Be(failing, d)
			time.Sleep(d / 2)
			return r.proc.KillAndStart()
		}},
		"kill while sink hangs up": {do: func(_ context.Context, r *run, d time.Duration) error {
			r.sink.Be(hangUp, d)
			time.Sleep(d / 2)
			return r.proc.KillAndStart()
		}},
		"network cut": {able: ownNet, do: func(ctx context.Context, r *run, d time.Duration) error {
			return r.net.Cut(ctx, d)
		}},
		"network bad": {able: ownNet, do: func(ctx context.Context, r *run, d time.Duration) error {
			return r.net.Impair(ctx, d)
		}},
		"disk full":            {do: fullDisk(false), able: ownDisk},
		"kill while disk full": {do: fullDisk(true), able: ownDisk},
		"disk fails":           {do: failDisk, able: canInject},
	}
}

func moody(m mood) func(context.Context, *run, time.Duration) error {
	return func(ctx context.Context, r *run, d time.Duration) error {
		r.sink.Be(m, d)
		pause(ctx, d)
		return nil
	}
}

// killTwice kills it again while it is still repairing.
func killTwice(_ context.Context, r *run, _ time.Duration) error {
	if err := r.proc.KillAndStart(); err != nil {
		return err
	}
	time.Sleep(time.Duration(r.rng.IntN(30)) * time.Millisecond)
	return r.proc.KillAndStart()
}

func ownNet(r *run) bool { return r.net != nil }

func ownDisk(r *run) bool { return r.disk.Own }

func fullDisk(kill bool) func(context.Context, *run, time.Duration) error {
	return func(ctx context.Context, r *run, d time.Duration) error {
		if err := r.disk.Fill(); err != nil {
			return err
		}
		pause(ctx, d/2)
		if kill {
			if err := r.proc.KillAndStart(); err != nil {
				return err
			}
		}
		pause(ctx, d/2)
		return r.disk.Empty()
	}
}

// canInject tells whether strace is there and may trace.
func canInject(*run) bool {
	return exec.Command("strace", "-qq", "-o", "/dev/null", "-e", "trace=none", "true").Run() == nil
}

// failDisk lets every n-th write to a file, and every n-th sync, fail with EIO
// or ENOSPC.
func failDisk(ctx context.Context, r *run, d time.Duration) error {
	name := []string{"EIO", "ENOSPC"}[r.rng.IntN(2)]
	r.proc.Kill()
	r.proc.Wrap = []string{
		"strace", "-f", "--seccomp-bpf", "-qq", "-o", "/dev/null", "-e", "trace=pwrite64,fdatasync,fsync",
		"-e", fmt.Sprintf("inject=pwrite64,fdatasync,fsync:error=%s:when=%d+%d", name, 5+r.rng.IntN(10), 3+r.rng.IntN(9)),
	}
	if err := r.proc.Start(); err != nil {
		return err
	}
	pause(ctx, d)
	r.proc.Wrap = nil
	return r.proc.KillAndStart()
}
