package pipeline

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	"github.com/tributary-data/tributary/state"
)

// This file finds persons in the bytes of records that were set aside, and keeps
// where erased keys were.

// sureID is the length from which on an id that stands anywhere in a record is
// taken to be the person's. Shorter ones, such as 17, must stand in a field for
// ids.
const sureID = 8

// names says whether the bytes of a record name one of the persons.
func (f *erasing) names(payload []byte) bool {
	for p := range f.persons {
		field, id := "user_id", strings.TrimPrefix(p, userPrefix)
		if after, ok := strings.CutPrefix(p, anonymousPrefix); ok {
			field, id = "anonymous_id", after
		}
		if !bytes.Contains(payload, []byte(id)) && bytes.IndexByte(payload, '\\') < 0 {
			continue
		}
		var doc any
		dec := json.NewDecoder(bytes.NewReader(payload))
		dec.UseNumber()
		if err := dec.Decode(&doc); err == nil && !dec.More() {
			if mentions(doc, field, id, "") {
				return true
			}
			continue
		}
		if standsIn(payload, id) {
			return true
		}
	}
	return false
}

func mentions(v any, field, id, under string) bool {
	switch x := v.(type) {
	case string:
		return x == id && (len(id) >= sureID || under == field)
	case json.Number:
		return x.String() == id && (len(id) >= sureID || under == field)
	case []any:
		return slices.ContainsFunc(x, func(o any) bool { return mentions(o, field, id, under) })
	case map[string]any:
		for name, o := range x {
			if name == id && len(id) >= sureID || mentions(o, field, id, name) {
				return true
			}
		}
	}
	return false
}

// standsIn looks for an id in bytes that are not JSON: as a word of its own.
func standsIn(b []byte, id string) bool {
	word := func(c byte) bool {
		return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c == '-'
	}
	for at := 0; ; at++ {
		i := bytes.Index(b[at:], []byte(id))
		if i < 0 {
			return false
		}
		at += i
		end := at + len(id)
		if len(id) >= sureID || (at == 0 || !word(b[at-1])) && (end == len(b) || !word(b[end])) {
			return true
		}
	}
}

// purgeList gathers where keys were, so that the store can drop their bytes.
type purgeList struct {
	keys     map[state.Space][][]byte
	prefixes [][]byte
}

func (p *purgeList) key(k []byte) {
	if p.keys == nil {
		p.keys = map[state.Space][][]byte{}
	}
	p.keys[state.Space(k[0])] = append(p.keys[state.Space(k[0])], k)
}

func (p *purgeList) prefix(k []byte) { p.prefixes = append(p.prefixes, k) }

// maxPurges is how many keys of one space are looked after one by one; of more,
// everything between the first and the last is.
const maxPurges = 64

func (p *purgeList) ranges() (out []state.Range) {
	for _, k := range p.prefixes {
		out = append(out, state.Range{From: k, To: state.After(k)})
	}
	for _, keys := range p.keys {
		slices.SortFunc(keys, bytes.Compare)
		if len(keys) > maxPurges {
			out = append(out, state.Range{From: keys[0], To: append(keys[len(keys)-1], 0)})
			continue
		}
		for _, k := range keys {
			out = append(out, state.Range{From: k, To: append(bytes.Clone(k), 0)})
		}
	}
	return append(out, state.Range{From: []byte{byte(state.Outbox)}, To: []byte{byte(state.Outbox) + 1}})
}
