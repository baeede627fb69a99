package generate

import (
	"bufio"
	"cmp"
	"encoding/json"
	"slices"
	"strconv"

	"github.com/tributary-data/tributary/event"
)

// Summary is truth/summary.json: counts and exact sums of a run. Spend and
// value count every well-formed record once: repeats of a record and orders
// sent twice are left out, invalid traffic is in.
type Summary struct {
	Seed        uint64                  `json:"seed"`
	Start       string                  `json:"start"`
	End         string                  `json:"end"` // arrival of the last record
	Records     int64                   `json:"records"`
	Malformed   map[event.Code]int64    `json:"malformed"`
	Repeats     int64                   `json:"repeats"`       // records sent again
	OrderRepeat int64                   `json:"order_repeats"` // orders sent again under another event id
	Late        int64                   `json:"late"`          // arrived more than 15 s after their time
	People      int                     `json:"people"`
	Journeys    int64                   `json:"journeys"` // people with a touch or a conversion
	Types       map[string]int64        `json:"types"`    // well-formed and no repeats
	Labels      map[string]LabelSummary `json:"labels"`
	SpendMicros map[string]int64        `json:"spend_micros"` // by currency
	ValueMicros map[string]int64        `json:"value_micros"` // by currency, before refunds
	Files       map[string]int64        `json:"files"`        // lines
}

// LabelSummary is the part of one label.
type LabelSummary struct {
	Impressions int64            `json:"impressions"`
	Clicks      int64            `json:"clicks"`
	Conversions int64            `json:"conversions"`
	Others      int64            `json:"others"`
	SpendMicros map[string]int64 `json:"spend_micros"`
	ValueMicros map[string]int64 `json:"value_micros"`
}

// lateAfter is where a record counts as late: the out-of-orderness that the
// product allows by default.
const lateAfter = 15 * event.Second

func (s *Summary) add(r *record) {
	s.Records++
	s.Files[r.topic+".ndjson"]++
	if r.malformed != "" {
		s.Malformed[r.malformed]++
		return
	}
	if r.arrival-r.time > lateAfter {
		s.Late++
	}
	if r.first != nil {
		s.Repeats++
		return
	}
	s.Types[r.typ]++
	l, ok := s.Labels[r.label]
	if !ok {
		l = LabelSummary{SpendMicros: map[string]int64{}, ValueMicros: map[string]int64{}}
	}
	switch {
	case r.typ == "impression":
		l.Impressions++
	case r.typ == "click":
		l.Clicks++
	case r.typ == "conversion":
		l.Conversions++
	default:
		l.Others++
	}
	switch {
	case r.orderOf != "":
		s.OrderRepeat++
	case r.typ == "conversion":
		s.ValueMicros[r.currency] += r.amount
		l.ValueMicros[r.currency] += r.amount
	case r.typ == "impression" || r.typ == "click":
		s.SpendMicros[r.currency] += r.amount
		l.SpendMicros[r.currency] += r.amount
	}
	s.Labels[r.label] = l
}

// appendTruth appends what is true of a record that was written.
func appendTruth(b []byte, r *record) []byte {
	text := func(name, value string) {
		b = append(b, name...)
		b = append(b, value...)
		b = append(b, '"')
	}
	text(`{"position":"`, r.topic)
	b = append(b[:len(b)-1], ".ndjson:"...)
	b = strconv.AppendInt(b, r.line, 10)
	text(`","event_id":"`, r.id)
	text(`,"type":"`, r.typ)
	text(`,"label":"`, r.label)
	if r.first != nil {
		text(`,"duplicate_of":"`, r.topic)
		b = append(b[:len(b)-1], ".ndjson:"...)
		b = strconv.AppendInt(b, r.first.line, 10)
		b = append(b, '"')
	}
	if r.orderOf != "" {
		text(`,"order_repeat_of":"`, r.orderOf)
	}
	if late := r.arrival - r.time; late > lateAfter {
		b = append(b, `,"late_by_ms":`...)
		b = strconv.AppendInt(b, int64(late), 10)
	}
	if r.malformed != "" {
		text(`,"malformed":"`, string(r.malformed))
	}
	return append(b, '}', '\n')
}

// Journey is a line of truth/journeys.ndjson: a person whom the product cannot
// know as well as the simulation does.
type Journey struct {
	AnonymousID string   `json:"anonymous_id"`
	UserID      string   `json:"user_id"` // empty if never logged in
	Linked      bool     `json:"linked"`  // whether an identify says that they are one
	Label       string   `json:"label"`
	Touches     []Ref    `json:"touches"` // by (event_time, event_id)
	Conversions []Ref    `json:"conversions"`
	Refunds     []Refund `json:"refunds"`
}

// Ref names a record.
type Ref struct {
	EventID   string `json:"event_id"`
	Type      string `json:"type"`
	EventTime string `json:"event_time"`
}

// Refund is an adjustment and the conversion it is of.
type Refund struct {
	EventID string `json:"event_id"`
	Adjusts string `json:"adjusts"`
}

// end is the last record that was written.
type end struct {
	arrival event.Millis
	seq     uint64
}

func (e end) has(s sent) bool {
	return s.arrival < e.arrival || s.arrival == e.arrival && s.seq <= e.seq
}

// told is the journey up to the end; false when nothing of it is worth telling.
func (j *journey) told(e end) (Journey, bool) {
	out := Journey{AnonymousID: j.dev.anon, UserID: j.dev.user, Label: j.label, Refunds: []Refund{}}
	refs := func(list []sent) []Ref {
		list = slices.DeleteFunc(slices.Clone(list), func(s sent) bool { return !e.has(s) })
		slices.SortFunc(list, func(a, b sent) int {
			return cmp.Or(cmp.Compare(a.time, b.time), cmp.Compare(a.id, b.id))
		})
		refs := make([]Ref, 0, len(list))
		for _, s := range list {
			refs = append(refs, Ref{s.id, s.typ, s.time.String()})
		}
		return refs
	}
	out.Touches, out.Conversions = refs(j.truth.touches), refs(j.truth.conversions)
	out.Linked = len(refs(j.truth.identifies)) > 0
	for _, s := range j.truth.refunds {
		if e.has(s) {
			out.Refunds = append(out.Refunds, Refund{s.id, s.adjusts})
		}
	}
	return out, len(out.Touches)+len(out.Conversions) > 0
}

// tell writes the journey.
func (j *journey) tell(w *bufio.Writer, e end) (bool, error) {
	out, ok := j.told(e)
	if !ok {
		return false, nil
	}
	line, err := json.Marshal(out)
	if err != nil {
		return false, err
	}
	_, err = w.Write(append(line, '\n'))
	return true, err
}
