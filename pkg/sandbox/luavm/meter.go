package luavm

import (
	"runtime/metrics"
	"time"

	lua "github.com/yuin/gopher-lua"
)

// What one call may do besides running instructions.
const (
	quantum       = 128 // instructions between two looks at the clock
	slowQuantum   = 8   // the same after a slow quantum
	slow          = time.Millisecond
	longestGap    = 50 * time.Millisecond // a suspended process counts at most this
	workLimit     = 1 << 29               // units; one unit is one byte copied
	workPerLook   = 1 << 23               // units between two looks at the clock
	unitsPerStep  = 16                    // of one step of a pattern match
	unitsPerSkip  = 64                    // of one dead key skipped by next
	allocSample   = 16 << 10              // instructions between two looks at the allocation counter
	allocStep     = 16 << 20              // bytes the process may allocate between two walks in a call
	walkInterval  = 256 << 10             // instructions between two walks made between calls
	walkCostRatio = 150                   // instructions per entry walked, so that walks cost about 1 %
)

// meter is the context of a state. The machine asks Done before every
// instruction, so counting there makes the instruction limit exact.
type meter struct {
	left  int64 // instructions left in this quantum
	size  int64 // instructions in this quantum
	spent int64 // instructions in the finished quanta of this call
	limit int64 // of this call; 0 is unlimited

	vm      *VM
	g       *lua.Global
	cause   error // the limit that fired in this call
	stopped chan struct{}

	ticking   bool // the clock was read in this call
	last      time.Time
	active    time.Duration // running time of this call
	work      int64         // units of this call
	look      int64         // work at which the clock is read next
	charged   int64         // bytes charged by host functions since the last walk
	sampled   int64         // spent at the last look at the allocation counter
	allocated uint64        // the allocation counter at the last walk, 0 before
	sample    [1]metrics.Sample
	since     int64 // instructions since the last walk
	entries   int   // entries seen by the last walk
	usage     Usage
}

func newMeter(vm *VM) *meter {
	m := &meter{vm: vm, g: vm.L.G, stopped: make(chan struct{}), left: 1 << 62, size: 1 << 62}
	m.sample[0].Name = "/gc/heap/allocs:bytes"
	close(m.stopped)
	return m
}

// Deadline, Err and Value make meter a context.Context.
func (m *meter) Deadline() (time.Time, bool) { return time.Time{}, false }
func (m *meter) Err() error                  { return m.cause }
func (m *meter) Value(any) any               { return nil }

// Done counts one instruction. It returns nil, which is never ready, until a
// limit has fired.
func (m *meter) Done() <-chan struct{} {
	m.left--
	if m.left < 0 {
		if stop := m.check(); stop != nil {
			return stop
		}
	}
	frame := stateOf(m.g.CurrentThread).currentFrame
	if frame == nil || frame.fn.Proto == nil {
		return nil // asked by the context package, not by the machine
	}
	if frame.fn.Proto.Code[frame.pc-1]>>26 == setTable {
		m.guardStore(frame)
	}
	return nil
}

// setTable is the instruction that stores under a computed key.
const setTable = uint32(lua.OP_SETTABLE)

// guardStore books the array that a store with a large index is about to
// allocate: gopher-lua fills the gap up to the index.
func (m *meter) guardStore(frame *frameLayout) {
	L := m.g.CurrentThread
	registers := stateOf(L).reg.array
	code := frame.fn.Proto.Code[frame.pc-1]
	var key lua.LValue
	if b := int(code & 0x1ff); b&0x100 != 0 {
		key = frame.fn.Proto.Constants[b&0xff]
	} else {
		key = registers[frame.localBase+b]
	}
	n, ok := key.(lua.LNumber)
	if !ok || n < sparseGap {
		return
	}
	t, ok := registers[frame.localBase+int(code>>18)&0xff].(*lua.LTable)
	for depth := 0; ok && depth < 10; depth++ {
		m.vm.chargeStore(L, t, n)
		mt, hasMeta := t.Metatable.(*lua.LTable)
		if !hasMeta {
			return
		}
		t, ok = mt.RawGetString("__newindex").(*lua.LTable)
	}
}

// sparseGap is how far behind the end of an array a store may go for free.
const sparseGap = 1 << 10

// chargeStore books the gap that t[n] = v is about to fill.
func (vm *VM) chargeStore(L *lua.LState, t *lua.LTable, n lua.LNumber) {
	if gap := n - lua.LNumber(len(tableOf(t).array)); gap > sparseGap && n < lua.LNumber(lua.MaxArrayIndex) {
		vm.Charge(L, 3*sizeSlot*int(gap))
	}
}

func (m *meter) begin(limit int64) {
	m.limit, m.spent, m.cause = limit, 0, nil
	m.ticking, m.active, m.work, m.sampled = false, 0, 0, 0
	m.look = workPerLook
	m.size = quantum
	if limit > 0 && limit < quantum {
		m.size = limit
	}
	m.left = m.size
}

func (m *meter) used() int64 {
	return m.spent + m.size - max(m.left, 0)
}

// end books the call and walks the state when it is due. It returns ErrMemory
// when the state has outgrown its limit.
func (m *meter) end() error {
	used := m.used()
	m.usage.Instructions = used
	m.usage.MaxInstructions = max(m.usage.MaxInstructions, used)
	m.since += used
	m.cause, m.limit = nil, 0
	// Host functions may call into Lua between calls without a limit.
	m.left, m.size, m.spent = 1<<62, 1<<62, 0
	if m.vm.opts.Trusted {
		return nil
	}
	due := m.since >= max(walkInterval, int64(m.entries)*walkCostRatio)
	limit := m.vm.opts.MemoryBytes
	if limit > 0 && m.charged > int64(limit)/2 {
		due = true
	}
	if due && m.measure(true) > limit && limit > 0 {
		return ErrMemory
	}
	return nil
}

// check runs at the end of a quantum.
func (m *meter) check() <-chan struct{} {
	if m.cause != nil {
		m.left = 0
		return m.stopped
	}
	m.spent += m.size
	if m.limit > 0 && m.spent >= m.limit {
		m.left, m.size = 0, 0
		m.cause = ErrInstructions
		return m.stopped
	}
	gap := m.tick()
	if m.cause == nil && (gap > slow/10 || m.spent-m.sampled >= allocSample) {
		m.watchAllocations()
	}
	m.size = quantum
	if gap > slow {
		m.size = slowQuantum
	}
	if m.limit > 0 {
		m.size = min(m.size, m.limit-m.spent)
	}
	m.left = m.size - 1
	if m.cause != nil {
		m.left, m.size = 0, 0
		return m.stopped
	}
	return nil
}

// tick books the running time since the last look at the clock.
func (m *meter) tick() time.Duration {
	now := time.Now()
	if !m.ticking {
		m.ticking, m.last = true, now
		return 0
	}
	gap := min(now.Sub(m.last), longestGap)
	m.last = now
	m.active += gap
	if limit := m.vm.opts.TimeLimit; limit > 0 && m.active > limit {
		m.cause = ErrTime
	}
	return gap
}

// watchAllocations walks the state when the process has allocated a lot since
// the last walk. Other goroutines allocate too; that costs a walk, no more.
func (m *meter) watchAllocations() {
	m.sampled = m.spent
	if m.vm.opts.MemoryBytes <= 0 {
		return
	}
	metrics.Read(m.sample[:])
	total := m.sample[0].Value.Uint64()
	if m.allocated == 0 {
		m.allocated = total
	}
	if total-m.allocated < allocStep {
		return
	}
	m.allocated = total
	if m.measure(false) > m.vm.opts.MemoryBytes {
		m.cause = ErrMemory
	}
}

// fire makes a limit fire for the rest of the call.
func (m *meter) fire(err error) {
	if m.cause == nil {
		m.cause = err
	}
	m.spent += m.size - max(m.left, 0)
	m.left, m.size = 0, 0
}

// charge books work done in a host function: units of time, and bytes of memory
// that may stay reachable.
func (vm *VM) charge(L *lua.LState, units, bytes int) {
	if vm.opts.Trusted {
		return
	}
	m := vm.meter
	m.work += int64(units)
	m.charged += int64(bytes)
	if limited := vm.opts.TimeLimit > 0; limited && m.work >= m.look {
		m.look = m.work + workPerLook
		if m.tick(); m.cause != nil {
			vm.Abort(L, m.cause)
		}
		if m.work > workLimit {
			vm.Abort(L, ErrWork)
		}
	}
	limit := vm.opts.MemoryBytes
	if limit > 0 && m.charged > int64(max(limit/2, 1<<20)) && m.measure(false) > limit {
		vm.Abort(L, ErrMemory)
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
