package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/fraud"
	"github.com/tributary-data/tributary/ingest"
	"github.com/tributary-data/tributary/ingest/generate"
	"github.com/tributary-data/tributary/internal/conform"
	"github.com/tributary-data/tributary/pipeline"
	"github.com/tributary-data/tributary/state"
	"github.com/tributary-data/tributary/table"
)

// scripted is a path with everything to explain: an identity, an invalid click,
// one out of reach, a restatement.
const scripted = `{"event_id":"old","type":"click","event_time":"2026-01-01T00:00:00Z","user_id":"ann","channel":"Email","campaign_id":"k0"}
{"event_id":"c1","type":"click","event_time":"2026-02-01T00:00:00Z","anonymous_id":"dev","channel":"Paid Search","campaign_id":"k1"}
{"event_id":"c2","type":"click","event_time":"2026-02-02T00:00:00Z","user_id":"ann","channel":"Email","campaign_id":"k2","creative_id":"x"}
{"event_id":"c2b","type":"click","event_time":"2026-02-02T00:00:00.500Z","user_id":"ann","channel":"Email","campaign_id":"k2","creative_id":"x"}
{"event_id":"link","type":"identify","event_time":"2026-02-02T01:00:00Z","user_id":"ann","anonymous_id":"dev"}
{"event_id":"buy/1","type":"conversion","event_time":"2026-02-03T00:00:00Z","user_id":"ann","value":"100.01","order_id":"o1"}
{"event_id":"fix","type":"adjustment","event_time":"2026-02-04T00:00:00Z","adjusts":"buy/1","kind":"restate","value":"50.01"}
`

// stateDir is a data directory of generated and scripted traffic that no
// process has open.
func stateDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	traffic := filepath.Join(dir, "traffic")
	if _, err := generate.Write(context.Background(), generate.Options{Seed: 3, Events: 4000, Days: 3, Fraud: 0.2}, traffic, nil); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(traffic, "scripted.ndjson"), []byte(scripted), 0o600); err != nil {
		t.Fatal(err)
	}
	lists, err := fraud.LoadLists(fraud.DefaultConfig().Lists, "")
	if err != nil {
		t.Fatal(err)
	}
	var inputs []pipeline.Input
	for _, name := range append(slices.Clone(generate.Topics), "scripted") {
		f, err := ingest.OpenFile(filepath.Join(traffic, name+".ndjson"), ingest.FileOptions{
			Decode: ingest.DecodeConfig{DefaultCurrency: "USD"}, Clock: 1 << 52,
			NewJudge: func() func(*event.Event) event.Reasons {
				return func(e *event.Event) event.Reasons { return lists.Judge(e, nil) }
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = f.Close() })
		inputs = append(inputs, f)
	}
	data := filepath.Join(dir, "data")
	store, err := state.Open(data, state.Options{CacheSize: 8 << 20})
	if err != nil {
		t.Fatal(err)
	}
	engine, err := pipeline.Open(pipeline.DefaultConfig(), store, pipeline.Options{Shards: 1, Outbox: true, SeenBytes: 1 << 20, RecentPersons: 1 << 10})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pipeline.Replay(context.Background(), engine, inputs, pipeline.ReplayOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(engine.Close(), store.Close()); err != nil {
		t.Fatal(err)
	}
	return data
}

// want runs a command and gives what it wrote; its code must be the one given.
func want(t *testing.T, code int, args ...string) result {
	t.Helper()
	r := run(t, args...)
	if r.code != code {
		t.Fatalf("%v: code %d; want %d\nstdout: %s\nstderr: %s", args, r.code, code, r.out, r.errors)
	}
	return r
}

func TestExportWritesEveryTableInEveryFormat(t *testing.T) {
	data, out := stateDir(t), filepath.Join(t.TempDir(), "a", "b")
	want(t, ExitOK, "export", "--data", data, "--table", "all", "--out", out)
	tables, faults, err := conform.Load(out)
	if err != nil || len(faults) > 0 {
		t.Fatal(err, faults)
	}
	for _, f := range append(conform.Invariants(tables), conform.Compare(tables, tables, conform.Options{})...) {
		t.Error(f)
	}
	// One table more beside the others, and again over itself.
	for _, format := range []string{"csv", "parquet", "csv"} {
		want(t, ExitOK, "export", "--data", data, "--table", "credits", "--format", format, "--out", out)
	}
	entries, err := os.ReadDir(out)
	if err != nil || len(entries) != len(table.All)+2 {
		t.Errorf("%d files (%v); want all tables and credits in two more formats", len(entries), err)
	}
	// Ranges keep the order of the key, and cut exactly.
	part := t.TempDir()
	for _, name := range []string{"conversions", "credits", "sessions", "minute_delivery", "verdicts"} {
		want(t, ExitOK, "export", "--data", data, "--table", name, "--from", "2026-01-06", "--to", "2026-01-07", "--out", part)
	}
	ranged, _, err := conform.Load(part)
	if err != nil {
		t.Fatal(err)
	}
	for name, column := range map[string]string{"conversions": "event_time", "sessions": "end", "minute_delivery": "minute", "verdicts": "event_time"} {
		tb, _ := table.ByName(name)
		from, to := event.Millis(1767657600000), event.Millis(1767744000000)
		var wanted []table.Row
		for _, r := range tables[name] {
			if at := event.Millis(r[tb.Col(column)].Int); at >= from && at < to {
				wanted = append(wanted, r)
			}
		}
		if got := ranged[name]; len(wanted) == 0 || len(got) != len(wanted) || !slices.IsSortedFunc(got, tb.Compare) {
			t.Errorf("%s in the range: %d rows; want %d, in order", name, len(got), len(wanted))
		}
	}
	for _, r := range ranged["credits"] {
		if !slices.ContainsFunc(ranged["conversions"], func(c table.Row) bool { return c[0].Text == r[0].Text }) {
			t.Errorf("a credit of conversion %s, which is not in the range", r[0].Text)
		}
	}
}

func TestExportRefusals(t *testing.T) {
	none := filepath.Join(t.TempDir(), "none")
	if r := want(t, ExitFailure, "export", "--data", none, "--table", "credits", "--out", t.TempDir()); !strings.Contains(r.errors, "no state") {
		t.Errorf("without a state: %s", r.errors)
	}
	if _, err := os.Stat(none); !os.IsNotExist(err) {
		t.Errorf("the command made the directory that was not there")
	}
	data := stateDir(t)
	if r := want(t, ExitConfig, "export", "--data", data, "--table", "credits", "--sink", "redis"); !strings.Contains(r.errors, "sinks.redis") {
		t.Errorf("a sink that is not configured: %s", r.errors)
	}
	if r := want(t, ExitUnreachable, "export", "--server", "http://127.0.0.1:1", "--table", "conversions", "--out", t.TempDir()); !strings.Contains(r.errors, "serve") {
		t.Errorf("no server: %s", r.errors)
	}
	if r := want(t, ExitUnreachable, "reconcile", "files", "--server", "http://127.0.0.1:1"); !strings.Contains(r.errors, "serve") {
		t.Errorf("no server: %s", r.errors)
	}
}

func TestReconcileFindsWhatASinkHasNot(t *testing.T) {
	data := stateDir(t)
	for _, format := range []string{"ndjson", "csv", "parquet"} {
		sink := filepath.Join(t.TempDir(), "sink")
		flags := []string{"--data", data, "--set", "sinks.files.dir=" + sink, "--set", "sinks.files.format=" + format}
		if r := want(t, ExitDifference, append([]string{"reconcile", "files"}, flags...)...); !strings.Contains(r.out, "no manifest") {
			t.Errorf("%s: an empty sink: %s", format, r.out)
		}
		want(t, ExitOK, append([]string{"export", "--table", "credits", "--sink", "files"}, flags...)...)
		want(t, ExitOK, append([]string{"reconcile", "files"}, flags...)...)
		names, err := filepath.Glob(filepath.Join(sink, "conversions", "*."+format))
		if err != nil || len(names) == 0 {
			t.Fatalf("no files of conversions (%v)", err)
		}
		var b []byte
		for i, name := range names { // the first with a purchase in it
			if b, err = os.ReadFile(name); err != nil {
				t.Fatal(err)
			}
			if at := bytes.Index(b, []byte("purchase")); at >= 0 || i == len(names)-1 {
				b[max(at, 0)] ^= 'p' ^ 'P'
				names[0] = name
				break
			}
		}
		if err := os.WriteFile(names[0], b, 0o600); err != nil {
			t.Fatal(err)
		}
		r := want(t, ExitDifference, append([]string{"reconcile", "files"}, flags...)...)
		if !strings.Contains(r.out, "conversions/"+filepath.Base(names[0])) || !strings.Contains(r.out, "checksum") {
			t.Errorf("%s: a changed file: %s", format, r.out)
		}
		if format != "parquet" && !strings.Contains(r.out, `conversion_name is "purchase" in the state, "Purchase" in the sink`) {
			t.Errorf("%s: the cell is not named: %s", format, r.out)
		}
		if err := os.Remove(names[0]); err != nil {
			t.Fatal(err)
		}
		if r := want(t, ExitDifference, append([]string{"reconcile", "files"}, flags...)...); !strings.Contains(r.out, "it is not there") {
			t.Errorf("%s: a removed file: %s", format, r.out)
		}
	}
}

func TestExplainAddsUp(t *testing.T) {
	data := stateDir(t)
	r := want(t, ExitOK, "explain", "buy/1", "--data", data)
	for _, part := range []string{
		"conversion buy/1 (conversion) of u:ann at 2026-02-03T00:00:00.000Z", "value 50.01 USD, verdict valid", "restated from 100.01 USD",
		"a:dev, linked by link", "touches: 2 counted, 1 not", "invalid: duplicate_click", "fix restate to 50.01 USD",
	} {
		if !strings.Contains(r.out, part) {
			t.Errorf("no %q in\n%s", part, r.out)
		}
	}
	// The arithmetic that is shown adds up, model by model.
	share := regexp.MustCompile(`(?m)^ +\d+  .* (\d+) ppm +([\d.]+) USD$`)
	for _, model := range []string{"first_touch", "linear", "position_based", "time_decay"} {
		_, part, ok := strings.Cut(r.out, "\n"+model+": ")
		part, _, _ = strings.Cut(part, "\n\n")
		if !ok {
			t.Fatalf("no model %s in\n%s", model, r.out)
		}
		ppm, cents := 0, 0.0
		for _, m := range share.FindAllStringSubmatch(part, -1) {
			n, _ := strconv.Atoi(m[1])
			x, _ := strconv.ParseFloat(m[2], 64)
			ppm, cents = ppm+n, cents+x
		}
		if ppm != 1_000_000 || cents < 50.0099999 || cents > 50.0100001 {
			t.Errorf("%s: the shares add up to %d ppm and %f:\n%s", model, ppm, cents, part)
		}
	}
	var x explained
	if err := json.Unmarshal([]byte(want(t, ExitOK, "explain", "buy/1", "--data", data, "--json").out), &x); err != nil || x.Data.Counted != 2 {
		t.Errorf("--json: %v, %d counted", err, x.Data.Counted)
	}
	if r := want(t, ExitFailure, "explain", "nobody", "--data", data); !strings.Contains(r.errors, `no conversion "nobody"`) || r.out != "" {
		t.Errorf("an unknown id: %+v", r)
	}
	if r := want(t, ExitUnreachable, "explain", "x", "--server", "http://127.0.0.1:1"); r.out != "" {
		t.Errorf("no server: %+v", r)
	}
}

func TestStateCommands(t *testing.T) {
	data := stateDir(t)
	inspect := want(t, ExitOK, "state", "inspect", "--data", data).out
	for _, part := range []string{"epoch", "watermark", "the end: everything is final", "impressions", "credit journal"} {
		if !strings.Contains(inspect, part) {
			t.Errorf("inspect: no %q in\n%s", part, inspect)
		}
	}
	if r := want(t, ExitOK, "state", "verify", "--data", data); strings.Contains(r.out, "FAILS") || strings.Contains(r.out, ": 0 looked at") {
		t.Errorf("verify: %s", r.out)
	}
	backup, restored := filepath.Join(t.TempDir(), "deep", "backup"), filepath.Join(t.TempDir(), "data")
	want(t, ExitOK, "state", "backup", "--data", data, "--to", backup)
	want(t, ExitUsage, "state", "backup", "--data", data, "--to", backup)
	want(t, ExitOK, "state", "restore", "--from", backup, "--data", restored)
	if out := want(t, ExitOK, "state", "inspect", "--data", restored).out; !strings.Contains(out, "from a backup, under epoch 2") {
		t.Errorf("inspect of what was restored: %s", out)
	}
	want(t, ExitFailure, "state", "restore", "--from", filepath.Join(data, "none"), "--data", filepath.Join(t.TempDir(), "x"))
	none := filepath.Join(t.TempDir(), "none")
	want(t, ExitFailure, "state", "backup", "--data", none, "--to", filepath.Join(t.TempDir(), "x"))
	if _, err := os.Stat(none); !os.IsNotExist(err) {
		t.Errorf("backup made the directory that was not there")
	}

	// Damage: a conversion is taken away behind the engine's back.
	store, err := state.Open(data, state.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var key []byte
	_ = store.Scan([]byte{byte(state.Conversions)}, []byte{byte(state.Conversions) + 1}, func(k, _ []byte) bool {
		key = bytes.Clone(k)
		return false
	})
	b := store.NewBatch()
	b.Delete(key)
	if err := errors.Join(b.Commit(), store.Close()); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"state", "verify", "--data", data}, {"verify", "--data", data}} {
		if r := want(t, ExitDifference, args...); !strings.Contains(r.out, "FAILS  minute_conversions is the sum over conversions") {
			t.Errorf("%v of a damaged state: %s", args, r.out)
		}
	}
}

func TestStateOfAnotherProcessIsNotTouched(t *testing.T) {
	data := stateDir(t)
	store, err := state.Open(data, state.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	for _, args := range [][]string{
		{"state", "inspect"},
		{"state", "verify"},
		{"state", "backup", "--to", filepath.Join(t.TempDir(), "b")},
		{"explain", "x"},
		{"export", "--table", "credits", "--out", t.TempDir()},
		{"fraud", "rejudge"},
	} {
		if r := want(t, ExitFailure, append(args, "--data", data)...); !strings.Contains(r.errors, "in use") {
			t.Errorf("%v: %s", args, r.errors)
		}
	}
}

func TestStatePlan(t *testing.T) {
	r := want(t, ExitOK, "state", "plan", "--rate", "7000")
	// 7,000 a second are 604,800,000 a day of 60 bytes, for 90 + 7 + 1 days and a bucket.
	for _, part := range []string{"604800000", "36.3 GB", "98.2 days", "3.6 TB", "full after 12.0 hours", "60 bytes an impression"} {
		if !strings.Contains(r.out, part) {
			t.Errorf("no %q in\n%s", part, r.out)
		}
	}
	short := want(t, ExitOK, "state", "plan", "--rate", "7000", "--set", "attribution.lookback.impression=8d").out
	if !strings.Contains(short, "105.2 days") {
		t.Errorf("a longer lookback keeps no longer:\n%s", short)
	}
	if small := want(t, ExitOK, "state", "plan", "--rate", "0.01", "--ctr", "0").out; !strings.Contains(small, "a hundred years") {
		t.Errorf("one impression in 100 s:\n%s", small)
	}
}

func TestFraudRejudge(t *testing.T) {
	data := stateDir(t)
	out := t.TempDir()
	want(t, ExitOK, "export", "--data", data, "--table", "all", "--out", out)
	block := file(t, "all.txt", "0.0.0.0/1\n128.0.0.0/1\n::/0\n")
	if r := want(t, ExitOK, "fraud", "rejudge", "--data", data); !strings.Contains(r.out, " 0 judged anew") {
		t.Errorf("the same lists change something: %s", r.out)
	}
	r := want(t, ExitOK, "fraud", "rejudge", "--data", data, "--block-ips", block)
	if strings.Contains(r.out, " 0 judged anew") {
		t.Errorf("everything is blocked, but: %s", r.out)
	}
	want(t, ExitOK, "state", "verify", "--data", data)
	want(t, ExitOK, "fraud", "rejudge", "--data", data)
	want(t, ExitOK, "state", "verify", "--data", data)
	again := t.TempDir()
	want(t, ExitOK, "export", "--data", data, "--table", "all", "--out", again)
	before, _, err1 := conform.Load(out)
	after, _, err2 := conform.Load(again)
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	// Of impressions a live state keeps a sample of verdicts, a replay all.
	delete(before, table.Verdicts.Name)
	delete(after, table.Verdicts.Name)
	tables := []string{}
	for name := range before {
		tables = append(tables, name)
	}
	for _, f := range conform.Compare(before, after, conform.Options{Tables: tables}) {
		t.Errorf("blocked and let in again: %v", f)
	}
	if r := want(t, ExitConfig, "fraud", "rejudge", "--data", data, "--set", "sessions.gap=5m"); !strings.Contains(r.errors, "other rules") {
		t.Errorf("other rules: %s", r.errors)
	}
	want(t, ExitConfig, "fraud", "rejudge", "--data", data, "--block-ips", filepath.Join(out, "none.txt"))
}

func TestGenerateTwiceGivesTheSame(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "traffic")
	first := want(t, ExitOK, "generate", "--events", "2000", "--out", dir)
	clicks, err := os.ReadFile(filepath.Join(dir, "clicks.ndjson"))
	if err != nil || !strings.Contains(first.out, "2000 records") {
		t.Fatalf("%v, %s", err, first.out)
	}
	want(t, ExitUsage, "generate", "--events", "2000", "--out", dir)
	if second := want(t, ExitOK, "generate", "--events", "2000", "--out", dir, "--force"); second.out != first.out {
		t.Errorf("again: %s; want %s", second.out, first.out)
	}
	again, err := os.ReadFile(filepath.Join(dir, "clicks.ndjson"))
	if err != nil || !bytes.Equal(clicks, again) {
		t.Errorf("the same flags wrote other bytes (%v)", err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".tributary-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	for _, args := range []string{"--fraud 0.95", "--people 5 --days 4000", "--start 1960-01-01"} {
		want(t, ExitUsage, append(append([]string{"generate"}, strings.Fields(args)...), "--out", filepath.Join(dir, "x"))...)
	}
}

func TestVerifyHolds(t *testing.T) {
	r := want(t, ExitOK, "verify")
	if strings.Contains(r.out, "FAILS") || !strings.Contains(r.out, "everything holds") {
		t.Errorf("%s", r.out)
	}
	want(t, ExitFailure, "verify", "--data", filepath.Join(t.TempDir(), "none"))
}
