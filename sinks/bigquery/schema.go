package bigquery

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/sinks"
	"github.com/tributary-data/tributary/sinks/rows"
	"github.com/tributary-data/tributary/table"
)

// schemaVersion counts changes of the layout that adding columns cannot express.
const schemaVersion = 1

// logs are the tables whose rows are only ever added: they are appended to a
// stream with offsets. All others are kept at their current rows.
var logs = []*table.Table{table.Journal, table.LateEvents, table.DeadLetters, table.Triggers}

func isLog(t *table.Table) bool { return slices.Contains(logs, t) }

// kept are the physical tables: credits lie in their conversion's row.
func kept() []*table.Table {
	return slices.DeleteFunc(slices.Clone(table.All), func(t *table.Table) bool { return t == table.Credits })
}

// credits is the column of a conversion's row that holds its credits.
const credits = "credits"

// field is a column of a physical table.
type field struct {
	name    string
	typ     string // in SQL
	logical int    // index in the table, or one of those below
}

const (
	fieldHash     = -1
	fieldRev      = -2
	fieldRestated = -3
	fieldDeleted  = -4
	fieldShard    = -5
	fieldCredits  = -6
)

func sqlType(t table.Type) string {
	switch t {
	case table.Int:
		return "INT64"
	case table.Time:
		return "TIMESTAMP"
	case table.List:
		return "ARRAY<STRING>"
	default:
		return "STRING"
	}
}

// fields are a table's columns in order; the number of a field in a message is
// its index + 1.
func fields(t *table.Table) []field { return allFields[t] }

// allFields is made once: it is asked for every row.
var allFields = func() map[*table.Table][]field {
	out := map[*table.Table][]field{}
	for _, t := range kept() {
		out[t] = makeFields(t)
	}
	return out
}()

func makeFields(t *table.Table) []field {
	out := []field{{rows.KeyHash, "STRING", fieldHash}}
	for _, i := range rows.Stored(t) {
		out = append(out, field{t.Columns[i].Name, sqlType(t.Columns[i].Type), i})
	}
	if t == table.Conversions {
		var parts []string
		for _, c := range table.Credits.Columns[1:] {
			parts = append(parts, quote(c.Name)+" "+sqlType(c.Type))
		}
		out = append(out, field{credits, "ARRAY<STRUCT<" + strings.Join(parts, ", ") + ">>", fieldCredits})
	}
	if rows.Status(t) >= 0 {
		out = append(out, field{rows.Restated, "BOOL", fieldRestated})
	}
	return append(out,
		field{rows.Rev, "INT64", fieldRev},
		field{rows.IsDeleted, "BOOL", fieldDeleted},
		field{rows.Shard, "INT64", fieldShard})
}

// The columns of the progress table. Rows of a table whose rev is below floor
// are of before the last time that all was written: they count no more. stream
// and next are where a log goes on.
const progressColumns = "`table` STRING, shard INT64, epoch INT64, `commit` INT64, watermark TIMESTAMP, floor INT64, stream STRING, next INT64"

// schema writes the SQL.
type schema struct {
	cfg  Config
	deps sinks.Deps
}

func quote(name string) string { return "`" + name + "`" }

func (s *schema) qualified(name string) string {
	return quote(s.cfg.Project + "." + s.cfg.Dataset + "." + name)
}

func (s *schema) dialect() rows.Dialect {
	return rows.Dialect{
		Quote: quote,
		Name:  s.qualified,
		Minus: func(t string, ms event.Millis) string {
			return fmt.Sprintf("TIMESTAMP_SUB(%s, INTERVAL %d MILLISECOND)", t, ms)
		},
		Day: func(column string) string { return "UNIX_DATE(DATE(" + column + "))" },
		Sum: func(column string) string { return "COALESCE(SUM(" + column + "), 0)" },
	}
}

// DDL are the statements that make everything the sink needs, for whoever wants
// to read or run them by hand.
func DDL(cfg Config, deps sinks.Deps) []string {
	s := &schema{cfg, deps}
	return append(s.all(), s.mark(s.hash()))
}

func (s *schema) all() []string {
	out := []string{fmt.Sprintf("CREATE SCHEMA IF NOT EXISTS %s OPTIONS(location = '%s')", quote(s.cfg.Project+"."+s.cfg.Dataset), s.cfg.Location)}
	// It is known for ours from its first moment, even if the rest fails.
	out = append(out, fmt.Sprintf("CREATE TABLE IF NOT EXISTS %s (%s, PRIMARY KEY (`table`, shard) NOT ENFORCED) OPTIONS(description = 'tributary schema %d unfinished')", s.qualified(rows.Progress), progressColumns, schemaVersion))
	for _, t := range kept() {
		out = append(out, s.table(t))
	}
	for _, t := range kept() { // columns that an older layout lacks
		var add []string
		for _, f := range fields(t) {
			add = append(add, "ADD COLUMN IF NOT EXISTS "+quote(f.name)+" "+f.typ)
		}
		out = append(out, "ALTER TABLE "+s.qualified(t.Name)+" "+strings.Join(add, ", "))
	}
	for _, t := range table.All {
		out = append(out, s.view(t))
	}
	return out
}

// hash tells schemas apart: first the layout of the tables, then everything.
func (s *schema) hash() string {
	var b strings.Builder
	for _, t := range kept() {
		fmt.Fprintln(&b, t.Name, fields(t))
	}
	layout, all := sha256.Sum256([]byte(b.String())), sha256.Sum256([]byte(strings.Join(s.all(), ";")))
	return hex.EncodeToString(layout[:8]) + "_" + hex.EncodeToString(all[:8])
}

// sameLayout says whether the tables of another hash are as ours: then their
// rows can stay.
func (s *schema) sameLayout(hash string) bool {
	theirs, _, ok := strings.Cut(hash, "_")
	ours, _, _ := strings.Cut(s.hash(), "_")
	return ok && theirs == ours
}

// mark is the description of the progress table, by which the program knows at
// its next start that all is made: reading it costs nothing.
func (s *schema) mark(hash string) string {
	return fmt.Sprintf("ALTER TABLE %s SET OPTIONS(description = 'tributary schema %d %s')", s.qualified(rows.Progress), schemaVersion, hash)
}

// clustered are the columns that queries choose by, before the key.
var clustered = map[*table.Table][]string{
	table.MinuteDelivery:    {"campaign_id"},
	table.HourDelivery:      {"campaign_id", "publisher_id"},
	table.MinuteInvalid:     {"campaign_id"},
	table.MinuteAttribution: {"model", "campaign_id"},
	table.HourByTouch:       {"model", "campaign_id"},
	table.Conversions:       {"event_time"},
	table.Journal:           {"conversion_id"},
}

// divided is the column by whose month a table is divided, or -1: only one that
// never changes for a row will do.
func divided(t *table.Table) int {
	if t == table.Conversions { // an id may be used again later
		return -1
	}
	return rows.QueryTime(t)
}

func (s *schema) table(t *table.Table) string {
	var cols []string
	for _, f := range fields(t) {
		cols = append(cols, quote(f.name)+" "+f.typ)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "CREATE TABLE IF NOT EXISTS %s (%s", s.qualified(t.Name), strings.Join(cols, ", "))
	if !isLog(t) {
		fmt.Fprintf(&b, ", PRIMARY KEY (%s) NOT ENFORCED", rows.KeyHash)
	}
	b.WriteString(")")
	if i := divided(t); i >= 0 {
		fmt.Fprintf(&b, " PARTITION BY TIMESTAMP_TRUNC(%s, MONTH)", quote(t.Columns[i].Name))
	}
	fmt.Fprintf(&b, " CLUSTER BY %s", strings.Join(append(slices.Clone(clustered[t]), rows.KeyHash), ", "))
	if s.cfg.MaxStaleness > 0 && !isLog(t) {
		fmt.Fprintf(&b, " OPTIONS(max_staleness = INTERVAL %d SECOND)", max(1, int64(s.cfg.MaxStaleness)/1000))
	}
	return b.String()
}

func (s *schema) view(t *table.Table) string {
	from := s.qualified(t.Name) + " t"
	where := "NOT t.is_deleted AND t.rev >= p.floor"
	switch {
	case t == table.Credits:
		var cols []string
		for _, c := range table.Credits.Columns[1:] {
			cols = append(cols, "x."+quote(c.Name))
		}
		from = fmt.Sprintf("(SELECT c.conversion_id, %s, c.shard, c.rev FROM %s c CROSS JOIN UNNEST(c.credits) x) t", strings.Join(cols, ", "), s.qualified(table.Conversions.Name))
		where = "t.rev >= p.floor"
	case isLog(t):
		// What was sent again after a lost answer is there twice.
		by := rows.KeyHash
		if i := divided(t); i >= 0 {
			by = quote(t.Columns[i].Name) + ", " + by // so that a filter by time reaches the partitions
		}
		from = fmt.Sprintf("(SELECT * FROM %s WHERE true QUALIFY ROW_NUMBER() OVER (PARTITION BY %s ORDER BY rev DESC) = 1) t", s.qualified(t.Name), by)
	}
	return "CREATE OR REPLACE VIEW " + s.qualified(rows.ViewName(t)) + " AS " + s.dialect().Select(t, s.deps, from, where)
}
