package clickhouse

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/tributary-data/tributary/table"
)

// This file brings a database from what it is to what DDL says, whichever
// version made it. What cannot be changed in place is made anew and filled by
// a resync: the tables hold nothing that the state does not.

// prepare makes the schema fit; it does little when it does already.
func (s *Sink) prepare(ctx context.Context) error {
	have, err := s.existing(ctx)
	if err != nil {
		return err
	}
	if have.version > schemaVersion {
		return fmt.Errorf("database %s was made by a newer tributary (schema %d; this program knows %d): upgrade the program, or point sinks.clickhouse.database to another database",
			s.cfg.Database, have.version, schemaVersion)
	}
	if have.fingerprint == s.fingerprint && s.complete(have) {
		return nil
	}
	if err := have.foreign(s); err != nil {
		return err
	}
	if err := s.migrate(ctx, have); err != nil {
		return fmt.Errorf("making the schema: %w", err)
	}
	return nil
}

// existing is what a database holds.
type existing struct {
	version     uint32
	fingerprint string
	schema      bool                         // the schema table is there
	n           uint64                       // entries of the schema table
	columns     map[string]map[string]string // types by table and column
	tables      map[string]existingTable
}

type existingTable struct{ engine, sorting, partition, definition string }

func (s *Sink) existing(ctx context.Context) (*existing, error) {
	h := &existing{columns: map[string]map[string]string{}, tables: map[string]existingTable{}}
	db := quote(s.cfg.Database)
	err := s.query(ctx, "looking at the tables", "SELECT name, engine, sorting_key, partition_key, create_table_query FROM system.tables WHERE database = "+db, func(rows driver.Rows) error {
		var name string
		var t existingTable
		err := rows.Scan(&name, &t.engine, &t.sorting, &t.partition, &t.definition)
		h.tables[name] = t
		return err
	})
	if err != nil {
		return nil, err
	}
	if _, h.schema = h.tables[schemaTable]; !h.schema {
		return h, nil
	}
	return h, s.query(ctx, "looking at the schema's version", "SELECT argMax(t.version, t.n), argMax(t.fingerprint, t.n), max(t.n) FROM "+s.table(schemaTable)+" AS t", func(rows driver.Rows) error {
		return rows.Scan(&h.version, &h.fingerprint, &h.n)
	})
}

// names are the tables that have to be there.
func (s *Sink) names() []string {
	names := []string{progressTable, progressView}
	for _, t := range table.All {
		names = append(names, "v_"+t.Name)
	}
	for _, l := range layouts {
		names = append(names, s.local(l.name))
		if s.cfg.Cluster.Sharded {
			names = append(names, l.name)
		}
	}
	return names
}

func (s *Sink) complete(h *existing) bool {
	return !slices.ContainsFunc(s.names(), func(name string) bool { _, ok := h.tables[name]; return !ok })
}

// foreign refuses a database with tables of our names that we did not make.
func (h *existing) foreign(s *Sink) error {
	if h.schema {
		return nil
	}
	for _, name := range s.names() {
		if _, ok := h.tables[name]; ok {
			return fmt.Errorf("database %s has a table %s that tributary did not make: give sinks.clickhouse.database a database of its own", s.cfg.Database, name)
		}
	}
	return nil
}

func (s *Sink) migrate(ctx context.Context, h *existing) error {
	if !h.schema {
		// First the mark that the tables are ours, so that a crash in between
		// leaves nothing that looks foreign.
		for _, sql := range []string{s.createDatabase(), s.createSchemaTable()} {
			if err := s.exec(ctx, "making the database", sql); err != nil {
				return err
			}
		}
	}
	steps, rebuild, err := s.steps(ctx, h)
	if err != nil {
		return err
	}
	if rebuild != "" {
		s.deps.Logger.Info("the tables are made to fit and written anew", slog.String("because", rebuild), slog.Int("from_schema", int(h.version)), slog.Int("to_schema", schemaVersion))
		// Progress goes first: a crash in between must not leave one that the
		// tables do not keep.
		if _, ok := h.tables[progressTable]; ok {
			steps = append([]string{"TRUNCATE TABLE IF EXISTS " + s.table(progressTable) + s.onCluster()}, steps...)
		}
	}
	for _, sql := range slices.Concat(steps, s.createTables(), s.alterTTLs(h), s.createViews()) {
		if err := s.exec(ctx, firstWords(sql), sql); err != nil {
			return err
		}
	}
	return s.exec(ctx, "writing the schema's version", fmt.Sprintf("INSERT INTO %s (id, version, fingerprint, program, n) VALUES (0, %d, %s, %s, %d)",
		s.table(schemaTable), schemaVersion, quote(s.fingerprint), quote(s.deps.Version), h.n+1))
}

// firstWords is a statement's beginning, for messages.
func firstWords(sql string) string {
	line, _, _ := strings.Cut(sql, "\n")
	if cut := strings.Index(line, " ("); cut > 0 {
		line = line[:cut]
	}
	return "running " + line
}

// steps are what has to be done to tables that are there, and why all rows must
// be written again, if they must.
func (s *Sink) steps(ctx context.Context, h *existing) (steps []string, rebuild string, err error) {
	err = s.query(ctx, "looking at the columns", "SELECT `table`, name, type FROM system.columns WHERE database = "+quote(s.cfg.Database), func(rows driver.Rows) error {
		var t, name, typ string
		err := rows.Scan(&t, &name, &typ)
		if h.columns[t] == nil {
			h.columns[t] = map[string]string{}
		}
		h.columns[t][name] = typ
		return err
	})
	for _, l := range layouts {
		name := s.local(l.name)
		t, ok := h.tables[name]
		if !ok {
			if h.version > 0 {
				rebuild = "table " + name + " is missing"
			}
			continue
		}
		if why := s.misplaced(l, t, h.columns[name]); why != "" {
			steps = append(steps, "DROP TABLE IF EXISTS "+s.table(name)+s.onCluster()+" SYNC")
			if s.cfg.Cluster.Sharded {
				steps = append(steps, "DROP TABLE IF EXISTS "+s.table(l.name)+s.onCluster()+" SYNC")
			}
			rebuild = fmt.Sprintf("table %s %s", name, why)
			continue
		}
		changed := s.alterColumns(l, h.columns[name])
		if len(changed) > 0 {
			rebuild = fmt.Sprintf("table %s has other columns", name)
			steps = append(steps, changed...)
		}
	}
	return steps, rebuild, err
}

// misplaced says why rows of a table lie where they must not: an engine, an
// order or types of keys that cannot be changed in place.
func (s *Sink) misplaced(l *layout, t existingTable, have map[string]string) string {
	// Servers may put a kind of their own in place of the one that was asked
	// for, such as SharedReplacingMergeTree.
	engine := strings.HasSuffix(t.engine, "ReplacingMergeTree") && (s.cfg.Cluster.Name == "" || t.engine != "ReplacingMergeTree")
	plain := func(sql string) string { return strings.NewReplacer("`", "", "(", "", ")", "").Replace(sql) }
	partition := ""
	if l.time != "" {
		partition = l.partition()
	}
	switch {
	case !engine:
		return "has the engine " + t.engine
	case plain(t.sorting) != plain(l.sorting()):
		return "is sorted by " + t.sorting
	case plain(t.partition) != plain(partition):
		return "is partitioned by " + t.partition
	}
	for _, c := range l.columns {
		if typ := have[c.name]; slices.Contains(l.order, c.name) && typ != c.typ {
			return fmt.Sprintf("has the key %s of type %s", c.name, typ)
		}
	}
	return ""
}

// alterColumns adds and changes columns. Those that are too many are of a later
// or an earlier version, or the user's; they do no harm.
func (s *Sink) alterColumns(l *layout, have map[string]string) (steps []string) {
	after := ""
	for i := range l.columns {
		c := &l.columns[i]
		place := " FIRST"
		if after != "" {
			place = " AFTER " + ident(after)
		}
		after = c.name
		verb := "ADD COLUMN IF NOT EXISTS "
		if typ, ok := have[c.name]; ok {
			if typ == c.typ {
				continue
			}
			verb = "MODIFY COLUMN "
		}
		for _, name := range slices.Compact([]string{s.local(l.name), l.name}) {
			sql := c.sql()
			if name != s.local(l.name) {
				sql = ident(c.name) + " " + c.typ // a Distributed table stores nothing
			}
			steps = append(steps, "ALTER TABLE "+s.table(name)+s.onCluster()+" "+verb+sql+place)
		}
	}
	return steps
}

// alterTTLs makes the retention of tables that are there the configured one.
// Nothing is written anew for it: what is gone stays gone until a resync.
func (s *Sink) alterTTLs(h *existing) (steps []string) {
	for _, l := range layouts {
		t, ok := h.tables[s.local(l.name)]
		if !ok {
			continue
		}
		name, ttl := s.table(s.local(l.name))+s.onCluster(), s.ttl(l)
		has := strings.Contains(t.definition, " TTL ")
		switch same := ttl != "" && strings.Contains(t.definition, " TTL "+strings.ReplaceAll(ttl, "`", "")+" "); {
		case same: // to say it again would write every part again
		case ttl != "":
			steps = append(steps, "ALTER TABLE "+name+" MODIFY TTL "+ttl)
		case has:
			steps = append(steps, "ALTER TABLE "+name+" REMOVE TTL")
		}
	}
	return steps
}
