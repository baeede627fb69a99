package pipeline

import (
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/tributary-data/tributary/attribution"
	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/history"
	"github.com/tributary-data/tributary/table"
)

// Explanation is everything that decided the credit of one conversion.
type Explanation struct {
	Row         table.Row
	Members     []Member
	Candidates  []Candidate
	More        bool // there are more candidates than are listed
	Models      []ModelShares
	Adjustments []ExplainedAdjustment
	Journal     []table.Row
}

// Member is one id whose touches count, and the identify event that says so.
type Member struct {
	Person   string
	LinkedBy string
	LinkedAt event.Millis
}

// Candidate is an event that is a touch of the conversion or could have been.
type Candidate struct {
	event.Touch
	Verdict  event.Verdict
	Reasons  []string
	Position int    // 1 is the first; 0: not counted
	Why      string // not counted
}

// ModelShares is the arithmetic of one model.
type ModelShares struct {
	Model  string
	Shares []Share
}

// Share is what one touch got: Weight/Sum of the whole, made integers by
// largest remainder.
type Share struct {
	event.Credit
	EventID     string
	Weight, Sum string
}

// ExplainedAdjustment is an adjustment that names the conversion.
type ExplainedAdjustment struct {
	history.Amendment
	Counted bool
	Why     string
}

// maxCandidates bounds an explanation; the counted touches are always in it.
const maxCandidates = 2000

// Explain says how a conversion came to its credit; nil when there is none.
func (v *View) Explain(id string) (*Explanation, error) {
	c, err := v.conversion(id)
	if c == nil || err != nil {
		return nil, err
	}
	it, err := v.snap.NewIter()
	if err != nil {
		return nil, err
	}
	x := explainer{v: v, c: c, r: history.NewReaderAt(it, v.buckets), out: &Explanation{Row: conversionRow(c, v.Watermark)}}
	for _, step := range []func() error{x.members, x.candidates, x.models, x.adjustments, x.journal} {
		if err == nil {
			err = step()
		}
	}
	if err2 := x.r.Close(); err == nil {
		err = err2
	}
	return x.out, err
}

type explainer struct {
	v   *View
	c   *history.Conversion
	r   *history.Reader
	out *Explanation
}

func (x *explainer) members() error {
	user, isUser := strings.CutPrefix(x.c.Person, userPrefix)
	add := func(anonymous string) (string, error) {
		at, id, to, err := x.r.Link(anonymous)
		if err == nil && to != "" {
			x.out.Members = append(x.out.Members, Member{anonymousPrefix + anonymous, id, at})
		}
		return to, err
	}
	if !isUser {
		anonymous := strings.TrimPrefix(x.c.Person, anonymousPrefix)
		_, _, to, err := x.r.Link(anonymous)
		if err != nil {
			return err
		}
		if to == "" {
			x.out.Members = []Member{{Person: x.c.Person, LinkedAt: event.NoTime}}
			return nil
		}
		user = to
	}
	x.out.Members = append(x.out.Members, Member{Person: userPrefix + user, LinkedAt: event.NoTime})
	ids, err := x.r.Members(user)
	for _, id := range ids {
		if err == nil {
			_, err = add(id)
		}
	}
	return err
}

// candidates lists what was counted, from the conversion's record, and what was
// not, with the first reason that applies.
func (x *explainer) candidates() error {
	cfg := &x.v.e.cfg.Attribution
	position := map[event.Ref]int{}
	for i := range x.c.Touches {
		position[x.c.Touches[i].Ref()] = i + 1
	}
	from := x.c.Time - cfg.Lookback.Greatest().Millis()
	to := x.c.Time + event.Hour
	var bad error
	add := func(ev *history.Event, typ string) bool {
		t := touchOf(ev, typ)
		if bad = x.v.e.dict.Name(&t); bad != nil {
			return false
		}
		n := position[t.Ref()]
		if n == 0 && len(x.out.Candidates) >= maxCandidates {
			x.out.More = true
			return true
		}
		delete(position, t.Ref())
		why := ""
		if n == 0 {
			why = x.why(ev, &t)
		}
		x.out.Candidates = append(x.out.Candidates, Candidate{t, ev.Verdict(), ev.Reasons.Names(), n, why})
		return true
	}
	for _, m := range x.out.Members {
		err := x.r.Events(m.Person, from, to, func(ev *history.Event) bool {
			switch {
			case ev.Kind == event.Click:
				return add(ev, "click")
			case x.v.e.touches.visit && ev.Type == pageView:
				return add(ev, "visit")
			}
			return true
		})
		if err == nil {
			err = x.r.Impressions(m.Person, max(from, x.c.Time-max(cfg.Lookback.Impression.Millis(), event.Day)-event.Day), to, func(ev *history.Event) bool { return add(ev, "impression") })
		}
		if err == nil {
			err = bad
		}
		if err != nil {
			return err
		}
	}
	slices.SortFunc(x.out.Candidates, func(a, b Candidate) int { return a.Ref().Compare(b.Ref()) })
	return nil
}

func (x *explainer) why(ev *history.Event, t *event.Touch) string {
	cfg := &x.v.e.cfg.Attribution
	lookback := map[string]event.Duration{"click": cfg.Lookback.Click, "impression": cfg.Lookback.Impression, "visit": cfg.Lookback.Visit}[t.Type]
	switch {
	case ev.Reasons != 0:
		return "invalid: " + strings.Join(ev.Reasons.Names(), ", ")
	case t.Time > x.c.Time:
		return "after the conversion"
	case t.Time < x.c.Time-lookback.Millis():
		return fmt.Sprintf("outside lookback (%s)", lookback)
	case !slices.Contains(cfg.TouchTypes, t.Type):
		return t.Type + "s are not touches by configuration"
	case !x.c.Counted() && x.c.Verdict().Net():
		return "the conversion was retracted"
	case !x.c.Counted():
		return "the conversion is " + x.c.Verdict().String()
	case x.c.Dropped > 0 && len(x.c.Touches) > 1 && t.Ref().Compare(x.c.Touches[1].Ref()) < 0:
		return "beyond max_touches"
	case t.Type == "impression" && cfg.ClickAbsorbsImpression:
		return "absorbed by a click of the same creative"
	case t.Type == "visit":
		return "not the first page view of its session, or a click of its campaign led to it"
	}
	return "not counted"
}

func (x *explainer) models() error {
	if !x.c.Counted() {
		return nil
	}
	cfg := &x.v.e.cfg.Attribution
	rows := attribution.Credits(cfg, x.c.Touches, x.c.Value())
	for _, m := range attribution.Models {
		out := ModelShares{Model: m.ID}
		weights := m.Weights(cfg, x.c.Touches)
		sum := new(big.Int)
		for _, w := range weights {
			sum.Add(sum, new(big.Int).SetUint64(w))
		}
		for _, r := range rows {
			if r.Model != m.ID {
				continue
			}
			s := Share{Credit: r, Weight: "1", Sum: "1"}
			if r.Position > 0 {
				s.EventID = x.c.Touches[r.Position-1].ID
				if !m.Overlapping {
					s.Weight, s.Sum = new(big.Int).SetUint64(weights[r.Position-1]).String(), sum.String()
				}
			}
			out.Shares = append(out.Shares, s)
		}
		x.out.Models = append(x.out.Models, out)
	}
	return nil
}

func (x *explainer) adjustments() error {
	texts := []string{x.c.ID}
	if x.c.OrderID != "" && x.c.OrderID != x.c.ID {
		texts = append(texts, x.c.OrderID)
	}
	counted := x.c.Adjustment()
	window := x.v.e.cfg.Attribution.AdjustmentWindow
	for _, text := range texts {
		list, err := x.r.Amendments(text)
		if err != nil {
			return err
		}
		for _, a := range list {
			e := ExplainedAdjustment{Amendment: *a, Counted: sameAdjust(counted, &a.Adjust)}
			d := a.Time - x.c.Time
			switch {
			case e.Counted:
			case d > window.Millis() || d < -window.Millis():
				e.Why = fmt.Sprintf("outside the window of %s", window)
			case a.Currency != "" && a.Currency != x.c.Currency:
				e.Why = "in another currency than the conversion"
			case counted != nil && counted.After(&a.Adjust):
				e.Why = "a later adjustment counts"
			default:
				e.Why = "it names an order of which this conversion is a duplicate, or another conversion"
			}
			x.out.Adjustments = append(x.out.Adjustments, e)
		}
	}
	slices.SortFunc(x.out.Adjustments, func(a, b ExplainedAdjustment) int {
		if a.After(&b.Adjust) {
			return 1
		}
		return -1
	})
	return nil
}

func (x *explainer) journal() error {
	return x.v.journalOf(x.c.ID, func(r table.Row) bool {
		x.out.Journal = append(x.out.Journal, r)
		return true
	})
}
