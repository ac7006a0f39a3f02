package message

// parseUsual reads a field as AppendMessage writes it when it has one value:
// short name, type unless string, representation if any, value. It reports
// false, having changed f, when s is anything else, which need not be an error.
func (f *Field) parseUsual(s string) bool {
	if len(s) < 2 || s[0] != tagName {
		return false
	}
	at := 2 + int(s[1])
	if s[1] == 0 || s[1] >= 0x80 || at+2 > len(s) {
		return false
	}
	f.Name, f.Representation = s[2:at], ""
	kind := String
	if s[at] == tagValueType {
		if kind = ValueType(s[at+1]); kind > Bool {
			return false
		}
		at += 2
	}
	if at+2 <= len(s) && s[at] == tagRepresentation {
		end := at + 2 + int(s[at+1])
		if s[at+1] >= 0x80 || end > len(s) {
			return false
		}
		f.Representation, at = s[at+2:end], end
	}
	if at+2 > len(s) || s[at] != valueTag(kind) {
		return false
	}
	r := wire{s: s, i: at + 1}
	body := r.text()
	if r.err != nil || r.i != len(s) {
		return false
	}
	return f.setOne(kind, body)
}

// valueTag is the tag of the values of a type.
func valueTag(t ValueType) byte { return tagString + byte(t)<<3 }

// setOne makes body, the bytes of a value, the only value of f.
func (f *Field) setOne(kind ValueType, body string) bool {
	var v Value
	switch kind {
	case String, Bytes:
		v.str = body
	case Integer:
		p := wire{s: body}
		v.num = p.uvarint()
		if p.err != nil || p.i != len(body) {
			return false
		}
	case Double:
		if len(body) != 8 {
			return false
		}
		v.num = doubleBits(body)
	case Bool:
		if len(body) != 1 || body[0] >= 0x80 {
			return false
		}
		v.num = truth(uint64(body[0]))
	}
	v.Type = kind
	f.first, f.Type, f.n, f.more = v, kind, 1, f.more[:0]
	return true
}
