package lpeg

// Host turns captures into values of type V. Each function must be set,
// except those of captures the host does not want: without Call, Query or
// Decide such captures fail with ErrUnsupported. Slices handed to a function
// are valid during the call.
type Host[V any] struct {
	// Nil is the value for "nothing".
	Nil V
	// Text makes a value of text that shares the subject's memory.
	Text func(s string) V
	// Number makes a value of a position.
	Number func(n int) V
	// Const makes a value of an operand of Cc.
	Const func(v any) V
	// Value converts the result of a Folder.
	Value func(v Value) V
	// Table makes the value of a Ct or, if Reuses is set, fills and returns
	// the table of a Cr: the named values in order of appearance, a later one
	// of the same name counting, and the values of the array. site tells
	// captures apart; most often it comes with the same names as last time.
	Table func(site *Site, names []*Site, named, array []V) V
	// Reuses says that Table knows Cr.
	Reuses bool
	// Call calls a function with args and appends its results to out.
	Call func(fn any, args, out []V) ([]V, error)
	// Query looks key up in the operand of a query capture; ok is false if it is absent.
	Query func(table any, key V) (v V, ok bool, err error)
	// AsText returns the text of a string or a number.
	AsText func(v V) (text string, ok bool)
	// Decide reads the first result of a match-time function.
	Decide func(v V) Decision
	// TypeName names the type of v for an error.
	TypeName func(v V) string
}

// Decision is what a match-time function decided. The zero value is failure.
type Decision struct {
	// Match is false to fail.
	Match bool
	// Position is the new position, counted from 1; 0 keeps the current one
	// if Keep is set.
	Position int
	// Keep leaves the position where it is.
	Keep bool
}

// Folder is a function operand (of Func or Cf) that is written in Go: it gets
// its captures as Values, whatever the host's values are, and no table or
// function of the host is touched. Args and the tables in them are valid
// during the call.
type Folder interface {
	Fold(args []Value) (Value, error)
}

// FoldFunc makes a Folder of a Go function.
func FoldFunc(f func(args []Value) (Value, error)) Folder { return &foldFunc{f} }

// foldFunc is a pointer type so that patterns made with it can be compared.
type foldFunc struct {
	f func(args []Value) (Value, error)
}

func (f *foldFunc) Fold(args []Value) (Value, error) { return f.f(args) }
