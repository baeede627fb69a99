package cli

import (
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/ingest/generate"
	"github.com/tributary-data/tributary/internal/testkit"
)

var (
	sinkEvents = flag.Int("sinks.events", 0, "records that TestSinkFigures sends at full speed, for each sink; 0: no measuring")
	sinkFor    = flag.Duration("sinks.for", 2*time.Minute, "how long it measures the time until commits are visible, for each sink")
	sinkWait   = flag.Duration("sinks.wait", 0, "how long a change may wait, in all sinks; 0: the default of each")
	sinkOnly   = flag.String("sinks.only", "", "only these, separated by commas")
)

// TestSinkFigures measures what a sink costs and how far it is behind, for each
// sink against none, and prints one table. It is run by hand, on a machine that
// does nothing else:
//
//	go test ./internal/cli -run TestSinkFigures -sinks.events 1000000 -v -timeout 2h
//
// The program is a process of its own, with a state that begins empty. It gets
// the traffic of the benchmark by HTTP, in requests of 1,000 records over four
// connections, as fast as it takes them; its CPU is counted until the sink has
// everything. Then 1,000 records a second come for a while, and each commit is
// followed until the sink has acknowledged it.
func TestSinkFigures(t *testing.T) {
	if *sinkEvents == 0 {
		t.Skip("give -sinks.events N")
	}
	if _, err := binary(); err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, x := range []struct {
		name  string
		store func(k kit) *store
	}{
		{"none", nil},
		{"files", kit.files},
		{"bucket", kit.bucket},
		{"redis", kit.redis},
		{"clickhouse", kit.clickhouse},
		{"kafka", kit.kafka},
		{"postgres", kit.postgres},
		{"bigquery", kit.bigquery},
		{"snowflake", kit.snowflake},
	} {
		if *sinkOnly != "" && !slices.Contains(strings.Split(*sinkOnly, ","), x.name) {
			continue
		}
		t.Run(x.name, func(t *testing.T) {
			f := &sinkFigures{rig: newRig(t), name: x.name}
			if x.store != nil {
				f.stores = []*store{x.store(kit{t: t, site: f.site, direct: true})}
			}
			lines = append(lines, f.measureAll())
		})
	}
	t.Logf("\n| sink | events/s | CPU us/event | server's CPU us/event | sent rows/event, bytes/event | in step after | visible P50 | P99 | memory |\n|---|---|---|---|---|---|---|---|---|\n%s", strings.Join(lines, "\n"))
}

// sinkFigures measures the program with one sink, or none.
type sinkFigures struct {
	*rig
	name string
}

func (f *sinkFigures) measureAll() string {
	t := f.t
	t.Helper()
	f.wait = *sinkWait
	f.configure("")
	f.launch()
	traffic := newBenchTraffic(t, *sinkEvents)
	f.inStep(0)

	ours, theirs, began := processCPU(t, f.cmd.Process.Pid), f.servers(), time.Now()
	f.post(traffic)
	took := time.Since(began)
	at, _ := f.ask()
	f.inStep(at.Commit)
	behind := time.Since(began) - took
	ours, theirs = processCPU(t, f.cmd.Process.Pid)-ours, f.servers()-theirs
	n := float64(*sinkEvents)
	row := fmt.Sprintf("| %s | %.0f | %.2f |", f.name, n/took.Seconds(), ours.Seconds()*1e6/n)
	if len(f.stores) == 0 {
		f.measure()
		f.end()
		return row + fmt.Sprintf(" | | | | | %d MiB |", f.memory>>20)
	}
	server := "in the test" // of what is no process
	if f.name == "files" {
		server = "none"
	}
	if f.stores[0].pids != nil {
		server = fmt.Sprintf("%.2f", theirs.Seconds()*1e6/n)
	}
	name := f.stores[0].name
	rows, _ := strconv.ParseFloat(f.metric(fmt.Sprintf("tributary_sink_rows_total{sink=%q}", name)), 64)   // 0 where it is not said
	bytes, _ := strconv.ParseFloat(f.metric(fmt.Sprintf("tributary_sink_bytes_total{sink=%q}", name)), 64) // likewise
	row += fmt.Sprintf(" %s | %.2f, %.0f | %.1f s |", server, rows/n, bytes/n, behind.Seconds())
	visible := f.paced(traffic)
	if len(visible) == 0 {
		t.Fatal("no commit was followed")
	}
	slices.Sort(visible)
	f.end()
	row += fmt.Sprintf(" %v | %v | %d MiB |", visible[len(visible)/2].Round(time.Millisecond), visible[len(visible)*99/100].Round(time.Millisecond), f.memory>>20)
	t.Logf("%s (%d commits followed)", row, len(visible))
	return row
}

// inStep waits until the sink has a commit.
func (f *sinkFigures) inStep(commit uint64) {
	f.t.Helper()
	testkit.WaitUntil(f.t, 30*time.Minute, "the sink to be in step", func() bool {
		x, ok := f.ask()
		for _, k := range x.Sinks {
			ok = ok && k.State == "ok" && k.Commit >= commit
		}
		return ok
	})
}

func (f *sinkFigures) servers() (sum time.Duration) {
	for _, s := range f.stores {
		if s.pids != nil {
			for _, pid := range s.pids() {
				sum += processCPU(f.t, pid)
			}
		}
	}
	return sum
}

// processCPU is what a process and its children have used, in steps of 10 ms.
// Those of a server that makes a process for each connection count with it.
func processCPU(t testing.TB, pid int) time.Duration {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil || len(stats) == 0 {
		testkit.Unavailable(t, "the CPU time of processes", err)
	}
	var ticks int64
	for _, path := range stats {
		raw, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended meanwhile
		}
		fields := strings.Fields(string(raw[strings.LastIndexByte(string(raw), ')')+1:]))
		of := []int{11, 12, 13, 14} // utime and stime, its own and of children that it has waited for
		if self := strings.HasPrefix(path, fmt.Sprintf("/proc/%d/", pid)); !self && fields[1] != strconv.Itoa(pid) {
			continue
		} else if !self {
			of = of[:2]
		}
		for _, i := range of {
			n, err := strconv.ParseInt(fields[i], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			ticks += n
		}
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}

// benchTraffic is a file of requests, so that making them is not measured.
type benchTraffic struct {
	file   *os.File
	ends   []int64 // of the requests
	stream *generate.BenchStream
}

const recordsOfRequest = 1000

func newBenchTraffic(t testing.TB, n int) *benchTraffic {
	t.Helper()
	file, err := os.Create(filepath.Join(t.TempDir(), "traffic.ndjson"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = file.Close() })
	b := &benchTraffic{file: file}
	// The time of the events is of today, as sinks that keep the latest want it.
	now := event.Millis(time.Now().UnixMilli())
	if b.stream, err = generate.NewBenchStream(generate.BenchOptions{Seed: 1, Events: int64(n), Start: now - event.Hour}); err != nil {
		t.Fatal(err)
	}
	var buf []byte
	at := int64(0)
	for n > 0 {
		k := min(n, recordsOfRequest)
		buf = b.next(buf[:0], k)
		if _, err := file.Write(buf); err != nil {
			t.Fatal(err)
		}
		at += int64(len(buf))
		b.ends = append(b.ends, at)
		n -= k
	}
	return b
}

func (b *benchTraffic) next(buf []byte, records int) []byte {
	for range records {
		buf = b.stream.Append(buf)
		if buf[len(buf)-1] != '\n' {
			buf = append(buf, '\n')
		}
	}
	return buf
}

func (f *sinkFigures) submit(body io.Reader, size int64) {
	for {
		req, err := http.NewRequest(http.MethodPost, f.base+"/v1/events", io.NewSectionReader(body.(io.ReaderAt), 0, size))
		if err != nil {
			f.t.Error(err)
			return
		}
		req.ContentLength = size
		req.Header.Set("Content-Type", "application/x-ndjson")
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			f.t.Error(err)
			return
		}
		_, _ = io.Copy(io.Discard, res.Body)
		_ = res.Body.Close()
		switch res.StatusCode {
		case http.StatusOK:
			return
		case http.StatusTooManyRequests, http.StatusServiceUnavailable:
			time.Sleep(20 * time.Millisecond)
		default:
			f.t.Errorf("status %d", res.StatusCode)
			return
		}
	}
}

// post sends all requests, as fast as they are taken.
func (f *sinkFigures) post(b *benchTraffic) {
	var next atomic.Int64
	var done sync.WaitGroup
	for range 4 {
		done.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(b.ends) || f.t.Failed() {
					return
				}
				from := int64(0)
				if i > 0 {
					from = b.ends[i-1]
				}
				f.submit(io.NewSectionReader(b.file, from, b.ends[i]-from), b.ends[i]-from)
			}
		})
	}
	done.Wait()
}

// paced sends 1,000 records a second and follows the commits: from when the
// program shows one until it shows that the sink has acknowledged it.
func (f *sinkFigures) paced(b *benchTraffic) (visible []time.Duration) {
	f.t.Helper()
	enough := make(chan struct{})
	var sender sync.WaitGroup
	sender.Go(func() {
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-enough:
				return
			case <-tick.C:
				body := string(b.next(nil, 50))
				f.submit(strings.NewReader(body), int64(len(body)))
			}
		}
	})
	stop := time.AfterFunc(*sinkFor, func() { close(enough) })
	defer stop.Stop()
	type seen struct {
		commit uint64
		at     time.Time
	}
	var waiting []seen
	first, _ := f.ask()
	last := first.Commit
	for open := true; open || len(waiting) > 0; time.Sleep(2 * time.Millisecond) {
		x, ok := f.ask()
		if !ok || f.t.Failed() {
			f.t.Error("the program does not answer")
			break
		}
		now := time.Now()
		if x.Commit > last && open {
			last = x.Commit
			waiting = append(waiting, seen{last, now})
		}
		for len(waiting) > 0 && x.Sinks[0].Commit >= waiting[0].commit {
			visible = append(visible, now.Sub(waiting[0].at))
			waiting = waiting[1:]
		}
		select {
		case <-enough:
			open = false
		default:
		}
	}
	if f.t.Failed() {
		stop.Stop()
	}
	select {
	case <-enough:
	default:
		close(enough)
	}
	sender.Wait()
	return visible
}
