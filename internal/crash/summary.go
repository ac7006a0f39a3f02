package crash

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"
)

// Summary writes a table of what happened in the rounds that had each fault. A
// round with three faults counts for each of them.
func Summary(w io.Writer, rounds []Round) error {
	type line struct{ rounds, bad, records, lost, doubled, repeated, kills int }
	lines := map[string]line{}
	for _, r := range rounds {
		for _, name := range append(slices.Compact(slices.Sorted(slices.Values(r.Faults))), "all") {
			l := lines[name]
			l.rounds++
			if !r.OK() {
				l.bad++
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
	table := tabwriter.NewWriter(w, 0, 8, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "fault\trounds\twrong\trecords\tlost\tdoubled\tsent again\tkills\t")
	for _, name := range names {
		l := lines[name]
		fmt.Fprintf(table, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t\n", name, l.rounds, l.bad, l.records, l.lost, l.doubled, l.repeated, l.kills)
	}
	return table.Flush()
}
