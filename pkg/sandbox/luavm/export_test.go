package luavm

import "reflect"

// Layouts returns the mirrored structs, so that the test can compare them.
func Layouts() (frame, state, registry reflect.Type) {
	return reflect.TypeFor[frameLayout](),
		reflect.TypeFor[stateLayout](), reflect.TypeFor[registryLayout]()
}
