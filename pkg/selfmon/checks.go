package selfmon

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"
)

// Check returns nil while all is well. It must return soon after ctx ends.
type Check func(ctx context.Context) error

// Checks are the named reasons for which a daemon may be unhealthy. A failed
// live check means that only a restart helps; a failed ready check, that the
// daemon does not do its work at the moment. The zero value has none and is
// healthy. All methods may be called from any goroutine.
type Checks struct {
	mu    sync.Mutex
	live  map[string]Check
	ready map[string]Check
}

// checkTimeout bounds all checks of one request together.
const checkTimeout = 2 * time.Second

// Live adds or replaces a check of /healthz; nil removes it.
func (c *Checks) Live(name string, check Check) {
	c.mu.Lock()
	defer c.mu.Unlock()
	put(&c.live, name, check)
}

// Ready adds or replaces a check of /readyz; nil removes it.
func (c *Checks) Ready(name string, check Check) {
	c.mu.Lock()
	defer c.mu.Unlock()
	put(&c.ready, name, check)
}

func put(m *map[string]Check, name string, check Check) {
	if *m == nil {
		*m = map[string]Check{}
	}
	if check == nil {
		delete(*m, name)
		return
	}
	(*m)[name] = check
}

// CheckLive runs the live checks at once and returns the error of each that
// failed, by name.
func (c *Checks) CheckLive(ctx context.Context) map[string]error {
	c.mu.Lock()
	checks := maps.Clone(c.live)
	c.mu.Unlock()
	return runChecks(ctx, checks)
}

// CheckReady runs the live and the ready checks at once and returns the error of
// each that failed, by name.
func (c *Checks) CheckReady(ctx context.Context) map[string]error {
	c.mu.Lock()
	checks := maps.Clone(c.ready)
	if checks == nil {
		checks = map[string]Check{}
	}
	maps.Copy(checks, c.live)
	c.mu.Unlock()
	return runChecks(ctx, checks)
}

// errStuck is reported for a check that does not answer in time: whoever asks
// must not hang with it.
var errStuck = errors.New("the check did not answer in time")

func runChecks(ctx context.Context, checks map[string]Check) map[string]error {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	type result struct {
		name string
		err  error
	}
	results := make(chan result, len(checks))
	failed := map[string]error{}
	for name, check := range checks {
		failed[name] = fmt.Errorf("run check %s: %w", name, errStuck)
		go func() { results <- result{name, check(ctx)} }()
	}
	for range checks {
		select {
		case r := <-results:
			if delete(failed, r.name); r.err != nil {
				failed[r.name] = r.err
			}
		case <-ctx.Done():
			return failed
		}
	}
	return failed
}
