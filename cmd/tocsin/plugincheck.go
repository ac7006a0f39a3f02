package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/tocsin-lma/tocsin/pkg/sandbox"
)

// pluginCheck loads plugins and says what they need.
func pluginCheck(std streams, args []string) int {
	flags := flag.NewFlagSet("tocsin plugin check", flag.ContinueOnError)
	flags.SetOutput(std.err)
	kindName := flags.String("kind", "", "kind of the plugins: decoder, filter, encoder, output, input; guessed from the folder's name")
	configText := flags.String("config", "{}", "the plugin's config section, as JSON")
	var dirs listFlag
	flags.Var(&dirs, "I", "folder of Lua modules; may be repeated")
	if err := flags.Parse(args); err != nil {
		return exitUsage
	}
	if flags.NArg() == 0 {
		fmt.Fprint(std.err, "tocsin plugin check: name at least one Lua file\n")
		return exitUsage
	}
	var cfg map[string]any
	if err := json.Unmarshal([]byte(*configText), &cfg); err != nil {
		fmt.Fprintf(std.err, "tocsin plugin check: read --config: %v\n", err)
		return exitUsage
	}
	code := exitOK
	for _, file := range flags.Args() {
		kind, err := kindOf(*kindName, file)
		if err != nil {
			fmt.Fprintf(std.err, "tocsin plugin check: %v\n", err)
			return exitUsage
		}
		if !checkOne(std, sandbox.Options{Kind: kind, Script: file, ModuleDirs: dirs, Config: cfg}) {
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

// kindOf reads the kind's name, or guesses it from the folder the file is in.
func kindOf(name, file string) (sandbox.Kind, error) {
	if name != "" {
		return sandbox.ParseKind(name)
	}
	full, err := filepath.Abs(file)
	if err != nil {
		return 0, err
	}
	folder := strings.TrimSuffix(filepath.Base(filepath.Dir(full)), "s")
	if kind, err := sandbox.ParseKind(folder); err == nil {
		return kind, nil
	}
	return sandbox.KindDecoder, nil
}

func checkOne(std streams, opts sandbox.Options) bool {
	opts.Shipped = shippedModules()
	p, err := sandbox.Open(opts)
	if err != nil {
		fmt.Fprintf(std.out, "%s: %v\n", opts.Script, err)
		return false
	}
	defer func() { _ = p.Close(nil) }()
	form := opts.Kind.String()
	if p.Declarative() {
		form = "declarative decoder"
	}
	mentioned := hostFunctionsIn(opts.Script)
	fmt.Fprintf(std.out, "%s: %s, loads\n  modules: %s\n  config keys read: %s\n  host functions: %s\n",
		opts.Script, form, listOr(p.Modules()), listOr(p.ConfigKeys()), listOr(mentioned))
	warnings := warn(opts.Kind, p, mentioned)
	for _, w := range warnings {
		fmt.Fprintf(std.out, "  warning: %s\n", w)
	}
	return len(warnings) == 0
}

func warn(kind sandbox.Kind, p *sandbox.Plugin, mentioned []string) []string {
	var warnings []string
	known := sandbox.HostFunctions(kind)
	for _, name := range mentioned {
		if !slices.Contains(known, name) {
			warnings = append(warnings, fmt.Sprintf("%s is nil in a plugin of kind %s", name, kind))
		}
	}
	if slices.Contains(mentioned, "write_message") {
		warnings = append(warnings, "write_message changes a copy; inject_message is faster and clearer")
	}
	emits := slices.Contains(mentioned, "inject_message") || slices.Contains(mentioned, "inject_payload")
	if kind == sandbox.KindDecoder && !p.Declarative() && !emits && len(p.Modules()) == 0 {
		warnings = append(warnings, "the decoder emits nothing: records would be held")
	}
	return warnings
}

// hostFunctionsIn lists the host functions a script mentions outside comments.
func hostFunctionsIn(file string) []string {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil
	}
	code := regexp.MustCompile(`--\[\[(?s:.*?)\]\]|--[^\n]*`).ReplaceAllString(string(text), "")
	var names []string
	for _, name := range sandbox.HostFunctions(sandbox.KindDecoder, sandbox.KindInput) {
		if regexp.MustCompile(`\b` + name + `\b`).MatchString(code) {
			names = append(names, name)
		}
	}
	return names
}

func listOr(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}
