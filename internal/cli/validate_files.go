package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/tributary-data/tributary/configs"
	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/ingest"
)

// census is what files of events hold.
type census struct {
	events map[string]int64 // by type
	dead   map[event.Code]int64
	first  map[event.Code]*event.DeadLetter
}

// validateFiles decodes files of events and prints what they hold.
func validateFiles(ctx context.Context, env *Env, c *configs.Config, files []string) error {
	total := census{map[string]int64{}, map[event.Code]int64{}, map[event.Code]*event.DeadLetter{}}
	opt := ingest.FileOptions{Decode: c.DecodeConfig(), Clock: event.Millis(time.Now().UnixMilli()), Mappings: c.Ingest.Mappings}
	progress := NewProgress(env, "validate", 0)
	defer progress.Stop()
	for _, path := range files {
		if err := total.read(ctx, path, opt, progress); err != nil {
			return err
		}
	}
	return total.print(env.Stdout, len(files))
}

func (c *census) read(ctx context.Context, path string, opt ingest.FileOptions, progress *Progress) error {
	f, err := ingest.OpenFile(path, opt)
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("%s does not exist", path)
	} else if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // it was only read
	for {
		batch, err := f.Next(ctx)
		if errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		for i := range batch {
			c.count(&batch[i])
		}
		f.Recycle(batch)
		progress.Set(c.rows(), 0, event.NoTime)
	}
}

func (c *census) count(r *event.Record) {
	if r.Dead == nil {
		c.events[r.Event.Type]++
		return
	}
	c.dead[r.Dead.Code]++
	if c.first[r.Dead.Code] == nil {
		c.first[r.Dead.Code] = r.Dead
	}
}

func (c *census) rows() (n int64) {
	for _, k := range c.events {
		n += k
	}
	for _, k := range c.dead {
		n += k
	}
	return n
}

// print writes the counts; dead letters are a difference from what should be.
func (c *census) print(w io.Writer, files int) error {
	var dead int64
	for _, n := range c.dead {
		dead += n
	}
	lines := []string{fmt.Sprintf("%d records in %d files: %d events, %d dead letters", c.rows(), files, c.rows()-dead, dead)}
	for _, typ := range slices.Sorted(maps.Keys(c.events)) {
		lines = append(lines, fmt.Sprintf("  %-20s %d", typ, c.events[typ]))
	}
	for _, code := range slices.Sorted(maps.Keys(c.dead)) {
		d := c.first[code]
		lines = append(lines, fmt.Sprintf("  dead %-15s %d, the first at %v: %s", code, c.dead[code], d.Pos, d.Message))
	}
	for _, l := range lines {
		if _, err := fmt.Fprintln(w, l); err != nil {
			return err
		}
	}
	if dead > 0 {
		return &Exit{Code: ExitDifference, Err: fmt.Errorf("%d of %d records are dead letters", dead, c.rows())}
	}
	return nil
}
