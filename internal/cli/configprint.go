package cli

import "context"

func configCommand() *command {
	return &command{
		name:  "config",
		short: "show the configuration",
		subs:  []*command{configPrintCommand()},
	}
}

func configPrintCommand() *command {
	var o configOptions
	return &command{
		name:  "print",
		short: "print the configuration as it takes effect, and where each value came from",
		long: `The output is YAML that --config reads again, except for passwords, which are
masked. Sections that are off are left out.`,
		examples: []string{
			"tributary config print --config tributary.yaml",
			"TRIBUTARY_ATTRIBUTION_HALF_LIFE=14d tributary config print",
		},
		flags: o.register,
		run: func(_ context.Context, env *Env, _ []string) error {
			c, origins, err := o.load(env)
			if err != nil {
				return err
			}
			return c.Print(env.Stdout, origins)
		},
	}
}
