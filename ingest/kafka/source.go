// Package kafka reads topics of Apache Kafka. It owns how brokers and registries
// are reached, where each partition goes on, and what is done when Kafka has
// lost what was not read yet. It decides nothing about what records mean: bytes
// go to the decoder that the caller gives, and records to the caller's target.
//
// Invariants:
//  1. Where a partition begins is decided by the position that the target gives
//     alone: it was committed with the records before it. The offsets that are
//     written back to the group are for lag tools, and never read.
//  2. Records of a partition reach the target in the order of their offsets, each
//     with the position after it, none twice and none left out.
//  3. Nothing is skipped silently. Where Kafka no longer has what comes next, the
//     partition stops and says so, unless on_data_loss chose for it; then how
//     much was lost is logged and counted.
//  4. A partition whose end was not just confirmed by its leader is never said
//     to be at its end.
//  5. What has been read and is not durable yet is bounded by buffer_bytes and
//     one fetch.
package kafka

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tributary-data/tributary/event"
)

// Target is the pipeline as this package sees it.
type Target interface {
	// Join adds an input that holds the watermark until it was at its end.
	Join(ctx context.Context, name string) (Input, error)
	// Paused says why nothing is taken in now; nil when it is.
	Paused() error
}

// Input is one partition's door to the pipeline.
type Input interface {
	// Position is what was committed last, as it was handed in; nil when the
	// state does not know the input.
	Position() []byte
	// HandIn queues records and blocks while there is no room for them; wait
	// blocks until they are durable. One goroutine calls it.
	HandIn(ctx context.Context, b Batch) (wait func(context.Context) error, err error)
	// Quiet says whether the end of the partition was just confirmed.
	Quiet(atEnd bool)
	// SetNote says how many records are not read (-1: unknown), and why nothing
	// is read; both are for people.
	SetNote(behind int64, problem string)
}

// Batch is a run of records, which may be none when only the position moves.
type Batch struct {
	Records  []event.Record
	Received []event.Millis // when each reached its broker
	Position []byte
	AtEnd    bool // the fetch showed that no more was there
}

// DecodeFunc decodes n records; it may be called by many goroutines at once.
type DecodeFunc func(n int, record func(i int) (raw []byte, implied string, pos event.Position)) []event.Record

// Options are what a source needs.
type Options struct {
	Surroundings
	Config Config
	Target Target
	Decode DecodeFunc
	// PauseReason is a word for why the target is paused, for metrics.
	PauseReason func(error) string
}

// Source reads the topics of a configuration. The goroutine of Run, the
// surveyor, owns which partitions there are; the poller is the only one that
// polls and assigns; each partition has a worker that decodes and hands in; the
// acker waits for what was handed in to be durable.
type Source struct {
	cfg      Config
	opt      Options
	log      *slog.Logger
	cl       *kgo.Client
	adm      *kadm.Client
	registry *registry // nil: none is configured
	budget   *budget
	share    atomic.Int64 // bytes that a partition may hold while another has none: all together half of the budget
	aligner  *aligner
	holding  int // partitions that are held back; the poller's
	orders   orders
	cpu      chan struct{} // held while decoding
	acks     chan ack
	bell     chan struct{} // wakes the surveyor

	mu struct {
		sync.Mutex
		partitions map[string]map[int32]*partition
		joined     int // partitions
		topics     map[string]*topic
		fault      string // why the brokers cannot be asked; empty when they can
		commits    commitState
	}
	counts counts

	workers sync.WaitGroup
	fail    context.CancelFunc // ends Run: the pipeline takes nothing more
}

// topic is what the surveyor knows of one.
type topic struct {
	name    string
	problem string // under the source's mutex; the rest is the surveyor's

	id        string // of the topic that is read; empty before it was seen
	candidate string // another id that was answered once
	missing   int    // surveys in a row that did not find it
	absent    bool   // it was seen not to exist: what it gets later is read from its beginning
	fresh     bool   // the state did not know it: its first partitions begin as configured
	initial   int    // how many partitions it had when it was first seen
}

const (
	// surveyEvery is how often the brokers are asked for partitions and ends: a
	// fraction of the time after which an input is idle.
	surveyEvery = 2 * time.Second
	// maxPoll bounds the records of one poll, so that the budget is looked at
	// often enough; minPoll those of one where there are very many partitions.
	maxPoll, minPoll = 2048, 64
	// fetchWait is how long a broker may keep a fetch that finds nothing. What is
	// held back and let go is fetched when that has come back.
	fetchWait = 100 * time.Millisecond
	// maxChunk is how many records are decoded and handed in at once.
	maxChunk = 1024
	// maxAcks is how many chunks may wait for their commit; the budget is the
	// real bound.
	maxAcks = 4096
	// finishWithin bounds what is done for others when the source stops.
	finishWithin = 5 * time.Second
)

// New prepares a source. It reads secrets and certificates, and talks to nobody.
func New(opt Options) (*Source, error) {
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	s := &Source{
		cfg: opt.Config, opt: opt, log: opt.Log.With(slog.String("source", "kafka")),
		budget: newBudget(int64(opt.Config.BufferBytes)), aligner: newAligner(),
		cpu: make(chan struct{}, runtime.GOMAXPROCS(0)), acks: make(chan ack, maxAcks), bell: make(chan struct{}, 1),
	}
	s.mu.partitions = map[string]map[int32]*partition{}
	s.mu.topics = map[string]*topic{}
	for _, t := range s.cfg.Topics {
		s.mu.topics[t] = &topic{name: t}
	}
	options, err := clientOptions(s.cfg, opt.Surroundings)
	if err != nil {
		return nil, err
	}
	options = append(options, consumerOptions(s.cfg)...)
	if s.registry, err = newRegistry(s.cfg.SchemaRegistry, opt.Surroundings, s.cfg.timeout()); err != nil {
		return nil, err
	}
	if s.cl, err = kgo.NewClient(options...); err != nil {
		return nil, fmt.Errorf("prepare the kafka client: %w", err)
	}
	s.adm = kadm.NewClient(s.cl)
	s.adm.SetTimeoutMillis(int32(s.cfg.RequestTimeout))
	return s, nil
}

// consumerOptions are those of a client that reads.
func consumerOptions(c Config) []kgo.Opt {
	return []kgo.Opt{
		kgo.ConsumeResetOffset(kgo.NoResetOffset()), // never anywhere that we did not say
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.KeepControlRecords(), // they take offsets: without them the end would never be reached
		kgo.FetchMaxBytes(int32(c.FetchMaxBytes)),
		kgo.FetchMaxPartitionBytes(int32(min(c.FetchMaxPartitionBytes, c.FetchMaxBytes))),
		kgo.FetchMaxWait(fetchWait),
		kgo.MaxDecompressBatchBytes(maxBatch),
		kgo.BrokerMaxReadBytes(int32(min(2*c.FetchMaxBytes+maxBatch, 1<<30))),
		kgo.MetadataMaxAge(30 * time.Second),
		kgo.MetadataMinAge(250 * time.Millisecond),
	}
}

// Awaits says of the name of an input whether this source will join it.
func (c Config) Awaits(name string) bool {
	t, _, ok := splitName(name)
	return ok && slices.Contains(c.Topics, t)
}

// Run reads until ctx ends, and returns when nothing of it is running any more.
// What it handed in is the target's to finish. An error means that the target
// failed.
func (s *Source) Run(ctx context.Context) error {
	defer s.cl.Close()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var failure error
	s.fail = func() { cancel(errTarget) }
	// Partition 0 exists in every topic. Joined before anybody was asked, it
	// holds the watermark until the brokers have said what there is.
	for _, t := range s.cfg.Topics {
		if _, err := s.join(ctx, t, 0); err != nil {
			return s.joinFailed(ctx, err)
		}
	}
	var poller, acker sync.WaitGroup
	poller.Go(func() { s.poll(ctx) })
	// A paused pipeline answers nothing: a stop waits for it only so long.
	ackCtx, stopAcks := context.WithCancel(context.WithoutCancel(ctx))
	defer stopAcks()
	forget := context.AfterFunc(ctx, func() { time.AfterFunc(finishWithin, stopAcks) })
	defer forget()
	acker.Go(func() { s.ack(ackCtx) })
	for ctx.Err() == nil {
		if err := s.survey(ctx); err != nil {
			failure = s.joinFailed(ctx, err)
			cancel(err)
			break
		}
		select {
		case <-ctx.Done():
		case <-s.bell:
		case <-time.After(surveyEvery):
		}
	}
	poller.Wait()
	s.workers.Wait()
	close(s.acks)
	acker.Wait()
	s.writeBack(context.WithoutCancel(ctx), finishWithin)
	return failure
}

var errTarget = errors.New("the pipeline takes nothing more")

func (s *Source) joinFailed(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		err = fmt.Errorf("join the pipeline: %w", err)
	} else {
		err = nil // a stop, which comes from elsewhere
	}
	return err
}

// join adds the input of a partition and starts its worker.
func (s *Source) join(ctx context.Context, topicName string, n int32) (*partition, error) {
	name := inputName(topicName, n)
	in, err := s.opt.Target.Join(ctx, name)
	if err != nil {
		return nil, err
	}
	p := newPartition(s, topicName, n, in)
	if stored := in.Position(); stored != nil {
		at, err := decodePosition(stored)
		if err == nil && at.Partition != n {
			err = fmt.Errorf("the position that the state holds is of partition %d", at.Partition)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w; the state is damaged, or of a later version of this program", name, err)
		}
		p.known, p.mu.handed = true, at
		p.mu.durable = at
	}
	in.SetNote(-1, "")
	s.mu.Lock()
	if s.mu.partitions[topicName] == nil {
		s.mu.partitions[topicName] = map[int32]*partition{}
	}
	s.mu.partitions[topicName][n] = p
	s.mu.joined++
	s.share.Store(s.budget.limit / int64(2*s.mu.joined))
	s.mu.Unlock()
	s.aligner.move(p, event.NoTime, true) // what it has is not known yet
	s.workers.Go(func() { p.work(ctx) })
	return p, nil
}

func (s *Source) find(topicName string, n int32) *partition {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mu.partitions[topicName][n]
}

// each lists the partitions, in order.
func (s *Source) each() []*partition {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []*partition
	for _, t := range slices.Sorted(maps.Keys(s.mu.partitions)) {
		for _, n := range slices.Sorted(maps.Keys(s.mu.partitions[t])) {
			out = append(out, s.mu.partitions[t][n])
		}
	}
	return out
}

// ring wakes the surveyor.
func (s *Source) ring() {
	select {
	case s.bell <- struct{}{}:
	default:
	}
}

// pollRecords is how many records are polled at once: if each partition got as
// many beyond its share, the budget would not be full.
func (s *Source) pollRecords() int {
	return int(min(max(s.share.Load()/2/(recordOverhead+512), minPoll), maxPoll))
}

// ack waits for what was handed in, in about the order of the commits, and gives
// its room back.
type ack struct {
	p     *partition
	wait  func(context.Context) error
	after position
	bytes int64
}

func (s *Source) ack(ctx context.Context) {
	var gone bool
	for a := range s.acks {
		if !gone {
			if err := a.wait(ctx); err != nil {
				// The pipeline says itself what is wrong; here nothing more can
				// be handed in behind the gap.
				gone = true
				s.fail()
			} else {
				a.p.mu.Lock()
				a.p.mu.durable = a.after
				a.p.mu.Unlock()
			}
		}
		s.budget.give(a.bytes)
	}
}
