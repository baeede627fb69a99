package pipeline

import (
	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/history"
	"github.com/tributary-data/tributary/state"
	"github.com/tributary-data/tributary/table"
)

// PathOf is a conversion with its touches and what one model gives to each.
type PathOf struct {
	Row     table.Row // of table.Conversions
	Counted bool      // it carries value and credit
	Touches []event.Touch
	Credits []event.Credit // of the model, by position; touches without credit have none
}

// Paths visits the conversions of [from, to) in order of time with their paths
// under one model. What fn gets is its own only until it returns.
func (v *View) Paths(model string, from, to event.Millis, fn func(*PathOf) bool) error {
	var p PathOf
	var credits creditBuffer
	return v.byTime(state.ConvTimes, from, to, func(k []byte) (bool, error) {
		c, err := v.conversionAt(string(k[9:]), state.Time(k[1:]))
		if c == nil || err != nil {
			return err == nil, err
		}
		v.pathOf(c, model, &credits, &p)
		return fn(&p), nil
	})
}

// PathByID is the path of one conversion; nil when there is none.
func (v *View) PathByID(id, model string) (*PathOf, error) {
	c, err := v.conversion(id)
	if c == nil || err != nil {
		return nil, err
	}
	p := &PathOf{}
	v.pathOf(c, model, &creditBuffer{}, p)
	return p, nil
}

func (v *View) pathOf(c *history.Conversion, model string, credits *creditBuffer, p *PathOf) {
	p.Row, p.Counted, p.Touches, p.Credits = conversionRow(c, v.Watermark), c.Counted(), c.Touches, p.Credits[:0]
	for _, x := range credits.of(&v.e.cfg.Attribution, c) {
		if x.Model == model {
			p.Credits = append(p.Credits, x.Credit)
		}
	}
}
