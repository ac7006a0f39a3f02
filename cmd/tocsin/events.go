package main

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/tocsin-lma/tocsin/pkg/store"
	"github.com/tocsin-lma/tocsin/pkg/web"
)

const eventsHelp = `Usage: tocsin events [FLAGS]

Shows the changes of statuses that the aggregator keeps, oldest first.

Flags:
  --follow             go on with those that come, until Ctrl-C
  --since TIME         only those after TIME: 2006-01-02T15:04:05Z, 15:04 of
                       today, Unix seconds, or how long ago (90m, 2d)
  --until TIME         only those before TIME
  --kind KIND          only those of a cluster or of a member (an alarm of a host)
  --name NAME          only those of this cluster or member
  --host HOST          only those of this host
  --limit N            the newest N (default 100, at most 10000)
  --address ADDRESS    the aggregator (default http://127.0.0.1:8340)
  --output FORMAT      table, json or yaml; with --follow one object for each event

Examples:
  tocsin events --since 2h --kind cluster
  tocsin events --name nova --since 2026-01-31
  tocsin events --follow --output json | jq .name
`

func runEvents(ctx context.Context, std streams, args []string) int {
	t := newTool(std, "events", eventsHelp).withAddress()
	since := &moment{now: time.Now, away: -1}
	until := &moment{now: time.Now, away: -1}
	t.set.Var(since, "since", "")
	t.set.Var(until, "until", "")
	follow := t.set.Bool("follow", false, "")
	kind := t.set.String("kind", "", "")
	name := t.set.String("name", "", "")
	host := t.set.String("host", "", "")
	limit := t.set.Int("limit", 100, "")
	if code, done := t.parse(args, 0, 0); done {
		return code
	}
	c, err := newClient(t.address)
	if err != nil {
		return t.end(err)
	}
	if !slices.Contains([]string{"", string(store.Cluster), string(store.Member)}, *kind) {
		return t.end(usageError{fmt.Sprintf("--kind is %q; it may be cluster or member", *kind)})
	}
	if *follow && !until.time.IsZero() {
		return t.end(usageError{"--follow and --until exclude each other"})
	}
	query := url.Values{"limit": {strconv.Itoa(*limit)}}
	for key, value := range map[string]string{"kind": *kind, "name": *name, "host": *host} {
		if value != "" {
			query.Set(key, value)
		}
	}
	for key, m := range map[string]*moment{"since": since, "until": until} {
		if !m.time.IsZero() {
			query.Set(key, m.time.UTC().Format(time.RFC3339Nano))
		}
	}
	if *follow {
		return t.end(newFollower(t, c, query).run(ctx))
	}
	events, err := readEvents(ctx, c, query)
	if err != nil {
		return t.end(err)
	}
	return t.end(t.printer().print(events, func(p *printer) error { return printEvents(p, events) }))
}

// readEvents returns the newest events that query selects, oldest first.
func readEvents(ctx context.Context, c *client, query url.Values) ([]store.Event, error) {
	events := []store.Event{}
	err := c.get(ctx, "/api/v1/events", query, &events)
	slices.SortFunc(events, func(a, b store.Event) int { return cmp.Compare(a.ID, b.ID) })
	return events, err
}

func printEvents(p *printer, events []store.Event) error {
	if len(events) == 0 {
		return p.printf("No events.\n")
	}
	t := table{header: []string{"TIME", "KIND", "NAME", "BEFORE", "STATUS", "WHY"}}
	for i := range events {
		t.rows = append(t.rows, eventCells(&events[i]))
	}
	return p.table(&t)
}

func eventCells(e *store.Event) []string {
	name, before := e.Name, "-"
	if e.Host != "" {
		name += " on " + e.Host
	}
	if e.Before != nil {
		before = e.Before.Label()
	}
	return []string{stamp(e.Time), string(e.Kind), name, before, e.Status.Label(), web.Why(e.Alarms)}
}
