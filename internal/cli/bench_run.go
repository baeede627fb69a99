package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/tributary-data/tributary/internal/bench"
)

func runBench(ctx context.Context, env *Env, o benchOptions) (err error) {
	dir := o.Data
	if dir == "" {
		if dir, err = os.MkdirTemp("", "tributary-bench-"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	} else if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	r, err := bench.Run(ctx, bench.Options{
		Events: int64(o.Events), Preload: int64(o.Preload), Load: o.Load, Shards: o.Shards, Dir: dir,
		Log: func(step string) { env.Log.Info("benchmark", slog.String("step", step)) },
	})
	if err != nil {
		return err
	}
	if o.JSON {
		enc := json.NewEncoder(env.Stdout)
		enc.SetIndent("", "  ")
		err = enc.Encode(r)
	} else {
		printBench(env.Stdout, r)
	}
	if d := r.Differs(); d != nil {
		return &Exit{Code: ExitDifference, Err: d}
	}
	return err
}

func printBench(w io.Writer, r *bench.Result) {
	fmt.Fprintf(w, "events              %d of %.0f bytes, after %d preloaded; %d shards on %d cores\n", r.Events, r.BytesPerEvent, r.Preload, r.Shards, r.Cores)
	fmt.Fprintf(w, "throughput          %.0f events/s in %.1f s\n", r.EventsPerSecond, r.Seconds)
	fmt.Fprintf(w, "CPU                 %.2f us an event\n", r.CPUPerEvent)
	for _, step := range slices.SortedFunc(maps.Keys(r.Steps), func(a, b string) int {
		if r.Steps[a] > r.Steps[b] {
			return -1
		}
		return 1
	}) {
		fmt.Fprintf(w, "  %-24s %.2f us\n", step, r.Steps[step])
	}
	fmt.Fprintf(w, "allocations         %.3f an event, %.0f bytes\n", r.AllocsPerEvent, r.BytesAllocated)
	fmt.Fprintf(w, "commit              P50 %v, P99 %v\n", r.CommitP50.Round(10*time.Microsecond), r.CommitP99.Round(10*time.Microsecond))
	fmt.Fprintf(w, "memory              %d MiB at most\n", r.RSS>>20)
	fmt.Fprintf(w, "disk                %.0f bytes an event kept, %.0f written; %d MiB wait for compaction, %d stalls\n", r.DiskPerEvent, r.WrittenPerEvent, r.Debt>>20, r.Stalls)
	if p := r.Paced; p != nil {
		fmt.Fprintf(w, "at %.0f %% load       %.0f events/s, %.2f us an event; scheduled to durable P50 %v, P99 %v, P99.9 %v, max %v\n", p.Load*100, p.EventsPerSecond, p.CPUPerEvent,
			p.P50.Round(100*time.Microsecond), p.P99.Round(100*time.Microsecond), p.P999.Round(100*time.Microsecond), p.Max.Round(100*time.Microsecond))
	}
	for _, c := range r.Check {
		ok := "ok"
		if c.Got != c.Want {
			ok = "DIFFERS"
		}
		fmt.Fprintf(w, "check               %-20s got %d, sent %d  %s\n", c.What, c.Got, c.Want, ok)
	}
}
