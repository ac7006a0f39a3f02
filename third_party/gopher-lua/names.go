package lua

// typeError raises PUC Lua's "attempt to OP KIND 'NAME' (a TYPE value)" about the
// value of an operand of the running instruction: a register, a constant, or -1.
func (ls *LState) typeError(op string, v LValue, operand int) {
	kind, name := "", ""
	if cf := ls.currentFrame; operand >= 0 && operand&opBitRk == 0 && cf != nil && !cf.Fn.IsG {
		kind, name = cf.Fn.Proto.nameOf(cf.Pc-1, operand)
	}
	if kind == "" {
		ls.RaiseError("attempt to %s a %s value", op, v.Type().String())
	}
	ls.RaiseError("attempt to %s %s '%s' (a %s value)", op, kind, name, v.Type().String())
}

// running is the instruction that the last frame is at; false for a host function.
func (ls *LState) running() (inst uint32, ok bool) {
	cf := ls.currentFrame
	if cf == nil || cf.Fn.IsG || cf.Pc < 1 {
		return 0, false
	}
	return cf.Fn.Proto.Code[cf.Pc-1], true
}

// indexError is about an object without fields. Only the first object of a chain
// of __index is an operand.
func (ls *LState) indexError(v LValue, first bool) {
	operand := -1
	if inst, ok := ls.running(); ok && first {
		switch opGetOpCode(inst) {
		case OP_GETTABLE, OP_GETTABLEKS, OP_SELF:
			operand = opGetArgB(inst)
		case OP_SETTABLE, OP_SETTABLEKS:
			operand = opGetArgA(inst)
		}
	}
	ls.typeError("index", v, operand)
}

func (ls *LState) callError(v LValue) {
	operand := -1
	if inst, ok := ls.running(); ok {
		switch opGetOpCode(inst) {
		case OP_CALL, OP_TAILCALL:
			operand = opGetArgA(inst)
		}
	}
	ls.typeError("call", v, operand)
}

func (ls *LState) arithError(lhs, rhs LValue) {
	operand, v := -1, lhs
	inst, ok := ls.running()
	if ok {
		operand = opGetArgB(inst)
	}
	if _, isNumber := arithNumber(lhs); isNumber {
		v = rhs
		if ok {
			operand = opGetArgC(inst)
		}
	}
	ls.typeError("perform arithmetic on", v, operand)
}

// concatError is about the operands in register i and behind it.
func (ls *LState) concatError(lhs, rhs LValue, i int) {
	operand, v := i-ls.currentFrame.LocalBase, lhs
	if LVCanConvToString(lhs) {
		operand, v = operand+1, rhs
	}
	ls.typeError("concatenate", v, operand)
}

func arithNumber(v LValue) (LNumber, bool) {
	switch v := v.(type) {
	case LNumber:
		return v, true
	case LString:
		f, ok := ParseNumber(string(v))
		return LNumber(f), ok
	}
	return 0, false
}

func (ls *LState) compareError(lhs, rhs LValue) {
	a, b := lhs.Type().String(), rhs.Type().String()
	if a == b {
		ls.RaiseError("attempt to compare two %s values", a)
	}
	ls.RaiseError("attempt to compare %s with %s", a, b)
}

// CalledAs returns the name by which the function at a level of the stack was
// called, and what kind of name it is: "global", "local", "method", "field",
// "upvalue" or "" for none.
func (ls *LState) CalledAs(level int) (name, kind string) {
	dbg, ok := ls.GetStack(level)
	if !ok || dbg.frame.Parent == nil || dbg.frame.Parent.Fn.IsG || !dbg.frame.Fn.IsG && dbg.frame.TailCall > 0 {
		return "", ""
	}
	caller := dbg.frame.Parent
	inst := caller.Fn.Proto.Code[caller.Pc-1]
	switch opGetOpCode(inst) {
	case OP_CALL, OP_TAILCALL, OP_TFORLOOP:
		kind, name = caller.Fn.Proto.nameOf(caller.Pc-1, opGetArgA(inst))
	}
	return name, kind
}

// nameOf is PUC Lua's getobjname: where the value in a register came from, as the
// instruction at pc finds it.
func (fp *FunctionProto) nameOf(pc, register int) (kind, name string) {
	if name := fp.localName(pc, register); name != "" {
		return "local", name
	}
	last := fp.setter(pc, register)
	if last < 0 {
		return "", ""
	}
	inst := fp.Code[last]
	switch opGetOpCode(inst) {
	case OP_GETGLOBAL:
		return "global", fp.stringConstants[opGetArgBx(inst)]
	case OP_MOVE, OP_MOVEN:
		if b := opGetArgB(inst); b < opGetArgA(inst) {
			return fp.nameOf(last, b)
		}
	case OP_GETTABLE, OP_GETTABLEKS:
		return "field", fp.constantName(opGetArgC(inst))
	case OP_SELF:
		return "method", fp.constantName(opGetArgC(inst))
	case OP_GETUPVAL:
		if b := opGetArgB(inst); b < len(fp.DbgUpvalues) {
			return "upvalue", fp.DbgUpvalues[b]
		}
		return "upvalue", "?"
	}
	return "", ""
}

func (fp *FunctionProto) constantName(rk int) string {
	if rk&opBitRk != 0 {
		if s, ok := fp.Constants[rk&^opBitRk].(LString); ok {
			return string(s)
		}
	}
	return "?"
}

// localName returns the active local variable in a register.
func (fp *FunctionProto) localName(pc, register int) string {
	for _, l := range fp.DbgLocals {
		if l.StartPc > pc {
			break
		}
		if pc < l.EndPc {
			if register == 0 {
				return l.Name
			}
			register--
		}
	}
	return ""
}

// setter is PUC Lua's symbexec: the last instruction before pc that set a
// register on the way to pc.
func (fp *FunctionProto) setter(pc, register int) int {
	last := -1
	for i := 0; i < pc; i++ {
		inst := fp.Code[i]
		a, sets := opGetArgA(inst), false
		switch op := opGetOpCode(inst); op {
		case OP_LOADNIL:
			sets = a <= register && register <= opGetArgB(inst)
		case OP_MOVEN:
			if a == register {
				last = i
			}
			for n := opGetArgC(inst); n > 0; n-- {
				if i++; i < pc && opGetArgA(fp.Code[i]) == register {
					last = i
				}
			}
		case OP_TFORLOOP:
			sets = register >= a+2
		case OP_CALL, OP_TAILCALL:
			sets = register >= a
		case OP_SELF:
			sets = register == a || register == a+1
		case OP_FORLOOP, OP_FORPREP, OP_JMP:
			sets = op != OP_JMP && a <= register && register <= a+3
			if to := i + 1 + opGetArgSbx(inst); i < to && to <= pc {
				i = to - 1
			}
		case OP_CLOSURE:
			if a == register {
				last = i
			}
			i += int(fp.FunctionPrototypes[opGetArgBx(inst)].NumUpvalues)
		case OP_SETLIST:
			if opGetArgC(inst) == 0 {
				i++
			}
		default:
			sets = opProps[op].SetRegA && a == register
		}
		if sets {
			last = i
		}
	}
	return last
}
