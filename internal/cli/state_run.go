package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/internal/service"
	"github.com/tributary-data/tributary/pipeline"
	"github.com/tributary-data/tributary/state"
)

func runStateInspect(ctx context.Context, env *Env, o dataOptions) (err error) {
	d, err := o.open(env)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.close()) }()
	h, err := d.engine.Holds()
	if err != nil {
		return err
	}
	restored := "no"
	if epoch, yes, err := d.store.NeedsResync(); err != nil {
		return err
	} else if yes {
		restored = fmt.Sprintf("from a backup, under epoch %d", epoch)
	}
	c := d.view.Counts
	t := tabwriter.NewWriter(env.Stdout, 0, 4, 2, ' ', 0)
	line := func(name, format string, args ...any) {
		fmt.Fprintf(t, "%s\t%s\n", name, fmt.Sprintf(format, args...))
	}
	line("directory", "%s", d.store.Dir())
	line("format", "%d", state.Format)
	line("epoch", "%d", d.store.Epoch())
	line("restored", "%s", restored)
	line("last commit", "%d", d.view.Commit)
	line("watermark", "%s", timeOr(d.view.Watermark, "none yet"))
	line("latest event", "%s", timeOr(h.MaxTime, "none"))
	line("impressions", "%s", describeSpan(h.Impressions, h.DroppedImpressions))
	line("clicks, conversions, behaviour", "%s", describeSpan(h.History, h.DroppedHistory))
	line("records", "%d: %d impressions, %d clicks, %d conversions, %d behavioural, %d adjustments, %d identifications",
		c.Records, c.Impressions, c.Clicks, c.Conversions, c.Behavioural, c.Adjustments, c.Identifies)
	line("not applied", "%d duplicates (%d with other content), %d too late, %d dead letters", c.Duplicates, c.Conflicts, c.TooLate, total(c.DeadLetters))
	line("late", "%d applied although late", c.Late-c.TooLate)
	for _, in := range h.Inputs {
		line("input "+in.Name, "%d records, watermark %s", in.Records, timeOr(in.Watermark, "none"))
	}
	line("outbox", "changes since commit %d", h.OutboxFrom)
	if err := t.Flush(); err != nil {
		return err
	}
	return writeSpaces(ctx, env, d.store)
}

func total[K comparable](m map[K]int64) (n int64) {
	for _, x := range m {
		n += x
	}
	return n
}

func timeOr(t event.Millis, none string) string {
	switch t {
	case event.NoTime:
		return none
	case event.EndOfTime:
		return "the end: everything is final"
	}
	return t.String()
}

func describeSpan(s pipeline.Span, dropped event.Millis) string {
	out := "none"
	if s.Buckets > 0 {
		out = fmt.Sprintf("%s to %s, in %d buckets", s.From, s.To, s.Buckets)
	}
	if dropped > 0 {
		out += fmt.Sprintf("; what is before %s was dropped", dropped)
	}
	return out
}

// writeSpaces counts the keys and bytes of each key space.
func writeSpaces(ctx context.Context, env *Env, s *state.Store) error {
	bar := NewProgress(env, "inspect", 0)
	t := tabwriter.NewWriter(env.Stdout, 0, 4, 2, ' ', tabwriter.AlignRight)
	//nolint:dupword // two columns
	fmt.Fprint(t, "\nkeys\tbytes\tbytes a key\ton disk\tkey space\t\n")
	var keys, size, disk int64
	for _, sp := range state.Spaces {
		var n, b int64
		err := s.Scan([]byte{byte(sp.Space)}, []byte{byte(sp.Space) + 1}, func(k, v []byte) bool {
			n, b = n+1, b+int64(len(k)+len(v))
			if n%65536 == 0 {
				bar.Set(keys+n, 0, event.NoTime)
			}
			return n%65536 != 0 || ctx.Err() == nil
		})
		if err = errors.Join(err, ctx.Err()); err != nil {
			bar.Stop()
			return err
		}
		on, err := s.DiskUsage(sp.Space)
		if err != nil {
			bar.Stop()
			return err
		}
		keys, size, disk = keys+n, size+b, disk+int64(on)
		if n > 0 {
			fmt.Fprintf(t, "%d\t%d\t%d\t%d\t%s\t\n", n, b, b/n, on, sp.Name)
		}
	}
	bar.Stop()
	fmt.Fprintf(t, "%d\t%d\t\t%d\tall\t\n", keys, size, disk)
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintln(env.Stdout, "bytes are those of keys and values; on disk they are compressed, and what is only in the log counts as none")
	return err
}

func runStateVerify(ctx context.Context, env *Env, o dataOptions) (err error) {
	d, err := o.open(env)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.close()) }()
	violated, err := d.verify(ctx, env)
	if err == nil && violated > 0 {
		err = &Exit{ExitDifference, fmt.Errorf("%d checks of %s do not hold", violated, d.store.Dir())}
	}
	return err
}

// verify checks a state and prints what holds; it gives how many checks do not.
func (d *data) verify(ctx context.Context, env *Env) (violated int, err error) {
	blocks := pipeline.Check{Name: "every block of every file has its checksum", Checked: 1}
	if err := d.store.CheckBlocks(); err != nil {
		blocks.Violations, blocks.Examples = 1, []string{err.Error()}
		return 1, printChecks(env, []pipeline.Check{blocks})
	}
	bar := NewProgress(env, "verify", 0)
	checks, err := d.view.Check(ctx, func(n int64) { bar.Set(n, 0, event.NoTime) })
	bar.Stop()
	if err != nil {
		return 0, fmt.Errorf("verify %s: %w", d.store.Dir(), err)
	}
	checks = append([]pipeline.Check{blocks}, checks...)
	for _, c := range checks {
		if c.Violations > 0 {
			violated++
		}
	}
	return violated, printChecks(env, checks)
}

func printChecks(env *Env, checks []pipeline.Check) error {
	var b strings.Builder
	for _, c := range checks {
		word := "holds"
		if c.Violations > 0 {
			word = "FAILS"
		}
		fmt.Fprintf(&b, "%s  %s: %d looked at", word, c.Name, c.Checked)
		if c.Violations > 0 {
			fmt.Fprintf(&b, ", %d violations", c.Violations)
		}
		b.WriteString("\n")
		for _, x := range c.Examples {
			fmt.Fprintf(&b, "         %s\n", x)
		}
		if n := int(c.Violations) - len(c.Examples); n > 0 {
			fmt.Fprintf(&b, "         and %d more\n", n)
		}
	}
	_, err := fmt.Fprint(env.Stdout, b.String())
	return err
}

func runStateBackup(_ context.Context, env *Env, o backupOptions) (err error) {
	cfg, _, err := o.config.load(env)
	if err != nil {
		return err
	}
	store, err := openToChange(env, cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	if err := os.Remove(o.Dir); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("back up to %s: %w", o.Dir, err) // it was empty a moment ago
	}
	if err := os.MkdirAll(filepath.Dir(filepath.Clean(o.Dir)), 0o755); err != nil {
		return fmt.Errorf("back up to %s: %w", o.Dir, err)
	}
	if err := store.Backup(o.Dir); err != nil {
		return err
	}
	commit, err := pipeline.LastCommit(store)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(env.Stdout, "%s holds epoch %d commit %d of %s\n", o.Dir, store.Epoch(), commit, store.Dir())
	return err
}

// backupAtServer has a running server copy its state.
func (o *backupOptions) backupAtServer(ctx context.Context, env *Env) error {
	if strings.ContainsRune(o.Dir, filepath.Separator) {
		return usagef("--to %q: with --server it is a name, of a directory below the server's state.backup_dir", o.Dir)
	}
	var x struct {
		Path                 string
		Bytes, Epoch, Commit int64
	}
	if err := o.ask(ctx, http.MethodPost, "/v1/backups", map[string]string{"name": o.Dir}, &x); err != nil {
		return err
	}
	_, err := fmt.Fprintf(env.Stdout, "%s at the server holds epoch %d commit %d, %d bytes\n", x.Path, x.Epoch, x.Commit, x.Bytes)
	return err
}

func runStateRestore(_ context.Context, env *Env, o backupOptions) error {
	if err := os.MkdirAll(filepath.Dir(filepath.Clean(o.Data)), 0o755); err != nil {
		return fmt.Errorf("restore into %s: %w", o.Data, err)
	}
	epoch, err := state.Restore(o.Dir, o.Data)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(env.Stdout, "%s holds what %s held, under epoch %d; start tributary serve on it: it brings the sinks in step. Send again what came after the backup\n", o.Data, o.Dir, epoch)
	return err
}

func runStatePlan(_ context.Context, env *Env, o planOptions) error {
	cfg, _, err := o.Config.load(env)
	if err != nil {
		return err
	}
	rules := service.Rules(cfg)
	_, err = fmt.Fprint(env.Stdout, planFor(&rules, o, int64(cfg.State.DiskBudget)).text())
	return err
}
