package kafka

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// poll is the poller: it carries out orders, and fetches while there is room.
func (s *Source) poll(ctx context.Context) {
	for ctx.Err() == nil {
		pollCtx, interrupt := context.WithCancel(ctx)
		for _, order := range s.orders.take(interrupt) {
			order()
		}
		if s.noRoom() {
			s.awaitRoom(pollCtx)
		} else {
			s.counts.pauses.set("")
			s.dispatch(s.cl.PollRecords(pollCtx, s.pollRecords()))
		}
		interrupt()
	}
	s.counts.pauses.set("")
}

// noRoom: the buffer is full, or as full as it gets while the target takes
// nothing.
func (s *Source) noRoom() bool {
	return s.budget.full() || s.holding > 0 && s.opt.Target.Paused() != nil
}

// awaitRoom waits until something is durable, or an order came, and says why
// there is no room.
func (s *Source) awaitRoom(ctx context.Context) {
	look := time.NewTicker(100 * time.Millisecond)
	defer look.Stop()
	for {
		s.counts.pauses.set(s.pauseReason())
		select {
		case <-ctx.Done():
			return
		case <-s.budget.room:
		case <-look.C:
		}
		if !s.noRoom() {
			return
		}
	}
}

func (s *Source) pauseReason() string {
	err := s.opt.Target.Paused()
	if err == nil {
		return pauseTick
	}
	if s.opt.PauseReason != nil {
		return s.opt.PauseReason(err)
	}
	return "paused"
}

// dispatch gives the records of a poll to their partitions.
func (s *Source) dispatch(fetches kgo.Fetches) {
	fetches.EachPartition(func(f kgo.FetchTopicPartition) {
		p := s.find(f.Topic, f.Partition)
		switch {
		case p == nil && f.Err != nil:
			s.noteFault(f.Topic, f.Err)
		case p != nil:
			p.fetched(f)
		}
	})
}

// noteFault is a fault that belongs to no partition. A topic's are those of its
// metadata, which the surveyor asks for itself.
func (s *Source) noteFault(topicName string, err error) {
	if errors.Is(err, context.Canceled) || errors.Is(err, kgo.ErrClientClosed) {
		return
	}
	s.counts.fetchErrors.Add(1)
	s.log.Debug("fetching fails", slog.String("topic", topicName), slog.Any("err", err))
}

// fetched is for the poller: what a fetch said of the partition.
func (p *partition) fetched(f kgo.FetchTopicPartition) {
	p.mu.Lock()
	current := p.mu.live >= 0 && p.mu.live == p.mu.gen && p.mu.loss == nil
	next, id, epoch := p.mu.next, p.mu.handed.TopicID, p.mu.epoch
	if current && f.Err == nil {
		p.mu.fault = ""
	}
	p.mu.Unlock()
	if !current {
		return
	}
	lost := &loss{topicID: id, next: next, epoch: epoch}
	if f.Err != nil {
		if lost.from(f.Err) {
			p.lose(lost)
			return
		}
		p.failed(f.Err) // records that came with it are fetched again
		return
	}
	if len(f.Records) == 0 {
		return
	}
	switch first := f.Records[0].Offset; {
	case first < next:
		// The client went back by itself: the log was cut below where we are.
		lost.kind, lost.resume = truncated, first
		p.lose(lost)
		return
	case f.Records[0].LeaderEpoch >= 0 && f.Records[0].LeaderEpoch < epoch:
		// Epochs grow along a log. One that is smaller than that of the record
		// before it was written to another log: this one was put back to an
		// earlier time, epochs and all, and has grown past where we are, so that
		// no broker can tell. Where the two part is not known.
		lost.kind, lost.resume = truncated, -1
		p.lose(lost)
		return
	case first > next && f.LogStartOffset > next:
		lost.kind, lost.resume = outOfRange, f.LogStartOffset
		p.lose(lost)
		return
	}
	p.queueRecords(f.Records, f.HighWatermark)
}

// lose stops the partition: what comes next is gone.
func (p *partition) lose(l *loss) {
	p.unassign()
	p.mu.Lock()
	p.mu.loss = l
	p.mu.Unlock()
	p.s.ring()
}

// failed notes a fault of fetching that may pass. The client would ask again at
// once, and as fast as it can: so the partition is put aside until the surveyor
// takes it up again.
func (p *partition) failed(err error) {
	if errors.Is(err, context.Canceled) || errors.Is(err, kgo.ErrClientClosed) {
		return
	}
	text := explain(err, p.s.cfg, p.topic)
	p.unassign()
	p.mu.Lock()
	news := p.mu.fault != text
	p.mu.fault, p.mu.faultAt, p.mu.aside = text, time.Now(), true
	p.mu.Unlock()
	p.s.counts.fetchErrors.Add(1)
	if news {
		p.s.log.Warn("a partition cannot be read", slog.String("input", p.name), slog.String("reason", text))
		p.s.ring()
	}
}
