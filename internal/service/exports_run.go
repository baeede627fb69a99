package service

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/pipeline"
	"github.com/tributary-data/tributary/sinks/files"
	"github.com/tributary-data/tributary/sinks/objects"
	"github.com/tributary-data/tributary/table"
	"github.com/tributary-data/tributary/web"
)

// run makes jobs until ctx ends; one that is cut off then begins anew at the
// next start.
func (x *exports) run(ctx context.Context) {
	tick := time.NewTicker(expireEvery)
	defer tick.Stop()
	for {
		x.expire()
		for j := x.next(); j != nil && ctx.Err() == nil; j = x.next() {
			x.make(ctx, j)
		}
		select {
		case <-ctx.Done():
			return
		case <-x.wake:
		case <-tick.C:
		}
	}
}

// next is the job that waits longest.
func (x *exports) next() *web.Job {
	jobs := x.Jobs()
	for _, j := range slices.Backward(jobs) {
		if j.State == web.JobQueued {
			return j
		}
	}
	return nil
}

// make makes one job and notes how it ended.
func (x *exports) make(ctx context.Context, asked *web.Job) {
	jobCtx, cancel := context.WithCancel(ctx)
	defer cancel()
	x.mu.Lock()
	j := x.mu.jobs[asked.ID]
	if j == nil || j.State != web.JobQueued { // cancelled in between
		x.mu.Unlock()
		return
	}
	j.State, j.Started = web.JobRunning, x.now().UTC()
	x.mu.cancel, x.mu.nowID = cancel, j.ID
	err := x.save(j)
	x.mu.Unlock()
	if err == nil {
		err = x.write(jobCtx, j.ID)
	}

	x.mu.Lock()
	defer x.mu.Unlock()
	x.mu.cancel, x.mu.nowID = nil, ""
	if ctx.Err() != nil && j.State == web.JobRunning {
		return // the record says that it runs: the next start begins anew
	}
	j.Ended, j.Now = x.now().UTC(), ""
	j.Expires = j.Ended.Add(keepFiles)
	switch {
	case j.State == web.JobCancelled:
		j.Files, j.Bytes = nil, 0
	case err != nil:
		j.State, j.Error, j.Files = web.JobFailed, err.Error(), nil
		x.log.Error("an export failed", slog.String("id", j.ID), slog.Any("err", err))
	default:
		j.State, j.Progress = web.JobDone, 1
		x.log.Info("an export is done", slog.String("id", j.ID), slog.Int64("rows", j.Rows), slog.Int64("bytes", j.Bytes), slog.Duration("took", j.Ended.Sub(j.Started).Round(time.Millisecond)))
	}
	if j.State != web.JobDone {
		err = os.RemoveAll(filepath.Join(x.dir, j.ID))
	}
	if err := errors.Join(err, x.save(j)); err != nil && j.State != web.JobFailed {
		x.log.Error("the end of an export could not be noted", slog.String("id", j.ID), slog.Any("err", err))
	}
}

// note changes a job under the lock.
func (x *exports) note(id string, change func(j *web.Job)) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if j := x.mu.jobs[id]; j != nil {
		change(j)
	}
}

// write writes the tables of a job, all as of one commit.
func (x *exports) write(ctx context.Context, id string) (err error) {
	j := x.Job(id)
	dir := j.Destination
	if dir == web.Downloads {
		dir = filepath.Join(x.dir, id)
		if err := errors.Join(os.RemoveAll(dir), os.MkdirAll(dir, 0o700)); err != nil {
			return err
		}
	}
	out, err := files.OpenOut(dir, objects.Options{Logger: x.log})
	if err != nil {
		return err
	}
	defer out.Close()
	v, epoch, err := x.view(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, v.Close()) }()
	at := web.Snapshot{Epoch: uint64(epoch), Commit: v.Commit, Watermark: v.Watermark}
	x.note(id, func(j *web.Job) { j.At = at })
	for n, t := range j.Tables {
		x.note(id, func(j *web.Job) { j.Now, j.Progress = t.Name, float64(n)/float64(len(j.Tables)) })
		if err := x.writeTable(ctx, j, v, out, t); err != nil {
			return err
		}
	}
	return out.Text(ctx, "export.json", describe(x.Job(id)))
}

// writeTable writes the file of one table.
func (x *exports) writeTable(ctx context.Context, j *web.Job, v *pipeline.View, out *files.Out, t *table.Table) error {
	f, err := out.Table(t, files.Format(j.Format), files.Compression(j.Compression))
	if err != nil {
		return err
	}
	defer f.Discard()
	before := x.Job(j.ID)
	began := before.Started
	heed := func() error {
		x.note(j.ID, func(j *web.Job) {
			j.Rows, j.Bytes = before.Rows+f.Rows, before.Bytes+f.Bytes
			j.RowsPerMs = float64(j.Rows) / max(1, float64(x.now().Sub(began).Milliseconds()))
		})
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case j.Destination != web.Downloads:
			return nil
		case before.Bytes+f.Bytes > maxFileBytes:
			return fmt.Errorf("it is larger than the %d GB that are kept for downloads; take a shorter range, or a bucket as the destination", maxFileBytes>>30)
		case x.free() < exportReserve:
			return fmt.Errorf("less than %d MB are free on the disk of %s; make room, or take a bucket as the destination", exportReserve>>20, x.dir)
		}
		return nil
	}
	if err := scanTo(v, j.Masked, x.mask, t, j.From, j.To, f.Write, heed); err != nil {
		return fmt.Errorf("export %s: %w", t.Name, err)
	}
	if err := f.Publish(ctx); err != nil {
		return err
	}
	x.note(j.ID, func(j *web.Job) {
		j.Rows, j.Bytes = before.Rows+f.Rows, before.Bytes+f.Bytes
		j.Files = append(j.Files, web.JobFile{Table: t.Name, Name: f.Name, Rows: f.Rows, Bytes: f.Bytes, SHA256: f.SHA256})
	})
	return nil
}

// heedEvery is how many rows pass between two looks at the context and the disk.
const heedEvery = 4096

// scanTo hands rows to write, with persons replaced where that is asked.
func scanTo(v *pipeline.View, masked bool, mask func(*table.Table, table.Row), t *table.Table, from, to event.Millis, write func(table.Row) error, heed func() error) error {
	if masked && mask == nil {
		return errors.New("persons cannot be replaced on this server any more; create the export anew")
	}
	if err := heed(); err != nil {
		return err
	}
	n, bad := 0, error(nil)
	err := ScanRange(v, t, from, to, func(r table.Row) bool {
		if masked {
			mask(t, r)
		}
		if bad = write(r); bad != nil {
			return false
		}
		if n++; n%heedEvery == 0 {
			bad = heed()
		}
		return bad == nil
	})
	if bad != nil {
		return bad
	}
	if err != nil {
		return err
	}
	return heed()
}

// describe is the file that stands beside the tables, written last.
func describe(j *web.Job) []byte {
	watermark := any(nil)
	if j.At.Watermark != event.NoTime {
		watermark = j.At.Watermark.String()
	}
	raw, err := json.MarshalIndent(map[string]any{
		"id": j.ID, "epoch": j.At.Epoch, "commit": j.At.Commit, "watermark": watermark, "format": j.Format, "compression": j.Compression,
		"pseudonyms": j.Masked, "files": j.Files,
	}, "", " ")
	if err != nil {
		panic("BUG: an export does not marshal: " + err.Error())
	}
	return append(raw, '\n')
}

// Stream writes a table as it stands at one commit.
func (x *exports) Stream(ctx context.Context, e *web.TableExport, begin func(web.Snapshot) io.Writer) (rows int64, err error) {
	select {
	case x.streams <- struct{}{}:
		defer func() { <-x.streams }()
	default:
		return 0, fmt.Errorf("%w: %d tables are being exported already", web.ErrBusy, maxStreams)
	}
	v, epoch, err := x.view(ctx)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, v.Close()) }()
	w, err := files.NewCompressedWriter(
		begin(web.Snapshot{Epoch: uint64(epoch), Commit: v.Commit, Watermark: v.Watermark}),
		e.Table, files.Format(e.Format), files.Compression(e.Compression))
	if err != nil {
		return 0, err
	}
	err = scanTo(v, e.Mask != nil, e.Mask, e.Table, e.From, e.To, func(r table.Row) error {
		rows++
		return w.Write(r)
	}, ctx.Err)
	if err != nil {
		return rows, err
	}
	return rows, w.Close()
}

// checkDestination refuses what no export can be written to, and servers that
// the configuration does not know: our credentials are shown to them.
func (x *exports) checkDestination(raw string) error {
	if !objects.IsURL(raw) {
		return fmt.Errorf("%w: destination %q is neither download nor the URL of a bucket, such as s3://bucket/prefix?region=eu-central-1", web.ErrBadExport, raw)
	}
	if err := objects.Check(raw); err != nil {
		return fmt.Errorf("%w: %w", web.ErrBadExport, err)
	}
	u, err := url.Parse(raw)
	if err != nil {
		return fmt.Errorf("%w: %w", web.ErrBadExport, err)
	}
	if e := u.Query().Get("endpoint"); e != "" && e != x.allowed {
		return fmt.Errorf("%w: the endpoint %s is not that of sinks.files.dir; name no other, it is sent the server's credentials", web.ErrBadExport, e)
	}
	return nil
}

// endpointOf is the endpoint that the files sink is configured with, "" for none.
func endpointOf(dir string) string {
	if !objects.IsURL(dir) {
		return ""
	}
	u, err := url.Parse(dir)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(u.Query().Get("endpoint"))
}

// ScanRange visits the rows of a table in the order of its key, those in
// [from, to) by the table's time; NoTime is no bound. Credits are those of the
// conversions in the range; dead letters have no time and come all.
func ScanRange(v *pipeline.View, t *table.Table, from, to event.Millis, fn func(table.Row) bool) error {
	if from == event.NoTime && to == event.NoTime {
		return v.Scan(t, fn)
	}
	if to == event.NoTime {
		to = event.EndOfTime
	}
	switch t {
	case table.Credits:
		in := map[string]bool{}
		err := v.ScanTime(table.Conversions, from, to, func(r table.Row) bool {
			in[r[0].Text] = true
			return true
		})
		if err != nil {
			return err
		}
		return v.ScanWhere(t, func(key table.Row) bool { return in[key[0].Text] }, fn)
	case table.Conversions, table.Sessions:
		name := "end"
		if t == table.Conversions {
			name = "event_time"
		}
		column := t.Col(name)
		return v.Scan(t, func(r table.Row) bool {
			at := event.Millis(r[column].Int)
			return at < from || at >= to || fn(r)
		})
	}
	return v.ScanTime(t, from, to, fn)
}
