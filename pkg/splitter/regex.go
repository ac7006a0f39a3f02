package splitter

import "regexp"

// regex ends a record at a match. The text of its group, if it has one, belongs
// to the record before (eol) or to the one after; the rest of the match is
// dropped.
type regex struct {
	re  *regexp.Regexp
	eol bool

	lead, gap int    // the data begins with lead bytes of a group, then gap bytes to drop
	scanned   int    // no delimiter begins in this much of the data
	joined    []byte // a record whose parts were not adjacent
}

// overlap is how far before the end of the scanned data a delimiter that was
// not complete yet may begin.
const overlap = 256

func (r *regex) Split(data []byte, atEOF bool) ([]byte, int, error) {
	from := r.lead + r.gap
	if len(data) < from {
		return r.last(data, atEOF)
	}
	for {
		from = max(from, min(r.scanned, len(data)))
		loc := r.re.FindSubmatchIndex(data[from:])
		if loc == nil || (loc[0] == loc[1] && from+loc[1] >= len(data)) {
			r.scanned = max(r.lead+r.gap, len(data)-overlap)
			return r.last(data, atEOF)
		}
		start, end := from+loc[0], from+loc[1]
		group := [2]int{-1, -1}
		if len(loc) == 4 && loc[2] >= 0 {
			group = [2]int{from + loc[2], from + loc[3]}
		}
		if end == 0 || (!r.eol && start == 0) || (start == end && start == r.lead+r.gap) {
			from = max(end, from+1) // the delimiter that begins this record, or an empty match
			r.scanned = 0
			if from > len(data) {
				return r.last(data, atEOF)
			}
			continue
		}
		return r.cut(data, start, end, group)
	}
}

// cut makes the record before a delimiter at data[start:end].
func (r *regex) cut(data []byte, start, end int, group [2]int) ([]byte, int, error) {
	lead, gap := r.lead, r.gap
	r.lead, r.gap, r.scanned = 0, 0, 0
	if group[0] < 0 {
		return r.join(data[:lead], data[lead+gap:start], nil), end, nil
	}
	if r.eol {
		return r.join(data[:lead], data[lead+gap:start], data[group[0]:group[1]]), end, nil
	}
	r.lead, r.gap = group[1]-group[0], end-group[1]
	return r.join(data[:lead], data[lead+gap:start], nil), group[0], nil
}

// join returns the concatenation of slices of one array, without copying where
// they are adjacent.
func (r *regex) join(a, b, c []byte) []byte {
	switch {
	case len(a) == 0:
		a = b
	case len(b) == 0:
	case &a[:len(a)+1][len(a)] == &b[0]:
		a = a[:len(a)+len(b)]
	default:
		r.joined = append(append(r.joined[:0], a...), b...)
		a = r.joined
	}
	switch {
	case len(c) == 0:
		return a
	case len(a) == 0:
		return c
	case cap(a) > len(a) && &a[:len(a)+1][len(a)] == &c[0]:
		return a[:len(a)+len(c)]
	}
	r.joined = append(append(r.joined[:0], a...), c...)
	return r.joined
}

func (r *regex) last(data []byte, atEOF bool) ([]byte, int, error) {
	if !atEOF || len(data) == 0 {
		return nil, 0, nil
	}
	lead, gap := r.lead, r.gap
	r.lead, r.gap, r.scanned = 0, 0, 0
	if len(data) < lead+gap {
		return data[:min(lead, len(data))], len(data), nil
	}
	return r.join(data[:lead], data[lead+gap:], nil), len(data), nil
}

func (r *regex) reset() { r.lead, r.gap, r.scanned = 0, 0, 0 }

// grouping makes one record of consecutive lines that match pattern; any other
// line is a record of its own. Records hold their delimiters.
type grouping struct {
	delim, pattern *regexp.Regexp
	maxLines       int
}

func (g *grouping) Split(data []byte, atEOF bool) ([]byte, int, error) {
	end := 0
	for lines := 0; lines < g.maxLines; lines++ {
		loc := g.delim.FindIndex(data[end:])
		if loc == nil || loc[1] == 0 {
			if atEOF && end > 0 && !g.pattern.Match(data[end:]) {
				return data[:end], end, nil
			}
			return rest(data, atEOF)
		}
		if !g.pattern.Match(data[end : end+loc[0]]) {
			if end == 0 {
				end = loc[1]
			}
			break
		}
		end += loc[1]
	}
	return data[:end], end, nil
}
