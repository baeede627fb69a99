package cli

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/ingest/generate"
	"github.com/tributary-data/tributary/internal/conform"
	"github.com/tributary-data/tributary/internal/testkit"
	"github.com/tributary-data/tributary/table"
)

// kafkaPutBack: a real broker loses the end of its logs after it was read, and
// takes other records in its place, as after an unclean election. Partitions stop
// and say so, also over a kill; when the operator has chosen, the tables are those
// of all records that ever were: the lost ones, which are counted, and those that
// took their offsets.
func kafkaPutBack(t *testing.T, k *testkit.Kafka) {
	s := newStream(t, k, "-cut", 1)
	start := event.Millis(1_767_571_200_000)
	live := generate.NewLive(generate.LiveOptions{Seed: 11, Rate: 1, HistoryRate: 6000.0 / (36 * 3600), History: 36 * event.Hour, Fraud: 0.1, Start: start})
	items := live.Next(start)
	first, lost, instead := items[:len(items)/2], items[len(items)/2:len(items)*3/4], items[len(items)*3/4:]

	s.send(first)
	k.Stop()
	kept := filepath.Join(s.dir, "kept")
	for _, name := range s.topics {
		if err := os.CopyFS(filepath.Join(kept, name+"-0"), os.DirFS(filepath.Join(k.Logs, name+"-0"))); err != nil {
			t.Fatal(err)
		}
	}
	k.Start()
	s.send(lost)
	s.start()
	testkit.WaitUntil(t, 5*time.Minute, "all topics to be read", func() bool { return s.lag() == 0 })
	s.stop() // what was read is counted
	k.Stop()
	for _, name := range s.topics {
		log := filepath.Join(k.Logs, name+"-0")
		if err := os.RemoveAll(log); err != nil {
			t.Fatal(err)
		}
		if err := os.CopyFS(log, os.DirFS(filepath.Join(kept, name+"-0"))); err != nil {
			t.Fatal(err)
		}
	}
	k.Start()
	s.send(instead)

	for range 2 {
		s.start()
		stopped := fmt.Sprintf("tributary_kafka_partition_stopped{partition=\"0\",topic=%q} 1", s.topics[0])
		testkit.WaitUntil(t, 2*time.Minute, "the partition to be stopped", func() bool { return strings.Contains(s.metrics(), stopped) })
		testkit.WaitUntil(t, 2*time.Minute, "the loss to be said", func() bool {
			return strings.Contains(s.status(), s.topics[0]+"/0: the log was cut below offset") && strings.Contains(s.status(), "--on-data-loss")
		})
		if m := s.metrics(); !strings.Contains(m, `tributary_kafka_data_losses_total{kind="truncated"} `) || strings.Contains(m, `tributary_kafka_data_losses_total{kind="truncated"} 0`) {
			t.Errorf("the loss is not counted:\n%s", m)
		}
		s.kill()
	}

	t.Setenv("TRIBUTARY_KAFKA_ON_DATA_LOSS", "earliest")
	s.start()
	s.readAll()
	files := s.asFiles(lost)
	dir := filepath.Join(s.dir, "replayed")
	s.command(ExitOK, append([]string{"replay", "--from-kafka", "--lateness", "none", "--out", dir}, files...)...)
	want, faults, err := conform.Load(dir)
	if err != nil || len(faults) > 0 {
		t.Fatalf("load what was replayed: %v, %v", err, faults)
	}
	got := s.exported()
	if len(want[table.Credits.Name]) == 0 {
		t.Fatal("the traffic has no credits")
	}
	// The position of a dead letter says where it came from, and here a part came
	// from files.
	if w, g := len(want[table.DeadLetters.Name]), len(got[table.DeadLetters.Name]); w != g || w == 0 {
		t.Errorf("there are %d dead letters; want %d, and some", g, w)
	}
	without := func(in conform.Tables) conform.Tables {
		out := settled(in)
		out[table.DeadLetters.Name] = nil
		return out
	}
	s.expect("against a replay of all that ever was", conform.Compare(without(want), without(got), conform.Options{Provisional: true}))
	s.expect("invariants", invariants(got))
	s.expect("the sink against the state", conform.Compare(got, s.sunk(), conform.Options{Provisional: true}))
}

// send produces items, in order, and waits until they are taken.
func (s *stream) send(items []generate.Item) {
	s.t.Helper()
	cl := s.client()
	defer cl.Close()
	var records []*kgo.Record
	for _, it := range items {
		records = append(records, &kgo.Record{Topic: s.topicOf(it), Value: it.Raw})
	}
	if err := cl.ProduceSync(s.t.Context(), records...).FirstErr(); err != nil {
		s.t.Fatal(err)
	}
}

// topicOf is the topic of the site that takes an item.
func (s *stream) topicOf(it generate.Item) string {
	i := slices.IndexFunc(s.topics, func(name string) bool { return strings.HasPrefix(name, it.Topic+"-") })
	if i < 0 {
		i = 3
	}
	return s.topics[i]
}

// asFiles writes items as files, one for each topic.
func (s *stream) asFiles(items []generate.Item) (paths []string) {
	s.t.Helper()
	text := map[string][]byte{}
	for _, it := range items {
		text[s.topicOf(it)] = append(append(text[s.topicOf(it)], it.Raw...), '\n')
	}
	for _, name := range s.topics {
		path := filepath.Join(s.dir, name+".ndjson")
		if err := os.WriteFile(path, text[name], 0o600); err != nil {
			s.t.Fatal(err)
		}
		paths = append(paths, path)
	}
	return paths
}

// metrics is what a scraper gets; empty when nobody answers.
func (s *stream) metrics() string {
	res, err := http.Get(s.base + "/metrics")
	if err != nil {
		return ""
	}
	body, err := io.ReadAll(res.Body)
	_ = res.Body.Close()
	if err != nil {
		return ""
	}
	return string(body)
}
