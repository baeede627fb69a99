package web

import (
	"cmp"
	"math/big"
	"net/url"
	"slices"
	"strings"

	"github.com/tributary-data/tributary/event"
)

// alertKinds are the conditions that are looked for. Their names are stable.
var alertKinds = []string{
	"not_ready", "intake_paused", "watermark_lag", "input_stopped", "input_failing", "sink_down", "sink_behind", "disk_filling",
	"dead_letters", "late_events", "conversions_stopped", "invalid_spike", "spend_without_conversions", "campaign_stopped",
}

// alert is one condition that holds now.
type alert struct {
	kind, severity        string
	title, detail, action string
	since                 event.Millis
	subject, id           string // campaign, input, sink or pipeline, and which
	stake                 *stake
	link                  string
}

// stake is the money that an alert is about.
type stake struct {
	amount   *big.Int // micros
	currency string
	note     string
}

func (a *alert) key() string {
	if a.id == "" {
		return a.kind
	}
	return a.kind + ":" + a.id
}

// rank orders by severity, then by the money at stake, then by age. Amounts of
// different currencies are compared as numbers here, for want of a rate.
func (a *alert) rank(b *alert) int {
	amount := func(x *alert) *big.Int {
		if x.stake == nil {
			return new(big.Int)
		}
		return x.stake.amount
	}
	return cmp.Or(cmp.Compare(slices.Index(severities, a.severity), slices.Index(severities, b.severity)),
		amount(b).Cmp(amount(a)), cmp.Compare(a.since, b.since), strings.Compare(a.key(), b.key()))
}

func (a *alert) entry() obj {
	var amount any
	note := ""
	if a.stake != nil {
		amount, note = money{millionths(a.stake.amount, 2), a.stake.currency}, a.stake.note
	}
	return obj{
		{"id", a.key()},
		{"kind", a.kind},
		{"severity", a.severity},
		{"title", a.title},
		{"detail", a.detail},
		{"action", a.action},
		{"since", a.since.String()},
		{"subject", obj{{"type", a.subject}, {"id", a.id}}},
		{"stake", amount},
		{"stake_note", note},
		{"link", a.link},
	}
}

// alerts lists what needs attention now.
func (s *Server) alerts(q *query) (*answer, error) {
	after, err := q.readCursor("alerts", 1)
	if err != nil {
		return nil, err
	}
	s.readStatus(q)
	st := s.view.Status()
	s.samples.note(q.now, &st.Counts)
	t, err := s.recentTraffic(q)
	if err != nil {
		return nil, err
	}
	list := append(s.pipelineAlerts(q, &st, t), t.alerts()...)
	list = slices.DeleteFunc(list, func(a *alert) bool {
		return !q.wants("severity", a.severity) || !q.wants("kind", a.kind) || q.filtered("campaign_id") && (a.subject != "campaign" || !q.wants("campaign_id", a.id))
	})
	slices.SortFunc(list, (*alert).rank)
	counts := map[string]int{}
	for _, a := range list {
		counts[a.severity]++
	}
	if after != nil { // the list may have changed since: go on behind the alert, or from the beginning
		list = list[slices.IndexFunc(list, func(a *alert) bool { return a.key() == after[0] })+1:]
	}
	var next any
	if len(list) > q.limit {
		list = list[:q.limit]
		next = writeCursor("alerts", list[len(list)-1].key())
	}
	rows := make([]obj, 0, len(list))
	for _, a := range list {
		rows = append(rows, a.entry())
	}
	meta := obj{
		{"as_of", q.now.String()},
		{"watermark", when(q.watermark)},
		{"epoch", q.epoch},
		{"seq", q.seq},
		{"counts", obj{{"critical", counts["critical"]}, {"warning", counts["warning"]}, {"info", counts["info"]}}},
	}
	blank := &alert{stake: &stake{new(big.Int), "", ""}}
	return &answer{body: obj{{"data", rows}, {"next_cursor", next}, {"meta", meta}}, rows: rows, blank: blank.entry()}, nil
}

func campaignLink(id string) string { return "/campaigns/" + url.PathEscape(id) }
