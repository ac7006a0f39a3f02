package luavm

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// repairError turns gopher-lua's message of a run-time error into PUC Lua's,
// with the name of the variable where the source tells it. Texts are all that
// the machine gives; what it does not recognise stays as it is.
func (vm *VM) repairError(L *lua.LState, v lua.LValue) lua.LValue {
	s, ok := v.(lua.LString)
	if !ok {
		return v
	}
	text := string(s)
	f := vm.frameOf(L)
	prefix := ""
	if f.line > 0 {
		prefix = fmt.Sprintf("%s:%d: ", f.source, f.line)
		if !strings.HasPrefix(text, prefix) {
			prefix = ""
		}
	}
	if fixed := vm.repairText(L, f, text[len(prefix):]); fixed != "" {
		return lua.LString(prefix + fixed)
	}
	return v
}

// repairDead does the same for the error of a coroutine, whose frames are gone.
func (vm *VM) repairDead(v lua.LValue) lua.LValue {
	s, ok := v.(lua.LString)
	if !ok {
		return v
	}
	switch s {
	case "can not resume a dead thread":
		return lua.LString("cannot resume dead coroutine")
	case "can not resume a running thread":
		return lua.LString("cannot resume running coroutine")
	}
	var f frame
	text := string(s)
	if m := positionPrefix.FindStringSubmatch(text); m != nil {
		f.source = m[1]
		f.line, _ = strconv.Atoi(m[2])
		if fixed := vm.repairText(vm.L, f, text[len(m[0]):]); fixed != "" {
			return lua.LString(m[0] + fixed)
		}
	}
	return v
}

var positionPrefix = regexp.MustCompile(`^(.*?):(\d+): `)

// frame is the function that raised an error.
type frame struct {
	L      *lua.LState
	frame  *frameLayout
	fn     *lua.LFunction
	source string
	line   int
}

func (vm *VM) frameOf(L *lua.LState) (f frame) {
	dbg, ok := L.GetStack(1)
	if !ok {
		return f
	}
	fn, err := L.GetInfo("Slf", dbg, lua.LNil)
	if err != nil {
		return f
	}
	f.source, f.line = dbg.Source, dbg.CurrentLine
	f.L = L
	if current := stateOf(L).currentFrame; current != nil {
		f.frame = current.parent
	}
	f.fn, _ = fn.(*lua.LFunction)
	return f
}

var fixedTexts = [...]struct{ ours, pucs string }{
	{"for statement init must be a number", "'for' initial value must be a number"},
	{"for statement limit must be a number", "'for' limit must be a number"},
	{"for statement step must be a number", "'for' step must be a number"},
	{"too many recursions in gettable", "loop in gettable"},
	{"too many recursions in settable", "loop in settable"},
	{"registry overflow", "stack overflow"},
}

func (vm *VM) repairText(L *lua.LState, f frame, text string) string {
	for _, t := range fixedTexts {
		if text == t.ours {
			return t.pucs
		}
	}
	var a, b, c string
	switch {
	case strings.HasPrefix(text, "attempt to index a non-table object("):
		rest := strings.TrimPrefix(text, "attempt to index a non-table object(")
		kind, key, _ := strings.Cut(rest, ") with key '")
		key = strings.TrimSuffix(key, "'")
		return vm.typeText(L, f, "index", kind, func(s *site) []variable {
			if s.op == opIndex && (s.key == key || s.key == "") {
				return []variable{s.first}
			}
			return nil
		})
	case text == "attempt to call a non-function object":
		return vm.typeText(L, f, "call", f.operand(18, 0xff), func(s *site) []variable {
			if s.op == opCall {
				return []variable{s.first}
			}
			return nil
		})
	case text == "__len undefined":
		return vm.typeText(L, f, "get length of", f.operand(0, 0x1ff), func(s *site) []variable {
			if s.op == opLength {
				return []variable{s.first}
			}
			return nil
		})
	case text == "__unm undefined":
		return vm.arithText(L, f, "unm", f.operand(0, 0x1ff), "")
	case strings.HasPrefix(text, "cannot perform "):
		if n, _ := fmt.Sscanf(text, "cannot perform %s operation between %s and %s", &a, &b, &c); n == 3 {
			return vm.arithText(L, f, operatorOf(a), b, c)
		}
	case strings.HasPrefix(text, "attempt to compare "):
		if n, _ := fmt.Sscanf(text, "attempt to compare %s with %s", &a, &b); n == 2 && a == b {
			return "attempt to compare two " + a + " values"
		}
	}
	return ""
}

func operatorOf(event string) string {
	switch event {
	case "add":
		return "+"
	case "sub":
		return "-"
	case "mul":
		return "*"
	case "div":
		return "/"
	case "mod":
		return "%"
	case "pow":
		return "^"
	}
	return event
}

// arithText names the culprit of arithmetic: the first operand that is no
// number.
func (vm *VM) arithText(L *lua.LState, f frame, operator, first, second string) string {
	kind, culprit := first, func(s *site) variable { return s.first }
	if first == "number" {
		kind, culprit = second, func(s *site) variable { return s.second }
	}
	return vm.typeText(L, f, "perform arithmetic on", kind, func(s *site) []variable {
		if s.op == opArith && s.key == operator {
			return []variable{culprit(s)}
		}
		return nil
	})
}

// typeText writes "attempt to OP KIND 'NAME' (a TYPE value)". An empty type is
// taken from the variable.
func (vm *VM) typeText(L *lua.LState, f frame, op, kind string, pick func(*site) []variable) string {
	var found []variable
	if table := vm.sites[f.source]; table != nil {
		for i := range table.byLine[f.line] {
			found = append(found, pick(&table.byLine[f.line][i])...)
		}
	}
	v, kind := vm.resolve(L, f, found, kind, op == "call")
	if v.kind == kindNone {
		return fmt.Sprintf("attempt to %s a %s value", op, kind)
	}
	return fmt.Sprintf("attempt to %s %s '%s' (a %s value)", op, kindWords[v.kind], v.name, kind)
}

// resolve picks the variable that an error is about: the only one of the line
// that holds a value of the type, if there is just one.
func (vm *VM) resolve(L *lua.LState, f frame, found []variable, kind string, call bool) (variable, string) {
	var best variable
	var bestKind string
	for _, v := range found {
		value, known := vm.lookup(L, f, v)
		if !known && f.frame != nil && (v.kind == kindLocal || v.kind == kindUpvalue) {
			continue // the variable of another function on this line
		}
		actual := kind
		if known {
			actual = value.Type().String()
			if (kind != "" && actual != kind) || (call && actual == "function") {
				continue
			}
		}
		if bestKind != "" && v != best {
			return variable{}, orNil(kind)
		}
		best, bestKind = v, orNil(actual)
	}
	if bestKind == "" {
		bestKind = orNil(kind)
	}
	return best, bestKind
}

func orNil(kind string) string {
	if kind == "" {
		return "nil"
	}
	return kind
}

// lookup reads a variable of a frame; fields cannot be told apart and are
// unknown.
func (vm *VM) lookup(L *lua.LState, f frame, v variable) (lua.LValue, bool) {
	switch v.kind {
	case kindGlobal:
		if f.fn != nil && f.fn.Env != nil {
			return f.fn.Env.RawGetString(v.name), true
		}
	case kindLocal:
		return f.local(v.name)
	case kindUpvalue:
		if f.fn == nil || f.frame == nil {
			return nil, false
		}
		for i := 1; i <= len(f.fn.Upvalues); i++ {
			if name, value := L.GetUpvalue(f.fn, i); name == v.name {
				return value, value != nil
			}
		}
	}
	return nil, false
}

// operand returns the type of the value that a field of the failed instruction
// names, "" when it cannot be told.
func (f *frame) operand(shift, mask int) string {
	if f.frame == nil || f.fn == nil || f.fn.Proto == nil || f.frame.pc < 1 {
		return ""
	}
	n := int(f.fn.Proto.Code[f.frame.pc-1]>>shift) & mask
	registers := stateOf(f.L).reg.array
	if n >= 0x100 {
		return f.fn.Proto.Constants[n&0xff].Type().String()
	}
	if at := f.frame.localBase + n; at < len(registers) && registers[at] != nil {
		return registers[at].Type().String()
	}
	return ""
}

// local reads the innermost active local variable with a name.
func (f *frame) local(name string) (value lua.LValue, found bool) {
	if f.frame == nil || f.fn == nil || f.fn.Proto == nil {
		return nil, false
	}
	pc, register := f.frame.pc-1, f.frame.localBase
	registers := stateOf(f.L).reg.array
	for _, l := range f.fn.Proto.DbgLocals {
		if l.StartPc > pc || pc >= l.EndPc {
			continue
		}
		if l.Name == name && register < len(registers) && registers[register] != nil {
			value, found = registers[register], true
		}
		register++
	}
	return value, found
}

// traceback writes the stack as debug.traceback does, from a level on.
func traceback(L *lua.LState, message string, level int) string {
	var b strings.Builder
	if message != "" {
		b.WriteString(message + "\n")
	}
	b.WriteString("stack traceback:")
	const head, tail = 12, 10
	depth := 0
	for {
		if _, ok := L.GetStack(level + depth); !ok || depth > 100_000 {
			break
		}
		depth++
	}
	for i := 0; i < depth; i++ {
		if i == head && depth > head+tail {
			b.WriteString("\n\t...")
			i = depth - tail
		}
		dbg, ok := L.GetStack(level + i)
		if !ok {
			break
		}
		b.WriteString("\n\t" + frameText(L, dbg, i == depth-1))
	}
	return b.String()
}

func frameText(L *lua.LState, dbg *lua.Debug, outermost bool) string {
	if _, err := L.GetInfo("Slnf", dbg, lua.LNil); err != nil {
		return "?"
	}
	where := "[C]:"
	if dbg.CurrentLine > 0 {
		where = fmt.Sprintf("%s:%d:", dbg.Source, dbg.CurrentLine)
	}
	switch {
	case dbg.Source != "" && dbg.LineDefined == 0, dbg.Name == "main chunk":
		return where + " in main chunk"
	case strings.HasPrefix(dbg.Name, "function <"):
		return fmt.Sprintf("%s in function <%s:%d>", where, dbg.Source, dbg.LineDefined)
	case dbg.Name == "" || dbg.Name[0] == '(' || (outermost && dbg.Name == "?"):
		return where + " ?"
	}
	return fmt.Sprintf("%s in function '%s'", where, dbg.Name)
}
