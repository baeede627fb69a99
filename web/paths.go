package web

import (
	"cmp"
	"net/http"
	"slices"
	"strings"

	"github.com/tributary-data/tributary/table"
)

// maxPaths bounds the distinct paths held for one answer.
const maxPaths = 200_000

// paths counts the ways that led to conversions, most frequent first. The
// linear model gives every touch a credit, so its credits spell the whole path.
func (s *Server) paths(q *query) (*answer, error) {
	col := crdChannel
	if q.groupBy == "campaign" {
		col = crdCampaign
	}
	q.widen(q.grain())
	q.model = "linear"
	s.readStatus(q)
	ctx := q.r.Context()

	worst := final
	err := s.view.Scan(ctx, table.Conversions, q.from, q.to, func(r table.Row) error {
		worst = max(worst, statusOf(r[cnvRowStat]))
		return nil
	})
	if err != nil {
		return nil, err
	}
	type way struct {
		steps       []string
		currency    string
		conversions int64
		value       sum
	}
	ways := map[string]*way{}
	var conversion, currency string
	var steps []string
	var value int64
	flush := func() error {
		if conversion == "" {
			return nil
		}
		key := currency + "\x00" + strings.Join(steps, "\x00")
		w := ways[key]
		if w == nil {
			if len(ways) >= maxPaths {
				return newProblem(http.StatusBadRequest, "too_many_paths", "the range holds more than 200000 different paths; take a shorter one")
			}
			w = &way{steps: slices.Clone(steps), currency: currency}
			ways[key] = w
		}
		w.conversions++
		w.value.add(value)
		return nil
	}
	err = s.view.Scan(ctx, table.Credits, q.from, q.to, func(r table.Row) error {
		if r[crdModel].Text != "linear" || !q.wants("currency", r[crdCurrency].Text) {
			return nil
		}
		if r[0].Text != conversion {
			if err := flush(); err != nil {
				return err
			}
			conversion, currency, steps, value = r[0].Text, r[crdCurrency].Text, steps[:0], 0
		}
		if r[crdTouch].Text != "" {
			steps = append(steps, r[col].Text)
		}
		value += r[crdPPM+1].Int
		return nil
	})
	if err == nil {
		err = flush()
	}
	if err != nil {
		return nil, err
	}
	keys := sortedKeys(ways, func(a, b string) int {
		return cmp.Or(cmp.Compare(ways[b].conversions, ways[a].conversions), strings.Compare(a, b))
	})
	keys = keys[:min(len(keys), q.limit)]
	entry := func(w *way) obj {
		return obj{
			{"path", w.steps},
			{"touches", len(w.steps)},
			{"currency", w.currency},
			{"conversions", w.conversions},
			{"value", moneyOf(w.value, w.currency)},
		}
	}
	data, rows := make([]obj, 0, len(keys)), make([]obj, 0, len(keys))
	for _, k := range keys {
		e := entry(ways[k])
		data = append(data, e)
		rows = append(rows, append(obj{{"path", strings.Join(ways[k].steps, " > ")}}, e[1:]...))
	}
	for i := range data {
		if data[i][0].value.([]string) == nil {
			data[i][0].value = []string{}
		}
	}
	return &answer{body: obj{{"data", data}, {"meta", q.meta(worst)}}, rows: rows, blank: entry(&way{})}, nil
}
