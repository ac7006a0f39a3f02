package main

import (
	"context"
	"fmt"
	"io/fs"
	"path"
	"sort"
	"strings"
	"text/tabwriter"

	"github.com/tocsin-lma/tocsin/pkg/sandbox"
	"github.com/tocsin-lma/tocsin/plugins"
)

const pluginUsage = `Usage: tocsin plugin COMMAND

  list                 the shipped plugins, Lua and native
  run < cases.ndjson   run cases, one JSON object a line, and print their results
  check FILE...        load plugins and say what they need

'tocsin plugin check' takes --kind KIND (decoder) and -I DIR for module folders.
`

// runPlugin is `tocsin plugin`.
func runPlugin(ctx context.Context, std streams, args []string) int {
	if len(args) == 0 {
		fmt.Fprint(std.err, pluginUsage)
		return exitUsage
	}
	switch args[0] {
	case "run":
		if len(args) > 1 && isHelp(args[1]) {
			fmt.Fprint(std.out, pluginUsage)
			return exitOK
		}
		return pluginRun(ctx, std)
	case "list":
		return pluginList(std)
	case "check":
		return pluginCheck(std, args[1:])
	}
	if isHelp(args[0]) {
		fmt.Fprint(std.out, pluginUsage)
		return exitOK
	}
	fmt.Fprintf(std.err, "tocsin plugin: unknown command %q\n%s", args[0], pluginUsage)
	return exitUsage
}

func isHelp(arg string) bool {
	return arg == "help" || arg == "-h" || arg == "-help" || arg == "--help"
}

// shippedModules are the Lua modules that come with the program.
func shippedModules() fs.FS {
	sub, err := fs.Sub(plugins.FS, "lua/modules")
	if err != nil {
		return nil
	}
	return sub
}

// shippedSource returns the Lua text of the shipped plugin; nil when there is none.
func shippedSource(kind sandbox.Kind, name string) (text []byte, file string) {
	if name == "" || strings.ContainsAny(name, "/\\") {
		return nil, ""
	}
	file = path.Join("lua", kind.String()+"s", name+".lua")
	text, err := plugins.FS.ReadFile(file)
	if err != nil {
		return nil, ""
	}
	return text, path.Base(file)
}

func pluginList(std streams) int {
	table := tabwriter.NewWriter(std.out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(table, "COMPONENT\tWRITTEN IN")
	for _, kind := range []sandbox.Kind{sandbox.KindDecoder, sandbox.KindFilter, sandbox.KindEncoder, sandbox.KindOutput, sandbox.KindInput} {
		written := map[string]string{}
		for _, name := range nativeNames(kind) {
			written[name] = "Go"
		}
		files, _ := fs.Glob(plugins.FS, "lua/"+kind.String()+"s/*.lua")
		for _, f := range files {
			written[strings.TrimSuffix(path.Base(f), ".lua")] = "Lua"
		}
		names := make([]string, 0, len(written))
		for name := range written {
			names = append(names, name)
		}
		sort.Strings(names)
		for _, name := range names {
			fmt.Fprintf(table, "%s.%s\t%s\n", kind, name, written[name])
		}
	}
	_ = table.Flush()
	return exitOK
}
