package ingest

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tributary-data/tributary/event"
)

// Mapping says how the rows of files that were not written for this program
// become events, so that an export or a public data set is read without a
// script. Several mappings may fit one file: each row then gives an event for
// each mapping whose Where it fits, all at the row's position. A row that fits
// none is left out. A field that a mapping does not name is read from the
// column of its own name, where there is one.
//
//	ingest:
//	  mappings:
//	    - files: "criteo*.tsv.gz"        # of the base name
//	      delimiter: "\t"
//	      fields:
//	        type: {constant: click}
//	        event_id: {position: true}   # the rows have no id
//	        event_time: {column: timestamp, time: s, epoch: "2026-01-01T00:00:00Z"}
//	        user_id: {column: uid}
//	        campaign_id: {column: campaign}
//	    - files: "criteo*.tsv.gz"
//	      delimiter: "\t"
//	      where: {conversion: "1"}
//	      fields:
//	        type: {constant: conversion}
//	        event_id: {position: true}
//	        event_time: {column: conversion_timestamp, time: s, epoch: "2026-01-01T00:00:00Z"}
//	        user_id: {column: uid}
//	        order_id: {column: conversion_id}
//	    - files: "shop-*.ndjson"
//	      fields:
//	        event_time: {column: created.at, time: "02.01.2006 15:04:05", zone: Europe/Berlin}
//	        user_id: customer.id         # short for {column: customer.id}
type Mapping struct {
	Files     string               `yaml:"files"`     // a pattern over base names, with *, ? and [a-z]
	Delimiter string               `yaml:"delimiter"` // of CSV: one character, by default a comma
	Header    []string             `yaml:"header"`    // of CSV without a header line: the names of the columns
	Where     map[string]string    `yaml:"where"`     // columns and the texts that they must have
	Fields    map[string]FieldFrom `yaml:"fields"`
}

// FieldFrom says where a field comes from. At most one of Column, Constant and
// Position is set; with none the field is absent.
type FieldFrom struct {
	Column   string `yaml:"column"`   // a column, or a path such as user.id into nested JSON
	Constant string `yaml:"constant"` // the same text in every event
	Position bool   `yaml:"position"` // the row's position, such as "a.csv:17"

	// Of event_time alone: rfc3339, s, ms, us, ns, or a layout of Go's package
	// time; the time zone for a layout without offset (UTC by default); and the
	// time from which numbers count (1970 by default).
	Time  string `yaml:"time"`
	Zone  string `yaml:"zone"`
	Epoch string `yaml:"epoch"`
}

// UnmarshalText reads the short form: a column.
func (f *FieldFrom) UnmarshalText(b []byte) error {
	*f = FieldFrom{Column: string(b)}
	return nil
}

// Validate reports all faults of the mapping, each with its key.
func (m Mapping) Validate() error { return Config{Mappings: []Mapping{m}}.Validate() }

func (m Mapping) validate(i int) (faults []error) {
	key := "ingest.mappings[" + strconv.Itoa(i) + "]"
	fail := func(at, format string, args ...any) {
		faults = append(faults, fmt.Errorf("%s.%s: "+format, append([]any{key, at}, args...)...))
	}
	if m.Files == "" {
		fail("files", "is missing; give a pattern of base names, such as \"export-*.csv\"")
	} else if _, err := path.Match(m.Files, ""); err != nil || strings.Contains(m.Files, "/") {
		fail("files", "%q is no pattern of base names; use *, ? and [a-z], and no slash", m.Files)
	}
	if d := m.Delimiter; d != "" && (len(d) != 1 || strings.Contains("\"\r\n", d) || d[0] >= utf8.RuneSelf) {
		fail("delimiter", "%q is not one character (and no quote or line end)", d)
	}
	for n, name := range m.Header {
		if slices.Index(m.Header, name) < n {
			fail("header", "column %q is named twice", name)
		}
	}
	if len(m.Fields) == 0 && len(m.Where) == 0 && len(m.Header) == 0 && m.Delimiter == "" {
		fail("fields", "is missing; say where the fields come from")
	}
	for _, name := range slices.Sorted(maps.Keys(m.Fields)) {
		from := m.Fields[name]
		at := "fields." + name
		f := fieldOf(name)
		if f == unknownField {
			fail(at, "is no field of an event; the fields are %s", strings.Join(fieldNames[:], ", "))
		}
		set := 0
		for _, is := range []bool{from.Column != "", from.Constant != "", from.Position} {
			if is {
				set++
			}
		}
		if set > 1 {
			fail(at, "has more than one of column, constant and position; keep one")
		}
		if f != fEventTime && (from.Time != "" || from.Zone != "" || from.Epoch != "") {
			fail(at, "time, zone and epoch are for event_time alone")
		}
		if f == fEventTime {
			if _, err := from.clock(); err != nil {
				fail(at, "%v", err)
			}
		}
	}
	return faults
}

// clock is how a mapped event_time is read; the zero value reads it by the
// rules of every other record.
type clock struct {
	layout string
	zone   *time.Location
	divide int64        // numbers: units in a millisecond, or
	times  int64        // milliseconds in a unit
	epoch  event.Millis // numbers: added
}

func (f FieldFrom) clock() (c clock, err error) {
	switch f.Time {
	case "":
	case "s":
		c.times = 1000
	case "ms":
		c.times = 1
	case "us":
		c.divide = 1000
	case "ns":
		c.divide = 1_000_000
	case "rfc3339":
		c.layout = time.RFC3339Nano
	default:
		c.layout = f.Time
		if year := "2031"; !strings.Contains(time.Date(2031, 4, 5, 6, 7, 8, 0, time.UTC).Format(f.Time), year[2:]) {
			return c, fmt.Errorf("time: %q is no layout; use rfc3339, s, ms, us, ns, or Go's reference time, such as \"2006-01-02 15:04:05\"", f.Time)
		}
	}
	c.zone = time.UTC
	if f.Zone != "" {
		if c.zone, err = time.LoadLocation(f.Zone); err != nil || f.Zone == "Local" {
			return c, fmt.Errorf("zone: %q is no known time zone; use a name such as Europe/Berlin", f.Zone)
		}
		if c.layout == "" {
			return c, fmt.Errorf("zone: only a time layout has a zone; numbers count in UTC")
		}
	}
	if f.Epoch != "" {
		var ok bool
		if c.epoch, ok = parseTime(f.Epoch); !ok {
			return c, fmt.Errorf("epoch: %q is not RFC 3339 with an offset", f.Epoch)
		}
		if c.times == 0 && c.divide == 0 {
			return c, fmt.Errorf("epoch: only numbers count from an epoch; set time to s, ms, us or ns")
		}
	}
	return c, nil
}

// read converts a text; the zero clock leaves it as it is.
func (c clock) read(s string) value {
	switch {
	case c.layout != "":
		t, err := time.ParseInLocation(c.layout, s, c.zone)
		if err != nil || t.Year() < 1 || t.Year() > 9999 {
			return value{s, kBadTime}
		}
		return value{strconv.FormatInt(t.UnixMilli(), 10), kMillis}
	case c.times > 0 || c.divide > 0:
		ms, ok := c.number(s)
		if !ok {
			return value{s, kBadTime}
		}
		return value{strconv.FormatInt(int64(ms), 10), kMillis}
	}
	return value{s, kString}
}

// number reads a count of units, cut to milliseconds; a fraction, as in
// "1700000000.25" seconds, is read digit by digit.
func (c clock) number(s string) (event.Millis, bool) {
	whole, frac, _ := strings.Cut(s, ".")
	n, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || frac != "" && digits(view(frac), 0) != len(frac) {
		return 0, false
	}
	if c.divide > 0 {
		return c.epoch.Add(event.Millis(n).Floor(event.Millis(c.divide)) / event.Millis(c.divide)), true
	}
	if n > int64(maxTime) || n < -int64(maxTime) {
		return 0, false
	}
	n *= c.times
	sub := int64(0)
	for i, scale := 0, c.times/10; i < len(frac) && scale > 0; i, scale = i+1, scale/10 {
		sub += int64(frac[i]-'0') * scale
	}
	if strings.HasPrefix(whole, "-") {
		sub = -sub
	}
	return c.epoch.Add(event.Millis(n + sub)), true
}

// plan is a mapping made ready for one file.
type plan struct {
	where  []condition
	fields []origin
}

type condition struct {
	column int // in rowReader.columns
	want   string
}

type origin struct {
	field    field
	column   int // in rowReader.columns, or -1
	constant string
	position bool
	clock    clock
}

// rowPlans are the plans of one file and the columns that they read.
type rowPlans struct {
	columns []string
	plans   []plan
}

// plansFor makes the plans of the mappings that fit a file; nil when none does.
func plansFor(base string, mappings []Mapping) (*rowPlans, []Mapping, error) {
	var fit []Mapping
	for _, m := range mappings {
		if ok, _ := path.Match(m.Files, base); ok {
			fit = append(fit, m)
		}
	}
	if len(fit) == 0 {
		return nil, nil, nil
	}
	p := &rowPlans{}
	index := func(name string) int {
		if i := slices.Index(p.columns, name); i >= 0 {
			return i
		}
		p.columns = append(p.columns, name)
		return len(p.columns) - 1
	}
	for _, m := range fit {
		var pl plan
		for _, name := range slices.Sorted(maps.Keys(m.Where)) {
			pl.where = append(pl.where, condition{index(name), m.Where[name]})
		}
		for f := range numFields {
			from, named := m.Fields[fieldNames[f]]
			o := origin{field: f, column: -1, constant: from.Constant, position: from.Position}
			switch {
			case !named:
				o.column = index(fieldNames[f])
			case from.Column != "":
				o.column = index(from.Column)
			}
			var err error
			if o.clock, err = from.clock(); err != nil {
				return nil, nil, fmt.Errorf("ingest.mappings (%s): event_time: %w", m.Files, err)
			}
			pl.fields = append(pl.fields, o)
		}
		p.plans = append(p.plans, pl)
	}
	return p, fit, nil
}

// mapRow appends the records that a row gives. The cells are those of
// p.columns; of several dead letters of one row, which would stand at one
// position, the first is kept.
func (d *Decoder) mapRow(p *rowPlans, cells []value, raw []byte, implied string, clock event.Millis, pos event.Position, out []event.Record) []event.Record {
	dead := false
next:
	for i := range p.plans {
		pl := &p.plans[i]
		for _, c := range pl.where {
			if cells[c.column].s != c.want {
				continue next
			}
		}
		d.have, d.cells = 0, true
		for j := range pl.fields {
			o := &pl.fields[j]
			v := value{o.constant, kString}
			switch {
			case o.position:
				v.s = pos.String()
			case o.column >= 0:
				v = cells[o.column]
			}
			if v.kind == kNull || v.kind == kString && v.s == "" {
				continue
			}
			if o.field == fEventTime && v.kind == kString {
				v = o.clock.read(v.s)
			}
			d.set(o.field, v.kind, v.s)
		}
		out = append(out, event.Record{})
		r := &out[len(out)-1]
		if d.finish(raw, implied, clock, pos, r); r.Dead != nil {
			if dead {
				out = out[:len(out)-1]
			}
			dead = true
		}
	}
	return out
}

// lookup finds a column in a JSON object that scan accepted: a field of that
// name, or a path into nested objects. Scalars are given as text, for which
// mapped fields have one rule.
func (d *Decoder) lookup(b []byte, column string) value {
	found := value{}
	i := blanks(b, blanks(b, 0)+1)
	for i < len(b) && b[i] == '"' {
		end, escaped := scanString(b, i+1)
		name := text(b[i+1 : end])
		if escaped {
			name = d.unescape(name)
		}
		start := blanks(b, blanks(b, end+1)+1)
		end, k, _ := scanValue(b, start)
		switch rest, inside := strings.CutPrefix(column, name+"."); {
		case name == column:
			found = d.scalar(b[start:end], k)
		case inside && k == kObject:
			if v := d.lookup(b[start:end], rest); v.kind != kNull {
				found = v
			}
		}
		if i = blanks(b, end); i < len(b) && b[i] == ',' {
			i = blanks(b, i+1)
		}
	}
	return found
}

func (d *Decoder) scalar(b []byte, k kind) value {
	switch k {
	case kString:
		return value{text(b[1 : len(b)-1]), kString}
	case kEscaped:
		return value{d.unescape(text(b[1 : len(b)-1])), kString}
	case kInt, kNumber, kBool:
		return value{text(b), kString}
	case kNull:
		return value{}
	}
	return value{text(b), k}
}
