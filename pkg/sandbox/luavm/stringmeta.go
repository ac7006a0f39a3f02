package luavm

import (
	"fmt"

	lua "github.com/yuin/gopher-lua"
)

// openStringMetatable makes s:method() work.
func (vm *VM) openStringMetatable() {
	mt := vm.L.NewTable()
	library, _ := vm.L.G.Global.RawGetString("string").(*lua.LTable)
	library.RawSetString("gfind", library.RawGetString("gmatch")) // its old name
	mt.RawSetString("__index", library)
	vm.L.SetMetatable(lua.LString(""), mt)
}

func appendText(out []byte, v lua.LValue) []byte {
	switch v := v.(type) {
	case lua.LString:
		return append(out, v...)
	case lua.LNumber:
		return AppendNumber(out, float64(v))
	}
	return out
}

// invalidValue is table.concat's complaint.
func invalidValue(v lua.LValue, i int) string {
	return fmt.Sprintf("invalid value (%s) at index %d in table for 'concat'", v.Type(), i)
}
