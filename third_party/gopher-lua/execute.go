package lua

import "unsafe"

// put stores a value in a register of a frame, for which there is room.
func (rg *registry) put(i int, v LValue) {
	rg.array[i] = v
	if i >= rg.top {
		rg.top = i + 1
	}
}

func (rg *registry) putNumber(i int, v LNumber) {
	if n := int(v); uint(n) < uint(preloadLimit) && LNumber(n) == v && (n != 0 || !signbit(v)) {
		rg.put(i, preloads[n])
		return
	}
	rg.put(i, rg.alloc.LNumber2I(v))
}

func signbit(v LNumber) bool { return *(*uint64)(unsafe.Pointer(&v))>>63 != 0 }

// mainLoop runs the last frame and those above it until it returns. What is
// frequent is done here; the rest of the instructions is in the jump table.
func mainLoop(L *LState, baseframe *callFrame) {
	if L.stack.IsEmpty() {
		return
	}
	L.currentFrame = L.stack.Last()
	if L.currentFrame.Fn.IsG {
		callGFunction(L, false)
		return
	}
	reg, meter, hints := L.reg, L.G.meter, &L.G.hints

frame:
	cf := L.currentFrame
	proto := cf.Fn.Proto
	code, constants, base := proto.Code, proto.Constants, cf.LocalBase
	// Hints are found by the address of the instruction.
	where := uint(uintptr(unsafe.Pointer(unsafe.SliceData(code))) >> 2)

	for {
		inst := code[cf.Pc]
		cf.Pc++
		if meter.Left--; meter.Left < 0 {
			meter.Refill(L)
		}
		ra := base + int(inst>>18)&0xff
		switch inst >> 26 {
		case uint32(OP_MOVE):
			reg.put(ra, reg.array[base+int(inst&0x1ff)])
		case uint32(OP_LOADK):
			reg.put(ra, constants[inst&0x3ffff])
		case uint32(OP_LOADBOOL):
			if inst&0x1ff != 0 {
				reg.put(ra, LTrue)
			} else {
				reg.put(ra, LFalse)
			}
			if inst>>9&0x1ff != 0 {
				cf.Pc++
			}
		case uint32(OP_LOADNIL):
			for i := ra; i <= base+int(inst&0x1ff); i++ {
				reg.put(i, LNil)
			}
		case uint32(OP_GETUPVAL):
			uv := cf.Fn.Upvalues[inst&0x1ff]
			if uv.closed || uv.reg == nil {
				reg.put(ra, uv.value)
			} else {
				reg.put(ra, uv.reg.array[uv.index])
			}
		case uint32(OP_GETGLOBAL):
			key := proto.stringConstants[inst&0x3ffff]
			at := where + uint(cf.Pc)
			if s := cf.Fn.Env.hinted(key, &hints[at%uint(len(hints))]); s != nil && !isNil(s.val) {
				reg.put(ra, s.val)
			} else if isNil(cf.Fn.Env.Metatable) {
				reg.put(ra, LNil)
			} else {
				reg.put(ra, L.getFieldHinted(cf.Fn.Env, key, at))
			}
		case uint32(OP_GETTABLE):
			obj := reg.array[base+int(inst&0x1ff)]
			var key LValue
			if c := inst >> 9 & 0x1ff; c&opBitRk != 0 {
				key = constants[c&^opBitRk]
			} else {
				key = reg.array[base+int(c)]
			}
			if tb, ok := obj.(*LTable); ok {
				if n, ok := key.(LNumber); ok {
					if i := int(n) - 1; uint(i) < uint(len(tb.array)) && LNumber(i+1) == n {
						if v := tb.array[i]; !isNil(v) {
							reg.put(ra, v)
							continue
						}
					}
				} else if v := tb.RawGet(key); !isNil(v) {
					reg.put(ra, v)
					continue
				}
			}
			v := L.getField(obj, key)
			reg.put(ra, v)
		case uint32(OP_GETTABLEKS):
			obj := reg.array[base+int(inst&0x1ff)]
			key := L.rkString(int(inst >> 9 & 0x1ff))
			at := where + uint(cf.Pc)
			if tb, ok := obj.(*LTable); ok {
				if s := tb.hinted(key, &hints[at%uint(len(hints))]); s != nil && !isNil(s.val) {
					reg.put(ra, s.val)
					continue
				}
				if isNil(tb.Metatable) {
					reg.put(ra, LNil)
					continue
				}
			}
			v := L.getFieldHinted(obj, key, at)
			reg.put(ra, v)
		case uint32(OP_SETGLOBAL):
			i := inst & 0x3ffff
			L.setFieldHinted(cf.Fn.Env, constants[i], proto.stringConstants[i], reg.array[ra], where+uint(cf.Pc))
		case uint32(OP_SETUPVAL):
			cf.Fn.Upvalues[inst&0x1ff].SetValue(reg.array[ra])
		case uint32(OP_SETTABLE):
			var key, value LValue
			if b := inst & 0x1ff; b&opBitRk != 0 {
				key = constants[b&^opBitRk]
			} else {
				key = reg.array[base+int(b)]
			}
			if c := inst >> 9 & 0x1ff; c&opBitRk != 0 {
				value = constants[c&^opBitRk]
			} else {
				value = reg.array[base+int(c)]
			}
			if tb, ok := reg.array[ra].(*LTable); ok {
				if n, ok := key.(LNumber); ok {
					if i := int(n); LNumber(i) == n && i > 0 && (isNil(tb.Metatable) || i <= len(tb.array) && !isNil(tb.array[i-1])) {
						tb.RawSetInt(i, value)
						continue
					}
				}
			}
			L.setField(reg.array[ra], key, value)
		case uint32(OP_SETTABLEKS):
			b := int(inst & 0x1ff)
			var boxed, value LValue
			if b&opBitRk != 0 {
				boxed = constants[b&^opBitRk]
			} else {
				boxed = reg.array[base+b]
			}
			if c := inst >> 9 & 0x1ff; c&opBitRk != 0 {
				value = constants[c&^opBitRk]
			} else {
				value = reg.array[base+int(c)]
			}
			L.setFieldHinted(reg.array[ra], boxed, L.rkString(b), value, where+uint(cf.Pc))
		case uint32(OP_NEWTABLE):
			if inst&0x3ffff == 0 {
				reg.put(ra, newSitedTable(meter, where+uint(cf.Pc)))
			} else {
				reg.put(ra, newMeteredTable(meter, fb2Int(int(inst&0x1ff)), fb2Int(int(inst>>9&0x1ff))))
			}
		case uint32(OP_SELF):
			obj := reg.array[base+int(inst&0x1ff)]
			v := L.getFieldHinted(obj, L.rkString(int(inst>>9&0x1ff)), where+uint(cf.Pc))
			reg.put(ra, v)
			reg.put(ra+1, obj)
		case uint32(OP_ADD), uint32(OP_SUB), uint32(OP_MUL), uint32(OP_DIV):
			var lhs, rhs LValue
			if b := inst & 0x1ff; b&opBitRk != 0 {
				lhs = constants[b&^opBitRk]
			} else {
				lhs = reg.array[base+int(b)]
			}
			if c := inst >> 9 & 0x1ff; c&opBitRk != 0 {
				rhs = constants[c&^opBitRk]
			} else {
				rhs = reg.array[base+int(c)]
			}
			if a, ok := lhs.(LNumber); ok {
				if b, ok := rhs.(LNumber); ok {
					switch inst >> 26 {
					case uint32(OP_ADD):
						a += b
					case uint32(OP_SUB):
						a -= b
					case uint32(OP_MUL):
						a *= b
					default:
						a /= b
					}
					reg.putNumber(ra, a)
					continue
				}
			}
			v := objectArith(L, int(inst>>26), lhs, rhs)
			reg.put(ra, v)
		case uint32(OP_NOT):
			if LVIsFalse(reg.array[base+int(inst&0x1ff)]) {
				reg.put(ra, LTrue)
			} else {
				reg.put(ra, LFalse)
			}
		case uint32(OP_JMP):
			cf.Pc += int(inst&0x3ffff) - opMaxArgSbx
		case uint32(OP_EQ), uint32(OP_LT), uint32(OP_LE):
			var lhs, rhs LValue
			if b := inst & 0x1ff; b&opBitRk != 0 {
				lhs = constants[b&^opBitRk]
			} else {
				lhs = reg.array[base+int(b)]
			}
			if c := inst >> 9 & 0x1ff; c&opBitRk != 0 {
				rhs = constants[c&^opBitRk]
			} else {
				rhs = reg.array[base+int(c)]
			}
			var is bool
			a, okA := lhs.(LNumber)
			b, okB := rhs.(LNumber)
			switch op := inst >> 26; {
			case okA && okB:
				is = op == uint32(OP_EQ) && a == b || op == uint32(OP_LT) && a < b || op == uint32(OP_LE) && a <= b
			case op == uint32(OP_EQ):
				is = equals(L, lhs, rhs, false)
			case op == uint32(OP_LT):
				is = lessThan(L, lhs, rhs)
			default:
				is = lessEqual(L, lhs, rhs)
			}
			if is != (inst>>18&0xff != 0) {
				cf.Pc++
			}
		case uint32(OP_TEST):
			if LVAsBool(reg.array[ra]) == (inst>>9&0x1ff == 0) {
				cf.Pc++
			}
		case uint32(OP_TESTSET):
			if v := reg.array[base+int(inst&0x1ff)]; LVAsBool(v) != (inst>>9&0x1ff == 0) {
				reg.put(ra, v)
			} else {
				cf.Pc++
			}
		case uint32(OP_CALL):
			fn, ok := reg.array[ra].(*LFunction)
			if !ok || L.stack.IsFull() {
				if jumpTable[OP_CALL](L, inst, baseframe) == 1 {
					return
				}
				if L.currentFrame != cf {
					goto frame
				}
				continue
			}
			nargs := int(inst&0x1ff) - 1
			if nargs < 0 {
				nargs = reg.top - (ra + 1)
			}
			if nargs > manyValues {
				meter.Busy(nargs * unitsPerValue)
			}
			nf := L.stack.next()
			nf.Fn, nf.Parent = fn, cf
			nf.Pc, nf.TailCall = 0, 0
			nf.Base, nf.LocalBase, nf.ReturnBase = ra, ra+1, ra
			nf.NArgs, nf.NRet = nargs, int(inst>>9&0x1ff)-1
			if !fn.IsG {
				L.initCallFrame(nf)
				L.currentFrame = nf
				goto frame
			}
			reg.SetTop(ra + 1 + nargs)
			L.currentFrame = nf
			n := fn.GFunction(L)
			meter.Alloc(sizeOfResult)
			if n > manyValues {
				meter.Busy(n * unitsPerValue)
			}
			if n < 0 {
				switchToParentThread(L, L.GetTop(), false, false)
				return
			}
			want := nf.NRet
			if want == MultRet {
				want = n
			}
			L.stack.sp--
			L.currentFrame = cf
			if want == 1 && n == 1 {
				v := reg.array[reg.top-1]
				clear(reg.array[ra+1 : reg.top])
				reg.array[ra] = v
				reg.top = ra + 1
			} else {
				reg.CopyRange(ra, reg.top-n, -1, want)
			}
		case uint32(OP_RETURN):
			parent := cf.Parent
			if cf == baseframe || parent == nil || parent.Fn.IsG || L.Parent != nil {
				if jumpTable[OP_RETURN](L, inst, baseframe) == 1 {
					return
				}
				goto frame
			}
			if L.uvcache != nil {
				L.closeUpvalues(base)
			}
			n := int(inst&0x1ff) - 1
			if n < 0 {
				n = reg.top - ra
			}
			to, want := cf.ReturnBase, cf.NRet
			if want == MultRet {
				want = n
			}
			n = min(n, want)
			copy(reg.array[to:], reg.array[ra:ra+n])
			for i := to + n; i < to+want; i++ {
				reg.array[i] = LNil
			}
			if top := to + want; top < reg.top {
				clear(reg.array[top:reg.top])
			}
			reg.top = to + want
			L.stack.sp--
			L.currentFrame = parent
			goto frame
		case uint32(OP_FORLOOP):
			init, ok1 := reg.array[ra].(LNumber)
			limit, ok2 := reg.array[ra+1].(LNumber)
			step, ok3 := reg.array[ra+2].(LNumber)
			if !ok1 || !ok2 || !ok3 {
				jumpTable[OP_FORLOOP](L, inst, baseframe) // raises
				continue
			}
			init += step
			if (step > 0 && init <= limit) || (step <= 0 && init >= limit) {
				reg.putNumber(ra, init)
				reg.put(ra+3, reg.array[ra])
				cf.Pc += int(inst&0x3ffff) - opMaxArgSbx
			} else {
				reg.SetTop(ra + 1)
			}
		case uint32(OP_FORPREP):
			// A numeral will do for a number.
			for i, what := range [...]string{"initial value", "limit", "step"} {
				v := reg.array[ra+i]
				if _, ok := v.(LNumber); ok {
					continue
				}
				n, ok := arithNumber(v)
				if !ok {
					L.RaiseError("'for' %s must be a number", what)
				}
				reg.putNumber(ra+i, n)
			}
			reg.putNumber(ra, reg.array[ra].(LNumber)-reg.array[ra+2].(LNumber))
			cf.Pc += int(inst&0x3ffff) - opMaxArgSbx
		default:
			if jumpTable[inst>>26](L, inst, baseframe) == 1 {
				return
			}
			if inst>>26 == uint32(OP_TAILCALL) || L.currentFrame != cf {
				goto frame
			}
		}
	}
}

// Lists of more values than this are booked as work, a value at a time.
const (
	manyValues    = 64
	unitsPerValue = 8
)

// What a host function's results may allocate unseen: the box of a string.
const sizeOfResult = 16

// getFieldHinted is getFieldString that remembers where keys were.
func (ls *LState) getFieldHinted(obj LValue, key string, at uint) LValue {
	hints := &ls.G.hints
	cur := obj
	for i := uint(0); i < MaxTableGetLoop; i++ {
		var mt LValue
		tb, isTable := cur.(*LTable)
		if isTable {
			if s := tb.hinted(key, &hints[(at+i*167)%uint(len(hints))]); s != nil && !isNil(s.val) {
				return s.val
			}
			mt = tb.Metatable
		} else if ud, ok := cur.(*LUserData); ok {
			mt = ud.Metatable
		} else if mt = ls.G.builtinMts[cur.Type()]; mt == nil {
			mt = LNil
		}
		var index LValue = LNil
		if meta, ok := mt.(*LTable); ok {
			if s := meta.hinted("__index", &hints[(at+i*167+89)%uint(len(hints))]); s != nil {
				index = s.val
			}
		}
		if isNil(index) {
			if !isTable {
				ls.indexError(cur, i == 0)
			}
			return LNil
		}
		if _, ok := index.(*LFunction); ok {
			ls.reg.Push(index)
			ls.reg.Push(cur)
			ls.reg.Push(LString(key))
			ls.Call(2, 1)
			return ls.reg.Pop()
		}
		cur = index
	}
	ls.RaiseError("loop in gettable")
	return nil
}

// setFieldHinted is setFieldString that remembers where the key was.
func (ls *LState) setFieldHinted(obj, boxed LValue, key string, value LValue, at uint) {
	if tb, ok := obj.(*LTable); ok {
		s := tb.hinted(key, &ls.G.hints[at%uint(len(ls.G.hints))])
		if s != nil && !isNil(s.val) {
			if !isNil(value) {
				s.val = value
				return
			}
			tb.setString(key, boxed, value)
			return
		}
		if isNil(tb.Metatable) {
			if s == nil && !isNil(value) {
				tb.add(key, boxed, value)
				return
			}
			tb.setString(key, boxed, value)
			return
		}
	}
	ls.setField(obj, boxed, value)
}

func lessEqual(L *LState, lhs, rhs LValue) bool {
	if a, ok := lhs.(LNumber); ok {
		if b, ok := rhs.(LNumber); ok {
			return a <= b
		}
	}
	if lhs.Type() != rhs.Type() || lhs.Type() == LTNumber {
		L.compareError(lhs, rhs)
	}
	if a, ok := lhs.(LString); ok {
		b := rhs.(LString)
		L.G.meter.Busy(min(len(a), len(b)) / 8)
		return a <= b
	}
	switch objectRational(L, lhs, rhs, "__le") {
	case 1:
		return true
	case 0:
		return false
	}
	return !objectRationalWithError(L, rhs, lhs, "__lt")
}
