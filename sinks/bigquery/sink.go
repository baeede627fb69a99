// Package bigquery keeps the tables in BigQuery, by the Storage Write API.
//
// Invariants:
//  1. Of a key the row with the greatest rev counts, whenever and how often rows
//     arrive: BigQuery sees to it for tables of current rows, the views for logs.
//  2. The progress of a round is written after all its rows are acknowledged.
//  3. Rows that a resync did not write have a rev below the floor that it leaves
//     in the progress; the views pass them over, also those that a writer of an
//     older epoch brings in later.
//  4. A conversion and its credits are one row: no reader sees half of a
//     restatement.
package bigquery

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
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

// Sink writes to one dataset. It is used by one goroutine, its deliverer's;
// appends to different tables run beside each other within a call.
type Sink struct {
	cfg    Config
	deps   sinks.Deps
	schema *schema

	// Streams outlive the call that opened them; life ends with Close.
	life context.Context //nolint:containedctx // see above
	end  context.CancelFunc

	client   *client // nil until it is needed
	made     bool    // dataset and tables were seen to
	unmarked bool    // they changed, and rows have to be written anew before that counts

	known     bool // whether the fields below are what the store says
	at        sinks.Progress
	floor     uint64
	positions map[*table.Table]*position // of the logs
	writers   *writers
}

// Open prepares the sink; BigQuery need not be reachable.
func Open(ctx context.Context, cfg Config, deps sinks.Deps) (*Sink, error) {
	if err := errors.Join(cfg.Validate()...); err != nil {
		return nil, err
	}
	if deps.Logger == nil {
		deps.Logger = slog.Default()
	}
	s := &Sink{cfg: cfg, deps: deps, schema: &schema{cfg, deps}}
	s.life, s.end = context.WithCancel(context.WithoutCancel(ctx))
	return s, nil
}

// Name implements sinks.Sink.
func (s *Sink) Name() string { return "bigquery" }

// Pace implements sinks.Paced.
func (s *Sink) Pace() sinks.Pace {
	return sinks.Pace{MaxRows: s.cfg.BatchRows, MaxAge: time.Duration(s.cfg.BatchAge) * time.Millisecond, Recheck: recheck}
}

// recheck is how often an idle store is asked where it stands: whether another
// owner has taken over, or the dataset is gone.
const recheck = 10 * time.Minute

// Cursor implements sinks.Sink.
func (s *Sink) Cursor(ctx context.Context) (sinks.Progress, error) {
	s.forget()
	if err := s.ready(ctx); err != nil {
		return sinks.Progress{}, err
	}
	err := s.load(ctx)
	if isMissing(err) { // somebody dropped the dataset
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
			s.forget()
		}
	}()
	conversions, rest, err := rows.Fold(ctx, &b)
	if err != nil {
		return err
	}
	// Rows are of the view, not of the commit that changed them last: of two
	// requests that overtake each other the one from the later view is right.
	rev := viewRev(b.View)
	records := map[*table.Table][]record{}
	for i := range conversions {
		records[table.Conversions] = append(records[table.Conversions], conversionRecord(&conversions[i], rev))
	}
	for _, c := range rest {
		records[c.Table] = append(records[c.Table], record{t: c.Table, key: c.Key, row: c.Row, rev: rev})
	}
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(maxWriters)
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

// maxWriters is how many tables are written to at once.
const maxWriters = 8

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
			s.forget()
		}
	}()
	floor := viewRev(v)
	for _, t := range logs { // a new stream: the old one may be why we are here
		*s.positions[t] = position{}
	}
	for _, t := range kept() {
		if err := s.rewrite(ctx, v, t, floor); err != nil {
			return s.failed("writing "+t.Name+" anew", err)
		}
	}
	s.at, s.floor = to, floor
	if err := s.writeProgress(ctx); err != nil {
		return s.failed("writing the progress", err)
	}
	if s.unmarked {
		return s.mark(ctx)
	}
	return nil
}

// rewriteRows and rewriteBytes are what a resync holds: some rows have a payload
// of a megabyte.
const (
	rewriteRows  = 5000
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
	s.forget()
	s.end()
	if s.client == nil {
		return nil
	}
	err := s.client.close()
	s.client = nil
	return err
}

// forget lets go of the streams and of what is known of the store: after a
// fault nobody knows what arrived.
func (s *Sink) forget() {
	s.known = false
	if s.writers != nil {
		s.writers.close(func() {
			_ = s.client.close() // a login anew costs less than a wait without end
			s.client = nil
		})
		s.writers = nil
	}
}

// failed wraps a fault of a write. A table or stream that is gone is a gap.
func (s *Sink) failed(doing string, err error) error {
	if isMissing(err) {
		s.made = false
		err = errors.Join(sinks.ErrGap, err)
	}
	return fault(doing, err)
}

// ready logs in and sees to dataset, tables and views, once.
func (s *Sink) ready(ctx context.Context) (err error) {
	if s.client == nil {
		if s.client, err = newClient(s.life, s.cfg, s.deps.Version); err != nil {
			return err
		}
	}
	if s.made {
		return nil
	}
	have, err := s.client.description(ctx, rows.Progress)
	if err != nil && !isMissing(err) {
		return fault("looking for the tables", err)
	}
	var version int
	var hash string
	_, _ = fmt.Sscanf(have, "tributary schema %d %s", &version, &hash) // what cannot be read is not ours
	switch {
	case err == nil && hash == s.schema.hash():
		s.made = true
		return nil
	case version > schemaVersion:
		return fault("looking for the tables", fmt.Errorf("they are of version %d, this program knows %d: they were made by a newer release; upgrade this one, or give it a dataset of its own (sinks.bigquery.dataset)", version, schemaVersion))
	case !s.cfg.Migrate:
		return fault("looking for the tables", errors.New("they are not as this release wants them, and sinks.bigquery.migrate is false: run the statements that the dry run prints, as an account that may"))
	case err == nil && version == 0:
		return fault("looking for the tables", fmt.Errorf("dataset %s has a table progress that is not ours: give the sink a dataset of its own (sinks.bigquery.dataset)", s.cfg.Dataset))
	}
	for _, q := range s.schema.all() {
		if err := s.client.query(ctx, q, nil); err != nil {
			return fault(fmt.Sprintf("making the tables: %.70s...", q), err)
		}
	}
	s.made = true
	if s.schema.sameLayout(hash) { // only views differ
		return s.mark(ctx)
	}
	s.unmarked = true
	return nil
}

// mark notes that the tables are as they should be, rows included.
func (s *Sink) mark(ctx context.Context) error {
	if err := s.client.query(ctx, s.schema.mark(s.schema.hash()), nil); err != nil {
		return fault("making the tables", err)
	}
	s.unmarked = false
	return nil
}

// load reads the progress table. Tables that stand at different places, or are
// missing, leave the sink at the beginning: everything is written anew then.
func (s *Sink) load(ctx context.Context) error {
	s.at, s.floor, s.positions = sinks.Progress{}, 0, map[*table.Table]*position{}
	for _, t := range logs {
		s.positions[t] = &position{}
	}
	q := fmt.Sprintf("SELECT `table`, epoch, `commit`, watermark, floor, stream, next FROM %s WHERE shard = 0", s.schema.qualified(rows.Progress))
	seen, same := 0, true
	err := s.client.query(ctx, q, func(cells []*string) error {
		p, err := parsePosition(cells)
		t, ok := table.ByName(p.table)
		if err != nil || !ok {
			return err // a table that this release does not know
		}
		if seen++; seen > 1 && p.at != s.at {
			same = false
		}
		if seen == 1 || p.at.Epoch > s.at.Epoch {
			s.at, s.floor = p.at, p.floor
		}
		if isLog(t) {
			*s.positions[t] = p
		}
		return nil
	})
	if err != nil {
		return err
	}
	if !same || seen < len(table.All) {
		s.at.Commit = 0
		if s.at.Epoch > 0 {
			s.unmarked = true
		}
	}
	s.known = true
	s.writers = newWriters(s)
	return nil
}

func parsePosition(cells []*string) (p position, err error) {
	text := func(i int) string {
		if i < len(cells) && cells[i] != nil {
			return *cells[i]
		}
		return ""
	}
	number := func(i int) int64 {
		if text(i) == "" {
			return 0
		}
		n, bad := strconv.ParseInt(text(i), 10, 64)
		if bad != nil {
			err = fmt.Errorf("the progress table holds %q where a number should be", text(i))
		}
		return n
	}
	p.table = text(0)
	p.at = sinks.Progress{Epoch: uint32(number(1)), Commit: uint64(number(2)), Watermark: event.NoTime}
	if text(3) != "" {
		p.at.Watermark = event.Millis(number(3) / 1000)
	}
	p.floor, p.stream, p.next = uint64(number(4)), text(5), number(6)
	return p, err
}

// writeProgress says where all tables stand, in one request.
func (s *Sink) writeProgress(ctx context.Context) error {
	var all [][]byte
	for _, t := range table.All {
		p := position{}
		if isLog(t) {
			p = *s.positions[t]
		}
		p.table, p.at, p.floor = t.Name, s.at, s.floor
		all = append(all, p.append(nil))
	}
	return s.writers.upsert(ctx, rows.Progress, progressDescriptor, all)
}
