package conform_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/internal/conform"
	"github.com/tributary-data/tributary/internal/oracle"
	"github.com/tributary-data/tributary/table"
)

const conformance = "../../testdata/conformance"

func load(t *testing.T, name string) conform.Tables {
	t.Helper()
	all, faults, err := conform.Load(filepath.Join(conformance, "expected", name))
	if err != nil || len(faults) > 0 {
		t.Fatal(err, faults)
	}
	return whole(all)
}

// whole gives tables a journal that fits, and no triggers, which neither the
// expected directories nor the oracle have.
func whole(all conform.Tables) conform.Tables {
	all[table.Triggers.Name], all[table.Journal.Name] = []table.Row{}, nil
	for i, c := range all[table.Credits.Name] {
		all[table.Journal.Name] = append(all[table.Journal.Name], table.Row{
			table.T(fmt.Sprintf("%08d", i)), c[0], c[1], c[3], c[4], c[5], c[11], c[12], table.T("conversion"), table.At(0),
		})
	}
	return all
}

// part is what a fourth of the traffic gives: small, with rows of every kind.
var part = sync.OnceValues(func() (conform.Tables, error) {
	cfg, d := oracle.DefaultConfig(), oracle.DefaultDecoding()
	traffic := filepath.Join(conformance, "traffic")
	lists, err := oracle.LoadLists(traffic, []string{"lists/bots.txt"}, []string{"lists/block.txt"}, []string{"lists/hosting.txt"}, nil)
	if err != nil {
		return nil, err
	}
	d.Lists = lists
	r, err := oracle.ReplayFiles(cfg, d, filepath.Join(traffic, "c-part.ndjson"))
	if err != nil {
		return nil, err
	}
	return whole(r.Tables), nil
})

func clone(t *testing.T) conform.Tables {
	t.Helper()
	all, err := part()
	if err != nil {
		t.Fatal(err)
	}
	out := conform.Tables{}
	for name, rows := range all {
		out[name] = make([]table.Row, len(rows))
		for i, r := range rows {
			out[name][i] = slices.Clone(r)
		}
	}
	return out
}

func TestExpectedTablesHold(t *testing.T) {
	for _, name := range []string{"default", "options", "lateness-none"} {
		all := load(t, name)
		for _, f := range conform.Invariants(all) {
			t.Errorf("%s: %v", name, f)
		}
	}
	all := clone(t)
	for _, f := range conform.Compare(all, all, conform.Options{Status: true, Exact: true}) {
		t.Errorf("not equal to itself: %v", f)
	}
}

// fault is one change that must be found, by Compare, by Invariants, or not at all.
type fault struct {
	name       string
	table      *table.Table
	change     func(r table.Row) bool // says whether it changed the row; the first one is enough
	compare    bool
	invariants bool
}

func set(t *table.Table, column string, v table.Value, where ...string) func(table.Row) bool {
	return func(r table.Row) bool {
		for i := 0; i < len(where); i += 2 {
			if r[t.Col(where[i])].Text != where[i+1] {
				return false
			}
		}
		r[t.Col(column)] = v
		return true
	}
}

func add(t *table.Table, column string, n int64, where ...string) func(table.Row) bool {
	return func(r table.Row) bool {
		return set(t, column, table.I(r[t.Col(column)].Int+n), where...)(r)
	}
}

func TestFaultsAreFound(t *testing.T) {
	for _, f := range []fault{
		{"micros of a credit", table.Credits, add(table.Credits, "value_micros", 1, "model", "linear"), true, true},
		{"time_decay by 1", table.Credits, add(table.Credits, "credit_ppm", 1, "model", "time_decay"), false, true},
		{"time_decay by 2", table.Credits, add(table.Credits, "credit_ppm", 2, "model", "time_decay"), true, true},
		{"touch of a credit", table.Credits, set(table.Credits, "touch_event_id", table.T("x"), "model", "linear", "touch_type", "click"), true, true},
		{"currency", table.Credits, set(table.Credits, "currency", table.T("XXX"), "currency", "USD"), true, true},
		{"value", table.Conversions, add(table.Conversions, "value_micros", 1, "verdict", "valid", "adjusted", ""), true, true},
		{"verdict of a conversion", table.Conversions, set(table.Conversions, "verdict", table.T("sivt"), "verdict", "valid"), true, true},
		{"session of a conversion", table.Conversions, set(table.Conversions, "session_id", table.T(""), "verdict", "valid"), true, true},
		{"country", table.HourDelivery, set(table.HourDelivery, "country", table.T("~"), "country", "DE"), true, false},
		{"impressions", table.MinuteDelivery, add(table.MinuteDelivery, "impressions", 1), true, true},
		{"givt clicks", table.MinuteDelivery, add(table.MinuteDelivery, "givt_clicks", 1), true, true},
		{"events", table.MinuteInvalid, add(table.MinuteInvalid, "events", 1), true, true},
		{"unattributed", table.MinuteConversions, add(table.MinuteConversions, "unattributed", 1), true, true},
		{"attribution row", table.MinuteAttribution, add(table.MinuteAttribution, "credit_ppm", 1, "model", "first_touch"), true, true},
		{"touch row", table.HourByTouch, add(table.HourByTouch, "value_micros", 1, "model", "first_touch"), true, true},
		{"conversions of a session", table.Sessions, add(table.Sessions, "conversions", 1), true, true},
		{"entry channel", table.Sessions, set(table.Sessions, "entry_channel", table.T("x")), true, false},
		{"reasons", table.Verdicts, set(table.Verdicts, "reasons", table.L([]string{"x"}), "verdict", "givt"), true, true},
		{"order of reasons", table.Verdicts, set(table.Verdicts, "reasons", table.L([]string{"b", "a"}), "verdict", "givt"), true, true},
		{"reasons of a duplicate are free", table.Verdicts, set(table.Verdicts, "reasons", table.L([]string{"x"}), "verdict", "duplicate"), false, false},
		{"score is free", table.Verdicts, set(table.Verdicts, "score", table.T("0.5")), false, false},
		{"tier", table.Verdicts, set(table.Verdicts, "tier", table.I(3), "verdict", "givt"), true, false},
		{"lateness", table.LateEvents, add(table.LateEvents, "lateness_ms", 1), true, false},
		{"code", table.DeadLetters, set(table.DeadLetters, "code", table.T("x")), true, false},
		{"message is free", table.DeadLetters, set(table.DeadLetters, "message", table.T("x")), false, false},
		{"status is free", table.Conversions, set(table.Conversions, "status", table.T("restated")), false, false},
		{"status word", table.Conversions, set(table.Conversions, "status", table.T("provisional")), true, false},
		{"journal cause", table.Journal, set(table.Journal, "cause", table.T("x")), false, true},
		{"journal sum", table.Journal, add(table.Journal, "delta_micros", 1), false, true},
	} {
		t.Run(f.name, func(t *testing.T) {
			want, got := clone(t), clone(t)
			if !slices.ContainsFunc(got[f.table.Name], f.change) {
				t.Fatal("no row to change")
			}
			if found := conform.Compare(want, got, conform.Tolerance()); (len(found) > 0) != f.compare {
				t.Errorf("Compare: %v", found)
			}
			if found := conform.Invariants(got); (len(found) > 0) != f.invariants {
				t.Errorf("Invariants: %v", found)
			}
		})
	}
}

// TestSessionIDsAreOpaque: another text for a session changes nothing, as long
// as conversions follow it.
func TestSessionIDsAreOpaque(t *testing.T) {
	want, got := clone(t), clone(t)
	for _, r := range got[table.Sessions.Name] {
		r[0].Text = "s" + r[0].Text
	}
	for _, r := range got[table.Conversions.Name] {
		if c := table.Conversions.Col("session_id"); r[c].Text != "" {
			r[c].Text = "s" + r[c].Text
		}
	}
	if f := slices.Concat(conform.Compare(want, got, conform.Tolerance()), conform.Invariants(got)); len(f) > 0 {
		t.Error(f[0])
	}
}

func TestRestatedRowsMustSaySo(t *testing.T) {
	want, got := clone(t), clone(t)
	want[table.Conversions.Name][0][table.Conversions.Col("status")] = table.T("restated")
	if f := conform.Compare(want, got, conform.Options{Status: true}); len(f) != 1 {
		t.Errorf("findings %v, want one", f)
	}
}

func TestMissingExtraAndUnsortedRows(t *testing.T) {
	for _, change := range []func([]table.Row) []table.Row{
		func(r []table.Row) []table.Row { return r[1:] },
		func(r []table.Row) []table.Row { return append(r, r[0]) },
		func(r []table.Row) []table.Row { r[0], r[1] = r[1], r[0]; return r },
	} {
		want, got := clone(t), clone(t)
		got[table.Sessions.Name] = change(got[table.Sessions.Name])
		if len(conform.Compare(want, got, conform.Tolerance())) == 0 {
			t.Error("not found")
		}
	}
	got := clone(t)
	delete(got, table.Triggers.Name)
	if len(conform.Compare(clone(t), got, conform.Tolerance())) != 1 {
		t.Error("a table without a file is not found")
	}
}

func TestLoadRowsFindsFaultsOfForm(t *testing.T) {
	good := `{"position":"a:1","code":"malformed","message":"","payload":"x"}`
	for line, faults := range map[string]int{
		good: 0, `[]`: 1, `{"position":1`: 1,
		`{"code":"malformed","position":"a:1","message":"","payload":"x"}`: 1,
		`{"position":1,"code":"malformed","message":"","payload":"x"}`:     1,
		`{"position":"a:1","code":"malformed","message":""}`:               1,
	} {
		_, found, err := conform.LoadRows(table.DeadLetters, strings.NewReader(good+"\n"+line+"\n"))
		if err != nil || len(found) != faults {
			t.Errorf("%s: %v, %v; want %d", line, found, err, faults)
		}
	}
	row := `{"minute":"2026-03-01T12:00:00.000Z","campaign_id":"","publisher_id":"","type":"click","reason":"x","currency":"USD","events":1,"spend_micros":2}`
	for from, to := range map[string]string{`"events":1`: `"events":1.0`, `.000Z`: `Z`, `"spend_micros":2`: `"spend_micros":"2"`} {
		_, found, _ := conform.LoadRows(table.MinuteInvalid, strings.NewReader(strings.Replace(row, from, to, 1)))
		if len(found) != 1 {
			t.Errorf("%s: %v, want one fault", to, found)
		}
	}
	rows, found, err := conform.LoadRows(table.MinuteInvalid, strings.NewReader(row))
	if err != nil || len(found) > 0 || rows[0][0].Int != int64(event.Millis(1772366400000)) || rows[0][7].Int != 2 {
		t.Errorf("%v, %v, %v", rows, found, err)
	}
}
