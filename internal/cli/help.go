package cli

import (
	"flag"
	"fmt"
	"strings"
)

const (
	rootShort = "real-time attribution, invalid traffic and money that adds up"
	rootLong  = `Values come from the defaults, the configuration file, TRIBUTARY_* in the
environment and the flags, each over the one before. Results are written to
stdout, logs to stderr.

Exit codes: 0 ok, 1 failure, 2 usage, 3 a difference or a violated check was
found, 69 a dependency is unreachable, 78 bad configuration, 130 interrupted.`
)

// help is the page of a command.
func (c *command) help(full string, fs *flag.FlagSet) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n\nUsage:\n  %s", full, c.short, full)
	switch {
	case c.subs != nil:
		b.WriteString(" COMMAND [flags]")
	case hasFlags(fs):
		b.WriteString(" [flags]")
	}
	if c.args != "" {
		b.WriteString(" " + c.args)
	}
	b.WriteString("\n")
	if c.subs != nil {
		b.WriteString("\nCommands:\n")
		for _, sub := range c.subs {
			fmt.Fprintf(&b, "  %-10s %s\n", sub.name, sub.short)
		}
	}
	if c.long != "" {
		b.WriteString("\n" + strings.TrimSpace(c.long) + "\n")
	}
	if hasFlags(fs) {
		b.WriteString("\nFlags:\n")
		fs.VisitAll(func(f *flag.Flag) { writeFlag(&b, f) })
	}
	if len(c.examples) > 0 {
		b.WriteString("\nExamples:\n")
		for _, e := range c.examples {
			b.WriteString("  " + e + "\n")
		}
	}
	if c.subs != nil {
		fmt.Fprintf(&b, "\n'%s COMMAND --help' says more.\n", full)
	}
	return b.String()
}

func hasFlags(fs *flag.FlagSet) bool {
	found := false
	if fs != nil {
		fs.VisitAll(func(*flag.Flag) { found = true })
	}
	return found
}

func writeFlag(b *strings.Builder, f *flag.Flag) {
	value, text := flag.UnquoteUsage(f)
	head := "--" + f.Name
	if value != "" {
		head += " " + value
	}
	if f.DefValue != "" && f.DefValue != "false" && f.DefValue != "0" {
		text += " (default " + f.DefValue + ")"
	}
	fmt.Fprintf(b, "  %-20s %s\n", head, text)
}
