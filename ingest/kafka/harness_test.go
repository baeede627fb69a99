package kafka

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/ingest"
)

// ledger is a pipeline for tests: it keeps what was committed. It outlives the
// sources that use it, as a state does.
type ledger struct {
	mu     sync.Mutex
	inputs map[string]*account
	paused error
	open   chan struct{}
	order  []applied // over all inputs
}

// applied is the event time of a record, in the order in which they came.
type applied struct {
	input string
	time  event.Millis
}

// account is one input of it.
type account struct {
	l        *ledger
	name     string
	records  []event.Record
	received []event.Millis
	position []byte
	atEnd    bool
	handings int
	behind   int64
	problem  string
	joined   bool
}

func newLedger() *ledger { return &ledger{inputs: map[string]*account{}} }

func (l *ledger) Join(_ context.Context, name string) (Input, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.inputs[name]
	if a == nil {
		a = &account{l: l, name: name}
		l.inputs[name] = a
	}
	if a.joined {
		return nil, fmt.Errorf("input %s has joined already", name)
	}
	a.joined = true
	return &door{a, a.position}, nil
}

func (l *ledger) Paused() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.paused
}

func (l *ledger) pause(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.paused = err; err != nil {
		l.open = make(chan struct{})
	} else if l.open != nil {
		close(l.open)
		l.open = nil
	}
}

// released lets another source join, as after a restart.
func (l *ledger) released() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, a := range l.inputs {
		a.joined, a.problem = false, ""
	}
}

// door is what one source has of an account.
type door struct {
	a  *account
	at []byte
}

func (d *door) Position() []byte { return d.at }

func (d *door) HandIn(ctx context.Context, b Batch) (func(context.Context) error, error) {
	d.a.l.mu.Lock()
	open := d.a.l.open
	d.a.l.mu.Unlock()
	if open != nil {
		select {
		case <-open:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return func(context.Context) error {
		return nil
	}, d.commit(b)
}

func (d *door) commit(b Batch) error {
	d.a.l.mu.Lock()
	defer d.a.l.mu.Unlock()
	a := d.a
	if len(b.Received) != len(b.Records) {
		return fmt.Errorf("%d times for %d records", len(b.Received), len(b.Records))
	}
	a.records = append(a.records, b.Records...)
	for i := range b.Records {
		if e := b.Records[i].Event; b.Records[i].Dead == nil {
			a.l.order = append(a.l.order, applied{a.name, e.Time})
		}
	}
	a.received = append(a.received, b.Received...)
	a.position, a.atEnd = b.Position, b.AtEnd
	a.handings++
	return nil
}

func (d *door) Quiet(atEnd bool) {
	d.a.l.mu.Lock()
	defer d.a.l.mu.Unlock()
	d.a.atEnd = atEnd
}

func (d *door) SetNote(behind int64, problem string) {
	d.a.l.mu.Lock()
	defer d.a.l.mu.Unlock()
	d.a.behind, d.a.problem = behind, problem
}

// ids are the event ids that an input committed, in order.
func (l *ledger) ids(name string) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.inputs[name]
	if a == nil {
		return nil
	}
	out := []string{}
	for i := range a.records {
		if d := a.records[i].Dead; d != nil {
			out = append(out, "dead:"+string(d.Code)+"@"+d.Pos.String())
		} else {
			out = append(out, a.records[i].Event.ID)
		}
	}
	return out
}

func (l *ledger) look(name string) account {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.inputs[name] == nil {
		return account{}
	}
	return *l.inputs[name]
}

// decode is the product's decoder.
func decode(n int, record func(i int) ([]byte, string, event.Position)) []event.Record {
	d := ingest.NewDecoder(ingest.DefaultDecodeConfig())
	out := make([]event.Record, n)
	for i := range out {
		raw, implied, pos := record(i)
		d.Decode(raw, implied, event.Millis(time.Now().UnixMilli()), pos, &out[i])
	}
	return out
}

// bench is a fake cluster in virtual time, a producer, and a ledger.
type bench struct {
	t       *testing.T
	net     *kfake.VirtualNetwork
	cluster *kfake.Cluster
	cl      *kgo.Client
	adm     *kadm.Client
	ledger  *ledger
	cfg     Config
	log     *logBuffer
	wire    func(*Options)
	dial    []string // of real brokers; nil: the fake ones
	opts    []kfake.Opt
	dir     string // where logs are, and are kept; empty: in memory
}

// logBuffer keeps what was logged.
type logBuffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *logBuffer) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// newBench is for use inside a synctest bubble.
func newBench(t *testing.T, opts ...kfake.Opt) *bench {
	t.Helper()
	b := &bench{t: t, net: &kfake.VirtualNetwork{}, ledger: newLedger(), log: &logBuffer{}, opts: opts}
	b.cluster = b.newCluster()
	b.cl = b.client()
	b.adm = kadm.NewClient(b.cl)
	b.cfg = DefaultConfig()
	b.cfg.Brokers = []string{"127.0.0.1:9092"}
	b.cfg.Topics = []string{"clicks"}
	return b
}

func (b *bench) newCluster() *kfake.Cluster {
	return kfake.MustCluster(append([]kfake.Opt{kfake.ListenFn(b.net.Listen), kfake.NumBrokers(2), kfake.Ports(9092, 9093)}, b.opts...)...)
}

func (b *bench) client(opts ...kgo.Opt) *kgo.Client {
	b.t.Helper()
	to := []kgo.Opt{kgo.SeedBrokers(b.dial...)}
	if b.dial == nil {
		to = []kgo.Opt{kgo.SeedBrokers("127.0.0.1:9092"), kgo.Dialer(b.net.DialContext)}
	}
	cl, err := kgo.NewClient(append(append(to, kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.UnknownTopicRetries(20)), opts...)...)
	if err != nil {
		b.t.Fatal(err)
	}
	return cl
}

func (b *bench) close() {
	b.cl.Close()
	b.cluster.Close()
}

func (b *bench) topic(name string, partitions int32) {
	b.t.Helper()
	r, err := b.adm.CreateTopic(b.t.Context(), partitions, 1, nil, name)
	if err := errors.Join(err, r.Err); err != nil {
		b.t.Fatal(err)
	}
}

// click is a record of a click.
func click(id string) string {
	return fmt.Sprintf(`{"type":"click","event_id":%q,"event_time":%d,"user_id":"u1"}`, id, time.Now().UnixMilli())
}

// produce sends clicks of the given ids to a partition, in order.
func (b *bench) produce(topicName string, n int32, ids ...string) {
	b.t.Helper()
	cl := b.client() // which knows the partitions that there are now
	defer cl.Close()
	for _, id := range ids {
		if err := cl.ProduceSync(b.t.Context(), &kgo.Record{Topic: topicName, Partition: n, Value: []byte(click(id))}).FirstErr(); err != nil {
			b.t.Fatalf("produce %s: %v", id, err)
		}
	}
}

func (b *bench) surroundings() Surroundings {
	s := Surroundings{Log: slog.New(slog.NewTextHandler(b.log, nil))}
	if b.dial == nil {
		s.Dial = b.net.DialContext
	}
	return s
}

// start runs a source until stop.
func (b *bench) start() (s *Source, stop func()) {
	b.t.Helper()
	b.ledger.released()
	opt := Options{
		Surroundings: b.surroundings(),
		Config:       b.cfg, Target: b.ledger, Decode: decode,
	}
	if b.wire != nil {
		b.wire(&opt)
	}
	s, err := New(opt)
	if err != nil {
		b.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	var once sync.Once
	return s, func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil {
				b.t.Errorf("the source ended with %v", err)
			}
		})
	}
}

// until waits for a condition, in whatever time counts here.
func (b *bench) until(what string, ok func() bool) {
	b.t.Helper()
	for end := time.Now().Add(5 * time.Minute); !ok(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			b.t.Fatalf("waited for: %s; the log says:\n%s", what, b.log)
		}
	}
}

// has waits until an input holds exactly these ids.
func (b *bench) has(name string, want ...string) {
	b.t.Helper()
	b.until(fmt.Sprintf("%s to hold %d records (it holds %d)", name, len(want), len(b.ledger.ids(name))), func() bool { return len(b.ledger.ids(name)) >= len(want) })
	if got := b.ledger.ids(name); !slices.Equal(got, want) {
		b.t.Fatalf("%s holds %q; want %q", name, got, want)
	}
}

func numbered(prefix string, from, to int) []string {
	var out []string
	for i := from; i < to; i++ {
		out = append(out, fmt.Sprintf("%s%04d", prefix, i))
	}
	return out
}
