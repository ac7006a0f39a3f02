package crash

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
)

// Summary writes a table, in Markdown, of what happened in the rounds that had
// each fault. A round with three faults counts in three lines, once in the last.
func Summary(w io.Writer, rounds []Round) error {
	type line struct{ rounds, wrong, records, lost, doubled, repeated, kills int }
	lines := map[string]line{}
	for _, r := range rounds {
		for _, name := range append(slices.Compact(slices.Sorted(slices.Values(r.Faults))), "all") {
			l := lines[name]
			l.rounds++
			if !r.OK() {
				l.wrong++
			}
			l.records += r.Records
			l.lost += r.Lost
			l.doubled += r.Doubled
			l.repeated += r.Repeated
			l.kills += r.Kills
			lines[name] = l
		}
	}
	all := lines["all"]
	delete(lines, "all")
	names := append(slices.Sorted(maps.Keys(lines)), "all")
	lines["all"] = all
	table := "| fault | rounds | wrong | records | lost | doubled | sent again | kills |\n|---|---:|---:|---:|---:|---:|---:|---:|\n"
	for _, name := range names {
		l := lines[name]
		table += fmt.Sprintf("| %s | %d | %d | %s | %d | %d | %s | %d |\n", name, l.rounds, l.wrong, thousands(l.records), l.lost, l.doubled, thousands(l.repeated), l.kills)
	}
	_, err := io.WriteString(w, table)
	return err
}

// thousands writes a number with commas.
func thousands(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
