package attribution

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tributary-data/tributary/event"
)

// validTouchTypes are the kinds of touches that a path can hold.
var validTouchTypes = []string{"click", "impression", "visit"}

// maxConfigWindow is the longest lookback and the longest window for orders and
// adjustments: the state keeps a conversion's surroundings for that long.
const maxConfigWindow = event.Duration(90 * event.Day)

// maxConfigHalfLife keeps the exponent of time decay inside its fixed point.
const maxConfigHalfLife = event.Duration(3650 * event.Day)

// Bounds of max_touches: two, so that a path keeps its first and its last
// touch; a thousand, because all models run for every conversion.
const minConfigTouches, maxConfigTouches = 2, 1000

// Validate lists what is wrong. Each error begins with its key, relative to the
// section, and a colon.
func (c Config) Validate() []error {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	window := func(key string, d event.Duration) {
		if d < 0 || d > maxConfigWindow {
			fault("%s: is %v; it must lie between 0 and %v", key, d, maxConfigWindow)
		}
	}
	window("lookback.click", c.Lookback.Click)
	window("lookback.impression", c.Lookback.Impression)
	window("lookback.visit", c.Lookback.Visit)
	if c.HalfLife <= 0 || c.HalfLife > maxConfigHalfLife {
		fault("half_life: is %v; it must be more than 0 and at most %v", c.HalfLife, maxConfigHalfLife)
	}
	if len(c.TouchTypes) == 0 {
		fault("touch_types: is empty; without a type nothing is ever credited: give some of %s", strings.Join(validTouchTypes, ", "))
	}
	for i, t := range c.TouchTypes {
		switch {
		case !slices.Contains(validTouchTypes, t):
			fault("touch_types: %q is not a type of touch; they are %s", t, strings.Join(validTouchTypes, ", "))
		case slices.Contains(c.TouchTypes[:i], t):
			fault("touch_types: %q stands there twice", t)
		}
	}
	if c.MaxTouches < minConfigTouches || c.MaxTouches > maxConfigTouches {
		fault("max_touches: is %d; it must lie between %d and %d", c.MaxTouches, minConfigTouches, maxConfigTouches)
	}
	window("order_window", c.OrderWindow)
	window("adjustment_window", c.AdjustmentWindow)
	return faults
}
