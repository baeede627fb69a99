package pipeline

import (
	"strings"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/history"
)

// Paths that are full hold the first touch and the latest ones. A touch that
// comes late and falls between these is left out: all that changes is how many
// were. A busy person has many such touches, each for many conversions, so this
// is known without reading the conversion, and written without its path.

// pathEnds remembers, for conversions with full paths, between which touches one
// is left out. Bounded: when both generations are full the older is forgotten,
// and its conversions are read again. Owned by one shard.
type pathEnds struct{ now, old map[conversionKey]*gap }

// gap lies between the first touch of a full path and the earliest of its latest.
type gap struct{ after, before event.Ref }

// maxGaps bounds a generation: about 16 MB.
const maxGaps = 64 << 10

// note remembers the path of a conversion as it is stored from now on.
func (x *pathEnds) note(c *history.Conversion, most int) {
	k := conversionKey{c.ID, c.Time}
	if !c.Counted() || len(c.Touches) != most || most < 2 {
		x.forget(k)
		return
	}
	after, before := c.Touches[0].Ref(), c.Touches[1].Ref()
	if g := x.find(k); g != nil && g.after == after && g.before == before {
		return
	}
	if len(x.now) >= maxGaps {
		x.old, x.now = x.now, nil
	}
	if x.now == nil {
		x.now = map[conversionKey]*gap{}
	}
	k.id = strings.Clone(k.id)
	x.now[k] = &gap{ownRef(after), ownRef(before)}
}

// ownRef copies the texts, which are parts of greater ones.
func ownRef(r event.Ref) event.Ref {
	r.ID, r.Person, r.Type = strings.Clone(r.ID), strings.Clone(r.Person), strings.Clone(r.Type)
	return r
}

func (x *pathEnds) find(k conversionKey) *gap {
	if g := x.now[k]; g != nil {
		return g
	}
	return x.old[k]
}

func (x *pathEnds) forget(k conversionKey) {
	delete(x.now, k)
	delete(x.old, k)
}

// leftOut is what a tick found to be left out of a conversion's path.
type leftOut struct {
	touches []event.Touch
	cause   cause
}

// leavesOut notes what the tick has for a conversion, where all of it is touches
// that are left out of its path; false where it must be read.
func (s *shard) leavesOut(p *person, k conversionKey) bool {
	if p.conversions[k] != nil {
		return false
	}
	g := s.ends.find(k)
	if g == nil {
		return false
	}
	var x leftOut
	for i := range p.spans {
		sp := &p.spans[i]
		if k.time < sp.from || k.time > sp.to {
			continue
		}
		r := sp.added.Ref()
		if r.ID == "" || g.after.Compare(r) >= 0 || r.Compare(g.before) >= 0 {
			return false
		}
		x.touches = append(x.touches, sp.added)
		x.cause = x.cause.latest(sp.cause)
	}
	if p.leftOut == nil {
		p.leftOut = map[conversionKey]*leftOut{}
	}
	p.leftOut[k] = &x
	return true
}

// takeLeftOut hands what was noted to a conversion that is read after all.
func (p *person) takeLeftOut(k conversionKey, w *conversionWork) {
	x := p.leftOut[k]
	if x == nil {
		return
	}
	delete(p.leftOut, k)
	w.added = append(w.added, x.touches...)
	w.cause = w.cause.latest(x.cause)
}

// writeLeftOut counts what is still noted.
func (s *shard) writeLeftOut(p *person) {
	for k, x := range p.leftOut {
		s.key = history.ConversionKey(s.key[:0], k.id, k.time)
		s.writes.Merge(s.key, history.ConversionChange(s.e.rev, false, x.cause.watermark >= k.time, 0, uint32(len(x.touches))))
		s.changed(s.key)
	}
}
