package cli

import (
	"context"
	"flag"
)

// explainOptions is what `explain` was asked to do.
type explainOptions struct {
	dataOptions
	Conversion string
	JSON       bool
}

func explainCommand() *command {
	var o explainOptions
	return &command{
		name:  "explain",
		args:  "CONVERSION_ID",
		short: "say why a conversion is credited as it is",
		long:  `Every touch, counted or rejected and why, and the arithmetic of each model.`,
		examples: []string{
			"tributary explain 8f14e45f --data state",
			"tributary explain 8f14e45f --server http://127.0.0.1:8080 --json",
		},
		flags: func(fs *flag.FlagSet) {
			o.register(fs)
			o.registerServer(fs)
			fs.BoolVar(&o.JSON, "json", false, "answer in JSON, as the API does")
		},
		run: func(ctx context.Context, env *Env, args []string) error {
			if len(args) != 1 {
				return usagef("give one CONVERSION_ID")
			}
			o.Conversion = args[0]
			if err := o.check(); err != nil {
				return err
			}
			return runExplain(ctx, env, o)
		},
	}
}
