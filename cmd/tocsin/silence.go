package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/user"
	"time"

	"github.com/tocsin-lma/tocsin/pkg/silence"
)

const silenceHelp = `Usage: tocsin silence ls [FLAGS]
       tocsin silence add --cluster C | --member M --host H  --for 2h --reason TEXT [FLAGS]
       tocsin silence rm ID... [FLAGS]

Keeps clusters, alarms or hosts from alerting anybody for a time. What they say is
still shown and stored; alerting_enabled is false in what goes to the outputs.

Flags:
  --cluster NAME       the cluster
  --member NAME        the alarm, on every host unless --host is given
  --host NAME          the host, with all its alarms unless --member is given;
                       names may be shell patterns: 'cmp*'
  --for DURATION       how long: 30m, 2h, 3d
  --until TIME         or until when: 2006-01-02T15:04:05Z, or 15:04 of today
  --reason TEXT        why
  --author NAME        who (default the user's name)
  --address ADDRESS    the aggregator (default http://127.0.0.1:8340)
  --output FORMAT      table, json or yaml

Examples:
  tocsin silence add --host 'cmp00*' --for 2h --reason "kernel upgrade, CHG-1234"
  tocsin silence add --cluster nova --until 18:00 --reason "database move"
  tocsin silence ls
  tocsin silence rm 1f2e3d4c
`

// silenceRow is a silence as the aggregator gives it.
type silenceRow = silence.Silence

// silenceFlags are those of all verbs.
type silenceFlags struct {
	*tool
	want  silenceRow
	until *moment
	span  string
}

func runSilence(ctx context.Context, std streams, args []string) int {
	verbs := map[string]struct {
		run       func(context.Context, *silenceFlags, *client) error
		low, high int
	}{"ls": {silenceLs, 0, 0}, "add": {silenceAdd, 0, 0}, "rm": {silenceRm, 1, -1}}
	if len(args) == 0 {
		fmt.Fprint(std.err, silenceHelp)
		return exitUsage
	}
	if verb := args[0]; verb == "help" || verb == "-h" || verb == "-help" || verb == "--help" {
		fmt.Fprint(std.out, silenceHelp)
		return exitOK
	}
	verb, ok := verbs[args[0]]
	if !ok {
		fmt.Fprintf(std.err, "tocsin silence: unknown command %q; use ls, add or rm\n", args[0])
		return exitUsage
	}
	f := &silenceFlags{tool: newTool(std, "silence "+args[0], silenceHelp).withAddress(), until: &moment{now: time.Now, away: 1}}
	f.set.StringVar(&f.want.Cluster, "cluster", "", "")
	f.set.StringVar(&f.want.Member, "member", "", "")
	f.set.StringVar(&f.want.Host, "host", "", "")
	f.set.StringVar(&f.want.Reason, "reason", "", "")
	f.set.StringVar(&f.want.Author, "author", userName(), "")
	f.set.StringVar(&f.span, "for", "", "")
	f.set.Var(f.until, "until", "")
	if code, done := f.parse(args[1:], verb.low, verb.high); done {
		return code
	}
	c, err := newClient(f.address)
	if err != nil {
		return f.end(err)
	}
	return f.end(verb.run(ctx, f, c))
}

// userName is who silences, unless the flag says.
func userName() string {
	if u, err := user.Current(); err == nil {
		return cmp.Or(os.Getenv("SUDO_USER"), u.Username)
	}
	return os.Getenv("USER")
}

func silenceLs(ctx context.Context, f *silenceFlags, c *client) error {
	rows := []silenceRow{}
	if err := c.get(ctx, silence.Path, nil, &rows); err != nil {
		return err
	}
	return f.printer().print(rows, func(p *printer) error { return printSilences(p, rows) })
}

func printSilences(p *printer, rows []silenceRow) error {
	if len(rows) == 0 {
		return p.printf("Nothing is silenced.\n")
	}
	t := table{header: []string{"ID", "WHAT", "UNTIL", "LEFT", "AUTHOR", "REASON"}}
	for i := range rows {
		s := &rows[i]
		t.add(s.ID, silenceSubject(s), stamp(s.Until), age(time.Until(s.Until)), s.Author, s.Reason)
	}
	return p.table(&t)
}

func silenceSubject(s *silenceRow) string {
	switch {
	case s.Cluster != "":
		return "cluster " + s.Cluster
	case s.Host == "":
		return "alarm " + s.Member
	case s.Member == "":
		return "host " + s.Host
	}
	return "alarm " + s.Member + " on " + s.Host
}

func silenceAdd(ctx context.Context, f *silenceFlags, c *client) error {
	now := time.Now()
	f.want.Until = f.until.time
	if f.span != "" {
		d, err := parseDuration(f.span)
		if err != nil || d <= 0 {
			return usageError{fmt.Sprintf("--for is %q; write a duration such as 30m, 2h or 3d", f.span)}
		}
		f.want.Until = now.Add(d)
	}
	if (f.span == "") == f.until.time.IsZero() {
		return usageError{"say how long with --for, or with --until, but not both"}
	}
	if err := f.want.Check(now); err != nil {
		return usageError{err.Error()}
	}
	form := url.Values{
		"cluster": {f.want.Cluster}, "member": {f.want.Member}, "host": {f.want.Host},
		"until": {f.want.Until.UTC().Format(time.RFC3339)}, "reason": {f.want.Reason}, "author": {f.want.Author},
	}
	var made silenceRow
	if err := c.post(ctx, silence.Path, form, &made); err != nil {
		return err
	}
	return f.printer().print(made, func(p *printer) error {
		return p.printf("%s: %s is silenced until %s\n", made.ID, silenceSubject(&made), stamp(made.Until))
	})
}

func silenceRm(ctx context.Context, f *silenceFlags, c *client) error {
	for _, id := range f.args {
		if err := c.call(ctx, http.MethodDelete, silence.Path+"/"+url.PathEscape(id), nil, nil); err != nil {
			return err
		}
	}
	removed := map[string]any{"removed": f.args}
	return f.printer().print(removed, func(p *printer) error {
		return p.printf("removed %d %s\n", len(f.args), plural(len(f.args), "silence", "silences"))
	})
}

// activeSilences returns the silences of an aggregator; none of one that does
// not know of silences.
func activeSilences(ctx context.Context, c *client) ([]silenceRow, error) {
	var rows []silenceRow
	err := c.get(ctx, silence.Path, nil, &rows)
	if refused, ok := errors.AsType[*answerError](err); ok && refused.status == http.StatusNotImplemented {
		return nil, nil
	}
	return rows, err
}

// silencedBy returns until when a cluster, or an alarm of a host, is silenced;
// "" when it is not.
func silencedBy(rows []silenceRow, cluster, member, host string) string {
	var until time.Time
	for i := range rows {
		if rows[i].Matches(cluster, member, host) && rows[i].Until.After(until) {
			until = rows[i].Until
		}
	}
	if until.IsZero() {
		return ""
	}
	return until.Local().Format("2006-01-02 15:04")
}
