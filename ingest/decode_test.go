package ingest

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/tributary-data/tributary/event"
)

const testClock = event.Millis(1775865600000) // 2026-04-11T00:00:00Z

func decode(t testing.TB, raw, implied string) event.Record {
	t.Helper()
	var out event.Record
	NewDecoder(DefaultDecodeConfig()).Decode([]byte(raw), implied, testClock, event.Position{Prefix: "a:", N: 7}, &out)
	return out
}

// TestCodes has every code, by every rule that leads to it, and what of two
// faults goes first.
func TestCodes(t *testing.T) {
	const (
		ok    = `"event_id":"1","type":"click","event_time":1769904000001`
		conv  = `"event_id":"1","type":"conversion","event_time":1769904000001,"user_id":"u"`
		adj   = `"event_id":"1","type":"adjustment","event_time":1769904000001`
		ident = `"event_id":"1","type":"identify","event_time":1769904000001`
	)
	for _, c := range []struct {
		raw  string
		code event.Code // empty for an event
		says string
	}{
		{"{" + ok + "}", "", ""},
		{" {" + ok + "}\r\n\t ", "", ""},
		{`{` + ok + `,"x":"` + strings.Repeat("x", MaxRecord) + `"}`, event.TooLarge, "1048576"},
		{"\xff" + strings.Repeat("x", MaxRecord), event.TooLarge, ""}, // before malformed
		{"", event.Malformed, "{"},
		{"null", event.Malformed, ""},
		{"[1]", event.Malformed, ""},
		{"\ufeff{" + ok + "}", event.Malformed, ""}, // the start of a file is the reader's
		{"{" + ok, event.Malformed, "ends"},
		{"{" + ok + ",}", event.Malformed, "field name"},
		{"{" + ok + "}x", event.Malformed, "after the object"},
		{"{" + ok + "}{}", event.Malformed, "after the object"},
		{"{'a':1}", event.Malformed, ""},
		{"{\"a\":NaN," + ok + "}", event.Malformed, "value"},
		{"{\"a\":01," + ok + "}", event.Malformed, ""},
		{"{\"a\":1.," + ok + "}", event.Malformed, "number"},
		{"{\"a\":-," + ok + "}", event.Malformed, "number"},
		{"{\"a\":+1," + ok + "}", event.Malformed, ""},
		{"{\"a\":1e," + ok + "}", event.Malformed, "number"},
		{"{\"a\":\"\t\"," + ok + "}", event.Malformed, "control"},
		{"{\"a\":\"\x7f\u2028\"," + ok + "}", "", ""},
		{"{\"a\":\"\xff\"," + ok + "}", event.Malformed, "UTF-8"},
		{"{\"a\":\"\xed\xa0\x80\"," + ok + "}", event.Malformed, "UTF-8"},
		{"{\"a\":\"\xc0\xaf\"," + ok + "}", event.Malformed, "UTF-8"},
		{`{"a":"\ud83d",` + ok + `}`, event.Malformed, "surrogate"},
		{`{"a":"\udE42\ud83d",` + ok + `}`, event.Malformed, "surrogate"},
		{`{"a":"\ud83d\u0041",` + ok + `}`, event.Malformed, "surrogate"},
		{`{"\ud83d":1,` + ok + `}`, event.Malformed, "surrogate"},
		{`{"a":[{"b":"\ud83d"}],` + ok + `}`, event.Malformed, "surrogate"},
		{`{"a":"\ud83d\ude42\u0000\/",` + ok + `}`, "", ""},
		{`{"a":"\x41",` + ok + `}`, event.Malformed, "escape"},
		{`{"a":"\u00g1",` + ok + `}`, event.Malformed, "escape"},
		{`{"a":tru,` + ok + `}`, event.Malformed, "value"},
		{`{"a" 1,` + ok + `}`, event.Malformed, "colon"},
		{`{"a":1 ` + ok + `}`, event.Malformed, "comma"},
		{`{"a":[1,],` + ok + `}`, event.Malformed, "value"},
		{`{"a":{"b":1,},` + ok + `}`, event.Malformed, "field name"},
		{`{"a":[1},` + ok + `}`, event.Malformed, "comma"},
		{`{` + ok + `,"a":` + strings.Repeat("[", 63) + strings.Repeat("]", 63) + `}`, "", ""},
		{`{` + ok + `,"a":` + strings.Repeat("[", 64) + strings.Repeat("]", 64) + `}`, event.Malformed, "64"},
		{`{` + ok + `,"properties":` + strings.Repeat(`{"a":`, 63) + "1" + strings.Repeat("}", 63) + `}`, "", ""},
		{`{` + ok + `,"properties":` + strings.Repeat(`{"a":`, 64) + "1" + strings.Repeat("}", 64) + `}`, event.Malformed, "64"},
		{`{"a":` + strings.Repeat("[", 1_000_000), event.Malformed, "64"},

		{`{"type":"click","event_time":1769904000001}`, event.MissingField, "event_id"},
		{`{"event_id":"","type":"click","event_time":1769904000001}`, event.MissingField, "event_id"},
		{`{"event_id":null,"type":"click","event_time":1769904000001}`, event.MissingField, "event_id"},
		{`{"EVENT_ID":"1","type":"click","event_time":1769904000001}`, event.MissingField, "event_id"},
		{`{` + ok + `,"event_id":null}`, event.MissingField, "event_id"}, // the last counts
		{`{"event_id":"1","event_time":1769904000001}`, event.MissingField, "type"},
		{`{"event_id":"1","type":"click"}`, event.MissingField, "event_time"},
		{`{"event_id":"1","type":"click","event_time":""}`, event.MissingField, "event_time"},
		{`{"event_id":"1","type":"page_view","event_time":1769904000001}`, event.MissingField, "user_id"},
		{`{"event_id":"1","type":"page_view","event_time":1769904000001,"user_id":"Undefined","anonymous_id":-1}`, event.MissingField, "user_id"},
		{`{"event_id":"1","type":"conversion","event_time":1769904000001,"user_id":0}`, event.MissingField, "user_id"},
		{"{" + ident + `,"user_id":"u"}`, event.MissingField, "anonymous_id"},
		{"{" + ident + `,"anonymous_id":"a","user_id":"NULL"}`, event.MissingField, "user_id"},
		{"{" + adj + `,"kind":"retract"}`, event.MissingField, "adjusts"},
		{"{" + adj + `,"adjusts":"c"}`, event.MissingField, "kind"},
		{"{" + adj + `,"adjusts":"c","kind":"restate"}`, event.MissingField, "value"},
		{"{" + adj + `,"adjusts":"c","kind":"restate","value":""}`, event.MissingField, "value"},
		{"{" + adj + `,"adjusts":"c","kind":"retract"}`, "", ""},

		{`{` + ok + `,"event_id":"` + strings.Repeat("é", 64) + `"}`, "", ""},
		{`{` + ok + `,"event_id":"` + strings.Repeat("é", 64) + `x"}`, event.BadField, "129 bytes"},
		{`{` + ok + `,"event_id":` + strings.Repeat("1", 128) + `}`, "", ""},
		{`{` + ok + `,"event_id":` + strings.Repeat("1", 129) + `}`, event.BadField, "129 bytes"},
		{`{` + ok + `,"event_id":true}`, event.BadField, "event_id"},
		{`{` + ok + `,"event_id":1.0}`, event.BadField, "event_id"},
		{`{` + ok + `,"event_id":1e3}`, event.BadField, "event_id"},
		{`{` + ok + `,"type":7}`, event.MissingField, "user_id"}, // no type that needs no person
		{`{` + ok + `,"type":7,"user_id":"u"}`, event.BadField, "type"},
		{`{` + ok + `,"type":"Click","user_id":"u"}`, event.BadField, "Click"},
		{`{` + ok + `,"type":"a-b","user_id":"u"}`, event.BadField, "a-b"},
		{`{` + ok + `,"type":"` + strings.Repeat("a", 64) + `","user_id":"u"}`, "", ""},
		{`{` + ok + `,"type":"` + strings.Repeat("a", 65) + `","user_id":"u"}`, event.BadField, "type"},
		{`{` + ok + `,"user_id":"` + strings.Repeat("u", 256) + `"}`, "", ""},
		{`{` + ok + `,"user_id":"` + strings.Repeat("u", 257) + `"}`, event.BadField, "257 bytes"},
		{`{` + ok + `,"user_id":false}`, event.BadField, "user_id"},
		{`{` + ok + `,"user_id":"u","anonymous_id":{}}`, event.BadField, "anonymous_id"},
		{"{" + ident + `,"anonymous_id":"a","user_id":[]}`, event.BadField, "user_id"},
		{"{" + adj + `,"adjusts":"c","kind":"retract","user_id":1.5}`, event.BadField, "user_id"},
		{"{" + adj + `,"adjusts":"c","kind":"refund"}`, event.BadField, "refund"},
		{"{" + adj + `,"adjusts":"c","kind":5}`, event.BadField, "kind"},
		{"{" + adj + `,"adjusts":[],"kind":"retract"}`, event.BadField, "adjusts"},

		{`{` + ok + `,"event_time":1769904000}`, event.BadTime, "seconds"},
		{`{` + ok + `,"event_time":99999999999}`, event.BadTime, "seconds"},
		{`{` + ok + `,"event_time":-1769904000001}`, event.BadTime, ""},
		{`{` + ok + `,"event_time":100000000000}`, "", ""},
		{`{` + ok + `,"event_time":253402300800000}`, event.BadTime, "9999"},
		{`{` + ok + `,"event_time":` + strings.Repeat("9", 5000) + `}`, event.BadTime, "9999"},
		{`{` + ok + `,"event_time":1769904000001.0}`, event.BadTime, "integer"},
		{`{` + ok + `,"event_time":1.769904000001e12}`, event.BadTime, "integer"},
		{`{` + ok + `,"event_time":"1769904000001"}`, event.BadTime, "RFC 3339"},
		{`{` + ok + `,"event_time":true}`, event.BadTime, "boolean"},
		{`{` + ok + `,"event_time":"2026-02-01T00:00:00"}`, event.BadTime, "offset"},
		{`{` + ok + `,"event_time":"2026-02-01 00:00:00Z"}`, event.BadTime, ""},
		{`{` + ok + `,"event_time":"2026-12-31T23:59:60Z"}`, event.BadTime, "leap second"},
		{`{` + ok + `,"event_time":"2026-02-01T24:00:00Z"}`, event.BadTime, ""},
		{`{` + ok + `,"event_time":"2026-02-29T00:00:00Z"}`, event.BadTime, ""},
		{`{` + ok + `,"event_time":"2026-02-01T00:00:00,5Z"}`, event.BadTime, ""},
		{`{` + ok + `,"event_time":"2026-02-01T00:00:00.Z"}`, event.BadTime, ""},
		{`{` + ok + `,"event_time":"1969-12-31T23:59:59.9999Z"}`, event.BadTime, "1970"},
		{`{` + ok + `,"event_time":"1969-12-31T23:00:00-01:00"}`, "", ""},
		{`{` + ok + `,"event_time":"1970-01-01T00:30:00+00:31"}`, event.BadTime, "1970"},
		{`{` + ok + `,"event_time":"9999-12-31T23:59:59-00:01"}`, event.BadTime, "9999"},

		{`{` + ok + `,"cost":-1}`, event.BadMoney, "adjustment"},
		{`{` + ok + `,"cost":"-0.0000001"}`, event.BadMoney, "adjustment"},
		{`{` + ok + `,"cost":-1e-999999999}`, event.BadMoney, "adjustment"},
		{`{` + ok + `,"cost":-0.0}`, "", ""},
		{`{` + ok + `,"cost":1e999999999}`, event.BadMoney, "1,000,000,000"},
		{`{` + ok + `,"cost":1000000000.0000005}`, "", ""},
		{`{` + ok + `,"cost":"1000000000.000001"}`, event.BadMoney, "1,000,000,000"},
		{`{` + ok + `,"cost":"1,5"}`, event.BadMoney, "decimal"},
		{`{` + ok + `,"cost":"01"}`, event.BadMoney, "decimal"},
		{`{` + ok + `,"cost":" 1"}`, event.BadMoney, "decimal"},
		{`{` + ok + `,"cost":true}`, event.BadMoney, "boolean"},
		{`{` + ok + `,"cost":"","currency":null}`, "", ""},
		{`{` + ok + `,"currency":"usd"}`, event.BadMoney, "currency"},
		{`{` + ok + `,"currency":5}`, event.BadMoney, "currency"},
		{`{` + ok + `,"value":-1}`, "", ""}, // not read on clicks
		{`{` + conv + `,"cost":-1,"value":1}`, "", ""},
		{`{` + conv + `,"value":-1}`, event.BadMoney, "value"},
		{`{` + conv + `,"currency":"EURO"}`, event.BadMoney, "currency"},
		{`{` + conv + `,"type":"page_view","value":-1,"cost":"x","currency":5}`, "", ""},
		{"{" + adj + `,"adjusts":"c","kind":"retract","value":"x","currency":5}`, "", ""},
		{"{" + adj + `,"adjusts":"c","kind":"restate","value":"x"}`, event.BadMoney, "value"},
		{"{" + adj + `,"adjusts":"c","kind":"restate","value":1,"currency":"e"}`, event.BadMoney, "currency"},

		{`{` + ok + `,"event_time":1775865900000}`, "", ""},
		{`{` + ok + `,"event_time":1775865900001}`, event.FutureEventTime, "--as-of"},

		// The first code that applies, wherever the faults stand.
		{`{"cost":-1,"event_time":"x","event_id":5.5,"type":"page_view"}`, event.MissingField, "user_id"},
		{`{"cost":-1,"event_time":"x","event_id":5.5,"type":"click"}`, event.BadField, "event_id"},
		{`{"cost":-1,"event_time":"x","event_id":"5","type":"click"}`, event.BadTime, ""},
		{`{"cost":-1,"event_time":1775865900001,"event_id":"5","type":"click"}`, event.BadMoney, ""},
		{`{"event_time":1,"user_id":5.5,"type":"Bad"}`, event.MissingField, "event_id"},
		{"{" + adj + `,"adjusts":5.5,"kind":"restate","event_id":true}`, event.MissingField, "value"},
		{`{"event_id":5.5}x`, event.Malformed, ""},
	} {
		out := decode(t, c.raw, "")
		if out.Dead == nil {
			if c.code != "" {
				t.Errorf("%.200s: an event, want %s", c.raw, c.code)
			}
			continue
		}
		d := out.Dead
		if d.Code != c.code || !strings.Contains(d.Message, c.says) {
			t.Errorf("%.200s: %s (%s), want %s (%s)", c.raw, d.Code, d.Message, c.code, c.says)
		}
		if len(d.Message) > maxMessage || !utf8.ValidString(d.Message) || d.Pos.String() != "a:7" || len(d.Raw) != min(len(c.raw), MaxRecord) || out.Event.ID != "" {
			t.Errorf("%.200s: %d bytes of message, %d of record, %+v", c.raw, len(d.Message), len(d.Raw), out.Event)
		}
	}
}

func TestImpliedType(t *testing.T) {
	for name, want := range map[string]string{
		"impressions": "impression", "impressions-k.ndjson": "impression", "clicks.v2": "click", "conversions_n.csv.gz": "conversion",
		"click": "", "my-clicks": "", "Clicks": "", "": "",
	} {
		if got := ImpliedType(name); got != want {
			t.Errorf("%q implies %q, want %q", name, got, want)
		}
	}
	const record = `{"event_id":"1","event_time":1769904000001,"user_id":"u"`
	for rest, want := range map[string]string{
		`}`: "click", `,"type":null}`: "click", `,"type":""}`: "click", `,"type":"page_view"}`: "page_view", `,"type":"impression"}`: "impression",
	} {
		if out := decode(t, record+rest, "click"); out.Dead != nil || out.Event.Type != want || out.Event.Kind != event.KindOf(want) {
			t.Errorf("%s: %+v", rest, out)
		}
	}
	if out := decode(t, record+`,"type":"Bad"}`, "click"); out.Dead == nil || out.Dead.Code != event.BadField {
		t.Errorf("a wrong type of its own: %+v", out)
	}
}

// TestFields: what decoding makes of a record with all fields.
func TestFields(t *testing.T) {
	e := decode(t, `{"event_id":17,"type":"conversion","event_time":"2026-02-01t01:00:00.9999+01:00","user_id":"\u0075","anonymous_id":5,"campaign_id":1,"ad_group_id":2,"creative_id":3,"publisher_id":4,
		"source":"x","medium":"email","ip":"::ffff:1.2.3.4","user_agent":"UA","country":"DE","value":12.3456785,"currency":"EUR","conversion_name":"signup","order_id":9,
		"experiments":{"b":"2","a":"\u0031","b":"3"},"properties":{},"page_url":"?utm_id=z"}`, "").Event
	want := event.Event{
		ID: "17", Kind: event.Conversion, Type: "conversion", Time: 1769904000999, Person: "u:u", UserID: "u", AnonymousID: "5", Campaign: "1", AdGroup: "2", Creative: "3", Publisher: "4",
		Channel: "Email", UserAgent: "UA", Country: "DE", Amount: 12_345_678, Currency: "EUR", Name: "signup", OrderID: "9",
	}
	ip, experiments := e.IP, e.Experiments
	if ip.String() != "1.2.3.4" || len(experiments) != 2 || experiments[0] != (event.Assignment{Experiment: "a", Variant: "1"}) || experiments[1] != (event.Assignment{Experiment: "b", Variant: "3"}) {
		t.Errorf("ip %s, experiments %v", ip, experiments)
	}
	if e.Ref() != want.Ref() || e.Kind != want.Kind || e.UserID != want.UserID || e.AnonymousID != want.AnonymousID || e.Campaign != want.Campaign || e.AdGroup != want.AdGroup || e.Creative != want.Creative ||
		e.Publisher != want.Publisher || e.Channel != want.Channel || e.UserAgent != want.UserAgent || e.Country != want.Country || e.Amount != want.Amount || e.Currency != want.Currency || e.Name != want.Name || e.OrderID != want.OrderID {
		t.Errorf("\n got %+v\nwant %+v", e, want)
	}
	for campaign, raw := range map[string]string{
		"id":     `"campaign_id":"id","page_url":"?utm_id=u&utm_campaign=c","campaign":"s"`,
		"u":      `"page_url":"?utm_id=u&utm_campaign=c","campaign":"s"`,
		"s":      `"page_url":"?utm_campaign=c","campaign":"s"`,
		"c":      `"page_url":"?utm_campaign=c","campaign":5,"campaign_id":1.5`,
		"\ufffd": `"page_url":"?utm_campaign=%ff","campaign":""`,
		"":       `"page_url":"?utm_campaign="`,
	} {
		if e := decode(t, `{"event_id":"1","type":"click","event_time":1769904000001,`+raw+`}`, "").Event; e.Campaign != campaign {
			t.Errorf("%s: campaign %q, want %q", raw, e.Campaign, campaign)
		}
	}
	e = decode(t, `{"event_id":"1","type":"adjustment","event_time":1769904000001,"adjusts":"c","kind":"restate","value":"5"}`, "").Event
	if e.Currency != "" || !e.Restate || e.Amount != 5_000_000 || e.Adjusts != "c" || e.Channel == "" {
		t.Errorf("adjustment %+v", e)
	}
}

// TestIgnore: ids are compared whole, ignoring case; the configured words
// replace the usual ones.
func TestIgnore(t *testing.T) {
	d := NewDecoder(DecodeConfig{Ignore: []string{"nobody", "ÉMILE", ""}, DefaultCurrency: "EUR"})
	for id, want := range map[string]string{"NoBody": "", "émile": "", "nobody2": "a:nobody2", "null": "a:null", "0": "a:0"} {
		var out event.Record
		d.Decode([]byte(`{"event_id":"1","type":"click","event_time":1769904000001,"anonymous_id":"`+id+`"}`), "", testClock, event.Position{}, &out)
		if out.Event.Person != want || out.Event.Currency != "EUR" {
			t.Errorf("%s: person %q, want %q", id, out.Event.Person, want)
		}
	}
}

// TestStringsStay: what a decoder built stays as it was, however much it
// builds afterwards.
func TestStringsStay(t *testing.T) {
	d := NewDecoder(DefaultDecodeConfig())
	var kept []string
	var want []string
	for i := range 20_000 {
		id := strings.Repeat(string(rune('a'+i%26)), i%200+1)
		var out event.Record
		d.Decode([]byte(`{"event_id":"1","type":"click","event_time":1769904000001,"user_id":"\u002d`+id+`"}`), "", testClock, event.Position{}, &out)
		kept, want = append(kept, out.Event.Person), append(want, "u:-"+id)
	}
	for i := range kept {
		if kept[i] != want[i] {
			t.Fatalf("%d: %q, want %q", i, kept[i], want[i])
		}
	}
}

// TestHostileSizes: sizes that would hurt a careless decoder take no time.
func TestHostileSizes(t *testing.T) {
	const head = `{"event_id":"1","type":"click","event_time":1769904000001,`
	var keys strings.Builder
	for keys.Len() < MaxRecord-200 {
		keys.WriteString(`"a":1,"b":"x",`)
	}
	for name, raw := range map[string]string{
		"digits":      head + `"cost":0.` + strings.Repeat("3", MaxRecord-200) + `}`,
		"exponent":    head + `"cost":1e-` + strings.Repeat("9", MaxRecord-200) + `}`,
		"experiments": head + `"experiments":{` + strings.TrimSuffix(keys.String(), ",") + `}}`,
		"query":       head + `"page_url":"?` + strings.Repeat("&utm_id", (MaxRecord-200)/7) + `"}`,
		"escapes":     head + `"page_url":"?utm_id=` + strings.Repeat("%ff", (MaxRecord-200)/3) + `"}`,
	} {
		if out := decode(t, raw, ""); out.Dead != nil {
			t.Errorf("%s: %s", name, out.Dead.Message)
		}
	}
}
