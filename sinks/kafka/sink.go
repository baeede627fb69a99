// Package kafka writes the tables to topics of Apache Kafka: current state to
// compacted topics, one record for each key, and logs to topics that are
// appended to. docs/sinks.md has the topics and how to read them.
//
// Invariants:
//  1. A batch and the progress that it reaches are one transaction: whoever
//     reads what is committed sees both or neither.
//  2. There is one writer: Cursor takes the transactional id over, and Kafka
//     refuses from then on what any other, or an earlier call, still sends.
//  3. Every record says the revision that its row had; of two records with one
//     key the greater counts, and what is older than the base of the newest
//     progress counts for nothing.
package kafka

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/sinks"
)

var (
	_ sinks.Sink    = (*Sink)(nil)
	_ sinks.Paced   = (*Sink)(nil)
	_ sinks.Auditor = (*Sink)(nil)
)

// shard is the owner of all rows, for as long as there is one process.
const shard = 0

// Sink writes to one cluster. It is used by one goroutine, its deliverer's.
type Sink struct {
	cfg  Config
	log  *slog.Logger
	opts []kgo.Opt

	producer *kgo.Client // nil after a fault: the next Cursor makes another
	ready    bool        // whether the topics are known to be there
	at       progress    // of the store
}

// progress is the record that says how far the store is.
type progress struct {
	Shard     int    `json:"shard"`
	Epoch     uint32 `json:"epoch"`
	Commit    uint64 `json:"commit"`
	Watermark string `json:"watermark"`
	Base      uint64 `json:"base"`                // records with a lesser rev are void
	Resyncing bool   `json:"resyncing,omitempty"` // everything is being written again
	Millis    *int64 `json:"watermark_ms"`        // the watermark once more, exactly
}

func progressOf(p sinks.Progress, base uint64) progress {
	ms := int64(p.Watermark)
	return progress{Shard: shard, Epoch: p.Epoch, Commit: p.Commit, Watermark: p.Watermark.String(), Base: base, Millis: &ms}
}

// Open prepares the sink. The brokers need not be there yet.
func Open(_ context.Context, cfg Config, deps sinks.Deps) (*Sink, error) {
	opts, err := cfg.options()
	if err != nil {
		return nil, err
	}
	log := deps.Logger
	if log == nil {
		log = slog.Default()
	}
	return &Sink{cfg: cfg, log: log, opts: opts}, nil
}

// Name implements sinks.Sink.
func (s *Sink) Name() string { return "kafka" }

// Pace implements sinks.Paced.
func (s *Sink) Pace() sinks.Pace {
	return sinks.Pace{MaxRows: 20_000, MaxBytes: 8 << 20, MaxAge: time.Duration(s.cfg.Flush) * time.Millisecond, Recheck: time.Minute}
}

// Close implements sinks.Sink.
func (s *Sink) Close() error {
	s.drop()
	return nil
}

// drop lets go of a producer; a transaction that it had open is never seen.
func (s *Sink) drop() {
	if s.producer != nil {
		s.producer.Close()
		s.producer = nil
	}
}

// Cursor implements sinks.Sink. Whoever asks becomes the writer.
func (s *Sink) Cursor(ctx context.Context) (_ sinks.Progress, err error) {
	defer func() {
		if err != nil {
			s.drop()
			err = explained(err)
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, s.patience())
	defer cancel()
	if err := s.claim(ctx); err != nil {
		return sinks.Progress{}, err
	}
	if s.at, err = s.newest(ctx); err != nil {
		return sinks.Progress{}, err
	}
	if s.at.Resyncing || s.at.Commit == 0 {
		return sinks.Progress{}, nil
	}
	p := sinks.Progress{Epoch: s.at.Epoch, Commit: s.at.Commit, Watermark: event.NoTime}
	if s.at.Millis != nil {
		p.Watermark = event.Millis(*s.at.Millis)
	}
	return p, nil
}

// patience is how long one step may take before the sink counts as failing.
func (s *Sink) patience() time.Duration { return 6 * s.cfg.timeout() }

// claim takes the transactional id over with a new producer.
func (s *Sink) claim(ctx context.Context) (err error) {
	s.drop()
	s.producer, err = kgo.NewClient(append([]kgo.Opt{
		kgo.TransactionalID(fmt.Sprintf("%ss%d", s.cfg.Prefix, shard)), kgo.TransactionTimeout(max(time.Minute, s.patience())),
		kgo.ProducerBatchCompression(codec(s.cfg.Compression), kgo.NoCompression()), kgo.ProducerLinger(0), kgo.MaxBufferedRecords(50_000),
		kgo.RecordDeliveryTimeout(s.patience()), kgo.ProduceRequestTimeout(s.cfg.timeout()),
	}, s.opts...)...)
	if err != nil {
		return fmt.Errorf("sinks.kafka: %w", err)
	}
	if !s.ready {
		if err := s.prepare(ctx, kadm.NewClient(s.producer)); err != nil {
			return err
		}
		s.ready = true
	}
	if _, _, err := s.producer.ProducerID(ctx); err != nil {
		return fmt.Errorf("becoming the writer: %w", err)
	}
	return nil
}

// newest reads the newest progress; the zero progress where there is none.
func (s *Sink) newest(ctx context.Context) (p progress, err error) {
	take := func(r *kgo.Record) error {
		var q progress
		if json.Unmarshal(r.Value, &q) == nil && q.Shard == shard {
			p = q
		}
		return nil
	}
	// The last record is nearly always among the last few.
	if err := s.read(ctx, s.cfg.Prefix+progressTopic, lookBack, take); err != nil || p.Epoch > 0 {
		return p, err
	}
	return p, s.read(ctx, s.cfg.Prefix+progressTopic, 0, take)
}

// lookBack is how many offsets before the end the newest progress is looked for
// first.
const lookBack = 200

// Apply implements sinks.Sink.
func (s *Sink) Apply(ctx context.Context, b sinks.Batch) error {
	switch {
	case s.producer == nil || s.at.Resyncing:
		return sinks.ErrGap // nothing to build on
	case b.Epoch < s.at.Epoch:
		return sinks.ErrFenced
	case b.Epoch != s.at.Epoch || b.After > s.at.Commit:
		return sinks.ErrGap
	case b.Commit <= s.at.Commit:
		return nil
	}
	records, err := s.records(ctx, &b)
	if err != nil {
		return err
	}
	return s.commit(ctx, records, progressOf(b.Progress, s.at.Base))
}

// commit writes records and a progress as one transaction.
func (s *Sink) commit(ctx context.Context, records []*kgo.Record, to progress) error {
	value, err := json.Marshal(to)
	if err != nil {
		return fmt.Errorf("encoding the progress: %w", err)
	}
	records = append(records, &kgo.Record{Topic: s.cfg.Prefix + progressTopic, Key: []byte(strconv.Itoa(shard)), Value: value})
	if err := s.transact(ctx, records); err != nil {
		s.drop()
		return explained(err)
	}
	s.at = to
	return nil
}

var errGone = errors.New("the sink has failed before; ask for its cursor")

func (s *Sink) transact(ctx context.Context, records []*kgo.Record) error {
	cl := s.producer
	if cl == nil {
		return errGone
	}
	ctx, cancel := context.WithTimeout(ctx, s.patience())
	defer cancel()
	// Records that were sent and not answered cannot be called back; closing
	// the client lets go of them, and the next writer fences them.
	closed := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(closed)
		cl.Close()
	})
	defer func() {
		if !stop() {
			<-closed
		}
	}()
	if err := cl.BeginTransaction(); err != nil {
		return fmt.Errorf("beginning a transaction: %w", err)
	}
	if err := cl.ProduceSync(ctx, records...).FirstErr(); err != nil {
		return fmt.Errorf("writing %d records: %w", len(records), errors.Join(err, ctx.Err()))
	}
	if err := cl.EndTransaction(ctx, kgo.TryCommit); err != nil {
		return fmt.Errorf("committing %d records: %w", len(records), err)
	}
	return nil
}
