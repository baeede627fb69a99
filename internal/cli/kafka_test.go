package cli

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/ingest/generate"
	"github.com/tributary-data/tributary/internal/conform"
	"github.com/tributary-data/tributary/internal/testkit"
	"github.com/tributary-data/tributary/table"
)

// rounds is how often the tests with a real broker kill what they test: a few
// times in make test, 100 by hand (go test ./internal/cli -run Kafka -rounds 100).
var rounds = flag.Int("rounds", 4, "how often to kill under load from a real broker")

// stream is a site that reads topics of a real broker.
type stream struct {
	*site
	k      *testkit.Kafka
	topics []string
	sent   int
}

func newStream(t *testing.T, k *testkit.Kafka, prefix string, partitions int32) *stream {
	t.Helper()
	s := &stream{site: newSite(t), k: k}
	cl := s.client()
	defer cl.Close()
	for _, name := range []string{"impressions", "clicks", "conversions", "events"} {
		s.topics = append(s.topics, name+prefix)
	}
	if r, err := kadm.NewClient(cl).CreateTopics(t.Context(), partitions, 1, nil, s.topics...); err != nil || r.Error() != nil {
		t.Fatal(err, r.Error())
	}
	text, err := os.ReadFile(s.config)
	if err != nil {
		t.Fatal(err)
	}
	// A silent partition holds the watermark for a short time only, so that all
	// ends soon after the last record.
	text = []byte(strings.Replace(string(text), "time: {", "time: {idle_after: 1s, ", 1))
	text = fmt.Appendf(text, "kafka: {brokers: [%q], topics: [%s], group: tributary%s}\n", k.Brokers[0], strings.Join(s.topics, ", "), prefix)
	if err := os.WriteFile(s.config, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *stream) client() *kgo.Client {
	s.t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(s.k.Brokers...), kgo.ProducerLinger(2*time.Millisecond),
		kgo.RecordRetries(1<<30), kgo.RecordDeliveryTimeout(5*time.Minute))
	if err != nil {
		s.t.Fatal(err)
	}
	return cl
}

// produce sends generated traffic and spreads it over the time that pace gives
// to each 1,000 records. Some records are broken, some come twice.
func (s *stream) produce(ctx context.Context, prefix string, n int, pace time.Duration) error {
	start := event.Millis(1_767_571_200_000)
	live := generate.NewLive(generate.LiveOptions{Seed: 7, Rate: 1, HistoryRate: float64(n) / (36 * 3600), History: 36 * event.Hour, Fraud: 0.1, Start: start})
	cl := s.client()
	defer cl.Close()
	send := func(topic string, raw []byte) {
		cl.Produce(ctx, &kgo.Record{Topic: topic + prefix, Value: raw}, func(_ *kgo.Record, err error) {
			if err != nil && ctx.Err() == nil {
				s.t.Errorf("produce: %v", err)
			}
		})
		s.sent++
	}
	for i, it := range live.Next(start) {
		topic := it.Topic
		if !slices.Contains(s.topics, topic+prefix) {
			topic = "events"
		}
		send(topic, it.Raw)
		switch {
		case i%97 == 0:
			send(topic, it.Raw) // twice
		case i%211 == 0:
			send(topic, []byte(`{"event_id":`)) // broken
		}
		if i%100 == 99 {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(pace / 10):
			}
		}
	}
	return cl.Flush(ctx)
}

// lag asks the running program for what is not read yet; -1 when it cannot be
// known.
func (s *stream) lag() int64 {
	lag, _ := s.look()
	return lag
}

// status is what the program says of itself.
func (s *stream) status() string {
	res, err := http.Get(s.base + "/v1/pipeline")
	if err != nil {
		return err.Error()
	}
	body, err := io.ReadAll(res.Body)
	_ = res.Body.Close()
	if err != nil {
		return err.Error()
	}
	return string(body)
}

// look gives the lag and the watermark.
func (s *stream) look() (lag int64, watermark string) {
	var answer struct {
		Data struct {
			Watermark string
			Inputs    []struct {
				Name   string
				Behind *int64
				Error  string
			}
		}
	}
	if json.Unmarshal([]byte(s.status()), &answer) != nil {
		return -1, ""
	}
	total, seen := int64(0), 0
	for _, in := range answer.Data.Inputs {
		if !strings.Contains(in.Name, "/") {
			continue
		}
		if in.Behind == nil {
			return -1, ""
		}
		seen++
		total += *in.Behind
	}
	if seen == 0 {
		return -1, ""
	}
	return total, answer.Data.Watermark
}

// readAll waits until everything that is in the topics is read, moves the
// watermark behind it, and stops.
func (s *stream) readAll() {
	s.t.Helper()
	testkit.WaitUntil(s.t, 5*time.Minute, "all topics to be read", func() bool { return s.lag() == 0 })
	end := event.Millis(1_767_571_200_000) + event.Day
	cl := s.client()
	defer cl.Close()
	defer func() {
		if s.t.Failed() {
			s.t.Logf("the program said %s\n%s", s.status(), s.log)
		}
	}()
	// Where all inputs are idle the watermark stays: one goes on until the others
	// are.
	n := 0
	testkit.WaitUntil(s.t, 2*time.Minute, "the watermark to be behind everything", func() bool {
		n++
		last := fmt.Sprintf(`{"event_id":"end-%d","type":"page_view","event_time":%q,"anonymous_id":"nobody"}`, n, end)
		if err := cl.ProduceSync(s.t.Context(), &kgo.Record{Topic: s.topics[3], Key: []byte("end"), Value: []byte(last)}).FirstErr(); err != nil {
			s.t.Fatal(err)
		}
		time.Sleep(200 * time.Millisecond)
		lag, watermark := s.look()
		return lag == 0 && watermark >= (end-event.Minute).String()
	})
	s.stop()
}

// settled are tables as far as live and replay must agree: live keeps verdicts
// of a sample of impressions only.
func settled(in conform.Tables) conform.Tables {
	out := conform.Tables{}
	for name, rows := range in {
		out[name] = rows
	}
	typ := table.Verdicts.Col("type")
	out[table.Verdicts.Name] = slices.DeleteFunc(slices.Clone(in[table.Verdicts.Name]), func(r table.Row) bool { return r[typ].Text == "impression" })
	return out
}

// agrees compares the site's tables with a plain replay of the same topics, and
// that with a replay of the records as files.
func (s *stream) agrees() {
	s.t.Helper()
	dir := filepath.Join(s.dir, "replayed")
	s.command(ExitOK, "replay", "--from-kafka", "--lateness", "none", "--out", dir)
	want, faults, err := conform.Load(dir)
	if err != nil || len(faults) > 0 {
		s.t.Fatalf("load what was replayed: %v, %v", err, faults)
	}
	got := s.exported()
	if len(want[table.Credits.Name]) == 0 || len(want[table.Verdicts.Name]) == 0 || len(want[table.DeadLetters.Name]) == 0 {
		s.t.Fatalf("the traffic has too little in it: %d credits, %d verdicts, %d dead letters", len(want["credits"]), len(want["verdicts"]), len(want["dead_letters"]))
	}
	open := conform.Options{Provisional: true, TolPPM: 0}
	s.expect("against a replay of the topics", conform.Compare(settled(want), settled(got), open))
	s.expect("invariants", invariants(got))
	s.expect("the sink against the state", conform.Compare(got, s.sunk(), open))
	s.command(ExitOK, "reconcile", "files")
	s.command(ExitOK, "state", "verify")
}

// TestKafka: what comes through a real broker is counted once, whoever is killed
// meanwhile.
func TestKafka(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a broker")
	}
	if _, err := binary(); err != nil { // before the traffic begins
		t.Fatal(err)
	}
	k := testkit.StartKafka(t)
	t.Run("program killed", func(t *testing.T) { kafkaKillProgram(t, k) })
	t.Run("broker killed", func(t *testing.T) { kafkaKillBroker(t, k) })
	t.Run("log put back", func(t *testing.T) { kafkaPutBack(t, k) })
	t.Run("validate", func(t *testing.T) { kafkaValidate(t, k) })
}

func kafkaKillProgram(t *testing.T, k *testkit.Kafka) {
	s := newStream(t, k, "-kill", 3)
	n := 2500 * max(4, *rounds)
	done := make(chan error, 1)
	go func() { done <- s.produce(context.WithoutCancel(t.Context()), "-kill", n, 400*time.Millisecond) }()
	var slowest time.Duration
	kills := 0
	for ; kills < *rounds; kills++ {
		began := time.Now()
		s.start()
		slowest = max(slowest, time.Since(began))
		time.Sleep(50*time.Millisecond + rand.N(time.Second))
		s.kill()
		if rand.IntN(4) == 0 { // also while it starts
			cmd := s.startOnly()
			time.Sleep(rand.N(200 * time.Millisecond))
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	}
	select {
	case err := <-done:
		t.Logf("the traffic ended before the kills did: %v", err)
		done <- err
	default:
	}
	s.start()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	s.readAll()
	t.Logf("killed %d times under %d records; the slowest start took %v", kills, s.sent, slowest.Round(time.Millisecond))
	s.agrees()
}

func kafkaKillBroker(t *testing.T, k *testkit.Kafka) {
	s := newStream(t, k, "-broker", 2)
	s.start()
	done := make(chan error, 1)
	go func() { done <- s.produce(context.WithoutCancel(t.Context()), "-broker", 6000, time.Second) }()
	for range 2 {
		time.Sleep(500 * time.Millisecond)
		k.Kill()
		testkit.WaitUntil(t, 2*time.Minute, "the broker to be missed", func() bool { return s.lag() == -1 })
		k.Start()
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	s.readAll()
	s.agrees()
}

func kafkaValidate(t *testing.T, k *testkit.Kafka) {
	s := newStream(t, k, "-validate", 1)
	out := s.command(ExitOK, "validate", "--connect")
	if !strings.Contains(out, "kafka topic clicks-validate: ok") {
		t.Errorf("validate says %s", out)
	}
	s.command(ExitDifference, "validate", "--connect", "--set", "kafka.topics=clicks-validate,nowhere")
	s.command(ExitUnreachable, "validate", "--connect", "--set", "kafka.brokers=127.0.0.1:1", "--set", "kafka.request_timeout=2s")
	s.command(ExitUnreachable, "replay", "--from-kafka", "--out", filepath.Join(s.dir, "x"), "--set", "kafka.brokers=127.0.0.1:1", "--set", "kafka.request_timeout=2s")
	s.command(ExitUsage, "replay", "--from", "2026-01-01", "--out", filepath.Join(s.dir, "y"))
}
