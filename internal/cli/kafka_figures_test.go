package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/ingest/generate"
	"github.com/tributary-data/tributary/internal/testkit"
)

var (
	figuresEvents     = flag.Int("figures.events", 0, "TestKafkaFigures: events that are drained; 0 skips the test")
	figuresFor        = flag.Duration("figures.for", 10*time.Second, "TestKafkaFigures: how long each rate is held")
	figuresMarks      = flag.Int("figures.marks", 100, "TestKafkaFigures: records a second whose latency is measured")
	figuresMax        = flag.Float64("figures.max", 0, "TestKafkaFigures: the rate whose shares are sent; 0: the greatest that was measured with the producer running")
	figuresPartitions = flag.Int("figures.partitions", 2, "TestKafkaFigures, TestKafkaReady: partitions of each topic")
	figuresProfile    = flag.String("figures.profile", "", "TestKafkaFigures: the `file` that keeps the CPU profile of the drain")
)

// figuresJVM runs the broker as in earnest.
var figuresJVM = []string{"-Xms1g", "-Xmx1g", "-XX:+UseG1GC"}

// figureTopics are those of the benchmark's types.
var figureTopics = []string{"impressions", "clicks", "conversions", "page-views"}

// figureShares of the greatest rate are those at which latency is measured.
var figureShares = []float64{0.25, 0.5, 0.8}

// TestKafkaFigures measures the door to Kafka: how fast preloaded topics are
// drained and what that costs, and how long after its scheduled time a record is
// seen by a client of the live feed. docs/kafka.md says how it is run and what
// its figures mean. What is checked is that every record was counted.
func TestKafkaFigures(t *testing.T) {
	if *figuresEvents == 0 {
		t.Skip("measures for minutes; -figures.events says of how many events")
	}
	k := testkit.StartKafka(t, figuresJVM...)
	f := newFigures(t, k)
	greatest := f.drain(int64(*figuresEvents))
	base := *figuresMax
	if base == 0 {
		base = f.beside(greatest)
	}
	for _, share := range figureShares {
		f.latency(share, base)
	}
	f.Stop()
	t.Logf("figures\n%s", &f.report)
}

// figures are a broker with the topics, a producer and the measured program.
type figures struct {
	*measured
	k      *testkit.Kafka
	cl     *kgo.Client
	sent   int64 // records, over all phases
	seed   uint64
	failed atomic.Pointer[error] // of the producer
	report strings.Builder
}

func newFigures(t *testing.T, k *testkit.Kafka) *figures {
	t.Helper()
	f := &figures{measured: newMeasured(t, k, figureTopics), k: k}
	cl, err := kgo.NewClient(kgo.SeedBrokers(k.Brokers...), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		// As Kafka's own producer waits; and it never blocks, so that the
		// schedule is kept whatever the broker does.
		kgo.ProducerLinger(5*time.Millisecond), kgo.MaxBufferedRecords(1<<24), kgo.ProducerBatchCompression(kgo.Lz4Compression()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	f.cl = cl
	if r, err := kadm.NewClient(cl).CreateTopics(t.Context(), int32(*figuresPartitions), 1, nil, figureTopics...); err != nil || r.Error() != nil {
		t.Fatal(err, r.Error())
	}
	return f
}

// traffic is n records of the benchmark's shape, made before they are needed.
type traffic struct {
	raw  []byte
	ends []int
	sum  generate.BenchSummary
}

// traffic makes records that happen from start on, rate a second.
func (f *figures) traffic(n int64, start time.Time, rate float64) *traffic {
	f.t.Helper()
	f.seed++
	s, err := generate.NewBenchStream(generate.BenchOptions{Seed: f.seed, Rate: rate, Start: event.Millis(start.UnixMilli())})
	if err != nil {
		f.t.Fatal(err)
	}
	return takeTraffic(s, n)
}

func takeTraffic(s *generate.BenchStream, n int64) *traffic {
	tr := &traffic{raw: make([]byte, 0, n*450), ends: make([]int, 0, n)}
	for range n {
		tr.raw = s.Append(tr.raw)
		tr.ends = append(tr.ends, len(tr.raw))
	}
	tr.sum = s.Summary()
	return tr
}

func (tr *traffic) record(i int) []byte {
	from := 0
	if i > 0 {
		from = tr.ends[i-1]
	}
	return tr.raw[from:tr.ends[i]]
}

// topicOf finds the topic of a record by its type.
func topicOf(raw []byte) string {
	_, rest, _ := bytes.Cut(raw, []byte(`"type":"`))
	switch {
	case bytes.HasPrefix(rest, []byte("impression")):
		return "impressions"
	case bytes.HasPrefix(rest, []byte("click")):
		return "clicks"
	case bytes.HasPrefix(rest, []byte("conversion")):
		return "conversions"
	}
	return "page-views"
}

// send hands a record to the producer, and does not wait.
func (f *figures) send(topic string, partition int, raw []byte) {
	f.sent++
	f.cl.Produce(context.Background(), &kgo.Record{Topic: topic, Partition: int32(partition % *figuresPartitions), Value: raw}, func(_ *kgo.Record, err error) {
		if err != nil {
			f.failed.CompareAndSwap(nil, &err)
		}
	})
}

// flushed waits until the broker has all that was sent.
func (f *figures) flushed() {
	f.t.Helper()
	if err := f.cl.Flush(context.Background()); err != nil {
		f.t.Fatal(err)
	}
	if err := f.failed.Load(); err != nil {
		f.t.Fatalf("produce: %v", *err)
	}
}

// drain preloads the topics, runs the program, and gives the events per second.
func (f *figures) drain(n int64) float64 {
	f.t.Helper()
	const rate = 208_000 // of event time, as in the benchmark
	start := time.Now().Add(-time.Minute - time.Duration(float64(n)/rate*float64(time.Second)))
	f.seed++
	s, err := generate.NewBenchStream(generate.BenchOptions{Seed: f.seed, Rate: rate, Start: event.Millis(start.UnixMilli())})
	if err != nil {
		f.t.Fatal(err)
	}
	const portion = 200_000
	for left := n; left > 0; left -= portion {
		tr := takeTraffic(s, min(left, portion))
		for i := range tr.ends {
			f.send(topicOf(tr.record(i)), i, tr.record(i))
		}
		f.flushed()
	}
	f.start()
	f.ask("begin")
	first, began := f.counts().Records, time.Now()
	program, broker := cpuOf(f.t, f.Pid()), cpuOf(f.t, f.k.Pid())
	f.watch(f.t.Context(), "ch=kpis", nil)
	end := f.applied(n, 2*time.Minute)
	took := time.Since(began)
	program, broker = cpuOf(f.t, f.Pid())-program, cpuOf(f.t, f.k.Pid())-broker
	raw := f.ask("end")
	if *figuresProfile != "" {
		if err := os.WriteFile(*figuresProfile, raw, 0o600); err != nil {
			f.t.Fatal(err)
		}
	}
	if want := s.Summary().Duplicates; end.Records != n || end.Duplicates != want || end.Dead != 0 || end.TooLate != 0 {
		f.t.Errorf("%d records are counted, %d of them duplicates, %d dead letters, %d too late; want %d, %d, 0, 0", end.Records, end.Duplicates, end.Dead, end.TooLate, n, want)
	}
	divided, err := divide(raw)
	if err != nil {
		f.t.Fatal(err)
	}
	done := float64(n - first)
	perMillion := func(seconds float64) float64 { return seconds / done * 1e6 }
	greatest := done / took.Seconds()
	fmt.Fprintf(&f.report, "drained             %d events (%d bytes each) in %.2f s: %.0f events/s\n", n, s.Summary().Bytes/n, took.Seconds(), greatest)
	fmt.Fprintf(&f.report, "CPU s per million   broker %.2f, program %.2f, of which\n", perMillion(broker.Seconds()), perMillion(program.Seconds()))
	sampled := 0.0
	for _, part := range append(slices.Clone(parts), struct {
		name  string
		calls []string
	}{name: "other"}) {
		sampled += divided[part.name]
		fmt.Fprintf(&f.report, "  %-22s %.2f\n", part.name, perMillion(divided[part.name]))
	}
	fmt.Fprintf(&f.report, "  %-22s %.2f\n", "not in the profile", perMillion(program.Seconds()-sampled))
	f.t.Logf("drained at %.0f events/s", greatest)
	return greatest
}

// beside gives the events per second while the producer works on the same
// machine: it keeps two seconds' records in front of the program.
func (f *figures) beside(greatest float64) float64 {
	f.t.Helper()
	tr := f.traffic(int64(greatest*figuresFor.Seconds()), time.Now(), greatest)
	ahead := int64(max(2*greatest, 50_000))
	before := f.counts().Records
	began := time.Now()
	applied := before
	for i := 0; i < len(tr.ends) && time.Since(began) < *figuresFor; {
		for ; i < len(tr.ends) && f.sent-applied < ahead; i++ {
			f.send(topicOf(tr.record(i)), i, tr.record(i))
		}
		time.Sleep(20 * time.Millisecond)
		applied = f.counts().Records
	}
	f.flushed()
	f.applied(f.sent, 2*time.Minute)
	rate := float64(f.sent-before) / time.Since(began).Seconds()
	fmt.Fprintf(&f.report, "with the producer   %.0f events/s, %d events\n", rate, f.sent-before)
	f.t.Logf("with the producer %.0f events/s", rate)
	return rate
}

// latency sends records at their scheduled times, whether or not earlier ones
// were taken, and measures from the schedule to the frame that shows the record.
func (f *figures) latency(share, greatest float64) {
	f.t.Helper()
	rate := greatest * share
	n := int64(rate * figuresFor.Seconds())
	gap := time.Second / time.Duration(*figuresMarks)
	marks := int(*figuresFor / gap)
	begin := time.Now().Add(time.Second + time.Duration(n)*3*time.Microsecond) // the traffic is made by then
	tr := f.traffic(n, begin, rate)
	campaign := func(p int) string { return fmt.Sprintf("marked-%.0f-%d", share*100, p) }
	due := func(mark int) time.Time { return begin.Add(time.Duration(mark) * gap) }

	// One partition keeps its order: the count of its own campaign says which of
	// its marked records a frame shows.
	ctx, cancel := context.WithTimeout(f.t.Context(), *figuresFor+5*time.Minute)
	defer cancel()
	latencies := make([][]time.Duration, *figuresPartitions)
	var readers sync.WaitGroup
	for p := range *figuresPartitions {
		want := (marks - p + *figuresPartitions - 1) / *figuresPartitions
		f.watchUntil(ctx, &readers, "ch=kpis&campaign_id="+campaign(p)+within(begin), func(impressions int64, at time.Time) bool {
			for int64(len(latencies[p])) < min(impressions, int64(want)) {
				latencies[p] = append(latencies[p], at.Sub(due(p+len(latencies[p])**figuresPartitions)))
			}
			return len(latencies[p]) >= want
		})
	}
	time.Sleep(time.Until(begin))
	program, broker, producer := cpuOf(f.t, f.Pid()), cpuOf(f.t, f.k.Pid()), cpuOf(f.t, os.Getpid())
	mark, slack := 0, time.Duration(0)
	for i := 0; i < int(n) || mark < marks; {
		passed := time.Since(begin)
		for ; i < int(n) && float64(i)/rate <= passed.Seconds(); i++ {
			f.send(topicOf(tr.record(i)), i, tr.record(i))
		}
		for ; mark < marks && due(mark).Sub(begin) <= passed; mark++ {
			slack = max(slack, time.Since(due(mark)))
			f.send("impressions", mark, fmt.Appendf(nil, `{"type":"impression","event_id":"m-%.0f-%d","event_time":%d,"user_id":"m-%.0f-%d","campaign_id":%q}`,
				share*100, mark, due(mark).UnixMilli(), share*100, mark, campaign(mark%*figuresPartitions)))
		}
		time.Sleep(time.Millisecond)
	}
	took := time.Since(begin)
	program, broker, producer = cpuOf(f.t, f.Pid())-program, cpuOf(f.t, f.k.Pid())-broker, cpuOf(f.t, os.Getpid())-producer
	f.flushed()
	readers.Wait()
	var all []time.Duration
	tail := time.Duration(0)
	for p, l := range latencies {
		if want := (marks - p + *figuresPartitions - 1) / *figuresPartitions; len(l) != want {
			f.t.Fatalf("%d of %d marked records of partition %d were seen", len(l), want, p)
		}
		all = append(all, l...)
		if len(l) > 0 {
			tail = max(tail, l[len(l)-1])
		}
	}
	f.applied(f.sent, 2*time.Minute)
	slices.Sort(all)
	at := func(q float64) time.Duration {
		return all[int(q*float64(len(all)-1))].Round(100 * time.Microsecond)
	}
	cores := func(d time.Duration) float64 { return d.Seconds() / took.Seconds() }
	line := fmt.Sprintf("at %2.0f %% (%.0f/s)   sent %.0f/s, %d marked: P50 %v, P99 %v, P99.9 %v, greatest %v, the last %v; sent late by %v at most; cores: program %.2f, broker %.2f, producer %.2f\n",
		share*100, rate, float64(n)/took.Seconds(), len(all), at(.5), at(.99), at(.999), at(1), tail.Round(100*time.Microsecond), slack.Round(100*time.Microsecond), cores(program), cores(broker), cores(producer))
	f.report.WriteString(line)
	f.t.Log(strings.TrimSpace(line))
}

// within is the range of a subscription that has all of a phase in it.
func within(begin time.Time) string {
	hour := begin.UTC().Truncate(time.Hour)
	return "&from=" + hour.Add(-time.Hour).Format(time.RFC3339) + "&to=" + hour.Add(24*time.Hour).Format(time.RFC3339)
}

// watch reads a subscription until ctx ends or done says so.
func (f *figures) watch(ctx context.Context, query string, done func(impressions int64, at time.Time) bool) {
	f.watchUntil(ctx, &sync.WaitGroup{}, query, done)
}

func (f *figures) watchUntil(ctx context.Context, readers *sync.WaitGroup, query string, done func(impressions int64, at time.Time) bool) {
	f.t.Helper()
	conn, _, err := websocket.Dial(ctx, strings.Replace(f.base, "http:", "ws:", 1)+"/v1/live?"+query, nil) //nolint:bodyclose // it is the connection that is closed
	if err != nil {
		f.t.Fatal(err)
	}
	conn.SetReadLimit(64 << 20)
	f.t.Cleanup(func() { _ = conn.CloseNow() })
	readers.Go(func() {
		for {
			_, raw, err := conn.Read(ctx)
			at := time.Now()
			if err != nil {
				return // whoever waits for something misses it
			}
			var frame struct {
				Op  string
				Set map[string]struct{ Impressions int64 }
			}
			if done == nil || json.Unmarshal(raw, &frame) != nil || frame.Op != "frame" {
				continue
			}
			if e, ok := frame.Set["USD"]; ok && done(e.Impressions, at) {
				_ = conn.CloseNow()
				return
			}
		}
	})
}
