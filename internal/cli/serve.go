package cli

import (
	"context"
	"flag"
)

// serveOptions is what `serve` was asked to do; the flags are in Config.
type serveOptions struct {
	Config     configOptions
	OnDataLoss string // "": as configured
}

func serveCommand() *command {
	var o serveOptions
	var listen, data, onDataLoss string
	return &command{
		name:  "serve",
		short: "take events in, keep the tables current, serve the dashboard and the API",
		long: `The first line on stdout, once ready, is the address of the dashboard. SIGTERM
drains and leaves with exit code 0; a second signal cuts the drain short.`,
		examples: []string{
			"tributary serve --config tributary.yaml",
			"tributary serve --listen 127.0.0.1:0 --data state",
		},
		flags: func(fs *flag.FlagSet) {
			o.Config.register(fs)
			fs.StringVar(&listen, "listen", "", "`ADDR` of dashboard and API; port 0 picks a free one (default server.listen)")
			fs.StringVar(&data, "data", "", "data `DIR` (default state.dir)")
			choice(fs, &onDataLoss, "on-data-loss", "", []string{"stop", "earliest", "latest"}, "what a partition of Kafka does when what comes next is gone, `HOW` for this run (default kafka.on_data_loss)")
		},
		run: func(ctx context.Context, env *Env, _ []string) error {
			o.Config.override("server.listen", listen)
			o.Config.override("state.dir", data)
			o.OnDataLoss = onDataLoss
			return runServe(ctx, env, o)
		},
	}
}
