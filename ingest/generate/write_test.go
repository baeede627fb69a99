package generate

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/tributary-data/tributary/event"
)

func generate(t *testing.T, opt Options) (string, Summary) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "out")
	sum, err := Write(t.Context(), opt, dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	return dir, sum
}

// sums gives a checksum by file name.
func sums(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		raw, err := os.ReadFile(path)
		name, _ := filepath.Rel(dir, path)
		fmt.Fprintf(&b, "%s %x\n", name, sha256.Sum256(raw))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestASeedGivesTheSameBytes(t *testing.T) {
	opt := Options{Seed: 3, Events: 20_000, Days: 3, Fraud: 0.1}
	a, sum := generate(t, opt)
	b, _ := generate(t, opt)
	if sums(t, a) != sums(t, b) {
		t.Error("the same seed gives other bytes")
	}
	opt.Seed++
	c, _ := generate(t, opt)
	if sums(t, a) == sums(t, c) {
		t.Error("another seed gives the same bytes")
	}
	if sum.Records != 20_000 {
		t.Errorf("%d records; want 20,000", sum.Records)
	}
}

// line is a record as the contract lets one read it.
type line struct {
	ID       string      `json:"event_id"`
	Type     string      `json:"type"`
	Time     any         `json:"event_time"`
	User     string      `json:"user_id"`
	Anon     string      `json:"anonymous_id"`
	Campaign string      `json:"campaign_id"`
	Cost     string      `json:"cost"`
	Value    string      `json:"value"`
	Currency string      `json:"currency"`
	IP       *netip.Addr `json:"ip"`
	Agent    string      `json:"user_agent"`
	Order    string      `json:"order_id"`
	Adjusts  string      `json:"adjusts"`
	Kind     string      `json:"kind"`
}

var typeName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,63}$`)

// code is the contract's verdict on a record, as far as the generator goes.
func (l *line) code() event.Code {
	if l.ID == "" {
		return event.MissingField
	}
	if !typeName.MatchString(l.Type) {
		return event.BadField
	}
	if l.Type != "impression" && l.Type != "click" && l.Type != "adjustment" && l.User == "" && l.Anon == "" ||
		l.Type == "identify" && (l.User == "" || l.Anon == "") || l.Type == "adjustment" && l.Adjusts == "" {
		return event.MissingField
	}
	if l.Type == "adjustment" && l.Kind != "retract" && l.Kind != "restate" {
		return event.BadField
	}
	if text, ok := l.Time.(string); !ok {
		return event.BadTime
	} else if _, err := time.Parse(time.RFC3339, text); err != nil {
		return event.BadTime
	}
	if strings.HasPrefix(l.Cost+l.Value, "-") {
		return event.BadMoney
	}
	return ""
}

// micros reads a decimal exactly.
func micros(t *testing.T, s string) int64 {
	t.Helper()
	r, ok := new(big.Rat).SetString(s)
	if !ok {
		t.Fatalf("%q is no decimal", s)
	}
	r.Mul(r, big.NewRat(1_000_000, 1))
	if !r.IsInt() {
		t.Fatalf("%q has more than 6 decimals", s)
	}
	return r.Num().Int64()
}

func readLines(t *testing.T, dir, name string) [][]byte {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Split(bytes.TrimSuffix(raw, []byte("\n")), []byte("\n"))
}

type truthLine struct {
	Position    string     `json:"position"`
	ID          string     `json:"event_id"`
	Type        string     `json:"type"`
	Label       string     `json:"label"`
	DuplicateOf string     `json:"duplicate_of"`
	OrderOf     string     `json:"order_repeat_of"`
	LateBy      int64      `json:"late_by_ms"`
	Malformed   event.Code `json:"malformed"`
}

func TestTruthAgreesWithTheEvents(t *testing.T) {
	dir, sum := generate(t, Options{Seed: 11, Events: 60_000, Days: 5, Fraud: 0.3})
	records := map[string][]byte{}
	for _, topic := range Topics {
		for i, raw := range readLines(t, dir, topic+".ndjson") {
			records[fmt.Sprintf("%s.ndjson:%d", topic, i+1)] = raw
		}
	}
	if len(records) != int(sum.Records) {
		t.Fatalf("%d records; the summary says %d", len(records), sum.Records)
	}
	spend, value, labels := map[string]int64{}, map[string]int64{}, map[string]int{}
	byID := map[string]line{}
	var repeats, orders, malformed, late int64
	clock := map[string]int64{}
	for _, raw := range readLines(t, dir, "truth/events.ndjson") {
		var tr truthLine
		if err := json.Unmarshal(raw, &tr); err != nil {
			t.Fatal(err)
		}
		rec, ok := records[tr.Position]
		if !ok {
			t.Fatalf("no record at %s", tr.Position)
		}
		var l line
		err := json.Unmarshal(rec, &l)
		if tr.Malformed != "" {
			malformed++
			if got := l.code(); err == nil && got != tr.Malformed || (err != nil) != (tr.Malformed == event.Malformed) {
				t.Errorf("%s: %s, %v; the truth says %s: %s", tr.Position, got, err, tr.Malformed, rec)
			}
			continue
		}
		if err != nil || l.code() != "" || l.ID != tr.ID || l.Type != tr.Type {
			t.Fatalf("%s: %v %s: %s\n%s", tr.Position, err, l.code(), rec, raw)
		}
		if tr.LateBy > 0 {
			late++
		}
		if tr.DuplicateOf != "" {
			repeats++
			if !bytes.Equal(records[tr.DuplicateOf], rec) {
				t.Errorf("%s repeats %s, but differs", tr.Position, tr.DuplicateOf)
			}
			continue
		}
		if _, ok := byID[l.ID]; ok {
			t.Fatalf("event id %s comes twice", l.ID)
		}
		byID[l.ID] = l
		labels[tr.Label]++
		at, _ := time.Parse(time.RFC3339, l.Time.(string))
		file, _, _ := strings.Cut(tr.Position, ":")
		arrival := at.UnixMilli() + tr.LateBy
		if clock[file]-arrival > 15_000 {
			t.Errorf("%s arrives %d ms before its predecessor", tr.Position, clock[file]-arrival)
		}
		clock[file] = max(clock[file], arrival)
		switch {
		case tr.OrderOf != "":
			orders++
			if of := byID[tr.OrderOf]; of.Order != l.Order || of.Order == "" {
				t.Errorf("%s repeats the order of %s", tr.ID, tr.OrderOf)
			}
		case l.Type == "impression" || l.Type == "click":
			spend[l.Currency] += micros(t, l.Cost)
		case l.Type == "conversion":
			value[l.Currency] += micros(t, l.Value)
		}
	}
	if fmt.Sprint(spend) != fmt.Sprint(sum.SpendMicros) || fmt.Sprint(value) != fmt.Sprint(sum.ValueMicros) {
		t.Errorf("money %v %v; the summary says %v %v", spend, value, sum.SpendMicros, sum.ValueMicros)
	}
	wantMalformed := int64(0)
	for _, n := range sum.Malformed {
		wantMalformed += n
	}
	if repeats != sum.Repeats || orders != sum.OrderRepeat || malformed != wantMalformed || late < sum.Late*9/10 {
		t.Errorf("%d repeats, %d order repeats, %d malformed, %d late; the summary says %+v", repeats, orders, malformed, late, sum)
	}
	for _, label := range Labels() {
		if n := labels[label]; n == 0 && label != "malformed" {
			t.Errorf("no record of %s", label)
		}
	}
	attacks := int64(0)
	for label, l := range sum.Labels {
		if IsAttack(label) {
			attacks += l.Clicks
		}
	}
	within(t, "share of attacks", float64(attacks)/float64(sum.Types["click"]), 0.3, 0.06)
	checkJourneys(t, dir, byID, sum)
}

func checkJourneys(t *testing.T, dir string, byID map[string]line, sum Summary) {
	t.Helper()
	var n, conversions, refunds, linked, multi int64
	longest := 0
	for _, raw := range readLines(t, dir, "truth/journeys.ndjson") {
		n++
		var j Journey
		if err := json.Unmarshal(raw, &j); err != nil {
			t.Fatal(err)
		}
		last := ""
		for _, ref := range j.Touches {
			l, ok := byID[ref.EventID]
			if !ok || l.Type != ref.Type || l.Time != ref.EventTime || l.Anon != j.AnonymousID || l.User != "" && l.User != j.UserID {
				t.Fatalf("touch %+v of %s is %+v", ref, j.AnonymousID, l)
			}
			if ref.EventTime < last {
				t.Fatalf("touches of %s are out of order", j.AnonymousID)
			}
			last = ref.EventTime
		}
		longest = max(longest, len(j.Touches))
		for _, ref := range j.Conversions {
			conversions++
			if byID[ref.EventID].Type != "conversion" {
				t.Fatalf("no conversion %+v", ref)
			}
		}
		if len(j.Conversions) > 0 && len(j.Touches) > 3 {
			multi++
		}
		for _, r := range j.Refunds {
			refunds++
			if byID[r.EventID].Adjusts != r.Adjusts || byID[r.Adjusts].Type != "conversion" {
				t.Fatalf("refund %+v is %+v", r, byID[r.EventID])
			}
		}
		if j.Linked {
			linked++
		}
	}
	if n != sum.Journeys || linked != sum.Types["identify"] || refunds != sum.Types["adjustment"] {
		t.Errorf("%d journeys, %d linked, %d refunds; the summary says %d, %d, %d", n, linked, refunds, sum.Journeys, sum.Types["identify"], sum.Types["adjustment"])
	}
	var scripted int64
	for label, l := range sum.Labels {
		if label != "clean" {
			scripted += l.Conversions
		}
	}
	if conversions != sum.Types["conversion"]-scripted {
		t.Errorf("%d conversions in journeys; want %d", conversions, sum.Types["conversion"]-scripted)
	}
	if longest < 60 || multi < 10 {
		t.Errorf("the longest journey has %d touches, %d are of several: no heavy tail", longest, multi)
	}
}

func TestPeopleAndDays(t *testing.T) {
	_, sum := generate(t, Options{Seed: 5, People: 2000, Days: 4})
	if sum.People != 2000 || sum.End > "2026-01-09T00:00:00.000Z" || sum.End < "2026-01-08T12:00:00.000Z" {
		t.Errorf("%d people until %s", sum.People, sum.End)
	}
	within(t, "records per start", float64(sum.Records)/2000, recordsPerStart, recordsPerStart/4)
}

func TestWriteRefuses(t *testing.T) {
	dir := t.TempDir()
	for _, opt := range []Options{{Events: -1}, {Fraud: 1}, {Days: -1}, {People: -4}, {Start: -5}} {
		if _, err := Write(t.Context(), opt, dir, nil); err == nil {
			t.Errorf("%+v is taken", opt)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	stopped := filepath.Join(dir, "stopped")
	if _, err := Write(ctx, Options{Events: 200_000}, stopped, func(int) { cancel() }); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if _, err := Write(t.Context(), Options{Events: 10}, stopped, nil); err == nil || !strings.Contains(err.Error(), "not empty") {
		t.Errorf("got %v", err)
	}
}
