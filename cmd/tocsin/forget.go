package main

import (
	"context"
	"net/url"
)

const forgetHelp = `Usage: tocsin forget --host HOST | --member ALARM [FLAGS]

Makes the aggregator forget what a host, an alarm, or an alarm of a host has
reported: for hosts that were taken out of service. What still reports comes back
with its next verdict; hosts that a cluster lists as expected become UNKNOWN.

Flags:
  --host HOST          the host
  --member ALARM       the alarm
  --address ADDRESS    the aggregator (default http://127.0.0.1:8340)
  --output FORMAT      table, json or yaml

Exit code 1: nothing was known of it.

Examples:
  tocsin forget --host cmp007
  tocsin forget --host cmp007 --member nova_compute
`

func runForget(ctx context.Context, std streams, args []string) int {
	t := newTool(std, "forget", forgetHelp).withAddress()
	host := t.set.String("host", "", "")
	member := t.set.String("member", "", "")
	if code, done := t.parse(args, 0, 0); done {
		return code
	}
	if *host == "" && *member == "" {
		return t.end(usageError{"name a --host, a --member, or both"})
	}
	c, err := newClient(t.address)
	if err != nil {
		return t.end(err)
	}
	var answer struct {
		Forgotten int `json:"forgotten"`
	}
	if err := c.post(ctx, "/api/v1/forget", url.Values{"host": {*host}, "member": {*member}}, &answer); err != nil {
		return t.end(err)
	}
	err = t.printer().print(answer, func(p *printer) error {
		return p.printf("forgot %d %s\n", answer.Forgotten, plural(answer.Forgotten, "verdict", "verdicts"))
	})
	if err == nil && answer.Forgotten == 0 {
		err = findingsError{"nothing was known of it; tocsin status shows the hosts and their alarms"}
	}
	return t.end(err)
}
