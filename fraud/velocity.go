package fraud

import (
	"encoding/binary"

	"github.com/tributary-data/tributary/event"
)

// Window is a limit on how many events of one key may lie in a span of event
// time that ends with the event judged, both ends included.
type Window struct {
	Span  event.Millis
	Limit int
}

// Reach is how many neighbours on either side decide on an event: a list that
// was changed at one place needs judging only that far behind it, since an
// event with more than Limit events between it and the change was over the
// limit before.
func Reach(windows []Window) int {
	n := 0
	for _, w := range windows {
		n = max(n, w.Limit)
	}
	return n
}

// Over says whether the event at position i of a key's events, in order,
// exceeds a window: more than Limit events, itself included, not after it.
// times must reach back Reach events, or to the first of the key.
func Over(windows []Window, times []event.Millis, i int) bool {
	for _, w := range windows {
		if i >= w.Limit && times[i]-times[i-w.Limit] <= w.Span {
			return true
		}
	}
	return false
}

// A ClickRule is a rule of tier 2 that counts clicks of one key.
type ClickRule struct {
	Reason  event.Reason
	Windows []Window
	// AppendKey appends the click's key, and says no when a part of it is empty.
	AppendKey func(b []byte, e *event.Event) ([]byte, bool)
}

// ClickRules are the counting rules that are on.
func (r Rules) ClickRules() []ClickRule {
	minute := func(n int) []Window { return []Window{{event.Minute, n}} }
	all := []ClickRule{
		{event.DuplicateClick, []Window{{r.DuplicateClick.Within.Millis(), 1}}, creativeKey},
		{event.ClickRatePerson, []Window{{event.Minute, r.ClickRatePerson.PerMinute}, {event.Hour, r.ClickRatePerson.PerHour}}, personKey},
		{event.ClickRateIP, minute(r.ClickRateIP.PerMinute), deviceKey},
		{event.ClickRateIPAny, minute(r.ClickRateIPAny.PerMinute), addressKey},
	}
	modes := r.Modes()
	on := all[:0]
	for _, rule := range all {
		if modes[rule.Reason] != Off {
			on = append(on, rule)
		}
	}
	return on
}

func creativeKey(b []byte, e *event.Event) ([]byte, bool) {
	if e.Person == "" || e.Campaign == "" || e.Creative == "" {
		return b, false
	}
	return parts(append(b, 'd'), e.Person, e.Campaign, e.Creative), true
}

func personKey(b []byte, e *event.Event) ([]byte, bool) {
	if e.Person == "" || e.Campaign == "" {
		return b, false
	}
	return parts(append(b, 'p'), e.Person, e.Campaign), true
}

func deviceKey(b []byte, e *event.Event) ([]byte, bool) {
	if !e.IP.IsValid() || e.UserAgent == "" || e.Campaign == "" {
		return b, false
	}
	return parts(appendAddress(append(b, 'i'), e), e.UserAgent, e.Campaign), true
}

func addressKey(b []byte, e *event.Event) ([]byte, bool) {
	if !e.IP.IsValid() {
		return b, false
	}
	return appendAddress(append(b, 'a'), e), true
}

// appendAddress appends an IPv4 address, or the /64 of an IPv6 one.
func appendAddress(b []byte, e *event.Event) []byte {
	if e.IP.Is4() {
		a := e.IP.As4()
		return append(append(b, '4'), a[:]...)
	}
	a := e.IP.As16()
	return append(append(b, '6'), a[:8]...)
}

func parts(b []byte, names ...string) []byte {
	for _, s := range names {
		b = binary.BigEndian.AppendUint32(b, uint32(len(s)))
		b = append(b, s...)
	}
	return b
}
