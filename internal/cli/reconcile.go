package cli

import (
	"context"
	"flag"
)

// reconcileOptions is what `reconcile` was asked to do.
type reconcileOptions struct {
	dataOptions
	Sink string
}

func reconcileCommand() *command {
	var o reconcileOptions
	return &command{
		name:  "reconcile",
		args:  "NAME",
		short: "compare what a sink holds with the state, to the micro",
		long:  `Leaves with exit code 3 when they differ, and says where.`,
		examples: []string{
			"tributary reconcile clickhouse --config tributary.yaml",
			"tributary reconcile files --data state",
		},
		flags: func(fs *flag.FlagSet) {
			o.register(fs)
			o.registerServer(fs)
		},
		run: func(ctx context.Context, env *Env, args []string) error {
			if len(args) != 1 {
				return usagef("give the NAME of one sink")
			}
			o.Sink = args[0]
			if err := checkSink(o.Sink); err != nil {
				return err
			}
			if err := o.check(); err != nil {
				return err
			}
			return runReconcile(ctx, env, o)
		},
	}
}
