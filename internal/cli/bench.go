package cli

import (
	"context"
	"flag"
)

// benchOptions is what `bench` was asked to do.
type benchOptions struct {
	Events  int
	Preload int
	Load    float64 // share of the greatest rate at which latency is measured
	Shards  int     // 0: one for each core
	Data    string  // "": a temporary directory
	JSON    bool
}

func benchCommand() *command {
	var o benchOptions
	return &command{
		name:  "bench",
		short: "measure throughput, and latency under load, on this machine",
		examples: []string{
			"tributary bench",
			"tributary bench --events 5000000 --preload 20000000 --load 0.65 --json",
		},
		flags: func(fs *flag.FlagSet) {
			fs.IntVar(&o.Events, "events", 1_000_000, "number `N` of events that are measured")
			fs.IntVar(&o.Preload, "preload", 0, "number `N` of events that the state holds before")
			fs.Float64Var(&o.Load, "load", 0.65, "`SHARE` of the greatest rate at which latency is measured")
			shardsFlag(fs, &o.Shards)
			fs.StringVar(&o.Data, "data", "", "data `DIR`, on the disk to be measured (default: a temporary one)")
			fs.BoolVar(&o.JSON, "json", false, "answer in JSON")
		},
		run: func(ctx context.Context, env *Env, _ []string) error {
			switch {
			case o.Events < 1 || o.Preload < 0 || o.Shards < 0:
				return usagef("--events must be positive, --preload and --shards not negative")
			case !(o.Load > 0 && o.Load <= 1): // turned round, so that NaN is refused too
				return usagef("--load %v must lie between 0 and 1", o.Load)
			}
			return runBench(ctx, env, o)
		},
	}
}
