package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/tocsin-lma/tocsin/alarms"
	"github.com/tocsin-lma/tocsin/pkg/config"
	"github.com/tocsin-lma/tocsin/pkg/daemon"
	"github.com/tocsin-lma/tocsin/pkg/lint"
)

const checkHelp = `Usage: tocsin check [FLAGS] [FILE...]

Validates a model and looks for defects in it: alarms that never fire, triggers
that nobody uses, clusters that nobody feeds, and more. A FILE may be a folder:
its YAML files are read in the order of their names, tests are left out.

Without --role the FILES alone are checked, with the shipped policies below them.
With --role, and without any FILE, the whole model is checked as the daemons load
it: shipped defaults, the alarms of global.alarms, /etc/tocsin/conf.d, the FILES.

Flags:
  --role ROLE           check what this daemon would run (may be repeated)
  --config PATH         a file or folder of the model, as a FILE is (may be repeated)
  --no-defaults         with --role: leave out shipped defaults and /etc/tocsin/conf.d
  --from fuel           FILE is a model of the Fuel plugins; see 'tocsin convert'
  --explain PATH        show the values at PATH, where they come from, and what they
                        override; secrets are not shown
  --ignore CLASS        leave out a class of findings (may be repeated)
  --classes             list the classes of findings
  --alarms              list the shipped alarms that global.alarms may name
  --output FORMAT       table, json or yaml (default table)

Exit codes: 0 no finding, 1 findings, 2 wrong usage, 78 the model does not load.

Examples:
  tocsin check alarms/
  tocsin check --role aggregator --config /srv/model
  tocsin check --explain metric_collector.trigger.linux_system_root_fs_critical --role metric
  tocsin check --from fuel alarming.yaml clusters.yaml
`

// checkFlags are the flags of check.
type checkFlags struct {
	roles      list
	configs    list
	ignore     list
	noDefaults bool
	from       string
	explain    string
	classes    bool
	alarms     bool
}

func runCheck(_ context.Context, std streams, args []string) int {
	t := newTool(std, "check", checkHelp)
	var f checkFlags
	t.set.Var(&f.roles, "role", "")
	t.set.Var(&f.configs, "config", "")
	t.set.Var(&f.ignore, "ignore", "")
	t.set.BoolVar(&f.noDefaults, "no-defaults", false, "")
	t.set.StringVar(&f.from, "from", "", "")
	t.set.StringVar(&f.explain, "explain", "", "")
	t.set.BoolVar(&f.classes, "classes", false, "")
	t.set.BoolVar(&f.alarms, "alarms", false, "")
	if code, done := t.parse(args, 0, -1); done {
		return code
	}
	return t.end(check(t, f))
}

func check(t *tool, f checkFlags) error {
	switch {
	case f.classes:
		return listClasses(t.printer())
	case f.alarms:
		return listAlarms(t.printer())
	case f.from != "" && f.from != "fuel":
		return usageError{fmt.Sprintf("--from %q: the only other layout is fuel", f.from)}
	case f.from != "" && len(f.configs)+len(t.args) == 0:
		return usageError{"--from fuel needs a FILE"}
	}
	for _, class := range f.ignore {
		if !slices.ContainsFunc(lint.Classes(), func(c lint.Class) bool { return c.Name == class }) {
			return usageError{fmt.Sprintf("--ignore %q: there is no such class; see --classes", class)}
		}
	}
	models, err := loadCheckModels(f, append(slices.Clone(f.configs), t.args...))
	if err != nil {
		return err
	}
	if f.explain != "" {
		return explainValue(t, models[0], f.explain)
	}
	report, err := judge(models, f.ignore)
	if err != nil {
		return fmt.Errorf("%w:\n%w", daemon.ErrConfig, err)
	}
	if err := report.print(t.printer()); err != nil {
		return err
	}
	if len(report.Findings) > 0 {
		return errFindings
	}
	return nil
}

// checkReport is what check prints.
type checkReport struct {
	Findings []lint.Finding `json:"findings"`
	Notices  []string       `json:"notices"` // nothing is wrong, but good to know
}

// judge checks every model. The error tells why one does not load.
func judge(models []checkModel, ignore []string) (checkReport, error) {
	metrics, err := knownMetrics()
	if err != nil {
		return checkReport{}, err
	}
	r := checkReport{Findings: []lint.Finding{}, Notices: []string{}}
	seen := map[lint.Finding]bool{}
	var errs []error
	for _, m := range models {
		findings, err := lint.Model(m.node, lint.Options{Metrics: metrics})
		if err != nil {
			errs = append(errs, m.placed(err))
			continue // the daemon would say the same again
		}
		for _, found := range findings {
			found = m.placedFinding(found)
			if !seen[found] && !slices.Contains(ignore, found.Class) {
				seen[found] = true
				r.Findings = append(r.Findings, found)
			}
		}
		for _, role := range m.roles {
			notices, err := daemon.Check(daemon.Options{Role: role, Sources: m.sources, ConfigPaths: m.paths, NoDefaults: m.noDefaults})
			if err != nil {
				errs = append(errs, m.placed(err))
			}
			for _, n := range notices {
				told := slices.ContainsFunc(findings, func(f lint.Finding) bool { return f.Pos == n.Pos && f.Message == n.Text })
				if text := n.String(); !told && !slices.Contains(r.Notices, text) {
					r.Notices = append(r.Notices, text)
				}
			}
		}
		for _, w := range m.warnings {
			r.Notices = append(r.Notices, w.Error())
		}
	}
	return r, errors.Join(errs...)
}

func (r *checkReport) print(p *printer) error {
	return p.print(r, func(p *printer) error {
		for _, n := range r.Notices {
			if err := p.printf("note: %s\n", n); err != nil {
				return err
			}
		}
		for _, f := range r.Findings {
			if err := p.printf("%s\n", f); err != nil {
				return err
			}
		}
		if len(r.Findings) == 0 {
			return p.printf("no findings\n")
		}
		return p.printf("%d findings\n", len(r.Findings))
	})
}

func knownMetrics() (*lint.Metrics, error) {
	text, err := alarms.FS.ReadFile("metrics.txt")
	if err != nil {
		return nil, fmt.Errorf("read known metrics: %w", err)
	}
	return lint.ParseMetrics(string(text))
}

func listClasses(p *printer) error {
	t := table{header: []string{"CLASS", "MEANING"}}
	type class struct {
		Class   string `json:"class"`
		Meaning string `json:"meaning"`
	}
	var all []class
	for _, c := range lint.Classes() {
		t.add(c.Name, c.Meaning)
		all = append(all, class{c.Name, c.Meaning})
	}
	return p.print(all, func(p *printer) error { return p.table(&t) })
}

func listAlarms(p *printer) error {
	names := daemon.ShippedAlarms()
	entries, err := alarms.FS.ReadDir("roles")
	if err != nil {
		return fmt.Errorf("list shipped alarms: %w", err)
	}
	for _, e := range entries {
		if name, ok := modelName(e.Name()); ok {
			names = append(names, "roles/"+name)
		}
	}
	return p.print(names, func(p *printer) error {
		for _, name := range names {
			if err := p.printf("%s\n", name); err != nil {
				return err
			}
		}
		return nil
	})
}

// rolesIn lists the roles that a model has a section of.
func rolesIn(n *config.Node) []daemon.Role {
	var out []daemon.Role
	for _, r := range daemon.Roles() {
		if n.Get(string(r)).Exists() {
			out = append(out, r)
		}
	}
	return out
}
