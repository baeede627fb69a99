package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/ingest/generate"
)

// maxFraud is the greatest share of attacks that a world of people can have.
const maxFraud = 0.9

// maxDays is the longest time that is simulated: ten years.
const maxDays = 3660

func runGenerate(ctx context.Context, env *Env, o generateOptions) (err error) {
	opt := generate.Options{Seed: o.Seed, Events: o.Events, People: o.People, Days: float64(o.Days), Fraud: o.Fraud}
	switch {
	case o.Fraud > maxFraud:
		return usagef("--fraud %v is more than the traffic can hold; %v is the greatest", o.Fraud, maxFraud)
	case o.Days > maxDays:
		return usagef("--days %d is too many; %d are the most", o.Days, maxDays)
	case o.Start != event.NoTime && o.Start <= 0:
		return usagef("--start must lie after 1970")
	case o.Start != event.NoTime:
		opt.Start = o.Start
	}
	if err := os.MkdirAll(o.Out, 0o755); err != nil {
		return fmt.Errorf("make --out %s: %w", o.Out, err)
	}
	// Beside what may be there already, so that an interrupted run changes
	// nothing of it.
	tmp, err := os.MkdirTemp(o.Out, ".tributary-generate-")
	if err != nil {
		return fmt.Errorf("write to --out %s: %w", o.Out, err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(tmp)) }()
	bar := NewProgress(env, "generate", int64(o.Events))
	sum, err := generate.Write(ctx, opt, tmp, func(done int) { bar.Set(int64(done), int64(done), event.NoTime) })
	bar.Stop()
	if err != nil {
		return err
	}
	if err := moveInto(tmp, o.Out); err != nil {
		return err
	}
	return reportGenerated(env, o, sum)
}

// moveInto moves every file below one directory to the same place in another.
func moveInto(from, to string) error {
	return filepath.WalkDir(from, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if d.IsDir() {
			return os.MkdirAll(filepath.Join(to, rel), 0o755)
		}
		return os.Rename(path, filepath.Join(to, rel))
	})
}

func reportGenerated(env *Env, o generateOptions, sum generate.Summary) error {
	out := env.Stdout
	fmt.Fprintf(out, "%d records of %d people, %s to %s, in %s\n", sum.Records, sum.People, sum.Start, sum.End, o.Out)
	for _, name := range slices.Sorted(maps.Keys(sum.Files)) {
		fmt.Fprintf(out, "  %-20s %d lines\n", name, sum.Files[name])
	}
	bad := int64(0)
	for _, n := range sum.Malformed {
		bad += n
	}
	fmt.Fprintf(out, "%d repeats, %d orders sent twice, %d late, %d malformed\n", sum.Repeats, sum.OrderRepeat, sum.Late, bad)
	for _, label := range slices.Sorted(maps.Keys(sum.Labels)) {
		l := sum.Labels[label]
		fmt.Fprintf(out, "  %-20s %d impressions, %d clicks, %d conversions\n", label, l.Impressions, l.Clicks, l.Conversions)
	}
	for _, c := range slices.Sorted(maps.Keys(sum.ValueMicros)) {
		fmt.Fprintf(out, "%s: spend %s, conversion value %s\n", c, event.Micros(sum.SpendMicros[c]), event.Micros(sum.ValueMicros[c]))
	}
	_, err := fmt.Fprintf(out, "the truth about them is in %s\n", filepath.Join(o.Out, "truth"))
	return err
}
