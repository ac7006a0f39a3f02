package splitter

import "bytes"

// token ends a record after count delimiters; the last one stays at its end.
type token struct {
	delim byte
	count int
}

func (t token) Split(data []byte, atEOF bool) ([]byte, int, error) {
	end := 0
	for range t.count {
		i := bytes.IndexByte(data[end:], t.delim)
		if i < 0 {
			return rest(data, atEOF)
		}
		end += i + 1
	}
	return data[:end], end, nil
}

// nullSplitter makes a record of whatever was read at once.
type nullSplitter struct{}

func (nullSplitter) Split(data []byte, _ bool) ([]byte, int, error) {
	return rest(data, true)
}

// rest is the outcome when no delimiter was found.
func rest(data []byte, atEOF bool) ([]byte, int, error) {
	if !atEOF || len(data) == 0 {
		return nil, 0, nil
	}
	return data, len(data), nil
}
