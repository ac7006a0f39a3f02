package web

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tocsin-lma/tocsin/pkg/gse"
	"github.com/tocsin-lma/tocsin/pkg/health"
)

// policyRule says in words what the deciding entry of a policy asks.
func policyRule(e *gse.Evidence) string {
	if e.Turned {
		return "the policy said OKAY, but not every expected member is fresh and known"
	}
	if len(e.Groups) == 0 {
		return "nothing has been reported yet"
	}
	if e.Entry < 0 || e.Entry >= len(e.Policy) {
		return "no entry of the policy matched"
	}
	entry := e.Policy[e.Entry]
	if len(entry.Rules) == 0 {
		return "none of the entries before matched"
	}
	var parts []string
	for _, r := range entry.Rules {
		var words []string
		for _, a := range r.Arguments {
			words = append(words, a.Label())
		}
		if r.Operator == ">" && r.Threshold == 0 {
			parts = append(parts, "any group is "+strings.Join(words, " or "))
			continue
		}
		unit := " groups are "
		if r.Percent {
			unit = " % of the groups are "
		}
		parts = append(parts, comparison(r.Operator)+strconv.FormatFloat(r.Threshold, 'f', -1, 64)+unit+strings.Join(words, " or "))
	}
	join := ", or "
	if entry.And {
		join = ", and "
	}
	return strings.Join(parts, join)
}

// comparison reads an operator aloud; one it does not know stands as it is.
func comparison(operator string) string {
	for _, c := range [][2]string{{">", "more than "}, {">=", "at least "}, {"<", "fewer than "}, {"<=", "at most "}, {"==", "exactly "}, {"!=", "anything but "}} {
		if c[0] == operator {
			return c[1]
		}
	}
	return operator + " "
}

// plural counts things: "1 alarm", "2 alarms".
func plural(n int, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return fmt.Sprintf("%d %s", n, thing)
}

// verb is what n things do: one "needs", two "need".
func verb(n int, word string) string {
	if n == 1 {
		word += "s"
	}
	return word
}

// tags writes dimensions in a fixed order, without what every cluster has.
func tags(dimensions map[string]string) (out []string) {
	for _, name := range slices.Sorted(maps.Keys(dimensions)) {
		if name != "cluster_name" && name != "nagios_host" {
			out = append(out, name+"="+dimensions[name])
		}
	}
	return out
}

func icon(st health.Status) string {
	return [...]string{health.Okay: "✓", health.Warn: "!", health.Unknown: "?", health.Critical: "✕", health.Down: "▼"}[st]
}

// ago prints a span in the two largest units that matter.
func ago(d time.Duration) string {
	d = max(d, 0)
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm %ds", int(d.Minutes()), int(d.Seconds())%60)
	case d < 24*time.Hour:
		return fmt.Sprintf("%dh %dm", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%dd %dh", int(d.Hours())/24, int(d.Hours())%24)
}
