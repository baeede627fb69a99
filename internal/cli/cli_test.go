package cli

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/tributary-data/tributary/configs"
)

// result is what a run left behind.
type result struct {
	code        int
	out, errors string
}

func runEnv(t *testing.T, environ []string, args ...string) result {
	t.Helper()
	return runCommands(context.Background(), t, commands(), environ, args...)
}

func run(t *testing.T, args ...string) result { t.Helper(); return runEnv(t, nil, args...) }

func runCommands(ctx context.Context, t *testing.T, cmds []*command, environ []string, args ...string) result {
	t.Helper()
	var out, errs bytes.Buffer
	env := &Env{Stdin: strings.NewReader(""), Stdout: &out, Stderr: &errs, Environ: environ, Log: slog.New(slog.DiscardHandler)}
	root := &command{name: "tributary", short: rootShort, long: rootLong, subs: cmds}
	return result{root.main(ctx, env, args), out.String(), errs.String()}
}

func file(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestHelpEverywhere(t *testing.T) {
	var walk func(path []string, cmds []*command)
	walk = func(path []string, cmds []*command) {
		for _, c := range cmds {
			p := append(path[:len(path):len(path)], c.name)
			for _, args := range [][]string{append(p[:len(p):len(p)], "--help"), append(p[:len(p):len(p)], "-h"), append([]string{"help"}, p...)} {
				r := run(t, args...)
				if r.code != ExitOK || r.errors != "" || !strings.Contains(r.out, "Usage:\n  tributary "+strings.Join(p, " ")) {
					t.Errorf("%v: code %d, stdout %q, stderr %q; want the page on stdout and 0", args, r.code, r.out, r.errors)
				}
			}
			if c.short == "" || c.run == nil && c.subs == nil {
				t.Errorf("%v has no summary, or nothing to run", p)
			}
			walk(p, c.subs)
		}
	}
	walk(nil, commands())
	if r := run(t, "--help"); r.code != ExitOK || !strings.Contains(r.out, "replay") || r.errors != "" {
		t.Errorf("--help: %+v", r)
	}
	// Also behind arguments and other flags.
	if r := run(t, "replay", "a.ndjson", "--force", "--help"); r.code != ExitOK || !strings.Contains(r.out, "--as-of T") {
		t.Errorf("replay a.ndjson --force --help: %+v", r)
	}
}

func TestEveryCommandOfTheContractIsThere(t *testing.T) {
	r := run(t, "--help")
	for _, name := range strings.Fields("serve demo replay generate verify validate config export reconcile explain bench state fraud version") {
		if !strings.Contains(r.out, "\n  "+name+" ") {
			t.Errorf("help does not list %s", name)
		}
	}
}

func TestUsageFaults(t *testing.T) {
	dir := t.TempDir()
	full := filepath.Dir(file(t, "x", "x"))
	cases := []struct {
		args string
		hint string // part of stderr
	}{
		{"", "no command given"},
		{"repaly", "did you mean replay?"},
		{"xyz", "there are serve, demo"},
		{"--config a replay", "flags follow it"},
		{"state", "no command given"},
		{"state pln", "did you mean plan?"},
		{"config prnt", "did you mean print?"},
		{"version now", `"now" was given`},
		{"replay --frmat csv a", "did you mean --format?"},
		{"replay --zzz a", "unknown flag --zzz"},
		{"replay a --out", "--out needs a value"},
		{"replay --out " + dir, "no input FILE"},
		{"replay a.ndjson", "--out DIR is missing"},
		{"replay a/x.ndjson --out " + dir + " b/x.ndjson", "same base name"},
		{"replay a --out " + full, "is not empty"},
		{"replay a --out " + filepath.Join(full, "x"), "is a file"},
		{"replay a --format xml --out " + dir, "ndjson, csv, parquet"},
		{"replay a --as-of noon --out " + dir, "2026-03-01T12:00:00Z"},
		{"replay a --as-of 1700000000 --out " + dir, "looks like seconds"},
		{"replay a --lateness week --out " + dir, `"none"`},
		{"replay a --shards x --out " + dir, "--shards"},
		{"replay a --set gap --out " + dir, "key=value"},
		{"generate", "--out DIR is missing"},
		{"generate --events 5 --people 3 --days 1 --out " + dir, "not both"},
		{"generate --people 3 --out " + dir, "belong together"},
		{"generate --fraud 2 --out " + dir, "between 0 and 1"},
		{"generate --fraud NaN --out " + dir, "between 0 and 1"},
		{"generate --out " + full, "is not empty"},
		{"generate extra --out " + dir, "takes no arguments"},
		{"export --out " + dir, "--table T is missing"},
		{"export --table credit --out " + dir, "did you mean credits?"},
		{"export --table credits", "one of the two"},
		{"export --table credits --sink files --out " + dir, "one of the two"},
		{"export --table credits --sink oracle", "unknown sink"},
		{"export --table credits --from 2026-03-02 --to 2026-03-01 --out " + dir, "is not before"},
		{"export --table credits --data d --server http://h --out " + dir, "exclude each other"},
		{"reconcile", "one sink"},
		{"reconcile mysql", "unknown sink"},
		{"explain", "CONVERSION_ID"},
		{"explain a b", "CONVERSION_ID"},
		{"explain a --server localhost:8080", "is not a URL"},
		{"bench --load 0", "between 0 and 1"},
		{"demo --rate -1", "is negative"},
		{"state backup", "--to DIR is missing"},
		{"state backup --to " + full, "is not empty"},
		{"state restore --from x", "--data DIR is missing"},
		{"state restore --from x --data " + full, "is not empty"},
		{"state plan", "--rate"},
		{"fraud rejudge --block-ips", "needs a value"},
	}
	for _, c := range cases {
		r := run(t, strings.Fields(c.args)...)
		if r.code != ExitUsage || r.out != "" || !strings.Contains(r.errors, c.hint) {
			t.Errorf("%s: code %d, stdout %q, stderr %q; want code 2 and %q", c.args, r.code, r.out, r.errors, c.hint)
		}
		if !strings.Contains(r.errors, "--help'") {
			t.Errorf("%s: stderr %q does not say where help is", c.args, r.errors)
		}
	}
}

func TestBadConfigurationListsAllFaults(t *testing.T) {
	path := file(t, "bad.yaml", "sessions: {gap: 5}\nattribution: {max_touches: 1}\nfrud: {}\n")
	dir := t.TempDir()
	for _, args := range [][]string{{"config", "print"}, {"validate"}} {
		r := run(t, append(args, "--config", path)...)
		if r.code != ExitConfig || r.out != "" {
			t.Errorf("%v: code %d, stdout %q; want 78 and nothing", args, r.code, r.out)
		}
		for _, key := range []string{"sessions.gap", "attribution.max_touches", "frud", "did you mean fraud?", "bad.yaml:3"} {
			if !strings.Contains(r.errors, key) {
				t.Errorf("%v: stderr lacks %q:\n%s", args, key, r.errors)
			}
		}
	}
	if r := run(t, "validate", "--config", filepath.Join(dir, "none.yaml")); r.code != ExitConfig {
		t.Errorf("a missing file: %+v; want code 78", r)
	}
	if r := runEnv(t, []string{"TRIBUTARY_CONFIG=" + path}, "validate"); r.code != ExitConfig {
		t.Errorf("the file named by the environment: %+v; want code 78", r)
	}
	if r := run(t, "validate", "--set", "log.level=loud"); r.code != ExitConfig || !strings.Contains(r.errors, "log.level") {
		t.Errorf("--set log.level=loud: %+v; want code 78", r)
	}
}

func TestConfigPrint(t *testing.T) {
	path := file(t, "t.yaml", "sessions: {gap: 10m}\n")
	r := runEnv(t, []string{"TRIBUTARY_MONEY_DEFAULT_CURRENCY=EUR"}, "config", "print", "--config", path, "--set", "log.level=warn")
	if r.code != ExitOK || r.errors != "" {
		t.Fatalf("%+v", r)
	}
	for _, want := range []string{"gap: 10m # " + path + ":1", "default_currency: EUR # environment", "level: warn # command line", "max_touches: 200 # default"} {
		if !strings.Contains(r.out, want) {
			t.Errorf("no %q in\n%s", want, r.out)
		}
	}
}

func TestValidateReadsLists(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"good.txt": "# comment\n\n192.0.2.0/24\n2001:db8::1\n", "bad.txt": "192.0.2.0/24\n192.0.2.300\n", "ua.txt": "(?i)bot\n[\n",
		"good.yaml": "fraud: {lists: {block_ips: [good.txt]}}\n",
		"bad.yaml":  "fraud: {lists: {block_ips: [good.txt, bad.txt], bot_user_agents: [ua.txt], allow_ips: [none.txt]}}\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if r := run(t, "validate", "--config", filepath.Join(dir, "good.yaml")); r.code != ExitOK || !strings.Contains(r.out, "lists ok (version ") {
		t.Errorf("good lists: %+v", r)
	}
	r := run(t, "validate", "--config", filepath.Join(dir, "bad.yaml"))
	if r.code != ExitConfig {
		t.Errorf("bad lists: %+v; want code 78", r)
	}
	for _, want := range []string{"bad.txt:2", "ua.txt:2", "none.txt", "fraud.lists.allow_ips[0]", "fraud.lists.block_ips[1]"} {
		if !strings.Contains(r.errors, want) {
			t.Errorf("stderr lacks %q:\n%s", want, r.errors)
		}
	}
}

func TestFraudLists(t *testing.T) {
	r := run(t, "fraud", "lists", "--set", "fraud.rules.fast_click.mode=off", "--set", "fraud.lists.block_ips="+file(t, "more.txt", "192.0.2.1\n"))
	if r.code != ExitOK || r.errors != "" {
		t.Fatalf("%+v", r)
	}
	for _, want := range []string{"  builtin, ", "more.txt\n", "block_ips ", "allow_ips ", " entries  sources\n", "fast_click           2     off      sivt\n", "ml_score             3     shadow   sivt\n"} {
		if !strings.Contains(r.out, want) {
			t.Errorf("no %q in\n%s", want, r.out)
		}
	}
}

func TestValidateCountsEvents(t *testing.T) {
	good := `{"event_id":"1","type":"click","event_time":"2026-03-01T00:00:00Z","user_id":"a"}` + "\n"
	if r := run(t, "validate", file(t, "a.ndjson", good+good)); r.code != ExitOK || !strings.Contains(r.out, "2 events, 0 dead letters") {
		t.Errorf("good events: %+v", r)
	}
	r := run(t, "validate", file(t, "a.ndjson", good+"{\n{}\n{\n"))
	if r.code != ExitDifference || !strings.Contains(r.out, "1 events, 3 dead letters") || !strings.Contains(r.out, "2, the first at a.ndjson:2") {
		t.Errorf("bad events: %+v; want code 3 and the first malformed one", r)
	}
	if r := run(t, "validate", filepath.Join(t.TempDir(), "none.ndjson")); r.code != ExitFailure || !strings.Contains(r.errors, "does not exist") {
		t.Errorf("a missing file: %+v; want code 1", r)
	}
}

func TestExitCodes(t *testing.T) {
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	background := context.Background()
	cases := []struct {
		ctx  context.Context
		err  error
		want int
	}{
		{background, nil, 0},
		{background, errors.New("x"), 1},
		{background, usagef("x"), 2},
		{background, fmt.Errorf("replay: %w", &Exit{ExitDifference, io.EOF}), 3},
		{background, &Exit{ExitUnreachable, io.EOF}, 69},
		{background, fmt.Errorf("load: %w", &configs.Error{}), 78},
		{cancelled, fmt.Errorf("read: %w", context.Canceled), 130},
		{cancelled, nil, 0}, // drained
		{cancelled, errors.New("x"), 1},
		{background, context.Canceled, 1},
	}
	for _, c := range cases {
		cmd := &command{name: "x", run: func(context.Context, *Env, []string) error { return c.err }}
		if r := runCommands(c.ctx, t, []*command{cmd}, nil, "x"); r.code != c.want {
			t.Errorf("error %v leaves with %d; want %d", c.err, r.code, c.want)
		}
	}
}

func TestFlagsStandAnywhere(t *testing.T) {
	var n int
	var got []string
	cmd := &command{
		name: "x", args: "FILE...",
		flags: func(fs *flag.FlagSet) { fs.IntVar(&n, "n", 0, "") },
		run:   func(_ context.Context, _ *Env, args []string) error { got = args; return nil },
	}
	for _, args := range []string{"x --n 3 a -", "x a --n 3 -", "x a - --n=3", "x a -n 3 - --"} {
		n, got = 0, nil
		if r := runCommands(context.Background(), t, []*command{cmd}, nil, strings.Fields(args)...); r.code != 0 || n != 3 || strings.Join(got, " ") != "a -" {
			t.Errorf("%s: n = %d, arguments %q, %+v", args, n, got, r)
		}
	}
	if runCommands(context.Background(), t, []*command{cmd}, nil, "x", "a", "--", "--n", "b"); strings.Join(got, " ") != "a --n b" {
		t.Errorf("arguments behind -- are %q; want them as they stand", got)
	}
}

func TestVersion(t *testing.T) {
	if r := run(t, "version"); r.code != 0 || !strings.HasPrefix(r.out, "tributary ") || !strings.Contains(r.out, "\ngo1.") {
		t.Errorf("version: %+v", r)
	}
	text := versionText(&debug.BuildInfo{GoVersion: "go1.26", Main: debug.Module{Version: "v1.2.3"}, Settings: []debug.BuildSetting{
		{Key: "vcs.revision", Value: "abc"}, {Key: "vcs.modified", Value: "true"},
	}})
	if !strings.HasPrefix(text, "tributary v1.2.3\ncommit abc (with changes)\ngo1.26 ") {
		t.Errorf("version = %q", text)
	}
}
