package attribution

import (
	"slices"

	"github.com/tributary-data/tributary/event"
)

// AbsorbWindow is how long before a click impressions of its creative are
// dropped, where click_absorbs_impression is on.
const AbsorbWindow = event.Hour

// VisitSuppression is how long before a visit a click of its campaign takes
// its place.
const VisitSuppression = 30 * event.Minute

// Path collects the touches of one conversion from any number of sources, in
// any order, and holds no more than a few times most of them.
type Path struct {
	most    int
	touches []event.Touch
	dropped int
}

// NewPath starts an empty path that keeps at most so many touches: the first and
// the latest.
func NewPath(most int) *Path { return &Path{most: most} }

// Add puts a touch on the path.
func (p *Path) Add(t event.Touch) {
	p.touches = append(p.touches, t)
	if len(p.touches) >= 4*p.most+64 {
		p.cut()
	}
}

// cut keeps the first touch and the latest most-1. What it drops could not come
// back: more touches only move it further from both ends.
func (p *Path) cut() {
	slices.SortFunc(p.touches, func(a, b event.Touch) int { return a.Ref().Compare(b.Ref()) })
	if over := len(p.touches) - p.most; over > 0 {
		p.touches = slices.Delete(p.touches, 1, 1+over)
		p.dropped += over
	}
}

// Leave counts touches that a caller left out itself, as it knew that they are
// neither the first nor among the latest.
func (p *Path) Leave(n int) { p.dropped += n }

// Insert puts a touch into a path that Touches returned before, and returns the
// path that it would return now.
func Insert(touches []event.Touch, dropped, most int, t event.Touch) ([]event.Touch, int) {
	i, _ := slices.BinarySearchFunc(touches, t, func(a, b event.Touch) int { return a.Ref().Compare(b.Ref()) })
	if len(touches) == most && i == 1 {
		return touches, dropped + 1 // it falls between the first and the latest
	}
	touches = slices.Insert(slices.Clone(touches), i, t)
	if len(touches) > most {
		touches, dropped = slices.Delete(touches, 1, 2), dropped+1
	}
	return touches, dropped
}

// Touches returns the path in order, and how many touches were left out.
func (p *Path) Touches() ([]event.Touch, int) {
	p.cut()
	return p.touches, p.dropped
}

// Clicks are the net clicks around a path by name, for the rules by which a
// click takes the place of an impression or a visit.
type Clicks map[string][]event.Millis

// Add notes a click; an empty name is no name.
func (c Clicks) Add(name string, t event.Millis) {
	if name != "" {
		c[name] = append(c[name], t)
	}
}

// Within says whether a click of the name lies in [from, to]. Times must have
// been added in any order; they are few.
func (c Clicks) Within(name string, from, to event.Millis) bool {
	if name == "" {
		return false
	}
	for _, t := range c[name] {
		if t >= from && t <= to {
			return true
		}
	}
	return false
}
