package lua

func opMove(L *LState, inst uint32, baseframe *callFrame) int { // OP_MOVE
	reg := L.reg
	cf := L.currentFrame
	lbase := cf.LocalBase
	A := int(inst>>18) & 0xff //GETA
	RA := lbase + A
	B := int(inst & 0x1ff) //GETB
	v := reg.Get(lbase + B)
	reg.Set(RA, v)
	return 0
}

func opMoven(L *LState, inst uint32, baseframe *callFrame) int { // OP_MOVEN
	reg := L.reg
	cf := L.currentFrame
	lbase := cf.LocalBase
	A := int(inst>>18) & 0xff //GETA
	B := int(inst & 0x1ff)    //GETB
	C := int(inst>>9) & 0x1ff //GETC
	v := reg.Get(lbase + B)
	reg.Set(lbase+A, v)
	code := cf.Fn.Proto.Code
	pc := cf.Pc
	for i := 0; i < C; i++ {
		inst = code[pc]
		pc++
		A = int(inst>>18) & 0xff //GETA
		B = int(inst & 0x1ff)    //GETB
		v := reg.Get(lbase + B)
		reg.Set(lbase+A, v)
	}
	cf.Pc = pc
	return 0
}

func opLoadk(L *LState, inst uint32, baseframe *callFrame) int { // OP_LOADK
	reg := L.reg
	cf := L.currentFrame
	lbase := cf.LocalBase
	A := int(inst>>18) & 0xff //GETA
	RA := lbase + A
	Bx := int(inst & 0x3ffff) //GETBX
	v := cf.Fn.Proto.Constants[Bx]
	reg.Set(RA, v)
	return 0
}

func opLoadbool(L *LState, inst uint32, baseframe *callFrame) int { // OP_LOADBOOL
	reg := L.reg
	cf := L.currentFrame
	lbase := cf.LocalBase
	A := int(inst>>18) & 0xff //GETA
	RA := lbase + A
	B := int(inst & 0x1ff)    //GETB
	C := int(inst>>9) & 0x1ff //GETC
	if B != 0 {
		reg.Set(RA, LTrue)
	} else {
		reg.Set(RA, LFalse)
	}
	if C != 0 {
		cf.Pc++
	}
	return 0
}

func opLoadnil(L *LState, inst uint32, baseframe *callFrame) int { // OP_LOADNIL
	reg := L.reg
	cf := L.currentFrame
	lbase := cf.LocalBase
	A := int(inst>>18) & 0xff //GETA
	RA := lbase + A
	B := int(inst & 0x1ff) //GETB
	for i := RA; i <= lbase+B; i++ {
		reg.Set(i, LNil)
	}
	return 0
}

func opGetupval(L *LState, inst uint32, baseframe *callFrame) int { // OP_GETUPVAL
	reg := L.reg
	cf := L.currentFrame
	lbase := cf.LocalBase
	A := int(inst>>18) & 0xff //GETA
	RA := lbase + A
	B := int(inst & 0x1ff) //GETB
	v := cf.Fn.Upvalues[B].Value()
	reg.Set(RA, v)
	return 0
}

func opGetglobal(L *LState, inst uint32, baseframe *callFrame) int { // OP_GETGLOBAL
	reg := L.reg
	cf := L.currentFrame
	lbase := cf.LocalBase
	A := int(inst>>18) & 0xff //GETA
	RA := lbase + A
	Bx := int(inst & 0x3ffff) //GETBX
	//reg.Set(RA, L.getField(cf.Fn.Env, cf.Fn.Proto.Constants[Bx]))
	v := L.getFieldString(cf.Fn.Env, cf.Fn.Proto.stringConstants[Bx])
	reg.Set(RA, v)
	return 0
}

func opGettable(L *LState, inst uint32, baseframe *callFrame) int { // OP_GETTABLE
	reg := L.reg
	cf := L.currentFrame
	lbase := cf.LocalBase
	A := int(inst>>18) & 0xff //GETA
	RA := lbase + A
	B := int(inst & 0x1ff)    //GETB
	C := int(inst>>9) & 0x1ff //GETC
	v := L.getField(reg.Get(lbase+B), L.rkValue(C))
	reg.Set(RA, v)
	return 0
}

func opGettableks(L *LState, inst uint32, baseframe *callFrame) int { // OP_GETTABLEKS
	reg := L.reg
	cf := L.currentFrame
	lbase := cf.LocalBase
	A := int(inst>>18) & 0xff //GETA
	RA := lbase + A
	B := int(inst & 0x1ff)    //GETB
	C := int(inst>>9) & 0x1ff //GETC
	v := L.getFieldString(reg.Get(lbase+B), L.rkString(C))
	reg.Set(RA, v)
	return 0
}

func opSetglobal(L *LState, inst uint32, baseframe *callFrame) int { // OP_SETGLOBAL
	reg := L.reg
	cf := L.currentFrame
	lbase := cf.LocalBase
	A := int(inst>>18) & 0xff //GETA
	RA := lbase + A
	Bx := int(inst & 0x3ffff) //GETBX
	//L.setField(cf.Fn.Env, cf.Fn.Proto.Constants[Bx], reg.Get(RA))
	L.setFieldString(cf.Fn.Env, cf.Fn.Proto.stringConstants[Bx], reg.Get(RA))
	return 0
}

func opSetupval(L *LState, inst uint32, baseframe *callFrame) int { // OP_SETUPVAL
	reg := L.reg
	cf := L.currentFrame
	lbase := cf.LocalBase
	A := int(inst>>18) & 0xff //GETA
	RA := lbase + A
	B := int(inst & 0x1ff) //GETB
	cf.Fn.Upvalues[B].SetValue(reg.Get(RA))
	return 0
}

func opSettable(L *LState, inst uint32, baseframe *callFrame) int { // OP_SETTABLE
	reg := L.reg
	cf := L.currentFrame
	lbase := cf.LocalBase
	A := int(inst>>18) & 0xff //GETA
	RA := lbase + A
	B := int(inst & 0x1ff)    //GETB
	C := int(inst>>9) & 0x1ff //GETC
	L.setField(reg.Get(RA), L.rkValue(B), L.rkValue(C))
	return 0
}

func opSettableks(L *LState, inst uint32, baseframe *callFrame) int { // OP_SETTABLEKS
	reg := L.reg
	cf := L.currentFrame
	lbase := cf.LocalBase
	A := int(inst>>18) & 0xff //GETA
	RA := lbase + A
	B := int(inst & 0x1ff)    //GETB
	C := int(inst>>9) & 0x1ff //GETC
	L.setFieldString(reg.Get(RA), L.rkString(B), L.rkValue(C))
	return 0
}

func opNewtable(L *LState, inst uint32, baseframe *callFrame) int { // OP_NEWTABLE
	reg := L.reg
	cf := L.currentFrame
	lbase := cf.LocalBase
	A := int(inst>>18) & 0xff //GETA
	RA := lbase + A
	B := int(inst & 0x1ff)    //GETB
	C := int(inst>>9) & 0x1ff //GETC
	v := newMeteredTable(L.G.meter, fb2Int(B), fb2Int(C))
	reg.Set(RA, v)
	return 0
}

func opSelf(L *LState, inst uint32, baseframe *callFrame) int { // OP_SELF
	reg := L.reg
	cf := L.currentFrame
	lbase := cf.LocalBase
	A := int(inst>>18) & 0xff //GETA
	RA := lbase + A
	B := int(inst & 0x1ff)    //GETB
	C := int(inst>>9) & 0x1ff //GETC
	selfobj := reg.Get(lbase + B)
	v := L.getFieldString(selfobj, L.rkString(C))
	reg.Set(RA, v)
	reg.Set(RA+1, selfobj)
	return 0
}

func opLen(L *LState, inst uint32, baseframe *callFrame) int { // OP_LEN
	reg := L.reg
	cf := L.currentFrame
	lbase := cf.LocalBase
	A := int(inst>>18) & 0xff //GETA
	RA := lbase + A
	B := int(inst & 0x1ff) //GETB
	switch lv := L.rkValue(B).(type) {
	case LString:
		reg.SetNumber(RA, LNumber(len(lv)))
	default:
		var op LValue = LNil
		if lv.Type() != LTTable {
			op = L.metaOp1(lv, "__len")
		}
		if op.Type() == LTFunction {
			reg.Push(op)
			reg.Push(lv)
			L.Call(1, 1)
			ret := reg.Pop()
			if ret.Type() == LTNumber {
				v, _ := ret.(LNumber)
				reg.SetNumber(RA, v)
			} else {
				reg.Set(RA, ret)
			}
		} else if lv.Type() == LTTable {
			reg.SetNumber(RA, LNumber(lv.(*LTable).Len()))
		} else {
			L.typeError("get length of", lv, B)
		}
	}
	return 0
}

func opConcat(L *LState, inst uint32, baseframe *callFrame) int { // OP_CONCAT
	reg := L.reg
	cf := L.currentFrame
	lbase := cf.LocalBase
	A := int(inst>>18) & 0xff //GETA
	RA := lbase + A
	B := int(inst & 0x1ff)    //GETB
	C := int(inst>>9) & 0x1ff //GETC
	RC := lbase + C
	RB := lbase + B
	v := stringConcat(L, RC-RB+1, RC)
	reg.Set(RA, v)
	return 0
}

func opSetlist(L *LState, inst uint32, baseframe *callFrame) int { // OP_SETLIST
	reg := L.reg
	cf := L.currentFrame
	lbase := cf.LocalBase
	A := int(inst>>18) & 0xff //GETA
	RA := lbase + A
	B := int(inst & 0x1ff)    //GETB
	C := int(inst>>9) & 0x1ff //GETC
	if C == 0 {
		C = int(cf.Fn.Proto.Code[cf.Pc])
		cf.Pc++
	}
	offset := (C - 1) * FieldsPerFlush
	table := reg.Get(RA).(*LTable)
	nelem := B
	if B == 0 {
		nelem = reg.Top() - RA - 1
	}
	for i := 1; i <= nelem; i++ {
		table.RawSetInt(offset+i, reg.Get(RA+i))
	}
	return 0
}
