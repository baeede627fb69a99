package history

import (
	"encoding/binary"

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

// Times visits the times of all that lies beside the person's events of a kind
// from a time on, in order, and whether it is of the kind and net.
func (r *Reader) Times(k event.Kind, person string, from event.Millis, fn func(t event.Millis, net bool)) error {
	s, w := place(k)
	r.seek(s, w, person, from, 1<<52, func(key, value []byte) bool {
		at := 7 + len(person)
		bucket, off := binary.BigEndian.Uint32(key[1:]), binary.BigEndian.Uint32(key[at:])
		fn(event.Millis(bucket)*w+event.Millis(off), valueIsNet(value) && event.Kind(value[1]) == k)
		return true
	})
	return r.it.Err()
}

// First reads the first net event of a kind in [from, to]; nil where there is
// none.
func (r *Reader) First(k event.Kind, person string, from, to event.Millis) (first *Event, err error) {
	s, w := place(k)
	r.seek(s, w, person, from, to, func(key, value []byte) bool {
		if !valueIsNet(value) || event.Kind(value[1]) != k {
			return true
		}
		first = &Event{Ref: event.Ref{Person: person}}
		if err = parseKey(s, key, &first.Ref); err == nil {
			err = first.Parse(value)
		}
		return false
	})
	if err == nil {
		err = r.it.Err()
	}
	return first, err
}
