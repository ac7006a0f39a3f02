package daemon

import (
	"sync"
	"time"

	"github.com/tocsin-lma/tocsin/pkg/selfmon"
)

// observer turns what a pipeline reports into counters.
type observer struct {
	reg      *selfmon.Registry
	mu       sync.RWMutex
	counters map[[3]string]selfmon.Counter
}

func newObserver(reg *selfmon.Registry) *observer {
	return &observer{reg: reg, counters: map[[3]string]selfmon.Counter{}}
}

// Count adds n to tocsin_<stage>_<event>_total{name="<name>"}.
func (o *observer) Count(stage, name, event string, n int) {
	key := [3]string{stage, name, event}
	o.mu.RLock()
	c, ok := o.counters[key]
	o.mu.RUnlock()
	if !ok {
		c = o.reg.Counter("tocsin_"+stage+"_"+event+"_total", "name", name)
		o.mu.Lock()
		o.counters[key] = c
		o.mu.Unlock()
	}
	c.Add(n)
}

// value reads a counter; 0 when it was never counted.
func (o *observer) value(stage, name, event string) uint64 {
	o.mu.RLock()
	defer o.mu.RUnlock()
	if c, ok := o.counters[[3]string{stage, name, event}]; ok {
		return c.Value()
	}
	return 0
}

func (o *observer) reload(err error) {
	if err != nil {
		o.Count("config", "model", "reload_failures", 1)
		return
	}
	o.Count("config", "model", "reloads", 1)
	o.reg.Gauge("tocsin_config_last_reload_timestamp_seconds").Set(float64(time.Now().Unix()))
}
