package ingest

import (
	"testing"

	"github.com/tributary-data/tributary/event"
)

// impression is a usual one, of about 400 bytes.
const impression = `{"event_id":"e1a74-513ba8c65f5e","type":"impression","event_time":"2026-02-01T04:33:01.351Z","user_id":"U6692-3f","ip":"84.163.137.121","user_agent":"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36","campaign_id":"cmp-16","ad_group_id":"cmp-16/g1","creative_id":"cmp-16/k2","publisher_id":"pub9","country":"DE","source":"google","medium":"cpc","cost":"0.001250","currency":"EUR"}`

// landing is a page view whose channel comes from its address.
const landing = `{"event_id":"6739","type":"page_view","event_time":1769926966150,"anonymous_id":"A6692","ip":"2003:c1:88c0:f01::498","user_agent":"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1","page_url":"https://shop.example/p/1?id=1&utm_campaign=spring&utm_source=app&utm_medium=mobile-app#top"}`

func BenchmarkDecode(b *testing.B) {
	for _, bench := range []struct{ name, record string }{{"impression", impression}, {"landing", landing}} {
		b.Run(bench.name, func(b *testing.B) {
			d := NewDecoder(DefaultDecodeConfig())
			raw := []byte(bench.record)
			var out event.Record
			b.SetBytes(int64(len(raw)))
			b.ReportAllocs()
			for b.Loop() {
				d.Decode(raw, "", 1<<60, event.Position{Prefix: "a:", N: 1}, &out)
				if out.Dead != nil {
					b.Fatal(out.Dead.Message)
				}
			}
		})
	}
}

// TestDecodeAllocs: a usual record allocates nothing but its share of a block
// of the arena.
func TestDecodeAllocs(t *testing.T) {
	for _, record := range []string{impression, landing} {
		d := NewDecoder(DefaultDecodeConfig())
		raw := []byte(record)
		var out event.Record
		if n := testing.AllocsPerRun(10_000, func() {
			d.Decode(raw, "", 1<<60, event.Position{Prefix: "a:", N: 1}, &out)
		}); n != 0 {
			t.Errorf("%v allocations for %s", n, record)
		}
		if out.Dead != nil {
			t.Error(out.Dead.Message)
		}
	}
}
