package web

import (
	"cmp"
	"slices"
	"strings"
)

// groupKey is a group and a currency; unattributed credit is a group of its own,
// apart from touches that have no campaign.
type groupKey struct {
	group, currency string
	unattributed    bool
}

func (k groupKey) compare(o groupKey) int {
	if k.unattributed != o.unattributed {
		if k.unattributed {
			return 1
		}
		return -1
	}
	if c := strings.Compare(k.group, o.group); c != 0 {
		return c
	}
	return strings.Compare(k.currency, o.currency)
}

// campaigns lists delivery and credit by campaign. Unattributed credit belongs
// to none and is not here.
func (s *Server) campaigns(q *query) (*answer, error) {
	after, err := q.readCursor("campaigns", 2)
	if err != nil {
		return nil, err
	}
	q.widen(q.grain())
	s.readStatus(q)
	byCampaign := func(p place) string { return p.campaign }
	by := map[groupKey]*figures{}
	if err := s.byGroup(q, byCampaign, by); err != nil {
		return nil, err
	}
	past, before := q.comparison(), map[groupKey]*figures{}
	if past != nil {
		if err := s.byGroup(past.query, byCampaign, before); err != nil {
			return nil, err
		}
		if err := past.findBegin(q.r.Context(), s.view, q); err != nil {
			return nil, err
		}
		for k, f := range before {
			figuresOf(by, k)
			past.worst = max(past.worst, f.status)
		}
	}
	keys := sortedKeys(by, groupKey.compare)
	worst := final
	for _, k := range keys {
		worst = max(worst, by[k].status)
	}
	keys = slices.DeleteFunc(keys, func(k groupKey) bool {
		return k.unattributed || after != nil && k.compare(groupKey{group: after[0], currency: after[1]}) <= 0
	})
	var next any
	if len(keys) > q.limit {
		keys = keys[:q.limit]
		last := keys[len(keys)-1]
		next = writeCursor("campaigns", last.group, last.currency)
	}
	lines, err := s.sparklines(q, keys)
	if err != nil {
		return nil, err
	}
	entry := func(k groupKey, f *figures) obj {
		out := groupEntry(q, "campaign_id", k, f)
		if past != nil {
			out = append(out, past.fields(q, f, before[k], func(q *query, f *figures) obj { return groupEntry(q, "campaign_id", k, f) })...)
		}
		if lines != nil {
			out = append(out, field{"sparkline", lines.of(q, k)})
		}
		return out
	}
	rows := make([]obj, 0, len(keys))
	for _, k := range keys {
		rows = append(rows, entry(k, by[k]))
	}
	meta := q.meta(worst)
	if past != nil {
		meta = append(meta, past.meta())
	}
	if lines != nil {
		meta = append(meta, lines.meta(q))
	}
	return &answer{
		body: obj{{"data", rows}, {"next_cursor", next}, {"meta", meta}},
		rows: rows, blank: entry(groupKey{}, &figures{}),
	}, nil
}

// byGroup sums delivery and the credit of the query's model by a group.
func (s *Server) byGroup(q *query, group func(place) string, by map[groupKey]*figures) error {
	ctx := q.r.Context()
	err := s.delivery(ctx, q, false, func(p place) *figures {
		return figuresOf(by, groupKey{group: group(p), currency: p.currency})
	})
	if err != nil || !q.hasCredit() {
		return err
	}
	return s.credit(ctx, q, q.model, false, func(p place) *figures {
		return figuresOf(by, groupKey{group(p), p.currency, p.unattributed()})
	})
}

func groupEntry(q *query, name string, k groupKey, f *figures) obj {
	return join(obj{{name, k.group}, {"currency", k.currency}}, f.deliveryFields(q, k.currency),
		f.creditFields(q, k.currency), obj{{"status", q.closed(f.status, q.to).String()}})
}

// campaign is one campaign in full: totals, channels and all models.
func (s *Server) campaign(q *query) (*answer, error) {
	id := q.pathParams["id"]
	q.filters["campaign_id"] = []string{id}
	q.widen(q.grain())
	s.readStatus(q)

	totals, channels := map[groupKey]*figures{}, map[groupKey]*figures{}
	type modelKey struct {
		model    int
		currency string
	}
	models := map[modelKey]*figures{}
	if err := s.byGroup(q, func(p place) string { return p.channel }, channels); err != nil {
		return nil, err
	}
	worst := final
	for k, f := range channels {
		if k.unattributed {
			delete(channels, k)
			continue
		}
		figuresOf(totals, groupKey{group: id, currency: k.currency}).merge(f)
		worst = max(worst, f.status)
	}
	for m, model := range Models {
		err := s.credit(q.r.Context(), q, model, false, func(p place) *figures {
			if p.unattributed() {
				return nil
			}
			return figuresOf(models, modelKey{m, p.currency})
		})
		if err != nil {
			return nil, err
		}
	}
	if len(totals) == 0 && len(models) == 0 {
		return nil, notFound("campaign " + id + " has nothing between " + q.from.String() + " and " + q.to.String() + "; a wider range may have")
	}
	entries := func(name string, by map[groupKey]*figures) []obj {
		rows := []obj{}
		for _, k := range sortedKeys(by, groupKey.compare) {
			rows = append(rows, groupEntry(q, name, k, by[k]))
		}
		return rows
	}
	byModel := []obj{}
	for _, k := range sortedKeys(models, func(a, b modelKey) int {
		return cmp.Or(cmp.Compare(a.model, b.model), strings.Compare(a.currency, b.currency))
	}) {
		f := models[k]
		if t := totals[groupKey{group: id, currency: k.currency}]; t != nil {
			f.spend, f.invalidSpend = t.spend, t.invalidSpend
		}
		byModel = append(byModel, join(obj{{"model", Models[k.model]}, {"currency", k.currency}}, f.creditFields(q, k.currency)))
	}
	return &answer{body: obj{
		{"data", obj{
			{"campaign_id", id},
			{"totals", entries("campaign_id", totals)},
			{"by_channel", entries("channel", channels)},
			{"by_model", byModel},
		}},
		{"meta", q.meta(worst)},
	}}, nil
}
