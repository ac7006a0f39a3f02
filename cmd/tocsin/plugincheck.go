package main

import (
	"flag"
	"fmt"
	"strings"

	"github.com/tocsin-lma/tocsin/pkg/sandbox"
)

// pluginCheck loads plugins and says what they need.
func pluginCheck(std streams, args []string) int {
	flags := flag.NewFlagSet("plugin check", flag.ContinueOnError)
	flags.SetOutput(std.err)
	kindName := flags.String("kind", "", "kind of the plugins: decoder, filter, encoder, output, input; guessed from the folder's name")
	var dirs listFlag
	flags.Var(&dirs, "I", "folder of Lua modules; may be repeated")
	if err := flags.Parse(args); err != nil {
		return exitUsage
	}
	if flags.NArg() == 0 {
		fmt.Fprint(std.err, "tocsin plugin check: name at least one Lua file\n")
		return exitUsage
	}
	code := exitOK
	for _, file := range flags.Args() {
		if !checkOne(std, file, *kindName, dirs) {
			code = exitFindings
		}
	}
	return code
}

type listFlag []string

func (l *listFlag) String() string { return strings.Join(*l, ",") }

func (l *listFlag) Set(s string) error {
	*l = append(*l, s)
	return nil
}

func checkOne(std streams, file, kindName string, dirs []string) bool {
	kind := sandbox.KindDecoder
	if kindName != "" {
		k, err := sandbox.ParseKind(kindName)
		if err != nil {
			fmt.Fprintf(std.out, "%s: %v\n", file, err)
			return false
		}
		kind = k
	}
	p, err := sandbox.Open(sandbox.Options{Kind: kind, Script: file, ModuleDirs: dirs, Shipped: shippedModules()})
	if err != nil {
		fmt.Fprintf(std.out, "%s: %v\n", file, err)
		return false
	}
	defer func() { _ = p.Close(nil) }()
	fmt.Fprintf(std.out, "%s: ok\n  modules: %s\n  config keys: %s\n", file, listOr(p.Modules()), listOr(p.ConfigKeys()))
	return true
}

func listOr(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}
