package oracle_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/internal/oracle"
)

func decode(raw string) event.Record {
	d := oracle.DefaultDecoding()
	d.Clock = noon
	return oracle.DecodeRecord(d, []byte(raw), event.Position{Prefix: "f:", N: 1}, "")
}

// with is a good click of now with more fields; a later key counts.
func with(more string) string {
	return fmt.Sprintf(`{"event_id":"e","type":"click","event_time":%d,"user_id":"u"%s}`, int64(noon), more)
}

func TestDeadLetterCodes(t *testing.T) {
	deep := strings.Repeat("[", 63) + strings.Repeat("]", 63)
	for raw, want := range map[string]event.Code{
		with(``): "", with(`,"x":` + deep): "", with(`,"x":[` + deep + `]`): event.Malformed,
		with(`,"x":"` + strings.Repeat("x", 1<<20) + `"`): event.TooLarge,
		`[]`: event.Malformed, `{} {}`: event.Malformed, `{"a":"\ud800"}`: event.Malformed,
		`{"a":"\udc00\ud800"}`: event.Malformed, "{\"a\":\"\xff\"}": event.Malformed,
		with(`,"x":"\\ud800 \ud83d\ude00"`): "", with(`,"x":"\ud83d\\ude00"`): event.Malformed,
		with(`,"event_id":""`): event.MissingField, with(`,"type":null`): event.MissingField,
		with(`,"user_id":null`): "", with(`,"type":"page_view","user_id":-1`): event.MissingField,
		with(`,"type":"page_view","user_id":"NULL","anonymous_id":"a"`): "",
		with(`,"type":"identify"`):                                      event.MissingField, with(`,"type":"adjustment","adjusts":1,"kind":"retract"`): "",
		with(`,"type":"adjustment","adjusts":1,"kind":"restate"`):             event.MissingField,
		with(`,"type":"adjustment","adjusts":1,"kind":"undo"`):                event.BadField,
		with(`,"type":"adjustment","adjusts":{},"kind":"retract"`):            event.BadField,
		with(`,"type":"adjustment","adjusts":1,"kind":"retract","value":"x"`): "",
		with(`,"event_id":1.5`): event.BadField, with(`,"event_id":12`): "", with(`,"type":"Click"`): event.BadField,
		with(`,"anonymous_id":"` + strings.Repeat("é", 128) + `"`):  "",
		with(`,"anonymous_id":"` + strings.Repeat("é", 128) + `x"`): event.BadField,
		with(`,"event_id":"` + strings.Repeat("x", 129) + `"`):      event.BadField,
		with(`,"event_time":1772366400`):                            event.BadTime, with(`,"event_time":"2026-03-01T12:00:00"`): event.BadTime,
		with(`,"event_time":"2016-12-31T23:59:60Z"`): event.BadTime, with(`,"event_time":"2026-02-30T00:00:00Z"`): event.BadTime,
		with(`,"event_time":"1970-01-01T00:30:00+01:00"`): event.BadTime, with(`,"event_time":"1969-12-31T23:30:00-01:00"`): "",
		with(`,"event_time":"2026-03-01t11:00:00.9999z"`): "", with(`,"event_time":1.7e12`): event.BadTime,
		with(`,"cost":-0.0000001`): event.BadMoney, with(`,"cost":"1e999999999999999999999"`): event.BadMoney,
		with(`,"cost":1e-999999999999999999999`): "", with(`,"cost":"1."`): event.BadMoney, with(`,"cost":true`): event.BadMoney,
		with(`,"cost":1000000000.0000005`): "", with(`,"cost":1000000000.00000051`): event.BadMoney,
		with(`,"currency":"usd"`): event.BadMoney, with(`,"type":"page_view","cost":"x","currency":"?"`): "",
		with(fmt.Sprintf(`,"event_time":%d`, int64(noon)+300_000)): "",
		with(fmt.Sprintf(`,"event_time":%d`, int64(noon)+300_001)): event.FutureEventTime,
		// The first code in the order of the contract.
		`{"event_id":{},"type":"click"}`:                 event.MissingField,
		with(`,"event_time":"x","event_id":{}`):          event.BadField,
		with(`,"event_time":"x","cost":"x"`):             event.BadTime,
		with(`,"event_time":99999999999999,"cost":true`): event.BadMoney,
	} {
		rec, got := decode(raw), event.Code("")
		if rec.Dead != nil {
			got = rec.Dead.Code
		}
		if got != want {
			t.Errorf("%.200s: %q, want %q", raw, got, want)
		}
	}
}

func TestAmounts(t *testing.T) {
	for text, want := range map[string]event.Micros{
		`0.1`: 100_000, `"12.34"`: 12_340_000, `0.0000005`: 0, `0.0000015`: 2, `0.00000050000000000000000001`: 1,
		`1e3`: 1_000_000_000, `12345e-9`: 12, `-0`: 0, `-0.0`: 0, `0e999999999999`: 0, `null`: 0, `""`: 0,
		`0.0000025`: 2, `1000000000`: event.MaxAmount,
	} {
		rec := decode(with(`,"cost":` + text))
		if rec.Dead != nil || rec.Event.Amount != want {
			t.Errorf("%s: %d (%v), want %d", text, rec.Event.Amount, rec.Dead, want)
		}
	}
}

func TestChannelAndCampaign(t *testing.T) {
	for more, want := range map[string]string{ // campaign | channel
		``: " | Unassigned", `,"type":"page_view"`: " | Direct", `,"channel":"Own"`: " | Own",
		`,"source":"google","medium":"cpc","campaign":"spring"`:                  "spring | Paid Search",
		`,"source":"google","medium":"CPC ","campaign_id":7`:                     "7 | Paid Search",
		`,"source":"(direct)","medium":"(none)","type":"page_view"`:              " | Direct",
		`,"source":"direct","campaign":"x","type":"page_view"`:                   "x | Unassigned",
		`,"campaign":"Cross-Network"`:                                            "Cross-Network | Cross-network",
		`,"campaign":"workshop"`:                                                 "workshop | Unassigned",
		`,"campaign":"my-shop"`:                                                  "my-shop | Organic Shopping",
		`,"source":"m.t.co"`:                                                     " | Organic Social",
		`,"source":"email"`:                                                      " | Email",
		`,"medium":"mypush"`:                                                     " | Mobile Push",
		`,"medium":"cpm"`:                                                        " | Display",
		`,"medium":"cpv"`:                                                        " | Paid Other",
		`,"page_url":"https://a.b/?utm_source=x&utm_medium=email&utm_id=9#?"`:    "9 | Email",
		`,"page_url":"https://a.b/?utm_campaign=a+b%20%zz%ff&utm_campaign=no"`:   "a b %zz\ufffd | Unassigned",
		`,"page_url":"https://a.b/?utm_campaign=&utm_campaign=no&gclid=1"`:       " | Paid Search",
		`,"page_url":"https://a.b/#?utm_campaign=no"`:                            " | Unassigned",
		`,"page_url":"https://a.b/?fbclid=1","medium":"email"`:                   " | Email",
		`,"page_url":"https://a.b/?fbclid=1"`:                                    " | Organic Social",
		`,"referrer":"https://www.google.com/x","page_url":"https://a.b/"`:       " | Organic Search",
		`,"referrer":"https://other.example/x","page_url":"https://a.b/"`:        " | Referral",
		`,"referrer":"https://A.b:8080/x","page_url":"https://a.b/"`:             " | Unassigned",
		`,"referrer":"https://youtube.com","page_url":"https://www.a.b/"`:        " | Organic Video",
		`,"referrer":"https://facebook.com","page_url":"https://a.b/?gclid=%41"`: " | Paid Search",
	} {
		rec := decode(with(more))
		if rec.Dead != nil {
			t.Errorf("%s: %v", more, rec.Dead)
		} else if got := rec.Event.Campaign + " | " + rec.Event.Channel; got != want {
			t.Errorf("%s: %q, want %q", more, got, want)
		}
	}
}

func FuzzDecodeRecord(f *testing.F) {
	for _, raw := range []string{with(``), with(`,"cost":"1e5","page_url":"?utm_source=%e2%82","ip":"::ffff:1.2.3.4"`), `{"a":"\ud800"}`, "\\", `{"`} {
		f.Add([]byte(raw))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		rec := oracle.DecodeRecord(oracle.DefaultDecoding(), raw, event.Position{}, "click")
		if e := rec.Event; rec.Dead == nil && (e.ID == "" || e.Kind == 0 || e.Channel == "" || e.Amount < 0 || e.Amount > event.MaxAmount) {
			t.Fatalf("an event that breaks its own rules: %+v", e)
		}
	})
}
