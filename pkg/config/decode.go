package config

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// Unmarshaler decodes itself from a node, in place of the rules of Decode.
type Unmarshaler interface {
	UnmarshalConfig(*Node) error
}

// Decode fills the value dst points to from n, strictly: a key that the
// structure does not have is an error, as is a value of the wrong type. What n
// does not mention keeps the value it has, so defaults are set beforehand. All
// errors are reported together, each an *Error.
//
// A struct field takes the key of its `yaml` tag; a tag "-" hides it, ",inline"
// adds the keys of an embedded struct. Text is accepted for booleans and
// numbers, as the rendered models of others have it. A time.Duration is a
// number of seconds or a text such as "1m30s". A *Node takes the value as it is.
func (n *Node) Decode(dst any) error {
	v := reflect.ValueOf(dst)
	if v.Kind() != reflect.Pointer || v.IsNil() {
		panic(fmt.Sprintf("config: Decode into %T, want a pointer", dst))
	}
	if !n.Exists() {
		return nil
	}
	return errors.Join(n.decode(v.Elem())...)
}

var (
	durationType = reflect.TypeFor[time.Duration]()
	nodeType     = reflect.TypeFor[*Node]()
)

func (n *Node) decode(v reflect.Value) []error {
	if !n.Exists() {
		return nil
	}
	if v.Type() == nodeType {
		v.Set(reflect.ValueOf(n))
		return nil
	}
	if v.CanAddr() {
		if u, ok := v.Addr().Interface().(Unmarshaler); ok {
			return one(u.UnmarshalConfig(n))
		}
	}
	if v.Type() == durationType {
		return one(n.decodeDuration(v))
	}
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		return n.decode(v.Elem())
	case reflect.Struct:
		return n.decodeStruct(v)
	case reflect.Map:
		return n.decodeMap(v)
	case reflect.Slice:
		return n.decodeSlice(v)
	case reflect.Interface:
		v.Set(reflect.ValueOf(n.Value()))
		return nil
	}
	return one(n.decodeScalar(v))
}

func one(err error) []error {
	if err == nil {
		return nil
	}
	return []error{err}
}

func (n *Node) decodeStruct(v reflect.Value) []error {
	if n.kind != Map {
		return one(n.Errorf("want a map, this is %s", n.kind))
	}
	fields := map[string]reflect.Value{}
	collect(v, fields)
	var errs []error
	for _, k := range n.keys {
		f, ok := fields[k]
		if !ok {
			errs = append(errs, n.children[k].KeyErrorf("unknown key %q%s", k, suggestion(k, fields)))
			continue
		}
		errs = append(errs, n.children[k].decode(f)...)
	}
	return errs
}

// collect gathers the fields of a struct by key.
func collect(v reflect.Value, into map[string]reflect.Value) {
	t := v.Type()
	for i := range t.NumField() {
		name, option, _ := strings.Cut(t.Field(i).Tag.Get("yaml"), ",")
		switch {
		case option == "inline":
			collect(v.Field(i), into)
		case name != "" && name != "-":
			into[name] = v.Field(i)
		}
	}
}

func (n *Node) decodeMap(v reflect.Value) []error {
	if n.kind != Map {
		return one(n.Errorf("want a map, this is %s", n.kind))
	}
	if v.IsNil() {
		v.Set(reflect.MakeMapWithSize(v.Type(), len(n.keys)))
	}
	var errs []error
	for _, k := range n.keys {
		key := reflect.ValueOf(k).Convert(v.Type().Key())
		elem := reflect.New(v.Type().Elem()).Elem()
		if old := v.MapIndex(key); old.IsValid() {
			elem.Set(old)
		}
		errs = append(errs, n.children[k].decode(elem)...)
		v.SetMapIndex(key, elem)
	}
	return errs
}

func (n *Node) decodeSlice(v reflect.Value) []error {
	if n.kind != List {
		return one(n.Errorf("want a list, this is %s", n.kind))
	}
	out := reflect.MakeSlice(v.Type(), len(n.items), len(n.items))
	var errs []error
	for i, item := range n.items {
		errs = append(errs, item.decode(out.Index(i))...)
	}
	v.Set(out)
	return errs
}

func (n *Node) decodeDuration(v reflect.Value) error {
	if n.kind != Scalar {
		return n.Errorf("want a duration such as 10s or a number of seconds, this is %s", n.kind)
	}
	d, err := time.ParseDuration(n.text)
	if err != nil {
		seconds, numErr := strconv.ParseFloat(n.text, 64)
		if numErr != nil || math.IsNaN(seconds) || math.Abs(seconds) > math.MaxInt64/1e9 {
			return n.Errorf("%q is not a duration; write a number of seconds, or 500ms, 10s, 5m, 720h", n.text)
		}
		d = time.Duration(seconds * float64(time.Second))
	}
	if d < 0 {
		return n.Errorf("the duration %q is negative", n.text)
	}
	v.SetInt(int64(d))
	return nil
}

func (n *Node) decodeScalar(v reflect.Value) error {
	if n.kind != Scalar {
		return n.Errorf("want %s, this is %s", wanted(v.Kind()), n.kind)
	}
	text := strings.TrimSpace(n.text)
	switch v.Kind() {
	case reflect.String:
		v.SetString(n.text)
		return nil
	case reflect.Bool:
		switch strings.ToLower(text) {
		case "true", "yes", "on":
			v.SetBool(true)
			return nil
		case "false", "no", "off":
			v.SetBool(false)
			return nil
		}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		if i, ok := integer(n.value, text); ok && !v.OverflowInt(i) {
			v.SetInt(i)
			return nil
		}
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		if i, ok := integer(n.value, text); ok && i >= 0 && !v.OverflowUint(uint64(i)) {
			v.SetUint(uint64(i))
			return nil
		}
	case reflect.Float64:
		if f, err := strconv.ParseFloat(text, 64); err == nil && !math.IsNaN(f) && !math.IsInf(f, 0) {
			v.SetFloat(f)
			return nil
		}
	default:
		panic(fmt.Sprintf("config: Decode into %s", v.Type()))
	}
	return n.Errorf("want %s, this is %q", wanted(v.Kind()), n.shown())
}

func integer(value any, text string) (int64, bool) {
	switch x := value.(type) {
	case int64:
		return x, true
	case float64:
		if x == math.Trunc(x) && math.Abs(x) < 1<<53 {
			return int64(x), true
		}
	}
	i, err := strconv.ParseInt(text, 10, 64)
	return i, err == nil
}

// shown is the text of a scalar for an error message.
func (n *Node) shown() string {
	if n.secret {
		return "<secret>"
	}
	return n.text
}

func wanted(k reflect.Kind) string {
	switch k {
	case reflect.String:
		return "a text"
	case reflect.Bool:
		return "true or false"
	case reflect.Float64:
		return "a number"
	}
	return "a whole number"
}
