package pipeline

import "github.com/tributary-data/tributary/event"

// Counts are the totals since the state was made.
type Counts struct {
	Records     int64 // well-formed and not
	Impressions int64 // applied, like the following
	Clicks      int64
	Conversions int64
	Behavioural int64
	Adjustments int64
	Identifies  int64

	Duplicates     int64 // repeats that were not applied
	Conflicts      int64 // of these, with other content
	Late           int64 // at or behind the watermark
	TooLate        int64 // of these, not applied
	BadAdjustments int64
	DeadLetters    map[event.Code]int64
}

func (c *Counts) add(o *Counts) {
	c.Impressions += o.Impressions
	c.Clicks += o.Clicks
	c.Conversions += o.Conversions
	c.Behavioural += o.Behavioural
	c.Adjustments += o.Adjustments
	c.Identifies += o.Identifies
	c.Duplicates += o.Duplicates
	c.Conflicts += o.Conflicts
	c.BadAdjustments += o.BadAdjustments
}

// clone copies the counts for a reader.
func (c *Counts) clone() Counts {
	out := *c
	out.DeadLetters = make(map[event.Code]int64, len(c.DeadLetters)+1)
	for k, v := range c.DeadLetters {
		out.DeadLetters[k] = v
	}
	if c.BadAdjustments != 0 {
		out.DeadLetters[event.BadAdjustment] = c.BadAdjustments
	} else {
		delete(out.DeadLetters, event.BadAdjustment)
	}
	return out
}
