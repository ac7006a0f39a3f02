// Package effort tells tests what a call cost, so that a limit of time holds on a
// machine that does other things as well, and under the race detector.
//
// Invariant: waiting for a processor does not count, and work counts in full.
package effort

import (
	"syscall"
	"time"
)

// Race tells whether the race detector is on.
const Race = slowdown > 1

// Meter measures from its start on.
type Meter struct {
	start time.Time
	used  time.Duration
}

// Start begins to measure.
func Start() Meter { return Meter{start: time.Now(), used: processorTime()} }

// Spent returns the time since the start by the clock, or the processor time of
// this process if that is less. Under the race detector it is divided by what the
// detector costs at most.
func (m Meter) Spent() time.Duration {
	return min(time.Since(m.start), processorTime()-m.used) / slowdown
}

// processorTime is what this process has used so far.
func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err) // it fails for a wrong argument only
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
