package cli

import (
	"context"
	"flag"
)

// verifyOptions is what `verify` was asked to do.
type verifyOptions struct {
	Data string // "": the published examples and a generated set alone
}

func verifyCommand() *command {
	var o verifyOptions
	return &command{
		name:  "verify",
		short: "run the published examples and the invariants against this build",
		long: `Prints a table of what holds; exit code 3 when something does not. With --data
the invariants are checked over that directory too.`,
		examples: []string{"tributary verify", "tributary verify --data state"},
		flags: func(fs *flag.FlagSet) {
			fs.StringVar(&o.Data, "data", "", "data `DIR` that no process has open")
		},
		run: func(ctx context.Context, env *Env, _ []string) error { return runVerify(ctx, env, o) },
	}
}
