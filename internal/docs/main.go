// Command docs writes the pages of docs/ that say what the code says: the
// references of configuration, events, tables, commands and metrics.
//
//	go run ./internal/docs
//
// It owns the files docs/reference-*.md and nothing else. Its tests see that
// they are current, that every link of the documents leads somewhere, and that
// the commands of the README and the quick starts do what they say.
//
// Invariants:
//  1. A page depends on the code alone: not on the clock, the machine, or the
//     order of a map.
//  2. What the code has and a page would leave out is a panic, not a gap.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// page is one generated file.
type page struct {
	name string
	make func(root string) (string, error)
}

var pages = []page{
	{"reference-configuration.md", configurationPage},
	{"reference-events.md", eventsPage},
	{"reference-tables.md", tablesPage},
	{"reference-cli.md", cliPage},
	{"reference-metrics.md", metricsPage},
}

const notice = "<!-- Made by go run ./internal/docs from the code; do not edit. -->\n\n"

func main() {
	root := flag.String("root", ".", "the root of the repository")
	flag.Parse()
	if err := write(*root); err != nil {
		fmt.Fprintln(os.Stderr, "docs:", err)
		os.Exit(1)
	}
}

// write makes all pages anew.
func write(root string) error {
	for _, p := range pages {
		text, err := p.make(root)
		if err != nil {
			return fmt.Errorf("make %s: %w", p.name, err)
		}
		if err := os.WriteFile(filepath.Join(root, "docs", p.name), []byte(notice+text), 0o644); err != nil {
			return fmt.Errorf("write %s: %w", p.name, err)
		}
	}
	return nil
}

// cell is a text as the cell of a Markdown table.
func cell(s string) string {
	return strings.ReplaceAll(strings.Join(strings.Fields(s), " "), "|", `\|`)
}

// code is a text as code in the cell of a Markdown table; empty stays empty.
func code(s string) string {
	if s == "" {
		return ""
	}
	return "`" + cell(s) + "`"
}
