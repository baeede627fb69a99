package snowflake

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

// marker is the table that says which schema was made, and that we made it.
const marker = "tributary_schema"

// credits is the column of a conversion's row that holds its credits.
const credits = "credits"

// kept are the physical tables: credits lie in their conversion's row.
func kept() []*table.Table {
	return slices.DeleteFunc(slices.Clone(table.All), func(t *table.Table) bool { return t == table.Credits })
}

// field is a column of a physical table.
type field struct {
	name    string
	typ     string
	logical int // index in the table, or one of those below
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
		return "NUMBER(38,0)"
	case table.Time:
		return "TIMESTAMP_NTZ(3)" // in UTC
	case table.List:
		return "ARRAY"
	default:
		return "VARCHAR"
	}
}

// fields are a table's columns in order, which is that of the values in the
// rows of a statement.
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
	out := []field{{rows.KeyHash, "VARCHAR", fieldHash}}
	for _, i := range rows.Stored(t) {
		out = append(out, field{t.Columns[i].Name, sqlType(t.Columns[i].Type), i})
	}
	if t == table.Conversions {
		out = append(out, field{credits, "VARIANT", fieldCredits})
	}
	if rows.Status(t) >= 0 {
		out = append(out, field{rows.Restated, "BOOLEAN", fieldRestated})
	}
	return append(out,
		field{rows.Rev, "NUMBER(38,0)", fieldRev},
		field{rows.IsDeleted, "BOOLEAN", fieldDeleted},
		field{rows.Shard, "NUMBER(38,0)", fieldShard})
}

// schema writes the SQL.
type schema struct {
	cfg    Config
	deps   sinks.Deps
	merges map[*table.Table]string
}

func newSchema(cfg Config, deps sinks.Deps) *schema {
	s := &schema{cfg: cfg, deps: deps, merges: map[*table.Table]string{}}
	for _, t := range kept() {
		s.merges[t] = s.merge(t)
	}
	return s
}

func upper(name string) string { return strings.ToUpper(name) }

// quote writes a name in capitals, as Snowflake reads it without quotes: they
// only help with names that are reserved, such as START.
func quote(name string) string { return `"` + upper(name) + `"` }

func (s *schema) qualified(name string) string {
	return quote(s.cfg.Database) + "." + quote(s.cfg.Schema) + "." + quote(name)
}

func (s *schema) dialect() rows.Dialect {
	return rows.Dialect{
		Quote: quote,
		Name:  s.qualified,
		Minus: func(t string, ms event.Millis) string {
			return fmt.Sprintf("TIMESTAMPADD(MILLISECOND, -%d, %s)", ms, t)
		},
		Day: func(column string) string { return "DATEDIFF(DAY, '1970-01-01'::DATE, " + column + "::DATE)" },
		Sum: func(column string) string { return "COALESCE(SUM(" + column + "), 0)" },
	}
}

// DDL are the statements that make everything the sink needs, for whoever wants
// to read or run them by hand.
func DDL(cfg Config, deps sinks.Deps) []string {
	s := newSchema(cfg, deps)
	return append(s.all(), s.mark(s.hash()))
}

func (s *schema) all() []string {
	out := []string{
		"CREATE SCHEMA IF NOT EXISTS " + quote(s.cfg.Database) + "." + quote(s.cfg.Schema),
		"CREATE TABLE IF NOT EXISTS " + s.qualified(marker) + ` ("ONE" NUMBER(1,0) NOT NULL, "VERSION" NUMBER(38,0), "HASH" VARCHAR)`,
		"CREATE TABLE IF NOT EXISTS " + s.qualified(rows.Progress) + ` ("TABLE" VARCHAR NOT NULL, "SHARD" NUMBER(38,0) NOT NULL, "EPOCH" NUMBER(38,0), "COMMIT" NUMBER(38,0), "WATERMARK" TIMESTAMP_NTZ(3), "FLOOR" NUMBER(38,0), PRIMARY KEY ("TABLE", "SHARD"))`,
	}
	for _, t := range kept() {
		out = append(out, s.table(t))
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

func (s *schema) mark(hash string) string {
	return fmt.Sprintf(`MERGE INTO %s t USING (SELECT 1 AS "ONE", %d AS "VERSION", '%s' AS "HASH") s ON t."ONE" = s."ONE" `+
		`WHEN MATCHED THEN UPDATE SET "VERSION" = s."VERSION", "HASH" = s."HASH" WHEN NOT MATCHED THEN INSERT ("ONE", "VERSION", "HASH") VALUES (s."ONE", s."VERSION", s."HASH")`,
		s.qualified(marker), schemaVersion, hash)
}

// addColumns gives a table what an older layout lacks.
func (s *schema) addColumns(t *table.Table) []string {
	var out []string
	for _, f := range fields(t) {
		out = append(out, "ALTER TABLE "+s.qualified(t.Name)+" ADD COLUMN IF NOT EXISTS "+quote(f.name)+" "+f.typ)
	}
	return out
}

func (s *schema) table(t *table.Table) string {
	var cols []string
	for _, f := range fields(t) {
		cols = append(cols, quote(f.name)+" "+f.typ)
	}
	text := fmt.Sprintf("CREATE TABLE IF NOT EXISTS %s (%s, PRIMARY KEY (%s))", s.qualified(t.Name), strings.Join(cols, ", "), quote(rows.KeyHash))
	if i := rows.QueryTime(t); i >= 0 && s.cfg.Cluster {
		text += " CLUSTER BY (TO_DATE(" + quote(t.Columns[i].Name) + "))"
	}
	return text
}

func (s *schema) view(t *table.Table) string {
	from, where := s.qualified(t.Name)+" t", `NOT t."IS_DELETED" AND t."REV" >= p."FLOOR"`
	if t == table.Credits {
		cols := []string{`c."CONVERSION_ID" AS "CONVERSION_ID"`}
		for _, c := range table.Credits.Columns[1:] {
			cols = append(cols, read("x.value:"+c.Name, c.Type)+" AS "+quote(c.Name))
		}
		from = fmt.Sprintf(`(SELECT %s, c."SHARD" AS "SHARD", c."REV" AS "REV" FROM %s c, LATERAL FLATTEN(INPUT => c."CREDITS") x) t`, strings.Join(cols, ", "), s.qualified(table.Conversions.Name))
		where = `t."REV" >= p."FLOOR"`
	}
	return "CREATE OR REPLACE VIEW " + s.qualified(rows.ViewName(t)) + " AS " + s.dialect().Select(t, s.deps, from, where)
}

// read takes a value out of JSON.
func read(from string, typ table.Type) string {
	switch typ {
	case table.Time:
		return "TO_TIMESTAMP_NTZ(" + from + "::VARCHAR)"
	default:
		return from + "::" + sqlType(typ)
	}
}

// merge writes the statement that puts rows in: they come as one text of JSON,
// an array of arrays in the order of fields. An older row changes nothing.
func (s *schema) merge(t *table.Table) string {
	var from, names, values, set []string
	for i, f := range fields(t) {
		at := fmt.Sprintf("f.value[%d]", i)
		expr := at + "::" + f.typ
		if f.logical >= 0 {
			expr = read(at, t.Columns[f.logical].Type)
		}
		q := quote(f.name)
		from = append(from, expr+" AS "+q)
		names, values = append(names, q), append(values, "s."+q)
		if f.logical != fieldHash {
			set = append(set, q+" = s."+q)
		}
	}
	return mergeSQL(s.qualified(t.Name), from, `t."KEY_HASH" = s."KEY_HASH"`, names, values, set)
}

func mergeSQL(into string, from []string, on string, names, values, set []string) string {
	return fmt.Sprintf(`MERGE INTO %s t USING (SELECT %s FROM (SELECT PARSE_JSON(?) AS doc) d, LATERAL FLATTEN(INPUT => d.doc) f) s ON %s `+
		`WHEN MATCHED AND s."REV" >= t."REV" THEN UPDATE SET %s WHEN NOT MATCHED THEN INSERT (%s) VALUES (%s)`,
		into, strings.Join(from, ", "), on, strings.Join(set, ", "), strings.Join(names, ", "), strings.Join(values, ", "))
}

// mergeProgress says where the tables stand; a writer of an older epoch changes
// nothing.
func (s *schema) mergeProgress() string {
	q := mergeSQL(s.qualified(rows.Progress),
		[]string{
			`f.value[0]::VARCHAR AS "TABLE"`, `f.value[1]::NUMBER(38,0) AS "SHARD"`, `f.value[2]::NUMBER(38,0) AS "EPOCH"`, `f.value[3]::NUMBER(38,0) AS "COMMIT"`,
			`TO_TIMESTAMP_NTZ(f.value[4]::VARCHAR) AS "WATERMARK"`, `f.value[5]::NUMBER(38,0) AS "FLOOR"`,
		},
		`t."TABLE" = s."TABLE" AND t."SHARD" = s."SHARD"`,
		[]string{`"TABLE"`, `"SHARD"`, `"EPOCH"`, `"COMMIT"`, `"WATERMARK"`, `"FLOOR"`},
		[]string{`s."TABLE"`, `s."SHARD"`, `s."EPOCH"`, `s."COMMIT"`, `s."WATERMARK"`, `s."FLOOR"`},
		[]string{`"EPOCH" = s."EPOCH"`, `"COMMIT" = s."COMMIT"`, `"WATERMARK" = s."WATERMARK"`, `"FLOOR" = s."FLOOR"`})
	return strings.Replace(q, `s."REV" >= t."REV"`, `s."EPOCH" >= t."EPOCH"`, 1)
}
