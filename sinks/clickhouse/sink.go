// Package clickhouse keeps the tables in ClickHouse. It owns a database there:
// its tables, its views v_<table> with exactly the logical tables, and progress.
//
// Invariants:
//  1. Rows are absolute and carry the revision of the view that they were read
//     from. The greatest revision of a place counts (ReplacingMergeTree, read
//     with FINAL), so that what is sent twice, late or out of order changes
//     nothing. A deleted row is a tombstone with its own revision.
//  2. A place is made of what never changes for a key (layout.go).
//  3. A conversion and its credits are one row: no reader sees half of it.
//  4. Progress is written last, in one insert for all tables.
//  5. Views show no row whose revision is below the table's floor: the revision
//     of the last resync, published with its progress. So a resync takes effect
//     at once, and what an older owner still writes is never seen.
//  6. Where a row may stand later is known (by_id) before the row is sent.
package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"golang.org/x/sync/errgroup"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/sinks"
	"github.com/tributary-data/tributary/table"
)

var (
	_ sinks.Sink    = (*Sink)(nil)
	_ sinks.Auditor = (*Sink)(nil)
	_ sinks.Paced   = (*Sink)(nil)
)

const (
	writers        = 4        // tables that are written at once
	maxInsertBytes = 32 << 20 // of one insert's texts and values, about: payloads may be 1 MiB each
	lookupIDs      = 2000     // ids of one look-up, so that the statement stays small
	recheck        = time.Minute
)

// Sink writes to one database. It is used by one goroutine, its deliverer's;
// within a call some tables are written at once.
type Sink struct {
	ddl
	own         Config // what ddl points to
	conn        driver.Conn
	settings    clickhouse.Settings
	fingerprint string
	ready       bool   // the schema was looked at since the last fault
	floor       uint64 // the first revision that counts, as the store said last
	closed      bool
}

// Open prepares a sink. The server need not be up: it is dialled when the
// deliverer asks for the cursor.
func Open(_ context.Context, cfg Config, deps sinks.Deps) (*Sink, error) {
	if faults := cfg.Validate(); len(faults) > 0 {
		return nil, fmt.Errorf("sinks.clickhouse: %w", errors.Join(faults...))
	}
	if deps.Logger == nil {
		deps.Logger = slog.Default()
	}
	s := &Sink{own: cfg, settings: settingsFor(&cfg)}
	s.ddl = ddl{&s.own, deps}
	s.fingerprint = s.ddl.fingerprint()
	var err error
	if s.conn, err = connect(&s.own, deps.Version); err != nil {
		return nil, err
	}
	return s, nil
}

// Name implements sinks.Sink.
func (s *Sink) Name() string { return "clickhouse" }

// Pace implements sinks.Paced: few large inserts, at most one a second for each
// table, are what merges keep up with.
func (s *Sink) Pace() sinks.Pace {
	return sinks.Pace{MaxRows: s.cfg.MaxInsertRows, MaxBytes: maxInsertBytes, MaxAge: time.Second, Recheck: recheck}
}

// Close implements sinks.Sink.
func (s *Sink) Close() error {
	if s.closed {
		return nil
	}
	s.closed = true
	return s.conn.Close()
}

// Cursor implements sinks.Sink. It makes the schema fit first; where that left
// tables empty, the cursor is zero.
func (s *Sink) Cursor(ctx context.Context) (sinks.Progress, error) {
	s.ready = false
	return s.progress(ctx)
}

// progress is what the store says, which another owner may have changed. Tables
// that vanished are made again, and then nothing is there.
func (s *Sink) progress(ctx context.Context) (sinks.Progress, error) {
	looked := !s.ready
	at, err := s.readProgress(ctx)
	if err != nil && !looked && isMissing(err) {
		s.ready = false
		at, err = s.readProgress(ctx)
	}
	return at, err
}

// isMissing says that a table or the database is not there.
func isMissing(err error) bool {
	var server *clickhouse.Exception
	return errors.As(err, &server) && (server.Code == 60 || server.Code == 81)
}

func (s *Sink) readProgress(ctx context.Context) (sinks.Progress, error) {
	if err := s.lookAtSchema(ctx); err != nil {
		return sinks.Progress{}, err
	}
	var at sinks.Progress
	tables := 0
	s.floor = 0
	sql := "SELECT argMax(p.epoch, p.rev), argMax(p.commit, p.rev), argMax(p.watermark, p.rev), max(p.floor) FROM " + s.table(progressTable) + " AS p GROUP BY p.`table`"
	err := s.query(ctx, "reading progress", sql, func(rows driver.Rows) error {
		var p sinks.Progress
		var watermark int64
		var floor uint64
		if err := rows.Scan(&p.Epoch, &p.Commit, &watermark, &floor); err != nil {
			return err
		}
		s.floor = max(s.floor, floor)
		p.Watermark = event.Millis(watermark)
		if tables++; tables == 1 || sinks.Rev(p.Epoch, p.Commit) < sinks.Rev(at.Epoch, at.Commit) {
			at = p
		}
		return nil
	})
	if err != nil || tables < len(table.All) {
		return sinks.Progress{}, err // a table that progress does not know yet was never written
	}
	return at, nil
}

// lookAtSchema makes the schema fit, once after each fault.
func (s *Sink) lookAtSchema(ctx context.Context) error {
	if s.ready {
		return nil
	}
	if err := s.prepare(ctx); err != nil {
		return err
	}
	s.ready = true
	return nil
}

// Apply implements sinks.Sink.
func (s *Sink) Apply(ctx context.Context, b sinks.Batch) error {
	at, err := s.progress(ctx)
	switch {
	case err != nil:
		return err
	case b.Epoch < at.Epoch:
		return sinks.ErrFenced
	case b.Epoch > at.Epoch, b.After > at.Commit:
		return sinks.ErrGap
	case b.Commit <= at.Commit:
		return nil // all of it is there
	}
	w := newWriting(s, stamp(b.View, b.Progress), false)
	for i := range b.Changes {
		if err := w.change(&b.Changes[i]); err != nil {
			return err
		}
	}
	if err := w.conversions(ctx, b.View); err != nil {
		return err
	}
	if err := w.graves(ctx); err != nil {
		return err
	}
	if err := w.send(ctx); err != nil {
		return err
	}
	return s.publish(ctx, b.Progress, s.floor)
}

// stamp is the revision of rows read from a view: that of its commit. Two views
// never give different rows under one revision.
func stamp(v sinks.View, p sinks.Progress) uint64 {
	if v != nil {
		p = v.Progress()
	}
	return sinks.Rev(p.Epoch, p.Commit)
}

// publish writes the progress of all tables in one insert. The floor is the
// first revision that counts.
func (s *Sink) publish(ctx context.Context, p sinks.Progress, floor uint64) error {
	var b strings.Builder
	fmt.Fprintf(&b, "INSERT INTO %s (`table`, shard, epoch, commit, watermark, floor, rev) VALUES ", s.table(progressTable))
	for i, t := range table.All {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "(%s, 0, %d, %d, %d, %d, %d)", quote(t.Name), p.Epoch, p.Commit, int64(p.Watermark), floor, sinks.Rev(p.Epoch, p.Commit))
	}
	return s.exec(ctx, "writing progress", b.String())
}

// Resync implements sinks.Sink. Every row is written with the revision of the
// view, and the floor is raised to it together with progress: at that moment
// all other rows vanish from the views. Merges and a mutation remove them later.
func (s *Sink) Resync(ctx context.Context, v sinks.View) error {
	at, err := s.progress(ctx)
	to := v.Progress()
	switch {
	case err != nil:
		return err
	case to.Epoch < at.Epoch:
		return sinks.ErrFenced
	case to.Epoch == at.Epoch && to.Commit < at.Commit:
		// The state was lost together with its epoch and begins again. Its
		// revisions would lose against what is there.
		s.deps.Logger.Warn("the state is older than the store within one epoch: the tables are emptied first", slog.String("store_at", at.String()), slog.String("state_at", to.String()))
		if err := s.truncate(ctx); err != nil {
			return err
		}
	}
	w := newWriting(s, stamp(v, to), true)
	if err := w.all(ctx, v); err != nil {
		return err
	}
	if err := s.publish(ctx, to, w.rev); err != nil {
		return err
	}
	s.sweep(ctx, w.rev)
	return nil
}

func (s *Sink) truncate(ctx context.Context) error {
	names := []string{progressTable}
	for _, l := range layouts {
		names = append(names, s.local(l.name))
	}
	for _, name := range names {
		if err := s.exec(ctx, "emptying "+name, "TRUNCATE TABLE "+s.table(name)+s.onCluster()); err != nil {
			return err
		}
	}
	return nil
}

// sweep removes what no view shows. The server does it in its own time; should
// it not, only disk is lost.
func (s *Sink) sweep(ctx context.Context, floor uint64) {
	for _, l := range layouts {
		sql := fmt.Sprintf("ALTER TABLE %s%s DELETE WHERE rev < %d SETTINGS mutations_sync = 0", s.table(s.local(l.name)), s.onCluster(), floor)
		if err := s.exec(ctx, "removing old rows", sql); err != nil {
			s.deps.Logger.Warn("old rows stay on disk, unseen", slog.String("table", l.name), slog.Any("err", err))
			return
		}
	}
}

// insert sends a block, in as many inserts as its size asks for: a commit is
// never cut, but the server need not have it in one piece.
func (s *Sink) insert(ctx context.Context, b *block) error {
	for from := 0; from < b.rows; from += s.cfg.MaxInsertRows {
		if err := s.insertRows(ctx, b, from, min(from+s.cfg.MaxInsertRows, b.rows)); err != nil {
			return err
		}
	}
	return nil
}

func (s *Sink) insertRows(ctx context.Context, b *block, from, to int) error {
	l := b.layout
	names := make([]string, len(l.columns))
	types := make([]clickhouse.ColumnNameAndType, len(l.columns))
	for i, c := range l.columns {
		names[i] = c.name
		types[i] = clickhouse.ColumnNameAndType{Name: c.name, Type: c.typ}
	}
	ctx, cancel := s.context(ctx, clickhouse.WithColumnNamesAndTypes(types))
	defer cancel()
	doing := fmt.Sprintf("writing %d rows to %s", to-from, l.name)
	batch, err := s.conn.PrepareBatch(ctx, "INSERT INTO "+s.table(l.name)+" ("+idents(names)+")")
	if err != nil {
		return s.explain(doing, err)
	}
	defer batch.Close() //nolint:errcheck // it was sent, or failed already
	for i := range l.columns {
		if err := batch.Column(i).Append(b.cols[i].data(l.columns[i].kind, from, to)); err != nil {
			return fmt.Errorf("%s, column %s: %w", doing, l.columns[i].name, err)
		}
	}
	return s.explain(doing, batch.Send())
}

// insertAll sends blocks of different tables, a few at once.
func (s *Sink) insertAll(ctx context.Context, blocks []*block) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(writers)
	for _, b := range blocks {
		g.Go(func() error { return s.insert(ctx, b) })
	}
	return g.Wait()
}
