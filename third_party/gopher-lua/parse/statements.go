package parse

import "github.com/yuin/gopher-lua/ast"

// block takes statements up to what ends a block.
func (p *parser) block() []ast.Stmt {
	p.enter()
	base := len(p.stmts)
	for !p.blockEnds() {
		statement, last := p.statement()
		p.stmts = append(p.stmts, statement)
		p.accept(';')
		if last {
			break
		}
	}
	p.leave()
	return take(&p.stmts, base)
}

func (p *parser) blockEnds() bool {
	switch p.tok.kind {
	case tokenElse, tokenElseif, tokenEnd, tokenUntil, tokenEOF:
		return true
	}
	return false
}

// statement takes a statement; last tells that none may follow it in its block.
func (p *parser) statement() (s ast.Stmt, last bool) {
	line := p.tok.line
	switch p.tok.kind {
	case tokenIf:
		s = p.ifStatement()
	case tokenWhile:
		s = p.whileStatement()
	case tokenDo:
		p.advance()
		s = &ast.DoBlockStmt{Stmts: p.block()}
		s.SetLastLine(p.tok.line)
		p.match(tokenEnd, tokenDo, line)
	case tokenFor:
		s = p.forStatement()
	case tokenRepeat:
		s = p.repeatStatement()
	case tokenFunction:
		s = p.functionStatement()
	case tokenLocal:
		s = p.localStatement()
	case tokenReturn:
		s, last = p.returnStatement(), true
	case tokenBreak:
		p.advance()
		if p.function.loops == 0 {
			p.syntax("no loop to break")
		}
		s, last = &ast.BreakStmt{}, true
	default:
		s = p.expressionStatement()
		line = s.Line()
	}
	s.SetLine(line)
	return s, last
}

func (p *parser) ifStatement() ast.Stmt {
	line := p.tok.line
	p.advance()
	first := p.condition()
	for at := first; ; {
		elseLine := p.tok.line
		switch {
		case p.accept(tokenElseif):
			next := p.condition()
			next.SetLine(elseLine)
			at.Else = []ast.Stmt{next}
			at = next
			continue
		case p.accept(tokenElse):
			at.Else = p.block()
		}
		break
	}
	first.SetLastLine(p.tok.line)
	p.match(tokenEnd, tokenIf, line)
	return first
}

// condition takes the rest of if or elseif up to the end of its block.
func (p *parser) condition() *ast.IfStmt {
	s := &ast.IfStmt{Condition: p.expression()}
	p.expect(tokenThen)
	s.Then = p.block()
	return s
}

func (p *parser) whileStatement() ast.Stmt {
	line := p.tok.line
	p.advance()
	s := &ast.WhileStmt{Condition: p.expression()}
	p.expect(tokenDo)
	s.Stmts = p.loop()
	s.SetLastLine(p.tok.line)
	p.match(tokenEnd, tokenWhile, line)
	return s
}

// loop is a block that break may leave.
func (p *parser) loop() []ast.Stmt {
	p.function.loops++
	stmts := p.block()
	p.function.loops--
	return stmts
}

func (p *parser) repeatStatement() ast.Stmt {
	line := p.tok.line
	p.advance()
	s := &ast.RepeatStmt{Stmts: p.loop()}
	p.match(tokenUntil, tokenRepeat, line)
	s.Condition = p.expression()
	s.SetLastLine(s.Condition.Line())
	return s
}

func (p *parser) forStatement() ast.Stmt {
	line := p.tok.line
	p.advance()
	name := p.name()
	switch p.tok.kind {
	case '=':
		return p.numberFor(name, line)
	case ',', tokenIn:
		return p.genericFor(name, line)
	}
	p.syntax("'=' or 'in' expected")
	return nil
}

func (p *parser) numberFor(name string, line int) ast.Stmt {
	p.advance()
	s := &ast.NumberForStmt{Name: name, Init: p.expression()}
	p.expect(',')
	s.Limit = p.expression()
	if p.accept(',') {
		s.Step = p.expression()
	}
	s.DoLine = p.tok.line
	s.Stmts = p.forBody(s, line)
	return s
}

func (p *parser) genericFor(name string, line int) ast.Stmt {
	base := len(p.names)
	p.names = append(p.names, name)
	for p.accept(',') {
		p.names = append(p.names, p.name())
	}
	p.expect(tokenIn)
	s := &ast.GenericForStmt{Names: take(&p.names, base), CallLine: p.tok.line}
	s.Exprs = p.expressions()
	s.Stmts = p.forBody(s, line)
	return s
}

func (p *parser) forBody(s ast.Stmt, line int) []ast.Stmt {
	p.expect(tokenDo)
	stmts := p.loop()
	s.SetLastLine(p.tok.line)
	p.match(tokenEnd, tokenFor, line)
	return stmts
}

func (p *parser) functionStatement() ast.Stmt {
	line := p.tok.line
	p.advance()
	name := &ast.FuncName{}
	at := p.tok.line
	name.Func = p.nameExpr(p.name(), at)
	for p.tok.kind == '.' {
		p.advance()
		at = p.tok.line
		name.Func = p.index(name.Func, p.stringExpr(p.name(), at))
	}
	if p.accept(':') {
		name.Receiver, name.Func, name.Method = name.Func, nil, p.name()
	}
	s := &ast.FuncDefStmt{Name: name, Func: p.body(line)}
	s.SetLastLine(s.Func.LastLine())
	return s
}

func (p *parser) localStatement() ast.Stmt {
	line := p.tok.line
	p.advance()
	s := p.nodes.locals.new()
	if p.accept(tokenFunction) {
		s.Names = []string{p.name()}
		f := p.body(line)
		s.Exprs = []ast.Expr{f}
		s.SetLastLine(f.LastLine()) // which tells it from local f = function
		return s
	}
	base := len(p.names)
	for {
		p.names = append(p.names, p.name())
		if !p.accept(',') {
			break
		}
	}
	s.Names = take(&p.names, base)
	if p.accept('=') {
		s.Exprs = p.expressions()
	}
	return s
}

func (p *parser) returnStatement() ast.Stmt {
	p.advance()
	s := &ast.ReturnStmt{}
	if !p.blockEnds() && p.tok.kind != ';' {
		s.Exprs = p.expressions()
	}
	return s
}

// expressionStatement takes a call or an assignment.
func (p *parser) expressionStatement() ast.Stmt {
	first, what := p.suffixed()
	if what == aCall {
		s := &ast.FuncCallStmt{Expr: first}
		s.SetLine(first.Line())
		return s
	}
	base := len(p.exprs)
	for {
		if what != aVariable {
			p.syntax("syntax error")
		}
		p.exprs = append(p.exprs, first)
		if !p.accept(',') {
			break
		}
		first, what = p.suffixed()
	}
	p.expect('=')
	s := p.nodes.assigns.new()
	s.Lhs = take(&p.exprs, base)
	s.SetLine(s.Lhs[0].Line())
	s.Rhs = p.expressions()
	for _, target := range s.Lhs {
		target.SetLine(p.last) // where it is stored
	}
	return s
}
