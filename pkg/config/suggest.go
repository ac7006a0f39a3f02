package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Nearest returns the candidate most like word, and whether one is near enough
// to be what was meant.
func Nearest(word string, candidates []string) (string, bool) {
	best, distance := "", max(2, len(word)/3)+1
	for _, c := range candidates {
		if d := editDistance(word, c); d < distance {
			best, distance = c, d
		}
	}
	if best == "" && len(word) >= 4 {
		for _, c := range candidates {
			if strings.HasPrefix(c, word) || len(c) >= 4 && strings.HasPrefix(word, c) {
				return c, true
			}
		}
	}
	return best, best != ""
}

func suggestion[T any](key string, known map[string]T) string {
	names := slices.Sorted(maps.Keys(known))
	if near, ok := Nearest(key, names); ok {
		return fmt.Sprintf("; did you mean %q?", near)
	}
	if len(names) == 0 {
		return "; no key is known here"
	}
	return fmt.Sprintf("; known keys are %v", names)
}

// editDistance counts the insertions, deletions, replacements and swaps of
// neighbours that turn a into b (optimal string alignment).
func editDistance(a, b string) int {
	rows := [3][]int{make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)}
	for j := range rows[1] {
		rows[1][j] = j
	}
	for i := 1; i <= len(a); i++ {
		before, last, row := rows[(i-1)%3], rows[i%3], rows[(i+1)%3]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
	}
	return rows[(len(a)+1)%3][len(b)]
}
