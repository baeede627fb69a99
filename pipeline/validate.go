package pipeline

import (
	"fmt"

	"github.com/tributary-data/tributary/event"
)

// The greatest settings of time. Lateness is bounded by how long conversions
// are remembered; so is out_of_orderness, which holds every result back.
const (
	maxConfigDisorder = event.Duration(90 * event.Day)
	maxConfigIdle     = event.Duration(event.Day)
	maxConfigLateness = event.Duration(90 * event.Day)
)

// Validate lists what is wrong. Each error begins with its key, relative to the
// section `time`, and a colon.
func (c TimeConfig) Validate() []error {
	var faults []error
	span := func(key string, d, least, most event.Duration) {
		if d < least || d > most {
			faults = append(faults, fmt.Errorf("%s: is %v; it must lie between %v and %v", key, d, least, most))
		}
	}
	span("out_of_orderness", c.OutOfOrderness, 0, maxConfigDisorder)
	span("idle_after", c.IdleAfter, 1, maxConfigIdle)
	l := c.AllowedLateness
	span("allowed_lateness.impression", l.Impression, 0, maxConfigLateness)
	span("allowed_lateness.click", l.Click, 0, maxConfigLateness)
	span("allowed_lateness.conversion", l.Conversion, 0, maxConfigLateness)
	span("allowed_lateness.adjustment", l.Adjustment, 0, maxConfigLateness)
	span("allowed_lateness.identify", l.Identify, 0, maxConfigLateness)
	span("allowed_lateness.behavioural", l.Behavioural, 0, maxConfigLateness)
	return faults
}
