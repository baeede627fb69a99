package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/tributary-data/tributary/configs"
	"github.com/tributary-data/tributary/pipeline"
	"github.com/tributary-data/tributary/state"
)

// data is a directory that a command reads, at its last commit.
type data struct {
	cfg    *configs.Config
	store  *state.Store
	engine *pipeline.Engine
	view   *pipeline.View
}

// open opens the directory for reading, under the rules that it was made by.
func (o *dataOptions) open(env *Env) (*data, error) {
	cfg, _, err := o.config.load(env)
	if err != nil {
		return nil, err
	}
	return openData(env, cfg)
}

func openData(env *Env, cfg *configs.Config) (d *data, err error) {
	store, err := state.Open(cfg.State.Dir, state.Options{ReadOnly: true, Logger: env.Log})
	if err != nil {
		return nil, err
	}
	engine, err := pipeline.OpenReader(store)
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	return &data{cfg, store, engine, engine.View()}, nil
}

func (d *data) close() error { return errors.Join(d.view.Close(), d.store.Close()) }

// openToChange opens a directory that must be there for writing. The caller
// closes the store.
func openToChange(env *Env, cfg *configs.Config) (*state.Store, error) {
	if s, err := state.Open(cfg.State.Dir, state.Options{ReadOnly: true, Logger: env.Log}); err != nil {
		return nil, err // a write would make one where there is none
	} else if err := s.Close(); err != nil {
		return nil, err
	}
	return state.Open(cfg.State.Dir, state.Options{Logger: env.Log})
}

// answerLimit bounds an answer of a server; a page of 1,000 dead letters may
// hold much.
const answerLimit = 1 << 30

// get asks a running server, and gives the answer and its status.
func (o *dataOptions) get(ctx context.Context, path string) (int, []byte, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	url := strings.TrimRight(o.Server, "/") + path
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, nil, usagef("--server %q: %v", o.Server, err)
	}
	if err := authorize(req); err != nil {
		return 0, nil, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil, &Exit{ExitUnreachable, fmt.Errorf("ask the server: %w; is tributary serve running there?", err)}
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, answerLimit))
	if err := errors.Join(err, res.Body.Close()); err != nil {
		return 0, nil, &Exit{ExitUnreachable, fmt.Errorf("read the answer of %s: %w", url, err)}
	}
	return res.StatusCode, body, nil
}

// problem is what a server says when it cannot answer.
func problem(status int, body []byte) error {
	var p struct{ Title, Detail string }
	if err := json.Unmarshal(body, &p); err != nil || p.Title == "" && p.Detail == "" {
		return fmt.Errorf("the server answers with status %d and nothing that this program reads; is it tributary?", status)
	}
	if p.Detail == "" {
		p.Detail = p.Title
	}
	return errors.New(p.Detail)
}
