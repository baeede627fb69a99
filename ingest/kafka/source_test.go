package kafka

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestReadsAndGoesOn: all records come once and in order, also over restarts,
// and the end is known as the end.
func TestReadsAndGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		defer b.close()
		b.topic("clicks", 2)
		b.produce("clicks", 0, numbered("a", 0, 50)...)
		b.produce("clicks", 1, numbered("b", 0, 3)...)
		_, stop := b.start()
		b.has("clicks/0", numbered("a", 0, 50)...)
		b.has("clicks/1", numbered("b", 0, 3)...)
		b.until("the end is seen", func() bool { return b.ledger.look("clicks/0").atEnd && b.ledger.look("clicks/0").behind == 0 })
		b.produce("clicks", 0, numbered("a", 50, 60)...)
		b.has("clicks/0", numbered("a", 0, 60)...)
		stop()
		b.produce("clicks", 0, numbered("a", 60, 70)...)
		s, stop := b.start()
		defer stop()
		b.has("clicks/0", numbered("a", 0, 70)...)
		b.has("clicks/1", numbered("b", 0, 3)...)
		if p := s.Status().Problems; len(p) > 0 {
			t.Errorf("all is well, but it says %q", p)
		}
		time.Sleep(10 * time.Second)
		offsets, err := b.adm.FetchOffsets(t.Context(), b.cfg.Group)
		if err != nil {
			t.Fatal(err)
		}
		if o, ok := offsets.Lookup("clicks", 0); !ok || o.At != 70 {
			t.Errorf("the group shows offset %d, want 70", o.At)
		}
	})
}

// TestPartitionsAndTopicsThatComeLater are read from their beginning.
func TestPartitionsAndTopicsThatComeLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		defer b.close()
		b.cfg.Topics = []string{"clicks", "conversions"}
		b.cfg.Start = latest
		b.topic("clicks", 1)
		b.produce("clicks", 0, "old")
		s, stop := b.start()
		defer stop()
		b.until("clicks is placed", func() bool { return b.ledger.look("clicks/0").position != nil })
		b.until("conversions is missed", func() bool {
			return strings.Contains(b.ledger.look("conversions/0").problem, "topic conversions does not exist")
		})
		if p := s.Status().Problems; len(p) == 0 || !strings.Contains(p[0], "create it, or correct kafka.topics") {
			t.Errorf("the problems are %q", p)
		}
		if !b.ledger.look("conversions/0").atEnd {
			t.Error("a topic that never was holds the watermark")
		}
		b.topic("conversions", 1)
		b.produce("conversions", 0, "first")
		if _, err := b.adm.CreatePartitions(t.Context(), 1, "clicks"); err != nil {
			t.Fatal(err)
		}
		b.produce("clicks", 1, "second")
		b.produce("clicks", 0, "new")
		b.has("conversions/0", "first")
		b.has("clicks/1", "second")
		b.has("clicks/0", "new")
		if p := s.Status().Problems; len(p) > 0 {
			t.Errorf("all is well, but it says %q", p)
		}
	})
}
