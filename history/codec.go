package history

import (
	"encoding/binary"
	"fmt"

	"github.com/tributary-data/tributary/event"
)

// decoder reads the fields of a record one after the other; what is missing
// reads as zero and is reported once, by end.
type decoder struct {
	b   []byte
	all string // where texts are cut from, if set; b is its end
	bad bool
}

func (d *decoder) byte() byte {
	if len(d.b) == 0 {
		d.bad = true
		return 0
	}
	c := d.b[0]
	d.b = d.b[1:]
	return c
}

func (d *decoder) take(n int) []byte {
	if n < 0 || len(d.b) < n {
		d.bad = true
		return make([]byte, min(max(n, 0), 16))
	}
	p := d.b[:n]
	d.b = d.b[n:]
	return p
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 {
		d.bad = true
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) varint() int64 {
	v, n := binary.Varint(d.b)
	if n <= 0 {
		d.bad = true
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) text() string {
	n := d.uvarint()
	if n > uint64(len(d.b)) {
		d.bad = true
		return ""
	}
	if d.all != "" {
		at := len(d.all) - len(d.b)
		d.b = d.b[n:]
		return d.all[at : at+int(n)]
	}
	return string(d.take(int(n)))
}

func (d *decoder) bool() bool           { return d.byte() != 0 }
func (d *decoder) millis() event.Millis { return event.Millis(d.varint()) }

func (d *decoder) end(what string) error {
	if d.bad {
		return fmt.Errorf("%w: %s ends early", errRecord, what)
	}
	return nil
}

func appendText(b []byte, s string) []byte {
	b = binary.AppendUvarint(b, uint64(len(s)))
	return append(b, s...)
}

func appendBool(b []byte, v bool) []byte {
	if v {
		return append(b, 1)
	}
	return append(b, 0)
}
