package cli

import (
	"context"
	"errors"
	"flag"
)

func fraudCommand() *command {
	return &command{
		name:  "fraud",
		short: "judge events again, look at the lists",
		subs:  []*command{fraudRejudgeCommand(), fraudListsCommand()},
	}
}

// rejudgeOptions is what `fraud rejudge` was asked to do.
type rejudgeOptions struct {
	dataOptions
	BlockIPs []string // files, beside those of the configuration
}

func fraudRejudgeCommand() *command {
	var o rejudgeOptions
	return &command{
		name:  "rejudge",
		short: "apply the lists and rules as they are now to events that are in",
		long:  `All that the events took part in is restated.`,
		examples: []string{
			"tributary fraud rejudge --config tributary.yaml",
			"tributary fraud rejudge --data state --block-ips more.txt",
		},
		flags: func(fs *flag.FlagSet) {
			o.register(fs)
			fs.Func("block-ips", "`FILE` of addresses to block, beside those configured; may be repeated", func(s string) error {
				if s == "" {
					return errors.New("is empty")
				}
				o.BlockIPs = append(o.BlockIPs, s)
				return nil
			})
		},
		run: func(ctx context.Context, env *Env, _ []string) error {
			if err := o.check(); err != nil {
				return err
			}
			return runFraudRejudge(ctx, env, o)
		},
	}
}

func fraudListsCommand() *command {
	var o configOptions
	return &command{
		name:     "lists",
		short:    "say which lists are in force, their size and where they come from",
		examples: []string{"tributary fraud lists --config tributary.yaml"},
		flags:    o.register,
		run: func(ctx context.Context, env *Env, _ []string) error {
			return runFraudLists(ctx, env, o)
		},
	}
}
