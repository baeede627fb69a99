package event

import (
	"math/bits"
	"sort"
)

// Verdict is what an event is worth: gross counts all, net leaves out GIVT,
// SIVT and duplicates.
type Verdict uint8

// The verdicts.
const (
	Valid Verdict = iota
	GIVT          // general invalid traffic: lists and routine filters
	SIVT          // sophisticated invalid traffic: needs analysis
	Undecided
	Duplicate // of conversions: a repeated order
)

// String is the verdict as the tables show it.
func (v Verdict) String() string {
	return [...]string{"valid", "givt", "sivt", "undecided", "duplicate"}[v]
}

// Net says whether the event counts in net traffic.
func (v Verdict) Net() bool { return v == Valid || v == Undecided }

// Invalid says whether the event is GIVT or SIVT.
func (v Verdict) Invalid() bool { return v == GIVT || v == SIVT }

// Reason is a rule that found an event invalid.
type Reason uint8

// The reasons. Their numbers stand in the state: never renumber.
const (
	BotUserAgent Reason = iota
	BlockedIP
	DatacenterIP
	DuplicateClick
	ClickRatePerson
	ClickRateIP
	ClickRateIPAny
	FastClick
	FastConversion
	MLScore
	NumReasons
)

var reasonNames = [NumReasons]string{
	"bot_user_agent", "blocked_ip", "datacenter_ip", "duplicate_click", "click_rate_person",
	"click_rate_ip", "click_rate_ip_any", "fast_click", "fast_conversion", "ml_score",
}

// String is the reason's name in tables and configuration.
func (r Reason) String() string { return reasonNames[r] }

// ReasonByName finds a reason by its name.
func ReasonByName(name string) (Reason, bool) {
	for i, n := range reasonNames {
		if n == name {
			return Reason(i), true
		}
	}
	return 0, false
}

// Tier of a reason: 1 lists, 2 windows, 3 scores.
func (r Reason) Tier() int {
	switch {
	case r <= DatacenterIP:
		return 1
	case r <= FastConversion:
		return 2
	}
	return 3
}

// Verdict that the reason alone gives.
func (r Reason) Verdict() Verdict {
	switch r {
	case ClickRateIP, ClickRateIPAny, FastClick, FastConversion, MLScore:
		return SIVT
	}
	return GIVT
}

// Reasons is a set of reasons.
type Reasons uint16

// Set is the set of one reason.
func (r Reason) Set() Reasons { return 1 << r }

// Has says whether r is in the set.
func (s Reasons) Has(r Reason) bool { return s&(1<<r) != 0 }

// With is the set with r put in or taken out.
func (s Reasons) With(r Reason, in bool) Reasons {
	if in {
		return s | 1<<r
	}
	return s &^ (1 << r)
}

// Names are the names in the set, sorted bytewise; never nil.
func (s Reasons) Names() []string {
	names := make([]string, 0, bits.OnesCount16(uint16(s)))
	for r := range NumReasons {
		if s.Has(r) {
			names = append(names, r.String())
		}
	}
	sort.Strings(names)
	return names
}

// Decide gives the verdict of a set of enforced reasons and the tier that
// decided: the lowest tier counts, then GIVT before SIVT. Tier 0 means none.
func (s Reasons) Decide() (Verdict, int) {
	best, tier := Valid, 0
	for r := range NumReasons {
		if !s.Has(r) {
			continue
		}
		t, v := r.Tier(), r.Verdict()
		if tier == 0 || t < tier || t == tier && v < best {
			best, tier = v, t
		}
	}
	return best, tier
}
