// Package postgres keeps the tables in PostgreSQL, and in what speaks its
// protocol and its SQL.
//
// Invariants:
//  1. A round of the deliverer is one transaction, with the progress row: every
//     statement of a reader sees the tables as of one commit of the state.
//  2. Who writes holds the progress rows locked and has compared them with its
//     batch: no row of an older epoch or of a gap gets in.
//  3. Rows are replaced whole, never by an older revision.
package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/sinks"
	"github.com/tributary-data/tributary/sinks/rows"
	"github.com/tributary-data/tributary/table"
)

var (
	_ sinks.Sink    = (*Sink)(nil)
	_ sinks.Auditor = (*Sink)(nil)
	_ sinks.Paced   = (*Sink)(nil)
)

// Sink writes to one database. It is used by one goroutine, its deliverer's,
// and holds one connection, which is made when it is first needed and again
// after a fault.
//
// Between two batches of a round the transaction stays open. It ends with the
// round's last batch, or with the next Cursor or Close, which undo it.
type Sink struct {
	cfg    Config
	deps   sinks.Deps
	schema *schema
	conn   *pgx.Conn
	tx     pgx.Tx
	at     sinks.Progress // where tx stands, uncommitted batches included
	months map[string]bool
}

// Open prepares the sink; the server need not be up.
func Open(_ context.Context, cfg Config, deps sinks.Deps) (*Sink, error) {
	if err := errors.Join(cfg.Validate()...); err != nil {
		return nil, err
	}
	if deps.Logger == nil {
		deps.Logger = slog.Default()
	}
	return &Sink{cfg: cfg, deps: deps, schema: newSchema(cfg, deps)}, nil
}

// Name implements sinks.Sink.
func (s *Sink) Name() string { return "postgres" }

// Pace implements sinks.Paced.
func (s *Sink) Pace() sinks.Pace {
	return sinks.Pace{MaxRows: s.cfg.BatchRows, MaxAge: time.Duration(s.cfg.BatchAge) * time.Millisecond, Recheck: recheck}
}

// recheck is how often an idle store is asked where it stands: it may have been
// put back to a standby or a backup.
const recheck = time.Minute

// Cursor implements sinks.Sink.
func (s *Sink) Cursor(ctx context.Context) (sinks.Progress, error) {
	if err := s.undo(ctx); err != nil {
		s.hangUp()
	}
	for again := false; ; again = true {
		if err := s.connect(ctx); err != nil {
			return sinks.Progress{}, err
		}
		at, err := s.progress(ctx, s.conn, "")
		if isGone(err) && !again {
			s.hangUp() // with the next connection the tables are made again
			continue
		}
		if err != nil {
			return sinks.Progress{}, s.fail("reading the progress", err)
		}
		return at, nil
	}
}

// Apply implements sinks.Sink.
func (s *Sink) Apply(ctx context.Context, b sinks.Batch) error {
	if err := s.begin(ctx); err != nil {
		return err
	}
	goes, err := rows.Follows(s.at, &b)
	if err != nil {
		return errors.Join(err, s.undo(ctx))
	}
	if goes {
		if err := s.write(ctx, b.Changes); err != nil {
			return s.fail("writing rows", err)
		}
		s.at = b.Progress
	}
	if b.More {
		return nil
	}
	return s.commit(ctx)
}

// Resync implements sinks.Sink. Readers see the old rows until all new ones
// are there.
func (s *Sink) Resync(ctx context.Context, v sinks.View) error {
	if err := s.undo(ctx); err != nil {
		s.hangUp()
	}
	if err := s.begin(ctx); err != nil {
		return err
	}
	if err := rows.MayResync(s.at, v.Progress()); err != nil {
		return errors.Join(err, s.undo(ctx))
	}
	for _, t := range table.All {
		if err := s.replace(ctx, v, t); err != nil {
			return s.fail("writing "+t.Name+" anew", err)
		}
	}
	s.at = v.Progress()
	return s.commit(ctx)
}

// Close implements sinks.Sink.
func (s *Sink) Close() error {
	s.hangUp()
	return nil
}

// connect makes the connection and sees to the schema, unless both stand.
func (s *Sink) connect(ctx context.Context) error {
	if s.conn != nil && !s.conn.IsClosed() {
		return nil
	}
	s.hangUp()
	conn, err := s.dial(ctx)
	if err != nil {
		return err
	}
	if err := s.schema.migrate(ctx, conn, s.cfg.Migrate); err != nil {
		return errors.Join(s.fault("making the tables", err), closeConn(conn))
	}
	s.conn, s.months = conn, map[string]bool{}
	return nil
}

func (s *Sink) dial(ctx context.Context) (*pgx.Conn, error) {
	cc, err := s.cfg.connection(s.deps.Version)
	if err != nil {
		return nil, err
	}
	conn, err := pgx.ConnectConfig(ctx, cc)
	if err != nil {
		return nil, s.fault("connecting", err)
	}
	// What we acknowledge has to survive a crash of the server, whatever the
	// role's default is.
	var sync string
	err = conn.QueryRow(ctx, "SELECT current_setting('synchronous_commit')").Scan(&sync)
	if err == nil && sync == "off" {
		_, err = conn.Exec(ctx, "SET synchronous_commit = on")
	}
	if err != nil {
		return nil, errors.Join(s.fault("connecting", err), closeConn(conn))
	}
	return conn, nil
}

// closeTimeout is how long a connection may take to say goodbye.
const closeTimeout = 2 * time.Second

func closeConn(conn *pgx.Conn) error {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	return conn.Close(ctx)
}

// hangUp lets go of the connection; the server undoes what was not committed.
func (s *Sink) hangUp() {
	if s.conn != nil {
		_ = closeConn(s.conn) // nothing depends on it any more
	}
	s.conn, s.tx = nil, nil
}

// begin opens the round's transaction, unless it is open, and locks and reads
// the progress. A server that does not answer in the middle of it must not hold
// the lock for ever, nor must we when our process is stopped.
func (s *Sink) begin(ctx context.Context) error {
	if s.tx != nil {
		return nil
	}
	if err := s.connect(ctx); err != nil {
		return err
	}
	tx, err := s.conn.Begin(ctx)
	if err != nil {
		s.hangUp()
		return s.fault("beginning a transaction", err)
	}
	s.tx = tx
	limits := fmt.Sprintf("SET LOCAL lock_timeout = %d; SET LOCAL idle_in_transaction_session_timeout = %d", s.cfg.Timeout, maxIdle)
	if _, err := tx.Exec(ctx, limits); err != nil {
		return s.fail("beginning a transaction", err)
	}
	if s.at, err = s.progress(ctx, tx, " FOR UPDATE"); err != nil {
		return s.fail("locking the progress", err)
	}
	return nil
}

// maxIdle is for how long a transaction may wait for its next batch.
const maxIdle = event.Duration(5 * event.Minute)

// commit sets the progress and ends the transaction.
func (s *Sink) commit(ctx context.Context) error {
	var watermark *time.Time
	if m, ok := rows.Watermark(s.at.Watermark); ok {
		w := m.Time()
		watermark = &w
	}
	names := make([]string, len(table.All))
	for i, t := range table.All {
		names[i] = t.Name
	}
	if _, err := s.tx.Exec(ctx, s.schema.due, names, int64(s.at.Epoch), int64(s.at.Commit), watermark); err != nil {
		return s.fail("writing the progress", err)
	}
	err := s.tx.Commit(ctx)
	if err != nil {
		return s.fail("committing", err)
	}
	s.tx = nil
	return nil
}

// undo ends the transaction without its rows.
func (s *Sink) undo(ctx context.Context) error {
	if s.tx == nil {
		return nil
	}
	err := s.tx.Rollback(ctx)
	s.tx = nil
	return err
}

// fail undoes and hangs up: after a fault nobody knows where the connection
// stands.
func (s *Sink) fail(doing string, err error) error {
	s.hangUp()
	if isGone(err) {
		err = errors.Join(sinks.ErrGap, err) // all rows are missing
	}
	return s.fault(doing, err)
}

// progress reads where the tables stand. Tables that differ, or are missing,
// stand at the beginning; the greatest epoch fences all the same.
func (s *Sink) progress(ctx context.Context, q querier, suffix string) (at sinks.Progress, err error) {
	found, err := q.Query(ctx, `SELECT "table", epoch, "commit", watermark FROM `+s.schema.qualified(rows.Progress)+` WHERE shard = 0 ORDER BY "table"`+suffix)
	if err != nil {
		return at, err
	}
	defer found.Close()
	left := map[string]bool{}
	for _, t := range table.All {
		left[t.Name] = true
	}
	known, same := false, true
	for found.Next() {
		var name string
		var epoch, commit int64
		var watermark *time.Time
		if err := found.Scan(&name, &epoch, &commit, &watermark); err != nil {
			return at, err
		}
		if !left[name] {
			continue
		}
		delete(left, name)
		p := sinks.Progress{Epoch: uint32(epoch), Commit: uint64(commit), Watermark: event.NoTime}
		if watermark != nil {
			p.Watermark = event.Millis(watermark.UnixMilli())
		}
		same = same && (!known || p == at)
		if !known || p.Epoch > at.Epoch {
			at, known = p, true
		}
	}
	if !same || len(left) > 0 {
		at.Commit = 0
	}
	if at.Epoch == 0 {
		at = sinks.Progress{}
	}
	return at, found.Err()
}
