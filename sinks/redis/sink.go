// Package redis keeps live figures in Redis, for programs that have to know them
// within a millisecond: what each campaign has in this minute and hour, the
// greatest of an hour, and, where asked for, the last session and touches of a
// person. docs/redis.md has the keys.
//
// Invariants:
//  1. A row has one place, and its figures there are absolute; totals are moved
//     by the difference in the same script, so that they are always the sum of
//     the rows.
//  2. All keys of a shard and its cursor lie in one slot. The cursor moves with
//     the last part of a batch, and only for the writer that asked for it last,
//     under the newest epoch.
//  3. Redis is a copy. When it forgets (a restart, FLUSHALL, eviction), its
//     cursor says so, and what is gone is sent again.
package redis

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/sinks"
	"github.com/tributary-data/tributary/table"
)

var (
	_ sinks.Sink    = (*Sink)(nil)
	_ sinks.Paced   = (*Sink)(nil)
	_ sinks.Auditor = (*Sink)(nil)
	_ sinks.Keeper  = (*Sink)(nil)
)

// Sink writes to one Redis. It is used by one goroutine, its deliverer's.
type Sink struct {
	cfg    Config
	client redis.UniversalClient
	log    *slog.Logger
	keys   keys
	writer string // as which Cursor claimed the store; empty: not since the last fault
	now    func() event.Millis
}

// shard is the owner of all rows, for as long as there is one process.
const shard = 0

// Open prepares the sink. The server need not be there yet.
func Open(_ context.Context, cfg Config, deps sinks.Deps) (*Sink, error) {
	client, err := connect(cfg, deps.Version)
	if err != nil {
		return nil, err
	}
	log := deps.Logger
	if log == nil {
		log = slog.Default()
	}
	return &Sink{
		cfg: cfg, client: client, log: log, keys: newKeys(cfg.Prefix, shard),
		now: func() event.Millis { return event.Millis(time.Now().UnixMilli()) },
	}, nil
}

// Name implements sinks.Sink.
func (s *Sink) Name() string { return "redis" }

// Pace implements sinks.Paced: small batches often, and a look every now and
// then whether Redis still holds what it took.
func (s *Sink) Pace() sinks.Pace {
	return sinks.Pace{MaxRows: 5000, MaxBytes: 4 << 20, MaxAge: time.Duration(s.cfg.Flush) * time.Millisecond, Recheck: 10 * time.Second}
}

// Cursor implements sinks.Sink. Whoever asks becomes the writer: what others
// have under way, also an earlier call of this sink that was given up, is
// refused from now on.
func (s *Sink) Cursor(ctx context.Context) (sinks.Progress, error) {
	s.writer = ""
	writer := rand.Text()
	got, err := claim.Run(ctx, s.client, []string{s.keys.cursor}, writer, s.cfg.layout()).StringSlice()
	if err != nil {
		return sinks.Progress{}, explained(err)
	}
	s.writer = writer
	if len(got) != 3 || got[1] == "" {
		return sinks.Progress{}, nil
	}
	var p sinks.Progress
	epoch, err1 := strconv.ParseUint(got[0], 10, 32)
	commit, err2 := strconv.ParseUint(got[1], 10, 64)
	watermark, err3 := strconv.ParseInt(got[2], 10, 64)
	if err := errors.Join(err1, err2, err3); err != nil {
		return p, nil //nolint:nilerr // whoever wrote there, it is not ours: it is written anew
	}
	return sinks.Progress{Epoch: uint32(epoch), Commit: commit, Watermark: event.Millis(watermark)}, nil
}

// Apply implements sinks.Sink.
func (s *Sink) Apply(ctx context.Context, b sinks.Batch) error {
	w := s.newWriting(b.Progress, "apply")
	w.after, w.last = strconv.FormatUint(b.After, 10), "last"
	if s.cfg.Publish {
		w.channel = s.keys.channel
	}
	people, err := s.people(ctx, b.View, b.Changes)
	if err != nil {
		return err
	}
	for i := range b.Changes {
		c := &b.Changes[i]
		if err := w.change(ctx, c); err != nil {
			return err
		}
	}
	for i := range people {
		if err := w.person(ctx, &people[i]); err != nil {
			return err
		}
	}
	return w.finish(ctx)
}

// Close implements sinks.Sink.
func (s *Sink) Close() error {
	if err := s.client.Close(); err != nil && !errors.Is(err, redis.ErrClosed) {
		return err
	}
	return nil
}

// said turns the script's answer into an error.
func said(answer string) error {
	switch {
	case answer == "OK":
		return nil
	case answer == "GAP":
		return sinks.ErrGap
	case strings.HasPrefix(answer, "FENCED"):
		return fmt.Errorf("%w (%s)", sinks.ErrFenced, strings.ToLower(answer))
	case answer == "LOST":
		return errLost
	case answer == "STALE":
		return errStale
	case strings.HasPrefix(answer, "EVICTED"):
		return fmt.Errorf("%w: %w", errEvicted, sinks.ErrGap)
	}
	return fmt.Errorf("BUG: the script answered %q", answer)
}

var (
	errStale   = errors.New("another process has written to this Redis since; give each its own sinks.redis.prefix")
	errLost    = errors.New("redis lost the sink's keys while they were being written (FLUSHALL, or eviction: set maxmemory-policy to noeviction and raise maxmemory)")
	errEvicted = errors.New("redis evicts keys, so that its figures are no longer whole; set maxmemory-policy to noeviction and raise maxmemory, or keep less (sinks.redis.retention), in a Redis of its own")
)

// alive says when the keys of an hour expire (0: never), and whether that is
// still to come. All keys of an hour go at the same instant, so that totals are
// never kept longer than what they are the sum of.
func (s *Sink) alive(window event.Millis) (at event.Millis, ok bool) {
	if s.cfg.Retention == 0 {
		return 0, true
	}
	at = window.Floor(event.Hour).Add(event.Hour + s.cfg.Retention.Millis())
	return at, at > s.now()
}

// KeepsFrom implements sinks.Keeper.
func (s *Sink) KeepsFrom(*table.Table) int32 {
	if s.cfg.Retention == 0 {
		return sinks.NoDay
	}
	return int32((s.now()-s.cfg.Retention.Millis()).Floor(event.Day)/event.Day) + 1
}
