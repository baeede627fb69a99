package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tributary-data/tributary/channel"
	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/internal/cli"
)

// A fieldRule is what a page says of one field.
type fieldRule struct{ name, typ, rule string }

// fieldRules are all fields, in the order of ingest's.
var fieldRules = []fieldRule{
	{"event_id", "text, 1 to 128 bytes", "required; an event is known by it"},
	{"type", "`[a-z][a-z0-9_]{0,63}`", "required, unless the name of the topic or file begins with `impressions`, `clicks` or `conversions`; a record's own type wins. `impression`, `click`, `conversion`, `identify` and `adjustment` are known; every other name (`page_view`, `add_to_cart`) is a behavioural event"},
	{"event_time", "RFC 3339 with offset, or milliseconds", "required; 1970 to 9999; a number below 10^11 looks like seconds and is refused; digits below a millisecond are cut off"},
	{"user_id", "text, up to 256 bytes", "the person is the user where there is one (`u:` and the id in the tables)"},
	{"anonymous_id", "text, up to 256 bytes", "else the anonymous id (`a:` and the id). One of the two is required on conversions and behavioural events, both on `identify`, none on impressions, clicks (they count in delivery only, then) and adjustments"},
	{"campaign_id", "text", "else from `utm_id` of the page, else `campaign`"},
	{"ad_group_id", "text", ""},
	{"creative_id", "text", ""},
	{"publisher_id", "text", ""},
	{"channel", "text", "else derived, see below"},
	{"source", "text", "else from the page and the referrer, see below"},
	{"medium", "text", "likewise"},
	{"campaign", "text", "else `utm_campaign`"},
	{"term", "text", "else `utm_term`"},
	{"content", "text", "else `utm_content`"},
	{"page_url", "text", ""},
	{"referrer", "text", ""},
	{"ip", "IPv4 or IPv6", "for the lists and rates; `::ffff:a.b.c.d` is IPv4"},
	{"user_agent", "text", "for the list of crawlers and the rates"},
	{"country", "text", ""},
	{"device_id", "text", ""},
	{"cost", "decimal, 0 to 1,000,000,000", "on impressions and clicks; a JSON number or a text in the same grammar; default 0"},
	{"value", "likewise", "on conversions (default 0) and restating adjustments (required)"},
	{"currency", "three capital letters", "beside `cost` and `value`; default `money.default_currency`, on an adjustment the conversion's"},
	{"conversion_name", "text", "on conversions; default `conversion`"},
	{"order_id", "text", "on conversions; repeats within 30 days under one name are duplicates"},
	{"adjusts", "text", "required on adjustments: the `event_id` of the conversion, or else its `order_id`"},
	{"kind", "`retract`, `restate`", "required on adjustments; `restate` gives the new total in `value`"},
	{"experiments", "object", "experiment to variant, both texts"},
	{"properties", "object", "free; kept with the event and not looked at"},
}

const eventsIntro = `# Events

One JSON object for each event: a value in Kafka, a line of NDJSON, an element of an HTTP array; in CSV and Parquet the columns have these names; in Avro and Protobuf the fields ([kafka.md](kafka.md#formats)). ` + "`null` and `\"\"`" + ` mean absent. An integer is accepted where an id is a text. Field names are case-sensitive, of repeated ones the last counts, and unknown ones are ignored. Blank lines are skipped.

` + "`tributary validate FILE...`" + ` says what a file would come to, with the first dead letter of each code.

| field | type | rule |
|---|---|---|
`

const eventsMoney = `
Ids that stand in ` + "`identity.ignore`" + ` (by default ` + "`null`, `undefined`, `unknown`, `0`, `-1`" + ` and the zero UUID, in any case) are absent.

Decimals are read exactly, never as floating point. More than six fraction digits are rounded half to even, and counted in ` + "`tributary_money_rounded_total`" + `.

Optional fields that are wrong (an ` + "`ip`" + ` that is none, a variant that is no text) are left out of the event and counted by field in ` + "`tributary_dropped_fields_total`" + `; the event counts.

## Source, medium and channel

Where ` + "`source` and `medium`" + ` are absent they come from the ` + "`utm_*`" + ` parameters of ` + "`page_url`" + `; where it has neither, from a click id in it; else from the host of ` + "`referrer`" + `. The channel is Google Analytics' default channel grouping ([Default channel group](https://support.google.com/analytics/answer/9756891)) over source, medium and campaign. With none of the three it is ` + "`Direct`, and `Unassigned`" + ` on impressions and clicks, which somebody paid to show. What the program answers:

| ` + "`page_url`" + ` | ` + "`referrer`" + ` | source | medium | channel of a page view |
|---|---|---|---|---|
`

// origins are the pages and referrers of the examples.
var origins = [][2]string{
	{"https://shop.example/?utm_source=google&utm_medium=cpc&utm_campaign=spring", ""},
	{"https://shop.example/?gclid=abc", ""},
	{"https://shop.example/?msclkid=abc", ""},
	{"https://shop.example/?fbclid=abc", ""},
	{"https://shop.example/?utm_source=news&utm_medium=email", ""},
	{"https://shop.example/", "https://www.google.com/"},
	{"https://shop.example/", "https://www.youtube.com/watch"},
	{"https://shop.example/", "https://blog.example/post"},
	{"https://shop.example/", "https://shop.example/other"},
	{"https://shop.example/", ""},
	{"https://shop.example/?utm_source=partner&utm_medium=affiliate", ""},
	{"https://shop.example/?utm_source=someone&utm_medium=barter", ""},
}

const eventsDead = `
## Dead letters

A record that breaks a rule on a required field or on money becomes a dead letter: it changes nothing, and it is kept in ` + "`dead_letters`" + ` with its position, its bytes (of ` + "`too_large`" + ` the first MiB; what is not UTF-8 as ` + "`base64:`" + ` and base64) and one code, the first that applies in this order. Correct the record and send it again under any id.

The messages below are those of this program, for a replay with ` + "`--as-of 2026-03-02T12:00:00Z`" + `:

| code | record | message |
|---|---|---|
`

const deadClock = "2026-03-02T12:00:00Z"

// broken are records that break a rule each; the page shows what is answered.
var broken = []struct {
	code  event.Code
	line  string
	shown string // in place of the line, when it is long or cannot be shown
}{
	{event.TooLarge, `{"event_id":"b1","type":"click","event_time":"2026-03-02T09:00:00Z","properties":{"x":"` + strings.Repeat("x", 1<<20) + `"}}`, "a record of more than 1 MiB"},
	{event.Malformed, `{"event_id":"b2","type":"click"`, ""},
	{event.Malformed, `["not","an","object"]`, ""},
	{event.MissingField, `{"type":"click","event_time":"2026-03-02T09:00:00Z"}`, ""},
	{event.MissingField, `{"event_id":"b3","type":"conversion","event_time":"2026-03-02T09:00:00Z","value":"1"}`, ""},
	{event.MissingField, `{"event_id":"b4","type":"adjustment","event_time":"2026-03-02T09:00:00Z","kind":"restate","adjusts":"c1"}`, ""},
	{event.BadField, `{"event_id":"b5","type":"Page View","event_time":"2026-03-02T09:00:00Z","user_id":"ann"}`, ""},
	{event.BadField, `{"event_id":"b6","type":"adjustment","event_time":"2026-03-02T09:00:00Z","adjusts":"c1","kind":"refund"}`, ""},
	{event.BadTime, `{"event_id":"b7","type":"click","event_time":1772442000}`, ""},
	{event.BadTime, `{"event_id":"b8","type":"click","event_time":"2026-03-02 09:00:00"}`, ""},
	{event.BadMoney, `{"event_id":"b9","type":"conversion","event_time":"2026-03-02T09:00:00Z","user_id":"ann","value":"-5"}`, ""},
	{event.BadMoney, `{"event_id":"b10","type":"click","event_time":"2026-03-02T09:00:00Z","cost":"0,40"}`, ""},
	{event.BadMoney, `{"event_id":"b11","type":"click","event_time":"2026-03-02T09:00:00Z","cost":1,"currency":"usd"}`, ""},
	{event.FutureEventTime, `{"event_id":"b12","type":"click","event_time":"2026-03-02T12:06:00Z"}`, ""},
	{event.BadAdjustment, `{"event_id":"b13","type":"adjustment","event_time":"2026-03-02T09:00:00Z","adjusts":"nobody","kind":"retract"}`, ""},
}

const eventsEnd = `
` + "`bad_adjustment`" + ` is told later than the others: of an adjustment whose conversion has not come within its window (in a replay: by the end), or is in another currency. It may go away by itself when a fitting conversion comes.

Events that are well-formed and come too late are no dead letters: they stand in ` + "`late_events`" + `, and change nothing either. Repeats of events that are known are counted as duplicates.
`

// eventsPage takes the fields from the decoder and the answers from a replay.
func eventsPage(root string) (string, error) {
	known, err := decoderFields(root)
	if err != nil {
		return "", err
	}
	var said []string
	var b strings.Builder
	b.WriteString(eventsIntro)
	for _, f := range fieldRules {
		said = append(said, f.name)
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", f.name, cell(f.typ), cell(f.rule))
	}
	if !slices.Equal(known, said) {
		return "", fmt.Errorf("the decoder knows the fields %v, the page describes %v", known, said)
	}
	b.WriteString(eventsMoney)
	for _, o := range origins {
		from := channel.Fill(channel.Origin{}, o[0], o[1])
		group := channel.Group(from.Source, from.Medium, from.Campaign, false)
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", code(o[0]), code(o[1]), cell(from.Source), cell(from.Medium), group)
	}
	b.WriteString(eventsDead)
	answers, err := deadLetters()
	if err != nil {
		return "", err
	}
	for i, r := range broken {
		a, ok := answers[fmt.Sprintf("broken.ndjson:%d", i+1)]
		if !ok || a.Code != string(r.code) {
			return "", fmt.Errorf("record %d is answered by %q; the page says %s", i+1, a.Code, r.code)
		}
		shown := r.shown
		if shown == "" {
			shown = code(r.line)
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", r.code, shown, cell(a.Message))
	}
	b.WriteString(eventsEnd)
	return b.String(), nil
}

// decoderFields reads the names of fields where the decoder has them.
func decoderFields(root string) ([]string, error) {
	f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, "ingest", "decode_fields.go"), nil, 0)
	if err != nil {
		return nil, err
	}
	var names []string
	ast.Inspect(f, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok && len(spec.Names) == 1 && spec.Names[0].Name == "fieldNames" {
			if list, ok := spec.Values[0].(*ast.CompositeLit); ok {
				for _, e := range list.Elts {
					names = append(names, literal(e))
				}
			}
		}
		return true
	})
	if names == nil {
		return nil, errors.New("ingest/decode_fields.go has no fieldNames")
	}
	return names, nil
}

type deadLetter struct{ Position, Code, Message string }

// deadLetters replays the broken records and reads what became of them.
func deadLetters() (map[string]deadLetter, error) {
	dir, err := os.MkdirTemp("", "tributary-docs-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	var lines bytes.Buffer
	for _, r := range broken {
		lines.WriteString(r.line + "\n")
	}
	in, out := filepath.Join(dir, "broken.ndjson"), filepath.Join(dir, "tables")
	if err := os.WriteFile(in, lines.Bytes(), 0o600); err != nil {
		return nil, err
	}
	var stdout, stderr bytes.Buffer
	if got := cli.Main(context.Background(), []string{"replay", "--as-of", deadClock, "--out", out, in}, strings.NewReader(""), &stdout, &stderr); got != cli.ExitOK {
		return nil, fmt.Errorf("replay: exit code %d: %s", got, stderr.String())
	}
	f, err := os.Open(filepath.Join(out, "dead_letters.ndjson"))
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	answers := map[string]deadLetter{}
	scan := bufio.NewScanner(f)
	scan.Buffer(nil, 8<<20)
	for scan.Scan() {
		var d deadLetter
		if err := json.Unmarshal(scan.Bytes(), &d); err != nil {
			return nil, err
		}
		answers[d.Position] = d
	}
	return answers, scan.Err()
}
