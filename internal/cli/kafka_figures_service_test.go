package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime/pprof"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/pprof/profile"

	"github.com/tributary-data/tributary/ingest/generate"
	"github.com/tributary-data/tributary/internal/testkit"
)

// The environment of the process that is measured.
const (
	measuredConfig = "TRIBUTARY_FIGURES_CONFIG"
	measuredListen = "TRIBUTARY_FIGURES_LISTEN"
	measuredDoor   = "TRIBUTARY_FIGURES_DOOR"
)

// TestServeMeasured is no test but the process that the figures are taken of:
// the command serve as it is, and beside it a door that begins and ends a CPU
// profile, which the program itself does not have.
func TestServeMeasured(t *testing.T) {
	config := os.Getenv(measuredConfig)
	if config == "" {
		t.Skip("is the process that TestKafkaFigures measures")
	}
	var taken bytes.Buffer
	mux := http.NewServeMux()
	mux.HandleFunc("POST /begin", func(w http.ResponseWriter, _ *http.Request) {
		taken.Reset()
		if err := pprof.StartCPUProfile(&taken); err != nil {
			http.Error(w, err.Error(), http.StatusConflict)
		}
	})
	mux.HandleFunc("POST /end", func(w http.ResponseWriter, _ *http.Request) {
		pprof.StopCPUProfile()
		_, _ = w.Write(taken.Bytes())
	})
	go func() {
		err := (&http.Server{Addr: os.Getenv(measuredDoor), Handler: mux, ReadHeaderTimeout: time.Minute}).ListenAndServe()
		fmt.Fprintln(os.Stderr, "the door for profiles is closed:", err)
	}()
	ctx, stop := Signals()
	code := Main(ctx, []string{"serve", "--config", config, "--listen", os.Getenv(measuredListen)}, os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// measured is a data directory and the process that serves it.
type measured struct {
	t      *testing.T
	dir    string
	config string
	base   string
	door   string
	*testkit.Process
}

// newMeasured writes a configuration: the topics of the broker, the networks of
// the benchmark's invalid traffic, no sinks, all else as it comes.
func newMeasured(t *testing.T, k *testkit.Kafka, topics []string) *measured {
	t.Helper()
	ports := testkit.FreePorts(t, 2)
	m := &measured{
		t: t, dir: t.TempDir(),
		base: "http://127.0.0.1:" + strconv.Itoa(ports[0]), door: "127.0.0.1:" + strconv.Itoa(ports[1]),
	}
	list := func(name string, lines []string) string {
		path := filepath.Join(m.dir, name)
		if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	text := fmt.Sprintf("state: {dir: %q}\nfraud: {lists: {block_ips: [%q], hosting_ips: [%q]}}\nkafka: {brokers: [%q], topics: [%s]}\n",
		m.data(), list("blocked.txt", generate.BenchBlocked), list("hosting.txt", generate.BenchHosting), k.Brokers[0], strings.Join(topics, ", "))
	m.config = filepath.Join(m.dir, "tributary.yaml")
	if err := os.WriteFile(m.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return m
}

func (m *measured) data() string { return filepath.Join(m.dir, "data") }

// start runs the process and says how long it took until it was ready.
func (m *measured) start() time.Duration {
	m.t.Helper()
	began := time.Now()
	m.Process = testkit.StartProcess(m.t, "the measured program", os.Args[0], []string{"-test.run", "^TestServeMeasured$"},
		measuredConfig+"="+m.config, measuredListen+"="+strings.TrimPrefix(m.base, "http://"), measuredDoor+"="+m.door)
	for {
		res, err := http.Get(m.base + "/readyz")
		if err == nil {
			_ = res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return time.Since(began)
			}
		}
		select {
		case <-m.Exited():
			m.t.Fatalf("the program ended:\n%s", m.Output())
		default:
		}
		if time.Since(began) > 10*time.Minute {
			m.t.Fatalf("the program is not ready after 10 minutes:\n%s", m.Output())
		}
		time.Sleep(time.Millisecond)
	}
}

// counted is what the program says that it has applied.
type counted struct {
	Records, Late, Duplicates int64
	TooLate                   int64 `json:"too_late"`
	Dead                      int64 `json:"dead_letters"`
}

func (m *measured) counts() counted {
	m.t.Helper()
	c, err := m.tryCounts()
	if err != nil {
		m.t.Fatalf("ask the program what it has applied: %v\n%s", err, m.Output())
	}
	return c
}

func (m *measured) tryCounts() (counted, error) {
	var answer struct{ Data struct{ Counts counted } }
	res, err := http.Get(m.base + "/v1/pipeline")
	if err != nil {
		return counted{}, err
	}
	err = json.NewDecoder(res.Body).Decode(&answer)
	_ = res.Body.Close()
	return answer.Data.Counts, err
}

// applied waits until n records are applied, and longer than limit for none.
func (m *measured) applied(n int64, limit time.Duration) counted {
	m.t.Helper()
	last, since := int64(-1), time.Now()
	for {
		c := m.counts()
		if c.Records >= n {
			return c
		}
		if c.Records != last {
			last, since = c.Records, time.Now()
		}
		if time.Since(since) > limit {
			m.t.Fatalf("%d of %d records are applied, and for %v none more:\n%s", c.Records, n, limit, m.Output())
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// ask posts to the door for profiles.
func (m *measured) ask(what string) []byte {
	m.t.Helper()
	res, err := http.Post("http://"+m.door+"/"+what, "", nil)
	if err != nil {
		m.t.Fatal(err)
	}
	body, err := io.ReadAll(res.Body)
	_ = res.Body.Close()
	if err != nil || res.StatusCode != http.StatusOK {
		m.t.Fatalf("%s a profile: %d, %v: %s", what, res.StatusCode, err, body)
	}
	return body
}

// parts are the parts of the work of the process. A sample of its profile
// belongs to the first part one of whose names is in a function on the stack.
var parts = []struct {
	name  string
	calls []string
}{
	{"garbage collection", []string{"runtime.gcBgMarkWorker", "runtime.bgsweep", "runtime.gcAssistAlloc", "runtime.bgscavenge"}},
	{"commit", []string{"cockroachdb/pebble/v2.(*DB).flush", "pebble/v2.(*DB).compact", "pebble/v2.(*DB).maybeScheduleFlush", "pebble/v2/internal/compact", "pebble/v2/record.(*LogWriter)", "pebble/v2/wal.", "state.(*Batch).Apply", "pipeline.(*Engine).finish"}},
	{"decode", []string{"service.(*decoders).decode", "kafka.(*partition).decode"}},
	{"stages", []string{"tributary/pipeline."}},
	{"fetch", []string{"twmb/franz-go", "tributary/ingest/kafka."}},
	{"answers and live feed", []string{"tributary/web.", "net/http.", "coder/websocket"}},
	{"scheduler", []string{"runtime.schedule", "runtime.mcall", "runtime.mstart", "runtime.sysmon", "runtime.goexit0"}},
}

// divide gives the CPU seconds of a profile by part.
func divide(raw []byte) (map[string]float64, error) {
	p, err := profile.ParseData(raw)
	if err != nil {
		return nil, err
	}
	out := map[string]float64{}
	for _, s := range p.Sample {
		out[partOf(s)] += float64(s.Value[len(s.Value)-1]) / 1e9
	}
	return out, nil
}

func partOf(s *profile.Sample) string {
	for _, part := range parts {
		for _, loc := range s.Location {
			for _, line := range loc.Line {
				for _, call := range part.calls {
					if strings.Contains(line.Function.Name, call) {
						return part.name
					}
				}
			}
		}
	}
	return "other"
}

// cpuOf is the processor time that a process has used so far.
func cpuOf(t *testing.T, pid int) time.Duration {
	t.Helper()
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	// What follows the name, which may hold anything: the state is the first,
	// utime and stime are the 12th and 13th, in hundredths of a second.
	fields := strings.Fields(string(raw[bytes.LastIndexByte(raw, ')')+1:]))
	var ticks int64
	for _, f := range fields[11:13] {
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}
