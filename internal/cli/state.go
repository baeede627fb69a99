package cli

import (
	"context"
	"flag"
)

func stateCommand() *command {
	return &command{
		name:  "state",
		short: "look into the state, back it up, plan its size",
		subs: []*command{
			stateInspectCommand(), stateVerifyCommand(), stateBackupCommand(), stateRestoreCommand(), statePlanCommand(),
		},
	}
}

func stateInspectCommand() *command {
	var o dataOptions
	return &command{
		name:     "inspect",
		short:    "say what a data directory holds: sizes, offsets, watermarks, outbox",
		examples: []string{"tributary state inspect --data state"},
		flags:    o.register,
		run: func(ctx context.Context, env *Env, _ []string) error {
			if err := o.check(); err != nil {
				return err
			}
			return runStateInspect(ctx, env, o)
		},
	}
}

func stateVerifyCommand() *command {
	var o dataOptions
	return &command{
		name:     "verify",
		short:    "check every block and every invariant of a data directory",
		long:     `Leaves with exit code 3 when something does not hold.`,
		examples: []string{"tributary state verify --data state"},
		flags:    o.register,
		run: func(ctx context.Context, env *Env, _ []string) error {
			if err := o.check(); err != nil {
				return err
			}
			return runStateVerify(ctx, env, o)
		},
	}
}

// backupOptions is what `state backup` and `state restore` were asked to do.
type backupOptions struct {
	dataOptions
	Dir string // of the backup
}

func stateBackupCommand() *command {
	var o backupOptions
	return &command{
		name:  "backup",
		short: "copy the state to a directory, as of one commit",
		long: `With --data the directory must not be open in any process. With --server a running
server copies its own state, in its directory for backups (state.backup_dir), and
goes on meanwhile; --to is a name then. Its key needs the scope admin.`,
		examples: []string{
			"tributary state backup --data state --to backups/monday",
			"tributary state backup --server http://127.0.0.1:8080 --to monday",
		},
		flags: func(fs *flag.FlagSet) {
			o.register(fs)
			o.registerServer(fs)
			fs.StringVar(&o.Dir, "to", "", "directory `DIR` that does not exist, or is empty; with --server a name")
		},
		run: func(ctx context.Context, env *Env, _ []string) error {
			if o.Dir == "" {
				return usagef("--to DIR is missing")
			}
			if err := o.check(); err != nil {
				return err
			}
			if o.Server != "" {
				return o.backupAtServer(ctx, env)
			}
			if err := checkEmpty("--to", o.Dir); err != nil {
				return err
			}
			return runStateBackup(ctx, env, o)
		},
	}
}

func stateRestoreCommand() *command {
	var o backupOptions
	return &command{
		name:     "restore",
		short:    "make a data directory from a backup, under a new epoch",
		long:     `The sinks are ahead of a restored state; they are brought in step by serve.`,
		examples: []string{"tributary state restore --from backups/monday --data state"},
		flags: func(fs *flag.FlagSet) {
			o.register(fs)
			fs.StringVar(&o.Dir, "from", "", "directory `DIR` of the backup")
		},
		run: func(ctx context.Context, env *Env, _ []string) error {
			if o.Dir == "" {
				return usagef("--from DIR is missing")
			}
			if o.Data == "" {
				return usagef("--data DIR is missing; say where to restore to")
			}
			if err := checkEmpty("--data", o.Data); err != nil {
				return err
			}
			if err := o.check(); err != nil {
				return err
			}
			return runStateRestore(ctx, env, o)
		},
	}
}

// planOptions is what `state plan` was asked to do.
type planOptions struct {
	Config configOptions
	Rate   float64 // impressions a second
	CTR    float64 // clicks per impression
	CVR    float64 // conversions per click
}

func statePlanCommand() *command {
	var o planOptions
	return &command{
		name:     "plan",
		short:    "say how much disk and memory a load needs with this configuration",
		examples: []string{"tributary state plan --rate 7000 --ctr 0.01 --cvr 0.03"},
		flags: func(fs *flag.FlagSet) {
			o.Config.register(fs)
			fs.Float64Var(&o.Rate, "rate", 0, "number `N` of impressions a second")
			fs.Float64Var(&o.CTR, "ctr", 0.01, "`SHARE` of impressions that are clicked")
			fs.Float64Var(&o.CVR, "cvr", 0.03, "`SHARE` of clicks that convert")
		},
		run: func(ctx context.Context, env *Env, _ []string) error {
			switch {
			case !(o.Rate > 0 && o.Rate <= 1e9):
				return usagef("--rate N is missing, or not positive")
			case !(o.CTR >= 0 && o.CTR <= 1) || !(o.CVR >= 0 && o.CVR <= 1):
				return usagef("--ctr and --cvr must lie between 0 and 1")
			}
			return runStatePlan(ctx, env, o)
		},
	}
}
