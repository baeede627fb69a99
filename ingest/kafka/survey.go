package kafka

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/internal/kafkaconn"
)

// survey asks the brokers what there is: topics, partitions, ends. It joins what
// is new, finds topics that are not those that were read, carries out what
// on_data_loss says, and tells every input how it stands. An error is that of
// the target.
func (s *Source) survey(ctx context.Context) error {
	asking, cancel := context.WithTimeout(ctx, s.cfg.timeout())
	defer cancel()
	details, err := s.adm.ListTopicsWithInternal(asking, s.cfg.Topics...)
	if ctx.Err() != nil {
		return nil
	}
	if err != nil {
		s.unreachable(explain(err, s.cfg, ""))
		return nil
	}
	s.setFault("")
	var there []string
	for _, name := range s.cfg.Topics {
		ok, err := s.surveyTopic(ctx, name, details[name])
		if err != nil {
			return err
		}
		if ok {
			there = append(there, name)
		}
	}
	s.surveyEnds(ctx, there)
	s.writeBackSometimes(ctx)
	return nil
}

// unreachable: nobody knows the ends, so no input is at its end.
func (s *Source) unreachable(why string) {
	if s.setFault(why) {
		s.log.Warn("kafka cannot be asked; trying again", slog.String("reason", why))
	}
	for _, p := range s.each() {
		p.in.Quiet(false)
		p.mu.Lock()
		p.mu.end = -1
		p.mu.Unlock()
		p.in.SetNote(-1, p.problem(why))
	}
}

func (s *Source) setFault(why string) (news bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	news = s.mu.fault != why
	s.mu.fault = why
	return news
}

// surveyTopic says whether the topic is there.
func (s *Source) surveyTopic(ctx context.Context, name string, d kadm.TopicDetail) (bool, error) {
	s.mu.Lock()
	t := s.mu.topics[name]
	s.mu.Unlock()
	if d.Topic == "" && d.Err == nil {
		d.Err = kerr.UnknownTopicOrPartition
	}
	if d.Err != nil {
		s.topicFails(t, d.Err)
		return false, nil
	}
	t.missing = 0
	id := d.ID.String()
	if was := s.expected(t); was != "" && was != id && t.candidate != id {
		// One broker may be behind the others: it takes two answers.
		t.candidate = id
		s.ring()
		return false, nil
	}
	s.setProblem(t, "")
	switch {
	case t.id == "":
		t.fresh, t.initial = !t.absent && !s.knew(name), len(d.Partitions)
	case t.id != id:
		// The client holds on to the topic that it knew, whole.
		all := s.partitionsOf(name)
		s.orders.add(func() {
			for _, p := range all {
				p.unassign()
			}
			s.cl.PurgeTopicsFromConsuming(name)
		})
	}
	t.id, t.candidate = id, ""
	// The last one first: partition 0 is what shows after a crash that the topic
	// was known, so it is placed when the others are.
	for _, n := range slices.Backward(slices.Sorted(maps.Keys(d.Partitions))) {
		p := s.find(name, n)
		if p == nil {
			var err error
			if p, err = s.join(ctx, name, n); err != nil {
				return false, err
			}
		}
		s.place(ctx, p, id, t.fresh && int(n) < t.initial)
	}
	return true, nil
}

// expected is the id of the topic that was read until now.
func (s *Source) expected(t *topic) string {
	if t.id != "" {
		return t.id
	}
	if p := s.find(t.name, 0); p != nil && p.known {
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.mu.handed.TopicID
	}
	return ""
}

func (s *Source) partitionsOf(name string) []*partition {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Values(s.mu.partitions[name]))
}

// knew says whether the state knew the topic when the program started.
func (s *Source) knew(name string) bool {
	p := s.find(name, 0)
	return p != nil && p.known
}

func (s *Source) setProblem(t *topic, why string) (news bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	news = t.problem != why
	t.problem = why
	return news
}

// goneAfter is how many surveys must find a topic missing before it counts as
// deleted: a broker that starts may not know yet what there is.
const goneAfter = 10

// loses stops a partition from outside of the poller.
func (s *Source) loses(p *partition, l *loss) {
	p.mu.Lock()
	p.mu.loss = l
	p.mu.Unlock()
	s.orders.add(p.unassign)
}

// topicFails notes why a topic cannot be read. One that never was there holds
// nothing up; one that was read and is gone stops.
func (s *Source) topicFails(t *topic, err error) {
	why := explain(err, s.cfg, t.name)
	gone := errors.Is(err, kerr.UnknownTopicOrPartition)
	if gone {
		t.missing++
	}
	if s.setProblem(t, why) {
		s.log.Warn("a topic cannot be read", slog.String("topic", t.name), slog.String("reason", why))
	}
	for _, p := range s.partitionsOf(t.name) {
		p.mu.Lock()
		placed := p.known || p.mu.placed
		p.mu.end = -1
		at := p.mu.handed
		lost := p.mu.loss != nil
		p.mu.Unlock()
		if placed && !lost && t.missing >= goneAfter {
			l := &loss{kind: deleted, topicID: at.TopicID, next: at.Offset}
			s.loses(p, l)
			s.reportLoss(p, l, -1, -1)
		}
		if gone && !placed {
			t.absent = true
		}
		if gone {
			p.s.aligner.move(p, event.NoTime, false)
		}
		p.in.Quiet(gone && !placed)
		p.in.SetNote(-1, p.problem(why))
	}
}

// place decides where a partition is read from, the first time that it is seen
// and when what comes next is lost.
func (s *Source) place(ctx context.Context, p *partition, id string, fresh bool) {
	p.mu.Lock()
	placed, l, at := p.mu.placed, p.mu.loss, p.mu.handed
	aside := p.mu.aside && time.Since(p.mu.faultAt) >= surveyEvery/2
	p.mu.Unlock()
	switch {
	case !placed && p.known && at.TopicID == id:
		p.move(move{to: at})
		return
	case !placed && !p.known:
		from := earliest // what appears while we look on is read whole
		if fresh {
			from = s.cfg.Start
		}
		to, err := s.bound(ctx, p, id, from)
		if err != nil {
			s.placeFails(p, err)
			return
		}
		s.log.Info("a partition is read for the first time", slog.String("input", p.name), slog.Int64("offset", to.Offset))
		p.move(move{to: to, store: true})
		return
	case at.TopicID != id && at.TopicID != "" && (l == nil || l.kind != recreated):
		l = &loss{kind: recreated, topicID: at.TopicID, next: at.Offset}
		s.loses(p, l)
	case l == nil:
		if aside {
			p.takeUp()
		}
		return
	case l.kind == deleted && at.TopicID == id:
		// It was not there for a moment, as while a cluster starts.
		p.move(move{to: at})
		return
	}
	if l.text == "" {
		start, end := s.held(ctx, p)
		l = s.reportLoss(p, l, start, end)
	}
	if s.cfg.OnDataLoss == stop {
		return
	}
	to, err := s.bound(ctx, p, id, s.cfg.OnDataLoss)
	if err != nil {
		s.placeFails(p, err)
		return
	}
	if s.cfg.OnDataLoss == earliest && (l.kind == truncated || l.kind == unreadable) {
		to.Offset = max(to.Offset, l.resume) // all that is left before it was read
	}
	s.log.Warn("going on behind a loss, as on_data_loss says", slog.String("input", p.name), slog.String("kind", string(l.kind)),
		slog.Int64("was_next", l.next), slog.Int64("goes_on_at", to.Offset), slog.String("on_data_loss", s.cfg.OnDataLoss))
	p.move(move{to: to, store: true})
}

func (s *Source) placeFails(p *partition, err error) {
	p.mu.Lock()
	p.mu.asked = explain(err, s.cfg, p.topic)
	p.mu.Unlock()
}

// reportLoss says what happened, once: a loss that has a text was reported. It
// puts another loss in the place of l, since others are reading that one.
func (s *Source) reportLoss(p *partition, l *loss, start, end int64) *loss {
	told := *l
	told.text = l.describe(p.name, start, end)
	p.mu.Lock()
	if p.mu.loss == l {
		p.mu.loss = &told
	}
	p.mu.Unlock()
	s.counts.losses.add(string(l.kind), 1)
	s.log.Error("what comes next in a partition is lost", slog.String("input", p.name), slog.String("kind", string(l.kind)), slog.String("reason", told.text))
	return &told
}

// bound is the beginning or the end of a partition.
func (s *Source) bound(ctx context.Context, p *partition, id, which string) (position, error) {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.timeout())
	defer cancel()
	list := s.adm.ListStartOffsets
	if which == latest {
		list = s.adm.ListEndOffsets
	}
	all, err := list(ctx, p.topic)
	o, ok := all.Lookup(p.topic, p.n)
	switch {
	case ok && o.Err != nil:
		return position{}, o.Err
	case !ok && err != nil:
		return position{}, err
	case !ok || o.Offset < 0:
		return position{}, fmt.Errorf("no %s offset was answered", which)
	}
	return position{TopicID: id, Partition: p.n, Offset: o.Offset, Epoch: -1}, nil
}

// held is what the log of a partition holds; -1 where that cannot be asked.
func (s *Source) held(ctx context.Context, p *partition) (start, end int64) {
	start, end = -1, -1
	if x, err := s.bound(ctx, p, "", earliest); err == nil {
		start = x.Offset
	}
	if x, err := s.bound(ctx, p, "", latest); err == nil {
		end = x.Offset
	}
	return start, end
}

// faultLasts is how long a fault of fetching counts that has not come again.
const faultLasts = 15 * time.Second

// surveyEnds asks how far the topics go, and tells the inputs.
func (s *Source) surveyEnds(ctx context.Context, topics []string) {
	asking, cancel := context.WithTimeout(ctx, s.cfg.timeout())
	defer cancel()
	var ends kadm.ListedOffsets
	var err error
	if len(topics) > 0 {
		// High watermarks, not the last stable offsets: behind an open
		// transaction there is something that has not been read.
		ends, err = s.adm.ListEndOffsets(asking, topics...)
	}
	if ctx.Err() != nil {
		return
	}
	for _, p := range s.each() {
		if !slices.Contains(topics, p.topic) {
			continue // topicFails has told it
		}
		o, ok := ends.Lookup(p.topic, p.n)
		p.mu.Lock()
		p.mu.end, p.mu.asked = -1, ""
		switch {
		case !ok && err != nil:
			p.mu.asked = explain(err, s.cfg, p.topic)
		case ok && o.Err != nil:
			p.mu.asked = "the leader of the partition cannot be asked: " + explain(o.Err, s.cfg, p.topic)
		case !ok:
			p.mu.asked = "the partition has no leader that answers"
		default:
			p.mu.end = o.Offset
		}
		if p.mu.fault != "" && time.Since(p.mu.faultAt) > faultLasts {
			p.mu.fault = ""
		}
		// Everything that was read is handed in, so that what Quiet says comes
		// behind it.
		atEnd := p.mu.end >= 0 && max(p.mu.handed.Offset, p.mu.gap) >= p.mu.end && p.mu.loss == nil && p.mu.fault == "" && p.mu.waiting == ""
		stuck := p.isStuck()
		behind, at := p.behind(), p.mu.handed.Offset
		p.mu.Unlock()
		if stuck {
			// Nothing comes although something should: the last records of a
			// compacted log may have gone. The next survey counts it.
			if empty, next, err := kafkaconn.Probe(ctx, s.cl, p.topic, p.n, at, s.cfg.timeout()); err == nil && empty {
				p.mu.Lock()
				p.mu.gap = next
				p.mu.Unlock()
			}
		}
		if atEnd {
			p.s.aligner.move(p, event.NoTime, false)
		}
		p.in.Quiet(atEnd)
		p.in.SetNote(behind, p.problem(""))
	}
}

// stuckAfter is how many surveys must have seen the same offset before the log
// is asked what stands there.
const stuckAfter = 5

// isStuck says whether it is time to look for a gap; p.mu is held.
func (p *partition) isStuck() bool {
	at := p.mu.handed.Offset
	if at != p.mu.seen || p.mu.end < 0 || at < 0 || max(at, p.mu.gap) >= p.mu.end || p.mu.next != at || p.mu.live < 0 {
		p.mu.seen, p.mu.still = at, 0
		return false
	}
	p.mu.still++
	return p.mu.still%stuckAfter == 0
}

// behind is how many records were not handed in; p.mu is held.
func (p *partition) behind() int64 {
	if p.mu.end < 0 || p.mu.handed.Offset < 0 {
		return -1
	}
	return max(0, p.mu.end-max(p.mu.handed.Offset, p.mu.gap))
}

// problem is why nothing is read; otherwise is used where the partition itself
// has no reason.
func (p *partition) problem(otherwise string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.mu.loss != nil && p.mu.loss.text != "":
		return p.mu.loss.text
	case p.mu.waiting != "":
		return p.mu.waiting
	case otherwise != "":
		return otherwise
	case p.mu.fault != "":
		return p.mu.fault
	}
	return p.mu.asked
}
