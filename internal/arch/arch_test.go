// Package arch_test fails when the house is not as ARCHITECTURE.md says: imports
// go down the floors only, files and functions stay short, nothing hides in
// package variables or init functions, and pure packages are pure.
package arch_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/tocsin-lma/tocsin/"

// floors gives each package family its floor. A package imports lower floors
// only; the folders of one family may import each other.
var floors = map[string]int{
	"pkg/message": 0, "pkg/lpeg": 0, "plugins": 0, "alarms": 0, "dashboards": 0,
	"pkg/health": 1, "pkg/matcher": 1, "pkg/buffer": 1, "pkg/config": 1, "pkg/selfmon": 1, "pkg/splitter": 1, "pkg/tlsconfig": 1,
	"pkg/sandbox":  2,
	"pkg/decoders": 3, "pkg/encoders": 3, "pkg/inputs": 3, "pkg/outputs": 3, "pkg/afd": 3, "pkg/gse": 3, "pkg/ha": 3,
	"pkg/pipeline": 4, "pkg/store": 4, "pkg/alarmtest": 4, "pkg/lint": 4, "pkg/silence": 4,
	"pkg/web": 5, "pkg/daemon": 6, "pkg/demo": 7, "cmd": 8,
}

// pure packages do not know the time, start no goroutine and do no I/O.
var pure = map[string]bool{"pkg/health": true, "pkg/matcher": true, "pkg/afd": true, "pkg/gse": true, "pkg/lpeg": true}

var impureCalls = map[string]bool{"time.Now": true, "time.Since": true, "time.Sleep": true, "time.NewTicker": true, "time.NewTimer": true, "time.After": true, "os.Open": true, "os.ReadFile": true}

const (
	maxFileLines     = 600
	maxFunctionLines = 80
)

type source struct {
	path, family string
	lines        int
	fset         *token.FileSet
	file         *ast.File
}

func sources(t *testing.T) []source {
	t.Helper()
	var out []source
	root := filepath.Join("..", "..")
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(root, path)
		if d.IsDir() {
			if strings.HasPrefix(d.Name(), ".") && rel != "." || d.Name() == "testdata" || rel == "third_party" {
				return filepath.SkipDir
			}
			return nil
		}
		if filepath.Ext(path) != ".go" {
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, path, data, parser.ParseComments)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		out = append(out, source{rel, family(rel), strings.Count(string(data), "\n"), fset, file})
		return nil
	})
	require.NoError(t, err)
	return out
}

// family is the first folder that has a floor: "pkg/inputs" for pkg/inputs/tcp.
func family(path string) string {
	parts := strings.Split(path, "/")
	if parts[0] == "pkg" && len(parts) > 1 {
		return parts[0] + "/" + parts[1]
	}
	return parts[0]
}

func TestImportsGoDown(t *testing.T) {
	for _, s := range sources(t) {
		own, ok := floors[s.family]
		if strings.HasSuffix(s.path, "_test.go") || s.family == "internal" || s.family == "bench" || s.family == "tools" {
			continue
		}
		if !ok {
			t.Errorf("%s: the family %s has no floor; give it one in ARCHITECTURE.md and here", s.path, s.family)
			continue
		}
		for _, imp := range s.file.Imports {
			path, ours := strings.CutPrefix(strings.Trim(imp.Path.Value, `"`), module)
			if !ours {
				continue
			}
			other := family(path)
			floor, ok := floors[other]
			if !ok {
				t.Errorf("%s imports %s, which has no floor", s.path, path)
				continue
			}
			if other != s.family && floor >= own {
				t.Errorf("%s (floor %d) imports %s (floor %d): a package imports lower floors only", s.path, own, path, floor)
			}
		}
	}
}

func TestFilesAndFunctionsAreShort(t *testing.T) {
	for _, s := range sources(t) {
		if s.lines > maxFileLines {
			t.Errorf("%s has %d lines, at most %d fit in one head", s.path, s.lines, maxFileLines)
		}
		for _, d := range s.file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || f.Body == nil || strings.HasSuffix(s.path, "_test.go") {
				continue
			}
			if n := s.fset.Position(f.End()).Line - s.fset.Position(f.Pos()).Line + 1; n > maxFunctionLines {
				t.Errorf("%s: %s has %d lines, at most %d", s.path, f.Name.Name, n, maxFunctionLines)
			}
		}
	}
}

func TestNoHiddenState(t *testing.T) {
	for _, s := range sources(t) {
		if strings.HasSuffix(s.path, "_test.go") {
			continue
		}
		assigned := assignedNames(s.file)
		for _, d := range s.file.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Name.Name == "init" && d.Recv == nil {
					t.Errorf("%s: init functions hide what a program does; call a function", s.path)
				}
			case *ast.GenDecl:
				for _, name := range variables(d) {
					if assigned[name] {
						t.Errorf("%s: the package variable %s changes; pass it instead", s.path, name)
					}
				}
			}
		}
	}
}

// variables lists the package variables that are not embedded files.
func variables(d *ast.GenDecl) []string {
	var names []string
	if d.Tok != token.VAR || strings.Contains(d.Doc.Text(), "go:embed") {
		return nil
	}
	for _, spec := range d.Specs {
		for _, id := range spec.(*ast.ValueSpec).Names {
			if id.Name != "_" {
				names = append(names, id.Name)
			}
		}
	}
	return names
}

// assignedNames collects what functions of a file assign to, apart from names
// they declare themselves.
func assignedNames(f *ast.File) map[string]bool {
	names := map[string]bool{}
	for _, d := range f.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if !ok || fn.Body == nil {
			continue
		}
		local := declaredNames(fn)
		ast.Inspect(fn.Body, func(n ast.Node) bool {
			for _, e := range targets(n) {
				for {
					ix, ok := e.(*ast.IndexExpr)
					if !ok {
						break
					}
					e = ix.X
				}
				if id, ok := e.(*ast.Ident); ok && !local[id.Name] {
					names[id.Name] = true
				}
			}
			return true
		})
	}
	return names
}

// targets returns what a statement assigns to without declaring it.
func targets(n ast.Node) []ast.Expr {
	switch n := n.(type) {
	case *ast.AssignStmt:
		if n.Tok != token.DEFINE {
			return n.Lhs
		}
	case *ast.IncDecStmt:
		return []ast.Expr{n.X}
	}
	return nil
}

// declaredNames collects the names that a function declares: parameters, results
// and variables.
func declaredNames(fn *ast.FuncDecl) map[string]bool {
	names := map[string]bool{}
	ast.Inspect(fn, func(n ast.Node) bool {
		var ids []ast.Expr
		switch n := n.(type) {
		case *ast.Field:
			for _, id := range n.Names {
				names[id.Name] = true
			}
		case *ast.ValueSpec:
			for _, id := range n.Names {
				names[id.Name] = true
			}
		case *ast.AssignStmt:
			if n.Tok == token.DEFINE {
				ids = n.Lhs
			}
		case *ast.RangeStmt:
			if n.Tok == token.DEFINE {
				ids = []ast.Expr{n.Key, n.Value}
			}
		}
		for _, e := range ids {
			if id, ok := e.(*ast.Ident); ok {
				names[id.Name] = true
			}
		}
		return true
	})
	return names
}

func TestPurePackagesArePure(t *testing.T) {
	for _, s := range sources(t) {
		if !pure[s.family] || strings.HasSuffix(s.path, "_test.go") {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.GoStmt:
				t.Errorf("%s: a pure package starts no goroutine", s.fset.Position(n.Pos()))
			case *ast.SelectorExpr:
				if x, ok := n.X.(*ast.Ident); ok && impureCalls[fmt.Sprintf("%s.%s", x.Name, n.Sel.Name)] {
					t.Errorf("%s: a pure package does not call %s.%s; take it as an argument", s.fset.Position(n.Pos()), x.Name, n.Sel.Name)
				}
			}
			return true
		})
	}
}

func TestEveryPackageSaysWhatItIsFor(t *testing.T) {
	documented := map[string]bool{}
	for _, s := range sources(t) {
		if strings.HasSuffix(s.path, "_test.go") {
			continue
		}
		dir := filepath.Dir(s.path)
		documented[dir] = documented[dir] || s.file.Doc != nil
	}
	for dir, ok := range documented {
		if !ok {
			t.Errorf("%s has no package comment", dir)
		}
	}
}

var unfinished = regexp.MustCompile(`\b(TODO|FIXME|XXX|HACK)\b`)

// TestTheCopiedLibraryIsInOrder: what is in third_party is ours to keep, whoever
// wrote it first. Its own tests and layers are its own.
func TestTheCopiedLibraryIsInOrder(t *testing.T) {
	files := 0
	root := filepath.Join("..", "..", "third_party")
	require.NoError(t, filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".go" {
			return err
		}
		data, err := os.ReadFile(path)
		files++
		if n := strings.Count(string(data), "\n"); n > maxFileLines {
			t.Errorf("%s has %d lines, more than %d", path, n, maxFileLines)
		}
		for i, line := range strings.Split(string(data), "\n") {
			if mark := unfinished.FindString(line); mark != "" {
				t.Errorf("%s:%d: %s", path, i+1, mark)
			}
		}
		return err
	}))
	require.NotZero(t, files)
}

func TestNoMarksOfUnfinishedWork(t *testing.T) {
	for _, s := range sources(t) {
		if s.family == "internal" {
			continue
		}
		for _, group := range s.file.Comments {
			for _, c := range group.List {
				if mark := unfinished.FindString(c.Text); mark != "" {
					t.Errorf("%s: %s", s.fset.Position(c.Pos()), mark)
				}
			}
		}
	}
}
