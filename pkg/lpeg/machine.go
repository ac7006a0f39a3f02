package lpeg

import (
	"fmt"
	"math"
	"strings"
)

// DefaultStack is LPeg's limit of pending alternatives and calls.
const DefaultStack = 400

// DefaultCaptures is the number of captures one match may make unless Limits says otherwise.
const DefaultCaptures = 1 << 20

// Limits bounds one match.
type Limits struct {
	// Steps is the number of jumps, calls and alternatives a match may
	// use; long runs over the subject count too. 0 means no limit.
	Steps int
	// Stack is the number of alternatives and calls that may be pending at
	// once; 0 means DefaultStack.
	Stack int
	// Captures is the number of captures a match may make; 0 means DefaultCaptures.
	Captures int
	// Text is the number of bytes a substitution or string capture may
	// build; 0 means DefaultText.
	Text int
}

// DefaultText is the size of the text one capture may build unless Limits says otherwise.
const DefaultText = 64 << 20

// mark is an entry of the flat capture list. A mark whose end is not negative
// is complete in itself; otherwise its contents follow, up to the matching
// mark of kind CaptureClose.
type mark struct {
	pos, end int32
	info     int32
	kind     CaptureKind
}

// frame is a pending alternative, or a return address if pos is negative.
type frame struct {
	pos, pc  int32
	captures int32
}

// Machine runs Programs. It keeps its memory between matches, so that a warm
// machine allocates nothing. It is for one goroutine at a time; the zero value
// is ready for use and has the default limits.
type Machine struct {
	// Limits bound each match.
	Limits Limits

	stack    []frame
	marks    []mark
	prog     *Program
	subject  string
	steps    int
	captures int // the limit of this match
	depth    int // the limit of the stack in this match
	used     int
	// runtime evaluates the match-time capture that is closed at pos and
	// whose marks start at open; nil if the host has none.
	runtime func(open int, pos int) (int, error)
	err     error
}

// Used returns the steps the last match took.
func (m *Machine) Used() int { return m.used }

// Match runs p on subject from offset init, counted from 0, and returns the
// offset behind the match, or -1 when p does not match there. Match-time
// captures need an Evaluator and give an error here.
func (m *Machine) Match(p *Program, subject string, init int) (int, error) {
	m.runtime = nil
	return m.match(p, subject, init)
}

func (m *Machine) match(p *Program, subject string, init int) (int, error) {
	if len(subject) >= math.MaxInt32 {
		return -1, fmt.Errorf("%w (%d bytes)", ErrSubjectTooLong, len(subject))
	}
	m.prog, m.subject, m.err = p, subject, nil
	m.stack, m.marks = m.stack[:0], m.marks[:0]
	m.steps = math.MaxInt
	if m.Limits.Steps > 0 {
		m.steps = m.Limits.Steps
	}
	m.captures, m.depth = DefaultCaptures, DefaultStack
	if m.Limits.Captures > 0 {
		m.captures = m.Limits.Captures
	}
	if m.Limits.Stack > 0 {
		m.depth = m.Limits.Stack
	}
	start := m.steps
	end := m.run(p.code, subject, init)
	m.used = start - max(m.steps, 0)
	return end, m.err
}

// run is the machine's loop: an instruction that succeeds continues it, one
// that fails drops out of the switch to the latest alternative.
func (m *Machine) run(code []inst, s string, i int) int {
	for pc := 0; ; {
		in := &code[pc]
		pc++
		switch in.op {
		case opChar:
			if i < len(s) && s[i] == in.c {
				i++
				continue
			}
		case opSet:
			if i < len(s) && in.set[s[i]] {
				i++
				continue
			}
		case opSetN:
			if i = setN(in, s, i); i >= 0 {
				continue
			}
		case opClasses:
			if i = m.prog.classes[in.n].match(s, i); i >= 0 {
				continue
			}
		case opChoice:
			if m.push(frame{int32(i), in.off, int32(len(m.marks))}) {
				continue
			}
		case opLoop, opCommit:
			m.stack = m.stack[:len(m.stack)-int(in.n)]
			if m.steps--; m.steps >= 0 && len(m.marks) <= m.captures {
				pc = int(in.off)
				continue
			}
		case opString:
			if lit := m.prog.strings[in.n]; strings.HasPrefix(s[i:], lit) {
				i += len(lit)
				continue
			}
		case opSpan, opFullSpan:
			if end := m.span(in.set, s, i); end-i >= int(in.off) {
				if in.op == opFullSpan {
					m.marks = append(m.marks, mark{pos: int32(i), end: int32(end), info: in.n, kind: in.capture})
				}
				i = end
				continue
			}
		case opTestChar:
			if i >= len(s) || s[i] != in.c {
				pc = int(in.off)
			}
			continue
		case opTestSet:
			if i >= len(s) || !in.set[s[i]] {
				pc = int(in.off)
			}
			continue
		case opJump:
			i, pc = i+int(in.n), int(in.off)
			continue
		case opSwitch:
			pc = m.prog.switches[in.n].next(s, i)
			continue
		case opOpen:
			m.marks = append(m.marks, mark{pos: int32(i), end: -1, info: in.n, kind: in.capture})
			continue
		case opClose:
			m.closeMark(i)
			continue
		case opEnd:
			return i
		default:
			if i, pc = m.other(in, s, i, pc); i >= 0 {
				continue
			}
		}
		if i, pc = m.backtrack(); i < 0 {
			return -1
		}
	}
}

// backtrack returns to the latest alternative; i < 0 when there is none.
func (m *Machine) backtrack() (i, pc int) {
	m.steps--
	if m.err != nil || m.steps < 0 || len(m.marks) > m.captures {
		m.stop()
		return -1, 0
	}
	for n := len(m.stack) - 1; n >= 0; n-- {
		if f := &m.stack[n]; f.pos >= 0 {
			m.marks = m.marks[:f.captures]
			m.stack = m.stack[:n]
			return int(f.pos), int(f.pc)
		}
	}
	m.stack = m.stack[:0]
	return -1, 0
}

func (m *Machine) maxText() int {
	if m.Limits.Text > 0 {
		return m.Limits.Text
	}
	return DefaultText
}

// stop records which limit ended the match.
func (m *Machine) stop() {
	switch {
	case m.err != nil:
	case m.steps < 0:
		m.err = ErrSteps
	default:
		m.err = ErrTooManyCaptures
	}
}

// closeMark ends the innermost open capture. If nothing was captured in it,
// its mark becomes complete.
func (m *Machine) closeMark(i int) {
	if last := &m.marks[len(m.marks)-1]; last.end < 0 && last.kind != CaptureClose {
		last.end = int32(i)
		return
	}
	m.marks = append(m.marks, mark{pos: int32(i), end: -1, kind: CaptureClose})
}

// span returns the offset of the first byte from i on that is not in set.
func (m *Machine) span(set *[256]bool, s string, i int) int {
	start := i
	for i < len(s) && set[s[i]] {
		i++
	}
	m.steps -= (i - start) >> 5
	return i
}

// push makes an alternative or a return address pending.
func (m *Machine) push(f frame) bool {
	if len(m.stack) < m.depth {
		m.stack = append(m.stack, f)
		return true
	}
	return m.overflow()
}

func (m *Machine) overflow() bool {
	m.err = fmt.Errorf("%w (current limit is %d)", ErrBacktrack, m.depth)
	return false
}
