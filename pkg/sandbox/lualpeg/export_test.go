package lualpeg

import "reflect"

// TableLayout shows the mirrored table to the test that compares it.
func TableLayout() reflect.Type { return reflect.TypeOf(tableLayout{}) }
