package kafka

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// TestReadsSlowBroker: a broker that gives nothing for a while is no topic without
// records; what is read back is whole, or an error.
func TestReadsSlowBroker(t *testing.T) {
	for _, faults := range []int{0, 3, 12, 1 << 30} {
		t.Run(fmt.Sprint(faults), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				network := &kfake.VirtualNetwork{}
				cluster := kfake.MustCluster(kfake.ListenFn(network.Listen), kfake.NumBrokers(1), kfake.Ports(9092))
				defer cluster.Close()
				s := open(t, to([]string{"127.0.0.1:9092"}, "s.", patient))
				s.opts = append(s.opts, kgo.Dialer(network.DialContext))
				cl, err := kgo.NewClient(append([]kgo.Opt{kgo.RecordPartitioner(kgo.ManualPartitioner())}, s.opts...)...)
				if err != nil {
					t.Fatal(err)
				}
				defer cl.Close()
				if r, err := kadm.NewClient(cl).CreateTopic(t.Context(), 2, 1, nil, "x"); err != nil || r.Err != nil {
					t.Fatal(err, r.Err)
				}
				for n := range 10 {
					if err := cl.ProduceSync(t.Context(), &kgo.Record{Topic: "x", Partition: int32(n % 2), Value: []byte("v")}).FirstErr(); err != nil {
						t.Fatal(err)
					}
				}
				if faults > 0 {
					cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Err: kerr.NotLeaderForPartition, Count: faults})
				}
				began, got := time.Now(), 0
				err = s.read(t.Context(), "x", 0, func(*kgo.Record) error { got++; return nil })
				switch {
				case faults == 1<<30:
					if err == nil {
						t.Errorf("of a broker that never answers %d records are all", got)
					}
				case err != nil || got != 10:
					t.Errorf("%d of 10 records are read, %v", got, err)
				}
				t.Logf("it took %v", time.Since(began))
			})
		})
	}
}
