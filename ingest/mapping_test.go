package ingest

import (
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/tributary-data/tributary/event"
)

const criteo = `
mappings:
  - files: "criteo*.tsv"
    delimiter: "\t"
    fields:
      type: {constant: click}
      event_id: {position: true}
      event_time: {column: timestamp, time: s, epoch: "2026-01-01T00:00:00Z"}
      user_id: uid
      campaign_id: campaign
  - files: "criteo*.tsv"
    delimiter: "\t"
    where: {conversion: "1"}
    fields:
      type: {constant: conversion}
      event_id: {position: true}
      event_time: {column: conversion_timestamp, time: s, epoch: "2026-01-01T00:00:00Z"}
      user_id: uid
      cost: {}
      order_id: conversion_id
  - files: "shop-*"
    fields:
      type: {constant: conversion}
      event_id: {column: order.number}
      event_time: {column: created.at, time: "02.01.2006 15:04:05.999999", zone: Europe/Berlin}
      user_id: {column: customer.id}
      value: order.total
      currency: {constant: EUR}
`

func mappings(t *testing.T, text string) []Mapping {
	t.Helper()
	var c Config
	if err := yaml.Unmarshal([]byte(text), &c); err != nil {
		t.Fatal(err)
	}
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	return c.Mappings
}

func TestMapping(t *testing.T) {
	opt := testOptions
	opt.Mappings = mappings(t, criteo)
	records, err := readAll(t, write(t, "criteo-1.tsv", []byte("timestamp\tuid\tcampaign\tconversion\tconversion_timestamp\tconversion_id\tcost\n"+
		"0\t7\tc1\t0\t-1\t-1\t0.0000125\n3600.25\t8\tc2\t1\t7200\to9\t0.5\nx\t9\tc3\t1\ty\to1\t1\n")), opt)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := brief(records), "2:criteo-1.tsv:2 3:criteo-1.tsv:3 3:criteo-1.tsv:3 4:bad_time"; got != want {
		t.Fatalf("%s, want %s", got, want)
	}
	click, conversion := records[1].Event, records[2].Event
	if click.Kind != event.Click || click.Time.String() != "2026-01-01T01:00:00.250Z" || click.Person != "u:8" || click.Campaign != "c2" || click.Amount != 500_000 {
		t.Errorf("click %+v", click)
	}
	if conversion.Kind != event.Conversion || conversion.Time.String() != "2026-01-01T02:00:00.000Z" || conversion.OrderID != "o9" || conversion.Amount != 0 {
		t.Errorf("conversion %+v", conversion)
	}
	if records[0].Event.Amount != 12 { // 12.5 micros, half to even
		t.Errorf("amount %d", records[0].Event.Amount)
	}

	records, err = readAll(t, write(t, "shop-1.ndjson", []byte(`{"order":{"number":17,"total":12.5},"created":{"at":"01.04.2026 12:00:00"},"customer":{"id":"k\u00e9"},"country":"DE"}
{"order.number":"18","order":{"total":"1"},"created":{"at":"2026"},"customer":{"id":"k"}}
nonsense
{"order":{"number":19},"created":{"at":"01.01.2026 00:30:00.1239"},"customer":{"id":null}}
`)), opt)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := brief(records), "1:17 2:bad_time 3:malformed 4:missing_field"; got != want {
		t.Fatalf("%s, want %s", got, want)
	}
	e := records[0].Event
	if e.Time.String() != "2026-04-01T10:00:00.000Z" || e.Person != "u:ké" || e.Amount != 12_500_000 || e.Currency != "EUR" || e.Country != "DE" {
		t.Errorf("%+v", e)
	}
	// A file that no mapping fits is read as ever.
	if records, err = readAll(t, write(t, "clicks.ndjson", []byte(line(1))), opt); err != nil || brief(records) != "1:1" {
		t.Errorf("%s %v", brief(records), err)
	}
	if _, err = readAll(t, write(t, "criteo-2.tsv", []byte("a\tb\n1\t2\n")), opt); err == nil || !strings.Contains(err.Error(), `"uid"`) && !strings.Contains(err.Error(), `"timestamp"`) && !strings.Contains(err.Error(), `"campaign"`) {
		t.Errorf("columns that are not there: %v", err)
	}
}

func TestMappingHeader(t *testing.T) {
	opt := testOptions
	opt.Mappings = mappings(t, `mappings: [{files: "*.csv", delimiter: ";", header: [event_id, event_time, type]}]`)
	records, err := readAll(t, write(t, "x.csv", []byte("1;1769904000001;click\n2;1769904000001;click\n")), opt)
	if err != nil || brief(records) != "1:1 2:2" {
		t.Errorf("%s %v", brief(records), err)
	}
}

func TestMappingTimes(t *testing.T) {
	for _, c := range []struct {
		from FieldFrom
		text string
		want string // a time, or empty for one that cannot be read
	}{
		{FieldFrom{Time: "s"}, "1769904000", "2026-02-01T00:00:00.000Z"},
		{FieldFrom{Time: "s"}, "1769904000.9999", "2026-02-01T00:00:00.999Z"},
		{FieldFrom{Time: "s"}, "1769904000.5e3", ""},
		{FieldFrom{Time: "s"}, "86400", "1970-01-02T00:00:00.000Z"},
		{FieldFrom{Time: "s"}, "99999999999999999", ""},
		{FieldFrom{Time: "ms"}, "1769904000001", "2026-02-01T00:00:00.001Z"},
		{FieldFrom{Time: "us"}, "1769904000001999", "2026-02-01T00:00:00.001Z"},
		{FieldFrom{Time: "ns"}, "1769904000001999999", "2026-02-01T00:00:00.001Z"},
		{FieldFrom{Time: "rfc3339"}, "2026-02-01T01:00:00.123456+01:00", "2026-02-01T00:00:00.123Z"},
		{FieldFrom{Time: "2006-01-02 15:04:05", Zone: "America/New_York"}, "2026-02-01 00:00:00", "2026-02-01T05:00:00.000Z"},
		{FieldFrom{Time: "2006-01-02"}, "2026-02-01", "2026-02-01T00:00:00.000Z"},
		{FieldFrom{Time: "2006-01-02"}, "2026-02-30", ""},
		{FieldFrom{}, "2026-02-01T00:00:00Z", "2026-02-01T00:00:00.000Z"},
	} {
		k, err := c.from.clock()
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		switch v := k.read(c.text); v.kind {
		case kMillis:
			got = parseMillis(v.s).String()
		case kString:
			ms, _ := parseTime(v.s)
			got = ms.String()
		}
		if got != c.want {
			t.Errorf("%+v %s: %q, want %q", c.from, c.text, got, c.want)
		}
	}
}

func TestMappingValidate(t *testing.T) {
	err := Config{Mappings: []Mapping{
		{Files: "[", Delimiter: ",,", Header: []string{"a", "a"}, Fields: map[string]FieldFrom{
			"nope": {Column: "a"}, "user_id": {Column: "a", Constant: "b"}, "type": {Time: "s"}, "event_time": {Column: "a", Time: "yyyy"},
		}},
		{},
		{Files: "a/b", Fields: map[string]FieldFrom{"event_time": {Column: "a", Time: "s", Zone: "Europe/Berlin"}}},
		{Files: "a", Fields: map[string]FieldFrom{"event_time": {Column: "a", Epoch: "2026-01-01T00:00:00Z"}}},
	}}.Validate()
	for _, want := range []string{
		"ingest.mappings[0].files", "ingest.mappings[0].delimiter", "ingest.mappings[0].header", "ingest.mappings[0].fields.nope", "ingest.mappings[0].fields.user_id",
		"ingest.mappings[0].fields.type", "ingest.mappings[0].fields.event_time: time", "ingest.mappings[1].files", "ingest.mappings[1].fields", "ingest.mappings[2].files",
		"ingest.mappings[2].fields.event_time: zone", "ingest.mappings[3].fields.event_time: epoch",
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("no fault of %s in:\n%v", want, err)
		}
	}
}
