package pipeline

import (
	"math/rand/v2"
	"time"
)

// RetryOptions say how a failed batch is repeated. The zero value of each means
// its default.
type RetryOptions struct {
	Delay      time.Duration // before the first repetition, doubling; 250 ms
	MaxDelay   time.Duration // 30 s
	MaxJitter  time.Duration // added at random; a quarter of the delay
	MaxRetries int           // 0: without end; the batch is dropped and counted afterwards
	Timeout    time.Duration // of one attempt; 30 s
}

func (r RetryOptions) withDefaults() RetryOptions {
	if r.Delay <= 0 {
		r.Delay = 250 * time.Millisecond
	}
	if r.MaxDelay <= 0 {
		r.MaxDelay = 30 * time.Second
	}
	if r.Timeout <= 0 {
		r.Timeout = 30 * time.Second
	}
	return r
}

// backoff yields growing pauses.
type backoff struct {
	opt  RetryOptions
	wait time.Duration
}

func newBackoff(opt RetryOptions) *backoff { return &backoff{opt: opt.withDefaults()} }

func (b *backoff) reset() { b.wait = 0 }

// next returns the next pause, at least asked.
func (b *backoff) next(asked time.Duration) time.Duration {
	b.wait = min(max(2*b.wait, b.opt.Delay), b.opt.MaxDelay)
	jitter := b.opt.MaxJitter
	if jitter <= 0 {
		jitter = b.wait / 4
	}
	return max(b.wait+rand.N(max(jitter, 1)), asked)
}
