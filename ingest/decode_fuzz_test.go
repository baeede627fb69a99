package ingest

import (
	"math/rand/v2"
	"strings"
	"testing"
)

var seeds = []string{
	impression, landing,
	`{"event_id":"1","type":"conversion","event_time":"2026-02-01T00:00:00.1239+05:30","user_id":"\u0041\ud83d\ude42","value":12.3456785,"currency":"EUR","order_id":7,"experiments":{"b":"2","a":"1","c":5,"a":"\u0033"}}`,
	`{"event_id":"1","type":"adjustment","event_time":1769904000001,"adjusts":17,"kind":"restate","value":"1e3"}`,
	`{"event_id":"1","type":"identify","event_time":"2026-02-01t00:00:00z","user_id":"u","anonymous_id":"a"}`,
	`{"event_id":"1","type":"click","event_time":1769904000001,"page_url":"https://a/?utm_source=x+y%20&gclid=1#f","referrer":"//www.Google.com:80/","properties":{"a":[1,{"b":null}],"c":true}}`,
	`{"event_id":true,"type":"Bad","event_time":{},"user_id":[1],"cost":-1e-9}`,
	`{"event_id":"1","type":"click","event_time":253402300799999,"cost":"0.0000005","cost":null}`,
	"\ufeff{}", `{"a":"\ud800"}`, `{"a":"\udc00\ud800"}`, `[]`, `{"a":01}`, `{"a":1,}`, "{\"a\":\"\xff\"}", "{\"a\":\"\t\"}", `{} {}`,
	strings.Repeat(`{"a":`, 64) + "1" + strings.Repeat("}", 64),
	strings.Repeat(`{"a":`, 65) + "1" + strings.Repeat("}", 65),
	`{"a":` + strings.Repeat("[", 63) + strings.Repeat("]", 63) + `}`,
	`{"a":` + strings.Repeat("[", 64) + strings.Repeat("]", 64) + `}`,
}

// FuzzDecode: whatever the bytes, Decode does not panic and says what the
// reference says.
func FuzzDecode(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s), "")
		f.Add([]byte(s), "click")
	}
	d := NewDecoder(DefaultDecodeConfig())
	f.Fuzz(func(t *testing.T, raw []byte, implied string) {
		if implied != "" && implied != "impression" && implied != "click" && implied != "conversion" {
			implied = ""
		}
		if diff := differ(d, raw, implied); diff != "" {
			t.Fatalf("%q: %s", raw, diff)
		}
	})
}

// TestDecodeReference compares random records, made of values that stand at
// the edges of the rules, and random damage to them.
func TestDecodeReference(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	d := NewDecoder(DefaultDecodeConfig())
	n := 12_000
	if testing.Short() {
		n = 3_000
	}
	codes := map[string]int{}
	for range n {
		raw := randomRecord(rng)
		if rng.IntN(3) == 0 {
			raw = damage(rng, raw)
		}
		implied := pick(rng, "", "", "click", "conversion")
		if diff := differ(d, []byte(raw), implied); diff != "" {
			t.Fatalf("%q (implied %q): %s", raw, implied, diff)
		}
		code, _ := reference([]byte(raw), implied, 1775865600000)
		codes[string(code)]++
	}
	for _, code := range []string{"", "malformed", "missing_field", "bad_field", "bad_time", "bad_money", "future_event_time"} {
		if codes[code] < n/500 {
			t.Errorf("only %d records of %d are %q: the random records do not reach it", codes[code], n, code)
		}
	}
}

func pick(rng *rand.Rand, from ...string) string { return from[rng.IntN(len(from))] }

func randomRecord(rng *rand.Rand) string {
	wild := func() string {
		return pick(rng, `null`, `""`, `true`, `[1]`, `{}`, `{"a":"b"}`, `0`, `-0`, `5`, `-1`, `1.5`, `1e3`, `"x"`, `"\u00e9"`, `"null"`, `"\u004eull"`, `"UNKNOWN"`, `"un\u212anown"`,
			`"`+strings.Repeat("x", 127+rng.IntN(3))+`"`, `"`+strings.Repeat("é", 127+rng.IntN(3))+`"`, strings.Repeat("9", 128+rng.IntN(2)))
	}
	or := func(normal ...string) string {
		if rng.IntN(12) == 0 {
			return wild()
		}
		return pick(rng, normal...)
	}
	number := func() string {
		s := pick(rng, "0", "1", "12.5", "0.0000005", "0.0000015", "0.00000050000001", "1000000000", "1000000000.0000005", "1000000000.000001", "1e9", "1E+9", "10e8", "1e10", "1250E-6",
			"1e999999999", "1e-999999999", "0e99999999999999999999", "-0", "-0.0", "-0.0000001", "-1", "999999999.9999995", "0.1e-5", "123456789.123456789", "1.0000000")
		if rng.IntN(3) > 0 {
			return s
		}
		return `"` + pick(rng, s, s, s, "+1", "01", "1.", ".5", " 1", "1 ", "1,5", "NaN", "0x10", "1e", "1e+", "--1", "", "1_0") + `"`
	}
	fields := []string{
		`"event_id":` + or(`"e1"`, `"e2"`, `17`),
		`"type":` + or(`"impression"`, `"click"`, `"conversion"`, `"adjustment"`, `"identify"`, `"page_view"`, `"Bad"`, `"a`+strings.Repeat("b", 62+rng.IntN(3))+`"`),
		`"event_time":` + or(`1769904000001`, `"2026-02-01T00:00:00Z"`, `"2026-02-01t23:59:59.99999+14:00"`, `"1970-01-01T01:00:00+01:00"`, `"1970-01-01T00:59:59.999+01:00"`, `"9999-12-31T23:59:59.999Z"`,
			`"9999-12-31T23:59:59.999-00:01"`, `"2024-02-29T00:00:00Z"`, `"2023-02-29T00:00:00Z"`, `"2026-12-31T23:59:60Z"`, `"2026-02-01T00:00:00-23:59"`, `"2026-02-01T00:00:00+24:00"`,
			`"0000-01-01T00:00:00Z"`, `99999999999`, `100000000000`, `1769904000`, `-1769904000001`, `1775865900000`, `1775865900001`, `253402300800000`, `99999999999999999999`, `1769904000001.0`, `1e12`),
		`"user_id":` + or(`"u1"`, `"u\t2"`, `"0"`, `-1`, `42`),
	}
	for _, f := range []string{
		`"anonymous_id":` + or(`"a1"`, `"unknown"`), `"cost":` + number(), `"value":` + number(),
		`"currency":` + or(`"EUR"`, `"eur"`, `"US"`, `"USDX"`, `"U$D"`, `"USD\u0000"`), `"adjusts":` + or(`"c1"`, `5`), `"kind":` + or(`"retract"`, `"restate"`, `"refund"`),
		`"campaign_id":` + or(`"c"`), `"source":` + or(`"google"`, `"direct"`), `"medium":` + or(`"cpc"`, `"(none)"`), `"campaign":` + or(`"spring"`),
		`"page_url":` + or(`"https://a.example/?utm_source=x&utm_medium=email&utm_id=7"`, `"https://a.example/?gclid=1"`, `"https://a.example/?utm_campaign=%c3%28+b"`),
		`"referrer":` + or(`"https://www.google.com/"`, `"https://a.example/x"`), `"ip":` + or(`"1.2.3.4"`, `"::ffff:1.2.3.4"`, `"fe80::1%eth0"`, `"2001:DB8::1"`, `"01.2.3.4"`),
		`"channel":` + or(`"TV"`), `"conversion_name":` + or(`"signup"`), `"order_id":` + or(`"o1"`, `7`), `"country":` + or(`"DE"`),
		`"experiments":` + or(`{"b":"x","a":"y","c":5,"":"z","d":""}`, `{"a":"1","a":null}`, `{"a":"1","a":2,"b":"\ud83d\ude42"}`, `{}`), `"properties":` + or(`{"x":[{}]}`),
		`"Event_Id":` + wild(), `"\u0063ost":` + number(), `"extra":` + wild(), `"term":` + wild(), `"device_id":` + wild(),
	} {
		if rng.IntN(4) == 0 {
			fields = append(fields, f)
		}
	}
	if rng.IntN(8) == 0 { // a field that is missing, or named twice
		i := rng.IntN(4)
		if rng.IntN(2) == 0 {
			fields = append(fields[:i], fields[i+1:]...)
		} else {
			fields = append(fields, fields[i][:strings.Index(fields[i], ":")+1]+wild())
		}
	}
	rng.Shuffle(len(fields), func(i, j int) { fields[i], fields[j] = fields[j], fields[i] })
	blank := pick(rng, "", "", " ", "\t\r\n")
	return blank + "{" + blank + strings.Join(fields, blank+","+blank) + blank + "}" + blank
}

// damage changes, leaves out or adds some bytes.
func damage(rng *rand.Rand, s string) string {
	b := []byte(s)
	for range 1 + rng.IntN(3) {
		i := rng.IntN(len(b))
		switch rng.IntN(4) {
		case 0:
			b = append(b[:i], b[i+1:]...)
		case 1:
			b[i] = `"{}[]:,\u0123dDeE.-+ `[rng.IntN(21)]
		case 2:
			b[i] = byte(rng.IntN(256))
		default:
			b = append(b[:i], append([]byte(pick(rng, `\ud800`, `\u12`, `\"`, `"`, "\n", "\x00", "\xed\xa0\x80", `\ud83d\ude42`, "1", "[", "}")), b[i:]...)...)
		}
		if len(b) == 0 {
			return "x"
		}
	}
	return string(b)
}

func FuzzDecimal(f *testing.F) {
	for _, s := range []string{"0", "-0", "1.5", "0.0000005", "1e9", "1e-7", "1e999999999", "123456789.1234565", "01", "1.", "-1e-99999", "1000000000.0000005"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, rounded, fault := parseDecimal(s)
		want, wantRounded, ok := referenceDecimal(s)
		if (fault == decimalOK) != ok || got != want && ok || ok && rounded != wantRounded {
			t.Fatalf("%q: %d, rounded %v, fault %d; want %d, %v, %v", s, got, rounded, fault, want, wantRounded, ok)
		}
	})
}

func TestDecimalReference(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	digits := func(n int) string {
		var b strings.Builder
		for range n {
			b.WriteByte("00123455567899"[rng.IntN(14)])
		}
		return b.String()
	}
	for range 30_000 {
		s := pick(rng, "", "", "", "-") + digits(1+rng.IntN(12))
		if rng.IntN(2) == 0 {
			s = strings.TrimLeft(s, "0")
		}
		if rng.IntN(2) == 0 {
			s += "." + digits(rng.IntN(12))
		}
		if rng.IntN(3) == 0 {
			s += pick(rng, "e", "E") + pick(rng, "", "+", "-") + digits(1+rng.IntN(2))
		}
		got, rounded, fault := parseDecimal(s)
		want, wantRounded, ok := referenceDecimal(s)
		if (fault == decimalOK) != ok || got != want || ok && rounded != wantRounded {
			t.Fatalf("%q: %d, rounded %v, fault %d; want %d, %v, %v", s, got, rounded, fault, want, wantRounded, ok)
		}
	}
}

func FuzzTime(f *testing.F) {
	for _, s := range []string{"2026-02-01T00:00:00Z", "2024-02-29t23:59:59.9999999z", "1970-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01", "2026-12-31T23:59:60Z", "0000-02-29T00:00:00Z", "2026-02-01 00:00:00Z"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, ok := parseTime(s)
		want, wantOK := referenceTime(s)
		if ok = ok && got >= minTime && got <= maxTime; ok != wantOK || ok && got != want {
			t.Fatalf("%q: %d, %v; want %d, %v", s, got, ok, want, wantOK)
		}
	})
}

// TestTimeCalendar: days all over the calendar that a record may name; five is
// no divisor of its period.
func TestTimeCalendar(t *testing.T) {
	b := make([]byte, 0, 32)
	for day := minTime; day < maxTime; day += 5 * 86_400_000 {
		b = (day + 1).Append(b[:0])
		if got, ok := parseTime(string(b)); !ok || got != day+1 {
			t.Fatalf("%s: %d, %v; want %d", b, got, ok, day+1)
		}
	}
}
