package pipeline

import "github.com/tributary-data/tributary/event"

// clockInput is one input to the watermark.
type clockInput struct {
	max   event.Millis // greatest input time seen
	begun bool
	out   bool // finished or idle: it holds nothing up
}

// Clock is the watermark over a set of inputs: the minimum of what each has
// reached less the allowed disorder, over those that have begun and are neither
// finished nor idle. It never goes back.
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
		if in := &c.inputs[i]; in.begun && !in.out {
			low, held = min(low, in.max), true
		}
	}
	if held {
		c.watermark = max(c.watermark, low-c.disorder-1)
	}
}
