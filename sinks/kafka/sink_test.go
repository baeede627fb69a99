package kafka

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/internal/testkit"
	"github.com/tributary-data/tributary/sinks"
	"github.com/tributary-data/tributary/sinks/sinktest"
	"github.com/tributary-data/tributary/table"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t testing.TB, c Config) *Sink {
	t.Helper()
	if faults := c.Validate(); faults != nil {
		t.Fatal(faults)
	}
	s, err := Open(t.Context(), c, sinks.Deps{Version: "test", Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// settled waits until no transaction is open or being ended in any topic.
func settled(t testing.TB, s *Sink) {
	t.Helper()
	cl, err := kgo.NewClient(s.opts...)
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	adm := kadm.NewClient(cl)
	testkit.WaitUntil(t, 2*time.Minute, "transactions to be over", func() bool {
		same := true
		committed, err := adm.ListCommittedOffsets(context.Background())
		if err != nil || committed.Error() != nil {
			return false
		}
		ends, err := adm.ListEndOffsets(context.Background())
		if err != nil || ends.Error() != nil {
			return false
		}
		ends.Each(func(o kadm.ListedOffset) {
			c, _ := committed.Lookup(o.Topic, o.Partition)
			same = same && c.Offset == o.Offset
		})
		return same
	})
}

func readTables(t testing.TB, s *Sink) map[string][]table.Row {
	t.Helper()
	settled(t, s)
	out := map[string][]table.Row{}
	for _, tab := range table.All {
		var rows []table.Row
		// The sinks of these tests are impatient, so that faults do not take long.
		testkit.WaitUntil(t, 2*time.Minute, tab.Name+" to be read", func() bool {
			rows = nil
			return s.current(context.Background(), tab, func(row table.Row) error {
				rows = append(rows, row)
				return nil
			}) == nil
		})
		slices.SortFunc(rows, tab.Compare)
		out[tab.Name] = rows
	}
	return out
}

// stores runs the suite on topics of their own prefix in one cluster. limit is
// how long a request may take.
func stores(brokers []string, limit event.Duration, breaks func(n int) func()) func(t *testing.T) sinktest.Store {
	n := 0
	return func(t *testing.T) sinktest.Store {
		n++
		c := DefaultConfig()
		c.Brokers, c.Prefix, c.Partitions, c.RequestTimeout = brokers, fmt.Sprintf("s%d.", n), 2, limit
		reader := open(t, c)
		testkit.WaitUntil(t, 2*time.Minute, "topics to be made", func() bool {
			_, err := reader.Cursor(t.Context())
			return err == nil
		})
		reader.drop()
		return sinktest.Store{
			Open:  func(t *testing.T) sinks.Sink { return open(t, c) },
			Read:  func(t *testing.T) map[string][]table.Row { return readTables(t, reader) },
			Break: breaks,
		}
	}
}

// TestSuite runs on a broker in this process, which may hang up after it has done
// what it was asked.
func TestSuite(t *testing.T) {
	c, l := fake(t)
	sinktest.Run(t, stores(c.ListenAddrs(), 2000, l.cutAfter))
}

func TestSuiteOnRealBroker(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a broker")
	}
	k := testkit.StartKafka(t)
	sinktest.Run(t, stores(k.Brokers, patient, nil))
}
