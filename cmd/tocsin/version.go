package main

import (
	"context"
	"runtime"

	"github.com/tocsin-lma/tocsin/pkg/daemon"
)

const versionHelp = `Usage: tocsin version [FLAGS]

Prints the version of this tool and, with --address, of a running daemon.

Flags:
  --address ADDRESS    URL, HOST:PORT, or a daemon of this host by its name
  --output FORMAT      table, json or yaml

Examples:
  tocsin version
  tocsin version --address aggregator
`

// versions is what version prints.
type versions struct {
	Version  string      `json:"version"`
	Go       string      `json:"go"`
	Platform string      `json:"platform"`
	Daemon   *daemonInfo `json:"daemon,omitempty"`
}

// daemonInfo is what a daemon says about itself.
type daemonInfo struct {
	Role    daemon.Role `json:"role"`
	Host    string      `json:"host"`
	Version string      `json:"version"`
	Started string      `json:"started"`
	Hash    string      `json:"config_hash"`
	Alarms  int         `json:"alarms"`
}

func runVersion(ctx context.Context, std streams, args []string) int {
	t := newTool(std, "version", versionHelp)
	t.set.StringVar(&t.address, "address", "", "")
	if code, done := t.parse(args, 0, 0); done {
		return code
	}
	v := versions{Version: daemon.Version(), Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	if t.address != "" {
		c, err := newClient(t.address)
		if err == nil {
			v.Daemon = &daemonInfo{}
			err = c.get(ctx, "/api/v1/daemon", nil, v.Daemon)
		}
		if err != nil {
			return t.end(err)
		}
	}
	return t.end(t.printer().print(v, func(p *printer) error {
		err := p.printf("tocsin %s (%s, %s)\n", v.Version, v.Go, v.Platform)
		if v.Daemon != nil && err == nil {
			err = p.printf("%s %s on %s, model %s, since %s\n", v.Daemon.Role.Binary(), v.Daemon.Version, v.Daemon.Host, v.Daemon.Hash, v.Daemon.Started)
		}
		return err
	}))
}
