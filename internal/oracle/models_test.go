package oracle_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/internal/oracle"
	"github.com/tributary-data/tributary/table"
)

// TestAdobeExample is the worked example of Adobe's documentation.
func TestAdobeExample(t *testing.T) {
	day := func(n int, channel string) event.Event {
		return one(event.Click, fmt.Sprint(n, channel), noon+event.Millis(n)*event.Day, func(e *event.Event) { e.Channel = channel })
	}
	r := run(oracle.DefaultConfig(), day(15, "search"), day(18, "social"), day(24, "1 email"), day(24, "2 display"),
		one(event.Conversion, "v", noon+24*event.Day, func(e *event.Event) { e.Amount = 50 * event.Unit }))
	got := map[string][]string{}
	for _, line := range show(r, table.Credits, "model value_micros") {
		model, micros, _ := strings.Cut(line, " ")
		got[model] = append(got[model], micros)
	}
	for model, want := range map[string]string{
		"linear":         "12500000 12500000 12500000 12500000",
		"j_shaped":       "10000000 5000000 5000000 30000000",
		"inverse_j":      "30000000 5000000 5000000 10000000",
		"position_based": "20000000 5000000 5000000 20000000",
		"first_touch":    "50000000",
		"last_touch":     "50000000",
		"participation":  "50000000",
		"time_decay":     "6923333 9318116 16879275 16879276",
	} {
		if strings.Join(got[model], " ") != want {
			t.Errorf("%s: %v, want %s", model, got[model], want)
		}
	}
}

// TestSplitTies: the later touch gets the odd micro.
func TestSplitTies(t *testing.T) {
	var events []event.Event
	for i := range 3 {
		events = append(events, one(event.Click, fmt.Sprint(i), noon+event.Millis(i)*event.Hour))
	}
	r := run(oracle.DefaultConfig(), append(events, one(event.Conversion, "v", noon+3*event.Hour, func(e *event.Event) { e.Amount = 5 }))...)
	var linear []string
	for _, line := range show(r, table.Credits, "model position credit_ppm value_micros") {
		if strings.HasPrefix(line, "linear ") {
			linear = append(linear, line)
		}
	}
	expect(t, linear, "linear 1 333333 1", "linear 2 333333 2", "linear 3 333334 2")
}
