package outputtest_test

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/pkg/outputs/outputtest"
)

var update = flag.Bool("update", false, "run the tests of all outputs and write docs/outputs-faults.md")

// outputs are the rows: every output that delivers to something.
func outputs() []string {
	return []string{
		"elasticsearch", "influxdb", "sensu", "nagios", "icinga2", "syslog", "tcp", "amqp", "smtp", "webhook", "alertmanager", "file", "prometheus", "otlp", "http",
	}
}

var document = filepath.Join("..", "..", "..", "docs", "outputs-faults.md")

// TestTable checks that the document has an answer for every output and fault.
func TestTable(t *testing.T) {
	if *update {
		require.NoError(t, os.WriteFile(document, []byte(page(t, run(t))), 0o644))
	}
	text, err := os.ReadFile(document)
	require.NoError(t, err)
	words := []string{outputtest.Delivered, outputtest.Kept, outputtest.Refused, outputtest.Split, outputtest.None}
	for _, name := range outputs() {
		_, row, found := strings.Cut(string(text), "\n| ["+name+"](#"+name+") | ")
		require.True(t, found, "no row for %s: run this test with -update", name)
		row, _, _ = strings.Cut(row, " |\n")
		cells := strings.Split(row, " | ")
		require.Len(t, cells, len(outputtest.Faults()))
		for i, cell := range cells {
			for word := range strings.SplitSeq(cell, ", ") {
				require.Contains(t, words, word, "%s, %s", name, outputtest.Faults()[i])
			}
		}
	}
}

// seen is what happened, by output and fault: what the tests noted, and by which.
type seen map[string]map[outputtest.Fault]map[string][]string

// run runs the tests of all outputs and collects what they note.
func run(t *testing.T) seen {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "test", "-json", "-count=1", "./pkg/outputs/...")
	cmd.Dir = filepath.Join("..", "..", "..")
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	got, failed := seen{}, []string{}
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var e struct{ Action, Package, Test, Key, Value string }
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			continue
		}
		fault, ok := strings.CutPrefix(e.Key, "fault/")
		switch name := path.Base(e.Package); {
		case e.Action == "fail" && name != "outputtest":
			failed = append(failed, name+" "+e.Test)
		case e.Action == "attr" && ok:
			if got[name] == nil {
				got[name] = map[outputtest.Fault]map[string][]string{}
			}
			f := outputtest.Fault(fault)
			if got[name][f] == nil {
				got[name][f] = map[string][]string{}
			}
			got[name][f][e.Value] = append(got[name][f][e.Value], e.Test)
		}
	}
	require.NoError(t, lines.Err())
	_ = cmd.Wait() // which tests failed is known
	require.Empty(t, failed)
	return got
}

// page writes the document.
func page(t *testing.T, got seen) string {
	t.Helper()
	var b strings.Builder
	b.WriteString(`# What faults do to outputs

Written by a run of the tests, with the real servers of ` + "`make test-real`" + ` where an output needs one (AMQP):

    scripts/servers start rabbitmq && set -a && . <(scripts/servers env) && go test ./pkg/outputs/outputtest -run Table -update

Each word is what a test of that output checked; a test that does not come to its end notes nothing.

* **delivered**: all of it, at once.
* **kept**: nothing is taken as delivered and nothing given up; the batch is sent again, with growing pauses, until the fault has gone.
* **refused**: goes to the dead letters, with the reason; the next batch is sent.
* **split**: item by item stored, sent again, or refused.
* **n/a**: there is no such fault here; why is below.

Two words: it depends on the protocol, see below. "restart" is a far side that dies in the middle of a batch and comes back.

Not in it: what is sent by UDP (sensu's default, syslog with net: udp, udp) is delivered when it is sent, as nothing answers but a closed port, which is *kept*;
the scrape endpoint of prometheus is asked and sends nothing.

`)
	b.WriteString("| output |")
	for _, f := range outputtest.Faults() {
		fmt.Fprintf(&b, " %s |", strings.ReplaceAll(string(f), "-", " "))
	}
	b.WriteString("\n|---|" + strings.Repeat("---|", len(outputtest.Faults())) + "\n")
	var details strings.Builder
	for _, name := range outputs() {
		fmt.Fprintf(&b, "| [%s](#%s) |", name, name)
		fmt.Fprintf(&details, "\n## %s\n\n", name)
		for _, f := range outputtest.Faults() {
			require.NotEmpty(t, got[name][f], "%s, %s: no test noted anything", name, f)
			words, texts := cell(got[name][f])
			fmt.Fprintf(&b, " %s |", words)
			fmt.Fprintf(&details, "* **%s**: %s\n", strings.ReplaceAll(string(f), "-", " "), texts)
		}
		b.WriteString("\n")
	}
	return b.String() + details.String()
}

// cell sums up what was noted for one output and fault.
func cell(noted map[string][]string) (words, texts string) {
	became := map[string]bool{}
	var lines []string
	for _, value := range slices.Sorted(maps.Keys(noted)) {
		word, text, _ := strings.Cut(value, ": ")
		became[word] = true
		line := word + ", " + text
		if len(noted) > 1 {
			line += " (" + strings.Join(variants(noted[value]), ", ") + ")"
		}
		lines = append(lines, line)
	}
	return strings.Join(slices.Sorted(maps.Keys(became)), ", "), strings.Join(lines, "; ")
}

// variants are the names of tests without what they have in common.
func variants(tests []string) (names []string) {
	for _, test := range tests {
		parts := strings.Split(test, "/")
		name := strings.TrimPrefix(parts[0], "Test")
		if len(parts) > 2 {
			name += " " + strings.ReplaceAll(parts[1], "_", " ")
		}
		names = append(names, name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}
