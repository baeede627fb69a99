package kafka

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/internal/kafkaconn"
	"github.com/tributary-data/tributary/sinks"
	"github.com/tributary-data/tributary/table"
)

// read gives the committed records of a topic up to its end now, in the order of
// each partition; of the last back offsets where that is not 0.
func (s *Sink) read(ctx context.Context, topic string, back int64, fn func(r *kgo.Record) error) error {
	admin, err := kgo.NewClient(s.opts...)
	if err != nil {
		return err
	}
	defer admin.Close()
	adm := kadm.NewClient(admin)
	starts, err := adm.ListStartOffsets(ctx, topic)
	if err == nil {
		err = starts.Error()
	}
	if err != nil {
		return fmt.Errorf("asking where topic %s begins: %w", topic, err)
	}
	ends, err := adm.ListCommittedOffsets(ctx, topic)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return fmt.Errorf("asking where topic %s ends: %w", topic, err)
	}
	from, left := map[int32]kgo.Offset{}, map[int32]int64{}
	ends.Each(func(o kadm.ListedOffset) {
		start, _ := starts.Lookup(o.Topic, o.Partition)
		at := start.Offset
		if back > 0 {
			at = max(at, o.Offset-back)
		}
		if at < o.Offset {
			from[o.Partition], left[o.Partition] = kgo.NewOffset().At(at), o.Offset
		}
	})
	if len(left) == 0 {
		return nil
	}
	cl, err := kgo.NewClient(append([]kgo.Opt{
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: from}), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.KeepControlRecords(), kgo.FetchMaxWait(100 * time.Millisecond), kgo.FetchMaxBytes(16 << 20),
	}, s.opts...)...)
	if err != nil {
		return err
	}
	defer cl.Close()
	next := map[int32]int64{}
	for n, o := range from {
		next[n] = o.EpochOffset().Offset
	}
	return s.poll(ctx, cl, topic, next, left, fn)
}

const (
	// quiet is how long nothing may come before the leader is asked what stands
	// where we are: the last offsets of a partition may be those of transactions
	// of which nothing remains.
	quiet = time.Second
	// maxQuiet is how often in a row the leader may be asked in vain.
	maxQuiet = 30
)

// poll reads until every partition has reached its end, from next to left.
func (s *Sink) poll(ctx context.Context, cl *kgo.Client, topic string, next, left map[int32]int64, fn func(r *kgo.Record) error) error {
	inVain := 0
	for len(left) > 0 {
		wait, cancel := context.WithTimeout(ctx, quiet)
		got := cl.PollFetches(wait)
		cancel()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if got.NumRecords() == 0 {
			err := got.Err()
			if err != nil && !errors.Is(err, context.DeadlineExceeded) {
				return fmt.Errorf("reading back: %w", err)
			}
			// Silence is not the end: the broker may be slow.
			err = s.pass(ctx, cl, topic, next, left)
			if inVain++; len(left) > 0 && inVain >= maxQuiet {
				return errors.Join(fmt.Errorf("reading back: nothing comes of topic %s, of which %d partitions are not read to their end", topic, len(left)), err)
			}
			continue
		}
		inVain = 0
		for it := got.RecordIter(); !it.Done(); {
			r := it.Next()
			end, open := left[r.Partition]
			if !open || r.Offset >= end {
				delete(left, r.Partition)
				continue
			}
			if !r.Attrs.IsControl() {
				if err := fn(r); err != nil {
					return err
				}
			}
			if next[r.Partition] = r.Offset + 1; r.Offset+1 >= end {
				delete(left, r.Partition)
			}
		}
	}
	return nil
}

// pass takes partitions out of left of which no record is left up to the end, as
// their leaders say.
func (s *Sink) pass(ctx context.Context, cl *kgo.Client, topic string, next, left map[int32]int64) error {
	var errs error
	for n, end := range left {
		for at := next[n]; ; {
			empty, to, err := kafkaconn.Probe(ctx, cl, topic, n, at, s.cfg.timeout())
			errs = errors.Join(errs, err)
			if err != nil || !empty || to <= at {
				break
			}
			if at = to; at >= end {
				delete(left, n)
				break
			}
		}
	}
	return errs
}

// current gives the rows of a table as its topic says: of each key the record of
// the greatest revision that is not below the base. It holds them in memory.
func (s *Sink) current(ctx context.Context, t *table.Table, fn func(row table.Row) error) error {
	p, err := s.newest(ctx)
	if err != nil {
		return err
	}
	topic := t
	if t == table.Credits {
		topic = table.Conversions
	}
	type latest struct {
		rev   uint64
		value []byte
	}
	rows := map[string]latest{}
	err = s.read(ctx, s.topic(topic), 0, func(r *kgo.Record) error {
		rev, err := revOf(r)
		if err != nil {
			return fmt.Errorf("%s/%d/%d: %w", r.Topic, r.Partition, r.Offset, err)
		}
		if was := rows[string(r.Key)]; rev >= was.rev {
			rows[string(r.Key)] = latest{rev, r.Value}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for key, l := range rows {
		if l.value == nil || l.rev < p.Base {
			continue
		}
		if err := decode(topic, t, l.value, fn); err != nil {
			return fmt.Errorf("%s: key %q: %w", s.topic(topic), key, err)
		}
	}
	return nil
}

func revOf(r *kgo.Record) (uint64, error) {
	for _, h := range r.Headers {
		if h.Key == "rev" {
			return strconv.ParseUint(string(h.Value), 10, 64)
		}
	}
	return 0, errors.New("the record has no header rev")
}

// decode gives the rows of a value: of a conversion its own, or its credits.
func decode(topic, t *table.Table, value []byte, fn func(row table.Row) error) error {
	var cells map[string]json.RawMessage
	if err := json.Unmarshal(value, &cells); err != nil {
		return err
	}
	if topic == t {
		return decodeRow(t, cells, fn)
	}
	var credits []map[string]json.RawMessage
	if err := json.Unmarshal(cells["credits"], &credits); err != nil {
		return fmt.Errorf("credits: %w", err)
	}
	for _, c := range credits {
		if err := decodeRow(t, c, fn); err != nil {
			return err
		}
	}
	return nil
}

func decodeRow(t *table.Table, cells map[string]json.RawMessage, fn func(row table.Row) error) error {
	row := make(table.Row, len(t.Columns))
	for i, c := range t.Columns {
		v, err := &row[i], error(nil)
		switch c.Type {
		case table.Int:
			err = json.Unmarshal(cells[c.Name], &v.Int)
		case table.List:
			err = json.Unmarshal(cells[c.Name], &v.List)
		case table.Text:
			err = json.Unmarshal(cells[c.Name], &v.Text)
		case table.Time:
			var text string
			if err = json.Unmarshal(cells[c.Name], &text); err == nil && text == "" {
				*v = table.At(event.NoTime)
			} else if err == nil {
				var at time.Time
				at, err = time.Parse(time.RFC3339, text)
				*v = table.At(event.Millis(at.UnixMilli()))
			}
		}
		if err != nil {
			return fmt.Errorf("%s: %w", c.Name, err)
		}
	}
	return fn(row)
}

// Audit implements sinks.Auditor: it reads the topic from its beginning. Of the
// logs what has left the retention is missing; they are not compared.
func (s *Sink) Audit(ctx context.Context, t *table.Table) (map[sinks.Group]sinks.Sums, error) {
	if isAppended(t) {
		return nil, sinks.ErrNotKept
	}
	return sinks.AddUp(t, func(fn func(table.Row) error) error { return s.current(ctx, t, fn) })
}
