package bench

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/pprof"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/google/pprof/profile"
)

// resources is what the process has used so far.
type resources struct {
	cpu                time.Duration
	mallocs, allocated uint64
	rss                int64
}

func usage() resources {
	var ru syscall.Rusage
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	r := resources{mallocs: m.Mallocs, allocated: m.TotalAlloc}
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &ru); err == nil {
		r.cpu = time.Duration(ru.Utime.Nano() + ru.Stime.Nano())
	}
	if text, err := os.ReadFile("/proc/self/status"); err == nil {
		for line := range strings.Lines(string(text)) {
			if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
				kb, _ := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
				r.rss = kb << 10
			}
		}
	}
	return r
}

// steps assign a sample to the first step one of whose functions is on its
// stack, outermost last. The names are those of docs/benchmarks.md.
var steps = []struct {
	name  string
	calls []string
}{
	{"garbage collection", []string{"runtime.gcBgMarkWorker", "runtime.bgsweep", "runtime.gcAssistAlloc", "runtime.bgscavenge"}},
	{"flush and compaction", []string{"pebble/v2.(*DB).flush", "pebble/v2.(*DB).compact", "pebble/v2.(*DB).maybeScheduleFlush", "pebble/v2/internal/compact"}},
	{"log", []string{"pebble/v2/record.(*LogWriter)", "pebble/v2/wal."}},
	{"apply", []string{"state.(*Batch).Apply"}},
	{"read and cut files", []string{"ingest.(*File).read"}},
	{"decode and lists", []string{"ingest.(*File).work", "ingest.(*worker)"}},
	{"rollups", []string{"pipeline.(*rollupStore)"}},
	{"admit", []string{"pipeline.(*shard).admit"}},
	{"click rules", []string{"pipeline.(*shard).countClicks"}},
	{"verdicts", []string{"pipeline.(*shard).judge", "pipeline.(*shard).takeConversions"}},
	{"orders and adjustments", []string{"pipeline.(*shard).resolve"}},
	{"sessions", []string{"pipeline.(*shard).decide"}},
	{"credits", []string{"pipeline.(*shard).recompute", "pipeline.(*Engine).findDue"}},
	{"route and names", []string{"pipeline.(*Engine).route"}},
	{"merge batches", []string{"pipeline.(*Engine).finish"}},
	{"sequence", []string{"pipeline.(*merger)"}},
}

type profiler struct{ buf bytes.Buffer }

func startProfile() (*profiler, error) {
	p := &profiler{}
	if err := pprof.StartCPUProfile(&p.buf); err != nil {
		return nil, fmt.Errorf("start a CPU profile: %w", err)
	}
	return p, nil
}

// stop gives the microseconds of CPU per event by step. $TRIBUTARY_BENCH_PROFILE
// names files that keep the profiles for a closer look.
func (p *profiler) stop(name string, err error, events int64) (map[string]float64, error) {
	pprof.StopCPUProfile()
	if path := os.Getenv("TRIBUTARY_BENCH_PROFILE"); path != "" {
		err = errors.Join(err, os.WriteFile(path+"."+name, p.buf.Bytes(), 0o600))
	}
	if err != nil {
		return nil, err
	}
	prof, err := profile.Parse(&p.buf)
	if err != nil {
		return nil, fmt.Errorf("read the CPU profile: %w", err)
	}
	out := map[string]float64{}
	for _, s := range prof.Sample {
		out[stepOf(s)] += float64(s.Value[len(s.Value)-1]) / 1000 / float64(events)
	}
	return out, nil
}

func stepOf(s *profile.Sample) string {
	for _, step := range steps {
		for _, loc := range s.Location {
			for _, line := range loc.Line {
				for _, call := range step.calls {
					if strings.Contains(line.Function.Name, call) {
						return step.name
					}
				}
			}
		}
	}
	return "other"
}
