package sandbox

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// DefaultShadow is how many records a new version is tried on.
const DefaultShadow = 100

// Versions is one plugin over the versions of its files: the one that runs, and
// perhaps one on trial. Every sandbox of the plugin follows it (see Reloader), on
// whatever goroutine it runs; the records of all of them count for the trial.
//
// Its methods may be called by several goroutines.
type Versions struct {
	state atomic.Pointer[versionState] // replaced as a whole, so that one load per record is enough

	mu      sync.Mutex // held while the state is replaced
	since   time.Time  // of the running version; zero: from the start
	taken   int64
	dropped int64
	failure error
}

type versionState struct {
	current *Template
	trial   *trial // nil: none
}

// trial is a version that sees the records of the running one in its shadow.
type trial struct {
	template *Template
	since    time.Time
	records  int64
	left     atomic.Int64

	oldMade, newMade atomic.Int64 // messages of the same records
}

// NewVersions begins with a first version.
func NewVersions(t *Template) *Versions {
	v := &Versions{}
	v.state.Store(&versionState{current: t})
	return v
}

// Current returns the version that runs.
func (v *Versions) Current() *Template { return v.state.Load().current }

// Offer puts a version on trial in the place of one that is: it takes over after
// so many records (0 means DefaultShadow) that it survived and did not refuse.
func (v *Versions) Offer(t *Template, records int, now time.Time) {
	if records <= 0 {
		records = DefaultShadow
	}
	next := &trial{template: t, since: now, records: int64(records)}
	next.left.Store(int64(records))
	v.mu.Lock()
	defer v.mu.Unlock()
	v.failure = nil
	v.state.Store(&versionState{current: v.Current(), trial: next})
}

// Refuse notes why a version could not be offered.
func (v *Versions) Refuse(why error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.dropped++
	v.failure = why
	v.state.Store(&versionState{current: v.Current()})
}

// Withdraw ends the trial without a verdict: the files are again what they were.
func (v *Versions) Withdraw() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.failure = nil
	v.state.Store(&versionState{current: v.Current()})
}

// Accept ends the trial in favour of the version on trial, because the running one
// is out of order. It reports whether there was one.
func (v *Versions) Accept(now time.Time) bool {
	t := v.state.Load().trial
	if t != nil {
		v.judge(t, nil, now)
	}
	return t != nil
}

// Patience ends a trial that has lasted longer than patience and has seen at
// least one record: a quiet plugin gets its new version too.
func (v *Versions) Patience(now time.Time, patience time.Duration) {
	t := v.state.Load().trial
	if t != nil && t.left.Load() < t.records && now.Sub(t.since) >= patience {
		v.judge(t, t.silent(), now)
	}
}

// judge ends a trial that still runs.
func (v *Versions) judge(t *trial, failure error, now time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	s := v.state.Load()
	if s.trial != t {
		return
	}
	if v.failure = failure; failure != nil {
		v.dropped++
		v.state.Store(&versionState{current: s.current})
		return
	}
	v.taken++
	v.since = now
	v.state.Store(&versionState{current: t.template})
}

// complain notes the failure of a version that has taken over elsewhere.
func (v *Versions) complain(failure error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.failure = failure
}

// note counts one record of the trial.
func (v *Versions) note(t *trial, now time.Time) {
	if t.left.Add(-1) == 0 {
		v.judge(t, t.silent(), now)
	}
}

// silent is the failure of a version that makes nothing of what gave messages.
func (t *trial) silent() error {
	if made := t.oldMade.Load(); made > 0 && t.newMade.Load() == 0 {
		return fmt.Errorf("the new version made no message of records of which the old one made %d", made)
	}
	return nil
}

// VersionStatus is how the versions of a plugin stand.
type VersionStatus struct {
	Since   time.Time // of the last take-over; zero: none yet
	OnTrial bool
	Left    int   // records the trial still needs
	Taken   int64 // take-overs
	Dropped int64 // versions that did not load or failed their trial
	Failure error // why the last new version was dropped; nil when it was not
}

// Status returns how things stand.
func (v *Versions) Status() VersionStatus {
	v.mu.Lock()
	defer v.mu.Unlock()
	s := VersionStatus{Since: v.since, Taken: v.taken, Dropped: v.dropped, Failure: v.failure}
	if t := v.state.Load().trial; t != nil {
		s.OnTrial, s.Left = true, int(max(t.left.Load(), 0))
	}
	return s
}
