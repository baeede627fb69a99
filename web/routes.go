package web

import "net/http"

// route is one operation of the API: what the router serves, which parameters
// it knows, and what OpenAPI says about it.
type route struct {
	method, path, id string
	summary          string
	params           []*param
	schema           string // of the 200 answer, in schemas.json
	csv              bool   // also answers text/csv
	handle           func(*Server, *query) (*answer, error)
	raw              http.HandlerFunc // instead of handle, for what is not a JSON answer
}

// param is one parameter in the query, or in the path.
type param struct {
	name   string
	desc   string
	enum   []string
	def    string
	list   bool // comma list
	filter bool // comma list that leaves out what does not match
	number bool
	inPath bool
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

func filter(name, desc string, enum ...string) *param {
	return &param{name: name, desc: desc + "; a comma list, an empty value means absent, \\, is a comma in a value", enum: enum, filter: true, list: true}
}

var (
	pFrom     = &param{name: "from", desc: "start of the range, included: " + rfc3339Or, def: "-1h"}
	pTo       = &param{name: "to", desc: "end of the range, not included: like from", def: "now"}
	pInterval = &param{name: "interval", desc: "width of the points; hours and days are those of the timezone", enum: []string{"minute", "hour", "day"}, def: "minute"}
	pTimezone = &param{name: "timezone", desc: "IANA name of the timezone in which hours and days are cut", def: "UTC"}
	pModel    = &param{name: "model", desc: "attribution model of the credited figures; participation sums to more than the total", enum: Models, def: defaultModel}
	pModels   = &param{name: "models", desc: "the models to compare, a comma list; all by default", enum: Models, list: true}
	pBasis    = &param{name: "basis", desc: "where credit counts in time; by touch time the range is widened to whole hours", enum: []string{conversionTime, touchTime}, def: conversionTime}
	pTraffic  = &param{name: "traffic", desc: "net leaves out invalid traffic and what it cost; credit and value are net in both", enum: []string{trafficNet, trafficGross}, def: trafficNet}
	pLimit    = &param{name: "limit", desc: "rows in an answer, 1 to 1000", def: "100", number: true}
	pCursor   = &param{name: "cursor", desc: "next_cursor of the answer before"}

	pCampaign = filter("campaign_id", "only these campaigns")
	pChannel  = filter("channel", "only these channels")
	pCurrency = filter("currency", "only these currencies")

	analytical = []*param{pFrom, pTo, pTimezone, pModel, pBasis, pTraffic, pCampaign, pChannel, pCurrency}
	verdicts   = []string{"valid", "givt", "sivt", "undecided", "duplicate"}
	statuses   = []string{"provisional", "final", "restated"}

	pListFrom = &param{name: "from", desc: "start of the range, included: " + rfc3339Or + "; without from and to, all that is kept"}
	pListTo   = &param{name: "to", desc: "end of the range, not included: like from"}
)

func plus(base []*param, more ...*param) []*param {
	return append(append([]*param{}, base...), more...)
}

func inPath(name, desc string) *param { return &param{name: name, desc: desc, inPath: true} }

func list(more ...*param) []*param {
	return plus([]*param{pListFrom, pListTo, pLimit, pCursor}, more...)
}

// routes is the API. The order is that of the OpenAPI document.
func (s *Server) routes() []*route {
	get := http.MethodGet
	return []*route{
		{
			method: http.MethodPost, path: "/v1/events", id: "sendEvents", schema: "CollectResult", raw: s.collect,
			summary: "Send events: one object, an array, or NDJSON; answers once they are durable",
		},
		{
			method: get, path: "/v1/overview", id: "getOverview", schema: "Overview", handle: (*Server).overview, csv: true,
			summary: "The figures of a range, one entry per currency", params: analytical,
		},
		{
			method: get, path: "/v1/timeseries", id: "getTimeseries", schema: "Timeseries", handle: (*Server).timeseries, csv: true,
			summary: "The figures of a range over time, one entry per point and currency", params: plus(analytical, pInterval),
		},
		{
			method: get, path: "/v1/campaigns", id: "listCampaigns", schema: "Campaigns", handle: (*Server).campaigns, csv: true,
			summary: "Delivery and credit by campaign, in order of the id, one entry per currency", params: plus(analytical, pLimit, pCursor),
		},
		{
			method: get, path: "/v1/campaigns/{id}", id: "getCampaign", schema: "Campaign", handle: (*Server).campaign,
			summary: "One campaign: its figures, by channel, and its credit under every model",
			params:  plus([]*param{inPath("id", "the campaign_id")}, pFrom, pTo, pTimezone, pModel, pBasis, pTraffic, pChannel, pCurrency),
		},
		{
			method: get, path: "/v1/attribution", id: "getAttribution", schema: "Attribution", handle: (*Server).attribution, csv: true,
			summary: "Credit under one model by channel, campaign or creative; what is unattributed is a row of its own",
			params: plus(analytical, &param{name: "group_by", desc: "what to group by", enum: []string{"channel", "campaign", "creative"}, def: "channel"},
				filter("ad_group_id", "only these ad groups; with group_by=creative"), filter("creative_id", "only these creatives; with group_by=creative")),
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
			summary: "The most frequent paths of touches before conversions, most conversions first",
			params: []*param{
				pFrom, pTo, pTimezone, pCurrency, pLimit,
				{name: "group_by", desc: "what a path is made of", enum: []string{"channel", "campaign"}, def: "channel"},
			},
		},
		{
			method: get, path: "/v1/conversions", id: "listConversions", schema: "Conversions", handle: (*Server).conversions, csv: true,
			summary: "Conversions, newest first",
			params: list(filter("conversion_name", "only these names"), filter("order_id", "only these orders"), filter("person", "only these persons, as u:... or a:..."), pCurrency,
				filter("verdict", "only these verdicts", verdicts...), filter("adjusted", "only these adjustments", "retracted", "restated", ""), filter("status", "only these statuses", statuses...)),
		},
		{
			method: get, path: "/v1/conversions/{id}", id: "getConversion", schema: "Conversion", handle: (*Server).conversion,
			summary: "One conversion", params: []*param{inPath("id", "the conversion_id")},
		},
		{
			method: get, path: "/v1/conversions/{id}/explain", id: "explainConversion", schema: "Explanation", handle: (*Server).explain,
			summary: "Why a conversion has its credit: every touch, counted or not and why, and the arithmetic per model", params: []*param{inPath("id", "the conversion_id")},
		},
		{
			method: get, path: "/v1/sessions", id: "listSessions", schema: "Sessions", handle: (*Server).sessions, csv: true,
			summary: "Sessions, latest end first", params: list(filter("person", "only these persons, as u:... or a:..."), filter("entry_channel", "only these channels"), filter("status", "only these statuses", statuses...)),
		},
		{
			method: get, path: "/v1/fraud/summary", id: "getFraudSummary", schema: "FraudSummary", handle: (*Server).fraudSummary,
			summary: "From gross to net in counts and money, and the reasons", params: []*param{pFrom, pTo, pTimezone, pCampaign, pCurrency},
		},
		{
			method: get, path: "/v1/fraud/events/{event_id}", id: "getVerdicts", schema: "Verdicts", handle: (*Server).verdicts,
			summary: "The verdicts on the events with one id", params: []*param{inPath("event_id", "the event_id")},
		},
		{
			method: get, path: "/v1/late-events", id: "listLateEvents", schema: "LateEvents", handle: (*Server).lateEvents, csv: true,
			summary: "Events that came too late to count, in order of event id, time and position", params: list(filter("type", "only these types")),
		},
		{
			method: get, path: "/v1/dead-letters", id: "listDeadLetters", schema: "DeadLetters", handle: (*Server).deadLetters, csv: true,
			summary: "Records that break a rule, in order of position", params: []*param{pLimit, pCursor, filter("code", "only these codes", deadLetterCodes...)},
		},
		{
			method: get, path: "/v1/pipeline", id: "getPipeline", schema: "Pipeline", handle: (*Server).pipeline,
			summary: "State of the pipeline: watermarks, inputs, counts, sinks, latencies",
		},
		{
			method: get, path: "/v1/changes", id: "streamChanges", schema: "Change", raw: s.changes,
			summary: "Server-sent events: one `change` after ticks, at most four a second; the figures are fetched from the other routes",
		},
	}
}

var deadLetterCodes = []string{"too_large", "malformed", "missing_field", "bad_field", "bad_time", "bad_money", "future_event_time", "bad_adjustment"}
