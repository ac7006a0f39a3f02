// Package batch cuts encoded batches into their items: lines, pairs of an action
// and a document, frames.
//
// Invariant: an item is a part of the batch it was cut from, never a copy, and
// the items of a batch, put together, are the batch.
package batch

import (
	"bytes"
	"encoding/binary"

	"github.com/tocsin-lma/tocsin/pkg/message"
	"google.golang.org/protobuf/encoding/protowire"
)

const (
	recordSeparator = 0x1e // starts a frame
	unitSeparator   = 0x1f // ends a frame's header
)

// Cut returns the first item of a batch, and the rest. The item of an empty
// batch is empty.
type Cut func(batch []byte) (item, rest []byte)

// Line cuts a line, with its line feed if it has one.
func Line(batch []byte) (item, rest []byte) {
	end := bytes.IndexByte(batch, '\n') + 1
	if end == 0 {
		end = len(batch)
	}
	return batch[:end], batch[end:]
}

// Bulk cuts an action of Elasticsearch's bulk format with its document. A
// "delete" has none.
func Bulk(batch []byte) (item, rest []byte) {
	action, rest := Line(batch)
	if Action(action) == "delete" {
		return action, rest
	}
	document, rest := Line(rest)
	return batch[:len(action)+len(document)], rest
}

// Action returns the verb of a bulk action line: the first key of its object.
func Action(line []byte) string {
	start := bytes.IndexByte(line, '"') + 1
	if start == 0 {
		return ""
	}
	end := bytes.IndexByte(line[start:], '"')
	if end < 0 {
		return ""
	}
	return string(line[start : start+end])
}

// Frame cuts a frame of the stream format. Bytes that begin no whole frame are
// one item together with everything behind them.
func Frame(batch []byte) (item, rest []byte) {
	size, ok := frameSize(batch)
	if !ok {
		return batch, nil
	}
	return batch[:size], batch[size:]
}

func frameSize(b []byte) (int, bool) {
	if len(b) < 3 || b[0] != recordSeparator {
		return 0, false
	}
	header := int(b[1])
	if len(b) < 3+header || b[2+header] != unitSeparator {
		return 0, false
	}
	payload, ok := payloadSize(b[2 : 2+header])
	end := uint64(3+header) + payload
	if !ok || end > uint64(len(b)) {
		return 0, false
	}
	return int(end), true
}

// payloadSize reads field 1 of a frame's header.
func payloadSize(header []byte) (uint64, bool) {
	for len(header) > 0 {
		number, kind, n := protowire.ConsumeTag(header)
		if n < 0 {
			return 0, false
		}
		header = header[n:]
		if number == 1 && kind == protowire.VarintType {
			size, n := binary.Uvarint(header)
			return size, n > 0
		}
		if n = protowire.ConsumeFieldValue(number, kind, header); n < 0 {
			return 0, false
		}
		header = header[n:]
	}
	return 0, false
}

// Payload returns the message's bytes of a whole frame, and whether it is one.
func Payload(frame []byte) ([]byte, bool) {
	size, ok := frameSize(frame)
	if !ok || size != len(frame) {
		return nil, false
	}
	return frame[3+int(frame[1]):], true
}

// Messages calls f for the message of every frame of a batch until f returns an
// error. The message is valid during the call. A frame that holds none is
// handed over with the error that says so.
func Messages(b []byte, f func(frame []byte, m *message.Message, err error) error) error {
	var m message.Message
	for len(b) > 0 {
		var frame []byte
		frame, b = Frame(b)
		payload, ok := Payload(frame)
		err := message.ErrMalformed
		if ok {
			err = m.Unmarshal(payload)
		}
		if err = f(frame, &m, err); err != nil {
			return err
		}
	}
	return nil
}

// Count returns the number of items.
func Count(b []byte, cut Cut) int {
	n := 0
	for len(b) > 0 {
		_, b = cut(b)
		n++
	}
	return n
}

// Split returns the items.
func Split(b []byte, cut Cut) [][]byte {
	var items [][]byte
	for len(b) > 0 {
		var item []byte
		item, b = cut(b)
		items = append(items, item)
	}
	return items
}

// Halve cuts a batch in two between items, near its middle. The second half is
// empty only when the batch is one item.
func Halve(b []byte, cut Cut) (first, second []byte) {
	done := 0
	for len(b) > 0 {
		_, rest := cut(b[done:])
		if len(rest) == 0 && done > 0 {
			break
		}
		done = len(b) - len(rest)
		if len(rest) == 0 || done >= len(b)/2 {
			break
		}
	}
	return b[:done], b[done:]
}
