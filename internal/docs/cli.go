package main

import (
	"bytes"
	"context"
	"fmt"
	"regexp"
	"strings"

	"github.com/tributary-data/tributary/internal/cli"
)

var commandLine = regexp.MustCompile(`(?m)^  ([a-z]+) +\S`)

// cliPage is the help of every command, in the order of the help.
func cliPage(string) (string, error) {
	var b strings.Builder
	b.WriteString("# Commands\n\nWhat `--help` says, for each command.\n")
	var walk func(path []string) error
	walk = func(path []string) error {
		var out, faults bytes.Buffer
		if got := cli.Main(context.Background(), append(path[1:len(path):len(path)], "--help"), strings.NewReader(""), &out, &faults); got != cli.ExitOK {
			return fmt.Errorf("%s --help: exit code %d: %s", strings.Join(path, " "), got, faults.String())
		}
		text := out.String()
		fmt.Fprintf(&b, "\n## %s\n\n```text\n%s\n```\n", strings.Join(path, " "), strings.TrimSpace(text))
		_, list, ok := strings.Cut(text, "\nCommands:\n")
		if !ok {
			return nil
		}
		list, _, _ = strings.Cut(list, "\n\n")
		for _, m := range commandLine.FindAllStringSubmatch(list, -1) {
			if err := walk(append(path[:len(path):len(path)], m[1])); err != nil {
				return err
			}
		}
		return nil
	}
	if err := walk([]string{"tributary"}); err != nil {
		return "", err
	}
	return b.String(), nil
}
