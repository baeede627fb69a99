// Package cli is the command line: what each command is called, takes and
// answers. The work itself is done by the packages of the product.
//
// Invariants:
//  1. Results go to stdout; logs, progress and faults go to stderr.
//  2. Every command answers --help on stdout with exit code 0.
//  3. The exit code is one of those below, whatever went wrong.
package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"

	"github.com/tributary-data/tributary/configs"
	"github.com/tributary-data/tributary/pipeline"
)

// The exit codes.
const (
	ExitOK          = 0
	ExitFailure     = 1
	ExitUsage       = 2
	ExitDifference  = 3  // a difference, or a violated check, was found
	ExitUnreachable = 69 // a dependency cannot be reached
	ExitConfig      = 78
	ExitInterrupted = 130
)

// Exit is an error that says which code the program leaves with.
type Exit struct {
	Code int
	Err  error
}

// Error is the message of the error inside.
func (e *Exit) Error() string { return e.Err.Error() }

// Unwrap gives the error inside.
func (e *Exit) Unwrap() error { return e.Err }

func usagef(format string, args ...any) error {
	return &Exit{Code: ExitUsage, Err: fmt.Errorf(format, args...)}
}

// Env is what a command has of the world around it.
type Env struct {
	Stdin   io.Reader
	Stdout  io.Writer // results
	Stderr  io.Writer // everything else
	Environ []string  // "NAME=value"
	Log     *slog.Logger
}

// Main runs one command and gives the exit code. ctx ends at the first signal.
func Main(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	env := &Env{
		Stdin: stdin, Stdout: stdout, Stderr: stderr, Environ: os.Environ(),
		Log: slog.New(slog.NewTextHandler(stderr, nil)),
	}
	root := &command{name: "tributary", short: rootShort, long: rootLong, subs: commands()}
	return root.main(ctx, env, args)
}

// main runs the command that args name, and reports how it ended.
func (c *command) main(ctx context.Context, env *Env, args []string) int {
	path, err := c.dispatch(ctx, env, []string{c.name}, args)
	if err == nil {
		return ExitOK
	}
	code := exitCode(ctx, err)
	switch code {
	case ExitInterrupted:
		_, _ = fmt.Fprintf(env.Stderr, "%s: interrupted\n", path)
	case ExitUsage:
		_, _ = fmt.Fprintf(env.Stderr, "%s: %v\nTry '%s --help'.\n", path, err, path)
	default:
		_, _ = fmt.Fprintf(env.Stderr, "%s: %v\n", path, err)
	}
	return code
}

func exitCode(ctx context.Context, err error) int {
	var exit *Exit
	var config *configs.Error
	var rules *pipeline.RulesError
	switch {
	case errors.As(err, &exit):
		return exit.Code
	case errors.As(err, &config), errors.As(err, &rules):
		return ExitConfig
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		return ExitInterrupted
	}
	return ExitFailure
}

// command is one entry of the command table: it has commands below it, or
// flags and a run function of its own.
type command struct {
	name     string
	args     string // what follows the flags, for the usage line
	short    string // one line, no full stop
	long     string
	examples []string
	subs     []*command

	flags func(fs *flag.FlagSet)
	run   func(ctx context.Context, env *Env, args []string) error
}

// dispatch finds the command that args name and runs it. The first result is
// the name of that command in full, for messages.
func (c *command) dispatch(ctx context.Context, env *Env, path, args []string) (string, error) {
	full := strings.Join(path, " ")
	if c.run != nil {
		return full, c.parseAndRun(ctx, env, full, args)
	}
	if len(args) == 0 {
		_, _ = io.WriteString(env.Stderr, c.help(full, nil))
		return full, usagef("no command given")
	}
	name := args[0]
	switch name {
	case "--help", "-help", "-h", "help":
		if name == "help" && len(args) > 1 {
			return c.dispatch(ctx, env, path, append(args[1:], "--help"))
		}
		_, err := io.WriteString(env.Stdout, c.help(full, nil))
		return full, err
	case "--version", "-version":
		name = "version"
	}
	var names []string
	for _, sub := range c.subs {
		if sub.name == name {
			return sub.dispatch(ctx, env, append(path, name), args[1:])
		}
		names = append(names, sub.name)
	}
	if strings.HasPrefix(name, "-") {
		return full, usagef("flag %s stands before the command; flags follow it", name)
	}
	if near := configs.Nearest(name, names); near != "" {
		return full, usagef("unknown command %q; did you mean %s?", name, near)
	}
	return full, usagef("unknown command %q; there are %s", name, strings.Join(names, ", "))
}

func (c *command) parseAndRun(ctx context.Context, env *Env, full string, args []string) error {
	fs := flag.NewFlagSet(full, flag.ContinueOnError)
	fs.SetOutput(io.Discard) // faults are reported once, by main
	if c.flags != nil {
		c.flags(fs)
	}
	rest, err := parse(fs, args)
	if errors.Is(err, flag.ErrHelp) {
		_, err = io.WriteString(env.Stdout, c.help(full, fs))
		return err
	}
	if err != nil {
		return usageFault(fs, err)
	}
	if c.args == "" && len(rest) > 0 {
		return usagef("takes no arguments, but %q was given", rest[0])
	}
	return c.run(ctx, env, rest)
}

// parse reads flags wherever they stand, also after the arguments, as far as a
// "--", and gives the arguments.
func parse(fs *flag.FlagSet, args []string) ([]string, error) {
	var rest []string
	for {
		if err := fs.Parse(args); err != nil {
			return nil, err
		}
		left := fs.Args()
		if len(left) == 0 {
			return rest, nil
		}
		if read := len(args) - len(left); read > 0 && args[read-1] == "--" {
			return append(rest, left...), nil
		}
		rest, args = append(rest, left[0]), left[1:]
	}
}

// usageFault turns what the flag package says into our words, with a hint.
func usageFault(fs *flag.FlagSet, err error) error {
	text := err.Error()
	if name, ok := strings.CutPrefix(text, "flag provided but not defined: "); ok {
		name = strings.TrimLeft(name, "-")
		var names []string
		fs.VisitAll(func(f *flag.Flag) { names = append(names, f.Name) })
		if near := configs.Nearest(name, names); near != "" {
			return usagef("unknown flag --%s; did you mean --%s?", name, near)
		}
		return usagef("unknown flag --%s", name)
	}
	if name, ok := strings.CutPrefix(text, "flag needs an argument: "); ok {
		return usagef("flag --%s needs a value", strings.TrimLeft(name, "-"))
	}
	return usagef("%s", strings.ReplaceAll(text, " for flag -", " for flag --"))
}
