package crash

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
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

// Section writes what the rounds of one scenario came to, in words and as a table.
func Section(w io.Writer, about string, rounds []Round) error {
	var sum Round
	wrong, again, seeds := 0, map[uint64]int{}, map[uint64]bool{}
	for _, r := range rounds {
		if !r.OK() {
			wrong++
		}
		sum.Records += r.Records
		sum.Lost += r.Lost
		sum.Doubled += r.Doubled
		sum.Repeated += r.Repeated
		sum.Kills += r.Kills
		sum.Seconds += r.Seconds
		sum.PeakMiB = max(sum.PeakMiB, r.PeakMiB)
		again[r.Seed] = max(again[r.Seed], r.Again)
		seeds[r.Seed] = true
	}
	recognised := 0
	for _, n := range again {
		recognised += n
	}
	list := make([]string, 0, len(seeds))
	for _, seed := range slices.Sorted(maps.Keys(seeds)) {
		list = append(list, strconv.FormatUint(seed, 10))
	}
	_, err := fmt.Fprintf(w, `## %s: %s rounds

%s kills, %s records: **%d lost, %d doubled, %d rounds wrong**; every ledger was equal to the oracle in %s. %s records were offered to a daemon again
and recognised; sent to the sink again under their own id: %s. A round took %.1f s on average; no daemon had more than %d MiB. Seeds %s.

`, about, thousands(len(rounds)), thousands(sum.Kills), thousands(sum.Records), sum.Lost, sum.Doubled, wrong, thousands(len(rounds)-wrong),
		thousands(recognised), thousands(sum.Repeated), sum.Seconds/float64(max(len(rounds), 1)), sum.PeakMiB, strings.Join(list, ", "))
	if err == nil {
		err = Summary(w, rounds)
	}
	if err == nil {
		_, err = io.WriteString(w, "\n")
	}
	return err
}

// thousands writes a number with commas; what is negative was not counted.
func thousands(n int) string {
	if n < 0 {
		return "not counted"
	}
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
