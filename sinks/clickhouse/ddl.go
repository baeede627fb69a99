package clickhouse

import (
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/sinks"
	"github.com/tributary-data/tributary/table"
)

// schemaVersion is the version of the layout and the views. What changes
// between versions is found by comparison (migrate.go); the number only keeps
// an older program from writing into what a newer one made.
const schemaVersion = 1

// Tables beside those of the layouts.
const (
	progressTable = "sync_progress" // how far each table is, and which revisions count
	schemaTable   = "sync_schema"   // what the tables were made by
	progressView  = "progress"
)

// ddl writes the statements for one configuration.
type ddl struct {
	cfg  *Config
	deps sinks.Deps
}

// DDL is what the sink runs on an empty server, statement by statement, for a
// dry run.
func DDL(cfg Config, deps sinks.Deps) []string {
	d := ddl{&cfg, deps}
	out := []string{d.createDatabase(), d.createSchemaTable()}
	out = append(out, d.createTables()...)
	return append(out, d.createViews()...)
}

// ident quotes a name.
func ident(name string) string {
	return "`" + strings.NewReplacer("\\", "\\\\", "`", "\\`").Replace(name) + "`"
}

// quote writes a text as a literal.
func quote(s string) string {
	return "'" + strings.NewReplacer("\\", "\\\\", "'", "\\'").Replace(s) + "'"
}

func idents(names []string) string {
	quoted := make([]string, len(names))
	for i, n := range names {
		quoted[i] = ident(n)
	}
	return strings.Join(quoted, ", ")
}

// table is a name with its database.
func (d ddl) table(name string) string { return ident(d.cfg.Database) + "." + ident(name) }

// local is where the rows of a table lie: the table itself, unless a
// Distributed table stands before it.
func (d ddl) local(name string) string {
	if d.cfg.Cluster.Sharded {
		return name + "_local"
	}
	return name
}

func (d ddl) onCluster() string {
	if d.cfg.Cluster.Name == "" {
		return ""
	}
	return " ON CLUSTER " + quote(d.cfg.Cluster.Name)
}

// engine is ReplacingMergeTree or its replicated form. One that everybody has
// is replicated over all servers; the others within their shard.
func (d ddl) engine(everywhere bool, args string) string {
	switch {
	case d.cfg.Cluster.Name == "":
		return "ReplacingMergeTree(" + args + ")"
	case everywhere && d.cfg.Cluster.Sharded:
		return "ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/all', '{shard}-{replica}', " + args + ")"
	}
	return "ReplicatedReplacingMergeTree(" + args + ")" // path and replica as the servers are configured
}

func (d ddl) createDatabase() string {
	return "CREATE DATABASE IF NOT EXISTS " + ident(d.cfg.Database) + d.onCluster()
}

// settings of a table. Partitions that have come to rest are merged to one part,
// which FINAL reads as it is. Replicas must not take a block for an older one
// that looks the same: between the two the rows may have been removed.
func (d ddl) settings(forceMerge bool) string {
	var s []string
	if forceMerge {
		s = append(s, "min_age_to_force_merge_seconds = 86400, min_age_to_force_merge_on_partition_only = 1")
	}
	if d.cfg.Fsync {
		s = append(s, "fsync_after_insert = 1, fsync_part_directory = 1")
	}
	if d.cfg.Cluster.Name != "" {
		s = append(s, "replicated_deduplication_window = 0")
	}
	if len(s) == 0 {
		return ""
	}
	return " SETTINGS " + strings.Join(s, ", ")
}

func (d ddl) createSchemaTable() string {
	return "CREATE TABLE IF NOT EXISTS " + d.table(schemaTable) + d.onCluster() +
		" (`id` UInt8, `version` UInt32, `fingerprint` String, `program` String, `n` UInt64, `at` DateTime DEFAULT now())" +
		" ENGINE = " + d.engine(true, "n") + " ORDER BY id" + d.settings(false) + " COMMENT 'tributary: what made these tables'"
}

// createProgress: the floor is in the key, so that no later row of an earlier
// floor can take its place; it only rises.
func (d ddl) createProgress() string {
	return "CREATE TABLE IF NOT EXISTS " + d.table(progressTable) + d.onCluster() +
		" (`table` LowCardinality(String), `shard` UInt16, `epoch` UInt32, `commit` UInt64, `watermark` Int64, `floor` UInt64, `rev` UInt64)" +
		" ENGINE = " + d.engine(true, "rev") + " ORDER BY (`table`, shard, floor)" + d.settings(false) +
		" COMMENT 'tributary: how far the tables are; read progress'"
}

// createTables has the statements for all tables but that of the schema.
func (d ddl) createTables() []string {
	out := []string{d.createProgress()}
	for _, l := range layouts {
		out = append(out, d.createTable(l))
		if d.cfg.Cluster.Sharded {
			out = append(out, d.createDistributed(l))
		}
	}
	return out
}

func (c *column) sql() string {
	s := ident(c.name) + " " + c.typ
	if c.codec != "" {
		s += " CODEC(" + c.codec + ")"
	}
	return s
}

func (d ddl) createTable(l *layout) string {
	var b strings.Builder
	fmt.Fprintf(&b, "CREATE TABLE IF NOT EXISTS %s%s\n(\n", d.table(d.local(l.name)), d.onCluster())
	for i := range l.columns {
		if i > 0 {
			b.WriteString(",\n")
		}
		b.WriteString("    " + l.columns[i].sql())
	}
	if l.time == "" {
		b.WriteString(",\n    `written` DateTime DEFAULT now()") // for retention
	}
	for _, index := range l.indexes {
		b.WriteString(",\n    INDEX " + index)
	}
	fmt.Fprintf(&b, "\n)\nENGINE = %s\n", d.engine(false, "rev, is_deleted"))
	if l.time != "" {
		fmt.Fprintf(&b, "PARTITION BY %s\n", l.partition())
	}
	fmt.Fprintf(&b, "ORDER BY %s\n", l.sorting())
	if ttl := d.ttl(l); ttl != "" {
		fmt.Fprintf(&b, "TTL %s\n", ttl)
	}
	fmt.Fprintf(&b, "%s\nCOMMENT %s", strings.TrimPrefix(d.settings(true), " "), quote("tributary: "+l.comment))
	return b.String()
}

func (l *layout) partition() string { return "toYYYYMM(" + ident(l.time) + ")" }
func (l *layout) sorting() string   { return "(" + idents(l.order) + ")" }

// retained names the table whose retention a layout follows.
func (l *layout) retained() string {
	if l.logical == nil {
		return strings.TrimSuffix(l.name, "_by_id")
	}
	return l.name
}

// ttlGrace is how much longer rows lie than they are shown: the places of ids,
// and tombstones, must outlive what they are about.
const ttlGraceDays = 40

// ttl drops what no view shows any more (see shown); empty: nothing.
func (d ddl) ttl(l *layout) string {
	keep := d.cfg.keeps(l.retained())
	if keep == 0 {
		return ""
	}
	column := l.time
	if column == "" {
		column = "written"
	}
	seconds := int64(keep)/1000 + ttlGraceDays*86400
	return fmt.Sprintf("toDateTime(%s) + toIntervalSecond(%d)", ident(column), seconds)
}

func (d ddl) createDistributed(l *layout) string {
	return fmt.Sprintf("CREATE TABLE IF NOT EXISTS %s%s AS %s\nENGINE = Distributed(%s, %s, %s, cityHash64(%s))",
		d.table(l.name), d.onCluster(), d.table(d.local(l.name)),
		quote(d.cfg.Cluster.Name), quote(d.cfg.Database), quote(d.local(l.name)), ident(l.spread))
}

// watermark is that of a table's progress, in milliseconds.
func (d ddl) watermark(name string) string {
	return fmt.Sprintf("(SELECT argMax(watermark, rev) FROM %s WHERE `table` = %s)", d.table(progressTable), quote(name))
}

// shown are the rows of a table that count: none that an older owner or an
// earlier life of the state left behind, and none beyond retention, which
// merges drop at times of their own. It ends a SELECT.
func (d ddl) shown(l *layout) string {
	w := fmt.Sprintf("rev >= (SELECT max(floor) FROM %s WHERE `table` = %s)", d.table(progressTable), quote(l.name))
	if keep := d.cfg.keeps(l.retained()); keep > 0 {
		column := l.time
		if column == "" {
			column = "written"
		}
		w = fmt.Sprintf("%s > now() - toIntervalSecond(%d) AND %s", ident(column), int64(keep)/1000, w)
	}
	if l.time != "" {
		// A place lies in one partition for ever (layout.go).
		w += " SETTINGS do_not_merge_across_partitions_select_final = 1"
	}
	return w
}

func (d ddl) createViews() []string {
	var out []string
	for _, t := range table.All {
		if t == table.Credits {
			out = append(out, d.createCreditsView())
			continue
		}
		out = append(out, d.createView(t))
	}
	return append(out, d.createProgressView())
}

func (d ddl) createView(t *table.Table) string {
	l := layoutFor(t)
	var columns []string
	for _, c := range t.Columns {
		if c.Name != "status" {
			columns = append(columns, ident(c.Name))
			continue
		}
		at, plus, ok := d.deps.Closes(t)
		if !ok {
			panic("BUG: table " + t.Name + " has a status and no end")
		}
		columns = append(columns, fmt.Sprintf("multiIf(restated, 'restated', toUnixTimestamp64Milli(%s) + %d <= %s, 'final', 'provisional') AS status",
			ident(t.Columns[at].Name), int64(plus), d.watermark(t.Name)))
	}
	return fmt.Sprintf("CREATE OR REPLACE VIEW %s%s AS\nSELECT %s\nFROM %s FINAL\nWHERE %s",
		d.table("v_"+t.Name), d.onCluster(), strings.Join(columns, ", "), d.table(l.name), d.shown(l))
}

// createCreditsView unfolds the arrays of conversions.
func (d ddl) createCreditsView() string {
	l := layoutFor(table.Credits)
	from := map[int]string{}
	for _, c := range touchColumns {
		from[c.from] = fmt.Sprintf("%s[credit_touch]", ident(c.name))
	}
	joined := map[string]string{"model": "credit_models", "position": "credit_positions", "credit_ppm": "credit_ppms", "value_micros": "credit_micros"}
	var columns, inner []string
	for i, c := range table.Credits.Columns {
		switch {
		case from[i] != "":
			columns = append(columns, from[i]+" AS "+ident(c.Name))
		case c.Name == "position":
			columns = append(columns, "toInt64(credit_position) AS `position`")
		case joined[c.Name] != "":
			columns = append(columns, "credit_"+strings.TrimPrefix(c.Name, "credit_")+" AS "+ident(c.Name))
		default:
			columns = append(columns, ident(c.Name))
			inner = append(inner, c.Name)
		}
	}
	for _, c := range touchColumns {
		inner = append(inner, c.name)
	}
	for _, c := range creditColumns {
		inner = append(inner, c.name)
	}
	return fmt.Sprintf("CREATE OR REPLACE VIEW %s%s AS\nSELECT %s\nFROM (SELECT %s FROM %s FINAL WHERE %s)\n"+
		"ARRAY JOIN credit_models AS credit_model, credit_positions AS credit_position, credit_touches AS credit_touch, credit_ppms AS credit_ppm, credit_micros AS credit_value_micros",
		d.table("v_credits"), d.onCluster(), strings.Join(columns, ", "), idents(inner), d.table(l.name), d.shown(l))
}

// Bounds of the type of times: what lies beyond is kept as the bound. The
// upper one is that of nanoseconds in 64 bits, through which times go on the
// wire.
const (
	minTime event.Millis = -2208988800000 // 1900-01-01
	maxTime event.Millis = 9223372036854  // 2262-04-11
)

func (d ddl) createProgressView() string {
	return fmt.Sprintf("CREATE OR REPLACE VIEW %s%s AS\nSELECT p.`table` AS `table`, p.shard AS shard, argMax(p.commit, p.rev) AS commit, "+
		"fromUnixTimestamp64Milli(greatest(%d, least(%d, argMax(p.watermark, p.rev))), 'UTC') AS watermark, argMax(p.epoch, p.rev) AS epoch\n"+
		"FROM %s AS p\nGROUP BY p.`table`, p.shard", d.table(progressView), d.onCluster(), int64(minTime), int64(maxTime), d.table(progressTable))
}

// fingerprint is a digest of everything that DDL would run.
func (d ddl) fingerprint() string {
	h := fnv.New64a()
	for _, s := range DDL(*d.cfg, d.deps) {
		_, _ = h.Write([]byte(s))
		_, _ = h.Write([]byte{0})
	}
	return strconv.FormatUint(h.Sum64(), 16)
}
