package event

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

func TestMicrosText(t *testing.T) {
	for _, c := range []struct {
		m    Micros
		want string
	}{
		{0, "0.00"},
		{12_340_000, "12.34"},
		{1, "0.000001"},
		{-1_500_000, "-1.50"},
		{100_000, "0.10"},
		{MaxAmount, "1000000000.00"},
		{math.MinInt64, "-9223372036854.775808"},
	} {
		if got := c.m.String(); got != c.want {
			t.Errorf("Micros(%d) = %q; want %q", int64(c.m), got, c.want)
		}
	}
}

func TestDurations(t *testing.T) {
	for _, c := range []struct {
		text string
		want Millis
	}{{"300ms", 300}, {"30s", 30 * Second}, {"1h30m", 90 * Minute}, {"30d", 30 * Day}, {"0", 0}, {"36h", 36 * Hour}} {
		d, err := ParseDuration(c.text)
		if err != nil || d.Millis() != c.want {
			t.Errorf("ParseDuration(%q) = %v, %v; want %d ms", c.text, d, err, c.want)
		}
	}
	for _, bad := range []string{"", "1", "-1s", "1.5h", "1w", "s", "99999999999999999999d", "9007199254740993d"} {
		if d, err := ParseDuration(bad); err == nil {
			t.Errorf("ParseDuration(%q) = %v; want an error", bad, d)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		d := Duration(rapid.Int64Range(0, 1<<40).Draw(t, "ms"))
		if back, err := ParseDuration(d.String()); err != nil || back != d {
			t.Fatalf("%d is written %q and read as %d, %v", d, d, back, err)
		}
	})
}

func TestMillis(t *testing.T) {
	if got := Millis(1769904000007).String(); got != "2026-02-01T00:00:00.007Z" {
		t.Errorf("got %q", got)
	}
	if got := NoTime.String(); got != "" {
		t.Errorf("an absent time is written %q", got)
	}
	if got := Millis(-1).Floor(Minute); got != -Minute {
		t.Errorf("the minute of -1 begins at %d; want %d", got, -Minute)
	}
	if got := EndOfTime.Add(Day); got != EndOfTime {
		t.Errorf("the end of time and a day is %d", got)
	}
	if got := (NoTime + 5).Add(-Day); got != NoTime {
		t.Errorf("before the beginning lies %d", got)
	}
}

// The lowest tier decides, then givt before sivt.
func TestDecide(t *testing.T) {
	for _, c := range []struct {
		set  Reasons
		want Verdict
		tier int
	}{
		{0, Valid, 0},
		{FastClick.Set(), SIVT, 2},
		{FastClick.Set() | DuplicateClick.Set(), GIVT, 2},
		{ClickRateIP.Set() | BlockedIP.Set(), GIVT, 1},
		{MLScore.Set(), SIVT, 3},
		{MLScore.Set() | ClickRateIPAny.Set(), SIVT, 2},
	} {
		if v, tier := c.set.Decide(); v != c.want || tier != c.tier {
			t.Errorf("%v: %v in tier %d; want %v in tier %d", c.set.Names(), v, tier, c.want, c.tier)
		}
	}
	if got := (FastClick.Set() | BotUserAgent.Set() | ClickRatePerson.Set()).Names(); len(got) != 3 || got[0] != "bot_user_agent" || got[1] != "click_rate_person" {
		t.Errorf("names are not sorted: %v", got)
	}
}

func TestRefsAreOrdered(t *testing.T) {
	list := []Ref{
		{1, "b", "u:1", "click"}, {2, "a", "a:1", "click"}, {2, "a", "u:1", "click"}, {2, "a", "u:1", "conversion"}, {2, "b", "a:0", "click"},
	}
	for i := range list {
		for j := range list {
			got, want := list[i].Compare(list[j]), 0
			if i < j {
				want = -1
			} else if i > j {
				want = 1
			}
			if got != want {
				t.Errorf("%+v against %+v: %d; want %d", list[i], list[j], got, want)
			}
		}
	}
}

func TestPayload(t *testing.T) {
	if got := Payload([]byte(`{"a":"ö"}`)); got != `{"a":"ö"}` {
		t.Errorf("got %q", got)
	}
	if got := Payload([]byte{'a', 0xff}); got != "base64:Yf8=" {
		t.Errorf("got %q", got)
	}
}
