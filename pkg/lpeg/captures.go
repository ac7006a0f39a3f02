package lpeg

import "fmt"

// name normalises a rule or group name: whole Go numbers become float64.
func name(v any) any {
	switch n := v.(type) {
	case int:
		return float64(n)
	case int64:
		return float64(n)
	}
	return v
}

// nameText prints a rule or group name for an error.
func nameText(v any) string {
	switch n := v.(type) {
	case string:
		return n
	case float64:
		return fmt.Sprintf("%.14g", n)
	case fmt.Stringer:
		return n.String()
	}
	return fmt.Sprintf("(a %T)", v)
}

func (b *Builder) captured(kind CaptureKind, p *Pattern, value any) *Pattern {
	return b.make(&node{kind: nodeCapture, capture: kind, a: p, value: value})
}

// C captures the text p matched, followed by the values p itself captured.
func (b *Builder) C(p *Pattern) *Pattern { return b.captured(CaptureText, p, nil) }

// Cg groups the values of p. With a name (not nil) the group gives no values
// but can be read by Cb, and Ct stores its first value under the name.
func (b *Builder) Cg(p *Pattern, groupName any) *Pattern {
	return b.captured(CaptureGroup, p, name(groupName))
}

// Ct captures the values of p in a new table.
func (b *Builder) Ct(p *Pattern) *Pattern { return b.captured(CaptureTable, p, nil) }

// Cr is Ct into a table that the host uses again at the next match.
func (b *Builder) Cr(p *Pattern, table any) *Pattern { return b.captured(CaptureReuse, p, table) }

// Cs captures the text p matched, with the text of each capture in p replaced by its value.
func (b *Builder) Cs(p *Pattern) *Pattern { return b.captured(CaptureSubst, p, nil) }

// Cc captures the values, and matches the empty string.
func (b *Builder) Cc(values ...any) *Pattern {
	if len(values) == 0 {
		return b.True()
	}
	parts := make([]*Pattern, len(values))
	for i, v := range values {
		parts[i] = b.captured(CaptureConst, b.True(), v)
	}
	if len(parts) == 1 {
		return parts[0]
	}
	return b.Cg(b.Seq(parts...), nil)
}

// Cp captures the position, counted from 1.
func (b *Builder) Cp() *Pattern { return b.captured(CapturePosition, b.True(), nil) }

// Cb captures the values of the last group of that name.
func (b *Builder) Cb(groupName any) *Pattern {
	return b.captured(CaptureBack, b.True(), name(groupName))
}

// Carg captures the n-th extra argument of the match, counted from 1.
func (b *Builder) Carg(n int) (*Pattern, error) {
	if n <= 0 || n > maxShort {
		return nil, ErrArgIndex
	}
	return b.make(&node{kind: nodeCapture, capture: CaptureArg, a: b.True(), n: n}), nil
}

// Func captures what fn returns for the values of p (for the text of p when it has none).
func (b *Builder) Func(p *Pattern, fn any) *Pattern { return b.captured(CaptureFunction, p, fn) }

// Query captures table[first value of p], or nothing when that is absent.
func (b *Builder) Query(p *Pattern, table any) *Pattern { return b.captured(CaptureQuery, p, table) }

// Format captures format with %0 to %9 replaced by the text of p and its captures.
func (b *Builder) Format(p *Pattern, format string) *Pattern {
	return b.make(&node{kind: nodeCapture, capture: CaptureFormat, a: p, text: format})
}

// Select captures the n-th value of p; n = 0 drops all its values.
func (b *Builder) Select(p *Pattern, n int) (*Pattern, error) {
	if n < 0 || n > maxShort {
		return nil, ErrSelectIndex
	}
	return b.make(&node{kind: nodeCapture, capture: CaptureSelect, a: p, n: n}), nil
}

// Cf folds the captures of p with fn, from the first value on.
func (b *Builder) Cf(p *Pattern, fn any) *Pattern { return b.captured(CaptureFold, p, fn) }

// Cmt calls fn during the match, with the subject, the position and the values
// of p; its first result decides, the others are captured.
func (b *Builder) Cmt(p *Pattern, fn any) *Pattern {
	return b.make(&node{kind: nodeRuntime, capture: CaptureRuntime, a: p, value: fn})
}
