package ingest

import (
	"strings"
	"unicode/utf8"

	"github.com/tributary-data/tributary/event"
)

// MaxRecord is the greatest size of a record in bytes; one that is larger is a
// dead letter of which this much is kept.
const MaxRecord = 1 << 20

// DecodeConfig is what decoding takes from the configuration.
type DecodeConfig struct {
	Ignore          []string // identity.ignore: ids that count as absent, whole, ignoring case
	DefaultCurrency string   // money.default_currency
}

// DefaultDecodeConfig is the contract's.
func DefaultDecodeConfig() DecodeConfig {
	return DecodeConfig{
		Ignore:          []string{"null", "undefined", "unknown", "0", "-1", "00000000-0000-0000-0000-000000000000"},
		DefaultCurrency: "USD",
	}
}

// Decoder turns records into events or dead letters by the rules of the
// contract, section 1. One goroutine owns it.
//
// It reads a record once, from front to back, into slots: one for each known
// field, pointing into the record (decode_scan.go). Then it applies the rules
// to the slots in the order of the codes (decode_rules.go), so that a record
// with several faults gets the first code that applies, wherever its faults
// stand. CSV and mapped records fill the slots in another way and share the
// rules.
//
// Strings of the events alias the record where they can; what must be built
// (unescaped text, the person) stands in blocks of memory that are never
// written again. So a record's bytes must not be changed while its event lives.
type Decoder struct {
	ignore   []string
	ignored  [256]bool // first bytes of what is ignored, so that most ids cost one look
	currency string

	have  uint32 // a bit for each field that is present
	slots [numFields]value
	cells bool // the values are cells of a table: numbers and objects come as text

	arena arena
	stats stats
}

// NewDecoder makes a decoder.
func NewDecoder(cfg DecodeConfig) *Decoder {
	d := &Decoder{currency: cfg.DefaultCurrency}
	for _, id := range cfg.Ignore {
		if id == "" {
			continue // absent already
		}
		d.ignore = append(d.ignore, id)
		for _, c := range []byte(strings.ToLower(id)[:1] + strings.ToUpper(id)[:1] + id[:1]) {
			d.ignored[c] = true
		}
	}
	if len(d.ignore) > 0 {
		// Some letters fold to others outside ASCII (the Kelvin sign is a k):
		// leave all ids that begin so to the slow comparison.
		for c := utf8.RuneSelf; c < 256; c++ {
			d.ignored[c] = true
		}
	}
	return d
}

// Decode reads one record. Implied is the type that a record without one has
// (see ImpliedType), clock the time that events may be at most five minutes
// ahead of. It sets all of out, whose Event.Lists it leaves empty.
func (d *Decoder) Decode(raw []byte, implied string, clock event.Millis, pos event.Position, out *event.Record) {
	if len(raw) > MaxRecord {
		*out = tooLarge(raw, int64(len(raw)), pos)
		return
	}
	if f := d.scan(raw); f.what != "" {
		out.Event = event.Event{}
		out.Dead = &event.DeadLetter{Pos: pos, Code: event.Malformed, Message: f.message(raw), Raw: raw}
		return
	}
	d.cells = false
	d.finish(raw, implied, clock, pos, out)
}

// ImpliedType is the type that records without one have by the name of their
// topic or the base name of their file; empty when it implies none.
func ImpliedType(name string) string {
	switch {
	case strings.HasPrefix(name, "impressions"):
		return "impression"
	case strings.HasPrefix(name, "clicks"):
		return "click"
	case strings.HasPrefix(name, "conversions"):
		return "conversion"
	}
	return ""
}

// Stats counts what decoding changed or left out in records that it accepted.
type Stats struct {
	MoneyRounded int64            // amounts with more than 6 fraction digits
	Dropped      map[string]int64 // optional fields that were wrong, by field
}

// Add adds the counts of another decoder.
func (s *Stats) Add(o Stats) {
	s.MoneyRounded += o.MoneyRounded
	for field, n := range o.Dropped {
		if s.Dropped == nil {
			s.Dropped = make(map[string]int64)
		}
		s.Dropped[field] += n
	}
}

// Stats gives the counts since the decoder was made.
func (d *Decoder) Stats() Stats { return d.stats.export() }

type stats struct {
	rounded int64
	dropped [numFields]int64
}

func (s *stats) export() Stats {
	out := Stats{MoneyRounded: s.rounded}
	for f, n := range s.dropped {
		if n > 0 {
			if out.Dropped == nil {
				out.Dropped = make(map[string]int64)
			}
			out.Dropped[fieldNames[f]] = n
		}
	}
	return out
}

func (s *stats) add(o *stats) {
	s.rounded += o.rounded
	for i, n := range o.dropped {
		s.dropped[i] += n
	}
}

// TakeStats returns what was counted since the last call.
func (d *Decoder) TakeStats() Stats {
	s := d.stats.export()
	d.stats = stats{}
	return s
}
