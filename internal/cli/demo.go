package cli

import (
	"context"
	"flag"
)

// demoOptions is what `demo` was asked to do.
type demoOptions struct {
	Listen string
	Data   string // "": a temporary directory, removed at the end
	Rate   int    // events a second of the live traffic
	Seed   uint64
}

func demoCommand() *command {
	var o demoOptions
	return &command{
		name:  "demo",
		short: "show everything in one process, with generated traffic",
		long: `No other server and no configuration is needed. It begins with enough history
that every view has something to show. The first line on stdout, once ready, is
the address of the dashboard.`,
		examples: []string{"tributary demo", "tributary demo --listen 127.0.0.1:0 --rate 500"},
		flags: func(fs *flag.FlagSet) {
			fs.StringVar(&o.Listen, "listen", "127.0.0.1:8080", "`ADDR` of dashboard and API; port 0 picks a free one")
			fs.StringVar(&o.Data, "data", "", "data `DIR`, kept at the end (default: a temporary one)")
			fs.IntVar(&o.Rate, "rate", 6, "number `N` of live events a second")
			fs.Uint64Var(&o.Seed, "seed", 1, "`N` that the traffic is drawn from")
		},
		run: func(ctx context.Context, env *Env, _ []string) error {
			if o.Rate < 0 {
				return usagef("--rate %d is negative", o.Rate)
			}
			return runDemo(ctx, env, o)
		},
	}
}
