package service

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/ingest"
	"github.com/tributary-data/tributary/pipeline"
	"github.com/tributary-data/tributary/web"
)

// decoders lends a decoder and its judge to each request. It sums up what they
// rounded and left out.
type decoders struct {
	pool sync.Pool
	mu   struct {
		sync.Mutex
		stats ingest.Stats
	}
}

type judgingDecoder struct {
	*ingest.Decoder
	judge func(*event.Event) event.Reasons
}

func newDecoders(cfg ingest.DecodeConfig, judges func() func(*event.Event) event.Reasons) *decoders {
	d := &decoders{}
	d.pool.New = func() any { return &judgingDecoder{Decoder: ingest.NewDecoder(cfg), judge: judges()} }
	return d
}

// decode turns raw records into events and dead letters.
func (d *decoders) decode(n int, record func(i int) (raw []byte, implied string, pos event.Position)) []event.Record {
	dec := d.pool.Get().(*judgingDecoder)
	defer d.pool.Put(dec)
	now := event.Millis(time.Now().UnixMilli())
	out := make([]event.Record, n)
	for i := range out {
		raw, implied, pos := record(i)
		dec.Decode(raw, implied, now, pos, &out[i])
		if out[i].Dead == nil {
			out[i].Event.Lists = dec.judge(&out[i].Event)
		}
	}
	d.mu.Lock()
	d.mu.stats.Add(dec.TakeStats())
	d.mu.Unlock()
	return out
}

func (d *decoders) stats() ingest.Stats {
	d.mu.Lock()
	defer d.mu.Unlock()
	var s ingest.Stats
	s.Add(d.mu.stats)
	return s
}

// The inputs of the live pipeline.
const (
	httpInput = iota
	feedInput
)

// collector is the service as the HTTP collector sees it.
type collector service

var _ web.Collector = (*collector)(nil)

// Collect decodes the records and waits until they are durable.
func (c *collector) Collect(ctx context.Context, request string, raws [][]byte) (web.CollectResult, error) {
	prefix := "http/" + request + "/"
	records := c.decoders.decode(len(raws), func(i int) ([]byte, string, event.Position) {
		return raws[i], "", event.Position{Prefix: prefix, N: int64(i)}
	})
	outcomes, err := c.live.Submit(ctx, httpInput, records)
	if err != nil {
		return web.CollectResult{}, collectError(err)
	}
	var r web.CollectResult
	for i, o := range outcomes {
		switch o {
		case pipeline.Accepted:
			r.Accepted++
		case pipeline.DuplicateEvent:
			r.Duplicates++
		case pipeline.TooLate:
			r.Late++
		default:
			d := records[i].Dead
			r.Rejected = append(r.Rejected, web.Rejected{Index: i, Code: d.Code, Message: d.Message})
		}
	}
	return r, nil
}

func collectError(err error) error {
	switch {
	case errors.Is(err, pipeline.ErrBusy):
		return web.ErrBusy
	case errors.Is(err, pipeline.ErrStopping):
		return web.ErrStopping
	case errors.Is(err, errDiskFull):
		return errors.Join(web.ErrDiskFull, err)
	}
	return err
}

// submitFeed takes records of the feed, in their order.
func (s *service) submitFeed(ctx context.Context, feed []FeedRecord) error {
	records := s.decoders.decode(len(feed), func(i int) ([]byte, string, event.Position) {
		s.offset++
		return feed[i].Raw, ingest.ImpliedType(feed[i].Topic), event.Position{Prefix: feed[i].Topic + "/0/", N: s.offset}
	})
	for {
		_, err := s.live.Submit(ctx, feedInput, records)
		if !errors.Is(err, pipeline.ErrBusy) && !errors.Is(err, errDiskFull) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}
