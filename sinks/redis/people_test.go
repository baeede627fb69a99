package redis

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/internal/testkit"
	"github.com/tributary-data/tributary/sinks"
	"github.com/tributary-data/tributary/sinks/sinktest"
	"github.com/tributary-data/tributary/table"
)

func sessionOf(id, person string, end event.Millis) sinktest.Put {
	row := table.Row{
		table.T(id), table.T(person), table.At(end - event.Minute), table.At(end), table.I(3), table.I(1), table.I(1), table.I(1), table.T("Email"), table.T("final"),
	}
	return sinktest.Put{Table: table.Sessions, Row: row}
}

func conversionOf(id, person string, at event.Millis, touches int) []sinktest.Put {
	none := make(table.Row, len(table.Credits.Columns))
	none[0] = table.T(id)
	puts := []sinktest.Put{{Table: table.Credits, Row: none, Del: true}}
	for i := range touches {
		row := make(table.Row, len(table.Credits.Columns))
		row[0], row[1], row[2], row[3] = table.T(id), table.T("linear"), table.I(int64(i+1)), table.At(at-event.Millis(touches-i)*event.Hour)
		row[table.Credits.Col("touch_event_id")] = table.T(fmt.Sprintf("t%d", i+1))
		row[table.Credits.Col("campaign_id")] = table.T("spring")
		puts = append(puts, sinktest.Put{Table: table.Credits, Row: row})
	}
	row := make(table.Row, len(table.Conversions.Columns))
	row[0], row[1], row[2] = table.T(id), table.T(person), table.At(at)
	row[table.Conversions.Col("verdict")] = table.T("valid")
	row[table.Conversions.Col("value_micros")] = table.I(12_340_000)
	return append(puts, sinktest.Put{Table: table.Conversions, Row: row})
}

func del(p sinktest.Put) sinktest.Put { p.Del = true; return p }

// lookup is what a program reads of a person.
type lookup struct {
	Session    string
	Conversion string
	Touches    int
	First      string // touch, the newest
}

func (s *Sink) lookup(t *testing.T, person string) (l lookup) {
	t.Helper()
	all, err := s.client.HGetAll(t.Context(), s.keys.person(person)).Result()
	if err != nil {
		t.Fatal(err)
	}
	var session struct {
		ID string `json:"session_id"`
	}
	var conversion struct {
		ID      string `json:"conversion_id"`
		Touches []struct {
			ID string `json:"touch_event_id"`
		}
	}
	for field, into := range map[string]any{"session": &session, "conversion": &conversion} {
		if all[field] == "" {
			continue
		}
		if err := json.Unmarshal([]byte(all[field]), into); err != nil {
			t.Fatalf("%s: %v in %s", field, err, all[field])
		}
	}
	l = lookup{Session: session.ID, Conversion: conversion.ID, Touches: len(conversion.Touches)}
	if l.Touches > 0 {
		l.First = conversion.Touches[0].ID
	}
	return l
}

func TestPersons(t *testing.T) {
	r := testkit.StartRedis(t)
	src := sinktest.NewSource()
	cfg := forever(r.Addr)
	cfg.Lookups.Persons, cfg.Lookups.Touches = true, 3
	s := open(t, cfg)
	now := event.Millis(time.Now().UnixMilli())
	commit := func(puts ...sinktest.Put) {
		t.Helper()
		src.Commit(puts...)
		_, stop := delivering(t, src, s, sinks.Options{})
		if err := stop(); err != nil {
			t.Fatal(err)
		}
	}
	expect := func(what, person string, want lookup) {
		t.Helper()
		if got := s.lookup(t, person); got != want {
			t.Errorf("%s: %s has %+v; want %+v", what, person, got, want)
		}
	}
	commit() // the first one writes everything, the others only what changed
	commit(sessionOf("s1", "u:1", now-3*event.Hour), sessionOf("s2", "u:1", now-2*event.Hour), sessionOf("old", "u:2", now-31*event.Day))
	expect("two sessions", "u:1", lookup{Session: "s2"})
	expect("expired", "u:2", lookup{})
	commit(conversionOf("c1", "u:1", now-2*event.Hour, 5)...)
	expect("a conversion", "u:1", lookup{"s2", "c1", 3, "t5"})
	commit(append(conversionOf("c0", "u:1", now-4*event.Hour, 1), sessionOf("s0", "u:1", now-5*event.Hour))...)
	expect("earlier ones change nothing", "u:1", lookup{"s2", "c1", 3, "t5"})
	commit(del(sessionOf("s2", "", 0)), sessionOf("s3", "u:1", now-event.Hour), del(sessionOf("s1", "", 0)))
	expect("sessions joined", "u:1", lookup{"s3", "c1", 3, "t5"})
	commit(conversionOf("c1", "u:9", now-event.Hour, 2)...)
	expect("the id was used again", "u:9", lookup{"", "c1", 2, "t2"})
	expect("it is no longer there", "u:1", lookup{"s3", "c0", 1, "t1"})
	gone := conversionOf("c1", "u:9", now-event.Hour, 0)
	gone[len(gone)-1].Row[table.Conversions.Col("verdict")] = table.T("givt")
	commit(gone...)
	expect("found invalid", "u:9", lookup{})
	for n := range 20 {
		commit(sessionOf(fmt.Sprintf("n%02d", n), "u:3", now-event.Millis(20-n)*event.Minute))
	}
	expect("many sessions", "u:3", lookup{Session: "n19"})
	if n := s.client.HLen(t.Context(), s.keys.person("u:3")).Val(); n != 4+2 {
		t.Errorf("%d fields of a person with 20 sessions; want the last four", n)
	}
	if ttl := s.client.PTTL(t.Context(), s.keys.person("u:3")).Val(); ttl <= 29*24*time.Hour || ttl > 30*24*time.Hour {
		t.Errorf("expires in %v", ttl)
	}
	// A resync gives the same, also after what nobody heard of.
	src.Commit(del(sessionOf("s3", "", 0)), sessionOf("s4", "u:4", now))
	src.Trim()
	commit()
	expect("resync", "u:1", lookup{"s0", "c0", 1, "t1"})
	expect("resync", "u:4", lookup{Session: "s4"})
	expect("resync", "u:9", lookup{})
	// Switched off, nothing of persons stays.
	s.cfg.Lookups.Persons = false
	commit()
	n := 0
	if err := s.eachKey(t.Context(), func(key string) error {
		if kind := key[len(s.keys.base):]; kind != "cursor" {
			n++
		}
		return nil
	}); err != nil || n != 0 {
		t.Errorf("%d keys stay, %v", n, err)
	}
}
