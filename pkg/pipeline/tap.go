package pipeline

import (
	"sync"
	"sync/atomic"

	"github.com/tocsin-lma/tocsin/pkg/matcher"
	"github.com/tocsin-lma/tocsin/pkg/message"
)

// tap lets a watcher see messages as they pass, without holding them up.
type tap struct {
	watchers atomic.Int32
	mu       sync.RWMutex
	list     map[*watcher]struct{}
}

type watcher struct {
	want *matcher.Matcher
	ch   chan *message.Message
	lost atomic.Int64
}

// tapBuffer is how many messages a watcher may be behind.
const tapBuffer = 16384

func (t *tap) active() bool { return t.watchers.Load() > 0 }

func (t *tap) offer(m *message.Message) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	for w := range t.list {
		if w.want.Match(m) {
			select {
			case w.ch <- m.Clone():
			default: // the watcher is slow; the flow is not
				w.lost.Add(1)
			}
		}
	}
}

// Tap returns a channel that gets clones of the messages want matches, from
// inputs and filters alike, until stop is called. What the receiver does not
// take in time is left out; lost tells how many that were.
func (p *Pipeline) Tap(want *matcher.Matcher) (messages <-chan *message.Message, lost func() int64, stop func()) {
	w := &watcher{want: want, ch: make(chan *message.Message, tapBuffer)}
	p.tap.mu.Lock()
	if p.tap.list == nil {
		p.tap.list = make(map[*watcher]struct{})
	}
	p.tap.list[w] = struct{}{}
	p.tap.mu.Unlock()
	p.tap.watchers.Add(1)
	return w.ch, w.lost.Load, sync.OnceFunc(func() {
		p.tap.mu.Lock()
		delete(p.tap.list, w)
		p.tap.mu.Unlock()
		p.tap.watchers.Add(-1)
	})
}
