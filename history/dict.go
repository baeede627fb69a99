package history

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/state"
)

// Dims is what delivery is counted by: one tuple of names, stored once and
// referred to by number. A User-Agent is kept in the same way, with Text set.
type Dims struct {
	ID                                                                 uint32
	Campaign, AdGroup, Creative, Publisher, Country, Channel, Currency string
	Text                                                               string
}

// AppendTuple encodes the fields of an event that Dims holds.
func AppendTuple(b []byte, e *event.Event) []byte {
	b = append(b, 'd')
	b = appendText(b, e.Campaign)
	b = appendText(b, e.AdGroup)
	b = appendText(b, e.Creative)
	b = appendText(b, e.Publisher)
	b = appendText(b, e.Country)
	b = appendText(b, e.Channel)
	return appendText(b, e.Currency)
}

// AppendTextTuple encodes a text.
func AppendTextTuple(b []byte, s string) []byte { return append(append(b, 't'), s...) }

func parseTuple(b []byte, id uint32) (*Dims, error) {
	d := decoder{b: b}
	if d.byte() == 't' {
		return &Dims{ID: id, Text: string(d.b)}, nil
	}
	dims := &Dims{
		ID: id, Campaign: d.text(), AdGroup: d.text(), Creative: d.text(), Publisher: d.text(),
		Country: d.text(), Channel: d.text(), Currency: d.text(),
	}
	return dims, d.end("dimensions")
}

// maxDims bounds each generation of the cache: with both full about 150 MB.
const maxDims = 256 << 10

// Dict numbers tuples. The sequencing goroutine alone interns; any goroutine
// may look up. What is used stays in memory, in two generations; the rest is
// read from state.
type Dict struct {
	store *state.Store
	next  uint32

	byTuple, oldByTuple map[string]*Dims // of the interning goroutine
	complete            bool             // every entry of the store is in memory

	mu struct {
		sync.RWMutex
		byID, old map[uint32]*Dims
	}
}

var metaNextDims = []byte("Mdims")

// NewDict continues the numbering of the store.
func NewDict(s *state.Store) (*Dict, error) {
	d := &Dict{store: s, next: 1, complete: true, byTuple: map[string]*Dims{}}
	d.mu.byID = map[uint32]*Dims{}
	v, err := s.Get(metaNextDims)
	if errors.Is(err, state.ErrNotFound) {
		return d, nil
	}
	if err != nil || len(v) != 4 {
		return nil, fmt.Errorf("read the dictionary: %d bytes, %w", len(v), err)
	}
	d.next = binary.BigEndian.Uint32(v)
	return d, d.load()
}

// load reads the dictionary into memory, if it fits.
func (d *Dict) load() error {
	d.complete = d.next <= maxDims
	if !d.complete {
		return nil
	}
	var bad error
	err := d.store.Scan([]byte{byte(state.DimsByTuple)}, []byte{byte(state.DimsByTuple) + 1}, func(k, v []byte) bool {
		var e *Dims
		if len(v) != 4 {
			bad = fmt.Errorf("%w: dictionary entry", errRecord)
		} else if e, bad = parseTuple(bytes.Clone(k[1:]), binary.BigEndian.Uint32(v)); bad == nil {
			d.keep(k[1:], e)
		}
		return bad == nil
	})
	return errors.Join(err, bad)
}

// Intern returns the entry of a tuple, making it in b when it is new.
func (d *Dict) Intern(tuple []byte, b *state.Batch) (*Dims, error) {
	if e := d.byTuple[string(tuple)]; e != nil {
		return e, nil
	}
	if e := d.oldByTuple[string(tuple)]; e != nil {
		d.keep(tuple, e)
		return e, nil
	}
	key := append([]byte{byte(state.DimsByTuple)}, tuple...)
	var v []byte
	err := state.ErrNotFound
	if !d.complete {
		v, err = d.store.Get(key)
	}
	switch {
	case err == nil && len(v) == 4:
		e, err := parseTuple(tuple, binary.BigEndian.Uint32(v))
		if err == nil {
			d.keep(tuple, e)
		}
		return e, err
	case !errors.Is(err, state.ErrNotFound):
		return nil, fmt.Errorf("read the dictionary: %d bytes, %w", len(v), err)
	}
	id := d.next
	d.next++
	e, err := parseTuple(append([]byte(nil), tuple...), id)
	if err != nil {
		return nil, err
	}
	idBytes := binary.BigEndian.AppendUint32(nil, id)
	b.Set(key, idBytes)
	b.Set(append([]byte{byte(state.DimsByID)}, idBytes...), tuple)
	b.Set(metaNextDims, binary.BigEndian.AppendUint32(nil, d.next))
	d.keep(tuple, e)
	return e, nil
}

func (d *Dict) keep(tuple []byte, e *Dims) {
	if len(d.byTuple) >= maxDims {
		d.complete = d.complete && d.oldByTuple == nil // the second generation drops the first
		d.oldByTuple, d.byTuple = d.byTuple, make(map[string]*Dims, maxDims)
	}
	d.byTuple[string(tuple)] = e
	d.mu.Lock()
	d.keepLocked(e)
	d.mu.Unlock()
}

func (d *Dict) keepLocked(e *Dims) {
	if len(d.mu.byID) >= maxDims {
		d.mu.old, d.mu.byID = d.mu.byID, make(map[uint32]*Dims, maxDims)
	}
	d.mu.byID[e.ID] = e
}

// Get returns the entry with a number that was interned before.
func (d *Dict) Get(id uint32) (*Dims, error) {
	if id == 0 {
		return &Dims{}, nil
	}
	d.mu.RLock()
	e := d.mu.byID[id]
	if e == nil {
		e = d.mu.old[id]
	}
	d.mu.RUnlock()
	if e != nil {
		return e, nil
	}
	v, err := d.store.Get(binary.BigEndian.AppendUint32([]byte{byte(state.DimsByID)}, id))
	if err != nil {
		return nil, fmt.Errorf("read dictionary entry %d: %w", id, err)
	}
	e, err = parseTuple(v, id)
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	d.keepLocked(e)
	d.mu.Unlock()
	return e, nil
}
