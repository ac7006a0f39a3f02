package main

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/tocsin-lma/tocsin/alarms"
	"github.com/tocsin-lma/tocsin/pkg/config"
)

// explained is one value of the model and its history.
type explained struct {
	Path     string       `json:"path"`
	Value    any          `json:"value"`
	File     string       `json:"file"`
	Line     int          `json:"line"`
	Overrode []overridden `json:"overrode"`
}

// overridden is an earlier value, the first one loaded first.
type overridden struct {
	File  string `json:"file"`
	Line  int    `json:"line"`
	Value any    `json:"value,omitempty"` // absent when the file cannot be read again
}

// explainValue shows the values at and below a path.
func explainValue(t *tool, m checkModel, path string) error {
	n := m.node.Lookup(path)
	if n == nil {
		return findingsError{fmt.Sprintf("the model holds nothing at %s%s", path, nearestPath(m.node, path))}
	}
	values := []explained{}
	n.Walk(func(part *config.Node) {
		if part.Kind() == config.Map && len(part.Keys()) > 0 || insideList(m.node, n, part) {
			return
		}
		e := explained{Path: part.Path(), Value: part.Redacted(), File: part.Pos().File, Line: part.Pos().Line, Overrode: []overridden{}}
		for _, pos := range part.Overridden() {
			e.Overrode = append(e.Overrode, overridden{pos.File, pos.Line, m.earlier(pos, part.Path())})
		}
		values = append(values, m.moved(e))
	})
	return t.printer().print(values, func(p *printer) error {
		for _, v := range values {
			if err := p.printf("%s: %s\n    from %s\n", v.Path, short(v.Value), config.Pos{File: v.File, Line: v.Line}); err != nil {
				return err
			}
			for i := len(v.Overrode) - 1; i >= 0; i-- {
				o := v.Overrode[i]
				was := ""
				if o.Value != nil {
					was = short(o.Value) + " "
				}
				if err := p.printf("    overrides %sfrom %s\n", was, config.Pos{File: o.File, Line: o.Line}); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// insideList reports parts of a list below the explained value: a list is one
// value, since a later one replaces it as a whole.
func insideList(root, top, part *config.Node) bool {
	if part == top {
		return false
	}
	for path := part.Path(); len(path) > len(top.Path()); {
		cut := strings.LastIndexByte(path, '.')
		if cut < 0 {
			return false
		}
		path = path[:cut]
		if root.Lookup(path).Kind() == config.List {
			return true
		}
	}
	return false
}

// moved gives a value of a converted model the place it came from.
func (m *checkModel) moved(e explained) explained {
	if m.converted != nil && e.File == convertedSource {
		if pos, ok := m.converted.Where(e.Path); ok {
			e.File, e.Line = pos.File, pos.Line
		}
	}
	return e
}

// earlier reads the value that a file alone gives; nil when it cannot.
func (m *checkModel) earlier(pos config.Pos, path string) any {
	var source *config.Source
	for i := range m.sources {
		if m.sources[i].Name == pos.File {
			source = &m.sources[i]
		}
	}
	if name, ok := strings.CutPrefix(pos.File, "shipped:alarms/"); ok && source == nil {
		if data, err := alarms.FS.ReadFile(name); err == nil {
			source = &config.Source{Name: pos.File, Data: data}
		}
	}
	if source == nil {
		return nil
	}
	n, err := config.Load(*source)
	if err != nil {
		return nil
	}
	return n.Lookup(path).Redacted()
}

func short(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return fmt.Sprint(v)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// nearestPath names the longest part of a path that is there, and the key that
// was probably meant.
func nearestPath(root *config.Node, path string) string {
	for at := path; ; {
		cut := strings.LastIndexByte(at, '.')
		var parent *config.Node
		key := at
		if cut < 0 {
			parent = root
		} else {
			parent, key = root.Lookup(at[:cut]), at[cut+1:]
		}
		if parent.Kind() == config.Map {
			if near, ok := config.Nearest(key, parent.Keys()); ok {
				return fmt.Sprintf("; did you mean %q?", strings.TrimPrefix(parent.Path()+"."+near, "."))
			}
			return ""
		}
		if cut < 0 {
			return ""
		}
		at = at[:cut]
	}
}
