package fuel

import (
	"bytes"

	"go.yaml.in/yaml/v3"
)

// WithoutRepeats blanks the lines that say once more what a map already says. The
// shipped files of the Fuel plugins hold a few, and YAML allows none. Everything
// else, also a text that is no YAML, stays as it is, on the line where it was.
func WithoutRepeats(data []byte) []byte {
	var lines [][]byte
	blank := func(line int, key string) {
		if lines == nil {
			lines = bytes.SplitAfter(bytes.Clone(data), []byte("\n"))
		}
		if line < 1 || line > len(lines) {
			return
		}
		text := lines[line-1]
		if rest := bytes.TrimLeft(text, " "); bytes.HasPrefix(rest, []byte(key+":")) {
			lines[line-1] = text[len(bytes.TrimRight(text, "\r\n")):]
		}
	}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	for {
		var doc yaml.Node
		if err := dec.Decode(&doc); err != nil {
			break // whoever reads the text for good reports it
		}
		repeats(&doc, blank)
	}
	if lines == nil {
		return data
	}
	return bytes.Join(lines, nil)
}

// repeats finds the keys of a map that stand there before with the same plain
// value. Aliases are not followed: what they stand for is looked at once.
func repeats(n *yaml.Node, found func(line int, key string)) {
	if n.Kind == yaml.MappingNode && n.Style&yaml.FlowStyle == 0 {
		first := map[string]*yaml.Node{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			k, v := n.Content[i], n.Content[i+1]
			before, twice := first[k.Value]
			if twice && v.Kind == yaml.ScalarNode && before.Kind == yaml.ScalarNode && v.Value == before.Value && v.Line == k.Line {
				found(k.Line, k.Value)
			} else if !twice {
				first[k.Value] = v
			}
		}
	}
	for _, child := range n.Content {
		repeats(child, found)
	}
}
