package web

import (
	"context"
	"log/slog"
	"time"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/table"
)

const (
	warmHours  = 31 * 24 // a month, however long
	warmStep   = togetherHours
	warmRest   = 3           // times as long as a step took it rests: a quarter of one core at most
	warmBehind = 10_000      // records that inputs are behind, from which on it waits
	warmWait   = time.Second // until it looks again whether it may go on
)

// warmed is what the dashboard asks of every range before anybody has chosen
// anything.
var warmed = []struct {
	table *table.Table
	model string
}{
	{table.MinuteDelivery, ""},
	{table.MinuteConversions, ""},
	{table.MinuteAttribution, defaultModel},
	{table.MinuteAttribution, "last_touch"},
}

// Warm reads the sums of the last month, newest first, so that the first answer
// over it does not have to. It waits while the pipeline is not ready, pauses or
// is behind, rests between days, and takes at most half of the cube. It returns
// when that is done, or when ctx ends.
func (s *Server) Warm(ctx context.Context) {
	to := event.Millis(s.now().UnixMilli()).Floor(event.Hour)
	began := time.Now()
	for left := warmHours; left > 0; {
		s.metrics.warmLeft.Set(float64(left))
		if !s.calm() {
			if !rest(ctx, warmWait) {
				return
			}
			continue
		}
		if s.cube.halfFull() {
			s.log.Info("as many figures were read ahead as there is room for", slog.Int("hours", warmHours-left))
			break
		}
		step := min(left, warmStep)
		from := to - event.Millis(step)*event.Hour
		reading := time.Now()
		s.cube.refresh()
		for _, w := range warmed {
			if err := s.cube.each(ctx, w.table, w.model, from, to, nil, func(*chunk) {}); err != nil {
				if ctx.Err() == nil {
					s.log.Warn("figures are not read ahead; the first answers over a long range take longer", slog.Any("err", err))
				}
				return
			}
		}
		to, left = from, left-step
		if !rest(ctx, warmRest*time.Since(reading)) {
			return
		}
	}
	s.metrics.warmLeft.Set(0)
	s.log.Debug("figures were read ahead", slog.Duration("took", time.Since(began)))
}

// calm says that nothing is more urgent than reading ahead.
func (s *Server) calm() bool {
	st := s.plain.Status()
	behind := int64(0)
	for _, in := range st.Inputs {
		behind += max(0, in.Behind)
	}
	return st.Ready && st.Paused == "" && behind <= warmBehind
}

// halfFull leaves the other half to what is asked for.
func (c *cube) halfFull() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.mu.parts > c.maxParts/2
}

// rest is false when ctx ended.
func rest(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
