package luavm

import "reflect"

// Layouts returns the mirrored structs, so that the test can compare them.
func Layouts() (table, upvalue, frame, state, registry reflect.Type) {
	return reflect.TypeFor[tableLayout](), reflect.TypeFor[upvalueLayout](), reflect.TypeFor[frameLayout](),
		reflect.TypeFor[stateLayout](), reflect.TypeFor[registryLayout]()
}
