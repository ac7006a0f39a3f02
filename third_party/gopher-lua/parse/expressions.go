package parse

import "github.com/yuin/gopher-lua/ast"

// shape is what may be done with an expression as a statement.
type shape uint8

const (
	aValue    shape = iota
	aVariable       // may be assigned to
	aCall           // may stand alone
)

func (p *parser) expressions() []ast.Expr {
	base := len(p.exprs)
	for {
		e := p.expression()
		p.exprs = append(p.exprs, e)
		if !p.accept(',') {
			return take(&p.exprs, base)
		}
	}
}

func (p *parser) expression() ast.Expr { return p.operation(0) }

// unaryPriority is that of not, # and -.
const unaryPriority = 8

// priorities of a binary operator to its left and right; 0 for another token.
func priorities(k kind) (left, right int) {
	switch k {
	case '+', '-':
		return 6, 6
	case '*', '/', '%':
		return 7, 7
	case '^':
		return 10, 9
	case tokenConcat:
		return 5, 4
	case tokenNE, tokenEq, '<', tokenLE, '>', tokenGE:
		return 3, 3
	case tokenAnd:
		return 2, 2
	case tokenOr:
		return 1, 1
	}
	return 0, 0
}

// operation takes an expression of operators that bind more tightly than limit.
func (p *parser) operation(limit int) ast.Expr {
	p.enter()
	var e ast.Expr
	switch k := p.tok.kind; k {
	case tokenNot, '-', '#':
		p.advance()
		e = p.unary(k, p.operation(unaryPriority))
	default:
		e = p.simple()
	}
	for {
		k := p.tok.kind
		left, right := priorities(k)
		if left <= limit {
			break
		}
		p.advance()
		if key, ok := e.(*ast.AttrGetExpr); ok {
			key.SetLine(p.last) // it is looked up when the operator is known
		}
		e = p.binary(k, e, p.operation(right))
	}
	p.leave()
	return e
}

// Operators, keys and calls are in the line where PUC Lua writes their instruction:
// that of the last token it took.

func (p *parser) unary(k kind, operand ast.Expr) ast.Expr {
	var e ast.Expr
	switch k {
	case tokenNot:
		e = &ast.UnaryNotOpExpr{Expr: operand}
	case '-':
		e = &ast.UnaryMinusOpExpr{Expr: operand}
	default:
		e = &ast.UnaryLenOpExpr{Expr: operand}
	}
	e.SetLine(p.last)
	return e
}

func (p *parser) binary(k kind, lhs, rhs ast.Expr) ast.Expr {
	var e ast.Expr
	switch k {
	case tokenOr, tokenAnd:
		e = &ast.LogicalOpExpr{Operator: k.String(), Lhs: lhs, Rhs: rhs}
	case tokenNE, tokenEq, '<', tokenLE, '>', tokenGE:
		e = &ast.RelationalOpExpr{Operator: k.String(), Lhs: lhs, Rhs: rhs}
	case tokenConcat:
		e = &ast.StringConcatOpExpr{Lhs: lhs, Rhs: rhs}
	default:
		sum := p.nodes.sums.new()
		sum.Operator, sum.Lhs, sum.Rhs = k.String(), lhs, rhs
		e = sum
	}
	e.SetLine(p.last)
	return e
}

func (p *parser) simple() ast.Expr {
	var e ast.Expr
	line := p.tok.line
	switch p.tok.kind {
	case tokenNumber:
		number := p.nodes.numbers.new()
		number.Value = p.tok.text
		e = number
	case tokenString:
		e = p.stringExpr(p.tok.text, line)
	case tokenNil:
		e = &ast.NilExpr{}
	case tokenTrue:
		e = &ast.TrueExpr{}
	case tokenFalse:
		e = &ast.FalseExpr{}
	case tokenVararg:
		if !p.function.vararg {
			p.syntax("cannot use '...' outside a vararg function")
		}
		e = &ast.Comma3Expr{}
	case '{':
		return p.table()
	case tokenFunction:
		p.advance()
		return p.body(line)
	default:
		e, _ = p.suffixed()
		return e
	}
	e.SetLine(line)
	p.advance()
	return e
}

// prefix takes a name or an expression in brackets.
func (p *parser) prefix() (ast.Expr, shape) {
	line := p.tok.line
	switch p.tok.kind {
	case tokenName:
		return p.nameExpr(p.name(), line), aVariable
	case '(':
		p.advance()
		e := p.expression()
		p.match(')', '(', line)
		switch e := e.(type) {
		case *ast.FuncCallExpr:
			e.AdjustRet = true
			return e, aValue
		case *ast.Comma3Expr:
			e.AdjustRet = true
		}
		e.SetLine(line)
		return e, aValue
	}
	p.syntax("unexpected symbol")
	return nil, aValue
}

// suffixed takes an expression with the keys and calls that follow it.
func (p *parser) suffixed() (ast.Expr, shape) {
	e, what := p.prefix()
	for {
		switch p.tok.kind {
		case '.':
			p.advance()
			line := p.tok.line
			e, what = p.index(e, p.stringExpr(p.name(), line)), aVariable
		case '[':
			p.advance()
			key := p.expression()
			p.expect(']')
			e, what = p.index(e, key), aVariable
		case ':':
			p.advance()
			call := p.nodes.calls.new()
			call.Receiver, call.Method = e, p.name()
			call.SetLine(p.tok.line)
			call.Args = p.arguments()
			e, what = call, aCall
		case '(', tokenString, '{':
			call := p.nodes.calls.new()
			call.SetLine(p.tok.line)
			call.Func, call.Args = e, p.arguments()
			e, what = call, aCall
		default:
			return e, what
		}
	}
}

func (p *parser) arguments() []ast.Expr {
	line := p.tok.line
	switch p.tok.kind {
	case tokenString:
		text := p.stringExpr(p.tok.text, line)
		p.advance()
		return []ast.Expr{text}
	case '{':
		return []ast.Expr{p.table()}
	case '(':
		if line != p.last {
			p.syntax("ambiguous syntax (function call x new statement)")
		}
		p.advance()
		if p.accept(')') {
			return []ast.Expr{}
		}
		args := p.expressions()
		p.match(')', '(', line)
		return args
	}
	p.syntax("function arguments expected")
	return nil
}

func (p *parser) table() ast.Expr {
	line := p.tok.line
	p.advance()
	base := len(p.fields)
	for p.tok.kind != '}' {
		f := p.field()
		p.fields = append(p.fields, f)
		if !p.accept(',') && !p.accept(';') {
			break
		}
	}
	p.match('}', '{', line)
	e := &ast.TableExpr{Fields: take(&p.fields, base)}
	e.SetLine(line)
	return e
}

func (p *parser) field() *ast.Field {
	f := p.nodes.fields.new()
	switch {
	case p.tok.kind == tokenName && p.follows('='):
		f.Key = p.stringExpr(p.tok.text, p.tok.line)
		p.advance()
		p.advance()
	case p.accept('['):
		f.Key = p.expression()
		p.expect(']')
		p.expect('=')
	}
	f.Value = p.expression()
	return f
}

// body takes the parameters and the block of a function that began in a line.
func (p *parser) body(line int) *ast.FunctionExpr {
	f := &ast.FunctionExpr{ParList: &ast.ParList{}}
	p.function = &function{parent: p.function}
	p.expect('(')
	p.parameters(f.ParList)
	p.expect(')')
	f.Stmts = p.block()
	f.SetLine(line)
	f.SetLastLine(p.tok.line)
	p.match(tokenEnd, tokenFunction, line)
	p.function = p.function.parent
	return f
}

func (p *parser) parameters(list *ast.ParList) {
	base := len(p.names)
	for p.tok.kind != ')' {
		if p.accept(tokenVararg) {
			list.HasVargs, p.function.vararg = true, true
			break
		}
		if p.tok.kind != tokenName {
			p.syntax("<name> or '...' expected")
		}
		p.names = append(p.names, p.name())
		if !p.accept(',') {
			break
		}
		if p.tok.kind == ')' {
			p.syntax("<name> or '...' expected")
		}
	}
	list.Names = take(&p.names, base)
}
