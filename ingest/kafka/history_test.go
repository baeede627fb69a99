package kafka

import (
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/tributary-data/tributary/event"
)

// readHistory reads a range to its end: the ids by input.
func (b *bench) readHistory(r Range) map[string][]string {
	b.t.Helper()
	parts, err := OpenHistory(b.t.Context(), b.cfg, b.surroundings(), r, decode)
	if err != nil {
		b.t.Fatal(err)
	}
	out := map[string][]string{}
	for _, h := range parts {
		for {
			records, err := h.Next(b.t.Context())
			if errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				b.t.Fatal(err)
			}
			for i := range records {
				if records[i].Dead != nil {
					out[h.Base()] = append(out[h.Base()], "dead:"+records[i].Dead.Pos.String())
				} else {
					out[h.Base()] = append(out[h.Base()], records[i].Event.ID)
				}
			}
		}
		if size, read := h.Size(); size != read {
			b.t.Errorf("%s: %d of %d offsets were read", h.Base(), read, size)
		}
		if err := h.Close(); err != nil {
			b.t.Error(err)
		}
	}
	return out
}

// TestHistory: a range holds the records that the brokers got in it, and ends.
func TestHistory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		defer b.close()
		b.topic("clicks", 2)
		b.topic("empty", 1)
		var marks []event.Millis
		for i := range 5 {
			marks = append(marks, event.Millis(time.Now().UnixMilli()))
			b.produce("clicks", 0, numbered("a", 10*i, 10*i+10)...)
			b.produce("clicks", 1, numbered("b", i, i+1)...)
			time.Sleep(time.Hour)
		}
		if err := b.cl.ProduceSync(t.Context(), &kgo.Record{Topic: "clicks", Value: []byte("{")}, &kgo.Record{Topic: "clicks"}).FirstErr(); err != nil {
			t.Fatal(err)
		}
		b.cfg.Topics = []string{"clicks", "empty"}
		whole := b.readHistory(Range{From: event.NoTime, To: event.NoTime})
		if want := append(numbered("a", 0, 50), "dead:clicks/0/50"); !slices.Equal(whole["clicks/0"], want) || len(whole["clicks/1"]) != 5 || len(whole["empty/0"]) > 0 {
			t.Errorf("the whole: %v", whole)
		}
		part := b.readHistory(Range{Topics: []string{"clicks"}, From: marks[1], To: marks[3]})
		if !slices.Equal(part["clicks/0"], numbered("a", 10, 30)) || !slices.Equal(part["clicks/1"], numbered("b", 1, 3)) {
			t.Errorf("a part: %v", part)
		}
		if got := b.readHistory(Range{From: marks[4] + event.Day, To: event.NoTime}); len(got) > 0 {
			t.Errorf("behind the end there is %v", got)
		}
		b.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Err: kerr.NotLeaderForPartition, Count: 5})
		if again := b.readHistory(Range{From: event.NoTime, To: event.NoTime}); !slices.Equal(again["clicks/0"], whole["clicks/0"]) {
			t.Errorf("with faults: %v", again)
		}
		_, err := OpenHistory(t.Context(), b.cfg, b.surroundings(), Range{Topics: []string{"missing"}}, decode)
		if err == nil || !strings.Contains(err.Error(), "topic missing does not exist") {
			t.Errorf("a topic that is not there: %v", err)
		}
		b.cfg.Brokers = []string{"127.0.0.1:1"}
		b.cfg.RequestTimeout = 1000
		var away *Unreachable
		if _, err = OpenHistory(t.Context(), b.cfg, b.surroundings(), Range{}, decode); !errors.As(err, &away) {
			t.Errorf("brokers that are not there: %v", err)
		}
	})
}

// TestTransactions: what was aborted never comes, what is open is waited for, and
// markers count as read.
func TestTransactions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		defer b.close()
		b.topic("clicks", 1)
		_, stop := b.start()
		defer stop()
		cl := b.client(kgo.TransactionalID("x"))
		defer cl.Close()
		send := func(id string, how kgo.TransactionEndTry) {
			t.Helper()
			err := cl.BeginTransaction()
			if err == nil {
				err = cl.ProduceSync(t.Context(), &kgo.Record{Topic: "clicks", Value: []byte(click(id))}).FirstErr()
			}
			time.Sleep(10 * time.Second)
			if b.ledger.look("clicks/0").atEnd {
				t.Error("with an open transaction the partition is said to be at its end")
			}
			if err == nil {
				err = cl.EndTransaction(t.Context(), how)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		send("a", kgo.TryCommit)
		send("aborted", kgo.TryAbort)
		send("b", kgo.TryCommit)
		send("aborted too", kgo.TryAbort)
		b.has("clicks/0", "a", "b")
		b.until("the end is seen behind the markers", func() bool { return b.ledger.look("clicks/0").atEnd })
		got := b.readHistory(Range{From: event.NoTime, To: event.NoTime})
		if !slices.Equal(got["clicks/0"], []string{"a", "b"}) {
			t.Errorf("the history holds %v", got)
		}
	})
}

// TestPausesWhenFull: while nothing is durable no more than the buffer is read,
// the reason is said, and everything comes when it goes on.
func TestPausesWhenFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		defer b.close()
		b.cfg.BufferBytes, b.cfg.FetchMaxBytes, b.cfg.FetchMaxPartitionBytes = 1<<20, 64<<10, 64<<10
		b.topic("clicks", 1)
		b.produce("clicks", 0, "first")
		_, stop := b.start()
		b.has("clicks/0", "first")
		stop()
		ids := numbered("a", 0, 9999)
		var all []*kgo.Record
		for _, id := range ids {
			all = append(all, &kgo.Record{Topic: "clicks", Value: []byte(click(id))})
		}
		cl := b.client(kgo.ProducerBatchMaxBytes(16 << 10))
		defer cl.Close()
		if err := cl.ProduceSync(t.Context(), all...).FirstErr(); err != nil {
			t.Fatal(err)
		}
		b.wire = func(o *Options) { o.PauseReason = func(error) string { return "disk" } }
		b.ledger.pause(errors.New("the disk is full"))
		s, stop := b.start()
		defer stop()
		b.until("it pauses", func() bool { return s.Status().Paused == "disk" })
		time.Sleep(time.Minute)
		if st := s.Status(); st.BufferedBytes > 1<<20+maxPoll*(recordOverhead+100) || st.Pauses["disk"].Total < time.Minute/2 {
			t.Errorf("paused, it holds %d bytes, and has paused for %v", st.BufferedBytes, st.Pauses["disk"].Total)
		}
		b.ledger.pause(nil)
		b.has("clicks/0", append([]string{"first"}, ids...)...)
		b.until("it fetches again", func() bool { return s.Status().Paused == "" })
		b.until("it holds nothing, when all is durable", func() bool { return s.Status().BufferedBytes == 0 })
	})
}

// TestTimes: a record counts by when its broker got it, where that is known and
// not ahead of us.
func TestTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		defer b.close()
		b.topic("clicks", 1)
		now := time.Now()
		for _, at := range []time.Time{now.Add(-time.Hour), now.Add(24 * time.Hour), time.UnixMilli(0)} {
			if err := b.cl.ProduceSync(t.Context(), &kgo.Record{Topic: "clicks", Value: []byte(click("x")), Timestamp: at}).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
		_, stop := b.start()
		defer stop()
		b.until("all came", func() bool { return len(b.ledger.ids("clicks/0")) == 3 })
		got := b.ledger.look("clicks/0").received
		read := event.Millis(time.Now().UnixMilli())
		if got[0] != event.Millis(now.Add(-time.Hour).UnixMilli()) || got[1] > read || got[1] < event.Millis(now.UnixMilli()) || got[2] != got[1] {
			t.Errorf("the times are %v; read at %v", got, read)
		}
	})
}

// TestUnreachable: without brokers nothing is at its end, and the reason is said;
// a stop ends it at once.
func TestUnreachable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.topic("clicks", 1)
		b.produce("clicks", 0, "a")
		s, stop := b.start()
		defer stop()
		b.has("clicks/0", "a")
		b.until("the end is seen", func() bool { return b.ledger.look("clicks/0").atEnd })
		b.close()
		b.until("it is missed", func() bool { return !b.ledger.look("clicks/0").atEnd })
		time.Sleep(time.Minute)
		in := b.ledger.look("clicks/0")
		if in.atEnd || in.behind != -1 || !strings.Contains(in.problem, "127.0.0.1:9092") {
			t.Errorf("without brokers: at the end %v, behind %d, %q", in.atEnd, in.behind, in.problem)
		}
		if p := s.Status().Problems; len(p) != 1 {
			t.Errorf("the problems are %q", p)
		}
	})
}
