package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
)

const completionHelp = `Usage: tocsin completion bash|zsh|fish

Prints a script that lets the shell complete commands and flags.

Examples:
  source <(tocsin completion bash)
  tocsin completion bash > /etc/bash_completion.d/tocsin
  tocsin completion zsh > "${fpath[1]}/_tocsin"
  tocsin completion fish > ~/.config/fish/completions/tocsin.fish
`

// completed is a sub-command as shells complete it.
type completed struct {
	name, summary string
	words         []string // flags, and verbs if it has any
}

func runCompletion(ctx context.Context, std streams, args []string) int {
	t := newTool(std, "completion", completionHelp)
	if code, done := t.parse(args, 1, 1); done {
		return code
	}
	shells := map[string]func([]completed) string{"bash": bashCompletion, "zsh": zshCompletion, "fish": fishCompletion}
	script, ok := shells[t.args[0]]
	if !ok {
		return t.end(usageError{fmt.Sprintf("unknown shell %q; use bash, zsh or fish", t.args[0])})
	}
	_, err := io.WriteString(std.out, script(completions(ctx)))
	return t.end(err)
}

// completions asks every sub-command for its help text: what that names is what
// can be completed.
func completions(ctx context.Context) []completed {
	flags := regexp.MustCompile(`(?m)(?:^|[ [,(|])(--?[a-z][a-z-]*)`)
	verbs := regexp.MustCompile(`(?m)^(?:Usage:)? +tocsin [a-z]+ ([a-z|]+)(?: |$)`)
	listed := regexp.MustCompile(`(?m)^  ([a-z]+)(?: [^ ]+)*  +[a-z]`)
	var out []completed
	for _, c := range commands() {
		entry := completed{name: c.name, summary: c.summary}
		if c.name == "completion" {
			entry.words = []string{"bash", "zsh", "fish"}
			out = append(out, entry)
			continue
		}
		var text bytes.Buffer
		c.run(ctx, streams{strings.NewReader(""), &text, &text}, []string{"--help"})
		usage, _, _ := strings.Cut(text.String(), "\n\n")
		for _, m := range verbs.FindAllStringSubmatch(usage, -1) {
			entry.words = append(entry.words, strings.Split(m[1], "|")...)
		}
		if strings.Contains(usage, "COMMAND") {
			for _, m := range listed.FindAllStringSubmatch(text.String(), -1) {
				entry.words = append(entry.words, m[1])
			}
		}
		told, _, _ := strings.Cut(text.String(), "\nExamples:")
		for _, m := range flags.FindAllStringSubmatch(told, -1) {
			// The flags of Go's own help text have one dash.
			if name := "--" + strings.TrimLeft(m[1], "-"); len(name) > 3 && !slices.Contains(entry.words, name) {
				entry.words = append(entry.words, name)
			}
		}
		slices.Sort(entry.words)
		entry.words = slices.Compact(entry.words)
		out = append(out, entry)
	}
	return out
}

func bashCompletion(list []completed) string {
	var b strings.Builder
	b.WriteString("# completion of tocsin for bash\n_tocsin() {\n  local word=${COMP_WORDS[COMP_CWORD]} words=\n")
	b.WriteString("  if [ \"$COMP_CWORD\" -eq 1 ]; then\n    words=\"help")
	for _, c := range list {
		b.WriteString(" " + c.name)
	}
	b.WriteString("\"\n  else\n    case ${COMP_WORDS[1]} in\n")
	for _, c := range list {
		fmt.Fprintf(&b, "      %s) words=\"%s\" ;;\n", c.name, strings.Join(c.words, " "))
	}
	b.WriteString("    esac\n  fi\n  mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$word\")\n}\ncomplete -o default -F _tocsin tocsin\n")
	return b.String()
}

func zshCompletion(list []completed) string {
	var b strings.Builder
	b.WriteString("#compdef tocsin\n# completion of tocsin for zsh\n_tocsin() {\n  local -a commands\n  commands=(\n")
	for _, c := range list {
		fmt.Fprintf(&b, "    '%s:%s'\n", c.name, strings.ReplaceAll(c.summary, "'", `'\''`))
	}
	b.WriteString("  )\n  if (( CURRENT == 2 )); then\n    _describe command commands\n    return\n  fi\n")
	// $words belongs to the completion system; ours has another name.
	b.WriteString("  local -a choices\n  case $words[2] in\n")
	for _, c := range list {
		fmt.Fprintf(&b, "    %s) choices=(%s) ;;\n", c.name, strings.Join(c.words, " "))
	}
	b.WriteString("  esac\n  compadd -- $choices\n  _files\n}\ncompdef _tocsin tocsin\n")
	return b.String()
}

func fishCompletion(list []completed) string {
	var b strings.Builder
	b.WriteString("# completion of tocsin for fish\n")
	for _, c := range list {
		fmt.Fprintf(&b, "complete -c tocsin -n __fish_use_subcommand -f -a %s -d '%s'\n", c.name, strings.ReplaceAll(c.summary, "'", `\'`))
		for _, word := range c.words {
			option := "-f -a " + word
			if name, ok := strings.CutPrefix(word, "--"); ok {
				option = "-l " + name
			}
			fmt.Fprintf(&b, "complete -c tocsin -n '__fish_seen_subcommand_from %s' %s\n", c.name, option)
		}
	}
	return b.String()
}
