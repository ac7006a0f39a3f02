package splitter

import "bytes"

const (
	recordSeparator = 0x1e
	unitSeparator   = 0x1f
)

// framing finds the payloads of Heka's stream framing and skips what is none. It
// does not check signatures: streams from a network are read with
// message.FrameReader, which does.
type framing struct{}

func (framing) Split(data []byte, atEOF bool) ([]byte, int, error) {
	i := bytes.IndexByte(data, recordSeparator)
	switch {
	case i < 0:
		return nil, len(data), nil
	case i > 0:
		return nil, i, nil
	case len(data) < 3 || len(data) < int(data[1])+3:
		return nil, tail(data, atEOF), nil
	}
	head := int(data[1]) + 2
	size, ok := messageLength(data[2:head])
	if !ok || data[head] != unitSeparator {
		return nil, 1, nil
	}
	if len(data)-head-1 < size {
		return nil, tail(data, atEOF), nil
	}
	return data[head+1 : head+1+size], head + 1 + size, nil
}

func tail(data []byte, atEOF bool) int {
	if atEOF {
		return len(data)
	}
	return 0
}

// messageLength reads field 1 of a frame's header, which every writer puts first.
func messageLength(header []byte) (int, bool) {
	if len(header) < 2 || header[0] != 0x08 {
		return 0, false
	}
	n := 0
	for i, b := range header[1:min(len(header), 6)] {
		n |= int(b&0x7f) << (7 * i)
		if b < 0x80 {
			return n, n <= 1<<30
		}
	}
	return 0, false
}
