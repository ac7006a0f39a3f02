package docs_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const module = "github.com/tocsin-lma/tocsin/"

// row is a key of a section.
type row struct{ key, kind, standard, text string }

// structs reads the declarations of configuration structs, for what reflection
// does not know: the comments.
type structs struct {
	t     *testing.T
	files map[string][]*ast.File // by folder
}

// rows lists the keys of the struct called name in a folder of the repository.
// v, if valid, is a value that holds the defaults.
func (s *structs) rows(dir, name, prefix string, v reflect.Value) []row {
	for _, file := range s.folder(dir) {
		for _, decl := range file.Decls {
			gen, ok := decl.(*ast.GenDecl)
			if !ok {
				continue
			}
			for _, spec := range gen.Specs {
				if ts, ok := spec.(*ast.TypeSpec); ok && ts.Name.Name == name {
					st, ok := ts.Type.(*ast.StructType)
					require.True(s.t, ok, "%s.%s is no struct", dir, name)
					return s.fields(dir, file, st, prefix, v)
				}
			}
		}
	}
	require.Failf(s.t, "no struct", "%s has no struct %s", dir, name)
	return nil
}

func (s *structs) folder(dir string) []*ast.File {
	if files, ok := s.files[dir]; ok {
		return files
	}
	paths, err := filepath.Glob(filepath.Join("..", "..", dir, "*.go"))
	require.NoError(s.t, err)
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
		require.NoError(s.t, err)
		s.files[dir] = append(s.files[dir], file)
	}
	return s.files[dir]
}

func (s *structs) fields(dir string, file *ast.File, st *ast.StructType, prefix string, v reflect.Value) (rows []row) {
	for i, f := range st.Fields.List {
		if f.Tag == nil {
			continue
		}
		tag := reflect.StructTag(strings.Trim(f.Tag.Value, "`")).Get("yaml")
		key, inline := strings.CutSuffix(tag, ",inline")
		if key == "-" {
			continue
		}
		var value reflect.Value
		if v.IsValid() {
			value = reflect.Indirect(v.Field(i))
		}
		at, name := s.local(dir, file, f.Type)
		switch {
		case inline:
			rows = append(rows, s.rows(at, name, prefix, value)...)
			continue
		case name == "Config" && at == "pkg/tlsconfig":
			rows = append(rows, row{prefix + key, "section", "", "see TLS"})
			continue
		case name != "" && s.isStruct(at, name):
			rows = append(rows, s.rows(at, name, prefix+key+".", value)...)
			continue
		}
		text := f.Comment.Text()
		if text == "" {
			text = f.Doc.Text()
		}
		rows = append(rows, row{prefix + key, kind(types.ExprString(f.Type)), standard(value), strings.Join(strings.Fields(text), " ")})
	}
	return rows
}

// local finds where a named type that is not of the standard library is declared.
func (s *structs) local(dir string, file *ast.File, expr ast.Expr) (at, name string) {
	if star, ok := expr.(*ast.StarExpr); ok {
		expr = star.X
	}
	switch e := expr.(type) {
	case *ast.Ident:
		return dir, e.Name
	case *ast.SelectorExpr:
		for _, imp := range file.Imports {
			path, ours := strings.CutPrefix(strings.Trim(imp.Path.Value, `"`), module)
			if ours && filepath.Base(path) == types.ExprString(e.X) {
				return path, e.Sel.Name
			}
		}
	}
	return "", ""
}

func (s *structs) isStruct(dir, name string) bool {
	if dir == "pkg/config" {
		return false
	}
	for _, file := range s.folder(dir) {
		if o := file.Scope.Lookup(name); o != nil { //nolint:staticcheck // one package is enough here
			if ts, ok := o.Decl.(*ast.TypeSpec); ok {
				_, ok := ts.Type.(*ast.StructType)
				return ok
			}
		}
	}
	return false
}

// kind puts the type of a field into a user's words.
func kind(expr string) string {
	expr = strings.TrimPrefix(expr, "*")
	switch {
	case expr == "string":
		return "text"
	case expr == "bool":
		return "true, false"
	case strings.HasPrefix(expr, "int") || strings.HasPrefix(expr, "uint") || strings.HasPrefix(expr, "float"):
		return "number"
	case strings.HasSuffix(expr, "Duration") || expr == "seconds":
		return "duration"
	case expr == "milliseconds" || strings.HasSuffix(expr, "Timeout"):
		return "duration (a bare number: ms)"
	case strings.HasPrefix(expr, "[]"):
		return "list"
	case strings.HasPrefix(expr, "map["):
		return "map"
	case strings.HasSuffix(expr, "config.Node"):
		return "section"
	}
	return strings.ToLower(expr[strings.LastIndexByte(expr, '.')+1:])
}

// standard writes a default; nothing for a zero value.
func standard(v reflect.Value) string {
	if !v.IsValid() || v.IsZero() {
		return ""
	}
	if d := reflect.TypeFor[time.Duration](); v.Type().ConvertibleTo(d) && v.Kind() == reflect.Int64 && v.Type() != reflect.TypeFor[int64]() {
		return short(time.Duration(v.Int()))
	}
	switch v.Kind() {
	case reflect.String, reflect.Bool, reflect.Int, reflect.Int32, reflect.Int64, reflect.Uint, reflect.Uint64, reflect.Float64:
		return fmt.Sprint(v.Interface())
	case reflect.Slice:
		words := make([]string, v.Len())
		for i := range words {
			words[i] = fmt.Sprint(v.Index(i).Interface())
		}
		return strings.Join(words, ", ")
	}
	return ""
}

// short writes 1h0m0s as 1h.
func short(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// keysOfTable reads the names of a plugin table: the texts that are keys in the
// composite literals of one function.
func keysOfTable(t *testing.T, file, function string) (keys []string) {
	parsed, err := parser.ParseFile(token.NewFileSet(), filepath.Join("..", "..", file), nil, 0)
	require.NoError(t, err)
	for _, decl := range parsed.Decls {
		f, ok := decl.(*ast.FuncDecl)
		if !ok || f.Name.Name != function {
			continue
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if kv, ok := n.(*ast.KeyValueExpr); ok {
				if lit, ok := kv.Key.(*ast.BasicLit); ok && lit.Kind == token.STRING {
					keys = append(keys, strings.Trim(lit.Value, `"`))
				}
			}
			return true
		})
	}
	require.NotEmpty(t, keys, "%s: %s", file, function)
	return keys
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", path))
	require.NoError(t, err)
	return string(data)
}
