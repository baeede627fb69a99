// Package oracle is the slow, obvious model of the product: every rule of the
// contract applied to the whole history at once, by sorting and scanning, with
// exact fractions. The tests compare the engine with it to the micro.
//
// It shares with the product the words (event), the shapes of the tables
// (table) and the structs of configuration, and no rule: what is decided here
// is decided from the contract alone, or a misreading would agree with itself.
//
// Invariants:
//  1. A Result depends on its arguments only; events given are not changed.
//  2. No float decides anything.
//  3. Nothing is kept between two runs, so a run over a prefix is the state of
//     the product after that prefix.
package oracle

import (
	"encoding/base64"
	"slices"
	"unicode/utf8"

	"github.com/tributary-data/tributary/attribution"
	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/fraud"
	"github.com/tributary-data/tributary/sessionize"
	"github.com/tributary-data/tributary/table"
)

// Lateness is how long after the watermark an event is still applied. Its
// fields are those of the pipeline's own struct, so that one converts to the
// other.
type Lateness struct {
	Impression  event.Duration
	Click       event.Duration
	Conversion  event.Duration
	Adjustment  event.Duration
	Identify    event.Duration
	Behavioural event.Duration
}

func (l Lateness) of(k event.Kind) event.Millis {
	switch k {
	case event.Impression:
		return l.Impression.Millis()
	case event.Click:
		return l.Click.Millis()
	case event.Conversion:
		return l.Conversion.Millis()
	case event.Adjustment:
		return l.Adjustment.Millis()
	case event.Identify:
		return l.Identify.Millis()
	}
	return l.Behavioural.Millis()
}

// Config is all that decides what the tables say.
type Config struct {
	OutOfOrderness event.Duration
	Lateness       Lateness
	NoLateness     bool // nothing is too late
	Sessions       sessionize.Config
	Attribution    attribution.Config
	Fraud          fraud.Config // the rules; lists have been applied to the events already
}

// DefaultConfig is the contract's.
func DefaultConfig() Config {
	h, d := event.Duration(event.Hour), event.Duration(event.Day)
	return Config{
		OutOfOrderness: event.Duration(15 * event.Second),
		Lateness:       Lateness{Impression: h, Click: d, Conversion: 7 * d, Adjustment: 7 * d, Identify: 7 * d, Behavioural: h},
		Sessions:       sessionize.DefaultConfig(),
		Attribution:    attribution.DefaultConfig(),
		Fraud:          fraud.DefaultConfig(),
	}
}

// Judged is a record in order of arrival with the watermark that stood before
// it; event.NoTime when there was none yet.
type Judged struct {
	Input     int
	Rec       event.Record
	Watermark event.Millis
}

// Result is what the contract says of a history that has ended.
type Result struct {
	// Tables holds every table of the contract, sorted by key; credit_journal
	// and triggers are empty.
	Tables map[string][]table.Row

	Applied    int // records that count
	Duplicates int // records that repeat one that counts
	Conflicts  int // of the duplicates: those with other content
	TooLate    int
	Dead       int // as received; adjustments that found no target are not in it
}

// rememberIDs is how far apart two conversions, adjustments or identifies of
// one id may lie to be the same.
const rememberIDs = 90 * event.Day

// ev is an accepted event and what was found out about it.
type ev struct {
	event.Event
	enforced []event.Reason // that apply, of rules that decide
	shadow   []event.Reason // that apply, of rules that only report
	verdict  event.Verdict
	tier     int

	session  *session     // that the event is part of
	adjusted string       // of a conversion
	value    event.Micros // of a conversion, after verdict and adjustment
	path     []touch      // of a conversion that has credits
	dropped  int
}

func (e *ev) net() bool { return e.verdict == event.Valid || e.verdict == event.Undecided }

func (e *ev) invalid() bool { return e.verdict == event.GIVT || e.verdict == event.SIVT }

// model is a history in the course of being worked out.
type model struct {
	cfg    Config
	events []*ev // accepted, in order of arrival, then sorted
	result *Result
}

// Run applies the records in their order and works out every table. All
// statuses are "final"; see RunWithStatus.
func Run(cfg Config, judged []Judged) *Result {
	m := &model{cfg: cfg, result: &Result{Tables: map[string][]table.Row{}}}
	for _, t := range table.All {
		m.result.Tables[t.Name] = []table.Row{}
	}
	for _, j := range judged {
		m.arrive(j)
	}
	m.replaceReusedIDs()
	slices.SortFunc(m.events, func(a, b *ev) int { return a.Ref().Compare(b.Ref()) })

	m.judge()
	m.markOrderDuplicates()
	sessions := m.sessions()
	m.adjust()
	m.attribute()

	m.tabulateDelivery()
	m.tabulateVerdicts()
	m.tabulateSessions(sessions)
	m.tabulateConversions()
	for _, t := range table.All {
		slices.SortStableFunc(m.result.Tables[t.Name], t.Compare)
	}
	return m.result
}

// arrive decides whether a record is applied.
func (m *model) arrive(j Judged) {
	if j.Rec.Dead != nil {
		m.result.Dead++
		m.add(table.DeadLetters, deadRow(*j.Rec.Dead))
		return
	}
	e := j.Rec.Event
	tooLate := !m.cfg.NoLateness && e.Time.Add(m.cfg.Lateness.of(e.Kind)) <= j.Watermark
	// Conversions, adjustments and identifies are remembered for longer than
	// they may be late, so there a repeat is a repeat before it is too late.
	if hasUniqueID(e.Kind) && m.repeats(e) {
		return
	}
	if tooLate {
		m.result.TooLate++
		m.add(table.LateEvents, table.Row{
			table.T(e.ID), table.At(e.Time), table.T(e.Pos.String()), table.T(e.Type),
			table.At(j.Watermark), table.I(int64(j.Watermark - e.Time)), table.T(payload(e.Raw)),
		})
		return
	}
	if m.repeats(e) {
		return
	}
	m.result.Applied++
	m.events = append(m.events, &ev{Event: e})
}

// repeats counts e as a duplicate when it is one.
func (m *model) repeats(e event.Event) bool {
	for _, o := range m.events {
		if o.Kind != e.Kind || o.Type != e.Type || o.ID != e.ID {
			continue
		}
		same := o.Person == e.Person && o.Time == e.Time
		if hasUniqueID(e.Kind) {
			same = abs(o.Time-e.Time) <= rememberIDs
		}
		if same {
			m.result.Duplicates++
			if !sameContent(o.Event, e) {
				m.result.Conflicts++
			}
			return true
		}
	}
	return false
}

// replaceReusedIDs drops each conversion whose id was used again more than 90
// days later: the row is the later one's, and no table knows the earlier one.
func (m *model) replaceReusedIDs() {
	kept := m.events[:0:0]
	for _, e := range m.events {
		replaced := e.Kind == event.Conversion && slices.ContainsFunc(m.events, func(o *ev) bool {
			return o.Kind == event.Conversion && o.ID == e.ID && o.Time > e.Time
		})
		if !replaced {
			kept = append(kept, e)
		}
	}
	m.events = kept
}

func (m *model) add(t *table.Table, row table.Row) {
	m.result.Tables[t.Name] = append(m.result.Tables[t.Name], row)
}

// of gives the accepted events of a kind, in order.
func (m *model) of(kinds ...event.Kind) []*ev {
	var out []*ev
	for _, e := range m.events {
		if slices.Contains(kinds, e.Kind) {
			out = append(out, e)
		}
	}
	return out
}

func hasUniqueID(k event.Kind) bool {
	return k == event.Conversion || k == event.Adjustment || k == event.Identify
}

// sameContent leaves out where and how the record was written.
func sameContent(a, b event.Event) bool {
	return a.Ref() == b.Ref() && a.UserID == b.UserID && a.AnonymousID == b.AnonymousID && a.Campaign == b.Campaign &&
		a.AdGroup == b.AdGroup && a.Creative == b.Creative && a.Publisher == b.Publisher && a.Country == b.Country &&
		a.Channel == b.Channel && a.IP == b.IP && a.UserAgent == b.UserAgent && a.Amount == b.Amount &&
		a.Currency == b.Currency && a.Name == b.Name && a.OrderID == b.OrderID && a.Adjusts == b.Adjusts &&
		a.Restate == b.Restate && slices.Equal(a.Experiments, b.Experiments)
}

func deadRow(d event.DeadLetter) table.Row {
	return table.Row{table.T(d.Pos.String()), table.T(string(d.Code)), table.T(d.Message), table.T(payload(d.Raw))}
}

// payload shows the bytes of a record as text.
func payload(raw []byte) string {
	if utf8.Valid(raw) {
		return string(raw)
	}
	return "base64:" + base64.StdEncoding.EncodeToString(raw)
}

func abs(d event.Millis) event.Millis {
	if d < 0 {
		return -d
	}
	return d
}
