package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/tributary-data/tributary/internal/service"
	"github.com/tributary-data/tributary/sinks"
	"github.com/tributary-data/tributary/sinks/files"
)

func runReconcile(ctx context.Context, env *Env, o reconcileOptions) (err error) {
	if o.Server != "" {
		return o.onServer(ctx, env)
	}
	cfg, _, err := o.config.load(env)
	if err != nil {
		return err
	}
	sink, err := openSink(ctx, env, cfg, o.Sink) // says what is not configured
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, sink.Close()) }()
	d, err := openData(env, cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.close()) }()
	view := service.SinkView(d.view, d.store.Epoch())
	if f, ok := sink.(*files.Sink); ok {
		return unreachable((&reconciliation{sink: f, view: view, env: env}).run(ctx))
	}
	at, err := cursor(ctx, sink)
	if err != nil {
		return err
	}
	// Of a store that stands elsewhere the sums differ for no other reason.
	if to := view.Progress(); at.Epoch != to.Epoch || at.Commit != to.Commit {
		fmt.Fprintf(env.Stdout, "sink %s is at %s, the state at %s\n", o.Sink, at, to)
		return &Exit{ExitDifference, fmt.Errorf("the sink does not stand where the state does; tributary serve brings it in step")}
	}
	r, err := sinks.Compare(ctx, view, sink)
	switch {
	case errors.Is(err, sinks.ErrNoAudit):
		return err
	case err != nil && ctx.Err() == nil:
		return &Exit{ExitUnreachable, err}
	case err != nil:
		return err
	}
	x := comparison{Sink: o.Sink, Total: r.Total}
	for _, t := range r.Tables {
		x.Tables = append(x.Tables, comparedTable{t.Table.Name, t.Kept, t.State, t.Sink, t.Differences})
	}
	for _, d := range r.Differences {
		x.Differences = append(x.Differences, comparedSum{d.Table.Name, d.Group.String(), d.Column, d.State, d.Sink})
	}
	return x.show(env)
}

// comparison is what was found, here or by a server.
type comparison struct {
	Sink        string
	Tables      []comparedTable
	Differences []comparedSum
	Total       int `json:"differences_total"`
}

type comparedTable struct {
	Table       string
	Kept        bool
	State       int64 `json:"state_rows"`
	Sink        int64 `json:"sink_rows"`
	Differences int
}

type comparedSum struct {
	Table, Group, Column string
	State, Sink          int64
}

// onServer has a running server compare: it brings the sink to a commit first,
// and delivers nothing meanwhile.
func (o *reconcileOptions) onServer(ctx context.Context, env *Env) error {
	var x comparison
	if err := o.ask(ctx, http.MethodPost, "/v1/sinks/"+o.Sink+"/reconcile", nil, &x); err != nil {
		return err
	}
	return x.show(env)
}

// show prints what was found; a difference is the error.
func (x *comparison) show(env *Env) error {
	out := env.Stdout
	fmt.Fprintf(out, "%-28s %12s %12s  %s\n", "table", "state rows", "sink rows", "counts and sums")
	rows := int64(0)
	for _, t := range x.Tables {
		switch {
		case !t.Kept:
			fmt.Fprintf(out, "%-28s %12s %12s  the sink does not keep it\n", t.Table, "", "")
			continue
		case t.Differences > 0:
			fmt.Fprintf(out, "%-28s %12d %12d  %d differ\n", t.Table, t.State, t.Sink, t.Differences)
		default:
			fmt.Fprintf(out, "%-28s %12d %12d  agree\n", t.Table, t.State, t.Sink)
		}
		rows += t.State
	}
	for i, d := range x.Differences {
		if i == maxDifferences {
			break
		}
		fmt.Fprintf(out, "%s %s: %s is %d in the state, %d in the sink\n", d.Table, d.Group, d.Column, d.State, d.Sink)
	}
	if x.Total == 0 {
		_, err := fmt.Fprintf(out, "the sink holds what the state holds: %d rows\n", rows)
		return err
	}
	if x.Total > maxDifferences {
		fmt.Fprintf(out, "and %d more\n", x.Total-maxDifferences)
	}
	return &Exit{ExitDifference, fmt.Errorf("%d differences between the sink and the state", x.Total)}
}
