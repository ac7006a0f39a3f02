package luavm

import "github.com/yuin/gopher-lua/ast"

// flushEvery is how many positional fields of a constructor gopher-lua keeps in
// registers before it stores them.
const flushEvery = 50

// table rewrites a constructor so that gopher-lua compiles it as PUC Lua does. It
// takes a keyed last field with a call or ... for a list of values, and stores a
// full set of positional fields again after each keyed field that follows.
func (r *rewriter) table(e *ast.TableExpr) {
	positional, mixed := 0, false
	for _, f := range e.Fields {
		f.Value = r.expr(f.Value)
		if f.Key == nil {
			positional++
			continue
		}
		f.Key = r.expr(f.Key)
		f.Value = single(f.Value)
		mixed = mixed || positional > 0 && positional%flushEvery == 0
	}
	if mixed {
		keyedFirst(e)
	}
}

// keyedFirst moves the keyed fields to the front, which PUC Lua's manual leaves
// open. What becomes the last field by it still stands for one value.
func keyedFirst(e *ast.TableExpr) {
	fields := make([]*ast.Field, 0, len(e.Fields))
	for _, f := range e.Fields {
		if f.Key != nil {
			fields = append(fields, f)
		}
	}
	for i, f := range e.Fields {
		if f.Key == nil {
			if i < len(e.Fields)-1 {
				f.Value = single(f.Value)
			}
			fields = append(fields, f)
		}
	}
	e.Fields = fields
}
