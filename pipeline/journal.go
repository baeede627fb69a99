package pipeline

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/tributary-data/tributary/attribution"
	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/history"
	"github.com/tributary-data/tributary/state"
	"github.com/tributary-data/tributary/table"
)

// The credit journal has one record for each time that a final conversion was
// journalled, which the rows of the table are read from. The first record holds
// the path and the value, and its rows are the credits of these; a later one
// holds the differences.

const (
	journalPath        byte = 0
	journalDifferences byte = 1
)

// journalPrefix begins the ids of all entries of a conversion.
func journalPrefix(id string, t event.Millis) string { return fmt.Sprintf("%s@%d/", id, t) }

func journalKey(b []byte, id string) []byte { return append(append(b, byte(state.Journal)), id...) }

// journalRecordKey is where the n-th record of a conversion lies. The ids of its
// rows begin with what follows the space.
func journalRecordKey(b []byte, id string, t event.Millis, n uint32) []byte {
	return fmt.Appendf(journalKey(b, journalPrefix(id, t)), "%06d/", n)
}

// journal writes what changed in the credits of a final conversion; the first
// time, all of them.
func (s *shard) journal(w *conversionWork, before, after []credit, first bool) {
	now := w.now
	kind, at := w.cause.kind, w.cause.at
	b := s.value[:0]
	if first {
		if !now.Counted() {
			return
		}
		b = state.AppendTime(append(b, journalPath, byte(causeConversion)), now.Time)
		b = appendJournalPath(b, now)
	} else {
		diff := differences(before, after)
		if len(diff) == 0 {
			return
		}
		b = state.AppendTime(append(b, journalDifferences, byte(kind)), at)
		b = appendDifferences(b, diff)
	}
	s.value = b
	s.key = journalRecordKey(s.key[:0], now.ID, now.Time, now.Journals)
	s.writes.Set(s.key, s.value)
	s.changed(s.key)
	now.Journals++
}

// journalEntry is one row of the journal, but for what all of a record share.
type journalEntry struct {
	model       string
	time        event.Millis
	id, typ     string
	ppm, micros int64
}

func (a *journalEntry) compare(b *journalEntry) int {
	return cmp.Or(cmp.Compare(a.model, b.model), cmp.Compare(a.time, b.time), cmp.Compare(a.id, b.id), cmp.Compare(a.typ, b.typ))
}

// differences are what credits gained and lost, in order.
func differences(before, after []credit) []journalEntry {
	all := make([]journalEntry, 0, len(before)+len(after))
	put := func(list []credit, sign int64) {
		for i := range list {
			c := &list[i]
			e := journalEntry{model: c.Model, time: c.touchTime(), ppm: sign * c.PPM, micros: sign * int64(c.Micros)}
			if c.touch != nil {
				e.id, e.typ = c.touch.ID, c.touch.Type
			}
			all = append(all, e)
		}
	}
	put(before, -1)
	put(after, +1)
	slices.SortStableFunc(all, func(a, b journalEntry) int { return a.compare(&b) })
	out := all[:0]
	for i := 0; i < len(all); {
		e := all[i]
		for i++; i < len(all) && all[i].compare(&e) == 0; i++ {
			e.ppm += all[i].ppm
			e.micros += all[i].micros
		}
		if e.ppm != 0 || e.micros != 0 {
			out = append(out, e)
		}
	}
	return out
}

func appendJournalPath(b []byte, c *history.Conversion) []byte {
	b = binary.AppendUvarint(b, uint64(c.Value()))
	b = binary.AppendUvarint(b, uint64(len(c.Touches)))
	for i := range c.Touches {
		t := &c.Touches[i]
		b = state.AppendText(binary.AppendVarint(b, int64(c.Time-t.Time)), t.ID)
		b = binary.AppendUvarint(state.AppendText(b, t.Type), uint64(t.Dims))
	}
	return b
}

// appendDifferences encodes entries: the touches once, then model by model which
// of them changed by how much.
func appendDifferences(b []byte, diff []journalEntry) []byte {
	type touch struct {
		time    event.Millis
		id, typ string
	}
	number := map[touch]int{}
	var touches []touch
	models := 0
	for i := range diff {
		t := touch{diff[i].time, diff[i].id, diff[i].typ}
		if _, ok := number[t]; !ok {
			number[t] = len(touches)
			touches = append(touches, t)
		}
		if i == 0 || diff[i].model != diff[i-1].model {
			models++
		}
	}
	b = binary.AppendUvarint(b, uint64(len(touches)))
	for _, t := range touches {
		b = state.AppendText(state.AppendText(state.AppendTime(b, t.time), t.id), t.typ)
	}
	b = binary.AppendUvarint(b, uint64(models))
	for i := 0; i < len(diff); {
		n := i
		for n < len(diff) && diff[n].model == diff[i].model {
			n++
		}
		b = binary.AppendUvarint(state.AppendText(b, diff[i].model), uint64(n-i))
		for ; i < n; i++ {
			e := &diff[i]
			b = binary.AppendUvarint(b, uint64(number[touch{e.time, e.id, e.typ}]))
			b = binary.AppendVarint(binary.AppendVarint(b, e.ppm), e.micros)
		}
	}
	return b
}

// journalRecord is a record as it is read.
type journalRecord struct {
	prefix     string // of its rows' ids
	conversion string
	cause      causeKind
	at         event.Millis
	entries    []journalEntry
}

// readJournal decodes a record. Its key is the space, then id@time/number/.
func readJournal(cfg *attribution.Config, dict *history.Dict, k, v []byte) (*journalRecord, error) {
	if len(k) < 2 || k[len(k)-1] != '/' || len(v) < 10 || v[0] > journalDifferences || int(v[1]) >= int(numCauses) {
		return nil, errDamaged
	}
	r := &journalRecord{prefix: string(k[1:]), cause: causeKind(v[1]), at: state.Time(v[2:])}
	sign := bytes.LastIndexByte(k, '@')
	if sign < 1 {
		return nil, errDamaged
	}
	r.conversion = string(k[1:sign])
	d := journalDecoder{b: v[10:]}
	if v[0] == journalDifferences {
		r.entries = d.differences()
		return r, d.err
	}
	c := history.Conversion{Time: r.at}
	value := event.Micros(d.uvarint())
	n := d.uvarint()
	if n > uint64(len(d.b)) {
		return nil, errDamaged
	}
	c.Touches = make([]event.Touch, n)
	for i := range c.Touches {
		t := &c.Touches[i]
		t.Time, t.ID, t.Type, t.Dims = c.Time-event.Millis(d.varint()), d.text(), d.text(), uint32(d.uvarint())
		if d.err == nil {
			d.err = dict.Name(t)
		}
	}
	if d.err != nil {
		return nil, d.err
	}
	rows := attribution.Credits(cfg, c.Touches, value)
	credits := make([]credit, len(rows))
	for i := range rows {
		credits[i].Credit = rows[i]
		if p := rows[i].Position; p > 0 {
			credits[i].touch = &c.Touches[p-1]
		}
	}
	r.entries = differences(nil, credits)
	return r, nil
}

// rows visits the rows of the record in the order of their ids.
func (r *journalRecord) rows(fn func(table.Row) bool) bool {
	for i := range r.entries {
		e := &r.entries[i]
		if !fn(table.Row{
			table.T(fmt.Sprintf("%s%s/%04d", r.prefix, e.model, i)), table.T(r.conversion), table.T(e.model),
			table.At(e.time), table.T(e.id), table.T(e.typ), table.I(e.ppm), table.I(e.micros),
			table.T(r.cause.String()), table.At(r.at),
		}) {
			return false
		}
	}
	return true
}

// journalRows visits the rows of a stored record.
func (v *View) journalRows(k, value []byte, fn func(table.Row) bool) (goes bool, err error) {
	r, err := readJournal(&v.e.cfg.Attribution, v.e.dict, k, value)
	if err != nil {
		return false, err
	}
	return r.rows(fn), nil
}

// journalOf visits the rows of a conversion id, in order.
func (v *View) journalOf(id string, fn func(table.Row) bool) error {
	from := journalKey(nil, id+"@")
	return v.scanRange(from, state.After(from), func(k, value []byte) (bool, error) {
		r, err := readJournal(&v.e.cfg.Attribution, v.e.dict, k, value)
		if err != nil || r.conversion != id {
			return true, err
		}
		return r.rows(fn), nil
	})
}

// isJournalRecord tells the key of a record from that of one row, which stands
// in the outbox when the record was erased.
func isJournalRecord(key []byte) bool { return key[len(key)-1] == '/' }

// eraseJournal removes every entry of an erased conversion.
func (s *shard) eraseJournal(c *history.Conversion) error {
	from := journalKey(nil, journalPrefix(c.ID, c.Time))
	end := state.After(from)
	it := s.reader.Iter()
	for ok := it.Seek(from); ok && string(it.Key()) < string(end); ok = it.Next() {
		r, err := readJournal(s.credited(), s.e.dict, it.Key(), it.Value())
		if err != nil {
			return err
		}
		r.rows(func(row table.Row) bool {
			s.changed(journalKey(nil, row[0].Text))
			return true
		})
	}
	s.writes.DeleteRange(from, end)
	return it.Err()
}

// journalDecoder reads the fields of a record; the first fault stays in err.
type journalDecoder struct {
	b   []byte
	err error
}

func (d *journalDecoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 {
		d.err, d.b = errDamaged, nil
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *journalDecoder) varint() int64 {
	v, n := binary.Varint(d.b)
	if n <= 0 {
		d.err, d.b = errDamaged, nil
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *journalDecoder) text() string {
	t, rest, err := state.CutText(d.b)
	if err != nil {
		d.err, d.b = errDamaged, nil
		return ""
	}
	d.b = rest
	return t
}

func (d *journalDecoder) time() event.Millis {
	if len(d.b) < 8 {
		d.err, d.b = errDamaged, nil
		return 0
	}
	t := state.Time(d.b)
	d.b = d.b[8:]
	return t
}

func (d *journalDecoder) differences() []journalEntry {
	n := d.uvarint()
	if n > uint64(len(d.b)) {
		d.err = errDamaged
		return nil
	}
	touches := make([]journalEntry, n)
	for i := range touches {
		touches[i] = journalEntry{time: d.time(), id: d.text(), typ: d.text()}
	}
	var out []journalEntry
	for range d.uvarint() {
		model := d.text()
		if d.err != nil {
			return nil
		}
		for range d.uvarint() {
			t, ppm, micros := d.uvarint(), d.varint(), d.varint()
			if d.err == nil && t >= n {
				d.err = errDamaged
			}
			if d.err != nil {
				return nil
			}
			e := touches[t]
			e.model, e.ppm, e.micros = model, ppm, micros
			out = append(out, e)
		}
	}
	return out
}
