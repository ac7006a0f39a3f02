package lua

func OpenCoroutine(L *LState) int {
	mod := L.RegisterModule(CoroutineLibName, coFuncs)
	L.Push(mod)
	return 1
}

var coFuncs = map[string]LGFunction{
	"create":  coCreate,
	"yield":   coYield,
	"resume":  coResume,
	"running": coRunning,
	"status":  coStatus,
	"wrap":    coWrap,
}

func coCreate(L *LState) int {
	fn := L.CheckFunction(1)
	newthread, _ := L.NewThread()
	base := 0
	newthread.stack.Push(callFrame{
		Fn:         fn,
		Pc:         0,
		Base:       base,
		LocalBase:  base + 1,
		ReturnBase: base,
		NArgs:      0,
		NRet:       MultRet,
		Parent:     nil,
		TailCall:   0,
	})
	L.Push(newthread)
	return 1
}

// coYield gives the values on the stack to whoever resumed the coroutine. There
// must be no call from Go between the two, which could not go on later.
func coYield(L *LState) int {
	if L.Parent == nil || L.G.nested > L.base {
		L.Error(LString("attempt to yield across metamethod/C-call boundary"), 0)
	}
	return -1
}

func coResume(L *LState) int {
	th, ok := L.Get(1).(*LState)
	if !ok {
		L.ArgError(1, "coroutine expected")
	}
	return resume(L, th, L.GetTop()-1)
}

// resume lets th go on with the n values on top of L, and pushes whether that went
// well and what th returned, yielded or failed with. It returns how many these are.
func resume(L, th *LState, n int) int {
	why := ""
	if status := L.Status(th); status != "suspended" {
		why = "cannot resume " + status + " coroutine"
	} else if L.G.nested >= maxNested {
		why = "C stack overflow"
	}
	if why != "" {
		L.Push(LFalse)
		L.Push(LString(why))
		return 2
	}
	depth := L.G.nested
	L.G.nested++
	th.Parent, th.base = L, L.G.nested
	L.G.CurrentThread = th
	first := !th.isStarted()
	if first {
		th.currentFrame = th.stack.Last()
		th.SetTop(0)
		th.Panic = panicWithoutTraceback
	}
	L.XMoveTo(th, n)
	if first {
		th.currentFrame.NArgs = n
		th.initCallFrame(th.currentFrame)
	}
	top := L.GetTop()
	threadRun(th)
	L.G.nested = depth
	return L.GetTop() - top
}

func coRunning(L *LState) int {
	if L.G.MainThread == L {
		L.Push(LNil)
		return 1
	}
	L.Push(L.G.CurrentThread)
	return 1
}

func coStatus(L *LState) int {
	th, ok := L.Get(1).(*LState)
	if !ok {
		L.ArgError(1, "coroutine expected")
	}
	L.Push(LString(L.Status(th)))
	return 1
}

func wrapped(L *LState) int {
	th := L.ToThread(UpvalueIndex(1))
	n := resume(L, th, L.GetTop())
	if L.Get(-n) == LTrue {
		return n - 1
	}
	failure := L.Get(-1)
	switch text := failure.(type) {
	case LString:
		failure = LString(L.place(1) + string(text))
	case LNumber:
		failure = LString(L.place(1) + text.String())
	}
	L.Error(failure, 0)
	return 0
}

// place is luaL_where: the position in the function at a level, if that is Lua's.
func (ls *LState) place(level int) string {
	dbg, ok := ls.GetStack(level)
	if !ok || dbg.frame.Fn.IsG {
		return ""
	}
	return ls.where(level, false) + " "
}

func coWrap(L *LState) int {
	coCreate(L)
	v := L.Get(L.GetTop())
	L.Pop(1)
	L.Push(L.NewClosure(wrapped, v))
	return 1
}
