package clickhouse

import (
	"slices"
	"strings"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/table"
)

// block is rows of one physical table on their way, column by column.
type block struct {
	layout *layout
	cols   []values
	rows   int
	bytes  int  // of texts and lists, and 8 for each other value
	copies bool // texts are copied, because the rows do not outlast the call
	known  map[string]string
}

// values is one column; the kind says which field counts.
type values struct {
	texts  []string
	ints   []int64
	maybes []*int64
	lists  [][]string
	ints2  [][]int64
	smalls [][]uint16
	times  [][]*int64
	flags  []bool
	revs   []uint64
	bits   []uint8
	shards []uint16
}

func newBlock(l *layout) *block {
	return &block{layout: l, cols: make([]values, len(l.columns))}
}

// reset empties the block; its memory is used again.
func (b *block) reset() {
	b.rows, b.bytes = 0, 0
	for i := range b.cols {
		v := &b.cols[i]
		clear(v.texts)
		clear(v.lists)
		*v = values{
			v.texts[:0], v.ints[:0], v.maybes[:0], v.lists[:0], v.ints2[:0], v.smalls[:0], v.times[:0],
			v.flags[:0], v.revs[:0], v.bits[:0], v.shards[:0],
		}
	}
	if len(b.known) > maxKnown {
		clear(b.known)
	}
}

// maxKnown bounds the names that a block remembers between its rows.
const maxKnown = 100_000

// data is some of the rows as the client's columns take them.
func (v *values) data(k kind, from, to int) any {
	switch k {
	case kindText:
		return v.texts[from:to]
	case kindInt, kindTime:
		return v.ints[from:to]
	case kindMaybe:
		return v.maybes[from:to]
	case kindList:
		return v.lists[from:to]
	case kindInts:
		return v.ints2[from:to]
	case kindSmalls:
		return v.smalls[from:to]
	case kindTimes:
		return v.times[from:to]
	case kindFlag:
		return v.flags[from:to]
	case kindRev:
		return v.revs[from:to]
	case kindDeleted:
		return v.bits[from:to]
	case kindShard:
		return v.shards[from:to]
	}
	panic("BUG: a column of an unknown kind")
}

// text keeps a text. Names repeat, so that their copies are shared.
func (b *block) text(s, typ string) string {
	if !b.copies {
		return s
	}
	if typ == typeString {
		return strings.Clone(s)
	}
	if b.known == nil {
		b.known = map[string]string{}
	}
	kept, ok := b.known[s]
	if !ok {
		kept = strings.Clone(s)
		b.known[kept] = kept
	}
	return kept
}

// clamp holds a time within what the type does.
func clamp(ms int64) int64 { return min(max(ms, int64(minTime)), int64(maxTime)) }

func maybe(ms int64) *int64 {
	if event.Millis(ms) == event.NoTime {
		return nil
	}
	ms = clamp(ms)
	return &ms
}

// add appends a logical row. A tombstone has a key alone, and the rest empty.
func (b *block) add(row table.Row, rev uint64, deleted bool) {
	b.begin()
	for i := range b.layout.columns {
		c, v := &b.layout.columns[i], &b.cols[i]
		switch c.kind {
		case kindRev:
			v.revs = append(v.revs, rev)
		case kindDeleted:
			v.bits = append(v.bits, bit(deleted))
		case kindShard:
			v.shards = append(v.shards, 0)
		default:
			b.cell(c, v, row)
		}
	}
}

func (b *block) begin() {
	b.rows++
	b.bytes += 8 * len(b.cols)
}

// cell appends one value of a logical row; a row that is cut short has nothing
// in its other columns.
func (b *block) cell(c *column, v *values, row table.Row) {
	var x table.Value
	if c.from < len(row) {
		x = row[c.from]
	}
	switch c.kind {
	case kindText:
		v.texts = append(v.texts, b.text(x.Text, c.typ))
		b.bytes += len(x.Text)
	case kindInt:
		v.ints = append(v.ints, x.Int)
	case kindTime:
		v.ints = append(v.ints, clamp(x.Int))
	case kindMaybe:
		v.maybes = append(v.maybes, maybe(x.Int))
	case kindFlag:
		v.flags = append(v.flags, x.Text == "restated")
	case kindList:
		list := make([]string, len(x.List))
		for i, s := range x.List {
			list[i] = b.text(s, typeName)
			b.bytes += len(s) + 16
		}
		v.lists = append(v.lists, list)
	default:
		panic("BUG: column " + c.name + " is no cell of a row")
	}
}

func bit(set bool) uint8 {
	if set {
		return 1
	}
	return 0
}

// addPlace appends where an id stands, to an index table.
func (b *block) addPlace(id string, at int64, rev uint64) {
	b.begin()
	b.cols[0].texts = append(b.cols[0].texts, b.text(id, typeString))
	b.cols[1].ints = append(b.cols[1].ints, clamp(at))
	b.cols[2].shards = append(b.cols[2].shards, 0)
	b.cols[3].revs = append(b.cols[3].revs, rev)
	b.cols[4].bits = append(b.cols[4].bits, 0)
	b.bytes += len(id)
}

// addConversion appends a conversion and its credits as one row; the credits
// in the order of their keys.
func (b *block) addConversion(row table.Row, credits []table.Row, rev uint64, deleted bool) {
	b.begin()
	f := fold(credits)
	for i := range b.layout.columns {
		c, v := &b.layout.columns[i], &b.cols[i]
		switch c.kind {
		case kindRev:
			v.revs = append(v.revs, rev)
		case kindDeleted:
			v.bits = append(v.bits, bit(deleted))
		case kindShard:
			v.shards = append(v.shards, 0)
		case kindTimes:
			times := make([]*int64, len(f.touches))
			for n, r := range f.touches {
				times[n] = maybe(r[c.from].Int)
			}
			v.times = append(v.times, times)
		case kindSmalls:
			v.smalls = append(v.smalls, b.smalls(c, f))
		case kindInts:
			ints := make([]int64, len(credits))
			for n, r := range credits {
				ints[n] = r[c.from].Int
			}
			v.ints2 = append(v.ints2, ints)
			b.bytes += 8 * len(ints)
		case kindList: // the logical conversion has none
			from := f.touches
			if c.name == "credit_models" {
				from = credits
			}
			list := make([]string, len(from))
			for n, r := range from {
				list[n] = b.text(r[c.from].Text, c.typ)
				b.bytes += len(list[n]) + 16
			}
			v.lists = append(v.lists, list)
		default:
			b.cell(c, v, row)
		}
	}
}

func (b *block) smalls(c *column, f folded) []uint16 {
	if c.name == "credit_touches" {
		return f.of
	}
	out := make([]uint16, len(f.credits))
	for n, r := range f.credits {
		out[n] = uint16(r[c.from].Int) // at most max_touches
	}
	return out
}

// folded is the credits of a conversion with each touch once.
type folded struct {
	credits []table.Row
	touches []table.Row // a credit row for each different touch
	of      []uint16    // for each credit the touch, from 1
}

// fold finds the touches of credits. They are compared whole, not by their
// positions, so that whatever the rows say comes out of the view again.
func fold(credits []table.Row) folded {
	f := folded{credits: credits, of: make([]uint16, len(credits))}
	for i, r := range credits {
		n := slices.IndexFunc(f.touches, func(x table.Row) bool { return sameTouch(x, r) })
		if n < 0 {
			n = len(f.touches)
			f.touches = append(f.touches, r)
		}
		f.of[i] = uint16(n + 1) // at most max_touches
	}
	return f
}

func sameTouch(a, b table.Row) bool {
	for i := range touchColumns {
		c := touchColumns[i].from
		if a[c].Int != b[c].Int || a[c].Text != b[c].Text {
			return false
		}
	}
	return true
}
