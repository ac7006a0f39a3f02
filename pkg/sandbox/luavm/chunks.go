package luavm

import (
	"sync"

	lua "github.com/yuin/gopher-lua"
)

// Chunks remembers the compiled chunks of plugin files and modules, by their name
// and text, so that a state that loads one after another has done so neither
// parses nor compiles nor holds it. It may be used by several states at once:
// prototypes are not written to after they were compiled. The zero value is ready
// for use.
type Chunks struct {
	mu    sync.RWMutex
	known map[chunkKey]*compiled
	size  int // of the texts, in bytes
}

type chunkKey struct{ shown, source string }

// maxChunks bounds the texts that are remembered, in bytes; what comes later is
// compiled by each state.
const maxChunks = 16 << 20

func (c *Chunks) get(key chunkKey) *compiled {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.known[key]
}

func (c *Chunks) put(key chunkKey, chunk *compiled) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.size+len(key.source) > maxChunks || c.known[key] != nil {
		return
	}
	if c.known == nil {
		c.known = map[chunkKey]*compiled{}
	}
	c.known[key] = chunk
	c.size += len(key.source)
}

// CompileShared is Compile of a chunk that other states load too.
func (vm *VM) CompileShared(name, source string) (*lua.LFunction, error) {
	source = fileText(source)
	shown := chunkName(name)
	if vm.opts.Chunks == nil {
		return vm.Compile(name, source)
	}
	if err := vm.checkSource(shown, source); err != nil {
		return nil, err
	}
	key := chunkKey{shown, source}
	c := vm.opts.Chunks.get(key)
	if c == nil {
		var err error
		if c, err = compile(shown, source); err != nil {
			return nil, err
		}
		vm.opts.Chunks.put(key, c)
	}
	return vm.function(c), nil
}
