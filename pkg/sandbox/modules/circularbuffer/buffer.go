// Package circularbuffer is the Lua module circular_buffer of lua_sandbox 0.x: a
// ring of rows, each a span of time, with named columns of numbers, statistics
// over them, and a record of what changed.
//
// Invariant: a buffer never grows after it was made; a row of the record of
// changes exists only for times inside the window or just left by it.
package circularbuffer

import (
	"math"
	"strconv"

	"github.com/tocsin-lma/tocsin/pkg/sandbox/modules/number"
)

type aggregation uint8

const (
	aggregateSum aggregation = iota
	aggregateMin
	aggregateMax
	aggregateNone
)

var aggregationNames = [...]string{"sum", "min", "max", "none"}

type header struct {
	name, unit  string
	aggregation aggregation
}

// Buffer is one circular buffer.
type Buffer struct {
	now           int64 // seconds: the time of the newest row
	secondsPerRow int64
	row           int // the newest row
	rows, columns int
	headers       []header
	values        []float64
	delta         bool
	deltas        map[int64][]float64 // by time; NaN: unchanged
	changed       bool                // format cbufd was chosen
}

// New makes a buffer of rows x columns cells, all not-a-number.
func New(rows, columns, secondsPerRow int, delta bool) *Buffer {
	b := &Buffer{
		rows: rows, columns: columns, secondsPerRow: int64(secondsPerRow), delta: delta,
		now: int64(secondsPerRow) * int64(rows-1), row: rows - 1,
		headers: make([]header, columns), values: make([]float64, rows*columns),
	}
	for i := range b.headers {
		b.headers[i] = header{name: cut("Column_"+strconv.Itoa(i+1), maxName), unit: "count"}
	}
	for i := range b.values {
		b.values[i] = math.NaN()
	}
	return b
}

const (
	maxName = 15
	maxUnit = 7
)

// MemoryBytes is about how many bytes the buffer holds.
func (b *Buffer) MemoryBytes() int {
	return 128 + 8*len(b.values) + 48*b.columns + len(b.deltas)*(8*b.columns+48)
}

func (b *Buffer) start() int64 { return b.now - b.secondsPerRow*int64(b.rows-1) }

// rowStart returns the second at which the row of ns begins.
func (b *Buffer) rowStart(ns float64) int64 {
	t := seconds(ns)
	return t - t%b.secondsPerRow
}

func seconds(ns float64) int64 {
	s := ns / 1e9
	if s != s || s > 1<<52 || s < -(1<<52) {
		return math.MinInt32
	}
	return int64(s)
}

// find returns the row of ns, or -1 when it is outside the window. With advance
// a time after the window moves the window.
func (b *Buffer) find(ns float64, advance bool) int {
	t := b.rowStart(ns)
	current, wanted := b.now/b.secondsPerRow, t/b.secondsPerRow
	distance := wanted - current
	if distance > 0 && advance {
		b.clear(distance)
		b.now = t
		b.row = int(wanted % int64(b.rows))
		return b.row
	}
	if distance > 0 || -distance >= int64(b.rows) || wanted < 0 {
		return -1
	}
	return int(wanted % int64(b.rows))
}

// clear empties the n rows after the newest one.
func (b *Buffer) clear(n int64) {
	n = min(n, int64(b.rows))
	row := b.row
	for range n {
		if row++; row >= b.rows {
			row = 0
		}
		cells := b.values[row*b.columns : (row+1)*b.columns]
		for i := range cells {
			cells[i] = math.NaN()
		}
	}
}

func (b *Buffer) add(ns float64, column int, value float64) (float64, bool) {
	row := b.find(ns, true)
	if row < 0 {
		return 0, false
	}
	cell := &b.values[row*b.columns+column]
	if math.IsNaN(*cell) {
		*cell = value
	} else {
		*cell += value
	}
	if b.delta && value != 0 {
		if b.headers[column].aggregation != aggregateSum {
			value = *cell
		}
		b.note(b.rowStart(ns), column, value)
	}
	return *cell, true
}

func (b *Buffer) set(ns float64, column int, value float64) (float64, bool) {
	row := b.find(ns, true)
	if row < 0 {
		return 0, false
	}
	cell := &b.values[row*b.columns+column]
	old := *cell
	switch b.headers[column].aggregation {
	case aggregateMin:
		if !math.IsNaN(old) && !(value < old) {
			return old, true
		}
	case aggregateMax:
		if !math.IsNaN(old) && !(value > old) {
			return old, true
		}
	default:
		*cell = value
		if !math.IsNaN(old) {
			value -= old
		}
		if b.delta {
			b.note(b.rowStart(ns), column, value)
		}
		return *cell, true
	}
	*cell = value
	if b.delta {
		b.note(b.rowStart(ns), column, value)
	}
	return *cell, true
}

// note adds to the record of changes.
func (b *Buffer) note(t int64, column int, value float64) {
	row := b.deltas[t]
	if row == nil {
		if b.deltas == nil {
			b.deltas = map[int64][]float64{}
		}
		if len(b.deltas) >= maxDeltaRows(b.rows) {
			return
		}
		row = make([]float64, b.columns)
		for i := range row {
			row[i] = math.NaN()
		}
		b.deltas[t] = row
	}
	if untouched(row[column]) {
		row[column] = value
		return
	}
	row[column] += value
}

// A changed cell can itself be not-a-number; an untouched one is this very one.
func untouched(v float64) bool { return math.Float64bits(v) == math.Float64bits(math.NaN()) }

// maxDeltaRows bounds a record of changes that nobody reads.
func maxDeltaRows(rows int) int { return max(4*rows, 1024) }

func (b *Buffer) appendHeader(dst []byte) []byte {
	dst = append(dst, `{"time":`...)
	dst = strconv.AppendInt(dst, b.start(), 10)
	dst = append(dst, `,"rows":`...)
	dst = strconv.AppendInt(dst, int64(b.rows), 10)
	dst = append(dst, `,"columns":`...)
	dst = strconv.AppendInt(dst, int64(b.columns), 10)
	dst = append(dst, `,"seconds_per_row":`...)
	dst = strconv.AppendInt(dst, b.secondsPerRow, 10)
	dst = append(dst, `,"column_info":[`...)
	for i, h := range b.headers {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, `{"name":"`+h.name+`","unit":"`+h.unit+`","aggregation":"`+aggregationNames[h.aggregation]+`"}`...)
	}
	return append(dst, "]}\n"...)
}

// AppendText appends the full text, or with format("cbufd") what changed since
// the last time; nothing when nothing did.
func (b *Buffer) AppendText(dst []byte) []byte {
	if b.changed {
		return b.appendChanges(dst)
	}
	dst = b.appendHeader(dst)
	row := b.row
	for range b.rows {
		if row++; row >= b.rows {
			row = 0
		}
		for c := range b.columns {
			if c > 0 {
				dst = append(dst, '\t')
			}
			dst = appendCell(dst, b.values[row*b.columns+c])
		}
		dst = append(dst, '\n')
	}
	return dst
}

func (b *Buffer) appendChanges(dst []byte) []byte {
	if len(b.deltas) == 0 {
		return dst
	}
	dst = b.appendHeader(dst)
	for _, t := range b.deltaTimes() {
		dst = strconv.AppendInt(dst, t, 10)
		for _, v := range b.deltas[t] {
			dst = append(dst, '\t')
			dst = appendCell(dst, v)
		}
		dst = append(dst, '\n')
	}
	b.deltas = nil
	return dst
}

// AppendRestore appends Lua statements that make an equal buffer.
func (b *Buffer) AppendRestore(dst []byte, name string, text func(string) string) []byte {
	cells := text(string(b.appendCells(nil)))
	dst = append(dst, name+` = require("circular_buffer").new(`...)
	for _, n := range [...]int64{int64(b.rows), int64(b.columns), b.secondsPerRow} {
		dst = append(strconv.AppendInt(dst, n, 10), ',')
	}
	dst = append(strconv.AppendBool(dst, b.delta), ")\n"...)
	for i, h := range b.headers {
		dst = append(dst, name+":set_header("...)
		dst = strconv.AppendInt(dst, int64(i+1), 10)
		dst = append(dst, `,"`+h.name+`","`+h.unit+`","`+aggregationNames[h.aggregation]+"\")\n"...)
	}
	return append(dst, name+":fromstring("+cells+")"...)
}

// appendCells appends what fromstring reads.
func (b *Buffer) appendCells(dst []byte) []byte {
	dst = strconv.AppendInt(dst, b.now, 10)
	dst = strconv.AppendInt(append(dst, ' '), int64(b.row), 10)
	for _, v := range b.values {
		dst = appendExact(append(dst, ' '), v)
	}
	for _, t := range b.deltaTimes() {
		dst = strconv.AppendInt(append(dst, ' '), t, 10)
		for _, v := range b.deltas[t] {
			if math.IsNaN(v) {
				v = 0
			}
			dst = appendExact(append(dst, ' '), v)
		}
	}
	return dst
}

func appendExact(dst []byte, v float64) []byte {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return number.AppendG(dst, v, 17)
	}
	return strconv.AppendFloat(dst, v, 'g', -1, 64)
}
