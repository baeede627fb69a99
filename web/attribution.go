package web

import (
	"slices"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/table"
)

// longestLookback bounds how long after a touch its conversion may come.
const longestLookback = 90 * event.Day

// attribution is the credit of one model by channel, campaign or creative.
// Together with the unattributed row, every model but participation sums to the
// value of the conversions.
func (s *Server) attribution(q *query) (*answer, error) {
	if q.groupBy == "" {
		q.groupBy = "channel"
	}
	groupBy := q.groupBy
	if err := q.only(groupBy == "creative", "only with group_by=creative", "ad_group_id", "creative_id"); err != nil {
		return nil, err
	}
	q.widen(q.grain())
	s.readStatus(q)
	by := map[groupKey]*figures{}
	var err error
	name := groupBy
	switch groupBy {
	case "channel":
		err = s.byGroup(q, func(p place) string { return p.channel }, by)
	case "campaign":
		name = "campaign_id"
		err = s.byGroup(q, func(p place) string { return p.campaign }, by)
	case "creative":
		name = "creative_id"
		err = s.byCreative(q, by)
	}
	if err != nil {
		return nil, err
	}
	entry := func(k groupKey, f *figures) obj {
		if k.unattributed {
			f.creditPPM, f.creditValue = f.unattributedPPM, f.unattributedValue
		}
		out := obj{{name, k.group}, {"currency", k.currency}, {"unattributed", k.unattributed}}
		if groupBy == "creative" { // what a creative cost is not kept with its credit
			out = append(out, field{"spend", nil})
			credit := f.creditFields(q, k.currency)
			out = append(out, credit[0], credit[1], field{"roas", nil}, field{"cpa", nil})
		} else {
			out = append(out, field{"spend", moneyOf(f.shownSpend(q.traffic), k.currency)})
			out = append(out, f.creditFields(q, k.currency)...)
		}
		return append(out, field{"status", q.closed(f.status, q.to).String()})
	}
	worst, rows := final, make([]obj, 0, len(by))
	for _, k := range sortedKeys(by, groupKey.compare) {
		worst = max(worst, by[k].status)
		rows = append(rows, entry(k, by[k]))
	}
	meta := append(q.meta(worst), field{"group_by", groupBy})
	return &answer{body: obj{{"data", rows}, {"meta", meta}}, rows: rows, blank: entry(groupKey{}, &figures{})}, nil
}

var (
	crdModel    = table.Credits.Col("model")
	crdTime     = table.Credits.Col("touch_time")
	crdTouch    = table.Credits.Col("touch_event_id")
	crdCampaign = table.Credits.Col("campaign_id")
	crdAdGroup  = table.Credits.Col("ad_group_id")
	crdCreative = table.Credits.Col("creative_id")
	crdChannel  = table.Credits.Col("channel")
	crdPPM      = table.Credits.Col("credit_ppm")
	crdCurrency = table.Credits.Col("currency")
	cnvRowID    = table.Conversions.Col("conversion_id")
	cnvRowStat  = table.Conversions.Col("status")
)

// byCreative sums single credits, because no aggregate holds creatives. By
// touch time it reads the conversions that can have touches in the range.
func (s *Server) byCreative(q *query, by map[groupKey]*figures) error {
	ctx := q.r.Context()
	to := q.to
	if q.basis == touchTime {
		to = to.Add(longestLookback)
	}
	// Credits have no status of their own: it is that of their conversion.
	conversions := map[string]status{}
	err := s.view.Scan(ctx, table.Conversions, q.from, to, func(r table.Row) error {
		if st := statusOf(r[cnvRowStat]); st != final {
			conversions[r[cnvRowID].Text] = st
		}
		return nil
	})
	if err != nil {
		return err
	}
	err = s.view.Scan(ctx, table.Credits, q.from, to, func(r table.Row) error {
		at := event.Millis(r[crdTime].Int)
		unattributed := r[crdTouch].Text == ""
		switch {
		case r[crdModel].Text != q.model:
			return nil
		case q.basis == touchTime && (unattributed || at < q.from || at >= q.to):
			return nil
		case !q.passes(place{campaign: r[crdCampaign].Text, channel: r[crdChannel].Text, currency: r[crdCurrency].Text}),
			!q.wants("ad_group_id", r[crdAdGroup].Text), !q.wants("creative_id", r[crdCreative].Text):
			return nil
		}
		f := figuresOf(by, groupKey{r[crdCreative].Text, r[crdCurrency].Text, unattributed})
		ppm, value := &f.creditPPM, &f.creditValue
		if unattributed {
			ppm, value = &f.unattributedPPM, &f.unattributedValue
		}
		ppm.add(r[crdPPM].Int)
		value.add(r[crdPPM+1].Int)
		f.status = max(f.status, conversions[r[0].Text])
		return nil
	})
	if err != nil || q.basis != touchTime {
		return err
	}
	// A credit without a touch counts at its conversion; the hours know it.
	return s.credit(ctx, q, q.model, false, func(p place) *figures {
		if p.unattributed() && q.wants("creative_id", "") && q.wants("ad_group_id", "") {
			return figuresOf(by, groupKey{"", p.currency, true})
		}
		return nil
	})
}

// compare puts models side by side, group by group.
func (s *Server) compare(q *query) (*answer, error) {
	name, groupBy := "channel", "channel"
	group := func(p place) string { return p.channel }
	if q.groupBy == "campaign" {
		groupBy = q.groupBy
		name, group = "campaign_id", func(p place) string { return p.campaign }
	}
	q.widen(q.grain())
	s.readStatus(q)
	by := map[groupKey][]*figures{}
	worst := final
	for i, model := range q.models {
		err := s.credit(q.r.Context(), q, model, false, func(p place) *figures {
			k := groupKey{group(p), p.currency, p.unattributed()}
			if by[k] == nil {
				by[k] = make([]*figures, len(q.models))
				for j := range by[k] {
					by[k][j] = &figures{}
				}
			}
			return by[k][i]
		})
		if err != nil {
			return nil, err
		}
	}
	data, rows := []obj{}, []obj{}
	for _, k := range sortedKeys(by, groupKey.compare) {
		models, flat := obj{}, obj{{name, k.group}, {"currency", k.currency}, {"unattributed", k.unattributed}}
		st := final
		for i, m := range q.models {
			f := by[k][i]
			st = max(st, f.status)
			ppm, value := f.creditPPM, f.creditValue
			ppm.addSum(f.unattributedPPM)
			value.addSum(f.unattributedValue)
			c, v := number(millionths(ppm.big(), 0)), moneyOf(value, k.currency)
			models = append(models, field{m, obj{{"credited_conversions", c}, {"credited_value", v}}})
			flat = append(flat, field{m + "_credited_conversions", c}, field{m + "_credited_value", v})
		}
		worst = max(worst, st)
		st = q.closed(st, q.to)
		data = append(data, obj{{name, k.group}, {"currency", k.currency}, {"unattributed", k.unattributed}, {"models", models}, {"status", st.String()}})
		rows = append(rows, append(flat, field{"status", st.String()}))
	}
	blank := obj{{name, ""}, {"currency", ""}, {"unattributed", false}}
	for _, m := range q.models {
		blank = append(blank, field{m + "_credited_conversions", nil}, field{m + "_credited_value", nil})
	}
	meta := obj{}
	for _, f := range q.meta(worst) {
		switch f.name {
		case "model": // this answer has several, and they say it themselves
			meta = append(meta, field{"model", nil}, field{"models", q.models})
		case "additive":
			meta = append(meta, field{"additive", !slices.Contains(q.models, participation)})
		default:
			meta = append(meta, f)
		}
	}
	meta = append(meta, field{"group_by", groupBy})
	return &answer{body: obj{{"data", data}, {"meta", meta}}, rows: rows, blank: append(blank, field{"status", ""})}, nil
}
