package sandboxed

import (
	"errors"
	"fmt"

	lua "github.com/yuin/gopher-lua"

	"github.com/tocsin-lma/tocsin/pkg/afd"
	"github.com/tocsin-lma/tocsin/pkg/sandbox/luavm"
)

// The limits of one evaluation of a script.
const (
	scriptInstructions = 1_000_000
	scriptMemory       = 8 << 20
)

// script is the compiled text of a `function: lua` rule.
type script struct {
	name string
	vm   *luavm.VM
	fn   *lua.LFunction
}

// Compile makes the evaluator of a rule's script; it is an afd.CompileFunc. The
// script sees two locals: samples, a list of {time=, value=, count=} with the
// oldest first, and now, in Unix seconds. It returns a number, or a boolean that
// counts as 1 or 0.
func Compile(name, source string) (afd.Script, error) {
	vm := luavm.New(luavm.Options{Instructions: scriptInstructions, MemoryBytes: scriptMemory})
	fn, err := vm.Compile(name, "local samples, now = ... "+source)
	if err != nil {
		vm.Close()
		return nil, fmt.Errorf("compile script of %s: %w", name, err)
	}
	return &script{name: name, vm: vm, fn: fn}, nil
}

// Value runs the script on one series.
func (s *script) Value(samples []afd.Sample, now float64) (float64, error) {
	list := s.vm.L.CreateTable(len(samples), 0)
	for i := range samples {
		item := s.vm.L.CreateTable(0, 3)
		item.RawSetString("time", lua.LNumber(samples[i].Time))
		item.RawSetString("value", lua.LNumber(samples[i].Value))
		item.RawSetString("count", lua.LNumber(samples[i].Count))
		list.RawSetInt(i+1, item)
	}
	v, _, err := s.vm.Call(s.fn, list, lua.LNumber(now))
	if err != nil {
		return 0, fmt.Errorf("run script of %s: %w", s.name, err)
	}
	switch v := v.(type) {
	case lua.LNumber:
		return float64(v), nil
	case lua.LBool:
		if v {
			return 1, nil
		}
		return 0, nil
	}
	return 0, fmt.Errorf("run script of %s: it returned %s: %w", s.name, v.Type(), errReturn)
}

var errReturn = errors.New("a script returns a number or a boolean")
