package cli

import (
	"bufio"
	"context"
	"flag"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/ingest"
	"github.com/tributary-data/tributary/ingest/generate"
	"github.com/tributary-data/tributary/internal/service"
	"github.com/tributary-data/tributary/internal/testkit"
	"github.com/tributary-data/tributary/pipeline"
	"github.com/tributary-data/tributary/state"
)

var (
	figuresState = flag.String("figures.state", "", "TestKafkaReady: `SIZE` of the state on disk, such as 1GiB; none skips the test")
	figuresKills = flag.Int("figures.kills", 10, "TestKafkaReady: how often the program is killed")
	figuresRate  = flag.Int("figures.rate", 10_000, "TestKafkaReady: records a second that come while it is killed")
)

// TestKafkaReady measures how long a program that was killed takes until it is
// ready, and until it has applied the next record, at a size of the state and
// while records come through Kafka. That all of them are counted is checked.
func TestKafkaReady(t *testing.T) {
	if *figuresState == "" {
		t.Skip("measures for minutes; -figures.state says with how large a state")
	}
	var wanted state.Size
	if err := wanted.UnmarshalText([]byte(*figuresState)); err != nil {
		t.Fatal(err)
	}
	k := testkit.StartKafka(t, figuresJVM...)
	f := newFigures(t, k)
	f.preload(int64(wanted))
	size := f.stored()
	before := f.start()
	known := f.counts()
	t.Logf("the state holds %d MiB, %d records; the first start took %v", size>>20, known.Records, before.Round(time.Millisecond))

	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	sent := make(chan int64, 1)
	go func() { sent <- f.steady(ctx, float64(*figuresRate)) }()
	var ready, on []time.Duration
	for range *figuresKills {
		f.moved()
		time.Sleep(500*time.Millisecond + rand.N(2*time.Second)) // of the load, so that it is killed at any moment
		f.Kill()
		began := time.Now()
		ready = append(ready, f.start())
		f.moved()
		on = append(on, time.Since(began))
	}
	stop()
	want := known.Records + <-sent
	f.flushed()
	end := f.applied(want, 2*time.Minute)
	if end.Records != want || end.Dead != known.Dead {
		t.Errorf("%d records and %d dead letters are counted; want %d and %d", end.Records, end.Dead, want, known.Dead)
	}
	f.Stop()
	slices.Sort(ready)
	slices.Sort(on)
	middle, last := len(ready)/2, len(ready)-1
	t.Logf("figures\nstate               %d MiB before, %d MiB after, %d records\nkilled              %d times at %d records/s\nready               after %v, %v at most\nnext record applied after %v, %v at most\n",
		size>>20, f.stored()>>20, end.Records, len(ready), *figuresRate,
		ready[middle].Round(time.Millisecond), ready[last].Round(time.Millisecond), on[middle].Round(time.Millisecond), on[last].Round(time.Millisecond))
}

// stored is what the state takes on disk.
func (m *measured) stored() (bytes int64) {
	m.t.Helper()
	err := filepath.WalkDir(m.data(), func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			bytes += info.Size()
		}
		return err
	})
	if err != nil {
		m.t.Fatal(err)
	}
	return bytes
}

// preload replays the benchmark's traffic into the state until it takes as many
// bytes: by the same engine, under the same rules, and without a broker.
func (m *measured) preload(bytes int64) {
	m.t.Helper()
	const portion = 2_000_000
	cfg, _, err := (&configOptions{path: m.config}).load(&Env{Stderr: os.Stderr})
	if err != nil {
		m.t.Fatal(err)
	}
	lists, err := loadLists(cfg)
	if err != nil {
		m.t.Fatal(err)
	}
	store, err := state.Open(m.data(), state.Options{})
	if err != nil {
		m.t.Fatal(err)
	}
	engine, err := pipeline.Open(service.Rules(cfg), store, pipeline.Options{VerdictSample: service.VerdictSample, Version: lists.Version()})
	if err != nil {
		m.t.Fatal(err)
	}
	const rate = 208_000
	s, err := generate.NewBenchStream(generate.BenchOptions{Seed: 1 << 32, Rate: rate, Start: event.Millis(time.Now().Add(-time.Hour).UnixMilli())})
	if err != nil {
		m.t.Fatal(err)
	}
	for int64(store.Sizes().Disk) < bytes {
		// A small goal must not be missed by much.
		n := min(portion, max(bytes/500, 20_000))
		path := filepath.Join(m.dir, "preload.ndjson")
		if err := writeTraffic(path, s, n); err != nil {
			m.t.Fatal(err)
		}
		file, err := ingest.OpenFile(path, ingest.FileOptions{Decode: service.Decoding(cfg), Clock: event.EndOfTime / 2, NewJudge: service.Judges(lists)})
		if err != nil {
			m.t.Fatal(err)
		}
		_, err = pipeline.Replay(m.t.Context(), engine, []pipeline.Input{file}, pipeline.ReplayOptions{Open: true})
		if err := file.Close(); err != nil {
			m.t.Fatal(err)
		}
		if err != nil {
			m.t.Fatal(err)
		}
		if err := os.Remove(path); err != nil {
			m.t.Fatal(err)
		}
	}
	if err := engine.Close(); err != nil {
		m.t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		m.t.Fatal(err)
	}
}

func writeTraffic(path string, s *generate.BenchStream, n int64) error {
	out, err := os.Create(path)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(out, 1<<20)
	var line []byte
	for range n {
		line = append(s.Append(line[:0]), '\n')
		if _, err := w.Write(line); err != nil {
			return err
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return out.Close()
}

// steady sends records at a rate until ctx ends, and says how many.
func (f *figures) steady(ctx context.Context, rate float64) int64 {
	began := time.Now()
	s, err := generate.NewBenchStream(generate.BenchOptions{Seed: 1<<32 + 1, Rate: rate, Start: event.Millis(began.UnixMilli())})
	if err != nil {
		f.t.Error(err)
		return 0
	}
	n := int64(0)
	for ctx.Err() == nil {
		for ; float64(n) < time.Since(began).Seconds()*rate; n++ {
			raw := s.Append(nil)
			f.send(topicOf(raw), int(n), raw)
		}
		time.Sleep(2 * time.Millisecond)
	}
	return n
}

// moved waits until the program applies records.
func (m *measured) moved() {
	m.t.Helper()
	first := m.counts().Records
	for end := time.Now().Add(2 * time.Minute); m.counts().Records == first; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			m.t.Fatalf("in 2 minutes nothing was applied:\n%s", m.Output())
		}
	}
}
