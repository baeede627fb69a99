package web

import (
	"strconv"

	"github.com/tributary-data/tributary/table"
)

// formulas say in one line what each model does with n touches.
var formulas = map[string]string{
	"first_touch":     "all to the first touch",
	"last_touch":      "all to the last touch",
	"last_non_direct": "all to the last touch whose channel is not Direct; if all are Direct, to the last",
	"linear":          "1/n to each of n touches",
	"position_based":  "40% first, 40% last, 20% shared by those between; half each for two",
	"j_shaped":        "20% first, 60% last, 20% shared by those between; 25% and 75% for two",
	"inverse_j":       "60% first, 20% last, 20% shared by those between; 75% and 25% for two",
	"time_decay":      "2^(-age/half-life), age counted back from the latest touch, divided by the sum of all",
	"participation":   "the whole to each distinct campaign, on its last touch; sums to more than the value",
}

const roundingNote = "weights become integers by largest remainder (of equal remainders the later touch first), so that credit_ppm sums to 1000000 and value to the conversion's value"

var cnvCurrency = table.Conversions.Col("currency")

// explain answers why a conversion has its credit.
func (s *Server) explain(q *query) (*answer, error) {
	id := q.pathParams["id"]
	x, ok, err := s.view.Explain(q.r.Context(), id)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, notFound("there is no conversion " + strconv.Quote(id))
	}
	currency := x.Conversion[cnvCurrency].Text
	members := []obj{}
	for _, m := range x.Members {
		members = append(members, obj{{"person", m.Person}, {"linked_by", orNull(m.LinkedBy)}, {"linked_at", when(m.LinkedAt)}})
	}
	candidates := []obj{}
	counted := 0
	for _, c := range x.Candidates {
		if c.Counted {
			counted++
		}
		candidates = append(candidates, candidateObj(c))
	}
	adjustments := []obj{}
	for _, a := range x.Adjustments {
		var value any
		if a.Kind == "restate" {
			cur := a.Currency
			if cur == "" {
				cur = currency
			}
			value = moneyOf(sumOf(int64(a.Value)), cur)
		}
		adjustments = append(adjustments, obj{
			{"event_id", a.EventID},
			{"event_time", when(a.Time)},
			{"kind", a.Kind},
			{"value", value},
			{"counted", a.Counted},
			{"why", a.Why},
		})
	}
	revisions := []obj{}
	for _, r := range x.Revisions {
		revisions = append(revisions, rowObj(table.Journal, r, currency))
	}
	models := []obj{}
	for _, m := range x.Models {
		models = append(models, modelObj(m, currency))
	}
	return &answer{body: obj{{"data", obj{
		{"conversion", rowObj(table.Conversions, x.Conversion, "")},
		{"members", members},
		{"lookback", obj{{"click", x.Lookback.Click.String()}, {"impression", x.Lookback.Impression.String()}, {"visit", x.Lookback.Visit.String()}}},
		{"max_touches", x.MaxTouches},
		{"counted", counted},
		{"rejected", len(candidates) - counted},
		{"candidates", candidates},
		{"models", models},
		{"rounding", roundingNote},
		{"adjustments", adjustments},
		{"revisions", revisions},
	}}}}, nil
}

func candidateObj(c Candidate) obj {
	reasons := c.Reasons
	if reasons == nil {
		reasons = []string{}
	}
	var position any
	if c.Counted {
		position = c.Position
	}
	return obj{
		{"event_id", c.EventID},
		{"event_time", c.Time.String()},
		{"type", c.Type},
		{"person", c.Person},
		{"campaign_id", c.Campaign},
		{"ad_group_id", c.AdGroup},
		{"creative_id", c.Creative},
		{"channel", c.Channel},
		{"verdict", c.Verdict.String()},
		{"reasons", reasons},
		{"counted", c.Counted},
		{"position", position},
		{"why", c.Why},
	}
}

// modelObj shows the weights and what they became, with the sums written out so
// that a reader need not add.
func modelObj(m ModelCredit, currency string) obj {
	var ppm, value sum
	shares := []obj{}
	for _, sh := range m.Shares {
		ppm.add(sh.CreditPPM)
		value.add(int64(sh.Value))
		shares = append(shares, obj{
			{"position", sh.Position},
			{"event_id", orNull(sh.EventID)},
			{"weight_numerator", sh.WeightNum},
			{"weight_denominator", sh.WeightDen},
			{"credit_ppm", sh.CreditPPM},
			{"credited_conversions", millionths(sumOf(sh.CreditPPM).big(), 0)},
			{"value", moneyOf(sumOf(int64(sh.Value)), currency)},
		})
	}
	return obj{
		{"model", m.Model},
		{"formula", formulas[m.Model]},
		{"additive", m.Model != participation},
		{"shares", shares},
		{"total_credited_conversions", millionths(ppm.big(), 0)},
		{"total_value", moneyOf(value, currency)},
	}
}

func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// verdicts answers what was found about the events with one id.
func (s *Server) verdicts(q *query) (*answer, error) {
	id := q.pathParams["event_id"]
	rows, err := s.view.Find(q.r.Context(), table.Verdicts, table.Row{table.T(id)}, maxLimit)
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		return nil, notFound("no verdict is kept for event " + strconv.Quote(id) + ": it is valid, or an impression outside the sample, or unknown")
	}
	data := []obj{}
	for _, r := range rows {
		data = append(data, rowObj(table.Verdicts, r, ""))
	}
	return &answer{body: obj{{"data", data}}}, nil
}
