package sandbox

import (
	"github.com/tocsin-lma/tocsin/pkg/lpeg"
	"github.com/tocsin-lma/tocsin/pkg/sandbox/luavm"
)

// Cache is what the sandboxes of one process share: the compiled chunks of plugin
// files and modules, by their text, and the patterns that these make, with their
// programs. It holds nothing that a script can change, so a sandbox that uses one is
// fenced as well as one without. It belongs to the runtime, which drops it with the
// plugins. The sandboxes must have the same Clock, and may run on different goroutines.
type Cache struct {
	chunks   luavm.Chunks
	patterns lpeg.Shared
}

// NewCache makes an empty Cache.
func NewCache() *Cache { return &Cache{} }

// sharedChunks and sharedPatterns are nil without a Cache.
func (c *Cache) sharedChunks() *luavm.Chunks {
	if c == nil {
		return nil
	}
	return &c.chunks
}

func (c *Cache) sharedPatterns() *lpeg.Shared {
	if c == nil {
		return nil
	}
	return &c.patterns
}
