package attribution_test

import (
	"math/big"
	"testing"

	"github.com/tributary-data/tributary/attribution"
	"github.com/tributary-data/tributary/event"
)

// touchesAt are touches of channels at times, in order.
func touchesAt(unit event.Millis, at []event.Millis, channels ...string) []event.Touch {
	out := make([]event.Touch, len(channels))
	for i, c := range channels {
		out[i] = event.Touch{ID: string(rune('a' + i)), Time: at[i] * unit, Type: "click", Channel: c, Campaign: c}
	}
	return out
}

// byChannel are the sums that a model gives to each channel.
func byChannel(cfg attribution.Config, model string, touches []event.Touch, value event.Micros) (ppm map[string]int64, micros map[string]event.Micros) {
	ppm, micros = map[string]int64{}, map[string]event.Micros{}
	for _, c := range attribution.Credits(&cfg, touches, value) {
		if c.Model == model {
			channel := touches[c.Position-1].Channel
			ppm[channel] += c.PPM
			micros[channel] += c.Micros
		}
	}
	return ppm, micros
}

// TestAdobe is the worked example of Adobe Analytics: 50.00 on 24 September.
func TestAdobe(t *testing.T) {
	touches := touchesAt(event.Day, []event.Millis{15, 18, 24, 24}, "paid search", "social", "email", "display")
	for model, want := range map[string]map[string]event.Micros{
		"linear":         {"paid search": 12_500_000, "social": 12_500_000, "email": 12_500_000, "display": 12_500_000},
		"j_shaped":       {"paid search": 10_000_000, "social": 5_000_000, "email": 5_000_000, "display": 30_000_000},
		"inverse_j":      {"paid search": 30_000_000, "social": 5_000_000, "email": 5_000_000, "display": 10_000_000},
		"position_based": {"paid search": 20_000_000, "social": 5_000_000, "email": 5_000_000, "display": 20_000_000},
		"first_touch":    {"paid search": 50_000_000},
		"last_touch":     {"display": 50_000_000},
		// Of the two touches of the last day the later has the odd micro.
		"time_decay": {"paid search": 6_923_333, "social": 9_318_116, "email": 16_879_275, "display": 16_879_276},
	} {
		_, got := byChannel(attribution.DefaultConfig(), model, touches, 50*event.Unit)
		if len(got) != len(want) {
			t.Errorf("%s: %v, want %v", model, got, want)
		}
		for channel, micros := range want {
			if got[channel] != micros {
				t.Errorf("%s gives %s %v, want %v", model, channel, got[channel], micros)
			}
		}
	}
}

// TestPostHog are the decay and position cases of its tests: touches 3, 2 and 1
// days before, half-life of a day.
func TestPostHog(t *testing.T) {
	cfg := attribution.DefaultConfig()
	cfg.HalfLife = event.Duration(event.Day)
	touches := touchesAt(event.Day, []event.Millis{1, 2, 3}, "a", "b", "c")
	_, got := byChannel(cfg, "time_decay", touches, 7)
	if got["a"] != 1 || got["b"] != 2 || got["c"] != 4 {
		t.Errorf("time_decay shares 7 as %v, want 1, 2 and 4", got)
	}
	ppm, _ := byChannel(cfg, "time_decay", touches, 0)
	if ppm["a"] != 142_857 || ppm["b"] != 285_714 || ppm["c"] != 571_429 {
		t.Errorf("time_decay gives %v, want the nearest to 1/7, 2/7 and 4/7", ppm)
	}
	_, got = byChannel(cfg, "position_based", touches, 10)
	if got["a"] != 4 || got["b"] != 2 || got["c"] != 4 {
		t.Errorf("position_based shares 10 as %v, want 4, 2 and 4", got)
	}

	// Where Direct is passed over, what was its goes to the others.
	direct := touchesAt(event.Day, []event.Millis{1, 2, 3}, "a", "b", attribution.Direct)
	if _, got = byChannel(cfg, "last_touch", direct, 10); got[attribution.Direct] != 10 {
		t.Errorf("last_touch gives %v, want all to Direct", got)
	}
	if _, got = byChannel(cfg, "last_non_direct", direct, 10); got["b"] != 10 {
		t.Errorf("last_non_direct gives %v, want all to b", got)
	}
	if _, got = byChannel(cfg, "last_non_direct", direct[2:], 10); got[attribution.Direct] != 10 {
		t.Errorf("with nothing but Direct last_non_direct gives %v, want all to it", got)
	}
}

// TestEeghor are the rule-based cases of eeghor/mta: three paths, taken 2, 3
// and 5 times.
func TestEeghor(t *testing.T) {
	at := []event.Millis{1, 2, 3}
	paths := []struct {
		times   int64
		touches []event.Touch
	}{
		{2, touchesAt(event.Day, at, "direct")},
		{3, touchesAt(event.Day, at, "search", "email")},
		{5, touchesAt(event.Day, at, "search", "social", "email")},
	}
	for model, want := range map[string]map[string]*big.Rat{
		"first_touch":    {"direct": big.NewRat(2, 1), "search": big.NewRat(8, 1)},
		"last_touch":     {"direct": big.NewRat(2, 1), "email": big.NewRat(8, 1)},
		"linear":         {"direct": big.NewRat(2, 1), "search": big.NewRat(19, 6), "email": big.NewRat(19, 6), "social": big.NewRat(5, 3)},
		"position_based": {"direct": big.NewRat(2, 1), "search": big.NewRat(7, 2), "email": big.NewRat(7, 2), "social": big.NewRat(1, 1)},
	} {
		got := map[string]int64{}
		for _, p := range paths {
			ppm, _ := byChannel(attribution.DefaultConfig(), model, p.touches, 0)
			for channel, n := range ppm {
				got[channel] += p.times * n
			}
		}
		if len(got) != len(want) {
			t.Errorf("%s: %v, want %v", model, got, want)
		}
		for channel, share := range want {
			// Each of the ten conversions is shared in whole ppm.
			off := new(big.Rat).Sub(big.NewRat(got[channel], attribution.Whole), share)
			if off.Abs(off).Cmp(big.NewRat(10, attribution.Whole)) > 0 {
				t.Errorf("%s gives %s %d ppm, want %s conversions", model, channel, got[channel], share.RatString())
			}
		}
	}
}
