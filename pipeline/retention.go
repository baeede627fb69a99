package pipeline

import (
	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/state"
)

// retention is how far old events were dropped: everything before these times.
type retention struct {
	Impressions, History, Velocity event.Millis
}

// expire drops the buckets that nothing can ask for any more: an accepted event
// or verdict reaches back no further than the lateness, the window of
// adjustments and the lookback together.
func (e *Engine) expire(b *state.Batch) {
	if e.opt.NoLateness || e.watermark == event.NoTime || e.watermark == event.EndOfTime {
		return
	}
	a := &e.cfg.Attribution
	late := event.Millis(0)
	for k := event.Impression; k <= event.Behavioural; k++ {
		late = max(late, e.lateness(k))
	}
	keep := max(a.AdjustmentWindow.Millis(), idWindow) + late
	impressions := e.watermark - keep - a.Lookback.Impression.Millis()
	past := e.watermark - keep - max(a.Lookback.Greatest().Millis(), a.OrderWindow.Millis())
	if e.opt.KeepEvents {
		impressions, past = event.NoTime, event.NoTime
	}
	if first, ok := e.buckets.DropBefore(state.Impressions, state.ImpressionBucket, impressions); ok {
		b.DeleteRange([]byte{byte(state.Impressions)}, bucketKey(state.Impressions, first))
		e.retained.Impressions = event.Millis(first) * state.ImpressionBucket
	}
	if first, ok := e.buckets.DropBefore(state.History, state.HistoryBucket, past); ok {
		b.DeleteRange([]byte{byte(state.History)}, bucketKey(state.History, first))
		e.retained.History = event.Millis(first) * state.HistoryBucket
	}
	// Counting rules look back an hour from the latest click that may come.
	click := (e.watermark - e.lateness(event.Click) - event.Hour).Floor(state.VelocityBucket)
	if click > e.retained.Velocity && click > 0 {
		b.DeleteRange([]byte{byte(state.Velocity)}, bucketKey(state.Velocity, uint32(click/state.VelocityBucket)))
		e.retained.Velocity = click
	}
}

func bucketKey(s state.Space, n uint32) []byte {
	return []byte{byte(s), byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}
}
