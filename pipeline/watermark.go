package pipeline

import "github.com/tributary-data/tributary/event"

// clockInput is one input to the watermark.
type clockInput struct {
	max   event.Millis // greatest input time seen
	begun bool
	out   bool // finished or idle: it holds nothing up
	holds bool // also before its first record
}

// Clock is the watermark over a set of inputs: the minimum of what each has
// reached less the allowed disorder, over those that are neither finished nor
// idle. One that has not begun is left out, unless it was added as one that
// holds: then the watermark stays where it is until it begins or leaves. It
// never goes back.
type Clock struct {
	disorder  event.Millis
	inputs    []clockInput
	watermark event.Millis
}

// NewClock begins with n inputs that have not begun, at a watermark.
func NewClock(outOfOrderness event.Duration, n int, watermark event.Millis) *Clock {
	return &Clock{disorder: outOfOrderness.Millis(), inputs: make([]clockInput, n), watermark: watermark}
}

// Watermark now.
func (c *Clock) Watermark() event.Millis { return c.watermark }

// Reached is how far one input has come by itself; NoTime before it begins.
func (c *Clock) Reached(i int) event.Millis {
	in := &c.inputs[i]
	if !in.begun {
		return event.NoTime
	}
	return in.max - c.disorder - 1
}

// Out says whether an input is finished or idle.
func (c *Clock) Out(i int) bool { return c.inputs[i].out }

// Seen notes a record of input i with the given input time. It also ends the
// input's idleness: it holds the watermark again, which still never goes back.
func (c *Clock) Seen(i int, t event.Millis) {
	in := &c.inputs[i]
	fresh := !in.begun || in.out
	in.begun, in.out = true, false
	if t > in.max || fresh && in.max == 0 {
		in.max = max(in.max, t)
		c.advance()
	} else if fresh {
		c.advance()
	}
}

// Add adds an input that has not begun, and gives its number.
func (c *Clock) Add(holds bool) int {
	c.inputs = append(c.inputs, clockInput{holds: holds})
	return len(c.inputs) - 1
}

// Restore puts an input where it was before a restart. The watermark, which
// was restored by itself, does not move before the next record: others may not
// be back yet.
func (c *Clock) Restore(i int, t event.Millis) {
	c.inputs[i].max, c.inputs[i].begun = t, true
}

// Hold ends the idleness of an input from which nothing has come: it lags or
// cannot be reached, so what it holds may be older than what others have shown.
func (c *Clock) Hold(i int) { c.inputs[i].out = false }

// Leave takes an input out of the minimum: it is finished, or idle until its
// next record.
func (c *Clock) Leave(i int) {
	c.inputs[i].out = true
	c.advance()
}

// advance finds the minimum anew. When no input holds the watermark it stays.
func (c *Clock) advance() {
	low, held := event.EndOfTime, false
	for i := range c.inputs {
		switch in := &c.inputs[i]; {
		case in.out:
		case in.begun:
			low, held = min(low, in.max), true
		case in.holds:
			return
		}
	}
	if held {
		c.watermark = max(c.watermark, low-c.disorder-1)
	}
}
