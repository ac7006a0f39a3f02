package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/tocsin-lma/tocsin/pkg/store"
)

const replayHelp = `Usage: tocsin replay FILE... [FLAGS]

Evaluates recordings in virtual time with the alarms and clusters of a model, and
prints how the statuses change. Recordings of several hosts run side by side.
Without --config it is the model that the daemons of this host run: the shipped
one with the files of /etc/tocsin/conf.d.

Flags:
  --config PATH        a file or folder of the model; may be repeated
  --no-defaults        begin with an empty model
  --kind KIND          only the changes of a cluster or of a member (an alarm)
  --name NAME          only those of this cluster or member
  --exit-status        exit 1 if anything but OKAY was found
  --output FORMAT      table, json or yaml

Exit codes: 0 done, 1 findings or a damaged recording, 2 wrong usage, 78 invalid
model.

Examples:
  tocsin replay incident.ndjson
  tocsin replay --config site.yml cmp001.ndjson cmp002.ndjson --kind cluster
`

// modelFlags say what model to evaluate and what of it to show.
type modelFlags struct {
	*tool
	config     list
	noDefaults bool
	kind, name string
	findings   bool
}

func newModelFlags(std streams, name, help string) *modelFlags {
	f := &modelFlags{tool: newTool(std, name, help)}
	f.set.Var(&f.config, "config", "")
	f.set.BoolVar(&f.noDefaults, "no-defaults", false, "")
	f.set.StringVar(&f.kind, "kind", "", "")
	f.set.StringVar(&f.name, "name", "", "")
	f.set.BoolVar(&f.findings, "exit-status", false, "")
	return f
}

func (f *modelFlags) check() error {
	if !slices.Contains([]string{"", string(store.Cluster), string(store.Member)}, f.kind) {
		return usageError{fmt.Sprintf("--kind is %q; it may be cluster or member", f.kind)}
	}
	return nil
}

func (f *modelFlags) wants(kind store.Kind, name string) bool {
	return (f.kind == "" || f.kind == string(kind)) && (f.name == "" || f.name == name)
}

func runReplay(ctx context.Context, std streams, args []string) int {
	f := newModelFlags(std, "replay", replayHelp)
	if code, done := f.parse(args, 1, -1); done {
		return code
	}
	if err := f.check(); err != nil {
		return f.end(err)
	}
	model, err := loadReplayModel(f.config, f.noDefaults)
	if err != nil {
		return f.end(err)
	}
	changes := []store.Event{}
	r, err := replayFiles(ctx, model, f.args, func(e store.Event) {
		if f.wants(e.Kind, e.Name) {
			changes = append(changes, e)
		}
	})
	if err != nil {
		return f.end(err)
	}
	err = f.printer().print(changes, func(p *printer) error {
		if len(changes) > 0 {
			if err := printEvents(p, changes); err != nil {
				return err
			}
		}
		return p.printf("%d messages over %s, %d verdicts, %d %s\n", r.messages, r.now.Sub(r.began).Round(time.Second), r.verdicts,
			len(changes), plural(len(changes), "change", "changes"))
	})
	if err == nil && f.findings && len(changes) > 0 {
		err = errFindings
	}
	return f.end(err)
}

// replayFiles opens the recordings and replays them.
func replayFiles(ctx context.Context, model *replayModel, paths []string, change func(store.Event)) (*replayer, error) {
	recordings, err := openRecordings(paths)
	if err != nil {
		return nil, err
	}
	defer closeRecordings(recordings)
	return replay(ctx, model, recordings, change)
}
