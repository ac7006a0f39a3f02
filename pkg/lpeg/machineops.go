package lpeg

import "strings"

// other runs the instructions that the main loop leaves out. It returns the
// new offset, negative to fail, and the next instruction.
func (m *Machine) other(in *inst, s string, i, pc int) (int, int) {
	switch in.op {
	case opAny:
		if i+int(in.n) <= len(s) {
			return i + int(in.n), pc
		}
		return -1, pc
	case opPartialCommit:
		f := &m.stack[len(m.stack)-1]
		f.pos, f.captures = int32(i), int32(len(m.marks))
		return m.jump(i, in)
	case opCall:
		if !m.push(frame{-1, int32(pc), 0}) {
			return -1, pc
		}
		return m.jump(i, in)
	case opReturn:
		f := m.stack[len(m.stack)-1]
		m.stack = m.stack[:len(m.stack)-1]
		return i, int(f.pc)
	case opTestAny:
		if i+int(in.n) > len(s) {
			return i, int(in.off)
		}
		return i, pc
	case opTryString:
		if lit := m.prog.strings[in.n]; strings.HasPrefix(s[i:], lit) {
			return i + len(lit), pc
		}
		return i, pc
	case opFull:
		m.marks = append(m.marks, mark{pos: int32(i) - in.off, end: int32(i), info: in.n, kind: in.capture})
		return i, pc
	case opBackCommit:
		f := m.stack[len(m.stack)-1]
		m.stack = m.stack[:len(m.stack)-1]
		m.marks = m.marks[:f.captures]
		return int(f.pos), int(in.off)
	case opFailTwice:
		m.stack = m.stack[:len(m.stack)-1]
		return -1, pc
	case opBehind:
		return i - int(in.n), pc
	case opCloseRuntime:
		return m.closeRuntime(i), pc
	}
	return m.search(in, s, i), pc
}

// jump charges a step for a jump that may go backwards, and checks the limits.
func (m *Machine) jump(i int, in *inst) (int, int) {
	m.steps--
	if m.steps < 0 || len(m.marks) > m.captures {
		m.stop()
		return -1, 0
	}
	return i, int(in.off)
}

// search runs the instructions that move over many bytes at once.
func (m *Machine) search(in *inst, s string, i int) int {
	start, rest := i, s[i:]
	switch in.op {
	case opSpanMax:
		for n := in.n; n > 0 && i < len(s) && in.set[s[i]]; n-- {
			i++
		}
		return i
	case opSpanByte, opFindByte:
		i = strings.IndexByte(rest, in.c)
	case opSpanString, opFindString, opAheadString:
		i = strings.Index(rest, m.prog.strings[in.n])
	case opFindSet:
		for i < len(s) && !in.set[s[i]] {
			i++
		}
		m.steps -= (i - start) >> 5
		if i == len(s) {
			return -1
		}
		return i
	case opSpanAll:
		return len(s)
	default: // opFail
		return -1
	}
	if i < 0 {
		m.steps -= len(rest) >> 6
		if in.op == opSpanByte || in.op == opSpanString {
			return len(s)
		}
		return -1
	}
	m.steps -= i >> 6
	if in.op == opAheadString {
		return start
	}
	return start + i
}

func setN(in *inst, s string, i int) int {
	end := i + int(in.n)
	if end > len(s) {
		return -1
	}
	for _, c := range []byte(s[i:end]) {
		if !in.set[c] {
			return -1
		}
	}
	return end
}

// closeRuntime closes a match-time capture and lets its function decide.
func (m *Machine) closeRuntime(i int) int {
	depth, open := 0, len(m.marks)-1
	for ; open >= 0; open-- {
		k := &m.marks[open]
		if k.kind == CaptureClose {
			depth++
		} else if k.end < 0 {
			if depth == 0 {
				break
			}
			depth--
		}
	}
	m.closeMark(i)
	if m.runtime == nil {
		m.err = ErrUnsupported
		return -1
	}
	next, err := m.runtime(open, i)
	if err != nil {
		m.err = err
		return -1
	}
	return next
}
