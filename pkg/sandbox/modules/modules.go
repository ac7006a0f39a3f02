// Package modules lists the native modules a plugin can require. Each one lives
// in its own package below and gets the limits of the plugin it is opened for.
//
// Invariant: a module keeps all of its state in the Lua state it was opened in.
package modules

import (
	lua "github.com/yuin/gopher-lua"

	"github.com/tocsin-lma/tocsin/pkg/sandbox/modules/bloomfilter"
	"github.com/tocsin-lma/tocsin/pkg/sandbox/modules/circularbuffer"
	"github.com/tocsin-lma/tocsin/pkg/sandbox/modules/cjson"
	"github.com/tocsin-lma/tocsin/pkg/sandbox/modules/cuckoofilter"
	"github.com/tocsin-lma/tocsin/pkg/sandbox/modules/hyperloglog"
	"github.com/tocsin-lma/tocsin/pkg/sandbox/modules/structs"
)

// Limits are what a module must not exceed; 0 means no limit.
type Limits struct {
	Output int // bytes of text a module makes at once
	Memory int // bytes of the whole state
}

// Module is one native module.
type Module struct {
	Name string
	Open lua.LGFunction // leaves the module on the stack and returns 1
}

// All returns every native module.
func All(limits Limits) []Module {
	return []Module{
		{"cjson", cjson.Opener(cjson.Options{MaxOutput: limits.Output, MaxInput: limits.Memory / 2})},
		{"circular_buffer", circularbuffer.Opener(limits.Memory)},
		{"bloom_filter", bloomfilter.Opener(limits.Memory)},
		{"cuckoo_filter", cuckoofilter.Opener(limits.Memory)},
		{"hyperloglog", hyperloglog.Open},
		{"struct", structs.Opener(limits.Memory)},
	}
}
