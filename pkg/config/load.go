package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxNodes bounds what the aliases of one document may unfold to.
const maxNodes = 1_000_000

// maxDepth bounds how deep maps and lists may nest, also through an alias that
// holds itself.
const maxDepth = 100

// Source is one YAML text, of any number of documents. Name stands in errors.
type Source struct {
	Name string
	Data []byte
}

// Load merges the documents of the sources in order: maps key by key, anything
// else by replacement. Scalars may hold ${env:NAME}, ${env:NAME:-default} and
// ${file:PATH}. All errors are reported together.
func Load(sources ...Source) (*Node, error) {
	l := loader{env: os.LookupEnv, readFile: os.ReadFile}
	return l.load(sources)
}

// LoadPaths is Load for files and folders; of a folder, its *.yml and *.yaml
// files in the order of their names.
func LoadPaths(paths ...string) (*Node, error) {
	sources, err := ReadPaths(paths...)
	if err != nil {
		return nil, err
	}
	return Load(sources...)
}

// ReadPaths reads files and folders as LoadPaths does.
func ReadPaths(paths ...string) ([]Source, error) {
	var sources []Source
	for _, path := range paths {
		files := []string{path}
		if info, err := os.Stat(path); err == nil && info.IsDir() {
			if files, err = yamlFiles(path); err != nil {
				return nil, err
			}
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				return nil, fmt.Errorf("read model: %w", err)
			}
			sources = append(sources, Source{Name: file, Data: data})
		}
	}
	return sources, nil
}

func yamlFiles(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("read model folder: %w", err)
	}
	var files []string
	for _, e := range entries {
		if ext := filepath.Ext(e.Name()); !e.IsDir() && (ext == ".yml" || ext == ".yaml") {
			files = append(files, filepath.Join(dir, e.Name()))
		}
	}
	return files, nil
}

type loader struct {
	env      func(string) (string, bool)
	readFile func(string) ([]byte, error)
	errs     []error
	nodes    int
	depth    int
}

func (l *loader) load(sources []Source) (*Node, error) {
	root := &Node{kind: Map, children: map[string]*Node{}}
	for _, s := range sources {
		dec := yaml.NewDecoder(bytes.NewReader(s.Data))
		for {
			var doc yaml.Node
			err := dec.Decode(&doc)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				l.errs = append(l.errs, yamlError(s.Name, err))
				break
			}
			l.nodes = 0
			n := l.convert(s.Name, "", &doc)
			switch n.Kind() {
			case Map:
				merge(root, n)
			case Null:
			default:
				l.errs = append(l.errs, n.Errorf("the top of a model must be a map, this is %s", n.kind))
			}
		}
	}
	return root, errors.Join(l.errs...)
}

// yamlError moves the line that the YAML library writes into the text to where
// all our errors have it.
func yamlError(file string, err error) error {
	msg := strings.TrimPrefix(err.Error(), "yaml: ")
	pos := Pos{File: file}
	if rest, ok := strings.CutPrefix(msg, "line "); ok {
		if number, text, ok := strings.Cut(rest, ": "); ok {
			if line, err := strconv.Atoi(number); err == nil {
				pos.Line, msg = line, text
			}
		}
	}
	return &Error{Pos: pos, Msg: "not YAML: " + msg}
}

func (l *loader) convert(file, path string, y *yaml.Node) *Node {
	if l.nodes++; l.nodes > maxNodes {
		if l.nodes == maxNodes+1 {
			l.errs = append(l.errs, &Error{Pos: Pos{file, y.Line}, Path: path, Msg: fmt.Sprintf("more than %d values after its aliases are unfolded", maxNodes)})
		}
		return &Node{path: path, pos: Pos{file, y.Line}}
	}
	n := &Node{path: path, pos: Pos{file, y.Line}, keyPos: Pos{file, y.Line}}
	if l.depth++; l.depth > maxDepth {
		l.depth--
		l.errs = append(l.errs, n.Errorf("maps and lists nest more than %d deep", maxDepth))
		l.nodes = maxNodes + 1 // one such error is enough
		return n
	}
	defer func() { l.depth-- }()
	switch y.Kind {
	case yaml.DocumentNode:
		return l.convert(file, path, y.Content[0])
	case yaml.AliasNode:
		return l.convert(file, path, y.Alias)
	case yaml.MappingNode:
		n.kind, n.children = Map, make(map[string]*Node, len(y.Content)/2)
		l.convertMap(n, file, y)
	case yaml.SequenceNode:
		n.kind = List
		for i, item := range y.Content {
			n.items = append(n.items, l.convert(file, join(path, strconv.Itoa(i)), item))
		}
	case yaml.ScalarNode:
		l.convertScalar(n, y)
	}
	return n
}

func (l *loader) convertMap(n *Node, file string, y *yaml.Node) {
	for i := 0; i+1 < len(y.Content); i += 2 {
		k, v := y.Content[i], y.Content[i+1]
		if k.Tag == "!!merge" {
			l.mergeKey(n, file, v)
			continue
		}
		if k.Kind != yaml.ScalarNode {
			l.errs = append(l.errs, &Error{Pos: Pos{file, k.Line}, Path: n.path, Msg: "a key must be a plain word"})
			continue
		}
		child := l.convert(file, join(n.path, k.Value), v)
		child.keyPos = Pos{file, k.Line}
		child.secret = child.secret || secretKey(k.Value)
		if before, twice := n.children[k.Value]; twice && !slices.Contains(before.earlier, mergeMark) {
			if before.kind == Scalar && child.kind == Scalar && before.text == child.text {
				continue // said twice, meant once: rendered models do that
			}
			l.errs = append(l.errs, child.KeyErrorf("this key stands twice in one map; the other one is at line %d", before.keyPos.Line))
			continue
		}
		n.put(k.Value, child)
	}
}

// mergeMark tells a value that came in through "<<", which the map itself may
// override, from one that was written twice.
var mergeMark = Pos{File: "<<", Line: -1}

func (l *loader) mergeKey(n *Node, file string, v *yaml.Node) {
	from := l.convert(file, n.path, v)
	maps := []*Node{from}
	if from.kind == List {
		maps = from.items
	}
	for _, m := range maps {
		if m.Kind() != Map {
			l.errs = append(l.errs, m.Errorf("'<<' wants a map, this is %s", m.Kind()))
			continue
		}
		for _, k := range m.keys {
			if _, there := n.children[k]; !there {
				m.children[k].earlier = append(m.children[k].earlier, mergeMark)
				n.put(k, m.children[k])
			}
		}
	}
}

func (l *loader) convertScalar(n *Node, y *yaml.Node) {
	if y.Tag == "!!null" {
		return
	}
	n.kind, n.text = Scalar, y.Value
	text, secret, changed, err := l.interpolate(y.Value)
	if err != nil {
		l.errs = append(l.errs, n.Errorf("%v", err))
		return
	}
	n.secret = secret
	if changed {
		// What comes out of the environment is typed as if it stood here.
		n.text = text
		if y.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) == 0 {
			var v any
			if yaml.Unmarshal([]byte(text), &v) == nil {
				if v, ok := plainScalar(v); ok {
					n.value = v
					return
				}
			}
		}
		n.value = text
		return
	}
	var v any
	if err := y.Decode(&v); err != nil {
		l.errs = append(l.errs, n.Errorf("%v", err))
		return
	}
	if plain, ok := plainScalar(v); ok {
		n.value = plain
		return
	}
	n.value = y.Value // a date and the like: keep what was written
}

func plainScalar(v any) (any, bool) {
	switch v := v.(type) {
	case string, bool, float64:
		return v, true
	case int:
		return int64(v), true
	case int64:
		return v, true
	case uint64:
		return float64(v), true
	}
	return nil, false
}

func (n *Node) put(key string, child *Node) {
	if _, there := n.children[key]; !there {
		n.keys = append(n.keys, key)
	}
	n.children[key] = child
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// Merge returns the deep merge of the maps in order; nil nodes are passed over.
// The arguments are not changed.
func Merge(nodes ...*Node) *Node {
	root := &Node{kind: Map, children: map[string]*Node{}}
	for _, n := range nodes {
		if n.Kind() == Map {
			if root.path == "" {
				root.path, root.pos = n.path, n.pos
			}
			merge(root, n)
		}
	}
	return root
}

// merge lays the map src over dst. It copies every map that it changes.
func merge(dst, src *Node) {
	for _, k := range src.keys {
		s := src.children[k]
		d, there := dst.children[k]
		if there && d.kind == Map && s.kind == Map {
			c := *d
			c.keys = slices.Clone(d.keys)
			c.children = make(map[string]*Node, len(d.children))
			for key, child := range d.children {
				c.children[key] = child
			}
			merge(&c, s)
			dst.children[k] = &c
			continue
		}
		c := *s
		if there {
			c.earlier = append(append(slices.Clone(d.earlier), d.pos), s.earlier...)
		}
		dst.put(k, &c)
	}
}
