package luavm

import (
	"fmt"

	"github.com/yuin/gopher-lua/ast"
)

// concatName stands for the concat function until the chunk is compiled. A script
// that writes this very string gets the function instead, which does no harm.
const concatName = "\x00concat\x00"

// tempName is a name that no script can write.
const tempName = "(temp %d)"

// rewriter repairs a syntax tree before it is compiled:
//
//   - a multiple assignment evaluates everything into temporaries first, because
//     gopher-lua computes x,y=y,x wrongly when both are locals;
//   - a..b..c becomes a call of the guarded concat, which writes numbers as Lua
//     does and bounds the result;
//   - labels are refused and goto is an identifier again, as in Lua 5.1;
//   - every place that can raise a type error is noted, so that the message can
//     name the variable.
type rewriter struct {
	chunkName string
	hasGoto   bool
	sites     *siteTable
	scope     scope
	depth     int
	temps     int
	err       error
}

func newRewriter(chunkName string, hasGoto bool) *rewriter {
	return &rewriter{chunkName: chunkName, hasGoto: hasGoto, sites: newSiteTable()}
}

func (r *rewriter) chunk(stmts []ast.Stmt) error {
	r.scope.open(true)
	r.block(stmts)
	r.scope.close()
	return r.err
}

func (r *rewriter) fail(node ast.PositionHolder, format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("%s:%d: %s", r.chunkName, node.Line(), fmt.Sprintf(format, args...))
	}
}

// enter guards the recursion; it returns false when the nesting is too deep.
func (r *rewriter) enter(node ast.PositionHolder) bool {
	r.depth++
	if r.depth > maxDepth {
		r.fail(node, "chunk has too many syntax levels")
	}
	return r.err == nil
}

func (r *rewriter) name(s string) string {
	if r.hasGoto && s == gotoName {
		return "goto"
	}
	return s
}

func (r *rewriter) names(list []string) {
	for i := range list {
		list[i] = r.name(list[i])
		r.scope.declare(list[i])
	}
}

func (r *rewriter) block(stmts []ast.Stmt) {
	for i, s := range stmts {
		if r.err != nil {
			return
		}
		stmts[i] = r.stmt(s)
	}
}

func (r *rewriter) scoped(stmts []ast.Stmt) {
	r.scope.open(false)
	r.block(stmts)
	r.scope.close()
}

func (r *rewriter) stmt(s ast.Stmt) ast.Stmt {
	defer func() { r.depth-- }()
	if !r.enter(s) {
		return s
	}
	switch s := s.(type) {
	case *ast.AssignStmt:
		return r.assign(s)
	case *ast.LocalAssignStmt:
		r.localAssign(s)
	case *ast.FuncCallStmt:
		s.Expr = r.expr(s.Expr)
	case *ast.DoBlockStmt:
		r.scoped(s.Stmts)
	case *ast.WhileStmt:
		s.Condition = r.expr(s.Condition)
		r.scoped(s.Stmts)
	case *ast.RepeatStmt:
		// The condition sees the locals of the body.
		r.scope.open(false)
		r.block(s.Stmts)
		s.Condition = r.expr(s.Condition)
		r.scope.close()
	case *ast.IfStmt:
		s.Condition = r.expr(s.Condition)
		r.scoped(s.Then)
		r.scoped(s.Else)
	case *ast.NumberForStmt:
		r.numberFor(s)
	case *ast.GenericForStmt:
		r.exprs(s.Exprs)
		r.sites.add(s.Line(), site{op: opCall})
		r.scope.open(false)
		r.names(s.Names)
		r.block(s.Stmts)
		r.scope.close()
	case *ast.FuncDefStmt:
		r.funcDef(s)
	case *ast.ReturnStmt:
		r.exprs(s.Exprs)
	case *ast.LabelStmt, *ast.GotoStmt:
		r.fail(s, "unexpected symbol near '::'")
	}
	return s
}

func (r *rewriter) numberFor(s *ast.NumberForStmt) {
	s.Init, s.Limit = r.expr(s.Init), r.expr(s.Limit)
	if s.Step != nil {
		s.Step = r.expr(s.Step)
	}
	r.scope.open(false)
	s.Name = r.name(s.Name)
	r.scope.declare(s.Name)
	r.block(s.Stmts)
	r.scope.close()
}

func (r *rewriter) localAssign(s *ast.LocalAssignStmt) {
	// In `local function f` the function sees its own name, in `local f = function`
	// it does not. gopher-lua compiles both as the first; only the first has a last
	// line. A second expression makes it compile the other one right.
	if len(s.Names) == 1 && len(s.Exprs) == 1 {
		if fn, ok := s.Exprs[0].(*ast.FunctionExpr); ok {
			if s.LastLine() != 0 {
				r.names(s.Names)
				s.Exprs[0] = r.expr(fn)
				return
			}
			s.Exprs = append(s.Exprs, at(&ast.NilExpr{}, s.Line(), s.Line()))
		}
	}
	r.exprs(s.Exprs)
	r.names(s.Names)
}

func (r *rewriter) funcDef(s *ast.FuncDefStmt) {
	if s.Name.Func != nil {
		s.Name.Func = r.expr(s.Name.Func)
	}
	if s.Name.Receiver != nil {
		s.Name.Receiver = r.expr(s.Name.Receiver)
		s.Name.Method = r.name(s.Name.Method)
		r.function(s.Func, true)
		return
	}
	r.function(s.Func, false)
}

func (r *rewriter) function(f *ast.FunctionExpr, method bool) {
	r.scope.open(true)
	if method {
		r.scope.declare("self")
	}
	if f.ParList != nil {
		r.names(f.ParList.Names)
		if f.ParList.HasVargs {
			r.scope.declare("arg")
		}
	}
	r.block(f.Stmts)
	r.scope.close()
}

func (r *rewriter) exprs(list []ast.Expr) {
	for i := range list {
		list[i] = r.expr(list[i])
	}
}

func (r *rewriter) expr(e ast.Expr) ast.Expr {
	defer func() { r.depth-- }()
	if !r.enter(e) {
		return e
	}
	switch e := e.(type) {
	case *ast.IdentExpr:
		e.Value = r.name(e.Value)
	case *ast.StringExpr:
		e.Value = r.name(e.Value)
	case *ast.AttrGetExpr:
		e.Object, e.Key = r.expr(e.Object), r.expr(e.Key)
		r.sites.add(e.Line(), site{op: opIndex, key: constantKey(e.Key), first: r.describe(e.Object)})
	case *ast.TableExpr:
		r.table(e)
	case *ast.FuncCallExpr:
		r.call(e)
	case *ast.LogicalOpExpr:
		e.Lhs, e.Rhs = r.expr(e.Lhs), r.expr(e.Rhs)
	case *ast.RelationalOpExpr:
		e.Lhs, e.Rhs = r.expr(e.Lhs), r.expr(e.Rhs)
	case *ast.StringConcatOpExpr:
		return r.concat(e)
	case *ast.ArithmeticOpExpr:
		e.Lhs, e.Rhs = r.expr(e.Lhs), r.expr(e.Rhs)
		r.sites.add(e.Line(), site{op: opArith, key: e.Operator, first: r.describe(e.Lhs), second: r.describe(e.Rhs)})
	case *ast.UnaryMinusOpExpr:
		e.Expr = r.expr(e.Expr)
		r.sites.add(e.Line(), site{op: opArith, key: "unm", first: r.describe(e.Expr)})
	case *ast.UnaryNotOpExpr:
		e.Expr = r.expr(e.Expr)
	case *ast.UnaryLenOpExpr:
		e.Expr = r.expr(e.Expr)
		r.sites.add(e.Line(), site{op: opLength, first: r.describe(e.Expr)})
	case *ast.FunctionExpr:
		r.function(e, false)
	}
	return e
}

func (r *rewriter) call(e *ast.FuncCallExpr) {
	if e.Func != nil {
		e.Func = r.expr(e.Func)
		r.sites.add(e.Line(), site{op: opCall, first: r.describe(e.Func)})
	} else {
		e.Receiver = r.expr(e.Receiver)
		e.Method = r.name(e.Method)
		r.sites.add(e.Line(), site{op: opIndex, key: e.Method, first: r.describe(e.Receiver)})
		r.sites.add(e.Line(), site{op: opCall, first: variable{kind: kindMethod, name: e.Method}})
	}
	r.exprs(e.Args)
}

// concat turns a..b..c into one call with all operands.
func (r *rewriter) concat(e *ast.StringConcatOpExpr) ast.Expr {
	var operands []ast.Expr
	var tail ast.Expr = e
	for {
		c, ok := tail.(*ast.StringConcatOpExpr)
		if !ok {
			break
		}
		operands = append(operands, r.expr(c.Lhs))
		tail = c.Rhs
	}
	operands = append(operands, single(r.expr(tail)))
	what := make([]variable, len(operands))
	for i, o := range operands {
		what[i] = r.describe(o)
	}
	fn := at(&ast.StringExpr{Value: concatName}, e.Line(), e.LastLine())
	// A call takes at most about 200 registers; nest what is longer from the left,
	// where a nested call costs one register. PUC Lua refuses such expressions.
	const most = 100
	for len(operands) > most {
		inner := at(&ast.FuncCallExpr{Func: fn, Args: operands[:most:most], AdjustRet: true}, e.Line(), e.LastLine())
		operands = append([]ast.Expr{inner}, operands[most:]...)
	}
	r.sites.add(e.Line(), site{op: opConcat, operands: what})
	return at(&ast.FuncCallExpr{Func: fn, Args: operands, AdjustRet: true}, e.Line(), e.LastLine())
}

// single truncates an expression to one value where it is the last argument.
func single(e ast.Expr) ast.Expr {
	switch e := e.(type) {
	case *ast.FuncCallExpr:
		e.AdjustRet = true
	case *ast.Comma3Expr:
		e.AdjustRet = true
	}
	return e
}

func (r *rewriter) temp() string {
	r.temps++
	return fmt.Sprintf(tempName, r.temps)
}

// assign rewrites a, b.c = x, y to
//
//	do local o, v1, v2 = b, x, y; o.c = v2; a = v1 end
//
// in PUC Lua's order: all expressions from the left, all stores from the right.
func (r *rewriter) assign(s *ast.AssignStmt) ast.Stmt {
	r.exprs(s.Lhs)
	r.exprs(s.Rhs)
	if len(s.Lhs) == 1 {
		return s
	}
	line, last := s.Line(), s.LastLine()
	ident := func(name string) ast.Expr { return at(&ast.IdentExpr{Value: name}, line, last) }
	block := at(&ast.DoBlockStmt{}, line, last)
	targets := make([]ast.Expr, len(s.Lhs))
	for i, lhs := range s.Lhs {
		targets[i] = lhs
		attr, ok := lhs.(*ast.AttrGetExpr)
		if !ok {
			continue
		}
		names, values := []string{r.temp()}, []ast.Expr{single(attr.Object)}
		target := at(&ast.AttrGetExpr{Object: ident(names[0]), Key: attr.Key}, line, last)
		if _, constant := attr.Key.(ast.ConstExpr); !constant {
			names, values = append(names, r.temp()), append(values, single(attr.Key))
			target.Key = ident(names[1])
		}
		block.Stmts = append(block.Stmts, at(&ast.LocalAssignStmt{Names: names, Exprs: values}, line, last))
		targets[i] = target
	}
	names := make([]string, len(s.Lhs))
	for i := range names {
		names[i] = r.temp()
	}
	block.Stmts = append(block.Stmts, at(&ast.LocalAssignStmt{Names: names, Exprs: s.Rhs}, line, last))
	for i := len(targets) - 1; i >= 0; i-- {
		store := at(&ast.AssignStmt{Lhs: []ast.Expr{targets[i]}, Rhs: []ast.Expr{ident(names[i])}}, line, last)
		block.Stmts = append(block.Stmts, store)
	}
	return block
}
