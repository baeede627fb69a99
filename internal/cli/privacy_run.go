package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/tributary-data/tributary/internal/auth"
	"github.com/tributary-data/tributary/internal/service"
	"github.com/tributary-data/tributary/web"
)

func runPrivacyErase(ctx context.Context, env *Env, o eraseOptions) error {
	if o.Server != "" {
		return o.eraseAtServer(ctx, env)
	}
	cfg, _, err := o.config.load(env)
	if err != nil {
		return err
	}
	path, auditPath := cfg.Auth.Paths(cfg.State.Dir)
	audit := auth.OpenAudit(auditPath, env.Log)
	keys, err := auth.OpenKeys(path) // they hold what makes the pseudonym
	if err != nil {
		return err
	}
	note := map[string]any{"person": keys.Pseudonym(o.Person)}
	x, err := service.EraseOffline(ctx, service.Options{Config: cfg, Log: env.Log, Version: buildVersion()}, o.Person)
	result := "ok"
	if err != nil {
		result = "failed"
	}
	note["conversions"], note["impressions"], note["clicks"], note["commit"] = x.Conversions, x.Impressions, x.Clicks, x.Commit
	auditErr := audit.Write(auth.Entry{Action: "erase", Actor: "local", Result: result, Detail: note})
	if err := errors.Join(err, auditErr); err != nil {
		return err
	}
	where := "and no sink is configured here: those of serve learn of it when it runs"
	if names := service.SinkNames(cfg); len(names) > 0 {
		where = "and in the sinks " + strings.Join(names, ", ")
	}
	return o.report(env, service.Erasure(&x), where)
}

func (o *eraseOptions) report(env *Env, x *web.Erasure, where string) error {
	if o.JSON {
		return json.NewEncoder(env.Stdout).Encode(x)
	}
	out := env.Stdout
	fmt.Fprintf(out, "erased %s: %d conversions, %d behavioural events, %d sessions, %d verdicts, %d late events, %d dead letters, %d adjustments, %d references\n",
		strings.Join(x.Persons, ", "), x.Conversions, x.Behavioural, x.Sessions, x.Verdicts, x.LateEvents, x.DeadLetters, x.Adjustments, x.References)
	fmt.Fprintf(out, "%d impressions and %d clicks stay in delivery, as nobody's\n", x.Impressions, x.Clicks)
	for _, c := range slices.Sorted(maps.Keys(x.Value)) {
		fmt.Fprintf(out, "the totals of conversions and attribution lost %s %s\n", x.Value[c].Amount, c)
	}
	_, err := fmt.Fprintf(out, "nothing is left in the state at commit %d, %s; backups are not changed\n", x.Commit, where)
	return err
}

// sinksWait is how long the command waits for the sinks of a running server.
const sinksWait = time.Minute

func (o *eraseOptions) eraseAtServer(ctx context.Context, env *Env) error {
	var x web.Erasure
	if err := o.ask(ctx, http.MethodPost, "/v1/privacy/erase", map[string]string{"person": o.Person}, &x); err != nil {
		return err
	}
	where, err := o.awaitSinks(ctx, x.Commit)
	if err != nil {
		return err
	}
	return o.report(env, &x, where)
}

// awaitSinks waits until every sink of the server has the commit.
func (o *eraseOptions) awaitSinks(ctx context.Context, commit uint64) (string, error) {
	deadline := time.Now().Add(sinksWait)
	for {
		status, body, err := o.get(ctx, "/v1/pipeline")
		if err != nil {
			return "", err
		}
		if status != http.StatusOK {
			return "", problem(status, body)
		}
		var p struct {
			Data struct {
				Sinks []struct {
					Name   string
					Commit uint64
				}
			}
		}
		if err := json.Unmarshal(body, &p); err != nil {
			return "", fmt.Errorf("read the state of the sinks: %w", err)
		}
		var behind, all []string
		for _, s := range p.Data.Sinks {
			all = append(all, s.Name)
			if s.Commit < commit {
				behind = append(behind, s.Name)
			}
		}
		switch {
		case len(all) == 0:
			return "and there are no sinks", nil
		case len(behind) == 0:
			return "and in the sinks " + strings.Join(all, ", "), nil
		case time.Now().After(deadline):
			return "but not yet in the sinks " + strings.Join(behind, ", ") + ": they get it when they are back", nil
		}
		select {
		case <-ctx.Done():
			return "", ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
}
