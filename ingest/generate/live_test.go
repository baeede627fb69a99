package generate

import (
	"encoding/json"
	"testing"

	"github.com/tributary-data/tributary/event"
)

func TestLiveHasAHistoryAndARate(t *testing.T) {
	const now = defaultStart + 40*event.Day + 15*event.Hour
	l := NewLive(LiveOptions{Seed: 2, Start: now, Rate: 40})
	topics, campaignsSeen := map[string]int{}, map[string]bool{}
	var history []Item
	last := event.Millis(0)
	for t0 := l.Begin(); t0 <= now; t0 += event.Hour {
		for _, it := range l.Next(t0) {
			if it.Arrival < last || it.Arrival > t0 {
				t.Fatalf("a record of %s comes at %s, after one of %s", it.Arrival, t0, last)
			}
			last = it.Arrival
			history = append(history, it)
			topics[it.Topic]++
			var r struct {
				Campaign string `json:"campaign_id"`
			}
			if json.Unmarshal(it.Raw, &r) == nil && r.Campaign != "" {
				campaignsSeen[r.Campaign] = true
			}
		}
	}
	within(t, "records a second in the history", float64(len(history))/(26*3600), 5, 0.8)
	if len(campaignsSeen) != len(campaigns) || len(Campaigns()) != len(campaigns) {
		t.Errorf("%d campaigns in the history; want %d", len(campaignsSeen), len(campaigns))
	}
	for _, topic := range Topics {
		if topics[topic] < 100 {
			t.Errorf("%d records of %s in the history", topics[topic], topic)
		}
	}
	n := 0
	for s := event.Millis(1); s <= 1200; s++ {
		n += len(l.Next(now + s*event.Second))
	}
	within(t, "records a second after the first minutes", float64(n)/1200, 40*dayCurve(now), 14)
	again := NewLive(LiveOptions{Seed: 2, Start: now, Rate: 40})
	for i, it := range again.Next(again.Begin() + 6*event.Hour) {
		if string(it.Raw) != string(history[i].Raw) {
			t.Fatalf("record %d differs when asked for in one piece", i)
		}
	}
}

func TestDayCurve(t *testing.T) {
	var sum, top, bottom float64
	bottom = 9
	for m := event.Millis(0); m < event.Day; m += event.Minute {
		c := dayCurve(m)
		sum += c
		top, bottom = max(top, c), min(bottom, c)
	}
	within(t, "mean of the day curve", sum/1440, 1, 0.01)
	if top < 1.3 || bottom > 0.5 {
		t.Errorf("between %.2f and %.2f: no day", bottom, top)
	}
}
