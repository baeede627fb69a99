package cli

import (
	"context"
	"flag"
	"strings"
)

func privacyCommand() *command {
	return &command{
		name:  "privacy",
		short: "erase a person",
		subs:  []*command{privacyEraseCommand()},
	}
}

// eraseOptions is what `privacy erase` was asked to do.
type eraseOptions struct {
	dataOptions
	Person string
	Yes    bool
	JSON   bool
}

func privacyEraseCommand() *command {
	var o eraseOptions
	return &command{
		name:  "erase",
		args:  "PERSON",
		short: "take everything of a person out of the state and the sinks",
		long: `PERSON is u: and a user id, or a: and an anonymous id. All ids that are linked
with it are the same person, and go too.

Conversions, sessions, verdicts, links, late events and dead letters are removed;
totals of conversions and attribution are restated. Impressions and clicks stay
in delivery as nobody's, because they were paid for. What is sent again comes
in again: stop its sources first. Backups are not changed.`,
		examples: []string{
			"tributary privacy erase --config tributary.yaml --yes u:12345",
			"tributary privacy erase --server https://tributary.example.com --yes a:5f0c",
		},
		flags: func(fs *flag.FlagSet) {
			o.register(fs)
			o.registerServer(fs)
			fs.BoolVar(&o.Yes, "yes", false, "erase; without it nothing is done, as it cannot be undone")
			fs.BoolVar(&o.JSON, "json", false, "print what was erased as JSON")
		},
		run: func(ctx context.Context, env *Env, args []string) error {
			if err := o.check(); err != nil {
				return err
			}
			if len(args) != 1 {
				return usagef("give one PERSON, as u:ID or a:ID")
			}
			o.Person = args[0]
			if len(o.Person) <= 2 || !strings.HasPrefix(o.Person, "u:") && !strings.HasPrefix(o.Person, "a:") {
				return usagef("%q is no person; write u:ID for a user, a:ID for an anonymous id", o.Person)
			}
			if !o.Yes {
				return usagef("nothing was erased: it cannot be undone; say --yes")
			}
			return runPrivacyErase(ctx, env, o)
		},
	}
}
