package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tributary-data/tributary/attribution"
	"github.com/tributary-data/tributary/event"
)

func at(t *testing.T, s string) event.Millis {
	t.Helper()
	x, err := time.Parse(time.RFC3339, s)
	if err != nil {
		t.Fatal(err)
	}
	return event.Millis(x.UnixMilli())
}

// TestTheWorkedExample: the numbers of docs/models.md are the program's.
func TestTheWorkedExample(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "docs", "models.md"))
	if err != nil {
		t.Fatal(err)
	}
	cfg := attribution.DefaultConfig()
	touches := []event.Touch{
		{Time: at(t, "2026-02-16T09:00:00Z"), Campaign: "spring", Channel: "Paid Search"},
		{Time: at(t, "2026-02-23T09:00:00Z"), Campaign: "news", Channel: "Email"},
		{Time: at(t, "2026-03-01T09:00:00Z"), Campaign: "spring", Channel: "Display"},
		{Time: at(t, "2026-03-02T09:00:00Z"), Channel: "Direct"},
	}
	const value = 100 * event.Unit
	shares := map[string][]string{}
	sums := map[string]event.Micros{}
	for _, c := range attribution.Credits(&cfg, touches, value) {
		if shares[c.Model] == nil {
			shares[c.Model] = make([]string, len(touches))
		}
		shares[c.Model][c.Position-1] = amount(c.Micros)
		sums[c.Model] += c.Micros
	}
	for _, m := range attribution.Models {
		row := fmt.Sprintf("| `%s` | %s | %s |", m.ID, strings.Join(shares[m.ID], " | "), amount(sums[m.ID]))
		if !strings.Contains(string(text), row+"\n") {
			t.Errorf("docs/models.md lacks the row\n%s", row)
		}
		if sums[m.ID] != value && !m.Overlapping {
			t.Errorf("%s sums to %s", m.ID, amount(sums[m.ID]))
		}
		if n := strings.Count(string(text), "\n| `"+m.ID+"` |"); n != 2 {
			t.Errorf("docs/models.md has %d rows for %s; want its weights and its example", n, m.ID)
		}
	}

	// The rounding of the page: 10.00 in three equal parts.
	var parts []string
	for _, c := range attribution.Credits(&cfg, touches[:3], 10*event.Unit) {
		if c.Model == "linear" {
			parts = append(parts, amount(c.Micros))
		}
	}
	if want := "10.00 in three equal parts is " + strings.Join(parts, ", "); !strings.Contains(string(text), want) {
		t.Errorf("docs/models.md does not say: %s", want)
	}
}

// amount writes money with two digits, or as many as it has.
func amount(m event.Micros) string {
	s := fmt.Sprintf("%d.%06d", m/event.Unit, m%event.Unit)
	for strings.HasSuffix(s, "0") && len(s)-strings.Index(s, ".") > 3 {
		s = s[:len(s)-1]
	}
	return s
}
