package main

import (
	"context"
	"fmt"

	"github.com/tocsin-lma/tocsin/pkg/config"
	"github.com/tocsin-lma/tocsin/pkg/daemon"
	"github.com/tocsin-lma/tocsin/pkg/lint/fuel"
)

const convertHelp = `Usage: tocsin convert --from fuel [FLAGS] FILE...

Writes an alarm model of the Fuel plugins (alarms, node_cluster_alarms,
service_cluster_alarms, gse_policies, gse_cluster_*) in our layout to the standard
output. What has no place in it is told on the standard error.

The members of a cluster become alarms called CLUSTER_MEMBER. A cluster keeps its
name; one that shares it with a cluster of a higher level gets _service or _node
behind it.

Flags:
  --from fuel           the layout of the FILES
  --node PROFILE        only the alarms of clusters with apply_to_node: PROFILE

Exit codes: 0 converted, 2 wrong usage, 78 a FILE cannot be read.

Examples:
  tocsin convert --from fuel alarming.yaml gse_filters.yaml > model.yml
  tocsin convert --from fuel --node compute alarming.yaml > compute.yml
`

func runConvert(_ context.Context, std streams, args []string) int {
	t := newTool(std, "convert", convertHelp)
	var from, node string
	t.set.StringVar(&from, "from", "", "")
	t.set.StringVar(&node, "node", "", "")
	if code, done := t.parse(args, 0, -1); done {
		return code
	}
	return t.end(convert(t, from, node))
}

func convert(t *tool, from, node string) error {
	switch {
	case from != "fuel":
		return usageError{fmt.Sprintf("--from %q: say --from fuel, the only other layout", from)}
	case len(t.args) == 0:
		return usageError{"name a FILE to convert"}
	}
	sources, err := config.ReadPaths(t.args...)
	if err != nil {
		return fmt.Errorf("%w:\n%w", daemon.ErrConfig, err)
	}
	m, err := convertFuel(sources, fuel.Options{Node: node})
	if err != nil {
		return fmt.Errorf("%w:\n%w", daemon.ErrConfig, err)
	}
	for _, w := range m.Warnings {
		fmt.Fprintf(t.std.err, "note: %v\n", w)
	}
	if _, err := t.std.out.Write(m.YAML); err != nil {
		return fmt.Errorf("write converted model: %w", err)
	}
	return nil
}
