package oracle_test

import (
	"path/filepath"
	"testing"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/internal/conform"
	"github.com/tributary-data/tributary/internal/oracle"
)

const traffic = "../../testdata/conformance/traffic"

var trafficFiles = []string{
	"a-part.ndjson", "b-part.ndjson.gz", "c-part.ndjson", "d-part.ndjson", "impressions-k.ndjson", "clicks-m.ndjson",
	"conversions_n.ndjson",
}

// asOf is 2026-04-11T00:00:00Z, the clock of the expected tables.
const asOf = event.Millis(1775865600000)

// defaultSettings are those of config.yaml.
func defaultSettings(t *testing.T) (oracle.Config, oracle.Decoding) {
	t.Helper()
	cfg, d := oracle.DefaultConfig(), oracle.DefaultDecoding()
	cfg.Fraud.Rules.FastConversion.Conversions = []string{"install"}
	cfg.Fraud.Rules.MLScore.Mode = "off"
	d.Clock = asOf
	d.Lists = lists(t, []string{"lists/block.txt"}, []string{"lists/hosting.txt"}, []string{"lists/allow.txt"})
	return cfg, d
}

// optionsSettings are those of options.yaml.
func optionsSettings(t *testing.T) (oracle.Config, oracle.Decoding) {
	t.Helper()
	cfg, d := oracle.DefaultConfig(), oracle.DefaultDecoding()
	second, minute := event.Duration(event.Second), event.Duration(event.Minute)
	hour, day := 60*minute, 24*60*minute
	cfg.OutOfOrderness = 20 * second
	cfg.Lateness.Impression, cfg.Lateness.Click, cfg.Lateness.Conversion = 2*hour, hour, 30*day
	cfg.Sessions.Gap = 45 * minute
	a := &cfg.Attribution
	a.Lookback.Click, a.Lookback.Impression, a.HalfLife = 7*day, 90*day, 36*hour
	a.ClickAbsorbsImpression, a.MaxTouches, a.OrderWindow, a.AdjustmentWindow = true, 50, day, 10*day
	r := &cfg.Fraud.Rules
	r.DuplicateClick.Mode, r.DuplicateClick.Within = "shadow", 2*second
	r.ClickRatePerson.PerMinute, r.ClickRatePerson.PerHour = 3, 10
	r.ClickRateIP.Mode = "off"
	r.ClickRateIPAny.Mode, r.ClickRateIPAny.PerMinute = "enforce", 30
	r.FastClick.Below = 301
	r.FastConversion.Below, r.FastConversion.Conversions = minute, []string{"install", "signup"}
	r.MLScore.Mode = "off"
	d.Clock, d.Currency, d.Ignore = asOf, "EUR", []string{"null", "nobody"}
	d.Lists = lists(t, []string{"lists/block.txt", "lists/hosting.txt"}, nil, nil)
	return cfg, d
}

func lists(t *testing.T, block, hosting, allow []string) *oracle.Lists {
	t.Helper()
	l, err := oracle.LoadLists(traffic, []string{"lists/bots.txt"}, block, hosting, allow)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// TestConformance: the oracle reads the published traffic as the published
// tables do, in all three configurations.
func TestConformance(t *testing.T) {
	for _, name := range []string{"default", "options", "lateness-none"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg, d := defaultSettings(t)
			if name == "options" {
				cfg, d = optionsSettings(t)
			}
			cfg.NoLateness = name == "lateness-none"
			var files []string
			for _, f := range trafficFiles {
				files = append(files, filepath.Join(traffic, f))
			}
			got, err := oracle.ReplayFiles(cfg, d, files...)
			if err != nil {
				t.Fatal(err)
			}
			want, faults, err := conform.Load(filepath.Join("../../testdata/conformance/expected", name))
			if err != nil || len(faults) > 0 {
				t.Fatal(err, faults)
			}
			report(t, conform.Compare(want, got.Tables, conform.Tolerance()))
			report(t, conform.Invariants(journalless(got)))
		})
	}
}

func report(t interface {
	Helper()
	Errorf(string, ...any)
}, findings []conform.Finding,
) {
	t.Helper()
	const shown = 12
	for i, f := range findings {
		if i == shown {
			t.Errorf("and %d more", len(findings)-shown)
			break
		}
		t.Errorf("%v", f)
	}
}
