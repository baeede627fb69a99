package kafka

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/internal/kafkaconn"
	"github.com/tributary-data/tributary/internal/testkit"
	"github.com/tributary-data/tributary/sinks"
	"github.com/tributary-data/tributary/sinks/sinktest"
	"github.com/tributary-data/tributary/table"
)

// line is the broker's end of all connections. It can be cut after some answers:
// what was asked last is done, and nobody hears of it.
type line struct {
	mu   sync.Mutex
	left int // negative: never
	open map[net.Conn]bool
}

type lineListener struct {
	net.Listener
	l *line
}

type lineConn struct {
	net.Conn
	l *line
}

func (l *line) listen(network, address string) (net.Listener, error) {
	in, err := net.Listen(network, address)
	return lineListener{in, l}, err
}

func (l lineListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	l.l.mu.Lock()
	l.l.open[c] = true
	l.l.mu.Unlock()
	return lineConn{c, l.l}, nil
}

func (c lineConn) Write(b []byte) (int, error) {
	c.l.mu.Lock()
	cut := c.l.left == 0
	if c.l.left > 0 {
		c.l.left--
	}
	c.l.mu.Unlock()
	if cut {
		_ = c.Conn.Close()
		return 0, net.ErrClosed
	}
	return c.Conn.Write(b)
}

func (c lineConn) Close() error {
	c.l.mu.Lock()
	delete(c.l.open, c.Conn)
	c.l.mu.Unlock()
	return c.Conn.Close()
}

func (l *line) cutAfter(n int) (heal func()) {
	set := func(n int) {
		l.mu.Lock()
		l.left = n
		l.mu.Unlock()
	}
	set(n)
	return func() { set(-1) }
}

func fake(t testing.TB, opts ...kfake.Opt) (*kfake.Cluster, *line) {
	t.Helper()
	l := &line{left: -1, open: map[net.Conn]bool{}}
	c, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(1), kfake.ListenFn(l.listen)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c, l
}

// How long a request may take: one that fails as it should is tried again soon;
// where nothing is to fail, a machine that is busy may take its time.
const (
	impatient = event.Duration(1000)
	patient   = event.Duration(2 * event.Minute)
)

// to is a configuration for a broker of these tests.
func to(brokers []string, prefix string, limit event.Duration) Config {
	c := DefaultConfig()
	c.Brokers, c.Prefix, c.Partitions, c.RequestTimeout, c.Flush = brokers, prefix, 2, limit, 20
	return c
}

func delivering(t *testing.T, src *sinktest.Source, s sinks.Sink) (*sinks.Deliverer, func() error) {
	t.Helper()
	d := sinks.NewDeliverer(src, s, sinks.Options{MinBackoff: 5 * time.Millisecond, MaxBackoff: 100 * time.Millisecond, Logger: slog.New(slog.DiscardHandler)})
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	var run sync.WaitGroup
	var err error
	run.Go(func() { err = d.Run(ctx) })
	stop := sync.OnceValue(func() error {
		d.Drain()
		run.Wait()
		cancel()
		return err
	})
	t.Cleanup(func() { cancel(); _ = stop() })
	return d, stop
}

func letter(position, code string) sinktest.Put {
	row := make(table.Row, len(table.DeadLetters.Columns))
	row[0], row[1], row[2] = table.T(position), table.T(code), table.T("not JSON")
	return sinktest.Put{Table: table.DeadLetters, Row: row}
}

func conversion(id string, micros int64) sinktest.Put {
	row := make(table.Row, len(table.Conversions.Columns))
	row[0], row[2] = table.T(id), table.At(1768435200000)
	row[table.Conversions.Col("value_micros")], row[table.Conversions.Col("currency")] = table.I(micros), table.T("USD")
	return sinktest.Put{Table: table.Conversions, Row: row}
}

func agrees(t *testing.T, src *sinktest.Source, s *Sink) {
	t.Helper()
	got, want := readTables(t, s), src.Tables()
	for _, tab := range table.All {
		if fmt.Sprint(got[tab.Name]) != fmt.Sprint(want[tab.Name]) {
			t.Fatalf("%s: got %v\nwant %v", tab.Name, got[tab.Name], want[tab.Name])
		}
	}
}

// TestFaults answers each request that the sink makes with an error, or does it
// and answers with one, and looks at what is there afterwards.
func TestFaults(t *testing.T) {
	for _, x := range []struct {
		name string
		key  kmsg.Key
		code *kerr.Error
	}{
		{"not leader", kmsg.Produce, kerr.NotLeaderForPartition},
		{"timeout", kmsg.Produce, kerr.RequestTimedOut},
		{"too few replicas", kmsg.Produce, kerr.NotEnoughReplicasAfterAppend},
		{"fenced", kmsg.Produce, kerr.InvalidProducerEpoch},
		{"out of order", kmsg.Produce, kerr.OutOfOrderSequenceNumber},
		{"not authorized", kmsg.Produce, kerr.TopicAuthorizationFailed},
		{"coordinator moves", kmsg.EndTxn, kerr.NotCoordinator},
		{"commit fenced", kmsg.EndTxn, kerr.ProducerFenced},
		{"commit concurrent", kmsg.EndTxn, kerr.ConcurrentTransactions},
		{"no coordinator", kmsg.InitProducerID, kerr.CoordinatorNotAvailable},
		{"no writer", kmsg.InitProducerID, kerr.TransactionalIDAuthorizationFailed},
		{"no list", kmsg.ListOffsets, kerr.LeaderNotAvailable},
	} {
		t.Run(x.name, func(t *testing.T) {
			c, _ := fake(t)
			src := sinktest.NewSource()
			s := open(t, to(c.ListenAddrs(), "f.", impatient))
			_, stop := delivering(t, src, s)
			for n := range 5 {
				src.Commit(conversion(fmt.Sprintf("c%d", n), 1), letter(fmt.Sprintf("p%d", n), "malformed"))
			}
			var mu sync.Mutex
			left := 6
			c.ControlKey(int16(x.key), func(req kmsg.Request) (kmsg.Response, error, bool) {
				mu.Lock()
				defer mu.Unlock()
				c.KeepControl()
				if left--; left < 0 || left%2 == 1 {
					return nil, nil, false
				}
				return failing(req, x.code.Code), nil, true
			})
			for n := range 5 {
				src.Commit(conversion(fmt.Sprintf("c%d", n), int64(n)), conversion(fmt.Sprintf("d%d", n), 1))
				time.Sleep(10 * time.Millisecond)
			}
			if err := stop(); err != nil {
				t.Fatal(err)
			}
			agrees(t, src, s)
		})
	}
}

// failing is an answer that says nothing but the error.
func failing(req kmsg.Request, code int16) kmsg.Response {
	switch r := req.(type) {
	case *kmsg.ProduceRequest:
		out := r.ResponseKind().(*kmsg.ProduceResponse)
		for _, t := range r.Topics {
			ot := kmsg.NewProduceResponseTopic()
			ot.Topic, ot.TopicID = t.Topic, t.TopicID
			for _, p := range t.Partitions {
				op := kmsg.NewProduceResponseTopicPartition()
				op.Partition, op.ErrorCode = p.Partition, code
				ot.Partitions = append(ot.Partitions, op)
			}
			out.Topics = append(out.Topics, ot)
		}
		return out
	case *kmsg.EndTxnRequest:
		out := r.ResponseKind().(*kmsg.EndTxnResponse)
		out.ErrorCode = code
		return out
	case *kmsg.InitProducerIDRequest:
		out := r.ResponseKind().(*kmsg.InitProducerIDResponse)
		out.ErrorCode = code
		return out
	case *kmsg.ListOffsetsRequest:
		out := r.ResponseKind().(*kmsg.ListOffsetsResponse)
		for _, t := range r.Topics {
			ot := kmsg.NewListOffsetsResponseTopic()
			ot.Topic = t.Topic
			for _, p := range t.Partitions {
				op := kmsg.NewListOffsetsResponseTopicPartition()
				op.Partition, op.ErrorCode = p.Partition, code
				ot.Partitions = append(ot.Partitions, op)
			}
			out.Topics = append(out.Topics, ot)
		}
		return out
	}
	return nil
}

// TestRecords: what consumers see of each kind of topic.
func TestRecords(t *testing.T) {
	c, _ := fake(t)
	src := sinktest.NewSource()
	s := open(t, to(c.ListenAddrs(), "r.", patient))
	_, stop := delivering(t, src, s)
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	_, stop = delivering(t, src, s)
	src.Commit(conversion("c1", 5), conversion("c2", 6), letter("a.ndjson:3", "bad_time"))
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	_, stop = delivering(t, src, s)
	gone := conversion("c2", 0)
	gone.Del = true
	src.Commit(gone)
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	settled(t, s)
	seen := map[string]string{}
	for _, tab := range []*table.Table{table.Conversions, table.DeadLetters} {
		err := s.read(t.Context(), s.topic(tab), 0, func(r *kgo.Record) error {
			var headers []string
			for _, h := range r.Headers {
				headers = append(headers, h.Key+"="+string(h.Value))
			}
			seen[string(r.Key)] = strings.Join(headers, " ") + " " + string(r.Value)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if got, want := seen["a.ndjson:3"], `rev=1099511627777 code=bad_time {"position":"a.ndjson:3","code":"bad_time","message":"not JSON","payload":"","epoch":1,"rev":1099511627777}`; got != want {
		t.Errorf("a dead letter is\n%s\nwant\n%s", got, want)
	}
	if got := seen["c1"]; !strings.Contains(got, `"credits":[]`) || !strings.Contains(got, `"value_micros":5,`) {
		t.Errorf("a conversion is %s", got)
	}
	if got := seen["c2"]; got != "rev=1099511627778 " {
		t.Errorf("a conversion that is gone is %q", got)
	}
	adm := kadm.NewClient(mustClient(t, s))
	configs, err := adm.DescribeTopicConfigs(t.Context(), "r.conversions", "r.dead_letters")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range configs {
		for _, v := range c.Configs {
			want := map[string]string{"r.conversions cleanup.policy": "compact", "r.dead_letters cleanup.policy": "delete", "r.dead_letters retention.ms": "2592000000"}[c.Name+" "+v.Key]
			if want != "" && v.MaybeValue() != want {
				t.Errorf("%s: %s is %s; want %s", c.Name, v.Key, v.MaybeValue(), want)
			}
		}
	}
}

func mustClient(t testing.TB, s *Sink) *kgo.Client {
	t.Helper()
	cl, err := kgo.NewClient(s.opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return cl
}

// TestReconcile finds what another program wrote.
func TestReconcile(t *testing.T) {
	c, _ := fake(t)
	src := sinktest.NewSource()
	s := open(t, to(c.ListenAddrs(), "a.", patient))
	src.Commit(conversion("c1", 5), conversion("c2", 6))
	d, stop := delivering(t, src, s)
	r, err := d.Reconcile(t.Context())
	if err != nil || r.Total != 0 {
		t.Fatalf("got %+v, %v", r, err)
	}
	foreign := &kgo.Record{Topic: "a.conversions", Key: []byte("c1"), Headers: []kgo.RecordHeader{{Key: "rev", Value: []byte("9999999999999999")}}}
	if err := mustClient(t, s).ProduceSync(t.Context(), foreign).FirstErr(); err != nil {
		t.Fatal(err)
	}
	if r, err = d.Reconcile(t.Context()); err != nil || r.Total != 2 {
		t.Errorf("got %+v, %v; want one row and its value to be missing", r, err)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
}

// TestTopicsMissing: without leave to make topics the sink says which it needs.
func TestTopicsMissing(t *testing.T) {
	c, _ := fake(t)
	cfg := to(c.ListenAddrs(), "m.", patient)
	cfg.CreateTopics = false
	if _, err := open(t, cfg).Cursor(t.Context()); err == nil || !strings.Contains(err.Error(), "topic m.") {
		t.Errorf("got %v", err)
	}
}

// TestUnreachable: opening needs no broker, and asking says what is wrong within
// the time that one request may take.
func TestUnreachable(t *testing.T) {
	cfg := to([]string{fmt.Sprintf("127.0.0.1:%d", testkit.FreePorts(t, 1)[0])}, "u.", impatient)
	s := open(t, cfg)
	if _, err := s.Cursor(t.Context()); err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("got %v", err)
	}
	if err := s.Apply(t.Context(), sinks.Batch{}); !errors.Is(err, sinks.ErrGap) {
		t.Errorf("got %v", err)
	}
}

// TestBrokerKilled: the broker is killed under load and comes back.
func TestBrokerKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a broker")
	}
	k := testkit.StartKafka(t)
	src := sinktest.NewSource()
	cfg := to(k.SASLTLS, "k.", impatient) // with everything that a connection can have
	cfg.SecurityProtocol, cfg.TLS.CAFile = kafkaconn.SASLSSL, k.Certs.CA
	cfg.SASL = SASL{Mechanism: kafkaconn.Plain, Username: testkit.KafkaUser, Password: testkit.KafkaPassword}
	s := open(t, cfg)
	d, stop := delivering(t, src, s)
	n := 0
	for range 2 {
		for range 300 {
			n++
			src.Commit(conversion(fmt.Sprintf("c%d", n%50), int64(n)), letter(fmt.Sprintf("p%d", n), "malformed"))
			time.Sleep(2 * time.Millisecond)
		}
		testkit.WaitUntil(t, 2*time.Minute, "something is delivered", func() bool { return d.State().Progress.Commit > 0 })
		k.Kill()
		for range 50 {
			n++
			src.Commit(conversion("while down", int64(n)))
		}
		testkit.WaitUntil(t, 5*time.Minute, "the sink is down", func() bool { return d.State().Health == sinks.Down })
		k.Start()
		testkit.WaitUntil(t, 5*time.Minute, "the sink is back", func() bool { return d.State().Health == sinks.OK })
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	agrees(t, src, s)
}
