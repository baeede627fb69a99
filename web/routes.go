package web

import (
	"net/http"
	"slices"
)

// route is one operation of the API: what the router serves, which parameters
// it knows, and what OpenAPI says about it.
type route struct {
	method, path, id string
	summary          string
	desc             string // more than the summary, where there is more to say
	params           []*param
	schema           string // of the 200 answer, in schemas.json
	body             string // of the request, in schemas.json; empty: none, or events
	csv              bool   // also answers text/csv and application/x-ndjson
	volatile         bool   // shows more than the committed state: never answered from the cache
	handle           func(*Server, *query) (*answer, error)
	raw              http.HandlerFunc // instead of handle, for what is not a JSON answer
}

// param is one parameter in the query, or in the path.
type param struct {
	name    string
	desc    string
	example string
	enum    []string
	def     string
	list    bool // comma list
	filter  bool // comma list that leaves out what does not match
	number  bool
	inPath  bool
}

func (rt *route) param(name string) *param {
	for _, p := range rt.params {
		if p.name == name && !p.inPath {
			return p
		}
	}
	return nil
}

func (rt *route) queryNames() []string {
	names := []string{}
	for _, p := range rt.params {
		if !p.inPath {
			names = append(names, p.name)
		}
	}
	return names
}

func filter(name, desc, example string, enum ...string) *param {
	return &param{name: name, desc: desc + "; a comma list, an empty value means absent, \\, is a comma in a value", example: example, enum: enum, filter: true, list: true}
}

var (
	pFrom     = &param{name: "from", desc: "start of the range, included: " + rfc3339Or, def: "-1h", example: "-24h"}
	pTo       = &param{name: "to", desc: "end of the range, not included: like from", def: "now", example: "now"}
	pInterval = &param{name: "interval", desc: "width of the points; hours and days are those of the timezone, also where its clock changes", enum: []string{"minute", "hour", "day"}, def: "minute"}
	pTimezone = &param{name: "timezone", desc: "IANA name of the timezone in which hours and days are cut", def: "UTC", example: "Europe/Berlin"}
	pModel    = &param{name: "model", desc: "attribution model of the credited figures; participation sums to more than the total", enum: Models, def: defaultModel}
	pModels   = &param{name: "models", desc: "the models to compare, a comma list; all by default", enum: Models, list: true}
	pBasis    = &param{name: "basis", desc: "where credit counts in time; by touch time the range is widened to whole hours", enum: []string{conversionTime, touchTime}, def: conversionTime}
	pTraffic  = &param{name: "traffic", desc: "net leaves out invalid traffic and what it cost; credit and value are net in both", enum: []string{trafficNet, trafficGross}, def: trafficNet}
	pCompare  = &param{name: "compare", desc: "also give the figures of an earlier range and the change: the range just before, the same times of yesterday, or those of the same day a week ago, by the clock of the timezone", enum: []string{"none", previousPeriod, yesterday, lastWeek}, def: "none"}
	pSpark    = &param{name: "sparkline", desc: "also give this metric over time for each row, in at most 60 points", enum: sparkMetrics}
	pLimit    = &param{name: "limit", desc: "rows in an answer, 1 to 1000", def: "100", number: true, example: "20"}
	pCursor   = &param{name: "cursor", desc: "next_cursor of the answer before"}
	pExpand   = &param{name: "expand", desc: "top: also give the channel and campaign with most credit under the model", enum: []string{"top"}}

	pCampaign  = filter("campaign_id", "only these campaigns", "spring-sale,brand")
	pChannel   = filter("channel", "only these channels", "Paid Search,Email")
	pCurrency  = filter("currency", "only these currencies", "USD")
	pAdGroup   = filter("ad_group_id", "only these ad groups"+hourlyNote, "ag-1")
	pCreative  = filter("creative_id", "only these creatives"+hourlyNote, "cr-7")
	pPublisher = filter("publisher_id", "only these publishers"+hourlyNote, "pub-3")
	pCountry   = filter("country", "only these countries"+hourlyNote, "DE,FR")
	pName      = filter("conversion_name", "only conversions of these names", "purchase")

	analytical = []*param{pFrom, pTo, pTimezone, pModel, pBasis, pTraffic, pCampaign, pChannel, pCurrency}
	hourly     = []*param{pAdGroup, pCreative, pPublisher, pCountry}
	verdicts   = []string{"valid", "givt", "sivt", "undecided", "duplicate"}
	statuses   = []string{"provisional", "final", "restated"}
	severities = []string{"critical", "warning", "info"}

	pListFrom = &param{name: "from", desc: "start of the range, included: " + rfc3339Or + "; without from and to, all that is kept", example: "-24h"}
	pListTo   = &param{name: "to", desc: "end of the range, not included: like from", example: "now"}
)

// hourlyNote goes with the filters that only hour_delivery can answer.
const hourlyNote = " (delivery is then taken from whole hours; conversions and credit, which are not kept by them, are null)"

func plus(base []*param, more ...*param) []*param {
	return append(append([]*param{}, base...), more...)
}

func inPath(name, desc, example string) *param {
	return &param{name: name, desc: desc, example: example, inPath: true}
}

func list(more ...*param) []*param {
	return plus([]*param{pListFrom, pListTo, pLimit, pCursor}, more...)
}

// routes is the API. The order is that of the OpenAPI document.
func (s *Server) routes() []*route {
	get := http.MethodGet
	pPerson := filter("person", "only these persons, as u:... or a:...", "u:42")
	pStatus := filter("status", "only these statuses", "provisional", statuses...)
	return append([]*route{
		{
			method: http.MethodPost, path: "/v1/events", id: "sendEvents", schema: "CollectResult", raw: s.collect,
			summary: "Send events: one object, an array, or NDJSON; answers once they are durable",
			desc:    "Sending the same body again changes nothing: events are known by their ids. An Idempotency-Key header is therefore accepted and not needed. 429 and 503 say in Retry-After when to come back.",
		},
		{
			method: get, path: "/v1/overview", id: "getOverview", schema: "Overview", handle: (*Server).overview, csv: true,
			summary: "The figures of a range, one entry per currency", params: plus(analytical, append([]*param{pCompare}, hourly...)...),
			desc: "The tiles of the first screen. Without anything in the range, data is empty.",
		},
		{
			method: get, path: "/v1/timeseries", id: "getTimeseries", schema: "Timeseries", handle: (*Server).timeseries, csv: true,
			summary: "The figures of a range over time, one entry per point and currency", params: plus(analytical, append([]*param{pInterval, pCompare}, hourly...)...),
			desc: "A point without anything is there with zeros, as long as its currency occurs in the range. `open` marks the points that the watermark has not passed.",
		},
		{
			method: get, path: "/v1/campaigns", id: "listCampaigns", schema: "Campaigns", handle: (*Server).campaigns, csv: true,
			summary: "Delivery and credit by campaign, in order of the id, one entry per currency", params: plus(analytical, append([]*param{pCompare, pSpark, pLimit, pCursor}, hourly...)...),
			desc: "Credit without a touch belongs to no campaign and is not here; a campaign_id that is empty stands for touches and delivery without one.",
		},
		{
			method: get, path: "/v1/campaigns/{id}", id: "getCampaign", schema: "Campaign", handle: (*Server).campaign,
			summary: "One campaign: its figures, by channel, and its credit under every model",
			params:  plus([]*param{inPath("id", "the campaign_id", "spring-sale")}, pFrom, pTo, pTimezone, pModel, pBasis, pTraffic, pChannel, pCurrency),
		},
		{
			method: get, path: "/v1/attribution", id: "getAttribution", schema: "Attribution", handle: (*Server).attribution, csv: true,
			summary: "Credit under one model by channel, campaign or creative; what is unattributed is a row of its own",
			params: plus(analytical, &param{name: "group_by", desc: "what to group by", enum: []string{"channel", "campaign", "creative"}, def: "channel"},
				filter("ad_group_id", "only these ad groups; with group_by=creative", "ag-1"), filter("creative_id", "only these creatives; with group_by=creative", "cr-7")),
		},
		{
			method: get, path: "/v1/attribution/compare", id: "compareModels", schema: "Comparison", handle: (*Server).compare, csv: true,
			summary: "Credit under several models side by side",
			params: []*param{
				pFrom, pTo, pTimezone, pBasis, pModels, pCampaign, pChannel, pCurrency,
				{name: "group_by", desc: "what to group by", enum: []string{"channel", "campaign"}, def: "channel"},
			},
		},
		{
			method: get, path: "/v1/paths", id: "getPaths", schema: "Paths", handle: (*Server).paths, csv: true,
			summary: "The ways to net conversions: the most frequent sequences of touches, how long they are and how much time they take",
			desc:    "Steps carry their credit under the model. Lengths, time lags and totals are over all paths that pass the filters, not only those listed. CSV and NDJSON have the paths.",
			params: []*param{
				pFrom, pTo, pTimezone, pModel, pName,
				filter("campaign_id", "only paths with a touch of one of these campaigns", "spring-sale"),
				filter("channel", "only paths with a touch of one of these channels", "Email"), pCurrency, pLimit,
				{name: "group_by", desc: "what a path is made of", enum: []string{"channel", "campaign"}, def: "channel"},
			},
		},
		{
			method: get, path: "/v1/conversions", id: "listConversions", schema: "Conversions", handle: (*Server).conversions, csv: true,
			summary: "Conversions, newest first",
			params: list(pName, filter("order_id", "only these orders", "o-1001"), pPerson, pCurrency,
				filter("verdict", "only these verdicts", "valid", verdicts...), filter("adjusted", "only these adjustments", "retracted", "retracted", "restated", ""), pStatus, pExpand, pModel),
		},
		{
			method: get, path: "/v1/conversions/{id}", id: "getConversion", schema: "Conversion", handle: (*Server).conversion,
			summary: "One conversion", params: []*param{inPath("id", "the conversion_id", "v-1")},
		},
		{
			method: get, path: "/v1/conversions/{id}/explain", id: "explainConversion", schema: "Explanation", handle: (*Server).explain,
			summary: "Why a conversion has its credit: every touch, counted or not and why, and the arithmetic per model", params: []*param{inPath("id", "the conversion_id", "v-1")},
		},
		{
			method: get, path: "/v1/sessions", id: "listSessions", schema: "Sessions", handle: (*Server).sessions, csv: true,
			summary: "Sessions, latest end first", params: list(pPerson, filter("entry_channel", "only these channels", "Email"), pStatus),
		},
		{
			method: get, path: "/v1/fraud/summary", id: "getFraudSummary", schema: "FraudSummary", handle: (*Server).fraudSummary,
			summary: "From gross to net in counts and money, and the reasons", params: []*param{pFrom, pTo, pTimezone, pCampaign, pCurrency, filter("publisher_id", "only the reasons of these publishers; totals stay whole", "pub-3"), filter("reason", "only these reasons; totals stay whole", "fast_click")},
			desc: "An event with several reasons stands under each of them, so that the reasons sum to more than the totals.",
		},
		{
			method: get, path: "/v1/fraud/events/{event_id}", id: "getVerdicts", schema: "Verdicts", handle: (*Server).verdicts,
			summary: "The verdicts on the events with one id", params: []*param{inPath("event_id", "the event_id", "c-17")},
		},
		{
			method: get, path: "/v1/alerts", id: "listAlerts", schema: "Alerts", handle: (*Server).alerts, csv: true, volatile: true,
			summary: "What needs attention now, with the money at stake: critical first",
			desc:    "Conditions of the pipeline and of campaigns, worked out anew for each answer; an alert is there for as long as its condition holds. Campaigns are compared with their own last 24 hours.",
			params: []*param{
				filter("severity", "only these severities", "critical", severities...), filter("kind", "only these kinds", "campaign_stopped", alertKinds...),
				filter("campaign_id", "only alerts of these campaigns", "spring-sale"), pLimit, pCursor,
			},
		},
		{
			method: get, path: "/v1/late-events", id: "listLateEvents", schema: "LateEvents", handle: (*Server).lateEvents, csv: true,
			summary: "Events that came too late to count, in order of event id, time and position", params: list(filter("type", "only these types", "click")),
		},
		{
			method: get, path: "/v1/dead-letters", id: "listDeadLetters", schema: "DeadLetters", handle: (*Server).deadLetters, csv: true,
			summary: "Records that break a rule, in order of position", params: []*param{pLimit, pCursor, filter("code", "only these codes", "bad_time", deadLetterCodes...)},
		},
		{
			method: http.MethodPost, path: "/v1/privacy/erase", id: "erasePerson", schema: "Erasure", raw: s.erase,
			summary: "Take everything of a person out; answers once that is durable",
		},
		{
			method: get, path: "/v1/session", id: "getSession", schema: "Identity", handle: (*Server).whoAsks, volatile: true,
			summary: "Who is asking, and what they may do",
		},
		{
			method: get, path: "/v1/pipeline", id: "getPipeline", schema: "Pipeline", handle: (*Server).pipeline, volatile: true,
			summary: "State of the pipeline: watermarks, inputs, counts, sinks, latencies",
		},
		{
			method: get, path: "/v1/live", id: "live", schema: "LiveMessage", raw: s.serveLive, params: liveParams,
			summary: "WebSocket of the live figures: sequenced frames of absolute values; without an upgrade and with Accept: text/event-stream the same as server-sent events",
			desc:    liveDesc,
		},
		{
			method: get, path: "/v1/live/events", id: "liveEvents", schema: "LiveMessage", raw: s.serveLiveEvents, params: liveParams,
			summary: "The live figures as server-sent events, for where a WebSocket cannot pass",
			desc:    "The event's name is the op of the message, its data the message. The subscriptions are those of the parameters.",
		},
	}, slices.Concat(s.exportRoutes(), s.backupRoutes())...)
}

var deadLetterCodes = []string{"too_large", "malformed", "missing_field", "bad_field", "bad_time", "bad_money", "future_event_time", "bad_adjustment"}
