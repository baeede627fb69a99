package service_test

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// startMeasured starts what TestLiveLatency measures: in this process, or the
// program that -live.program names in one of its own, so that the memory of the
// clients is not in its figures.
func startMeasured(t *testing.T) *running {
	t.Helper()
	enoughFiles(t, *liveClients)
	if *liveProgram == "" {
		s := newSite(t)
		s.cfg.Sinks.Files = nil
		s.cfg.Pipeline.Tick = 20
		return s.start()
	}
	// The context is that of the test's end, after which there is no draining.
	cmd := exec.CommandContext(context.Background(), *liveProgram, "serve", "--listen", "127.0.0.1:0", "--data", filepath.Join(t.TempDir(), "data"))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	r := &running{t: t}
	r.stop = func() {
		if err := cmd.Process.Signal(syscall.SIGTERM); err == nil {
			if err := cmd.Wait(); err != nil {
				t.Errorf("the program ended with %v", err)
			}
		}
	}
	t.Cleanup(r.stop)
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("the program did not say where it is: %v", err)
	}
	r.url = strings.TrimSpace(line)
	return r
}

// enoughFiles sees that this process may have a connection for each client; in
// process each has two ends. Go has raised the limit to the hard one already.
func enoughFiles(t *testing.T, clients int) {
	t.Helper()
	need := uint64(clients) + 500
	if *liveProgram == "" {
		need += uint64(clients)
	}
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	if limit.Cur < need {
		t.Fatalf("%d clients need %d open files, and %d are allowed: raise ulimit -n", clients, need, limit.Cur)
	}
}

// awaitClients waits until the program counts so many clients.
func (r *running) awaitClients(n int) {
	r.t.Helper()
	for until := time.Now().Add(liveWait); r.metric("tributary_ws_clients") < float64(n); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(until) {
			r.t.Fatalf("%g of %d clients are connected", r.metric("tributary_ws_clients"), n)
		}
	}
}

// residence is the memory of the program, in bytes.
type residence struct {
	used     float64 // heap in use and stacks
	resident float64
}

func (r *running) memory() residence {
	r.t.Helper()
	return residence{
		used:     r.metric("go_memstats_heap_inuse_bytes") + r.metric("go_memstats_stack_inuse_bytes"),
		resident: r.metric("process_resident_memory_bytes"),
	}
}

// metric is a value of /metrics without labels.
func (r *running) metric(name string) float64 {
	r.t.Helper()
	_, _, text := r.get("/metrics")
	for line := range strings.Lines(text) {
		if v, ok := strings.CutPrefix(line, name+" "); ok {
			n, err := strconv.ParseFloat(strings.TrimSpace(v), 64)
			if err != nil {
				r.t.Fatal(err)
			}
			return n
		}
	}
	r.t.Fatalf("/metrics has no %s", name)
	return 0
}
