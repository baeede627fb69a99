package postgres

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/sinks"
	"github.com/tributary-data/tributary/sinks/rows"
	"github.com/tributary-data/tributary/table"
)

// schemaVersion counts changes of the layout that adding columns cannot express.
const schemaVersion = 1

// marker is the table that says which schema was made, and that we made it.
const marker = "tributary_schema"

// schema writes the SQL of the tables.
type schema struct {
	name      string // empty: what search_path finds
	monthly   bool
	deps      sinks.Deps
	upserts   map[*table.Table]string
	deletes   map[*table.Table]string
	inserts   map[*table.Table][]string // columns in the order of a COPY
	wipe, due string
}

func quote(name string) string { return pgx.Identifier{name}.Sanitize() }

func (s *schema) qualified(name string) string {
	if s.name == "" {
		return quote(name)
	}
	return pgx.Identifier{s.name, name}.Sanitize()
}

func (s *schema) dialect() rows.Dialect {
	return rows.Dialect{
		Quote: quote,
		Name:  s.qualified,
		Minus: func(t string, ms event.Millis) string {
			return fmt.Sprintf("%s - interval '%d milliseconds'", t, ms)
		},
		Day: func(column string) string { return "floor(extract(epoch FROM " + column + ") / 86400)::bigint" },
		Sum: func(column string) string { return "COALESCE(SUM(" + column + "), 0)::bigint" },
	}
}

// DDL are the statements that make everything the sink needs, for whoever wants
// to read or run them by hand.
func DDL(cfg Config, deps sinks.Deps) []string {
	s := newSchema(cfg, deps)
	out := s.tables()
	out = append(out, s.views()...)
	return append(out, s.mark(s.hash()))
}

func newSchema(cfg Config, deps sinks.Deps) *schema {
	s := &schema{name: cfg.Schema, monthly: cfg.Partitions == partitionsMonth, deps: deps}
	s.prepare()
	return s
}

// hash tells schemas apart: of another layout, or of rules that give rows
// another status.
func (s *schema) hash() string {
	sum := sha256.Sum256([]byte(strings.Join(append(s.tables(), s.views()...), ";")))
	return hex.EncodeToString(sum[:8])
}

func (s *schema) mark(hash string) string {
	return fmt.Sprintf("INSERT INTO %s (one, version, hash) VALUES (true, %d, '%s') ON CONFLICT (one) DO UPDATE SET version = excluded.version, hash = excluded.hash, made_at = now()",
		s.qualified(marker), schemaVersion, hash)
}

// tables makes what is missing; running it again changes nothing.
func (s *schema) tables() []string {
	var out []string
	if s.name != "" {
		out = append(out, "CREATE SCHEMA IF NOT EXISTS "+quote(s.name))
	}
	out = append(out,
		"CREATE TABLE IF NOT EXISTS "+s.qualified(marker)+" (one boolean PRIMARY KEY CHECK (one), version integer NOT NULL, hash text NOT NULL, made_at timestamptz NOT NULL DEFAULT now())",
		"CREATE TABLE IF NOT EXISTS "+s.qualified(rows.Progress)+` ("table" text COLLATE "C" NOT NULL, shard smallint NOT NULL, epoch bigint NOT NULL, "commit" bigint NOT NULL, watermark timestamptz, updated_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY ("table", shard)) WITH (fillfactor = 50)`,
	)
	for _, t := range table.All {
		out = append(out, s.table(t))
		for _, name := range indexed[t] {
			out = append(out, s.index(t, name))
		}
	}
	// The rows are there from the beginning so that they can be locked.
	var names []string
	for _, t := range table.All {
		names = append(names, "('"+t.Name+"', 0, 0, 0)")
	}
	return append(out, "INSERT INTO "+s.qualified(rows.Progress)+` ("table", shard, epoch, "commit") VALUES `+strings.Join(names, ", ")+" ON CONFLICT DO NOTHING")
}

// indexed are the columns that are asked for beside the time in a table's key.
// Texts get hash indexes, which hold any length.
var indexed = map[*table.Table][]string{
	table.Sessions:    {"start", "session_id", "person"},
	table.Conversions: {"event_time", "conversion_id", "person"},
	table.Credits:     {"touch_time", "conversion_id"},
	table.Journal:     {"at", "conversion_id"},
	table.Verdicts:    {"event_id"},
	table.Triggers:    {"matched_at"},
}

func (s *schema) index(t *table.Table, column string) string {
	method := "btree"
	if t.Columns[t.Col(column)].Type == table.Text {
		method = "hash"
	}
	return fmt.Sprintf("CREATE INDEX IF NOT EXISTS %s ON %s USING %s (%s)", quote(t.Name+"_"+column+"_idx"), s.qualified(t.Name), method, quote(column))
}

func (s *schema) table(t *table.Table) string {
	var cols []string
	for _, c := range columns(t) {
		cols = append(cols, quote(c.name)+" "+c.definition)
	}
	var key []string
	for _, name := range keyColumns(t) {
		key = append(key, quote(name))
	}
	text := fmt.Sprintf("CREATE TABLE IF NOT EXISTS %s (%s, PRIMARY KEY (%s))", s.qualified(t.Name), strings.Join(cols, ", "), strings.Join(key, ", "))
	if s.partitioned(t) {
		text += " PARTITION BY RANGE (" + quote(t.Columns[rows.KeyTime(t)].Name) + ")"
	}
	return text
}

func (s *schema) partitioned(t *table.Table) bool { return s.monthly && rows.KeyTime(t) >= 0 }

// partition makes the partition of a month.
func (s *schema) partition(t *table.Table, month time.Time) string {
	const day = "2006-01-02"
	return fmt.Sprintf("CREATE TABLE IF NOT EXISTS %s PARTITION OF %s FOR VALUES FROM ('%s 00:00:00+00') TO ('%s 00:00:00+00')",
		s.qualified(t.Name+month.Format("_2006_01")), s.qualified(t.Name), month.Format(day), month.AddDate(0, 1, 0).Format(day))
}

// keyColumns are the primary key: the time, where the key has one, so that
// ranges of time are ranges of the key, and the hash.
func keyColumns(t *table.Table) []string {
	if i := rows.KeyTime(t); i >= 0 {
		return []string{t.Columns[i].Name, rows.KeyHash}
	}
	return []string{rows.KeyHash}
}

type column struct {
	name       string
	definition string
	array      string // the type of the parameter that carries the column
	logical    int    // index in the table, or one of those below
}

const (
	colHash     = -1
	colRev      = -2
	colRestated = -3
)

// columns are a table's physical columns in order.
func columns(t *table.Table) []column {
	out := []column{{rows.KeyHash, "uuid NOT NULL", "uuid[]", colHash}}
	for _, i := range rows.Stored(t) {
		c := column{name: t.Columns[i].Name, logical: i}
		switch t.Columns[i].Type {
		case table.Text:
			c.definition, c.array = `text COLLATE "C" NOT NULL DEFAULT ''`, "text[]"
		case table.Int:
			c.definition, c.array = "bigint NOT NULL DEFAULT 0", "bigint[]"
		case table.Time:
			c.definition, c.array = "timestamptz", "timestamptz[]"
			if i < t.Keys {
				c.definition += " NOT NULL"
			}
		case table.List:
			c.definition, c.array = "text[] NOT NULL DEFAULT '{}'", "text[]"
		}
		out = append(out, c)
	}
	if rows.Status(t) >= 0 {
		out = append(out, column{rows.Restated, "boolean NOT NULL DEFAULT false", "boolean[]", colRestated})
	}
	return append(out,
		column{rows.Rev, "bigint NOT NULL DEFAULT 0", "bigint[]", colRev},
		column{name: rows.Shard, definition: "smallint NOT NULL DEFAULT 0"})
}

// replaceView keeps rights on a view, and what others built on it.
const replaceView = "CREATE OR REPLACE VIEW "

func (s *schema) views() []string {
	var out []string
	for _, t := range table.All {
		name := s.qualified(rows.ViewName(t))
		out = append(out, replaceView+name+" AS "+s.dialect().Select(t, s.deps, s.qualified(t.Name)+" t", ""))
	}
	return out
}

// prepare writes the statements of every batch.
func (s *schema) prepare() {
	s.upserts, s.deletes, s.inserts = map[*table.Table]string{}, map[*table.Table]string{}, map[*table.Table][]string{}
	for _, t := range table.All {
		var names, quoted, arrays, as, from, set []string
		key := keyColumns(t)
		for _, c := range columns(t) {
			if c.array == "" {
				continue
			}
			names, quoted = append(names, c.name), append(quoted, quote(c.name))
			arrays = append(arrays, fmt.Sprintf("$%d::%s", len(names), c.array))
			as = append(as, fmt.Sprintf("a%d", len(names)))
			value := fmt.Sprintf("s.a%d", len(names))
			if c.logical >= 0 && t.Columns[c.logical].Type == table.List {
				value += "::text[]"
			}
			from = append(from, value)
			if c.name != key[0] && c.name != key[len(key)-1] {
				set = append(set, fmt.Sprintf("%s = excluded.%s", quote(c.name), quote(c.name)))
			}
		}
		s.inserts[t] = names
		s.upserts[t] = fmt.Sprintf("INSERT INTO %s AS t (%s) SELECT %s FROM unnest(%s) AS s(%s) ON CONFLICT (%s) DO UPDATE SET %s WHERE t.rev <= excluded.rev",
			s.qualified(t.Name), strings.Join(quoted, ", "), strings.Join(from, ", "), strings.Join(arrays, ", "), strings.Join(as, ", "), strings.Join(key, ", "), strings.Join(set, ", "))
		s.deletes[t] = fmt.Sprintf("DELETE FROM %s AS t USING unnest($1::uuid[], $2::bigint[]) AS s(h, r) WHERE t.key_hash = s.h AND t.rev <= s.r", s.qualified(t.Name))
		if i := rows.KeyTime(t); i >= 0 {
			s.deletes[t] = fmt.Sprintf("DELETE FROM %s AS t USING unnest($1::uuid[], $2::bigint[], $3::timestamptz[]) AS s(h, r, k) WHERE t.%s = s.k AND t.key_hash = s.h AND t.rev <= s.r",
				s.qualified(t.Name), quote(t.Columns[i].Name))
		}
	}
	s.wipe = "DELETE FROM " + s.qualified(table.Credits.Name) + " WHERE conversion_id = ANY($1::text[])"
	s.due = `INSERT INTO ` + s.qualified(rows.Progress) + ` ("table", shard, epoch, "commit", watermark) SELECT n, 0, $2, $3, $4 FROM unnest($1::text[]) AS n
ON CONFLICT ("table", shard) DO UPDATE SET epoch = excluded.epoch, "commit" = excluded."commit", watermark = excluded.watermark, updated_at = now()`
}

// migrate brings the database's schema to ours, in one transaction.
func (s *schema) migrate(ctx context.Context, conn *pgx.Conn, allowed bool) (err error) {
	have, version, err := s.marked(ctx, conn)
	if err != nil || have == s.hash() {
		return err
	}
	if version > schemaVersion {
		return fmt.Errorf("the tables are of version %d, this program knows %d: they were made by a newer release; upgrade this one, or give it a schema of its own (sinks.postgres.schema)", version, schemaVersion)
	}
	if !allowed {
		return errors.New("the tables are not as this release wants them, and sinks.postgres.migrate is false: run the statements that the dry run prints, as a role that may")
	}
	tx, err := conn.Begin(ctx)
	if err != nil {
		return err
	}
	defer tx.Rollback(ctx) //nolint:errcheck // after a commit it does nothing, before it the cause is already told
	if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock(hashtext($1))", "tributary "+s.name); err != nil {
		return err
	}
	if have, _, err = s.marked(ctx, tx); err != nil || have == s.hash() {
		return err // somebody else was quicker
	}
	if have == "" {
		if err := s.refuseForeign(ctx, tx); err != nil {
			return err
		}
	}
	before, err := s.present(ctx, tx)
	if err != nil {
		return err
	}
	changed := false
	statements := s.tables()
	for _, t := range table.All {
		if before[t.Name] == nil {
			changed = changed || have != ""
			continue
		}
		for _, c := range columns(t) {
			if !before[t.Name][c.name] {
				changed = true
				add := "ALTER TABLE " + s.qualified(t.Name) + " ADD COLUMN IF NOT EXISTS " + quote(c.name) + " " + c.definition
				statements = append([]string{add}, statements...) // before the index on it
			}
		}
	}
	statements = append(statements, s.views()...)
	statements = append(statements, s.mark(s.hash()))
	if changed { // what is new is empty until everything is written again; the epoch stays, it fences
		statements = append(statements, "UPDATE "+s.qualified(rows.Progress)+` SET "commit" = 0`)
	}
	for _, q := range statements {
		if err := execute(ctx, tx, q); err != nil {
			return fmt.Errorf("%.60s...: %w", q, err)
		}
	}
	return tx.Commit(ctx)
}

// execute runs a statement; a view that cannot be replaced because its columns
// are others is dropped before.
func execute(ctx context.Context, tx pgx.Tx, q string) error {
	rest, isView := strings.CutPrefix(q, replaceView)
	if !isView {
		_, err := tx.Exec(ctx, q)
		return err
	}
	point, err := tx.Begin(ctx) // a savepoint
	if err != nil {
		return err
	}
	_, err = point.Exec(ctx, q)
	var pg *pgconn.PgError
	if err == nil || !errors.As(err, &pg) || pg.Code != "42P16" {
		if err != nil {
			return err
		}
		return point.Commit(ctx)
	}
	if err := point.Rollback(ctx); err != nil {
		return err
	}
	name, _, _ := strings.Cut(rest, " AS ")
	if _, err := tx.Exec(ctx, "DROP VIEW "+name); err != nil {
		return err
	}
	_, err = tx.Exec(ctx, q)
	return err
}

// marked reads which schema the database has; empty when it has none of ours.
func (s *schema) marked(ctx context.Context, q querier) (hash string, version int, err error) {
	there, err := s.exists(ctx, q, marker)
	if err != nil || !there {
		return "", 0, err
	}
	err = q.QueryRow(ctx, "SELECT hash, version FROM "+s.qualified(marker)).Scan(&hash, &version)
	if errors.Is(err, pgx.ErrNoRows) {
		err = nil
	}
	return hash, version, err
}

type querier interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

func (s *schema) exists(ctx context.Context, q querier, name string) (there bool, err error) {
	err = q.QueryRow(ctx, "SELECT count(*) > 0 FROM information_schema.tables WHERE table_schema = COALESCE(NULLIF($1, ''), current_schema()) AND table_name = $2", s.name, name).Scan(&there)
	return there, err
}

// refuseForeign wants that none of our names is taken: public is often shared.
func (s *schema) refuseForeign(ctx context.Context, q querier) error {
	names := []string{rows.Progress}
	for _, t := range table.All {
		names = append(names, t.Name, rows.ViewName(t))
	}
	for _, name := range names {
		there, err := s.exists(ctx, q, name)
		if err != nil {
			return err
		}
		if there {
			return fmt.Errorf("the schema already has a table %s that is not ours: set sinks.postgres.schema to one that holds nothing else", name)
		}
	}
	return nil
}

// present lists the columns of our tables that are there.
func (s *schema) present(ctx context.Context, q querier) (map[string]map[string]bool, error) {
	found, err := q.Query(ctx, "SELECT table_name::text, column_name::text FROM information_schema.columns WHERE table_schema = COALESCE(NULLIF($1, ''), current_schema())", s.name)
	if err != nil {
		return nil, err
	}
	defer found.Close()
	out := map[string]map[string]bool{}
	for found.Next() {
		var t, c string
		if err := found.Scan(&t, &c); err != nil {
			return nil, err
		}
		if out[t] == nil {
			out[t] = map[string]bool{}
		}
		out[t][c] = true
	}
	return out, found.Err()
}
