package luavm

import (
	"fmt"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

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
