// Package snowflake keeps the tables in Snowflake, by its SQL API.
//
// Invariants:
//  1. Of a key the row with the greatest rev counts: every statement that puts
//     rows in is a MERGE by rev, so that it may be repeated, or come late.
//  2. The progress of a round is written after all its rows are in.
//  3. Rows that a resync did not write have a rev below the floor that it leaves
//     in the progress; the views pass them over, also those that a writer of an
//     older epoch brings in later.
//  4. A conversion and its credits are one row: no reader sees half of a
//     restatement.
package snowflake

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

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

// Sink writes to one schema. It is used by one goroutine, its deliverer's;
// statements on different tables run beside each other within a call.
type Sink struct {
	cfg    Config
	deps   sinks.Deps
	schema *schema

	client   *client // nil until it is needed
	made     bool    // schema and tables were seen to
	unmarked bool    // they changed, and rows have to be written anew before that counts

	known bool // whether the fields below are what the store says
	at    sinks.Progress
	floor uint64
}

// Open prepares the sink; Snowflake need not be reachable.
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
func (s *Sink) Name() string { return "snowflake" }

// Pace implements sinks.Paced: a warehouse that wakes is paid for a minute.
func (s *Sink) Pace() sinks.Pace {
	return sinks.Pace{MaxRows: s.cfg.BatchRows, MaxBytes: s.cfg.Parallel * s.cfg.RequestBytes, MaxAge: time.Duration(s.cfg.BatchAge) * time.Millisecond, Recheck: recheck}
}

// recheck is how often an idle store is asked where it stands, which wakes the
// warehouse: whether another owner has taken over, or the schema is gone.
const recheck = time.Hour

// Cursor implements sinks.Sink.
func (s *Sink) Cursor(ctx context.Context) (sinks.Progress, error) {
	s.known = false
	if err := s.ready(ctx); err != nil {
		return sinks.Progress{}, err
	}
	err := s.load(ctx)
	if isMissing(err) { // somebody dropped the tables
		s.made = false
		if err = s.ready(ctx); err == nil {
			err = s.load(ctx)
		}
	}
	if err != nil {
		return sinks.Progress{}, fault("reading the progress", err)
	}
	if s.unmarked {
		if s.at.Epoch > 0 {
			return sinks.Progress{}, nil // columns or tables are new: everything has to be written anew
		}
		return s.at, s.mark(ctx)
	}
	return s.at, nil
}

// Apply implements sinks.Sink.
func (s *Sink) Apply(ctx context.Context, b sinks.Batch) (err error) {
	if !s.known {
		if _, err := s.Cursor(ctx); err != nil {
			return err
		}
	}
	goes, err := rows.Follows(s.at, &b)
	if err != nil || !goes {
		return err
	}
	defer func() {
		if err != nil {
			s.known = false
		}
	}()
	conversions, rest, err := rows.Fold(ctx, &b)
	if err != nil {
		return err
	}
	// Rows are of the view, not of the commit that changed them last: of two
	// statements that overtake each other the one from the later view is right.
	rev := viewRev(b.View)
	records := map[*table.Table][]record{}
	for i := range conversions {
		records[table.Conversions] = append(records[table.Conversions], conversionRecord(&conversions[i], rev))
	}
	for _, c := range rest {
		records[c.Table] = append(records[c.Table], record{t: c.Table, key: c.Key, row: c.Row, rev: rev})
	}
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(s.cfg.Parallel)
	for t, rs := range records {
		g.Go(func() error { return s.write(gctx, t, rs) })
	}
	if err := g.Wait(); err != nil {
		return s.failed("writing rows", err)
	}
	s.at = b.Progress
	if b.More {
		return nil
	}
	return s.failed("writing the progress", s.writeProgress(ctx))
}

func conversionRecord(c *rows.Conversion, rev uint64) record {
	return record{t: table.Conversions, key: table.Row{table.T(c.ID)}, row: c.Row, credits: c.Credits, rev: rev}
}

func viewRev(v sinks.View) uint64 {
	p := v.Progress()
	return sinks.Rev(p.Epoch, p.Commit)
}

// Resync implements sinks.Sink.
func (s *Sink) Resync(ctx context.Context, v sinks.View) (err error) {
	if _, err := s.Cursor(ctx); err != nil {
		return err
	}
	to := v.Progress()
	if err := rows.MayResync(s.at, to); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			s.known = false
		}
	}()
	floor := viewRev(v)
	for _, t := range kept() {
		if err := s.rewrite(ctx, v, t, floor); err != nil {
			return s.failed("writing "+t.Name+" anew", err)
		}
	}
	s.at, s.floor = to, floor
	if err := s.writeProgress(ctx); err != nil {
		return s.failed("writing the progress", err)
	}
	for _, t := range kept() { // nobody sees them any more; they only cost
		q := fmt.Sprintf(`DELETE FROM %s WHERE "REV" < %d`, s.schema.qualified(t.Name), floor)
		if _, err := s.client.run(ctx, q, ""); err != nil {
			return s.failed("removing old rows", err)
		}
	}
	if s.unmarked {
		return s.mark(ctx)
	}
	return nil
}

// rewriteRows and rewriteBytes are what a resync holds: some rows have a payload
// of a megabyte.
const (
	rewriteRows  = 20_000
	rewriteBytes = 16 << 20
)

func (s *Sink) rewrite(ctx context.Context, v sinks.View, t *table.Table, floor uint64) error {
	var held []record
	size := 0
	put := func(r record) error {
		held = append(held, r)
		size += rows.Size(r.row)
		for _, c := range r.credits {
			size += rows.Size(c)
		}
		if len(held) < rewriteRows && size < rewriteBytes {
			return nil
		}
		err := s.write(ctx, t, held)
		held, size = held[:0], 0
		return err
	}
	var err error
	if t == table.Conversions {
		err = rows.EachConversion(ctx, v, func(c *rows.Conversion) error { return put(conversionRecord(c, floor)) })
	} else {
		err = v.ScanAll(ctx, t, func(row table.Row, _ uint64) error {
			row = rows.CloneRow(row)
			return put(record{t: t, key: row[:t.Keys], row: row, rev: floor})
		})
	}
	if err != nil {
		return err
	}
	return s.write(ctx, t, held)
}

// Close implements sinks.Sink.
func (s *Sink) Close() error {
	if s.client != nil {
		s.client.close()
	}
	s.client, s.known = nil, false
	return nil
}

// failed wraps a fault of a write. A table that is gone is a gap.
func (s *Sink) failed(doing string, err error) error {
	if isMissing(err) {
		s.made = false
		err = errors.Join(sinks.ErrGap, err)
	}
	return fault(doing, err)
}

// write sends a table's records, in statements of bounded size.
func (s *Sink) write(ctx context.Context, t *table.Table, records []record) error {
	var held [][]byte
	size := 0
	flush := func() error {
		err := s.send(ctx, s.schema.merges[t], held)
		held, size = nil, 0
		return err
	}
	for i := range records {
		row := records[i].append(nil)
		if size+len(row) > s.cfg.RequestBytes && len(held) > 0 {
			if err := flush(); err != nil {
				return err
			}
		}
		held = append(held, row)
		size += len(row) + 1
	}
	return flush()
}

// send runs a MERGE over rows; when they are too many for the account they are
// halved.
func (s *Sink) send(ctx context.Context, merge string, held [][]byte) error {
	if len(held) == 0 {
		return nil
	}
	var b strings.Builder
	for i, row := range held {
		b.WriteByte("[,"[min(i, 1)])
		b.Write(row)
	}
	b.WriteByte(']')
	_, err := s.client.run(ctx, merge, b.String())
	if isTooLarge(err) && len(held) > 1 {
		half := len(held) / 2
		if err := s.send(ctx, merge, held[:half]); err != nil {
			return err
		}
		return s.send(ctx, merge, held[half:])
	}
	return err
}

// writeProgress says where all tables stand, in one statement.
func (s *Sink) writeProgress(ctx context.Context) error {
	var all [][]byte
	for _, t := range table.All {
		all = append(all, appendProgress(nil, t.Name, s.at, s.floor))
	}
	return s.send(ctx, s.schema.mergeProgress(), all)
}

// load reads the progress table. Tables that stand at different places, or are
// missing, leave the sink at the beginning: everything is written anew then.
func (s *Sink) load(ctx context.Context) error {
	s.at, s.floor = sinks.Progress{}, 0
	found, err := s.client.run(ctx, `SELECT "TABLE", "EPOCH", "COMMIT", DATEDIFF(MILLISECOND, '1970-01-01'::TIMESTAMP_NTZ, "WATERMARK"), "FLOOR" FROM `+s.schema.qualified(rows.Progress)+` WHERE "SHARD" = 0`, "")
	if err != nil {
		return err
	}
	seen, same := 0, true
	for _, cells := range found {
		if len(cells) != 5 || cells[0] == nil {
			return fmt.Errorf("the progress table answers with %d columns", len(cells))
		}
		if _, ok := table.ByName(*cells[0]); !ok {
			continue // a table that this release does not know
		}
		n, err := numbers(cells[1:])
		if err != nil {
			return fmt.Errorf("the progress table: %w", err)
		}
		p := sinks.Progress{Epoch: uint32(n[0]), Commit: uint64(n[1]), Watermark: event.NoTime}
		if cells[3] != nil {
			p.Watermark = event.Millis(n[2])
		}
		if seen++; seen > 1 && p != s.at {
			same = false
		}
		if seen == 1 || p.Epoch > s.at.Epoch {
			s.at, s.floor = p, uint64(n[3])
		}
	}
	if !same || seen < len(table.All) {
		s.at.Commit = 0
		if s.at.Epoch > 0 {
			s.unmarked = true
		}
	}
	s.known = true
	return nil
}

// numbers reads cells; what is null is 0.
func numbers(cells []*string) ([]int64, error) {
	out := make([]int64, len(cells))
	for i, c := range cells {
		if c == nil {
			continue
		}
		var err error
		if out[i], err = strconv.ParseInt(*c, 10, 64); err != nil {
			return nil, fmt.Errorf("got %q where a number should be", *c)
		}
	}
	return out, nil
}
