// Package structs is the Lua module struct: it packs values into bytes and back,
// by a format like C's structures.
//
// Format letters: > < = big, little, native (little) endian; !n alignment; x a
// padding byte; b B char; h H short; l L long; T size_t; i In int of n bytes
// (default 4); f d float, double; s text that ends with a zero byte; cn n bytes
// of text (c0: all of it when packing, as many as the number before says when
// unpacking); blanks are ignored.
package structs

import (
	"encoding/binary"
	"math"
	"math/bits"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/tocsin-lma/tocsin/pkg/sandbox/luavm"
	"github.com/tocsin-lma/tocsin/pkg/sandbox/modules/raise"
)

// Opener returns the function that opens the module; maxBytes caps a packed
// text, 0 does not.
func Opener(maxBytes int) lua.LGFunction {
	if maxBytes <= 0 {
		maxBytes = 1 << 30
	}
	return func(L *lua.LState) int {
		L.Push(L.SetFuncs(L.CreateTable(0, 3), map[string]lua.LGFunction{
			"pack":   func(L *lua.LState) int { return pack(L, maxBytes) },
			"unpack": unpack,
			"size":   size,
		}))
		return 1
	}
}

// format reads a format letter by letter.
type format struct {
	L     *lua.LState
	s     string
	i     int
	big   bool
	align int
}

const (
	maxIntSize = 8
	maxAlign   = 8
)

// number reads the digits after a letter.
func (f *format) number(def int) int {
	start, n := f.i, 0
	for f.i < len(f.s) && f.s[f.i] >= '0' && f.s[f.i] <= '9' {
		if n > 1<<30 {
			raise.Error(f.L, "integral size overflow")
		}
		n = n*10 + int(f.s[f.i]-'0')
		f.i++
	}
	if f.i == start {
		return def
	}
	return n
}

// next returns the next letter that stands for data, its size, and the padding
// before it; ok is false at the end.
func (f *format) next(at int) (letter byte, size, padding int, ok bool) {
	for f.i < len(f.s) {
		letter = f.s[f.i]
		f.i++
		switch letter {
		case ' ':
			continue
		case '>':
			f.big = true
			continue
		case '<', '=':
			f.big = false
			continue
		case '!':
			f.align = f.number(maxAlign)
			if f.align <= 0 || bits.OnesCount(uint(f.align)) != 1 {
				raise.Error(f.L, "alignment is not a power of 2")
			}
			continue
		}
		size = f.size(letter)
		if align := min(size, f.align); align > 1 && letter != 'c' && letter != 's' && letter != 'x' {
			if bits.OnesCount(uint(align)) != 1 {
				raise.Error(f.L, "alignment is not a power of 2")
			}
			padding = (align - at&(align-1)) & (align - 1)
		}
		return letter, size, padding, true
	}
	return 0, 0, 0, false
}

func (f *format) size(letter byte) int {
	switch letter {
	case 'b', 'B', 'x':
		return 1
	case 'h', 'H':
		return 2
	case 'l', 'L', 'T', 'd':
		return 8
	case 'f':
		return 4
	case 'i', 'I':
		n := f.number(4)
		if n < 1 || n > maxIntSize {
			raise.Error(f.L, "integral size %d is larger than limit of %d", n, maxIntSize)
		}
		return n
	case 'c':
		return f.number(1)
	case 's':
		return 0
	}
	raise.Error(f.L, "invalid format option '%c'", letter)
	return 0
}

func appendInt(dst []byte, v uint64, n int, big bool) []byte {
	for i := range n {
		shift := 8 * i
		if big {
			shift = 8 * (n - 1 - i)
		}
		dst = append(dst, byte(v>>shift))
	}
	return dst
}

func readInt(s string, big, signed bool) float64 {
	var v uint64
	for i := range len(s) {
		c := s[len(s)-1-i]
		if big {
			c = s[i]
		}
		v = v<<8 | uint64(c)
	}
	if !signed {
		return float64(v)
	}
	shift := 64 - 8*len(s)
	return float64(int64(v<<shift) >> shift)
}

// integral converts as C does on 64-bit machines, wrapping what is too big.
func integral(n float64) uint64 {
	switch {
	case n != n:
		return 0
	case n < 0:
		if n <= math.MinInt64 {
			return 1 << 63
		}
		return uint64(int64(n))
	case n >= math.MaxUint64:
		return math.MaxUint64
	}
	return uint64(n)
}

func pack(L *lua.LState, maxBytes int) int {
	f := format{L: L, s: luavm.CheckString(L, 1), align: 1}
	var out []byte
	arg := 1
	for {
		letter, n, padding, ok := f.next(len(out))
		if !ok {
			break
		}
		if len(out)+padding+n > maxBytes {
			raise.Error(L, "not enough memory")
		}
		out = append(out, make([]byte, padding)...)
		if letter == 'x' {
			out = append(out, 0)
			continue
		}
		arg++
		switch letter {
		case 'f':
			out = appendInt(out, uint64(math.Float32bits(float32(luavm.CheckNumber(L, arg)))), 4, f.big)
		case 'd':
			out = appendInt(out, math.Float64bits(luavm.CheckNumber(L, arg)), 8, f.big)
		case 's', 'c':
			s := luavm.CheckString(L, arg)
			if n == 0 {
				n = len(s)
			}
			if len(s) < n {
				luavm.ArgError(L, arg, "string too short")
			}
			if len(out)+n > maxBytes {
				raise.Error(L, "not enough memory")
			}
			out = append(out, s[:n]...)
			if letter == 's' {
				out = append(out, 0)
			}
		default:
			out = appendInt(out, integral(luavm.CheckNumber(L, arg)), n, f.big)
		}
	}
	raise.Charge(L, len(out))
	L.Push(lua.LString(out))
	return 1
}

func unpack(L *lua.LState) int {
	f := format{L: L, s: luavm.CheckString(L, 1), align: 1}
	data := luavm.CheckString(L, 2)
	at := luavm.OptInt(L, 3, 1) - 1
	if at < 0 {
		luavm.ArgError(L, 3, "offset must be 1 or greater")
	}
	pushed := 0
	push := func(v lua.LValue) {
		L.Push(v)
		pushed++
	}
	for {
		letter, n, padding, ok := f.next(at)
		if !ok {
			break
		}
		at += padding
		if letter == 'c' && n == 0 {
			last, isNumber := L.Get(-1).(lua.LNumber)
			if pushed == 0 || !isNumber {
				raise.Error(L, "format 'c0' needs a previous size")
			}
			n = int(last)
			L.Pop(1)
			pushed--
		}
		if n < 0 || at > len(data) || n > len(data)-at {
			luavm.ArgError(L, 2, "data string too short")
		}
		piece := data[at : at+n]
		switch letter {
		case 'x':
		case 'f':
			push(lua.LNumber(math.Float32frombits(uint32(word(piece, f.big)))))
		case 'd':
			push(lua.LNumber(math.Float64frombits(word(piece, f.big))))
		case 'c':
			push(lua.LString(piece))
		case 's':
			end := strings.IndexByte(data[at:], 0)
			if end < 0 {
				raise.Error(L, "unfinished string in data")
			}
			push(lua.LString(data[at : at+end]))
			n = end + 1
		default:
			push(lua.LNumber(readInt(piece, f.big, letter >= 'a' && letter <= 'z')))
		}
		at += n
	}
	push(lua.LNumber(at + 1))
	return pushed
}

func word(s string, big bool) uint64 {
	var b [8]byte
	if big {
		copy(b[8-len(s):], s)
		return binary.BigEndian.Uint64(b[:])
	}
	copy(b[:], s)
	return binary.LittleEndian.Uint64(b[:])
}

func size(L *lua.LState) int {
	f := format{L: L, s: luavm.CheckString(L, 1), align: 1}
	total := 0
	for {
		letter, n, padding, ok := f.next(total)
		if !ok {
			break
		}
		if letter == 's' || letter == 'c' && n == 0 {
			luavm.ArgError(L, 1, "variable-size format for option '"+string(letter)+"'")
		}
		total += padding + n
	}
	L.Push(lua.LNumber(total))
	return 1
}
