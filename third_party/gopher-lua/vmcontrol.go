package lua

func opUnm(L *LState, inst uint32, baseframe *callFrame) int { // OP_UNM
	reg := L.reg
	cf := L.currentFrame
	lbase := cf.LocalBase
	A := int(inst>>18) & 0xff //GETA
	RA := lbase + A
	B := int(inst & 0x1ff) //GETB
	unaryv := L.rkValue(B)
	if nm, ok := unaryv.(LNumber); ok {
		reg.Set(RA, -nm)
	} else if nm, ok := arithNumber(unaryv); ok {
		reg.put(RA, -nm)
	} else {
		op := L.metaOp1(unaryv, "__unm")
		if op.Type() == LTFunction {
			reg.Push(op)
			reg.Push(unaryv)
			L.Call(1, 1)
			reg.Set(RA, reg.Pop())
		} else if str, ok1 := unaryv.(LString); ok1 {
			if num, err := parseNumber(string(str)); err == nil {
				reg.Set(RA, -num)
			} else {
				L.typeError("perform arithmetic on", unaryv, B)
			}
		} else {
			L.typeError("perform arithmetic on", unaryv, B)
		}
	}
	return 0
}

func opNot(L *LState, inst uint32, baseframe *callFrame) int { // OP_NOT
	reg := L.reg
	cf := L.currentFrame
	lbase := cf.LocalBase
	A := int(inst>>18) & 0xff //GETA
	RA := lbase + A
	B := int(inst & 0x1ff) //GETB
	if LVIsFalse(reg.Get(lbase + B)) {
		reg.Set(RA, LTrue)
	} else {
		reg.Set(RA, LFalse)
	}
	return 0
}

func opJmp(L *LState, inst uint32, baseframe *callFrame) int { // OP_JMP
	cf := L.currentFrame
	Sbx := int(inst&0x3ffff) - opMaxArgSbx //GETSBX
	cf.Pc += Sbx
	return 0
}

func opEq(L *LState, inst uint32, baseframe *callFrame) int { // OP_EQ
	cf := L.currentFrame
	A := int(inst>>18) & 0xff //GETA
	B := int(inst & 0x1ff)    //GETB
	C := int(inst>>9) & 0x1ff //GETC
	ret := equals(L, L.rkValue(B), L.rkValue(C), false)
	v := 1
	if ret {
		v = 0
	}
	if v == A {
		cf.Pc++
	}
	return 0
}

func opLt(L *LState, inst uint32, baseframe *callFrame) int { // OP_LT
	cf := L.currentFrame
	A := int(inst>>18) & 0xff //GETA
	B := int(inst & 0x1ff)    //GETB
	C := int(inst>>9) & 0x1ff //GETC
	ret := lessThan(L, L.rkValue(B), L.rkValue(C))
	v := 1
	if ret {
		v = 0
	}
	if v == A {
		cf.Pc++
	}
	return 0
}

func opLe(L *LState, inst uint32, baseframe *callFrame) int { // OP_LE
	cf := L.currentFrame
	A := int(inst>>18) & 0xff //GETA
	B := int(inst & 0x1ff)    //GETB
	C := int(inst>>9) & 0x1ff //GETC
	lhs := L.rkValue(B)
	rhs := L.rkValue(C)
	ret := false

	if v1, ok1 := lhs.(LNumber); ok1 {
		if v2, ok2 := rhs.(LNumber); ok2 {
			ret = v1 <= v2
		} else {
			L.compareError(lhs, rhs)
		}
	} else {
		if lhs.Type() != rhs.Type() {
			L.compareError(lhs, rhs)
		}
		switch lhs.Type() {
		case LTString:
			ret = lhs.(LString) <= rhs.(LString)
		default:
			switch objectRational(L, lhs, rhs, "__le") {
			case 1:
				ret = true
			case 0:
				ret = false
			default:
				ret = !objectRationalWithError(L, rhs, lhs, "__lt")
			}
		}
	}

	v := 1
	if ret {
		v = 0
	}
	if v == A {
		cf.Pc++
	}
	return 0
}

func opTest(L *LState, inst uint32, baseframe *callFrame) int { // OP_TEST
	reg := L.reg
	cf := L.currentFrame
	lbase := cf.LocalBase
	A := int(inst>>18) & 0xff //GETA
	RA := lbase + A
	C := int(inst>>9) & 0x1ff //GETC
	if LVAsBool(reg.Get(RA)) == (C == 0) {
		cf.Pc++
	}
	return 0
}

func opTestset(L *LState, inst uint32, baseframe *callFrame) int { // OP_TESTSET
	reg := L.reg
	cf := L.currentFrame
	lbase := cf.LocalBase
	A := int(inst>>18) & 0xff //GETA
	RA := lbase + A
	B := int(inst & 0x1ff)    //GETB
	C := int(inst>>9) & 0x1ff //GETC
	if value := reg.Get(lbase + B); LVAsBool(value) != (C == 0) {
		reg.Set(RA, value)
	} else {
		cf.Pc++
	}
	return 0
}

func opCall(L *LState, inst uint32, baseframe *callFrame) int { // OP_CALL
	reg := L.reg
	cf := L.currentFrame
	lbase := cf.LocalBase
	A := int(inst>>18) & 0xff //GETA
	RA := lbase + A
	B := int(inst & 0x1ff)    //GETB
	C := int(inst>>9) & 0x1ff //GETC
	nargs := B - 1
	if B == 0 {
		nargs = reg.Top() - (RA + 1)
	}
	lv := reg.Get(RA)
	nret := C - 1
	var callable *LFunction
	var meta bool
	if fn, ok := lv.(*LFunction); ok {
		callable = fn
		meta = false
	} else {
		callable, meta = L.metaCall(lv)
	}
	L.pushCallFrame(callFrame{Fn: callable, Pc: 0, Base: RA, LocalBase: RA + 1, ReturnBase: RA, NArgs: nargs, NRet: nret, Parent: cf, TailCall: 0}, lv, meta)
	if callable.IsG && callGFunction(L, false) {
		return 1
	}
	return 0
}

func opTailcall(L *LState, inst uint32, baseframe *callFrame) int { // OP_TAILCALL
	reg := L.reg
	cf := L.currentFrame
	lbase := cf.LocalBase
	A := int(inst>>18) & 0xff //GETA
	RA := lbase + A
	B := int(inst & 0x1ff) //GETB
	nargs := B - 1
	if B == 0 {
		nargs = reg.Top() - (RA + 1)
	}
	lv := reg.Get(RA)
	var callable *LFunction
	var meta bool
	if fn, ok := lv.(*LFunction); ok {
		callable = fn
		meta = false
	} else {
		callable, meta = L.metaCall(lv)
	}
	if callable == nil {
		L.callError(lv)
	}
	L.closeUpvalues(lbase)
	if callable.IsG {
		luaframe := cf
		L.pushCallFrame(callFrame{
			Fn:         callable,
			Pc:         0,
			Base:       RA,
			LocalBase:  RA + 1,
			ReturnBase: cf.ReturnBase,
			NArgs:      nargs,
			NRet:       cf.NRet,
			Parent:     cf,
			TailCall:   0,
		}, lv, meta)
		if callGFunction(L, true) {
			return 1
		}
		if L.currentFrame == nil || L.currentFrame.Fn.IsG || luaframe == baseframe {
			return 1
		}
	} else {
		base := cf.Base
		cf.Fn = callable
		cf.Pc = 0
		cf.Base = RA
		cf.LocalBase = RA + 1
		cf.ReturnBase = cf.ReturnBase
		cf.NArgs = nargs
		cf.NRet = cf.NRet
		cf.TailCall++
		lbase := cf.LocalBase
		if meta {
			cf.NArgs++
			L.reg.Insert(lv, cf.LocalBase)
		}
		L.initCallFrame(cf)
		L.reg.CopyRange(base, RA, -1, reg.Top()-RA-1)
		cf.Base = base
		cf.LocalBase = base + (cf.LocalBase - lbase + 1)
	}
	return 0
}

func opReturn(L *LState, inst uint32, baseframe *callFrame) int { // OP_RETURN
	reg := L.reg
	cf := L.currentFrame
	lbase := cf.LocalBase
	A := int(inst>>18) & 0xff //GETA
	RA := lbase + A
	B := int(inst & 0x1ff) //GETB
	L.closeUpvalues(lbase)
	nret := B - 1
	if B == 0 {
		nret = reg.Top() - RA
	}
	n := cf.NRet
	if cf.NRet == MultRet {
		n = nret
	}

	if L.Parent != nil && L.stack.Sp() == 1 {
		copyReturnValues(L, reg.Top(), RA, n, B)
		switchToParentThread(L, n, false, true)
		return 1
	}
	islast := baseframe == L.stack.Pop() || L.stack.IsEmpty()
	copyReturnValues(L, cf.ReturnBase, RA, n, B)
	L.currentFrame = L.stack.Last()
	if islast || L.currentFrame == nil || L.currentFrame.Fn.IsG {
		return 1
	}
	return 0
}

func opForloop(L *LState, inst uint32, baseframe *callFrame) int { // OP_FORLOOP
	reg := L.reg
	cf := L.currentFrame
	lbase := cf.LocalBase
	A := int(inst>>18) & 0xff //GETA
	RA := lbase + A
	if init, ok1 := reg.Get(RA).(LNumber); ok1 {
		if limit, ok2 := reg.Get(RA + 1).(LNumber); ok2 {
			if step, ok3 := reg.Get(RA + 2).(LNumber); ok3 {
				init += step
				v := LNumber(init)
				reg.SetNumber(RA, v)
				if (step > 0 && init <= limit) || (step <= 0 && init >= limit) {
					Sbx := int(inst&0x3ffff) - opMaxArgSbx //GETSBX
					cf.Pc += Sbx
					reg.SetNumber(RA+3, v)
				} else {
					reg.SetTop(RA + 1)
				}
			} else {
				L.RaiseError("'for' step must be a number")
			}
		} else {
			L.RaiseError("'for' limit must be a number")
		}
	} else {
		L.RaiseError("'for' initial value must be a number")
	}
	return 0
}

func opForprep(L *LState, inst uint32, baseframe *callFrame) int { // OP_FORPREP
	reg := L.reg
	cf := L.currentFrame
	lbase := cf.LocalBase
	A := int(inst>>18) & 0xff //GETA
	RA := lbase + A
	Sbx := int(inst&0x3ffff) - opMaxArgSbx //GETSBX
	if init, ok1 := reg.Get(RA).(LNumber); ok1 {
		if step, ok2 := reg.Get(RA + 2).(LNumber); ok2 {
			reg.SetNumber(RA, LNumber(init-step))
		} else {
			L.RaiseError("'for' step must be a number")
		}
	} else {
		L.RaiseError("'for' initial value must be a number")
	}
	cf.Pc += Sbx
	return 0
}

func opTforloop(L *LState, inst uint32, baseframe *callFrame) int { // OP_TFORLOOP
	reg := L.reg
	cf := L.currentFrame
	lbase := cf.LocalBase
	A := int(inst>>18) & 0xff //GETA
	RA := lbase + A
	C := int(inst>>9) & 0x1ff //GETC
	nret := C
	reg.SetTop(RA + 3 + 2)
	reg.Set(RA+3+2, reg.Get(RA+2))
	reg.Set(RA+3+1, reg.Get(RA+1))
	reg.Set(RA+3, reg.Get(RA))
	L.callR(2, nret, RA+3)
	if value := reg.Get(RA + 3); value != LNil {
		reg.Set(RA+2, value)
		pc := cf.Fn.Proto.Code[cf.Pc]
		cf.Pc += int(pc&0x3ffff) - opMaxArgSbx
	}
	cf.Pc++
	return 0
}

func opClose(L *LState, inst uint32, baseframe *callFrame) int { // OP_CLOSE
	cf := L.currentFrame
	lbase := cf.LocalBase
	A := int(inst>>18) & 0xff //GETA
	RA := lbase + A
	L.closeUpvalues(RA)
	return 0
}

func opClosure(L *LState, inst uint32, baseframe *callFrame) int { // OP_CLOSURE
	reg := L.reg
	cf := L.currentFrame
	lbase := cf.LocalBase
	A := int(inst>>18) & 0xff //GETA
	RA := lbase + A
	Bx := int(inst & 0x3ffff) //GETBX
	proto := cf.Fn.Proto.FunctionPrototypes[Bx]
	closure := newLFunctionL(proto, cf.Fn.Env, int(proto.NumUpvalues))
	L.G.meter.Alloc(sizeOfFunction + sizeOfUpvalue*int(proto.NumUpvalues))
	reg.Set(RA, closure)
	for i := 0; i < int(proto.NumUpvalues); i++ {
		inst = cf.Fn.Proto.Code[cf.Pc]
		cf.Pc++
		B := opGetArgB(inst)
		switch opGetOpCode(inst) {
		case OP_MOVE:
			closure.Upvalues[i] = L.findUpvalue(lbase + B)
		case OP_GETUPVAL:
			closure.Upvalues[i] = cf.Fn.Upvalues[B]
		}
	}
	return 0
}

func opVararg(L *LState, inst uint32, baseframe *callFrame) int { // OP_VARARG
	reg := L.reg
	cf := L.currentFrame
	lbase := cf.LocalBase
	A := int(inst>>18) & 0xff //GETA
	RA := lbase + A
	B := int(inst & 0x1ff) //GETB
	nparams := int(cf.Fn.Proto.NumParameters)
	nvarargs := cf.NArgs - nparams
	if nvarargs < 0 {
		nvarargs = 0
	}
	nwant := B - 1
	if B == 0 {
		nwant = nvarargs
	}
	if nwant > manyValues {
		L.G.meter.Busy(nwant * unitsPerValue)
	}
	reg.CopyRange(RA, cf.Base+nparams+1, cf.LocalBase, nwant)
	return 0
}

func opNop(L *LState, inst uint32, baseframe *callFrame) int { // OP_NOP
	return 0
}
