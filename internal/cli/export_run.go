package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"

	"github.com/tributary-data/tributary/configs"
	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/internal/service"
	"github.com/tributary-data/tributary/sinks"
	"github.com/tributary-data/tributary/sinks/files"
	"github.com/tributary-data/tributary/sinks/objects"
	"github.com/tributary-data/tributary/table"
)

func runExport(ctx context.Context, env *Env, o exportOptions) (err error) {
	if o.DryRun {
		return o.showDDL(env)
	}
	if o.Server != "" && o.Sink != "" {
		return o.resyncServer(ctx, env)
	}
	var out *files.Out
	if o.Out != "" {
		if out, err = o.openOut(env); err != nil {
			return err
		}
		defer out.Close()
	}
	if o.Server != "" {
		return o.fromServer(ctx, env, out)
	}
	d, err := o.open(env)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.close()) }()
	if o.Sink != "" {
		return o.toSink(ctx, env, d)
	}
	for _, t := range o.tables() {
		if err := o.exportTable(ctx, env, d, out, t); err != nil {
			return err
		}
	}
	return nil
}

func (o *exportOptions) tables() []*table.Table {
	if o.Table != nil {
		return []*table.Table{o.Table}
	}
	return table.All
}

// openOut opens the directory or bucket that files are written to.
func (o *exportOptions) openOut(env *Env) (*files.Out, error) {
	if !objects.IsURL(o.Out) {
		if _, err := isEmptyDir("--out", o.Out); err != nil {
			return nil, err // a file, or not to be read
		}
	} else if err := objects.Check(o.Out); err != nil {
		return nil, usagef("--out: %v", err)
	}
	log := env.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return files.OpenOut(o.Out, objects.Options{Logger: log, Getenv: envOf(env)})
}

// envOf looks variables up in the environment of the command.
func envOf(env *Env) func(string) string {
	return func(name string) string {
		for _, entry := range env.Environ {
			if value, ok := strings.CutPrefix(entry, name+"="); ok {
				return value
			}
		}
		return os.Getenv(name)
	}
}

// unreachable marks the failures of a store that cannot be reached.
func unreachable(err error) error {
	if err != nil && errors.Is(err, objects.ErrUnreachable) {
		return &Exit{ExitUnreachable, err}
	}
	return err
}

// exportTable writes the rows to <table>.<format>. It takes the place of an
// earlier export of the table; whatever else the place holds stays.
func (o *exportOptions) exportTable(ctx context.Context, env *Env, d *data, out *files.Out, t *table.Table) error {
	if t == table.DeadLetters && o.Table == t && (o.From != event.NoTime || o.To != event.NoTime) {
		fmt.Fprintln(env.Stderr, "dead letters have no time of their own: all of them are exported")
	}
	f, err := out.Table(t, files.Format(o.Format), files.Compression(o.Compression))
	if err != nil {
		return err
	}
	defer f.Discard()
	total, err := o.count(ctx, env, d, t)
	if err != nil {
		return fmt.Errorf("export %s: %w", t.Name, err)
	}
	bar := NewProgress(env, "export "+t.Name, total)
	bad := error(nil)
	err = service.ScanRange(d.view, t, o.From, o.To, func(r table.Row) bool {
		bad = f.Write(r)
		if f.Rows%8192 == 0 {
			bar.Set(f.Rows, f.Rows, event.NoTime)
			bad = errors.Join(bad, ctx.Err())
		}
		return bad == nil
	})
	bar.Stop()
	if err = errors.Join(err, bad, ctx.Err()); err != nil {
		return fmt.Errorf("export %s: %w", t.Name, err)
	}
	if err := f.Publish(ctx); err != nil {
		return unreachable(err)
	}
	_, err = fmt.Fprintf(env.Stdout, "%d rows of %s in %s/%s\n", f.Rows, t.Name, out, f.Name)
	return err
}

// count is how many rows there will be, where somebody watches: it costs a pass
// over the keys. 0 is unknown.
func (o *exportOptions) count(ctx context.Context, env *Env, d *data, t *table.Table) (n int64, err error) {
	if !isTerminal(env.Stderr) {
		return 0, nil
	}
	each := func(table.Row) bool {
		n++
		return n%8192 != 0 || ctx.Err() == nil
	}
	switch {
	case o.From != event.NoTime || o.To != event.NoTime:
		err = service.ScanRange(d.view, t, o.From, o.To, each)
	case t == table.Credits: // a key stands for all of a conversion there
		err = d.view.Scan(t, each)
	default:
		err = d.view.ScanKeys(t, each)
	}
	return n, errors.Join(err, ctx.Err())
}

// errNoSink says that a sink that is named is not configured.
func errNoSink(name, needs string) error {
	return &configs.Error{Faults: []configs.Fault{{Key: "sinks." + name, Message: "is not configured; add the section, or set " + needs + " in the environment"}}}
}

// checkConfigured refuses a sink that the configuration does not switch on.
func checkConfigured(cfg *configs.Config, name string) error {
	for _, n := range service.SinkNames(cfg) {
		if n == name {
			return nil
		}
	}
	return errNoSink(name, "TRIBUTARY_SINKS_"+strings.ToUpper(name)+"_...")
}

// openSink opens a sink of the configuration.
func openSink(ctx context.Context, env *Env, cfg *configs.Config, name string) (sinks.Sink, error) {
	if err := checkConfigured(cfg, name); err != nil {
		return nil, err
	}
	return service.OpenSink(ctx, cfg, name, buildVersion(), env.Log)
}

// cursor asks a sink how far it is.
func cursor(ctx context.Context, sink sinks.Sink) (sinks.Progress, error) {
	at, err := sink.Cursor(ctx)
	if err != nil && ctx.Err() == nil {
		return at, &Exit{ExitUnreachable, fmt.Errorf("ask sink %s how far it is: %w", sink.Name(), err)}
	}
	return at, err
}

// toSink makes a sink hold the state. A sink is one commit of all tables, so
// that all are written.
func (o *exportOptions) toSink(ctx context.Context, env *Env, d *data) (err error) {
	sink, err := openSink(ctx, env, d.cfg, o.Sink)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, sink.Close()) }()
	at, err := cursor(ctx, sink)
	if err != nil {
		return err
	}
	view := service.SinkView(d.view, d.store.Epoch()) // closed with the data, not here
	if to := view.Progress(); at.Epoch > to.Epoch || at.Epoch == to.Epoch && at.Commit > to.Commit {
		return fmt.Errorf("sink %s is at %s, the state at %s: the state was put back to an earlier time, or another server writes there; start tributary serve on this state, it takes a later epoch", o.Sink, at, to)
	}
	watched := &watchedView{View: view}
	for _, t := range table.All {
		n, err := o.count(ctx, env, d, t)
		if err != nil {
			return err
		}
		watched.total += n
	}
	watched.bar = NewProgress(env, "export to "+o.Sink, watched.total)
	err = sink.Resync(ctx, watched)
	watched.bar.Stop()
	if err != nil {
		return unreachable(fmt.Errorf("write to sink %s: %w", o.Sink, err))
	}
	if o.From != event.NoTime || o.To != event.NoTime || o.Table != nil {
		fmt.Fprintf(env.Stderr, "the %s sink holds all tables as of one commit: all of them were written, in full\n", o.Sink)
	}
	_, err = fmt.Fprintf(env.Stdout, "sink %s holds %s: %d rows read\n", o.Sink, view.Progress(), watched.rows)
	return err
}

// watchedView counts the rows that a sink reads.
type watchedView struct {
	sinks.View
	bar         *Progress
	rows, total int64
}

func (v *watchedView) counting(fn func(table.Row, uint64) error) func(table.Row, uint64) error {
	return func(r table.Row, rev uint64) error {
		if v.rows++; v.rows%1024 == 0 {
			v.bar.Set(v.rows, v.rows, event.NoTime)
		}
		return fn(r, rev)
	}
}

// Scan implements sinks.View.
func (v *watchedView) Scan(ctx context.Context, t *table.Table, p sinks.Partition, fn func(table.Row, uint64) error) error {
	return v.View.Scan(ctx, t, p, v.counting(fn))
}

// ScanAll implements sinks.View.
func (v *watchedView) ScanAll(ctx context.Context, t *table.Table, fn func(table.Row, uint64) error) error {
	return v.View.ScanAll(ctx, t, v.counting(fn))
}

// showDDL prints what a sink would make in its store.
func (o *exportOptions) showDDL(env *Env) error {
	cfg, _, err := o.config.load(env)
	if err != nil {
		return err
	}
	if err := checkConfigured(cfg, o.Sink); err != nil {
		return err
	}
	ddl := service.SinkDDL(cfg, o.Sink, buildVersion(), env.Log)
	if len(ddl) == 0 {
		_, err := fmt.Fprintf(env.Stdout, "-- the %s sink makes no tables: there is nothing to run beforehand\n", o.Sink)
		return err
	}
	for _, statement := range ddl {
		if _, err := fmt.Fprintln(env.Stdout, strings.TrimRight(strings.TrimSpace(statement), ";")+";"); err != nil {
			return err
		}
	}
	return nil
}
