package cli

import (
	"context"
	"flag"
	"fmt"
	"io"
	"strings"
)

func completionCommand() *command {
	return &command{
		name:  "completion",
		args:  "bash|zsh|fish",
		short: "print what makes a shell complete commands and flags",
		examples: []string{
			"tributary completion bash > /etc/bash_completion.d/tributary",
			"tributary completion zsh > \"${fpath[1]}/_tributary\"",
			"tributary completion fish > ~/.config/fish/completions/tributary.fish",
		},
		run: func(_ context.Context, env *Env, args []string) error {
			if len(args) != 1 {
				return usagef("give one shell: bash, zsh or fish")
			}
			write := map[string]func([]completed) string{"bash": bashCompletion, "zsh": zshCompletion, "fish": fishCompletion}[args[0]]
			if write == nil {
				return usagef("%q is not a shell that is known here; there are bash, zsh and fish", args[0])
			}
			_, err := io.WriteString(env.Stdout, write(completions("", commands(), nil)))
			return err
		},
	}
}

// completed is one command with what may follow it.
type completed struct {
	path  string // without the program's name, "" for the program itself
	words []word // commands below it, or flags
}

type word struct{ text, help string }

// completions walks the command table, so that nothing has to be kept in step.
func completions(path string, subs []*command, out []completed) []completed {
	at := completed{path: path}
	for _, c := range subs {
		at.words = append(at.words, word{c.name, c.short})
	}
	out = append(out, at)
	for _, c := range subs {
		below := strings.TrimSpace(path + " " + c.name)
		if c.subs != nil {
			out = completions(below, c.subs, out)
			continue
		}
		leaf := completed{path: below}
		fs := flag.NewFlagSet(c.name, flag.ContinueOnError)
		if c.flags != nil {
			c.flags(fs)
		}
		fs.VisitAll(func(f *flag.Flag) {
			_, usage := flag.UnquoteUsage(f)
			leaf.words = append(leaf.words, word{"--" + f.Name, usage})
		})
		leaf.words = append(leaf.words, word{"--help", "say more"})
		if c.name == "completion" {
			leaf.words = append(leaf.words, word{"bash", ""}, word{"zsh", ""}, word{"fish", ""})
		}
		out = append(out, leaf)
	}
	return out
}

// bashCompletion looks up the words by the commands typed so far; where none
// fits, files are completed.
func bashCompletion(all []completed) string {
	var b strings.Builder
	b.WriteString("# bash completion for tributary\n_tributary() {\n    local cur=${COMP_WORDS[COMP_CWORD]} path= w words=\n")
	b.WriteString("    for w in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n        case $w in -*) break ;; esac\n        path=${path:+$path }$w\n    done\n")
	b.WriteString("    while :; do\n        case $path in\n")
	for _, c := range all {
		var words []string
		for _, w := range c.words {
			words = append(words, w.text)
		}
		fmt.Fprintf(&b, "        '%s') words='%s'; break ;;\n", c.path, strings.Join(words, " "))
	}
	b.WriteString("        *) case $path in *' '*) path=${path% *} ;; *) break ;; esac ;;\n        esac\n    done\n")
	b.WriteString("    COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n}\ncomplete -o default -F _tributary tributary\n")
	return b.String()
}

func zshCompletion(all []completed) string {
	var b strings.Builder
	b.WriteString("#compdef tributary\n_tributary() {\n  local path= w\n  local -a list\n")
	b.WriteString("  for w in \"${(@)words[2,CURRENT-1]}\"; do\n    [[ $w == -* ]] && break\n    path=\"${path:+$path }$w\"\n  done\n")
	b.WriteString("  while true; do\n    case $path in\n")
	for _, c := range all {
		fmt.Fprintf(&b, "      '%s') list=(", c.path)
		for _, w := range c.words {
			fmt.Fprintf(&b, " %s", zshWord(w))
		}
		b.WriteString(" ); break ;;\n")
	}
	b.WriteString("      *) [[ $path == *' '* ]] && path=\"${path% *}\" || break ;;\n    esac\n  done\n")
	b.WriteString("  _describe 'tributary' list || _files\n}\n_tributary \"$@\"\n")
	return b.String()
}

func zshWord(w word) string {
	text := strings.ReplaceAll(w.text, ":", `\:`)
	if w.help != "" {
		text += ":" + w.help
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

func fishCompletion(all []completed) string {
	var b strings.Builder
	b.WriteString("# fish completion for tributary\n")
	b.WriteString("function __tributary_at\n    set -l path\n    for w in (commandline -opc)[2..-1]\n        string match -q -- '-*' $w; and break\n        set path $path $w\n    end\n    test \"$path\" = \"$argv[1]\"\nend\n")
	for _, c := range all {
		for _, w := range c.words {
			help := strings.ReplaceAll(strings.ReplaceAll(w.help, `\`, `\\`), "'", `\'`)
			if name, ok := strings.CutPrefix(w.text, "--"); ok {
				fmt.Fprintf(&b, "complete -c tributary -n \"__tributary_at '%s'\" -l %s -d '%s'\n", c.path, name, help)
			} else {
				fmt.Fprintf(&b, "complete -c tributary -f -n \"__tributary_at '%s'\" -a %s -d '%s'\n", c.path, w.text, help)
			}
		}
	}
	return b.String()
}
