package history

import (
	"encoding/binary"
	"fmt"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/state"
)

// Conversion is a conversion with everything that was last said about it. Its
// credits are a function of touches and value and are not stored.
type Conversion struct {
	ID       string
	Time     event.Millis
	Person   string
	Name     string
	OrderID  string
	Original event.Micros
	Currency string
	Dims     uint32

	// What decides: verdict, and the adjustments that were found by event id
	// and by order id.
	Reasons, Shadow event.Reasons
	Dup             bool
	ByID, ByOrder   *event.Adjust

	// What was said.
	Touches   []event.Touch // names are filled from the dictionary
	Dropped   int
	SessionID string
	Final     bool   // the journal has its first entries
	Journals  uint32 // how often it was journalled
	Restated  bool
	Rev       uint64
}

// Verdict of the conversion.
func (c *Conversion) Verdict() event.Verdict {
	v, _ := c.Reasons.Decide()
	if v == event.Valid && c.Dup {
		return event.Duplicate
	}
	return v
}

// Adjustment that counts, nil if there is none.
func (c *Conversion) Adjustment() *event.Adjust {
	if c.ByOrder != nil && c.ByOrder.After(c.ByID) {
		return c.ByOrder
	}
	return c.ByID
}

// Adjusted is the column of that name.
func (c *Conversion) Adjusted() string {
	switch a := c.Adjustment(); {
	case a == nil:
		return ""
	case a.Restate:
		return "restated"
	}
	return "retracted"
}

// Counted says whether the conversion carries value and credit.
func (c *Conversion) Counted() bool {
	a := c.Adjustment()
	return c.Verdict().Net() && (a == nil || a.Restate)
}

// Value after adjustment; 0 when the conversion is not counted.
func (c *Conversion) Value() event.Micros {
	if !c.Counted() {
		return 0
	}
	if a := c.Adjustment(); a != nil {
		return a.Amount
	}
	return c.Original
}

// ConversionKey is where a conversion lies.
func ConversionKey(b []byte, id string, t event.Millis) []byte {
	return state.AppendTime(state.AppendText(append(b, byte(state.Conversions)), id), t)
}

// ConversionTimeKey lists conversions in order of their time.
func ConversionTimeKey(b []byte, t event.Millis, id string) []byte {
	return append(state.AppendTime(append(b, byte(state.ConvTimes)), t), id...)
}

// Flags of the head of a conversion's record.
const (
	flagFinal    = 1 << 1
	flagRestated = 1 << 2
)

// ConversionChange is what may change of a conversion without writing its path
// again: Batch.Merge carries it into the record.
func ConversionChange(rev uint64, final, restated bool, journals, dropped uint32) state.Head {
	h := state.Head{Rev: rev, N: [2]uint32{journals, dropped}}
	if final {
		h.Flags |= flagFinal
	}
	if restated {
		h.Flags |= flagRestated
	}
	return h
}

// AppendValue encodes all that is not in the key.
func (c *Conversion) AppendValue(b []byte) []byte {
	head := state.Head{Rev: c.Rev, N: [2]uint32{c.Journals, uint32(c.Dropped)}}
	for i, f := range []bool{c.Dup, c.Final, c.Restated, c.ByID != nil, c.ByOrder != nil} {
		if f {
			head.Flags |= 1 << i
		}
	}
	b = head.Append(b)
	b = appendText(b, c.Person)
	b = appendText(b, c.Name)
	b = appendText(b, c.OrderID)
	b = binary.AppendUvarint(b, uint64(c.Original))
	b = appendText(b, c.Currency)
	b = binary.AppendUvarint(b, uint64(c.Dims))
	b = binary.AppendUvarint(b, uint64(c.Reasons))
	b = binary.AppendUvarint(b, uint64(c.Shadow))
	for _, a := range []*event.Adjust{c.ByID, c.ByOrder} {
		if a != nil {
			b = appendAdjust(b, a)
		}
	}
	b = appendText(b, c.SessionID)
	b = binary.AppendUvarint(b, uint64(len(c.Touches)))
	for i := range c.Touches {
		t := &c.Touches[i]
		b = binary.AppendVarint(b, int64(c.Time-t.Time))
		b = appendText(b, t.ID)
		b = appendText(b, t.Type)
		if t.Person == c.Person {
			b = appendText(b, "")
		} else {
			b = appendText(b, t.Person)
		}
		b = binary.AppendUvarint(b, uint64(t.Dims))
	}
	return b
}

// ParseConversion decodes a key and value of the space Conversions.
func ParseConversion(key, value []byte, dict *Dict) (*Conversion, error) {
	id, rest, err := state.CutText(key[1:])
	if err != nil || len(rest) != 8 {
		return nil, errRecord
	}
	c := &Conversion{ID: id, Time: state.Time(rest)}
	head, value, err := state.CutHead(value)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errRecord, err)
	}
	d := decoder{b: value, all: string(value)} // one copy for the texts of all touches
	c.Rev, c.Journals, c.Dropped = head.Rev, head.N[0], int(head.N[1])
	flags := head.Flags
	c.Dup, c.Final, c.Restated = flags&1 != 0, flags&flagFinal != 0, flags&flagRestated != 0
	c.Person, c.Name, c.OrderID = d.text(), d.text(), d.text()
	c.Original, c.Currency, c.Dims = event.Micros(d.uvarint()), d.text(), uint32(d.uvarint())
	c.Reasons, c.Shadow = event.Reasons(d.uvarint()), event.Reasons(d.uvarint())
	if flags&8 != 0 {
		c.ByID = parseAdjust(&d)
	}
	if flags&16 != 0 {
		c.ByOrder = parseAdjust(&d)
	}
	c.SessionID = d.text()
	n := d.uvarint()
	if n > uint64(len(d.b)) {
		return nil, d.end("conversion")
	}
	c.Touches = make([]event.Touch, n)
	for i := range c.Touches {
		t := &c.Touches[i]
		t.Time, t.ID, t.Type, t.Person, t.Dims = c.Time-event.Millis(d.varint()), d.text(), d.text(), d.text(), uint32(d.uvarint())
		if t.Person == "" {
			t.Person = c.Person
		}
		if err := dict.Name(t); err != nil {
			return nil, err
		}
	}
	return c, d.end("conversion")
}

// Name fills the names of a touch from its dimensions.
func (d *Dict) Name(t *event.Touch) error {
	dims, err := d.Get(t.Dims)
	if err != nil {
		return err
	}
	t.Campaign, t.AdGroup, t.Creative, t.Channel = dims.Campaign, dims.AdGroup, dims.Creative, dims.Channel
	return nil
}

func appendAdjust(b []byte, a *event.Adjust) []byte {
	b = binary.AppendVarint(b, int64(a.Time))
	b = appendText(b, a.ID)
	b = appendBool(b, a.Restate)
	return binary.AppendUvarint(b, uint64(a.Amount))
}

func parseAdjust(d *decoder) *event.Adjust {
	return &event.Adjust{Time: d.millis(), ID: d.text(), Restate: d.bool(), Amount: event.Micros(d.uvarint())}
}

// Conversion reads one conversion; nil when there is none.
func (r *Reader) Conversion(id string, t event.Millis, dict *Dict) (*Conversion, error) {
	r.key = ConversionKey(r.key[:0], id, t)
	if !r.it.SeekPrefix(r.key) || string(r.it.Key()) != string(r.key) {
		return nil, r.it.Err()
	}
	return ParseConversion(r.it.Key(), r.it.Value(), dict)
}
