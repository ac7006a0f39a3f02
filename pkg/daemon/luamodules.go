package daemon

import (
	"fmt"

	"github.com/tocsin-lma/tocsin/pkg/afd"
	"github.com/tocsin-lma/tocsin/pkg/sandbox"
)

// nativeModules are what the daemon offers to plugins beside the sandbox's own
// modules.
func (p *parts) nativeModules() map[string]sandbox.Loader { return nil }

// compileScript makes the evaluator of a `function: lua` rule.
func (p *parts) compileScript(name, source string) (afd.Script, error) {
	return nil, fmt.Errorf("compile the script of %s: scripts are evaluated by the sandboxed alarm filter", name)
}
