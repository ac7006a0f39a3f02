package lpeg

// Class is a named set of bytes.
type Class struct {
	Name string
	Set  Set
}

// Classes returns the character classes of the C locale, as LPeg's locale names them.
func Classes() []Class {
	digit, lower, upper := RangeOf('0', '9'), RangeOf('a', 'z'), RangeOf('A', 'Z')
	alpha := lower.Union(upper)
	alnum := alpha.Union(digit)
	graph := RangeOf('!', '~')
	return []Class{
		{"alnum", alnum},
		{"alpha", alpha},
		{"cntrl", RangeOf(0, 31).Union(SetOf("\x7f"))},
		{"digit", digit},
		{"graph", graph},
		{"lower", lower},
		{"print", graph.Union(SetOf(" "))},
		{"punct", graph.Minus(alnum)},
		{"space", SetOf(" \t\n\v\f\r")},
		{"upper", upper},
		{"xdigit", digit.Union(RangeOf('a', 'f')).Union(RangeOf('A', 'F'))},
	}
}
