package clickhouse

import (
	"slices"

	"github.com/tributary-data/tributary/table"
)

// This file says how the logical tables lie in ClickHouse: which columns, in
// which order, partitioned by what.
//
// A row's place is its sorting key and its partition, and rows only replace
// rows of the same place. So both are made of what never changes for a logical
// key: its own columns, or a time that is a function of it (a session's start).
// The one exception is a conversion whose id is used again after 90 days: its
// old place is looked up in conversions_by_id and gets a tombstone. The same
// look-up tells where a deleted session stood, of which only the id is known.

// kind says how a column is encoded.
type kind uint8

const (
	kindText    kind = iota // string
	kindInt                 // int64
	kindTime                // milliseconds, clamped to what the type holds
	kindMaybe               // a time that may be absent: NULL
	kindList                // list of strings
	kindFlag                // whether the row as delivered was restated
	kindInts                // list of int64
	kindSmalls              // list of uint16
	kindTimes               // list of times that may be absent
	kindRev                 // the revision
	kindDeleted             // 1: a tombstone
	kindShard               // always 0 until there are several writers
)

type column struct {
	name  string
	typ   string
	codec string
	kind  kind
	from  int // the column of the logical row, where there is one
}

// layout is one physical table.
type layout struct {
	name    string
	logical *table.Table // nil for the index tables
	comment string
	columns []column
	order   []string // sorting key
	time    string   // column that partitions and retention go by; empty: none
	spread  string   // column whose hash says the shard
	indexes []string // skip indexes
	byID    *layout  // where to look up the places of an id
}

// Types of ClickHouse.
const (
	typeString = "String"
	typeName   = "LowCardinality(String)" // few different values
	typeInt    = "Int64"
	typeTime   = "DateTime64(3, 'UTC')"
	typeMaybe  = "Nullable(DateTime64(3, 'UTC'))"
)

// Codecs: sorted times and revisions are stored as differences; counts and
// money in no more bits than they need.
const (
	codecTime = "Delta, ZSTD(1)"
	codecInt  = "T64, ZSTD(1)"
	codecText = "ZSTD(1)"
	codecLong = "ZSTD(3)"
)

// manyValues are texts with so many different values that a dictionary of them
// would only cost.
var manyValues = map[string]bool{
	"session_id": true, "conversion_id": true, "journal_id": true, "event_id": true, "trigger_id": true, "touch_event_id": true,
	"person": true, "order_id": true, "ad_group_id": true, "creative_id": true, "position": true, "payload": true, "message": true,
}

// absentTimes are columns that hold no time in some rows.
func absentTime(name string) bool { return name == "touch_time" }

func logicalColumn(i int, c table.Column) column {
	out := column{name: c.Name, from: i}
	switch {
	case c.Name == "status":
		// Becoming final changes no row: only this is stored, and the view says the rest.
		out.name, out.kind, out.typ = "restated", kindFlag, "Bool"
	case c.Type == table.Time && absentTime(c.Name):
		out.kind, out.typ, out.codec = kindMaybe, typeMaybe, codecTime
	case c.Type == table.Time:
		out.kind, out.typ, out.codec = kindTime, typeTime, codecTime
	case c.Type == table.Int:
		out.kind, out.typ, out.codec = kindInt, typeInt, codecInt
	case c.Type == table.List:
		out.kind, out.typ, out.codec = kindList, "Array(LowCardinality(String))", codecText
		if c.Name == "event_ids" {
			out.typ = "Array(String)"
		}
	case c.Name == "payload":
		out.kind, out.typ, out.codec = kindText, typeString, codecLong
	case manyValues[c.Name]:
		out.kind, out.typ, out.codec = kindText, typeString, codecText
	default:
		out.kind, out.typ = kindText, typeName
	}
	return out
}

// trailer are the columns that every table ends with.
func trailer() []column {
	return []column{
		{name: "shard", typ: "UInt16", kind: kindShard},
		{name: "rev", typ: "UInt64", codec: codecTime, kind: kindRev},
		{name: "is_deleted", typ: "UInt8", kind: kindDeleted},
	}
}

func layoutOf(t *table.Table, comment, time, spread string, order ...string) *layout {
	l := &layout{name: t.Name, logical: t, comment: comment, time: time, spread: spread}
	for i, c := range t.Columns {
		l.columns = append(l.columns, logicalColumn(i, c))
	}
	l.columns = append(l.columns, trailer()...)
	if len(order) == 0 {
		for _, c := range t.Columns[:t.Keys] {
			order = append(order, c.Name)
		}
	}
	l.order = append(slices.Clone(order), "shard")
	return l
}

// idIndex is the table that tells where rows of an id stand.
func idIndex(of *layout, id string) *layout {
	return &layout{
		name: of.name + "_by_id", comment: "where the rows of " + of.name + " stand, by id", time: of.time, spread: id,
		columns: append([]column{
			{name: id, typ: typeString, codec: codecText, kind: kindText},
			{name: of.time, typ: typeTime, codec: codecTime, kind: kindTime},
		}, trailer()...),
		order: []string{id, of.time, "shard"},
	}
}

// Columns of a conversion's arrays. touchColumns are one entry for each touch
// that has a credit; credit_touches points to them, from 1.
var (
	touchColumns = []column{
		{name: "touch_times", typ: "Array(" + typeMaybe + ")", codec: codecText, kind: kindTimes, from: table.Credits.Col("touch_time")},
		{name: "touch_event_ids", typ: "Array(String)", codec: codecText, kind: kindList, from: table.Credits.Col("touch_event_id")},
		{name: "touch_types", typ: "Array(LowCardinality(String))", kind: kindList, from: table.Credits.Col("touch_type")},
		{name: "touch_campaigns", typ: "Array(LowCardinality(String))", kind: kindList, from: table.Credits.Col("campaign_id")},
		{name: "touch_ad_groups", typ: "Array(String)", codec: codecText, kind: kindList, from: table.Credits.Col("ad_group_id")},
		{name: "touch_creatives", typ: "Array(String)", codec: codecText, kind: kindList, from: table.Credits.Col("creative_id")},
		{name: "touch_channels", typ: "Array(LowCardinality(String))", kind: kindList, from: table.Credits.Col("channel")},
	}
	creditColumns = []column{
		{name: "credit_models", typ: "Array(LowCardinality(String))", kind: kindList, from: table.Credits.Col("model")},
		{name: "credit_positions", typ: "Array(UInt16)", codec: codecText, kind: kindSmalls, from: table.Credits.Col("position")},
		{name: "credit_touches", typ: "Array(UInt16)", codec: codecText, kind: kindSmalls},
		{name: "credit_ppms", typ: "Array(Int64)", codec: codecText, kind: kindInts, from: table.Credits.Col("credit_ppm")},
		{name: "credit_micros", typ: "Array(Int64)", codec: codecText, kind: kindInts, from: table.Credits.Col("value_micros")},
	}
)

const bloom = "TYPE bloom_filter(0.01) GRANULARITY 1"

// layouts are all tables with rows, in the order in which a batch writes them:
// first where rows will stand, then logs, then money, then sums.
var layouts = makeLayouts()

func makeLayouts() []*layout {
	sessions := layoutOf(table.Sessions, "sessions; read v_sessions", "start", "session_id", "start", "session_id")
	sessions.indexes = []string{"by_session session_id " + bloom, "by_person person " + bloom}
	sessions.byID = idIndex(sessions, "session_id")

	conversions := layoutOf(table.Conversions, "conversions with their credits; read v_conversions and v_credits", "event_time", "conversion_id", "event_time", "conversion_id")
	n := len(conversions.columns) - len(trailer())
	conversions.columns = slices.Concat(conversions.columns[:n], touchColumns, creditColumns, trailer())
	conversions.indexes = []string{"by_conversion conversion_id " + bloom, "by_person person " + bloom, "by_order order_id " + bloom}
	conversions.byID = idIndex(conversions, "conversion_id")

	verdicts := layoutOf(table.Verdicts, "verdicts that are not plainly valid; read v_verdicts", "event_time", "event_id", "event_time", "event_id", "person", "type")
	verdicts.indexes = []string{"by_event event_id " + bloom, "by_person person " + bloom}

	journal := layoutOf(table.Journal, "changes of credits; read v_credit_journal", "at", "journal_id", "at", "journal_id")
	journal.indexes = []string{"by_conversion conversion_id " + bloom}

	rollup := func(t *table.Table, spread string) *layout {
		return layoutOf(t, "sums; read v_"+t.Name, t.Columns[0].Name, spread)
	}
	return []*layout{
		sessions.byID, conversions.byID,
		layoutOf(table.DeadLetters, "records that could not be read; read v_dead_letters", "", "position"),
		layoutOf(table.LateEvents, "events that came too late; read v_late_events", "event_time", "event_id", "event_time", "event_id", "position"),
		verdicts, journal, sessions, conversions,
		layoutOf(table.Triggers, "what rules found; read v_triggers", "matched_at", "trigger_id", "matched_at", "trigger_id"),
		rollup(table.MinuteDelivery, "campaign_id"), rollup(table.HourDelivery, "campaign_id"), rollup(table.MinuteInvalid, "campaign_id"),
		rollup(table.MinuteConversions, "conversion_name"), rollup(table.MinuteAttribution, "campaign_id"), rollup(table.HourByTouch, "campaign_id"),
	}
}

// layoutFor finds where a logical table is kept; credits lie with conversions.
func layoutFor(t *table.Table) *layout {
	if t == table.Credits {
		t = table.Conversions
	}
	for _, l := range layouts {
		if l.logical == t {
			return l
		}
	}
	panic("BUG: table " + t.Name + " has no layout")
}

// timeColumn is the logical column that a place's time comes from, and whether
// it is no part of the key, so that a deleted row must be looked up; -1: none.
func (l *layout) timeColumn() (i int, outside bool) {
	if l.logical == nil || l.time == "" {
		return -1, false
	}
	i = l.logical.Col(l.time)
	return i, i >= l.logical.Keys
}
