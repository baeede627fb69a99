package history

import (
	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/state"
)

// Run is what a path needs of a stretch of one person's clicks or impressions:
// the first net one, the latest ones, and how many there are in all.
type Run struct {
	First  *Event
	Latest []*Event // in order; First may be among them
	Total  int
}

// Touches reads a run: the net events of a kind in [from, to], of which it
// keeps the latest. It decodes only what it keeps, so that the many touches of
// a hot person cost no more than passing over them.
func (r *Reader) Touches(k event.Kind, person string, from, to event.Millis, keep int) (Run, error) {
	var run Run
	s, w := place(k)
	if r.kept == nil {
		r.kept = make([]record, 0, keep)
	}
	kept := r.kept[:0]
	var first record
	r.seek(s, w, person, from, to, func(key, value []byte) bool {
		if !valueIsNet(value) || event.Kind(value[1]) != k {
			return true
		}
		if run.Total == 0 {
			first.set(key, value)
		}
		if len(kept) < keep {
			if len(kept) < cap(kept) {
				kept = kept[:len(kept)+1]
			} else {
				kept = append(kept, record{})
			}
			kept[len(kept)-1].set(key, value)
		} else {
			kept[run.Total%keep].set(key, value)
		}
		run.Total++
		return true
	})
	r.kept = kept
	if err := r.it.Err(); err != nil || run.Total == 0 {
		return run, err
	}
	var err error
	if run.First, err = first.event(person); err != nil {
		return run, err
	}
	run.Latest = make([]*Event, 0, len(kept))
	for i := max(0, run.Total-keep); i < run.Total; i++ {
		e, err := kept[i%keep].event(person)
		if err != nil {
			return run, err
		}
		run.Latest = append(run.Latest, e)
	}
	return run, nil
}

// record is a copy of a key and a value whose buffers are used again.
type record struct{ key, value []byte }

func (c *record) set(key, value []byte) {
	c.key, c.value = append(c.key[:0], key...), append(c.value[:0], value...)
}

func (c *record) event(person string) (*Event, error) {
	e := &Event{}
	if err := parseKey(state.Space(c.key[0]), c.key, &e.Ref); err != nil {
		return nil, err
	}
	e.Person = person
	return e, e.Parse(c.value)
}
