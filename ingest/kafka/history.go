package kafka

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/internal/kafkaconn"
)

// Range is a part of the history of topics, by the time that the brokers have
// for each record.
type Range struct {
	Topics   []string     // empty: those of the configuration
	From, To event.Millis // [From, To); NoTime: from the beginning, to the end as it is now
}

// History is one partition of a range, as an input of a replay. One goroutine
// calls Next and Close. It reads ahead by what its client has fetched.
type History struct {
	name     string
	registry *registry
	decode   DecodeFunc
	cfg      Config
	cl       *kgo.Client
	p        *partition // for what it shares with live reading
	begin    int64
	next     int64
	end      int64
	quiet    time.Time // since when nothing came
}

// minHistoryFetch is the least that a client may fetch at once; together they
// are to stay within buffer_bytes.
const minHistoryFetch = 64 << 10

// OpenHistory looks up what the range holds, and gives an input for each
// partition, in the order of topics and partitions. The end is what is there
// now: a replay of a topic that is written to ends.
func OpenHistory(ctx context.Context, c Config, s Surroundings, r Range, decode DecodeFunc) (_ []*History, err error) {
	if s.Log == nil {
		s.Log = slog.New(slog.DiscardHandler)
	}
	topics := r.Topics
	if len(topics) == 0 {
		topics = c.Topics
	}
	options, err := clientOptions(c, s)
	if err != nil {
		return nil, err
	}
	reg, err := newRegistry(c.SchemaRegistry, s, c.timeout())
	if err != nil {
		return nil, err
	}
	cl, err := kgo.NewClient(options...)
	if err != nil {
		return nil, fmt.Errorf("prepare the kafka client: %w", err)
	}
	defer cl.Close()
	adm := kadm.NewClient(cl)
	asking, cancel := context.WithTimeout(ctx, c.timeout())
	defer cancel()
	details, err := adm.ListTopicsWithInternal(asking, topics...)
	if err != nil {
		return nil, unreachable(explain(err, c, ""))
	}
	for _, t := range topics {
		if d := details[t]; d.Err != nil || d.Topic == "" {
			if d.Err == nil {
				d.Err = kerr.UnknownTopicOrPartition
			}
			return nil, errors.New(explain(d.Err, c, t))
		}
	}
	begin, end, err := bounds(asking, adm, c, r, topics)
	if err != nil {
		return nil, err
	}
	var all []*History
	defer func() {
		if err != nil {
			for _, h := range all {
				_ = h.Close() // it has done nothing yet
			}
		}
	}()
	total := 0
	for _, t := range topics {
		total += len(details[t].Partitions)
	}
	fetch := int32(max(minHistoryFetch, min(c.FetchMaxBytes, c.BufferBytes/max(1, total))))
	for _, t := range topics {
		for _, n := range slices.Sorted(mapKeys(details[t].Partitions)) {
			h := &History{
				name: inputName(t, n), registry: reg, decode: decode, cfg: c,
				begin: begin[t][n], next: begin[t][n], end: end[t][n],
			}
			h.p = newPartition(&Source{registry: reg, opt: Options{Decode: decode}}, t, n, nil)
			if h.next < h.end {
				own := append(slices.Clone(options), consumerOptions(c)...)
				own = append(own, kgo.FetchMaxBytes(fetch), kgo.FetchMaxPartitionBytes(fetch),
					kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{t: {n: kgo.NoResetOffset().At(h.next)}}))
				if h.cl, err = kgo.NewClient(own...); err != nil {
					return nil, fmt.Errorf("prepare the kafka client: %w", err)
				}
			}
			all = append(all, h)
		}
	}
	return all, nil
}

func mapKeys(m kadm.PartitionDetails) func(yield func(int32) bool) {
	return func(yield func(int32) bool) {
		for n := range m {
			if !yield(n) {
				return
			}
		}
	}
}

// Unreachable is an error that says that a dependency cannot be used.
type Unreachable struct{ text string }

func (e *Unreachable) Error() string { return e.text }

func unreachable(text string) error { return &Unreachable{text} }

// bounds are the offsets of a range: for each partition the first record at or
// after From, and the first at or after To. Of what is in open transactions
// nothing is read.
func bounds(ctx context.Context, adm *kadm.Client, c Config, r Range, topics []string) (begin, end map[string]map[int32]int64, err error) {
	ends, err := adm.ListCommittedOffsets(ctx, topics...)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return nil, nil, unreachable(explain(err, c, ""))
	}
	at := func(t event.Millis, otherwise func(context.Context, ...string) (kadm.ListedOffsets, error)) (map[string]map[int32]int64, error) {
		list := otherwise
		if t != event.NoTime {
			list = func(ctx context.Context, topics ...string) (kadm.ListedOffsets, error) {
				return adm.ListOffsetsAfterMilli(ctx, int64(t), topics...)
			}
		}
		found, err := list(ctx, topics...)
		if err == nil {
			err = found.Error()
		}
		if err != nil {
			return nil, unreachable(explain(err, c, ""))
		}
		out := map[string]map[int32]int64{}
		found.Each(func(o kadm.ListedOffset) {
			if out[o.Topic] == nil {
				out[o.Topic] = map[int32]int64{}
			}
			last, _ := ends.Lookup(o.Topic, o.Partition)
			out[o.Topic][o.Partition] = last.Offset
			if o.Offset >= 0 {
				out[o.Topic][o.Partition] = min(o.Offset, last.Offset)
			}
		})
		return out, nil
	}
	if begin, err = at(r.From, adm.ListStartOffsets); err != nil {
		return nil, nil, err
	}
	end, err = at(r.To, adm.ListCommittedOffsets)
	return begin, end, err
}

// Base is the name of the input: topic/partition.
func (h *History) Base() string { return h.name }

// Size is how many offsets the range has, and how many of them have been read.
func (h *History) Size() (size, read int64) {
	return max(0, h.end-h.begin), max(0, min(h.next, h.end)-h.begin)
}

// Close ends the client; a second call does nothing.
func (h *History) Close() error {
	if h.cl != nil {
		h.cl.Close()
		h.cl = nil
	}
	return nil
}

const (
	// historyPoll is how long one poll waits before the log itself is asked
	// whether anything is left.
	historyPoll = 2 * time.Second
	// historyPatience is how long brokers may fail before the replay does.
	historyPatience = 2 * time.Minute
)

// Next gives the next records in the order of their offsets; io.EOF after the
// last. A partition that has lost a part of the range is an error.
func (h *History) Next(ctx context.Context) ([]event.Record, error) {
	for h.next < h.end && h.cl != nil {
		poll, cancel := context.WithTimeout(ctx, historyPoll)
		fetches := h.cl.PollRecords(poll, maxChunk)
		cancel()
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		var records []*kgo.Record
		var bad error
		fetches.EachPartition(func(f kgo.FetchTopicPartition) {
			if f.Err != nil && !errors.Is(f.Err, context.DeadlineExceeded) {
				bad = f.Err
			}
			records = append(records, f.Records...)
		})
		if bad != nil {
			l := &loss{next: h.next}
			if l.from(bad) {
				return nil, fmt.Errorf("%s: the records from offset %d on were deleted while they were read; begin the range later", h.name, h.next)
			}
			if !kerr.IsRetriable(bad) && !kgo.IsRetryableBrokerErr(bad) {
				return nil, errors.New(explain(bad, h.cfg, h.p.topic))
			}
		}
		if len(records) == 0 {
			if err := h.skipGap(ctx, bad); err != nil {
				return nil, err
			}
			continue
		}
		h.quiet = time.Time{}
		if first := records[0].Offset; first < h.next {
			return nil, fmt.Errorf("%s: the log was cut below offset %d while it was read", h.name, h.next)
		}
		h.next = records[len(records)-1].Offset + 1
		if i := slices.IndexFunc(records, func(r *kgo.Record) bool { return r.Offset >= h.end }); i >= 0 {
			records = records[:i]
		}
		out, err := h.decodeAll(ctx, records)
		if err != nil || len(out) > 0 {
			return out, err
		}
	}
	return nil, io.EOF
}

func (h *History) decodeAll(ctx context.Context, records []*kgo.Record) ([]event.Record, error) {
	for {
		d, err := h.p.decode(chunk{records: records})
		var missing *schemaMissing
		if !errors.As(err, &missing) {
			return d.records, err
		}
		if err := h.registry.load(ctx, missing.id); err != nil {
			return nil, unreachable(err.Error())
		}
	}
}

// skipGap looks whether nothing is left: the last records of a compacted log may
// have gone, and then their offsets never come.
func (h *History) skipGap(ctx context.Context, last error) error {
	if h.quiet.IsZero() {
		h.quiet = time.Now()
	}
	empty, next, err := kafkaconn.Probe(ctx, h.cl, h.p.topic, h.p.n, h.next, h.cfg.timeout())
	if err == nil && empty && next > h.next {
		h.next = next
		h.quiet = time.Time{}
		return nil
	}
	if time.Since(h.quiet) < historyPatience {
		return ctx.Err()
	}
	if err = errors.Join(last, err); err == nil {
		err = context.DeadlineExceeded
	}
	return unreachable(fmt.Sprintf("%s: nothing has come for %v at offset %d of %d: %s", h.name, historyPatience, h.next, h.end, explain(err, h.cfg, h.p.topic)))
}
