package sessionize

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tributary-data/tributary/event"
)

// validTypes are the kinds of events that can make a session.
var validTypes = []string{"click", "conversion", "behavioural"}

// maxConfigGap bounds how far a late event may reach into a person's history.
const maxConfigGap = event.Duration(7 * event.Day)

// Validate lists what is wrong. Each error begins with its key, relative to the
// section, and a colon.
func (c Config) Validate() []error {
	var faults []error
	if c.Gap <= 0 || c.Gap > maxConfigGap {
		faults = append(faults, fmt.Errorf("gap: is %v; it must be more than 0 and at most %v", c.Gap, maxConfigGap))
	}
	if len(c.Types) == 0 {
		faults = append(faults, fmt.Errorf("types: is empty; without a type there are no sessions: give some of %s", strings.Join(validTypes, ", ")))
	}
	for i, t := range c.Types {
		switch {
		case !slices.Contains(validTypes, t):
			faults = append(faults, fmt.Errorf("types: %q is not a type of session event; they are %s", t, strings.Join(validTypes, ", ")))
		case slices.Contains(c.Types[:i], t):
			faults = append(faults, fmt.Errorf("types: %q stands there twice", t))
		}
	}
	return faults
}
