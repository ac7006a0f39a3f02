package main

import "context"

const reloadHelp = `Usage: tocsin reload [FLAGS]

Makes a daemon load its model anew. A valid model takes over without losing a
message or a window; an invalid one is refused, told here, and the old one goes
on. A daemon does the same on SIGHUP.

Flags:
  --address ADDRESS    URL, HOST:PORT, or a daemon of this host by its name
                       (default http://127.0.0.1:8340, the aggregator)
  --output FORMAT      table, json or yaml

Exit code 78: the model is invalid.

Examples:
  tocsin reload --address logcollector
  tocsin reload --address cmp001:8342
`

func runReload(ctx context.Context, std streams, args []string) int {
	t := newTool(std, "reload", reloadHelp).withAddress()
	if code, done := t.parse(args, 0, 0); done {
		return code
	}
	c, err := newClient(t.address)
	if err != nil {
		return t.end(err)
	}
	var answer map[string]string
	if err := c.post(ctx, "/api/v1/reload", nil, &answer); err != nil {
		return t.end(err)
	}
	return t.end(t.printer().print(answer, func(p *printer) error {
		return p.printf("%s: the new model is valid and takes over\n", c.base)
	}))
}
