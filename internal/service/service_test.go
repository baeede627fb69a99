package service_test

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/state"
)

// traffic is a bit of everything that a table can hold, and after it two records
// that no table may count: one that is too late, one that is broken.
func (s *site) traffic() string {
	var b strings.Builder
	add := func(typ, id string, at event.Millis, more string) {
		fmt.Fprintf(&b, `{"type":%q,"event_id":%q,"event_time":%d%s}`+"\n", typ, id, s.base+at, more)
	}
	for i := range event.Millis(40) {
		add("impression", fmt.Sprint("i", i), i*event.Minute, fmt.Sprintf(`,"user_id":"p%d","campaign_id":"k%d","creative_id":"x","cost":"0.01","source":"google","medium":"cpc"`, i%7, i%3))
	}
	for i := range event.Millis(8) {
		add("click", fmt.Sprint("c", i), i*5*event.Minute+event.Second, fmt.Sprintf(`,"user_id":"p%d","campaign_id":"k%d","creative_id":"x","cost":"0.5","channel":"Email"`, i%3, i%2))
	}
	add("click", "c9", 41*event.Minute, `,"anonymous_id":"a1","campaign_id":"k1","user_agent":"Googlebot/2.1 (+http://www.google.com/bot.html)"`)
	add("click", "c10", 42*event.Minute, `,"anonymous_id":"a1","campaign_id":"k1","cost":"1.25"`)
	add("identify", "l1", 43*event.Minute, `,"anonymous_id":"a1","user_id":"p1"`)
	add("conversion", "v1", 44*event.Minute, `,"user_id":"p1","value":"33.33","order_id":"o1"`)
	add("conversion", "v2", 45*event.Minute, `,"user_id":"p2","value":"10","currency":"EUR","order_id":"o2"`)
	add("conversion", "v3", 46*event.Minute, `,"user_id":"p2","value":"10","currency":"EUR","order_id":"o2"`)
	add("conversion", "v4", 47*event.Minute, `,"user_id":"nobody"`)
	add("adjustment", "j1", 48*event.Minute, `,"adjusts":"o1","kind":"restate","value":"20"`)
	add("page_view", "b1", 150*event.Minute, `,"user_id":"p1"`)
	add("impression", "late", 0, `,"campaign_id":"k1"`)
	b.WriteString("not JSON\n")
	return b.String()
}

// Of what is accepted, the impressions would be too late if they came again.
const impressions, others = 40, 8 + 2 + 1 + 4 + 1 + 1

var first, again = collected{Accepted: impressions + others, Late: 1, Rejected: 1}, collected{Duplicates: others, Late: 1 + impressions, Rejected: 1}

// TestServe: what is answered is there after a stop and a start, sending again
// changes nothing, and the sink holds what the state does.
func TestServe(t *testing.T) {
	s := newSite(t)
	r := s.start()
	if got := r.send(s.traffic()); got != first {
		t.Fatalf("the first time: %+v, want %+v", got, first)
	}
	if code, _, body := r.get("/readyz"); code != http.StatusOK || !strings.Contains(body, `"status":"ready"`) {
		t.Errorf("readyz: %d %s, want ready", code, body)
	}
	before := r.answers(s)
	for path, part := range map[string]string{
		"/v1/conversions/v1":         `"value":{"amount":"20.00","currency":"USD"}`,
		"/v1/late-events":            `"late"`,
		"/v1/dead-letters":           `"malformed"`,
		"/v1/fraud/events/c9":        `"bot_user_agent"`,
		"/v1/conversions":            `"duplicate"`,
		"/v1/conversions/v1/explain": `"c10"`,
	} {
		if !strings.Contains(before[path], part) {
			t.Errorf("%s does not say %s: %s", path, part, before[path])
		}
	}
	r.stop()
	s.agree()

	for _, twice := range []bool{false, true} {
		r = s.start()
		if twice {
			if got := r.send(s.traffic()); got != again {
				t.Errorf("sent again: %+v, want %+v", got, again)
			}
		}
		for path, body := range r.answers(s) {
			if twice && (path == "/v1/late-events" || path == "/v1/dead-letters") {
				continue // they have a row for each record that came
			}
			if body != before[path] {
				t.Errorf("%s, sent again: %v: got %s, before the stop %s", path, twice, body, before[path])
			}
		}
		r.stop()
		s.agree()
	}
}

// TestRestoredState: a sink that is ahead of a state that was put back is
// written anew under a new epoch: no row of the lost time is left in it, and no
// row that the state holds is missing.
func TestRestoredState(t *testing.T) {
	for _, how := range []string{"restored", "copied back"} {
		t.Run(how, func(t *testing.T) {
			s := newSite(t)
			r := s.start()
			r.send(s.traffic())
			r.stop()
			s.agree()
			_, _, oldEpoch, oldCommit := s.stored()
			backup := s.cfg.State.Dir + ".backup"
			store, err := state.Open(s.cfg.State.Dir, state.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if err := store.Backup(backup); err != nil {
				t.Fatal(err)
			}
			if err := store.Close(); err != nil {
				t.Fatal(err)
			}
			lost := fmt.Sprintf(`{"type":"conversion","event_id":"lost-conversion","event_time":%d,"user_id":"p1","value":7,"conversion_name":"lost-conversion"}`, s.base+151*event.Minute)
			r = s.start()
			if got := r.send(lost); got.Accepted != 1 {
				t.Fatalf("the record that will be lost: %+v", got)
			}
			r.stop()
			s.agree()
			if ahead, _, _ := s.sunk(); !strings.Contains(fmt.Sprint(ahead), "lost-conversion") {
				t.Fatal("the sink is not ahead")
			}

			if err := os.RemoveAll(s.cfg.State.Dir); err != nil {
				t.Fatal(err)
			}
			if how == "restored" {
				_, err = state.Restore(backup, s.cfg.State.Dir)
			} else {
				err = os.CopyFS(s.cfg.State.Dir, os.DirFS(backup))
			}
			if err != nil {
				t.Fatal(err)
			}
			r = s.start()
			r.stop()
			s.agree()
			tables, _, epoch, commit := s.stored()
			if epoch <= oldEpoch || commit < oldCommit {
				t.Errorf("the state is at epoch %d commit %d, want a later epoch than %d, and commit %d or later", epoch, commit, oldEpoch, oldCommit)
			}
			if len(tables["conversions"]) != 4 {
				t.Errorf("%d conversions were restored, want 4", len(tables["conversions"]))
			}
			got, _, _ := s.sunk()
			for name, list := range got {
				if text := fmt.Sprint(list); strings.Contains(text, "lost-conversion") {
					t.Errorf("%s of the sink still holds what the restored state never saw: %s", name, text)
				}
			}

			// It goes on from there, and takes the lost record again.
			r = s.start()
			if got := r.send(lost); got.Accepted != 1 {
				t.Errorf("the lost record sent again: %+v", got)
			}
			r.stop()
			s.agree()
		})
	}
}

// TestDiskBudget: where the state may not grow, nothing is taken, and whoever
// sends or watches is told; what is there can be read.
func TestDiskBudget(t *testing.T) {
	s := newSite(t)
	r := s.start()
	r.send(s.traffic())
	before := r.answers(s)
	r.stop()
	s.cfg.State.DiskBudget = 1
	r = s.start()
	code, header, body := r.post(s.traffic())
	if code != http.StatusServiceUnavailable || header.Get("Retry-After") == "" || !strings.Contains(body, `"disk_full"`) {
		t.Errorf("events: %d, Retry-After %q, %s; want 503 disk_full", code, header.Get("Retry-After"), body)
	}
	code, _, body = r.get("/readyz")
	if code != http.StatusOK || !strings.Contains(body, `"status":"degraded"`) || !strings.Contains(body, "state.disk_budget") {
		t.Errorf("readyz: %d %s; want 200 degraded, naming state.disk_budget", code, body)
	}
	for path, body := range r.answers(s) {
		if body != before[path] {
			t.Errorf("%s: got %s, before %s", path, body, before[path])
		}
	}
	r.stop()
	s.agree()
	s.cfg.State.DiskBudget = state.GB
	r = s.start()
	if got := r.send(s.traffic()); got != again {
		t.Errorf("with room again: %+v, want %+v", got, again)
	}
	r.stop()
	s.agree()
}
