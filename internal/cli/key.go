package cli

import (
	"context"
	"errors"
	"flag"
	"strings"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/internal/auth"
)

func keyCommand() *command {
	return &command{
		name:  "key",
		short: "make, list and revoke the keys of the API",
		long: `Keys lie beside the data directory; a running server notices changes within a
second.`,
		subs: []*command{keyCreateCommand(), keyListCommand(), keyRevokeCommand()},
	}
}

// keyOptions say whose keys a command is about.
type keyOptions struct {
	config configOptions
	data   string
}

func (o *keyOptions) register(fs *flag.FlagSet) {
	o.config.register(fs)
	fs.StringVar(&o.data, "data", "", "data `DIR` whose keys they are (default state.dir)")
}

type keyCreateOptions struct {
	keyOptions
	Name      string
	Scopes    auth.Scope
	Expires   event.Duration // 0: never
	Out       string         // file for the key; "": stdout
	IfMissing bool
}

func keyCreateCommand() *command {
	var o keyCreateOptions
	return &command{
		name:  "create",
		short: "make a key and print it, once",
		long: `Only a hash of the key is kept: what is printed cannot be had again.

Scopes: read (figures; persons as pseudonyms), read:pii (persons and the bytes
of records too), write (send events), export (whole tables), admin (all, and
erasing persons).`,
		examples: []string{
			"tributary key create --name dashboard --scope read,read:pii",
			"tributary key create --name shop --scope write --expires 365d",
			"tributary key create --name prometheus --scope read --out prometheus.key --if-missing",
		},
		flags: func(fs *flag.FlagSet) {
			o.register(fs)
			fs.StringVar(&o.Name, "name", "", "`NAME` that says who has the key")
			fs.Func("scope", "`SCOPES`, a comma list; may be repeated: "+strings.Join(auth.ScopeNames(), ", "), func(s string) error {
				more, err := auth.ParseScopes(strings.Split(s, ","))
				o.Scopes |= more
				return err
			})
			fs.TextVar(&o.Expires, "expires", event.Duration(0), "`DURATION` after which the key is of no use, such as 90d (default: never)")
			fs.StringVar(&o.Out, "out", "", "write the key to `FILE`, which only its owner can read, in place of stdout")
			fs.BoolVar(&o.IfMissing, "if-missing", false, "do nothing where a key of the name is there")
		},
		run: func(_ context.Context, env *Env, _ []string) error {
			switch {
			case o.Name == "":
				return usagef("--name is missing; say who has the key")
			case o.Scopes == 0:
				return usagef("--scope is missing; give one or more of %s", strings.Join(auth.ScopeNames(), ", "))
			case o.Expires < 0:
				return usagef("--expires %v is negative", o.Expires)
			}
			return runKeyCreate(env, o)
		},
	}
}

func keyListCommand() *command {
	var o keyOptions
	var asJSON bool
	return &command{
		name:     "list",
		short:    "list the keys: names, scopes, last use; never the keys themselves",
		examples: []string{"tributary key list", "tributary key list --json"},
		flags: func(fs *flag.FlagSet) {
			o.register(fs)
			fs.BoolVar(&asJSON, "json", false, "print JSON, one key a line")
		},
		run: func(_ context.Context, env *Env, _ []string) error { return runKeyList(env, o, asJSON) },
	}
}

func keyRevokeCommand() *command {
	var o keyOptions
	return &command{
		name:     "revoke",
		args:     "ID|NAME",
		short:    "take a key away, and with it the sessions begun with it",
		examples: []string{"tributary key revoke shop", "tributary key revoke k_1a2b3c4d5e"},
		flags:    o.register,
		run: func(_ context.Context, env *Env, args []string) error {
			if len(args) != 1 {
				return usagef("give one ID or NAME; 'tributary key list' shows them")
			}
			err := runKeyRevoke(env, o, args[0])
			if errors.Is(err, auth.ErrNoKey) {
				return usagef("%v; 'tributary key list' shows the keys", err)
			}
			return err
		},
	}
}
