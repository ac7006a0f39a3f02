package lua

import (
	"fmt"
	"math"
	"unsafe"
)

func mainLoopWithContext(L *LState, baseframe *callFrame) {
	var inst uint32
	var cf *callFrame

	if L.stack.IsEmpty() {
		return
	}

	L.currentFrame = L.stack.Last()
	if L.currentFrame.Fn.IsG {
		callGFunction(L, false)
		return
	}

	for {
		cf = L.currentFrame
		inst = cf.Fn.Proto.Code[cf.Pc]
		cf.Pc++
		select {
		case <-L.ctx.Done():
			L.RaiseError(L.ctx.Err().Error())
			return
		default:
			if jumpTable[int(inst>>26)](L, inst, baseframe) == 1 {
				return
			}
		}
	}
}

// regv is the first target register to copy the return values to.
// It can be reg.top, indicating that the copied values are going into new registers, or it can be below reg.top
// Indicating that the values should be within the existing registers.
// b is the available number of return values + 1.
// n is the desired number of return values.
// If n more than the available return values then the extra values are set to nil.
// When this function returns the top of the registry will be set to regv+n.
func copyReturnValues(L *LState, regv, start, n, b int) {
	if b == 1 {
		L.reg.FillNil(regv, n)
	} else {
		L.reg.CopyRange(regv, start, -1, n)
		if b > 1 && n > (b-1) {
			L.reg.FillNil(regv+b-1, n-(b-1))
		}
	}
}

func switchToParentThread(L *LState, nargs int, haserror bool, kill bool) {
	parent := L.Parent
	if parent == nil {
		L.RaiseError("can not yield from outside of a coroutine")
	}
	L.G.CurrentThread = parent
	L.Parent = nil
	parent.Push(LBool(!haserror))
	L.XMoveTo(parent, nargs)
	L.stack.Pop()
	offset := L.currentFrame.LocalBase - L.currentFrame.ReturnBase
	L.currentFrame = L.stack.Last()
	L.reg.SetTop(L.reg.Top() - offset) // remove 'yield' function(including tailcalled functions)
	if kill {
		L.kill()
	}
}

func callGFunction(L *LState, tailcall bool) bool {
	frame := L.currentFrame
	gfnret := frame.Fn.GFunction(L)
	if tailcall {
		L.currentFrame = L.RemoveCallerFrame()
	}

	if gfnret < 0 {
		switchToParentThread(L, L.GetTop(), false, false)
		return true
	}

	wantret := frame.NRet
	if wantret == MultRet {
		wantret = gfnret
	}

	if tailcall && L.Parent != nil && L.stack.Sp() == 1 {
		switchToParentThread(L, wantret, false, true)
		return true
	}

	L.reg.CopyRange(frame.ReturnBase, L.reg.Top()-gfnret, -1, wantret)
	L.stack.Pop()
	L.currentFrame = L.stack.Last()
	return false
}

func threadRun(L *LState) {
	if L.stack.IsEmpty() {
		return
	}

	defer func() {
		if rcv := recover(); rcv != nil {
			var lv LValue
			if v, ok := rcv.(*ApiError); ok {
				lv = v.Object
			} else {
				lv = LString(fmt.Sprint(rcv))
			}
			if L.Parent != nil {
				L.SetTop(0)
				L.Push(lv)
				switchToParentThread(L, 1, true, true)
			} else {
				panic(rcv)
			}
		}
	}()
	L.mainLoop(L, nil)
}

type instFunc func(*LState, uint32, *callFrame) int

var jumpTable [opCodeMax + 1]instFunc

func init() {
	jumpTable = [opCodeMax + 1]instFunc{
		OP_MOVE:       opMove,
		OP_MOVEN:      opMoven,
		OP_LOADK:      opLoadk,
		OP_LOADBOOL:   opLoadbool,
		OP_LOADNIL:    opLoadnil,
		OP_GETUPVAL:   opGetupval,
		OP_GETGLOBAL:  opGetglobal,
		OP_GETTABLE:   opGettable,
		OP_GETTABLEKS: opGettableks,
		OP_SETGLOBAL:  opSetglobal,
		OP_SETUPVAL:   opSetupval,
		OP_SETTABLE:   opSettable,
		OP_SETTABLEKS: opSettableks,
		OP_NEWTABLE:   opNewtable,
		OP_SELF:       opSelf,
		OP_ADD:        opArith,
		OP_SUB:        opArith,
		OP_MUL:        opArith,
		OP_DIV:        opArith,
		OP_MOD:        opArith,
		OP_POW:        opArith,
		OP_UNM:        opUnm,
		OP_NOT:        opNot,
		OP_LEN:        opLen,
		OP_CONCAT:     opConcat,
		OP_JMP:        opJmp,
		OP_EQ:         opEq,
		OP_LT:         opLt,
		OP_LE:         opLe,
		OP_TEST:       opTest,
		OP_TESTSET:    opTestset,
		OP_CALL:       opCall,
		OP_TAILCALL:   opTailcall,
		OP_RETURN:     opReturn,
		OP_FORLOOP:    opForloop,
		OP_FORPREP:    opForprep,
		OP_TFORLOOP:   opTforloop,
		OP_SETLIST:    opSetlist,
		OP_CLOSE:      opClose,
		OP_CLOSURE:    opClosure,
		OP_VARARG:     opVararg,
		OP_NOP:        opNop,
	}
}

func opArith(L *LState, inst uint32, baseframe *callFrame) int { //OP_ADD, OP_SUB, OP_MUL, OP_DIV, OP_MOD, OP_POW
	reg := L.reg
	cf := L.currentFrame
	lbase := cf.LocalBase
	A := int(inst>>18) & 0xff //GETA
	RA := lbase + A
	opcode := int(inst >> 26) //GETOPCODE
	B := int(inst & 0x1ff)    //GETB
	C := int(inst>>9) & 0x1ff //GETC
	lhs := L.rkValue(B)
	rhs := L.rkValue(C)
	v1, ok1 := lhs.(LNumber)
	v2, ok2 := rhs.(LNumber)
	if ok1 && ok2 {
		v := numberArith(L, opcode, LNumber(v1), LNumber(v2))
		reg.SetNumber(RA, v)
	} else {
		v := objectArith(L, opcode, lhs, rhs)
		reg.Set(RA, v)
	}
	return 0
}

// luaModulo is C's formula in PUC Lua.
func luaModulo(lhs, rhs LNumber) LNumber {
	return lhs - LNumber(math.Floor(float64(lhs/rhs)))*rhs
}

func numberArith(L *LState, opcode int, lhs, rhs LNumber) LNumber {
	switch opcode {
	case OP_ADD:
		return lhs + rhs
	case OP_SUB:
		return lhs - rhs
	case OP_MUL:
		return lhs * rhs
	case OP_DIV:
		return lhs / rhs
	case OP_MOD:
		return luaModulo(lhs, rhs)
	case OP_POW:
		flhs := float64(lhs)
		frhs := float64(rhs)
		return LNumber(Pow(flhs, frhs))
	}
	panic("should not reach here")
	return LNumber(0)
}

func objectArith(L *LState, opcode int, lhs, rhs LValue) LValue {
	event := ""
	switch opcode {
	case OP_ADD:
		event = "__add"
	case OP_SUB:
		event = "__sub"
	case OP_MUL:
		event = "__mul"
	case OP_DIV:
		event = "__div"
	case OP_MOD:
		event = "__mod"
	case OP_POW:
		event = "__pow"
	}
	if a, ok := arithNumber(lhs); ok {
		if b, ok := arithNumber(rhs); ok {
			return numberArith(L, opcode, a, b)
		}
	}
	op := L.metaOp2(lhs, rhs, event)
	if _, ok := op.(*LFunction); ok {
		L.reg.Push(op)
		L.reg.Push(lhs)
		L.reg.Push(rhs)
		L.Call(2, 1)
		return L.reg.Pop()
	}
	L.arithError(lhs, rhs)
	return LNil
}

// stringConcat joins registers from the right, so that metamethods see the same
// operands as in PUC Lua.
func stringConcat(L *LState, total, last int) LValue {
	rhs, first := L.reg.Get(last), last-total+1
	for i := last - 1; i >= first; {
		lhs := L.reg.Get(i)
		if !LVCanConvToString(lhs) || !LVCanConvToString(rhs) {
			op := L.metaOp2(lhs, rhs, "__concat")
			if op.Type() != LTFunction {
				L.concatError(lhs, rhs, i)
			}
			L.reg.Push(op)
			L.reg.Push(lhs)
			L.reg.Push(rhs)
			L.Call(2, 1)
			rhs = L.reg.Pop()
			i--
			continue
		}
		end, size := i, textSize(rhs)
		for ; i >= first && LVCanConvToString(L.reg.Get(i)); i-- {
			size += textSize(L.reg.Get(i))
		}
		L.checkString(size)
		buf := make([]byte, 0, size)
		for k := i + 1; k <= end; k++ {
			buf = appendText(buf, L.reg.Get(k))
		}
		buf = appendText(buf, rhs)
		rhs = LString(unsafe.String(unsafe.SliceData(buf), len(buf)))
	}
	return rhs
}

func textSize(v LValue) int {
	if s, ok := v.(LString); ok {
		return len(s)
	}
	return 8
}

func appendText(buf []byte, v LValue) []byte {
	if n, ok := v.(LNumber); ok {
		return AppendNumber(buf, float64(n))
	}
	return append(buf, v.(LString)...)
}

// checkString books a string that is about to be made.
func (ls *LState) checkString(size int) {
	m := ls.G.meter
	if m.Longest > 0 && int64(size) > m.Longest {
		ls.RaiseError("not enough memory")
	}
	m.Alloc(size)
	m.Busy(size)
}

func lessThan(L *LState, lhs, rhs LValue) bool {
	// optimization for numbers
	if v1, ok1 := lhs.(LNumber); ok1 {
		if v2, ok2 := rhs.(LNumber); ok2 {
			return v1 < v2
		}
		L.compareError(lhs, rhs)
	}
	if lhs.Type() != rhs.Type() {
		L.compareError(lhs, rhs)
		return false
	}
	ret := false
	switch lhs.Type() {
	case LTString:
		a, b := lhs.(LString), rhs.(LString)
		L.G.meter.Busy(min(len(a), len(b)) / 8)
		ret = a < b
	default:
		ret = objectRationalWithError(L, lhs, rhs, "__lt")
	}
	return ret
}

func equals(L *LState, lhs, rhs LValue, raw bool) bool {
	lt := lhs.Type()
	if lt != rhs.Type() {
		return false
	}

	ret := false
	switch lt {
	case LTNil:
		ret = true
	case LTNumber:
		v1, _ := lhs.(LNumber)
		v2, _ := rhs.(LNumber)
		ret = v1 == v2
	case LTBool:
		ret = bool(lhs.(LBool)) == bool(rhs.(LBool))
	case LTString:
		a, b := string(lhs.(LString)), string(rhs.(LString))
		if len(a) == len(b) && len(a) > 64 {
			L.G.meter.Busy(len(a) / 8)
		}
		ret = a == b
	case LTUserData, LTTable:
		if lhs == rhs {
			ret = true
		} else if !raw {
			switch objectRational(L, lhs, rhs, "__eq") {
			case 1:
				ret = true
			default:
				ret = false
			}
		}
	default:
		ret = lhs == rhs
	}
	return ret
}

func objectRationalWithError(L *LState, lhs, rhs LValue, event string) bool {
	switch objectRational(L, lhs, rhs, event) {
	case 1:
		return true
	case 0:
		return false
	}
	L.compareError(lhs, rhs)
	return false
}

func objectRational(L *LState, lhs, rhs LValue, event string) int {
	m1 := L.metaOp1(lhs, event)
	m2 := L.metaOp1(rhs, event)
	if m1.Type() == LTFunction && m1 == m2 {
		L.reg.Push(m1)
		L.reg.Push(lhs)
		L.reg.Push(rhs)
		L.Call(2, 1)
		if LVAsBool(L.reg.Pop()) {
			return 1
		}
		return 0
	}
	return -1
}
