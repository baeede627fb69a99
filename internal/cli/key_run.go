package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/tributary-data/tributary/configs"
	"github.com/tributary-data/tributary/internal/auth"
)

// open gives the keys of a configuration and the audit log that their changes
// stand in.
func (o *keyOptions) open(env *Env) (*auth.Keys, *auth.Audit, *configs.Config, error) {
	o.config.override("state.dir", o.data)
	cfg, _, err := o.config.load(env)
	if err != nil {
		return nil, nil, nil, err
	}
	path, audit := cfg.Auth.Paths(cfg.State.Dir)
	keys, err := auth.OpenKeys(path)
	if err != nil {
		return nil, nil, nil, err
	}
	return keys, auth.OpenAudit(audit, env.Log), cfg, nil
}

func runKeyCreate(env *Env, o keyCreateOptions) error {
	keys, audit, cfg, err := o.open(env)
	if err != nil {
		return err
	}
	var expires time.Time
	if o.Expires > 0 {
		expires = time.Now().UTC().Add(time.Duration(o.Expires) * time.Millisecond).Truncate(time.Second)
	}
	if o.Out != "" && !o.IfMissing {
		if _, err := os.Stat(o.Out); err == nil {
			return usagef("--out %s exists; name a file that does not", o.Out)
		}
	}
	key, text, err := keys.Create(o.Name, o.Scopes, expires)
	if errors.Is(err, auth.ErrExists) {
		if o.IfMissing {
			if _, err := os.Stat(o.Out); o.Out == "" || err == nil {
				_, err := fmt.Fprintf(env.Stderr, "a key named %s is there already\n", o.Name)
				return err
			}
			// The key's text was lost, with its file: nobody can use it.
			if _, err := keys.Revoke(o.Name); err != nil {
				return err
			}
			key, text, err = keys.Create(o.Name, o.Scopes, expires)
		} else {
			return usagef("%v; choose another name, or revoke it first", err)
		}
	}
	if err != nil {
		return err
	}
	detail := map[string]any{"key": key.ID, "name": key.Name, "scopes": key.Scopes}
	if !expires.IsZero() {
		detail["expires"] = expires
	}
	if err := audit.Write(auth.Entry{Action: "key.create", Actor: "local", Result: "ok", Detail: detail}); err != nil {
		_, revokeErr := keys.Revoke(key.ID)
		return errors.Join(err, revokeErr)
	}
	if o.Out != "" {
		if err := os.WriteFile(o.Out, []byte(text+"\n"), 0o600); err != nil {
			_, revokeErr := keys.Revoke(key.ID)
			return errors.Join(fmt.Errorf("write the key: %w", err), revokeErr)
		}
		text = "written to " + o.Out
	}
	if _, err := fmt.Fprintln(env.Stdout, text); err != nil {
		return err
	}
	if cfg.Auth == nil {
		env.Log.Warn("the server asks for no key until the configuration has a section auth, such as auth: {session: 12h}", slog.String("keys", keys.Path()))
	}
	return nil
}

func runKeyList(env *Env, o keyOptions, asJSON bool) error {
	keys, _, _, err := o.open(env)
	if err != nil {
		return err
	}
	list, err := keys.List()
	if err != nil {
		return err
	}
	if asJSON {
		enc := json.NewEncoder(env.Stdout)
		for i := range list {
			list[i].Hash = "" // of no use to anybody who may see this
			if err := enc.Encode(&list[i]); err != nil {
				return err
			}
		}
		return nil
	}
	if len(list) == 0 {
		_, err := fmt.Fprintf(env.Stdout, "there are no keys in %s; 'tributary key create' makes one\n", keys.Path())
		return err
	}
	w := tabwriter.NewWriter(env.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tNAME\tSCOPES\tCREATED\tLAST USED\tEXPIRES")
	for i := range list {
		k := &list[i]
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", k.ID, k.Name, strings.Join(k.Scopes, ","), day(k.Created, ""), day(k.LastUsed, "never"), expiry(k))
	}
	return w.Flush()
}

func expiry(k *auth.Key) string {
	if k.Expired(time.Now()) {
		return "expired"
	}
	return day(k.Expires, "never")
}

func day(t time.Time, none string) string {
	if t.IsZero() {
		return none
	}
	return t.UTC().Format("2006-01-02 15:04Z")
}

func runKeyRevoke(env *Env, o keyOptions, which string) error {
	keys, audit, _, err := o.open(env)
	if err != nil {
		return err
	}
	key, err := keys.Revoke(which)
	if err != nil {
		return err
	}
	err = audit.Write(auth.Entry{Action: "key.revoke", Actor: "local", Result: "ok", Detail: map[string]any{"key": key.ID, "name": key.Name}})
	_, printErr := fmt.Fprintf(env.Stdout, "%s (%s) is revoked; a running server refuses it within a second\n", key.ID, key.Name)
	return errors.Join(err, printErr)
}

// KeyFileEnv names a file with the key that commands send to a server.
const KeyFileEnv = configs.KeyEnv + "_FILE"

// authorize adds the key of the environment to a request to a running server.
// Keys never stand on a command line, which other users of a machine can see.
func authorize(req *http.Request) error {
	key := os.Getenv(configs.KeyEnv)
	if file := os.Getenv(KeyFileEnv); key == "" && file != "" {
		b, err := os.ReadFile(file)
		if err != nil {
			return fmt.Errorf("read $%s: %w", KeyFileEnv, err)
		}
		key = strings.TrimSpace(string(b))
	}
	if key == "" {
		return nil
	}
	req.Header.Set("Authorization", "Bearer "+key)
	return nil
}
