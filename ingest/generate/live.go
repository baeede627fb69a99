package generate

import "github.com/tributary-data/tributary/event"

// LiveOptions describe the demo's traffic.
type LiveOptions struct {
	Seed        uint64
	Rate        float64      // mean records a second from Start on [50]
	HistoryRate float64      // mean records a second before it [5]
	History     event.Millis // how long before Start the world begins [26 h]
	Fraud       float64      // share of the clicks that are of attacks [0.08]
	Start       event.Millis // when real time begins
}

// Live is the world of Write in real time; it never ends. One goroutine uses it.
type Live struct {
	opt LiveOptions
	w   *world
}

// Item is one record: its topic, which implies the file or Kafka topic, and
// its bytes, which the caller owns.
type Item struct {
	Topic   string
	Raw     []byte
	Arrival event.Millis
}

// NewLive begins the world at Start - History. The first calls of Next catch
// up with Start; whoever wants them in pieces asks for an hour at a time.
func NewLive(opt LiveOptions) *Live {
	if opt.Rate <= 0 {
		opt.Rate = 50
	}
	if opt.HistoryRate <= 0 {
		opt.HistoryRate = 5
	}
	if opt.History <= 0 {
		opt.History = 26 * event.Hour
	}
	if opt.Fraud == 0 {
		opt.Fraud = 0.08
	}
	l := &Live{opt: opt}
	l.w = newWorld(opt.Seed, opt.Start-opt.History, max(opt.Fraud, 0), func(t event.Millis) float64 {
		if t < opt.Start {
			return opt.HistoryRate / 1000
		}
		return opt.Rate / 1000
	})
	l.w.pace = livePace
	return l
}

// livePace makes people come back within the hour or two that a demo is
// watched, so that its paths have several touches.
const livePace = 0.1

// Begin is when the history begins.
func (l *Live) Begin() event.Millis { return l.opt.Start - l.opt.History }

// Next gives the records that have arrived since the call before, up to and
// including until, in the order of their arrival.
func (l *Live) Next(until event.Millis) []Item {
	var out []Item
	for rec := l.w.next(until); rec != nil; rec = l.w.next(until) {
		out = append(out, Item{rec.topic, rec.raw, rec.arrival})
		rec.raw = nil
	}
	return out
}

// Campaign is one of the simulated campaigns, for budgets and names.
type Campaign struct {
	ID, Source, Medium, Currency string
	AdGroups, Publishers         []string
}

// Campaigns lists them.
func Campaigns() []Campaign {
	var out []Campaign
	for _, c := range campaigns {
		out = append(out, Campaign{c.id, c.source, c.medium, c.currency, c.groups, c.publishers})
	}
	return out
}
