package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tributary-data/tributary/internal/testkit"
)

// In a document, a fence opened by one of these is run, or compared:
//
//	```sh run          commands that end
//	```sh run server   one command that stays: the test goes on when its first
//	                   line on stdout, the address, is there
//	```text out        what the block before must have written, line by line and
//	                   in this order; ... stands for anything
//
// A line <!-- run: stop --> ends the server by SIGTERM and wants exit code 0.
// All blocks of a document run in one shell in one empty directory, with the
// program of this tree as tributary; 127.0.0.1:8080 becomes a free port.
var documents = []string{
	"README.md",
	"docs/quickstart-campaign-manager.md",
	"docs/quickstart-analyst.md",
	"docs/quickstart-data-engineer.md",
	"docs/quickstart-operator.md",
}

const (
	// shownAddress is the address that documents use.
	shownAddress = "127.0.0.1:8080"

	// documentTimeout is the longest that one document may take; the demo
	// loads a day of traffic, under other tests.
	documentTimeout = 10 * time.Minute
)

// binary is the program, built once.
var binary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "tributary-docs-test-")
	if err != nil {
		return "", err
	}
	out, err := exec.Command("go", "build", "-o", filepath.Join(dir, "tributary"), "../..").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build the program: %w\n%s", err, out)
	}
	return dir, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if dir, err := binary(); err == nil {
		_ = os.RemoveAll(dir)
	}
	os.Exit(code)
}

func TestCommandsOfTheDocuments(t *testing.T) {
	for _, tool := range []string{"bash", "curl", "awk"} {
		if _, err := exec.LookPath(tool); err != nil {
			if os.Getenv(testkit.RequireEnv) == "require" {
				t.Fatalf("the documents use %s, which is not installed", tool)
			}
			t.Skipf("the documents use %s, which is not installed", tool)
		}
	}
	bin, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range documents {
		t.Run(filepath.Base(name), func(t *testing.T) {
			text, err := os.ReadFile(filepath.Join(root, name))
			if err != nil {
				t.Fatal(err)
			}
			steps, err := readSteps(string(text))
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if len(steps) < 3 {
				t.Fatalf("%s has %d steps to run; were its fences marked?", name, len(steps))
			}
			runSteps(t, name, bin, steps)
		})
	}
}

// A step is one block of a document.
type step struct {
	kind string // run, server, stop, out
	line int
	text string
}

var fence = regexp.MustCompile("^```([a-z]*) ?(.*)$")

// readSteps finds the marked blocks.
func readSteps(text string) ([]step, error) {
	var steps []step
	var open *step
	inside := false
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimRight(line, "\n")
		switch {
		case inside && line == "```":
			inside = false
			if open != nil {
				steps, open = append(steps, *open), nil
			}
		case inside && open != nil:
			open.text += line + "\n"
		case inside:
		case line == "<!-- run: stop -->":
			steps = append(steps, step{kind: "stop", line: n})
		default:
			m := fence.FindStringSubmatch(line)
			if m == nil {
				continue
			}
			inside = true
			switch {
			case m[2] == "":
			case m[1] == "sh" && m[2] == "run":
				open = &step{kind: "run", line: n}
			case m[1] == "sh" && m[2] == "run server":
				open = &step{kind: "server", line: n}
			case m[2] == "out":
				open = &step{kind: "out", line: n}
			default:
				return nil, fmt.Errorf("line %d: the fence %q is none that is known", n, line)
			}
		}
	}
	if inside {
		return nil, errors.New("the last fence is not closed")
	}
	return steps, nil
}

// shell is what goes before the blocks: servers end when the shell does.
const shell = `set -euo pipefail
SERVER=
ended() {
  if [ -n "$SERVER" ]; then kill -TERM "$SERVER" 2>/dev/null || true; wait "$SERVER" 2>/dev/null || true; fi
}
trap ended EXIT
await() { # file of stdout, file of stderr
  for _ in $(seq 4000); do
    if grep -q '^http' "$1"; then return 0; fi
    if ! kill -0 "$SERVER" 2>/dev/null; then break; fi
    sleep 0.1
  done
  echo "the server did not become ready:" >&2; cat "$2" >&2; return 1
}
`

// runSteps makes one script of the blocks, runs it, and compares.
func runSteps(t *testing.T, name, bin string, steps []step) {
	t.Helper()
	dir, said := t.TempDir(), t.TempDir()
	address := freeAddress(t)
	here := func(s string) string { return strings.ReplaceAll(s, shownAddress, address) }
	var script strings.Builder
	script.WriteString(shell)
	for i, s := range steps {
		out := filepath.Join(said, fmt.Sprint(i))
		fmt.Fprintf(&script, "echo '@@ %s:%d' >&2\n", name, s.line)
		switch s.kind {
		case "run":
			fmt.Fprintf(&script, "{\n%s} >%q\n", here(s.text), out)
		case "server":
			fmt.Fprintf(&script, "( exec %s ) >%q 2>%q &\nSERVER=$!\nawait %q %q\n", serverCommand(here(s.text), address), out, out+".err", out, out+".err")
		case "stop":
			script.WriteString("kill -TERM \"$SERVER\"\nwait \"$SERVER\"\nSERVER=\n")
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), documentTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-c", script.String())
	cmd.Dir = dir
	cmd.Env = append(cleanEnvironment(), "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // the trap ends the server
	cmd.WaitDelay = 30 * time.Second
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for i, s := range steps {
		if s.kind != "out" {
			continue
		}
		if i == 0 || steps[i-1].kind != "run" && steps[i-1].kind != "server" {
			t.Errorf("%s:%d: no commands stand before this output", name, s.line)
			continue
		}
		got, err := os.ReadFile(filepath.Join(said, fmt.Sprint(i-1)))
		if err != nil {
			t.Fatal(err)
		}
		if line := missing(string(got), here(s.text)); line != "" {
			t.Errorf("%s:%d: the commands did not write, in this order,\n\t%s\nbut\n%s", name, s.line, line, got)
		}
	}
}

// serverCommand is the command of a server, on its port.
func serverCommand(text, address string) string {
	text = strings.TrimSpace(text)
	if rest, ok := strings.CutPrefix(text, "go run . "); ok {
		text = "tributary " + rest // this tree's program, built already
	}
	if i := strings.Index(text, " #"); i >= 0 {
		text = strings.TrimSpace(text[:i])
	}
	if !strings.Contains(text, address) {
		text += " --listen " + address
	}
	return text
}

// missing is the first line of want that got lacks after those before it. One
// blank stands for several: tables are as wide as what is in them.
func missing(got, want string) string {
	for line := range strings.Lines(want) {
		line = strings.TrimSpace(line)
		if line == "" || line == "..." {
			continue
		}
		pattern := strings.ReplaceAll(regexp.QuoteMeta(strings.Join(strings.Fields(line), " ")), `\.\.\.`, ".*")
		at := regexp.MustCompile(strings.ReplaceAll(pattern, " ", `[ \t]+`)).FindStringIndex(got)
		if at == nil {
			return line
		}
		got = got[at[1]:]
	}
	return ""
}

// freeAddress is one on loopback that nobody listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

// cleanEnvironment is that of the test without what configures the program.
func cleanEnvironment() []string {
	var env []string
	for _, e := range os.Environ() {
		if !strings.HasPrefix(e, "TRIBUTARY_") && !strings.HasPrefix(e, "PATH=") {
			env = append(env, e)
		}
	}
	return env
}

func TestReadSteps(t *testing.T) {
	steps, err := readSteps("a\n```sh run\nx\n```\n```text out\ny\n```\n```sh\nz\n```\n```sh run server\ngo run . demo # that\n```\n<!-- run: stop -->\n")
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprint(steps)
	if want := "[{run 2 x\n} {out 5 y\n} {server 11 go run . demo # that\n} {stop 14 }]"; got != want {
		t.Errorf("got %q; want %q", got, want)
	}
	if _, err := readSteps("```sh runs\n```\n"); err == nil {
		t.Error("an unknown mark is accepted")
	}
	if line := missing("one two\nthree", "one ... two\nfour"); line != "one ... two" {
		t.Errorf("missing said %q", line)
	}
	if got := serverCommand("go run . demo # that\n", "a:1"); got != "tributary demo --listen a:1" {
		t.Errorf("serverCommand said %q", got)
	}
}
