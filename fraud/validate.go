package fraud

import (
	"fmt"
	"slices"

	"github.com/tributary-data/tributary/event"
)

// The greatest settings of rules. What a rule looks back at is kept in memory
// per key, so its windows are short and its counts are bounded.
const (
	maxConfigWithin = event.Duration(event.Minute)
	maxConfigBelow  = event.Duration(event.Hour)
	maxConfigCount  = 100_000
)

// Validate lists what is wrong. Each error begins with its key, relative to the
// section, and a colon. Whether the list files can be read is checked where
// they are loaded.
func (c Config) Validate() []error {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	r := c.Rules
	modes := []Mode{
		r.BotUserAgent.Mode, r.BlockedIP.Mode, r.DatacenterIP.Mode, r.DuplicateClick.Mode, r.ClickRatePerson.Mode,
		r.ClickRateIP.Mode, r.ClickRateIPAny.Mode, r.FastClick.Mode, r.FastConversion.Mode, r.MLScore.Mode,
	}
	for i, m := range modes {
		if m != "" && m != Off && m != Shadow && m != Enforce {
			fault("rules.%v.mode: %q is not a mode; they are off, shadow, enforce", event.Reason(i), m)
		}
	}
	count := func(key string, n int) {
		if n < 1 || n > maxConfigCount {
			fault("rules.%s: is %d; it must lie between 1 and %d (mode: off turns a rule off)", key, n, maxConfigCount)
		}
	}
	span := func(key string, d, least, most event.Duration) {
		if d < least || d > most {
			fault("rules.%s: is %v; it must lie between %v and %v (mode: off turns a rule off)", key, d, least, most)
		}
	}
	span("duplicate_click.within", r.DuplicateClick.Within, 0, maxConfigWithin)
	count("click_rate_person.per_minute", r.ClickRatePerson.PerMinute)
	count("click_rate_person.per_hour", r.ClickRatePerson.PerHour)
	count("click_rate_ip.per_minute", r.ClickRateIP.PerMinute)
	count("click_rate_ip_any.per_minute", r.ClickRateIPAny.PerMinute)
	span("fast_click.below", r.FastClick.Below, 1, maxConfigBelow)
	span("fast_conversion.below", r.FastConversion.Below, 1, maxConfigBelow)
	if slices.Contains(r.FastConversion.Conversions, "") {
		fault("rules.fast_conversion.conversions: holds an empty name")
	}
	// The comparison is turned round so that NaN is refused too.
	if t := r.MLScore.Threshold; !(t >= 0 && t <= 1) {
		fault("rules.ml_score.threshold: is %v; it must lie between 0 and 1", t)
	}
	return faults
}
