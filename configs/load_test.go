package configs

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/fraud"
)

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "t.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func load(t *testing.T, text string, env []string, flags map[string]string) (*Config, *Origins) {
	t.Helper()
	c, origins, err := Load(write(t, text), env, flags)
	if err != nil {
		t.Fatal(err)
	}
	return c, origins
}

// faults loads what must be refused and gives the faults, the file cut down to
// its base name.
func faults(t *testing.T, text string, env []string, flags map[string]string) []Fault {
	t.Helper()
	_, _, err := Load(write(t, text), env, flags)
	var bad *Error
	if !errors.As(err, &bad) {
		t.Fatalf("error = %v; want faults", err)
	}
	for i, f := range bad.Faults {
		if f.Origin.File != "" {
			bad.Faults[i].Origin.File = filepath.Base(f.Origin.File)
		}
	}
	return bad.Faults
}

func TestNoFileIsTheDefaults(t *testing.T) {
	c, _, err := Load("", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(c, Default()) {
		t.Errorf("config = %+v; want the defaults", c)
	}
	if c, _ := load(t, "", nil, nil); c.Server.Listen != "127.0.0.1:8080" {
		t.Errorf("an empty file gives %+v", c.Server)
	}
}

func TestPrecedence(t *testing.T) {
	text := "attribution: {half_life: 2d, max_touches: 50, order_window: 5d}\nfraud: {rules: {ml_score: {threshold: 0.5}}}\n"
	env := []string{"TRIBUTARY_ATTRIBUTION_MAX_TOUCHES=60", "TRIBUTARY_ATTRIBUTION_ORDER_WINDOW=6d", "TRIBUTARY_MONEY_DEFAULT_CURRENCY=", "HOME=x"}
	c, origins := load(t, text, env, map[string]string{"attribution.order_window": "7d"})
	day := event.Duration(event.Day)
	a := c.Attribution
	if a.HalfLife != 2*day || a.MaxTouches != 60 || a.OrderWindow != 7*day || a.AdjustmentWindow != 90*day {
		t.Errorf("attribution = %+v; want half_life of the file, max_touches of the environment, order_window of the flag, adjustment_window by default", a)
	}
	if c.Money.DefaultCurrency != "USD" {
		t.Errorf("an empty variable set the currency to %q; want it to count as absent", c.Money.DefaultCurrency)
	}
	// A rule that is given in part keeps the rest of its defaults.
	if r := c.Fraud.Rules.MLScore; r.Mode != fraud.Shadow || r.Threshold != 0.5 {
		t.Errorf("ml_score = %+v; want shadow at 0.5", r)
	}
	for key, want := range map[string]string{
		"attribution.half_life":          "t.yaml:1",
		"attribution.max_touches":        "environment TRIBUTARY_ATTRIBUTION_MAX_TOUCHES",
		"attribution.order_window":       "command line",
		"attribution.adjustment_window":  "",
		"fraud.rules.ml_score.mode":      "",
		"fraud.rules.ml_score.threshold": "t.yaml:2",
	} {
		if got := filepath.Base(origins.Of(key).String()); got != want && !(want == "" && got == ".") {
			t.Errorf("origin of %s = %q; want %q", key, got, want)
		}
	}
}

func TestModeOffNeedsNoQuotes(t *testing.T) {
	for _, text := range []string{"off", `"off"`, "'off'"} {
		c, _ := load(t, "fraud: {rules: {fast_click: {mode: "+text+"}}}", nil, nil)
		if got := c.Fraud.Rules.FastClick.Mode; got != fraud.Off {
			t.Errorf("mode: %s gives %q; want off", text, got)
		}
	}
}

func TestSectionsThatArePresentAreOn(t *testing.T) {
	c, _ := load(t, "kafka:\nsinks:\n  files: {format: csv}\n  redis: {}\n", nil, nil)
	if c.Kafka == nil || !slices.Equal(c.Kafka.Topics, []string{"impressions", "clicks", "conversions"}) {
		t.Errorf("kafka = %+v; want it on, with its defaults", c.Kafka)
	}
	if c.Sinks.Files == nil || c.Sinks.Files.Dir != "out" || c.Sinks.Files.Format != "csv" {
		t.Errorf("sinks.files = %+v; want csv in out", c.Sinks.Files)
	}
	if c.Sinks.Redis == nil || c.Sinks.ClickHouse != nil {
		t.Errorf("sinks = %+v; want redis on and clickhouse off", c.Sinks)
	}
	c, _ = load(t, "", []string{"TRIBUTARY_KAFKA_BROKERS=a:9092, b:9092"}, nil)
	if c.Kafka == nil || !slices.Equal(c.Kafka.Brokers, []string{"a:9092", "b:9092"}) {
		t.Errorf("kafka = %+v; want it switched on by the environment", c.Kafka)
	}
}

func TestNumbersInListsAreTexts(t *testing.T) {
	c, _ := load(t, "identity: {ignore: [0, -1, true, none]}", nil, nil)
	if want := []string{"0", "-1", "true", "none"}; !slices.Equal(c.Identity.Ignore, want) {
		t.Errorf("ignore = %q; want %q", c.Identity.Ignore, want)
	}
}

func TestAllFaultsAreListed(t *testing.T) {
	text := `server: {listen: nowhere}
state: {disk_budgt: 20GB, disk_budget: many}
kafka: {brokers: [a], topics: impressions}
sinks: {files: {format: xml}, mysql: {}, bigquery: {}}
time: {idle_after: 30, out_of_orderness: 99d}
money: {default_currency: usd}
sessions: {gap: 0s, types: [click, view]}
attribution:
  lookback: {click: 91d, impression: [1]}
  max_touches: lots
  touch_types: []
  click_absorbs_impression: yes
half_life: 7d
ingest: {mappings: [{fields: {user: uid, user_id: {column: a, constant: b}}}, {files: a, header: b, fields: {user_id: u}}]}
fraud:
  rules:
    fast_click: {mode: disabled}
    blocked_ip: {mode: false}
    ml_score: {threshold: 1.5}
    click_rate_ip: {per_minute: 0}
    clickrate: {}
pipeline: {tick: , shards: 1.5}
log: 7
log: {level: loud}
`
	env := []string{"TRIBUTARY_KAFKA_BROKER=a:1", "TRIBUTARY_ATTRIBUTION_HALF_LIFE=week", "TRIBUTARY_LGO_LEVEL=info"}
	got := faults(t, text, env, map[string]string{"sessions.gapp": "1m"})
	var keys []string
	for _, f := range got {
		keys = append(keys, f.Key)
		if f.Origin == (Origin{}) {
			t.Errorf("%v: has no origin", f)
		}
	}
	want := []string{
		"state.disk_budgt", "state.disk_budget", "kafka.topics", "sinks.mysql", "time.idle_after",
		"attribution.lookback.impression", "attribution.max_touches", "attribution.click_absorbs_impression", "half_life",
		"ingest.mappings[0].files", "ingest.mappings[0].fields.user", "ingest.mappings[0].fields.user_id", "ingest.mappings[1].header",
		"fraud.rules.blocked_ip.mode", "fraud.rules.clickrate", "pipeline.tick", "pipeline.shards", "log", "log",
		"attribution.half_life", "TRIBUTARY_KAFKA_BROKER", "TRIBUTARY_LGO_LEVEL", "sessions.gapp",
		"server.listen", "kafka.brokers", "sinks.files.format", "sinks.bigquery.project", "time.out_of_orderness",
		"money.default_currency", "sessions.gap", "sessions.types", "attribution.lookback.click",
		"attribution.touch_types", "fraud.rules.fast_click.mode", "fraud.rules.click_rate_ip.per_minute", "fraud.rules.ml_score.threshold",
	}
	slices.Sort(keys)
	slices.Sort(want)
	if !slices.Equal(keys, want) {
		t.Errorf("keys = %q\nwant   %q", keys, want)
		for _, f := range got {
			t.Log(f)
		}
	}
}

func TestFaultsNamePlaceAndHint(t *testing.T) {
	cases := []struct{ name, text, env, want string }{
		{"unknown", "attribution:\n  half_lif: 7d\n", "", "attribution.half_lif: unknown key; did you mean attribution.half_life? (t.yaml:2)"},
		{"elsewhere", "max_touches: 7\n", "", "max_touches: unknown key; did you mean attribution.max_touches? (t.yaml:1)"},
		{"swapped", "sevrer: {}\n", "", "sevrer: unknown key; did you mean server? (t.yaml:1)"},
		{"duration", "sessions:\n\n  gap: 30\n", "", `sessions.gap: "30" is not a duration; write it as 300ms, 30s, 15m, 1h or 30d (t.yaml:3)`},
		{"quoted", "pipeline: {shards: \"2\"}\n", "", `pipeline.shards: is the text "2", but must be a whole number; write it without quotes (t.yaml:1)`},
		{"number", "state: {dir: 7}\n", "", "state.dir: is the number 7, but must be a text; write it in quotes (t.yaml:1)"},
		{"section", "fraud: [1]\n", "", "fraud: is a list, but must hold keys; write the keys below it, one a line, each with its value (t.yaml:1)"},
		{"mode", "fraud: {rules: {fast_click: {mode: of}}}\n", "", `fraud.rules.fast_click.mode: "of" is not a mode; they are off, shadow, enforce (t.yaml:1)`},
		{"twice", "money: {default_currency: EUR}\nmoney: {}\n", "", "money: stands there twice, first in line 1; keep one of the two (t.yaml:2)"},
		{"environment", "", "TRIBUTARY_PIPELINE_SHARDS=x", `pipeline.shards: is "x", but must be a whole number (environment TRIBUTARY_PIPELINE_SHARDS)`},
		{"range by environment", "", "TRIBUTARY_ATTRIBUTION_MAX_TOUCHES=1", "attribution.max_touches: is 1; it must lie between 2 and 1000 (environment TRIBUTARY_ATTRIBUTION_MAX_TOUCHES)"},
		{"nan", "fraud: {rules: {ml_score: {threshold: .nan}}}\n", "", `fraud.rules.ml_score.threshold: is ".nan", but must be a number (t.yaml:1)`},
		{"mapping", "ingest:\n  mappings:\n    - files: a.csv\n      feilds: {}\n      fields: {user_id: {colum: a}}\n", "", "ingest.mappings[0].feilds: unknown key; did you mean ingest.mappings[0].fields? (t.yaml:4)"},
		{"documents", "log: {}\n---\nlog: {}\n", "", "holds a second document; keep one (t.yaml:2)"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := faults(t, c.text, []string{c.env}, nil)
			if len(got) == 0 || got[0].String() != c.want {
				t.Errorf("faults = %q\nwant     %q", got, c.want)
			}
		})
	}
}

func TestFilesThatAreNoConfiguration(t *testing.T) {
	got := faults(t, "a: [\n", nil, nil)
	if len(got) != 1 || !strings.Contains(got[0].String(), "is not YAML") || got[0].Origin.Line == 0 {
		t.Errorf("faults = %q; want one with the line of the syntax fault", got)
	}
	_, _, err := Load(filepath.Join(t.TempDir(), "none.yaml"), nil, nil)
	if err == nil || !strings.Contains(err.Error(), "cannot read the file") {
		t.Errorf("error of a missing file = %v", err)
	}
}

func TestForeignNamesOfTheEnvironmentOnlyWarn(t *testing.T) {
	_, origins, err := Load("", []string{"TRIBUTARY_SERVICE_HOST=10.0.0.1", "TRIBUTARY_BIN=/usr/bin/tributary", "TRIBUTARY_CONFIG=x"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(origins.Warnings) != 2 {
		t.Errorf("warnings = %q; want one for each of the two foreign names", origins.Warnings)
	}
}

func TestEnvironmentNamesAreDistinct(t *testing.T) {
	seen := map[string]string{}
	for _, key := range Keys() {
		if other := seen[EnvName(key)]; other != "" {
			t.Errorf("%s and %s have the same name in the environment", other, key)
		}
		seen[EnvName(key)] = key
	}
}

func TestPathsAreRelativeToTheFile(t *testing.T) {
	path := write(t, "fraud: {lists: {block_ips: [bad.txt]}}")
	c, _, err := Load(path, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := c.Path(c.Fraud.Lists.BlockIPs[0]), filepath.Join(filepath.Dir(path), "bad.txt"); got != want {
		t.Errorf("path = %q; want %q", got, want)
	}
	if got := c.Path("/etc/bad.txt"); got != "/etc/bad.txt" {
		t.Errorf("an absolute path became %q", got)
	}
}

func FuzzLoad(f *testing.F) {
	for _, seed := range []string{"a: &a {b: *a}", "kafka: &k\nsinks: {kafka: *k}", "fraud: {rules: *x}", "? [a]\n: b", "ingest: {mappings: [{a: b}]}", "log: !!binary x", "- 1", "\xff"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		c, o := Default(), &Origins{byKey: map[string]Origin{}}
		for _, fault := range decodeFile(c, o, "f.yaml", text) {
			if fault.Message == "" {
				t.Errorf("a fault without words: %+v", fault)
			}
		}
		validate(c, o, nil)
	})
}
