// Package event holds the words that cross the doors of the program: events,
// times, money, verdicts, touches. It imports nothing of ours, does no I/O and
// keeps no state.
//
// Invariants:
//  1. Money and weights are integers from the decoder to the sinks.
//  2. Times are integer milliseconds since the Unix epoch, UTC.
//  3. Strings of an Event may alias the buffer it was read from; whoever keeps
//     one for longer than its tick clones it.
package event

import (
	"cmp"
	"net/netip"
	"strings"
)

// Kind is what an event is to the pipeline. Every type that is not one of the
// five known ones is behavioural.
type Kind uint8

// The kinds, in no particular order; zero is no kind.
const (
	Impression Kind = iota + 1
	Click
	Conversion
	Identify
	Adjustment
	Behavioural
)

// KindOf gives the kind of an event type as sent.
func KindOf(typ string) Kind {
	switch typ {
	case "impression":
		return Impression
	case "click":
		return Click
	case "conversion":
		return Conversion
	case "identify":
		return Identify
	case "adjustment":
		return Adjustment
	}
	return Behavioural
}

// TypeName is the name of a known kind; a behavioural event carries its own.
func (k Kind) TypeName() string {
	switch k {
	case Impression:
		return "impression"
	case Click:
		return "click"
	case Conversion:
		return "conversion"
	case Identify:
		return "identify"
	case Adjustment:
		return "adjustment"
	case Behavioural:
		return "behavioural"
	}
	return ""
}

// Event is one well-formed record, after the rules of decoding: times are in
// milliseconds, money is exact, absent fields are zero, the channel is derived.
type Event struct {
	ID   string
	Kind Kind
	Type string // as sent or implied; for known kinds equal to Kind.TypeName()
	Time Millis

	// Person is "u:"+user id, else "a:"+anonymous id, else empty.
	Person      string
	UserID      string // without prefix; empty when absent or ignored
	AnonymousID string // likewise

	Campaign  string // campaign_id, else utm_id, else campaign
	AdGroup   string
	Creative  string
	Publisher string
	Country   string
	Channel   string // as sent, else derived; never empty on a decoded event

	IP        netip.Addr // zero when absent; IPv4 is never in its mapped form
	UserAgent string

	// Amount is the cost of an impression or click, the value of a conversion
	// or of a restating adjustment, else 0. Currency stands beside it and is
	// never empty, except on adjustments that do not say one.
	Amount   Micros
	Currency string

	Name    string // conversion_name
	OrderID string

	Adjusts string // of an adjustment: event id, else order id
	Restate bool   // of an adjustment: restate, else retract

	Experiments []Assignment

	// Lists are the tier 1 reasons found for the event by IP and User-Agent.
	Lists Reasons

	// Raw is the record as it was received; Pos is where.
	Raw []byte
	Pos Position
}

// Assignment is one experiment variant that an event was sent under.
type Assignment struct{ Experiment, Variant string }

// Position says where a record stood: a prefix that ends in its separator
// ("a.ndjson:", "clicks/3/", "http/8f14e45f/") and a number.
type Position struct {
	Prefix string
	N      int64
}

// String is the position as the tables show it.
func (p Position) String() string { return p.Prefix + itoa(p.N) }

func itoa(n int64) string {
	var b [20]byte
	i := len(b)
	neg := n < 0
	u := uint64(n)
	if neg {
		u = -u
	}
	for {
		i--
		b[i] = byte('0' + u%10)
		u /= 10
		if u == 0 {
			break
		}
	}
	if neg {
		i--
		b[i] = '-'
	}
	return string(b[i:])
}

// Code names why a record is a dead letter.
type Code string

// The codes, in the order in which they are tried.
const (
	TooLarge        Code = "too_large"
	Malformed       Code = "malformed"
	MissingField    Code = "missing_field"
	BadField        Code = "bad_field"
	BadTime         Code = "bad_time"
	BadMoney        Code = "bad_money"
	FutureEventTime Code = "future_event_time"
	BadAdjustment   Code = "bad_adjustment"
)

// DeadLetter is a record that breaks a rule. It changes nothing and is kept.
type DeadLetter struct {
	Pos     Position
	Code    Code
	Message string // what is wrong, where, and what to do
	Raw     []byte // the first MiB of a record that is too large
}

// Record is one input record: an event, or a dead letter when Dead is set.
type Record struct {
	Event Event
	Dead  *DeadLetter
}

// Ref orders events: by time, then id, then person, then type, strings
// bytewise. It is the identity of an impression, click or behavioural event.
type Ref struct {
	Time   Millis
	ID     string
	Person string
	Type   string
}

// Ref is the event's place in the order.
func (e *Event) Ref() Ref { return Ref{Time: e.Time, ID: e.ID, Person: e.Person, Type: e.Type} }

// Compare orders two events.
func (r Ref) Compare(o Ref) int {
	if c := cmp.Compare(r.Time, o.Time); c != 0 {
		return c
	}
	if c := strings.Compare(r.ID, o.ID); c != 0 {
		return c
	}
	if c := strings.Compare(r.Person, o.Person); c != 0 {
		return c
	}
	return strings.Compare(r.Type, o.Type)
}
