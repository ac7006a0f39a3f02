package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"net/url"
	"os"
	"reflect"
	"sort"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const conformanceCases = "../../../shared/conformance/plugins.jsonl"

// expectedStep is the compact form of a case's expectation.
type expectedStep struct {
	OK  bool             `json:"ok"`
	Out []map[string]any `json:"out"`
}

// TestConformance runs every case of the shared collection through the code of
// `tocsin plugin run`.
func TestConformance(t *testing.T) {
	f, err := os.Open(conformanceCases)
	if errors.Is(err, fs.ErrNotExist) {
		t.Skipf("the shared cases %s are not here", conformanceCases)
	}
	require.NoError(t, err)
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var c struct {
			ID, Component string
			Partial       bool
			Expect        []expectedStep
		}
		require.NoError(t, json.Unmarshal(lines.Bytes(), &c))
		switch strings.Split(c.Component, ".")[0] {
		case "logstreamer", "wire", "output", "buffer":
			continue // behaviour of a daemon
		}
		line := bytes.Clone(lines.Bytes())
		t.Run(c.ID, func(t *testing.T) {
			var out bytes.Buffer
			writeResult(&out, runCase(line))
			var got pluginResult
			require.NoError(t, json.Unmarshal(out.Bytes(), &got))
			require.Nil(t, got.InitError, "init_error: %v", deref(got.InitError))
			require.Len(t, got.Steps, len(c.Expect))
			for i, want := range c.Expect {
				if diff := compareStep(want, got.Steps[i], c.Partial); diff != "" {
					t.Errorf("step %d: %s\n got %s", i+1, diff, asJSON(got.Steps[i]))
				}
			}
		})
	}
	require.NoError(t, lines.Err())
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func asJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

func compareStep(want expectedStep, got stepResult, partial bool) string {
	if want.OK != got.OK {
		return fmt.Sprintf("ok is %v, want %v (error %q)", got.OK, want.OK, deref(got.Error))
	}
	if len(want.Out) > 0 && want.Out[0]["lines"] != nil {
		return compareLines(want.Out, got)
	}
	if got.Encoded != nil || got.EncodedBase64 != nil {
		if len(want.Out) != 1 {
			return fmt.Sprintf("encoded something, want %d outputs", len(want.Out))
		}
		return compareText(want.Out[0], deref(got.Encoded), partial)
	}
	if len(want.Out) != len(got.Out) {
		return fmt.Sprintf("%d messages, want %d", len(got.Out), len(want.Out))
	}
	for i := range want.Out {
		if diff := compareMessage(want.Out[i], got.Out[i], partial); diff != "" {
			return fmt.Sprintf("message %d: %s", i+1, diff)
		}
	}
	return ""
}

func compareLines(want []map[string]any, got stepResult) string {
	var wanted, have []string
	for _, w := range want {
		for _, l := range w["lines"].([]any) {
			wanted = append(wanted, normalLine(l.(string)))
		}
	}
	texts := []string{deref(got.Encoded)}
	for i := range got.Out {
		texts = append(texts, got.Out[i].Payload)
	}
	for _, text := range texts {
		for _, l := range strings.Split(text, "\n") {
			if l != "" {
				have = append(have, normalLine(l))
			}
		}
	}
	sort.Strings(wanted)
	sort.Strings(have)
	if !reflect.DeepEqual(wanted, have) {
		return fmt.Sprintf("lines %q, want %q", have, wanted)
	}
	return ""
}

// normalLine writes the numbers of a line in one way.
func normalLine(l string) string {
	parts := strings.Split(l, ",")
	for i, p := range parts {
		words := strings.Split(p, " ")
		for k, w := range words {
			key, value, found := strings.Cut(w, "=")
			if n, err := strconv.ParseFloat(strings.TrimSuffix(value, "i"), 64); found && err == nil {
				words[k] = key + "=" + strconv.FormatFloat(n, 'g', 12, 64)
			}
		}
		parts[i] = strings.Join(words, " ")
	}
	return strings.Join(parts, ",")
}

func compareText(want map[string]any, got string, partial bool) string {
	for key, w := range want {
		switch key {
		case "text":
			if got != w.(string) {
				return fmt.Sprintf("encoded %q, want %q", got, w)
			}
		case "json":
			if diff := compareJSON(w, got, partial); diff != "" {
				return diff
			}
		case "form":
			values, err := url.ParseQuery(got)
			if err != nil {
				return err.Error()
			}
			for k, v := range w.(map[string]any) {
				if values.Get(k) != v {
					return fmt.Sprintf("form %s is %q, want %q", k, values.Get(k), v)
				}
			}
		case "action":
			first, _, _ := strings.Cut(got, "\n")
			if diff := compareJSON(w, first, true); diff != "" {
				return diff
			}
		}
	}
	return ""
}

func compareJSON(want any, got string, partial bool) string {
	var v any
	if err := json.Unmarshal([]byte(got), &v); err != nil {
		return fmt.Sprintf("not JSON: %v in %q", err, got)
	}
	if !equal(want, v, partial) {
		return fmt.Sprintf("JSON %s, want %s", got, asJSON(want))
	}
	return ""
}

func compareMessage(want map[string]any, got outMessage, partial bool) string {
	for key, w := range want {
		diff := func(g any) string { return fmt.Sprintf("%s is %v, want %v", key, g, w) }
		switch key {
		case "type":
			if strings.TrimPrefix(got.Type, "heka.sandbox.") != strings.TrimPrefix(w.(string), "heka.sandbox.") {
				return diff(got.Type)
			}
		case "logger":
			if got.Logger != w {
				return diff(got.Logger)
			}
		case "hostname":
			if got.Hostname != w {
				return diff(got.Hostname)
			}
		case "severity":
			if float64(got.Severity) != w {
				return diff(got.Severity)
			}
		case "pid":
			if float64(got.PID) != w {
				return diff(got.PID)
			}
		case "timestamp_ns":
			a, _ := strconv.ParseInt(w.(string), 10, 64)
			b, _ := strconv.ParseInt(got.TimestampNS, 10, 64)
			if a-b > 1000 || b-a > 1000 {
				return diff(got.TimestampNS)
			}
		case "payload":
			if strings.TrimSuffix(got.Payload, "\n") != strings.TrimSuffix(w.(string), "\n") {
				return diff(strconv.Quote(got.Payload))
			}
		case "payload_json":
			if _, prose := w.(string); prose {
				continue
			}
			if d := compareJSON(w, got.Payload, partial); d != "" {
				return d
			}
		case "fields":
			if d := compareFields(w.(map[string]any), got.Fields, partial); d != "" {
				return d
			}
		}
	}
	if _, ok := want["pid"]; !ok && !partial && got.PID != 0 {
		return fmt.Sprintf("pid is %d, want none", got.PID)
	}
	return ""
}

func compareFields(want map[string]any, got []outField, partial bool) string {
	seen := map[string]outField{}
	for _, f := range got {
		if _, twice := seen[f.Name]; !twice {
			seen[f.Name] = f
		}
	}
	for name, w := range want {
		f, ok := seen[name]
		if !ok {
			return fmt.Sprintf("field %s is missing", name)
		}
		delete(seen, name)
		if object, ok := w.(map[string]any); ok {
			if u, ok := object["representation"]; ok && u != f.Representation {
				return fmt.Sprintf("field %s has representation %q, want %q", name, f.Representation, u)
			}
			w = object["value"]
		}
		list, ok := w.([]any)
		if !ok {
			list = []any{w}
		}
		same := equal(list, f.Value, false)
		if name == "tag_fields" || name == "value_fields" {
			same = sameSet(list, f.Value)
		}
		if !same {
			return fmt.Sprintf("field %s is %v, want %v", name, f.Value, w)
		}
	}
	if len(seen) > 0 && !partial {
		return fmt.Sprintf("unexpected fields %v", seen)
	}
	return ""
}

func sameSet(a, b []any) bool {
	set := func(l []any) string {
		m := map[string]bool{}
		for _, v := range l {
			m[fmt.Sprint(v)] = true
		}
		return fmt.Sprint(m)
	}
	return set(a) == set(b)
}

// equal compares JSON values: numbers within 1e-9 relative, an array of objects
// as a multiset; with partial, objects may have more members than wanted.
func equal(want, got any, partial bool) bool {
	switch w := want.(type) {
	case float64:
		g, ok := got.(float64)
		return ok && (w == g || math.Abs(w-g) <= 1e-9*math.Max(math.Abs(w), math.Abs(g)))
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok || !partial && len(w) != len(g) {
			return false
		}
		for k, v := range w {
			if !equal(v, g[k], partial) {
				return false
			}
		}
		return true
	case []any:
		g, ok := got.([]any)
		if !ok || len(w) != len(g) {
			return false
		}
		return equalLists(w, g, partial)
	}
	return reflect.DeepEqual(want, got)
}

func equalLists(want, got []any, partial bool) bool {
	objects := false
	if len(want) > 0 {
		_, objects = want[0].(map[string]any)
	}
	used := make([]bool, len(got))
	for i, w := range want {
		found := false
		for k, g := range got {
			if (objects || i == k) && !used[k] && equal(w, g, partial) {
				used[k], found = true, true
				break
			}
		}
		if !found {
			return false
		}
	}
	return true
}
