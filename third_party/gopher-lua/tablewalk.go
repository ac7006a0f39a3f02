package lua

// ForEach iterates over this table of elements, yielding each in turn to a given function.
func (tb *LTable) ForEach(cb func(LValue, LValue)) {
	for i, v := range tb.array {
		if !isNil(v) {
			cb(LNumber(i+1), v)
		}
	}
	for i := 0; i < len(tb.slots); i++ {
		if v := tb.slots[i].val; !isNil(v) {
			cb(tb.boxed(i), v)
		}
	}
}

// This function is equivalent to lua_next ( http://www.lua.org/manual/5.1/manual.html#lua_next ).
func (tb *LTable) Next(key LValue) (LValue, LValue) {
	k, v, _, _ := tb.Successor(key)
	return k, v
}

// Successor is Next that also says how many dead keys it passed over, and false
// when the table never had the key.
func (tb *LTable) Successor(key LValue) (k, v LValue, skipped int, ok bool) {
	i := 0
	n, isNumber := key.(LNumber)
	index := int(n)
	switch {
	case isNil(key):
	case isNumber && LNumber(index) == n && index > 0 && index <= cap(tb.array):
		i = index
	default:
		at := tb.slotOf(key)
		if at < 0 {
			return LNil, LNil, 0, false
		}
		return tb.fromSlot(at+1, 0)
	}
	for ; i < len(tb.array); i++ {
		if v := tb.array[i]; !isNil(v) {
			return boxInt(i + 1), v, skipped, true
		}
		skipped++
	}
	if isNumber && index > len(tb.array) && len(tb.slots) > 0 {
		// A number behind the end may be a key of the hash part.
		if at := tb.slotOf(key); at >= 0 {
			return tb.fromSlot(at+1, skipped)
		}
	}
	return tb.fromSlot(int(tb.first), skipped)
}

func (tb *LTable) fromSlot(i, skipped int) (LValue, LValue, int, bool) {
	for ; i < len(tb.slots); i++ {
		if v := tb.slots[i].val; !isNil(v) {
			tb.last = int32(i)
			return tb.boxed(i), v, skipped, true
		}
		skipped++
	}
	return LNil, LNil, skipped, true
}

func (tb *LTable) slotOf(key LValue) int {
	if keys := tb.keys(); int(tb.last) < len(keys) && keys[tb.last] == key {
		return int(tb.last)
	}
	if s, ok := key.(LString); ok {
		return tb.findString(string(s))
	}
	return tb.find(key)
}

// Key is a key as All hands it out.
type Key struct {
	Value LValue // nil for a string that was not boxed
	Text  string // the key, if it is a string
}

// Number returns the key as a number, and whether it is one.
func (k Key) Number() (float64, bool) {
	n, ok := k.Value.(LNumber)
	return float64(n), ok
}

// IsText tells whether the key is a string.
func (k Key) IsText() bool {
	_, ok := k.Value.(LString)
	return ok || k.Value == nil
}

// All walks the live keys in the order of Next and, unlike it, allocates nothing.
// The table must not be changed on the way.
func (tb *LTable) All() func(yield func(Key, LValue) bool) {
	return func(yield func(Key, LValue) bool) {
		for i, v := range tb.array {
			if !isNil(v) && !yield(Key{Value: boxInt(i + 1)}, v) {
				return
			}
		}
		keys := tb.keys()
		for i := int(tb.first); i < len(tb.slots); i++ {
			s := &tb.slots[i]
			if isNil(s.val) {
				continue
			}
			k := Key{Text: s.str}
			if keys != nil {
				k.Value = keys[i]
			}
			if !yield(k, s.val) {
				return
			}
		}
	}
}
