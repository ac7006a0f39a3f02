package lua

// Meter counts what the threads of one state do. It is a plain counter: the
// machine takes one from Left before every instruction, and calls Refill when
// nothing is left. Everything that allocates takes its bytes from Room; when
// there is no room left, Refill is called before the next instruction.
type Meter struct {
	// Left is how many instructions may run before Refill is called.
	Left int64
	// Size is what Left was set to last.
	Size int64
	// Room is how many bytes may be allocated before Refill is called.
	Room int64
	// Work is how much may be done by instructions that do not take constant time
	// before Refill is called, in bytes compared or copied.
	Work int64
	// Longest is the length of the longest string that .. may make; 0 is unlimited.
	Longest int64
	// Refill sets Left and Room again, or raises an error.
	Refill func(L *LState)

	sizes [sizeSites]uint8 // see newSitedTable
}

// newMeter counts for a state that nobody limits.
func newMeter() *Meter {
	return &Meter{Left: 1 << 62, Size: 1 << 62, Room: 1 << 62, Work: 1 << 62, Refill: func(L *LState) {
		m := L.G.meter
		m.Left, m.Size, m.Room, m.Work = 1<<62, 1<<62, 1<<62, 1<<62
	}}
}

// Meter returns what counts the instructions and bytes of the state.
func (ls *LState) Meter() *Meter { return ls.G.meter }

// Alloc books n bytes.
func (m *Meter) Alloc(n int) {
	if m == nil {
		return
	}
	if m.Room -= int64(n); m.Room < 0 && m.Left > 0 {
		m.Interrupt()
	}
}

// Busy books n units of work, at most a nanosecond each.
func (m *Meter) Busy(n int) {
	if m.Work -= int64(n); m.Work < 0 && m.Left > 0 {
		m.Interrupt()
	}
}

// Interrupt makes Refill be called before the next instruction.
func (m *Meter) Interrupt() {
	m.Size -= m.Left
	m.Left = 0
}

// Ran returns how many instructions ran since Left was set.
func (m *Meter) Ran() int64 { return m.Size - max(m.Left, 0) }
