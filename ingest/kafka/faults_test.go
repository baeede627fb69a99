package kafka

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// TestFaultsThatPass: whatever brokers answer for a while to each request that
// is made, in the end every record has come once, in order.
func TestFaultsThatPass(t *testing.T) {
	faults := map[string]*kerr.Error{
		"not leader": kerr.NotLeaderForPartition, "fenced epoch": kerr.FencedLeaderEpoch, "unknown epoch": kerr.UnknownLeaderEpoch,
		"timeout after apply": kerr.RequestTimedOut, "throttled": kerr.ThrottlingQuotaExceeded, "not available": kerr.LeaderNotAvailable,
		"storage": kerr.KafkaStorageError, "unknown": kerr.UnknownServerError, "topic auth": kerr.TopicAuthorizationFailed,
		"group auth": kerr.GroupAuthorizationFailed, "not coordinator": kerr.NotCoordinator, "loading": kerr.CoordinatorLoadInProgress,
		"unknown topic": kerr.UnknownTopicOrPartition, "offset not available": kerr.OffsetNotAvailable, "corrupt": kerr.CorruptMessage,
	}
	requests := map[string]kmsg.Key{
		"metadata": kmsg.Metadata, "fetch": kmsg.Fetch, "list offsets": kmsg.ListOffsets, "epochs": kmsg.OffsetForLeaderEpoch,
		"coordinator": kmsg.FindCoordinator, "commit": kmsg.OffsetCommit,
	}
	for request, key := range requests {
		for name, err := range faults {
			t.Run(request+"/"+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { passes(t, kfake.Fault{Keys: []kmsg.Key{key}, Err: err, Count: 4}) })
			})
		}
	}
}

// passes reads records before, while and after a fault, over a restart.
func passes(t *testing.T, fault kfake.Fault) {
	b := newBench(t)
	defer b.close()
	b.topic("clicks", 2)
	b.produce("clicks", 0, numbered("a", 0, 20)...)
	b.produce("clicks", 1, numbered("b", 0, 5)...)
	_, stop := b.start()
	b.has("clicks/0", numbered("a", 0, 20)...)
	b.has("clicks/1", numbered("b", 0, 5)...)
	b.cluster.Fault(fault)
	b.produceWhatever("clicks", 0, numbered("a", 20, 40)...)
	b.has("clicks/0", numbered("a", 0, 40)...)
	time.Sleep(20 * time.Second) // offsets are written back
	stop()
	b.produceWhatever("clicks", 0, numbered("a", 40, 60)...)
	b.cluster.Fault(fault) // now at the start
	s, stop := b.start()
	defer stop()
	b.has("clicks/0", numbered("a", 0, 60)...)
	b.has("clicks/1", numbered("b", 0, 5)...)
	b.until("all is well again", func() bool {
		return len(s.Status().Problems) == 0 && b.ledger.look("clicks/0").atEnd && b.ledger.look("clicks/1").atEnd
	})
	if l := s.Status().Losses; l["out_of_range"]+l["truncated"]+l["recreated"]+l["deleted"] > 0 {
		t.Errorf("losses were found where there are none: %v; the log says\n%s", l, b.log)
	}
	b.has("clicks/0", numbered("a", 0, 60)...)
}

// produceWhatever produces although brokers fail, each record once.
func (b *bench) produceWhatever(topicName string, n int32, ids ...string) {
	b.t.Helper()
	for _, id := range ids {
		b.until("record "+id+" to be taken", func() bool {
			cl := b.client()
			defer cl.Close()
			return cl.ProduceSync(b.t.Context(), &kgo.Record{Topic: topicName, Partition: n, Value: []byte(click(id))}).FirstErr() == nil
		})
	}
}

// TestPartitionsMove: leaders change while records come.
func TestPartitionsMove(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		defer b.close()
		b.topic("clicks", 1)
		_, stop := b.start()
		defer stop()
		for i := range 10 {
			if err := b.cluster.MoveTopicPartition("clicks", 0, int32(i%2)); err != nil {
				t.Fatal(err)
			}
			b.produce("clicks", 0, numbered("a", i*10, i*10+10)...)
		}
		b.has("clicks/0", numbered("a", 0, 100)...)
		b.until("the end is seen", func() bool { return b.ledger.look("clicks/0").atEnd })
	})
}

func (b *bench) deleteTopic(name string) {
	b.t.Helper()
	r, err := b.adm.DeleteTopic(b.t.Context(), name)
	if err := errors.Join(err, r.Err); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) trim(name string, n int32, to int64) {
	b.t.Helper()
	req := kmsg.NewPtrDeleteRecordsRequest()
	tp := kmsg.NewDeleteRecordsRequestTopic()
	tp.Topic = name
	pt := kmsg.NewDeleteRecordsRequestTopicPartition()
	pt.Partition, pt.Offset = n, to
	tp.Partitions = append(tp.Partitions, pt)
	req.Topics = append(req.Topics, tp)
	for _, s := range b.cl.RequestSharded(b.t.Context(), req) {
		if s.Err != nil {
			b.t.Fatal(s.Err)
		}
		for _, t := range s.Resp.(*kmsg.DeleteRecordsResponse).Topics {
			for _, p := range t.Partitions {
				if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
					b.t.Fatal(err)
				}
			}
		}
	}
}

// TestLossStops: a loss stops the partition, says what and where, holds the
// watermark, and still does so after a restart; other partitions go on.
func TestLossStops(t *testing.T) {
	for _, c := range lossCases() {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := c.bench(t)
				defer b.close()
				b.cfg.Topics = []string{"clicks", "views"}
				b.topic("clicks", 1)
				b.topic("views", 1)
				c.write(b)
				_, stop := b.start()
				b.has("clicks/0", numbered("a", 0, 30)...)
				stop()
				c.lose(b)
				for range 2 {
					s, stop := b.start()
					b.until("the loss is said", func() bool { return strings.Contains(b.ledger.look("clicks/0").problem, "--on-data-loss") })
					in := b.ledger.look("clicks/0")
					for _, want := range c.says {
						if !strings.Contains(in.problem, want) {
							t.Errorf("the input says %q; want %q in it", in.problem, want)
						}
					}
					time.Sleep(time.Minute)
					in = b.ledger.look("clicks/0")
					if in.atEnd {
						t.Error("a stopped partition does not hold the watermark")
					}
					if got := b.ledger.ids("clicks/0"); len(got) != 30 {
						t.Errorf("a stopped partition was read: %q", got[30:])
					}
					st := s.Status()
					if len(st.Problems) != 1 || !st.Partitions[0].Stopped || st.Losses[string(c.kind)] != 1 {
						t.Errorf("the status says %q, stopped %v, losses %v; want one loss %s", st.Problems, st.Partitions[0].Stopped, st.Losses, c.kind)
					}
					stop()
				}
				b.produce("views", 0, "v")
				_, stop = b.start()
				defer stop()
				b.has("views/0", "v")
			})
		})
	}
}

// TestLossChosen: on_data_loss chooses, once, and where reading goes on is
// committed before anything is read from there.
func TestLossChosen(t *testing.T) {
	for _, c := range lossCases() {
		for _, policy := range []string{earliest, latest} {
			for _, running := range []bool{false, true} {
				if running && c.stopped {
					continue
				}
				t.Run(fmt.Sprintf("%s/%s/running=%v", c.name, policy, running), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						b := c.bench(t)
						defer b.close()
						b.cfg.OnDataLoss = policy
						b.topic("clicks", 1)
						c.write(b)
						s, stop := b.start()
						b.has("clicks/0", numbered("a", 0, 30)...)
						if !running {
							stop()
						}
						c.lose(b)
						if !running {
							s, stop = b.start()
						}
						defer stop()
						want := slices.Concat(numbered("a", 0, 30), c.earliest)
						if policy == latest {
							want = slices.Concat(numbered("a", 0, 30), c.latest)
						}
						b.until("the loss is passed", func() bool {
							n := int64(0)
							for _, k := range s.Status().Losses {
								n += k
							}
							return n == 1 && len(s.Status().Problems) == 0 && b.ledger.look("clicks/0").atEnd
						})
						b.has("clicks/0", want...)
						b.produce("clicks", 0, "after")
						b.has("clicks/0", append(want, "after")...)
						stop()
						b.produce("clicks", 0, "later")
						s, stop = b.start()
						defer stop()
						b.has("clicks/0", append(want, "after", "later")...)
						for kind, n := range s.Status().Losses {
							if n > 0 {
								t.Errorf("after the restart there is a loss again: %s", kind)
							}
						}
					})
				})
			}
		}
	}
}

// TestDeletedTopic: a topic that is gone stops its partitions; where it comes
// back it is another.
func TestDeletedTopic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		defer b.close()
		b.topic("clicks", 2)
		b.produce("clicks", 1, "one")
		s, stop := b.start()
		defer stop()
		b.has("clicks/1", "one")
		b.deleteTopic("clicks")
		b.until("it is missed", func() bool { return strings.Contains(b.ledger.look("clicks/1").problem, "does not exist any more") })
		time.Sleep(time.Minute)
		if b.ledger.look("clicks/1").atEnd || b.ledger.look("clicks/0").atEnd {
			t.Error("a partition that is gone does not hold the watermark")
		}
		b.topic("clicks", 2)
		b.produce("clicks", 1, "two")
		b.until("it is another", func() bool { return strings.Contains(b.ledger.look("clicks/1").problem, "made anew") })
		b.has("clicks/1", "one")
		if n := s.Status().Losses; n["deleted"] != 2 || n["recreated"] != 2 {
			t.Errorf("the losses are %v", n)
		}
	})
}
