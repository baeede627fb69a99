package web

import (
	"strings"
	"time"
)

// channel is one kind of live figures: a route of the API that is answered again
// whenever something changed, and whose entries are told apart by a key.
type channel struct {
	name    string
	path    string        // of the route that shows the same
	gap     time.Duration // least time between two frames
	key     func(entry obj) string
	ordered bool // the order of the entries says something
	section bool // the answer's data is one object: its members are the entries
	defs    map[string]string
}

// The gaps: what a person watches tick by tick, what is read as a table, and
// what is looked at now and then.
const (
	kpiGap   = 25 * time.Millisecond
	alertGap = 50 * time.Millisecond
	tableGap = 250 * time.Millisecond
	slowGap  = time.Second
)

// channels of the live feed. The entries of a frame are those of the route, made
// by the same function, so that the two cannot disagree.
var channels = []*channel{
	{name: "kpis", path: "/v1/overview", gap: kpiGap, key: keyOf("currency")},
	{name: "series", path: "/v1/timeseries", gap: tableGap, key: keyOf("start", "currency")},
	{name: "campaigns", path: "/v1/campaigns", gap: tableGap, key: keyOf("campaign_id", "currency")},
	{name: "attribution", path: "/v1/attribution", gap: tableGap, key: keyOf("channel", "campaign_id", "creative_id", "unattributed", "currency")},
	{name: "conversions", path: "/v1/conversions", gap: tableGap, key: keyOf("conversion_id"), ordered: true, defs: map[string]string{"limit": "20", "expand": "top"}},
	{name: "alerts", path: "/v1/alerts", gap: alertGap, key: keyOf("id"), ordered: true},
	{name: "paths", path: "/v1/paths", gap: slowGap, key: keyOf("path", "currency"), ordered: true, defs: map[string]string{"limit": "20"}},
	{name: "fraud", path: "/v1/fraud/summary", gap: slowGap, section: true},
	{name: "health", path: "/v1/pipeline", gap: slowGap, section: true},
}

func channelNames() []string {
	names := make([]string, len(channels))
	for i, c := range channels {
		names[i] = c.name
	}
	return names
}

func channelByName(name string) *channel {
	for _, c := range channels {
		if c.name == name {
			return c
		}
	}
	return nil
}

// keyOf joins those of the named members that an entry has.
func keyOf(names ...string) func(obj) string {
	return func(entry obj) string {
		var b strings.Builder
		for _, name := range names {
			for _, f := range entry {
				if f.name != name {
					continue
				}
				if b.Len() > 0 {
					b.WriteByte('|')
				}
				b.WriteString(keyPart(f.value))
			}
		}
		return b.String()
	}
}

// keyPart escapes the bar, so that two names never make one key.
func keyPart(v any) string {
	switch v := v.(type) {
	case string:
		return strings.NewReplacer(`\`, `\\`, "|", `\|`).Replace(v)
	case []string:
		parts := make([]string, len(v))
		for i, s := range v {
			parts[i] = strings.NewReplacer(`\`, `\\`, "|", `\|`, ">", `\>`).Replace(s)
		}
		return strings.Join(parts, ">")
	case bool:
		if v {
			return "1"
		}
		return "0"
	}
	panic("BUG: an entry's key is neither text, list nor truth")
}

var liveParams = []*param{
	{name: "ch", desc: "channels to subscribe to at once, a comma list; their parameters stand beside it, each goes to the channels that know it", enum: channelNames(), list: true, example: "kpis,campaigns"},
}

const liveDesc = "Messages are JSON texts: LiveRequest from the client, LiveMessage from the server. docs/api.md walks through them. " +
	"Without `ch`, the channel kpis is subscribed to; `ch=` subscribes to nothing. A page of another origin is refused unless server.allowed_origins names it."
