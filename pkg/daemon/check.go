package daemon

import (
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/tocsin-lma/tocsin/pkg/decoders"
	"github.com/tocsin-lma/tocsin/pkg/selfmon"
	"github.com/tocsin-lma/tocsin/pkg/store"
)

// Check builds every part of a role's model and starts nothing. The error tells
// everything that is wrong; the notices, what is done in another way than the
// model's author may expect.
func Check(opt Options) ([]Notice, error) {
	model, err := LoadModel(opt.Role, opt.ConfigPaths, opt.Sources, opt.NoDefaults)
	if err != nil {
		return nil, fmt.Errorf("%w:\n%w", ErrConfig, err)
	}
	dir, err := os.MkdirTemp("", "tocsin-check-")
	if err != nil {
		return nil, fmt.Errorf("make a folder for the check: %w", err)
	}
	defer os.RemoveAll(dir)
	opt.DataDir = dir
	silent := slog.New(slog.DiscardHandler)
	d := &Daemon{opt: opt, log: silent, reg: selfmon.New(), ledger: selfmon.NewLedger(), checks: &selfmon.Checks{}, rejects: decoders.NewRejects(silent, time.Now)}
	d.health = &healthSource{state: store.NewState(nil, silent)}
	p, err := build(d, model)
	if err != nil {
		return nil, fmt.Errorf("%w:\n%w", ErrConfig, err)
	}
	defer p.close()
	return p.notices, nil
}
