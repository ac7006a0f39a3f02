package alarmtest

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// compareValue explains how got differs from want; "" when it does not. A map
// is a subset, except that an empty map means empty; null means absent; an
// array is compared item by item, or as a set.
func compareValue(path string, want, got any, sets bool) string {
	switch w := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			return differ(path, want, got)
		}
		if len(w) == 0 && len(g) > 0 {
			return differ(path, want, got)
		}
		return compareMap(path, w, g, sets)
	case []any:
		g, ok := got.([]any)
		if !ok {
			if !sets || got == nil {
				return differ(path, want, got)
			}
			g = []any{got}
		}
		return compareList(path, w, g, sets)
	case string:
		return compareText(path, w, got)
	case nil:
		if got != nil {
			return differ(path, want, got)
		}
		return ""
	}
	if w, ok := number(want); ok {
		g, isNumber := number(got)
		if isNumber && close9(w, g) {
			return ""
		}
		return differ(path, want, got)
	}
	if want != got {
		return differ(path, want, got)
	}
	return ""
}

func compareMap(path string, want, got map[string]any, sets bool) string {
	keys := make([]string, 0, len(want))
	for k := range want {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		g, there := got[k]
		if want[k] == nil {
			if there {
				return fmt.Sprintf("%s.%s: want it absent, got %s", path, k, show(g))
			}
			continue
		}
		if !there {
			return fmt.Sprintf("%s.%s: want %s, it is absent", path, k, show(want[k]))
		}
		if d := compareValue(path+"."+k, want[k], g, sets); d != "" {
			return d
		}
	}
	return ""
}

func compareList(path string, want, got []any, sets bool) string {
	if len(want) != len(got) {
		return fmt.Sprintf("%s: want %d items %s, got %d: %s", path, len(want), show(want), len(got), show(got))
	}
	if sets {
		return compareUnordered(path, want, got, sets)
	}
	for i := range want {
		if d := compareValue(fmt.Sprintf("%s[%d]", path, i), want[i], got[i], sets); d != "" {
			return d
		}
	}
	return ""
}

// compareUnordered pairs every wanted item with one that it matches, trying
// other pairings where the first choice leaves somebody without a partner.
func compareUnordered(path string, want, got []any, sets bool) string {
	if len(want) != len(got) {
		return fmt.Sprintf("%s: want %d items, got %d: %s", path, len(want), len(got), show(got))
	}
	owner := make([]int, len(got))
	for i := range owner {
		owner[i] = -1
	}
	var assign func(i int, tried []bool) bool
	assign = func(i int, tried []bool) bool {
		for j := range got {
			if tried[j] || compareValue(path, want[i], got[j], sets) != "" {
				continue
			}
			tried[j] = true
			if owner[j] < 0 || assign(owner[j], tried) {
				owner[j] = i
				return true
			}
		}
		return false
	}
	for i := range want {
		if !assign(i, make([]bool, len(got))) {
			return fmt.Sprintf("%s: nothing matches %s among %s", path, show(want[i]), show(got))
		}
	}
	return ""
}

func compareText(path, want string, got any) string {
	text, ok := got.(string)
	if !ok {
		if got == nil {
			return differ(path, want, got)
		}
		if _, isPattern := patternOf(want); !isPattern {
			return differ(path, want, got)
		}
		text = scalarText(got)
	}
	m, err := newMatcher(want)
	if err != nil {
		return fmt.Sprintf("%s: %v", path, err)
	}
	if !m.equals(text) {
		return differ(path, want, got)
	}
	return ""
}

func differ(path string, want, got any) string {
	return fmt.Sprintf("%s: want %s, got %s", path, show(want), show(got))
}

func show(v any) string {
	s := scalarText(v)
	if str, ok := v.(string); ok {
		s = strconv.Quote(str)
	}
	if len(s) > 500 {
		s = s[:500] + "..."
	}
	return s
}

func scalarText(v any) string {
	switch v := v.(type) {
	case nil:
		return "nothing"
	case string:
		return v
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	case []any:
		parts := make([]string, len(v))
		for i := range v {
			parts[i] = show(v[i])
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case map[string]any:
		keys := make([]string, 0, len(v))
		for k := range v {
			keys = append(keys, k)
		}
		slices.Sort(keys)
		for i, k := range keys {
			keys[i] = k + ": " + show(v[k])
		}
		return "{" + strings.Join(keys, ", ") + "}"
	}
	return fmt.Sprint(v)
}

func number(v any) (float64, bool) {
	switch v := v.(type) {
	case float64:
		return v, true
	case int64:
		return float64(v), true
	case int:
		return float64(v), true
	}
	return 0, false
}

// close9 compares within 1e-9 of the greater magnitude.
func close9(a, b float64) bool {
	return a == b || math.Abs(a-b) <= 1e-9*math.Max(math.Abs(a), math.Abs(b))
}
