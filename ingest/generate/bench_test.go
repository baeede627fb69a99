package generate

import (
	"bytes"
	"encoding/json"
	"io"
	"math"
	"net/netip"
	"slices"
	"testing"
	"time"
)

func within(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if math.Abs(got-want) > tolerance {
		t.Errorf("%s: got %.5f; want %.5f within %.5f", what, got, want, tolerance)
	}
}

func TestBenchIsDeterministicAndAsDefined(t *testing.T) {
	opt := BenchOptions{Seed: 7, Events: 120_000, Rate: 4000}
	var a, b bytes.Buffer
	sum, err := Bench(&a, opt)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Bench(&b, opt); err != nil || !bytes.Equal(a.Bytes(), b.Bytes()) {
		t.Fatal("the same seed gives other bytes", err)
	}
	if sum.Bytes != int64(a.Len()) || sum.Records != opt.Events {
		t.Errorf("summary says %d bytes and %d records; want %d and %d", sum.Bytes, sum.Records, a.Len(), opt.Events)
	}
	within(t, "bytes per record", float64(sum.Bytes)/float64(sum.Records), 400, 25)

	var nets []netip.Prefix
	for _, s := range append(slices.Clone(BenchHosting), BenchBlocked...) {
		nets = append(nets, netip.MustParsePrefix(s))
	}
	type record struct {
		ID       string `json:"event_id"`
		Type     string
		Time     time.Time `json:"event_time"`
		User     string    `json:"user_id"`
		Anon     string    `json:"anonymous_id"`
		Campaign string    `json:"campaign_id"`
		Creative string    `json:"creative_id"`
		IP       string
		UA       string `json:"user_agent"`
	}
	seen := map[string][]byte{}
	kinds := map[string]int{}
	persons := map[string]int{}
	campaigns := map[string]int{}
	shown := map[string]time.Time{} // person and creative -> first impression
	clicked := map[string]bool{}
	var dup, invalid, late, behind, unfollowed, clicks, conversions, blind int
	var top time.Time
	for line := range bytes.Lines(a.Bytes()) {
		var r record
		if err := json.Unmarshal(line, &r); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		if old, ok := seen[r.ID]; ok {
			dup++
			if !bytes.Equal(old, line) {
				t.Fatalf("a repeat differs: %s %s", old, line)
			}
			continue
		}
		seen[r.ID] = line
		kinds[r.Type]++
		person := "u:" + r.User
		if r.User == "" {
			person = "a:" + r.Anon
		}
		persons[person]++
		bad := slices.Contains(BenchBots, r.UA)
		ip := netip.MustParseAddr(r.IP)
		for _, n := range nets {
			bad = bad || n.Contains(ip)
		}
		if bad {
			invalid++
		}
		switch lag := top.Sub(r.Time); {
		case lag > time.Hour:
			t.Fatalf("%v behind: %s", lag, line)
		case lag > 15*time.Second:
			late++
		case lag > 0:
			behind++
		}
		if r.Time.After(top) {
			top = r.Time
		}
		switch r.Type {
		case "impression":
			campaigns[r.Campaign]++
			shown[person+r.Creative] = r.Time
		case "click":
			clicks++
			if _, ok := shown[person+r.Creative]; !ok {
				unfollowed++
			}
			clicked[person] = true
		case "conversion":
			conversions++
			if !clicked[person] {
				blind++
			}
		}
	}
	n := float64(len(seen))
	within(t, "duplicates", float64(dup)/float64(opt.Events), 0.01, 0.001)
	within(t, "impressions", float64(kinds["impression"])/n, 0.979, 0.002)
	within(t, "clicks", float64(kinds["click"])/n, 0.010, 0.001)
	within(t, "page views", float64(kinds["page_view"])/n, 0.010, 0.001)
	within(t, "conversions", float64(kinds["conversion"])/n, 0.001, 0.0005)
	within(t, "invalid", float64(invalid)/n, 0.10, 0.003)
	within(t, "late", float64(late)/n, 0.001, 0.0005)
	within(t, "out of order", float64(behind)/n, 0.02, 0.002)
	within(t, "hottest person", float64(sum.HottestPerson)/n, 0.0030, 0.0008)
	within(t, "hottest campaign", float64(campaigns["c-000"])/float64(kinds["impression"]), 0.147, 0.005)
	if len(kinds) != 4 || len(campaigns) < 495 || len(persons) < 40_000 {
		t.Errorf("%d types, %d campaigns, %d persons", len(kinds), len(campaigns), len(persons))
	}
	if unfollowed != 0 || blind != 0 {
		t.Errorf("%d of %d clicks follow no impression, %d of %d conversions no click", unfollowed, clicks, blind, conversions)
	}
	if int64(dup) != sum.Duplicates || int64(kinds["click"]) != sum.Clicks || int64(invalid) != sum.Bots+sum.BadHosts {
		t.Errorf("the summary does not say what was written: %+v", sum)
	}
}

func TestBenchRefusesNonsense(t *testing.T) {
	for _, opt := range []BenchOptions{{Rate: -1}, {Rate: math.NaN()}, {Persons: -1}, {Campaigns: 1 << 20}, {Events: -1}} {
		if _, err := Bench(io.Discard, opt); err == nil {
			t.Errorf("%+v is taken", opt)
		}
	}
}

func TestRandomNumbersHaveTheirShape(t *testing.T) {
	for _, x := range []float64{-20.5, -1, 0, 0.3, 1, 9.99, 40} {
		if got := exp2(x); math.Abs(got/math.Exp2(x)-1) > 1e-10 {
			t.Errorf("exp2(%v) = %v; want %v", x, got, math.Exp2(x))
		}
		if y := math.Exp2(x) * 1.1; math.Abs(log2(y)-math.Log2(y)) > 1e-10 {
			t.Errorf("log2(%v) = %v", y, log2(y))
		}
	}
	r := newRNG(1, 2)
	var exp, logs float64
	for range 100_000 {
		exp += r.exponential(5)
		logs += math.Log(r.logNormal(10, 0.5))
	}
	within(t, "exponential mean", exp/100_000, 5, 0.1)
	within(t, "log-normal median", math.Exp(logs/100_000), 10, 0.1)
	if s := string(appendPadded(nil, 7, 3)) + string(appendPadded(nil, 1234, 3)) + string(appendPadded(nil, 99, 2)) + string(appendMoney(nil, 12_000_340)); s != "007"+"1234"+"99"+"12.000340" {
		t.Errorf("padded %s", s)
	}
}

func BenchmarkBench(b *testing.B) {
	s, err := NewBenchStream(BenchOptions{Seed: 1})
	if err != nil {
		b.Fatal(err)
	}
	buf := make([]byte, 0, 4096)
	b.ReportAllocs()
	for b.Loop() {
		buf = s.Append(buf[:0])
	}
	b.SetBytes(int64(len(buf)))
}
