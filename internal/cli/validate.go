package cli

import (
	"context"
	"flag"
	"fmt"
)

// validateOptions is what `validate` was asked to do.
type validateOptions struct {
	Config  configOptions
	Files   []string // of events
	Connect bool     // ask what the configuration names
}

func validateCommand() *command {
	var o validateOptions
	return &command{
		name:  "validate",
		args:  "[FILE...]",
		short: "check the configuration, its lists, and files of events",
		long: `Lists every fault of the configuration by its key, and leaves with exit code 78
when there is one. Given files of events, it decodes them and prints how many
events of each type and how many dead letters of each code they hold, with the
first of each code; exit code 3 when there are dead letters. With --connect, it
asks the brokers, topics, group and schema registry that the configuration names
whether they can be used with the credentials given: exit code 69 when one cannot
be reached or refuses them, 3 when a topic is missing or may not be read.`,
		examples: []string{
			"tributary validate --config tributary.yaml",
			"tributary validate --config tributary.yaml --connect",
			"tributary validate clicks.ndjson conversions.csv.gz",
		},
		flags: func(fs *flag.FlagSet) {
			o.Config.register(fs)
			fs.BoolVar(&o.Connect, "connect", false, "ask brokers, topics and schema registry too")
		},
		run: func(ctx context.Context, env *Env, args []string) error {
			o.Files = args
			return runValidate(ctx, env, o)
		},
	}
}

func runValidate(ctx context.Context, env *Env, o validateOptions) error {
	if len(o.Files) > 0 {
		if err := checkInputs(o.Files); err != nil {
			return err
		}
	}
	c, _, err := o.Config.load(env)
	if err != nil {
		return err
	}
	lists, err := loadLists(c)
	if err != nil {
		return err
	}
	file := o.Config.file(env)
	if file == "" {
		file = "no file: defaults and environment"
	}
	if _, err := fmt.Fprintf(env.Stdout, "configuration ok (%s)\n", file); err != nil {
		return err
	}
	if _, err := fmt.Fprintf(env.Stdout, "lists ok (version %s)\n", lists.Version()); err != nil {
		return err
	}
	if o.Connect {
		if err := validateConnections(ctx, env, c); err != nil {
			return err
		}
	}
	if len(o.Files) == 0 {
		return nil
	}
	return validateFiles(ctx, env, c, o.Files)
}
