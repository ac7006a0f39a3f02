package main

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// recordedMetrics lists the names of the metrics in recordings, sorted.
func recordedMetrics(paths []string) ([]string, error) {
	recordings, err := openRecordings(paths)
	if err != nil {
		return nil, err
	}
	defer closeRecordings(recordings)
	names := map[string]bool{}
	for _, r := range recordings {
		for r.m != nil {
			if kind := strings.TrimPrefix(r.m.Type, "heka.sandbox."); strings.HasSuffix(kind, "metric") && !strings.HasPrefix(kind, "afd_") && !strings.HasPrefix(kind, "gse_") {
				if name, ok := r.m.Text("name"); ok {
					names[name] = true
				}
			}
			if err := r.next(); err != nil {
				return nil, err
			}
		}
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("the recordings %s hold no metric", strings.Join(paths, ", "))
	}
	return sortedNames(names), nil
}

func sortedNames[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// table writes the report for people.
func (r *coverageReport) table(p *printer, all bool) error {
	if err := metricTable(p, r.Metrics, "KNOWN", all); err != nil {
		return err
	}
	streams := table{header: []string{"LOG STREAM", "FROM", "WATCHED BY"}}
	for _, s := range r.Streams {
		by := strings.Join(s.Watched, ", ")
		if by == "" {
			by = "nobody"
		}
		streams.add(s.Name, s.File+":"+strconv.Itoa(s.Line), by)
	}
	if err := p.table(&streams); err != nil {
		return err
	}
	var absent []string
	for _, s := range r.Services {
		if !s.Loaded {
			absent = append(absent, s.Name)
		}
	}
	if len(absent) == 0 {
		return p.printf("\nthe alarms of every service are loaded\n")
	}
	return p.printf("\nshipped alarms that the model does not load (global.alarms): %s\n", strings.Join(absent, ", "))
}

// metricTable writes the families that are not watched as a whole; which says
// how the metrics came to be named.
func metricTable(p *printer, families []metricFamily, which string, all bool) error {
	watched, known := 0, 0
	t := table{header: []string{"METRICS", "WATCHED", which, "NOT WATCHED"}}
	for _, f := range families {
		n := len(f.Watched) + len(f.Unwatched)
		watched, known = watched+len(f.Watched), known+n
		if len(f.Unwatched) > 0 {
			t.add(f.Family, strconv.Itoa(len(f.Watched)), strconv.Itoa(n), some(f.Unwatched, all))
		}
	}
	if err := p.table(&t); err != nil {
		return err
	}
	return p.printf("\n%d of %d metrics are watched\n\n", watched, known)
}

// some names a few of many.
func some(names []string, all bool) string {
	const few = 4
	if all || len(names) <= few+1 {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:few], ", "), len(names)-few)
}
