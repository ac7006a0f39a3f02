package luavm

import (
	"time"

	lua "github.com/yuin/gopher-lua"
)

// What one call may do besides running instructions.
const (
	quantum       = 8 << 10               // instructions between two looks at the clock
	longestGap    = 50 * time.Millisecond // a suspended process counts at most this
	workLimit     = 1 << 26               // units; one unit is one byte copied, at most a nanosecond
	workPerLook   = 1 << 21               // units between two looks at the clock
	unitsPerStep  = 16                    // of one step of a pattern match
	unitsPerSkip  = 16                    // of one dead key skipped by next
	unitsPerCatch = 8 << 10               // of one error that is caught
	unitsPerWalk  = 64                    // of one entry of a walk in a call
)

// meter holds a state to its limits. The machine and the host functions count in
// lua.Meter; whenever one of its counters is used up, refill decides.
type meter struct {
	*lua.Meter
	vm *VM

	limit int64 // instructions of this call; 0 is unlimited
	spent int64 // instructions of this call before Size
	cause error // the limit that fired in this call

	ticking bool // the clock was read in this call
	last    time.Time
	active  time.Duration // running time of this call
	work    int64         // units of this call before Work

	room      int64 // bytes that a call may allocate before a walk
	due       int64 // bytes allocated over calls at which a walk is due
	allocated int64 // bytes allocated since the last walk, before this call
	entries   int   // of the last walk
	usage     Usage
}

func newMeter(vm *VM) *meter {
	return &meter{Meter: vm.L.Meter(), vm: vm}
}

// arm starts counting; until then the state is being built.
func (m *meter) arm() {
	if m.vm.opts.Trusted {
		return
	}
	m.Refill = m.refill
	m.Longest = int64(m.vm.opts.MemoryBytes)
	m.walked(0, 0)
	m.release()
}

// walked sets how much may be allocated before the next walk: what is left of
// the limit, but enough for walks to cost little.
func (m *meter) walked(bytes, entries int) {
	m.allocated, m.entries = 0, entries
	m.room, m.due = 1<<62, 1<<62
	if limit := int64(m.vm.opts.MemoryBytes); limit > 0 && !m.vm.opts.Trusted {
		m.room = max(limit-int64(bytes), limit/4)
		m.due = max(m.room, min(int64(entries)<<10, 4*limit))
	}
	m.Room = m.room
}

// release lets host functions call into Lua between calls without limits.
func (m *meter) release() {
	m.Left, m.Size = 1<<62, 1<<62
	m.Room, m.Work = 1<<62, 1<<62
}

func (m *meter) begin(limit int64) {
	m.limit, m.spent, m.cause = limit, 0, nil
	if m.vm.opts.Trusted {
		return
	}
	m.ticking, m.active, m.work = false, 0, 0
	m.Work, m.Room = workPerLook, m.room
	m.Size = quantum
	if limit > 0 {
		m.Size = min(quantum, limit)
	}
	m.Left = m.Size
}

func (m *meter) used() int64 { return m.spent + m.Ran() }

// end books the call and walks the state when it is due. It returns ErrMemory
// when the state has outgrown its limit.
func (m *meter) end() error {
	used := m.used()
	m.usage.Instructions = used
	m.usage.MaxInstructions = max(m.usage.MaxInstructions, used)
	m.cause, m.limit = nil, 0
	if m.vm.opts.Trusted {
		return nil
	}
	m.allocated += m.room - m.Room
	var err error
	if m.allocated > m.due && m.measure() > m.vm.opts.MemoryBytes {
		err = ErrMemory
	}
	m.release()
	return err
}

// refill is called by the machine before an instruction for which nothing is
// left. It books that instruction, or raises an error.
func (m *meter) refill(L *lua.LState) {
	m.spent += m.Size
	m.Size, m.Left = 0, 0
	if m.cause == nil && m.limit > 0 && m.spent >= m.limit {
		m.cause = ErrInstructions
	}
	m.settle()
	if m.cause != nil {
		L.RaiseError("%s", m.cause.Error())
	}
	m.Size = quantum
	if m.limit > 0 {
		m.Size = min(quantum, m.limit-m.spent)
	}
	m.Left = m.Size - 1
}

// settle looks at everything but the instructions.
func (m *meter) settle() {
	if m.cause != nil {
		return
	}
	if m.Room < 0 {
		limit := m.vm.opts.MemoryBytes
		m.work += unitsPerWalk * int64(m.entries)
		if m.measure() > limit {
			m.cause = ErrMemory
			return
		}
	}
	m.work += workPerLook - m.Work
	m.Work = workPerLook
	if m.vm.opts.TimeLimit > 0 {
		if m.tick(); m.cause == nil && m.work > workLimit {
			m.cause = ErrWork
		}
	}
}

// tick books the running time since the last look at the clock.
func (m *meter) tick() {
	now := time.Now()
	if !m.ticking {
		m.ticking, m.last = true, now
		return
	}
	gap := min(now.Sub(m.last), longestGap)
	m.last = now
	m.active += gap
	if m.active > m.vm.opts.TimeLimit {
		m.cause = ErrTime
	}
}

// fire makes a limit fire for the rest of the call.
func (m *meter) fire(err error) {
	if m.cause == nil {
		m.cause = err
	}
	m.Interrupt()
}

// charge books work done in a host function: units of time, and bytes of memory
// that may stay reachable.
func (vm *VM) charge(L *lua.LState, units, bytes int) {
	m := vm.meter
	m.Work -= int64(units)
	m.Room -= int64(bytes)
	if m.Work >= 0 && m.Room >= 0 || vm.opts.Trusted {
		return
	}
	m.settle()
	if m.cause != nil {
		vm.Abort(L, m.cause)
	}
}

// Charge books n bytes that a host function is about to allocate or copy. It
// raises "not enough memory" when n alone exceeds the memory limit, and makes
// the limit fire when the state has outgrown it. It is cheap.
func (vm *VM) Charge(L *lua.LState, n int) {
	if limit := vm.opts.MemoryBytes; !vm.opts.Trusted && limit > 0 && (n > limit || n < 0) {
		raise(L, "%s", ErrMemory.Error())
	}
	vm.charge(L, n, n)
}

// grow books what a result under construction has grown to since booked bytes of
// it were, and returns total. It raises when the whole exceeds the memory limit.
func (vm *VM) grow(L *lua.LState, total, booked int) int {
	if limit := vm.opts.MemoryBytes; !vm.opts.Trusted && limit > 0 && total > limit {
		raise(L, "%s", ErrMemory.Error())
	}
	vm.charge(L, total-booked, total-booked)
	return total
}

// ChargeSteps books n steps of a loop in a host function, each about 10 ns.
func (vm *VM) ChargeSteps(L *lua.LState, n int) {
	vm.charge(L, n*unitsPerStep, 0)
}
