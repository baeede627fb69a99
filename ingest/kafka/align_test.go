package kafka

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tributary-data/tributary/event"
)

// TestBacklogComesByEventTime: topics of few and of many records that are far
// behind are handed in as one merge by event time, with a buffer that holds a
// small part of them; what a partition was given is in order and whole.
func TestBacklogComesByEventTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		defer b.close()
		b.cfg.Topics = []string{"clicks", "views", "conversions"}
		b.cfg.BufferBytes, b.cfg.FetchMaxBytes, b.cfg.FetchMaxPartitionBytes = 4<<20, 64<<10, 64<<10
		const hours = 2
		begin := time.Now().Add(-hours*time.Hour - time.Minute)
		want := map[string][]string{}
		cl := b.client(kgo.ProducerBatchMaxBytes(16 << 10))
		defer cl.Close()
		for topicName, n := range map[string]int{"clicks": 300, "views": 15000, "conversions": 7} {
			b.topic(topicName, 2)
			var all []*kgo.Record
			for i := range n {
				id, in := fmt.Sprintf("%s-%05d", topicName, i), inputName(topicName, int32(i%2))
				at := begin.Add(time.Duration(i) * hours * time.Hour / time.Duration(n))
				all = append(all, &kgo.Record{
					Topic: topicName, Partition: int32(i % 2), Timestamp: at,
					Value: fmt.Appendf(nil, `{"type":"click","event_id":%q,"event_time":%d,"user_id":"u1"}`, id, at.UnixMilli()),
				})
				want[in] = append(want[in], id)
			}
			if err := cl.ProduceSync(t.Context(), all...).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
		began := time.Now()
		_, stop := b.start()
		defer stop()
		for in, ids := range want {
			b.has(in, ids...)
		}
		if took := time.Since(began); took > time.Minute {
			t.Errorf("it took %v of virtual time: partitions wait for nobody", took)
		}
		ahead, last := map[string]event.Millis{}, event.NoTime
		for _, r := range b.ledger.order {
			if late := last - r.time; last != event.NoTime && late > alignWithin {
				ahead[r.input] = max(ahead[r.input], late)
			}
			last = max(last, r.time)
		}
		for in, late := range ahead {
			t.Errorf("%s comes up to %v behind others", in, time.Duration(late)*time.Millisecond)
		}
	})
}

// TestAlignerWaitsForNobodyLong: a partition that stands still holds others up
// once, for a moment; one that is at its end, and what is nearly live, not at all.
func TestAlignerWaitsForNobodyLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAligner()
		s := &Source{}
		slow, fast := &partition{s: s}, &partition{s: s}
		old := event.Millis(time.Now().UnixMilli()) - event.Hour
		wait := func(times ...event.Millis) (int, time.Duration) {
			t.Helper()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			began := time.Now()
			n, err := a.upTo(ctx, fast, times)
			if err != nil {
				t.Fatalf("it waited for %v: %v", time.Since(began), err)
			}
			return n, time.Since(began)
		}
		a.move(slow, old, true)
		if n, took := wait(old, old+event.Second, old+event.Second+1, old+event.Minute); n != 2 || took != 0 {
			t.Errorf("%d records may be handed in, after %v; want the 2 that are within a second, at once", n, took)
		}
		if n, took := wait(old+event.Minute, old+2*event.Minute); n != 1 || took != alignPatience {
			t.Errorf("%d records, after %v; want 1 after the patience, with its own next second as the limit", n, took)
		}
		if _, took := wait(old + 2*event.Minute); took != 0 {
			t.Errorf("a partition that stands still is waited for again: %v", took)
		}
		go func() {
			time.Sleep(alignPatience / 2)
			if !a.waits(fast) || a.waits(slow) {
				t.Error("it does not say who waits")
			}
			a.move(slow, old+2*event.Minute, true)
			time.Sleep(alignPatience / 2)
			a.move(slow, old+3*event.Minute, true)
		}()
		a.move(slow, old+event.Second, true) // it goes on, and is waited for
		if _, took := wait(old + 3*event.Minute + event.Second); took != alignPatience {
			t.Errorf("it waited for %v; want until the other was there", took)
		}
		a.move(slow, old, false)
		if _, took := wait(old + 30*event.Minute); took != 0 {
			t.Errorf("a partition at its end is waited for: %v", took)
		}
		a.move(slow, event.Millis(time.Now().UnixMilli())-11*event.Second, true)
		if n, took := wait(event.Millis(time.Now().UnixMilli())-10*event.Second-1, event.Millis(time.Now().UnixMilli())); n != 2 || took != 0 {
			t.Errorf("%d of what has just become old, after %v; want both at once, as the other is nearly there", n, took)
		}
		a.move(slow, old, true)
		if n, took := wait(event.Millis(time.Now().UnixMilli())-event.Second, event.Millis(time.Now().UnixMilli())); n != 2 || took != 0 {
			t.Errorf("%d of what is nearly live, after %v; want both at once", n, took)
		}
	})
}
