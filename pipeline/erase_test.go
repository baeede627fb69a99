package pipeline_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/fraud"
	"github.com/tributary-data/tributary/internal/conform"
	"github.com/tributary-data/tributary/internal/oracle"
	"github.com/tributary-data/tributary/internal/oracle/draw"
	"github.com/tributary-data/tributary/pipeline"
	"github.com/tributary-data/tributary/state"
	"github.com/tributary-data/tributary/table"
)

func erase(t tester, e *pipeline.Engine, person string) pipeline.Erased {
	t.Helper()
	x, err := e.Erase(context.Background(), person, func(do func() error) error { return do() }, nil)
	if err != nil {
		t.Fatalf("erase %s: %v", person, err)
	}
	return x
}

// personal are the tables that hold what a person did, and what follows from it.
var personal = []string{
	table.Conversions.Name, table.Credits.Name, table.Sessions.Name, table.MinuteConversions.Name, table.MinuteAttribution.Name, table.HourByTouch.Name,
}

// TestErase: without a person the tables are those of a history in which the
// person never was, but for delivery, which stays to the micro.
func TestErase(t *testing.T) {
	fewer(t, 2, func(t *rapid.T) {
		cfg := pathConfig(t)
		var judged []oracle.Judged
		if rapid.Bool().Draw(t, "paths") {
			judged = pathHistory(t)
		} else {
			cfg = draw.Config(t)
			judged = oracle.Replay(cfg, draw.History(t, cfg, draw.Options{Events: 40, Inputs: 2}))
		}
		// What others did with a person's address was judged with what the person
		// did: that stays.
		cfg.Fraud.Rules.ClickRateIP.Mode, cfg.Fraud.Rules.ClickRateIPAny.Mode = fraud.Off, fraud.Off
		var persons []string
		for _, j := range judged {
			if p := j.Rec.Event.Person; j.Rec.Dead == nil && p != "" && !slices.Contains(persons, p) {
				persons = append(persons, p)
			}
		}
		if len(persons) == 0 {
			return
		}
		logJudged(t, judged)
		person := rapid.SampledFrom(persons).Draw(t, "person")
		opt := drawOptions(t, cfg)
		e, done := openMem(t, engineConfig(cfg), opt)
		defer done()
		all := ticks(judged, 3)
		for _, tick := range all {
			mustTick(t, e, tick)
		}
		before := readTables(t, e)
		x := erase(t, e, person)
		gone := func(id string) bool { return slices.Contains(x.Persons, id) }
		after := readTables(t, e)
		for _, name := range []string{table.MinuteDelivery.Name, table.HourDelivery.Name} {
			differ(t, name, only(before, name), only(after, name))
		}
		for _, tab := range table.All {
			i := slices.IndexFunc(tab.Columns, func(c table.Column) bool { return c.Name == "person" })
			if i < 0 {
				continue
			}
			for _, r := range after[tab.Name] {
				if gone(r[i].Text) {
					t.Errorf("%s still has a row of %s", tab.Name, r[i].Text)
				}
			}
		}
		report(t, "invariant", conform.Invariants(after))
		// The history in which they never were; an adjustment is nobody's. Ids that others share with them
		// were refused to the others, which stays too: such histories say nothing.
		var without []oracle.Judged
		theirs := map[string]bool{}
		for _, j := range judged {
			if ev := &j.Rec.Event; j.Rec.Dead == nil && (gone(ev.Person) && ev.Kind != event.Adjustment || ev.Kind == event.Identify && (gone("a:"+ev.AnonymousID) || gone("u:"+ev.UserID))) {
				theirs[ev.ID] = true
			} else {
				without = append(without, j)
			}
		}
		for _, j := range without {
			if theirs[j.Rec.Event.ID] {
				return
			}
		}
		report(t, "without "+strings.Join(x.Persons, ", "), conform.Compare(oracle.Run(cfg, without).Tables, after, conform.Options{Tables: personal}))
		commit := e.Commit()
		if erase(t, e, person); e.Commit() != commit {
			t.Errorf("to erase again makes %d commits", e.Commit()-commit)
		}
	})
}

// only is one table without what may differ by when it was said.
func only(tables conform.Tables, name string) string {
	return text(conform.Tables{name: tables[name]}, "status", "rev")
}

// TestEraseLeavesNoBytes erases from a directory of realistic traffic, in the
// middle of which the process dies, and looks for the person in every file.
func TestEraseLeavesNoBytes(t *testing.T) {
	dir := written(t, 2)
	const user, cookie = "erase-me-7f3a91c2", "cookie-of-erase-me-551d"
	cfg, _ := storedConfig(t, dir)
	open := func() (*pipeline.Engine, *state.Store) {
		store, err := state.Open(dir, state.Options{CacheSize: 8 << 20})
		if err != nil {
			t.Fatal(err)
		}
		opt := small(2)
		opt.Outbox = true
		e, err := pipeline.Open(cfg, store, opt)
		if err != nil {
			t.Fatal(err)
		}
		return e, store
	}
	e, store := open()
	at := e.Watermark()
	if at > 1<<50 {
		at = 0 // a replay closes everything: what comes is late, but no more than allowed
	}
	at = max(at, hotStart)
	payload := []byte(`{"event_id":"x","user_id":"` + user + `"}`)
	var records []pipeline.Stamped
	add := func(ev event.Event) {
		ev.Currency, ev.Raw = "USD", payload
		if ev.Type == "" {
			ev.Type = ev.Kind.TypeName()
		}
		ev.Channel = "Direct"
		ev.Pos = event.Position{Prefix: "t/0/", N: int64(len(records))}
		records = append(records, pipeline.Stamped{Record: &event.Record{Event: ev}, Watermark: at - event.Hour})
	}
	for i := range event.Millis(30) {
		add(event.Event{ID: "imp" + string(rune('a'+i)), Kind: event.Impression, Time: at + i*event.Minute, Person: "a:" + cookie, AnonymousID: cookie, Campaign: "k", Amount: 5})
		add(event.Event{ID: "click" + string(rune('a'+i)), Kind: event.Click, Time: at + i*event.Minute + 500, Person: "u:" + user, UserID: user, Campaign: "k", Creative: "c", Amount: 7})
	}
	add(event.Event{ID: "link", Kind: event.Identify, Time: at, Person: "u:" + user, UserID: user, AnonymousID: cookie})
	add(event.Event{ID: "buy", Kind: event.Conversion, Time: at + event.Hour, Person: "u:" + user, UserID: user, Name: "purchase", OrderID: "order-1", Amount: 100})
	add(event.Event{ID: "buy2", Kind: event.Conversion, Time: at + event.Hour + 1, Person: "u:somebody-else", UserID: "somebody-else", Name: "purchase", OrderID: "order-1", Amount: 100})
	add(event.Event{ID: "refund", Kind: event.Adjustment, Time: at + 2*event.Hour, Adjusts: "buy", Restate: true, Amount: 40})
	records = append(records, pipeline.Stamped{Watermark: at - event.Hour, Record: &event.Record{Dead: &event.DeadLetter{Code: event.Malformed, Message: "no", Raw: []byte(`{"user_id":"` + user + `"`), Pos: event.Position{Prefix: "t/0/", N: 999}}}})
	records = append(records, pipeline.Stamped{Watermark: at + 90*event.Day, Record: &event.Record{Event: event.Event{
		ID: "late", Kind: event.Impression, Type: "impression", Time: at, Person: "a:" + cookie, AnonymousID: cookie, Raw: []byte(`{"anonymous_id":"` + cookie + `"}`),
	}}})
	mustTick(t, e, &pipeline.Tick{Records: records, Watermark: max(e.Watermark(), at)})
	before := readTables(t, e)
	if !strings.Contains(text(before), user) {
		t.Fatal("the person is in no table")
	}
	// The process dies after some of the ticks.
	died := errors.New("died")
	n := 0
	if _, err := e.Erase(t.Context(), "a:"+cookie, func(do func() error) error {
		if n++; n == 3 {
			return died
		}
		return do()
	}, nil); !errors.Is(err, died) {
		t.Fatalf("erase: %v", err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	e, store = open()
	x := erase(t, e, "u:"+user)
	t.Logf("erased %+v", x)
	after := readTables(t, e)
	all := text(after)
	for _, id := range []string{user, cookie} {
		if strings.Contains(all, id) {
			t.Errorf("the tables still name %s", id)
		}
	}
	for _, name := range []string{table.MinuteDelivery.Name, table.HourDelivery.Name} {
		differ(t, name, only(before, name), only(after, name))
	}
	verdict := ""
	for _, r := range after[table.Conversions.Name] {
		if r[0].Text == "buy2" {
			verdict = r[table.Conversions.Col("verdict")].Text
		}
	}
	if verdict != "valid" {
		t.Errorf("the order of somebody else is %q; it repeats nothing any more", verdict)
	}
	if err := e.TrimOutbox(e.Commit()); err != nil { // every sink has it
		t.Fatal(err)
	}
	if err := store.Purge(t.Context(), []state.Range{{From: []byte{0}, To: []byte{255}}}); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(e.Close(), store.Close()); err != nil {
		t.Fatal(err)
	}
	e, store = open() // which removes the log that was
	err := store.Scan([]byte{0}, []byte{255}, func(k, v []byte) bool {
		for _, id := range []string{user, cookie} {
			if bytes.Contains(k, []byte(id)) || bytes.Contains(v, []byte(id)) {
				t.Errorf("space %c still names %s", k[0], id)
			}
		}
		return true
	})
	if err := errors.Join(err, e.Close(), store.Close()); err != nil {
		t.Fatal(err)
	}
	if err := state.Renew(dir, state.Options{}); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, id := range []string{user, cookie} {
			if bytes.Contains(b, []byte(id)) {
				t.Errorf("%s still holds %s", filepath.Base(name), id)
			}
		}
	}
	for _, c := range check(t, dir) {
		if c.Violations > 0 {
			t.Errorf("verify: %s: %d violations: %v", c.Name, c.Violations, c.Examples)
		}
	}
}

func storedConfig(t *testing.T, dir string) (pipeline.Config, bool) {
	t.Helper()
	store, err := state.Open(dir, state.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	cfg, no, err := pipeline.StoredConfig(store)
	if err := errors.Join(err, store.Close()); err != nil {
		t.Fatal(err)
	}
	return cfg, no
}
