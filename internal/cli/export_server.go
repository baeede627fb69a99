package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/sinks/files"
)

// call sends a request to the running server. A good answer's body is the
// caller's to close.
func (o *dataOptions) call(ctx context.Context, method, path string, body any) (*http.Response, error) {
	var text []byte
	if body != nil {
		var err error
		if text, err = json.Marshal(body); err != nil {
			return nil, err
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimRight(o.Server, "/")+path, bytes.NewReader(text))
	if err != nil {
		return nil, usagef("--server %q: %v", o.Server, err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if err := authorize(req); err != nil {
		return nil, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, &Exit{ExitUnreachable, fmt.Errorf("ask the server: %w; is tributary serve running there?", err)}
	}
	if res.StatusCode/100 == 2 {
		return res, nil
	}
	said, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err := errors.Join(err, res.Body.Close()); err != nil {
		return nil, &Exit{ExitUnreachable, fmt.Errorf("read the server's answer: %w", err)}
	}
	err = problem(res.StatusCode, said)
	if res.StatusCode == http.StatusBadGateway || res.StatusCode == http.StatusServiceUnavailable {
		return nil, &Exit{ExitUnreachable, err}
	}
	return nil, err
}

// ask calls and reads the answer's data.
func (o *dataOptions) ask(ctx context.Context, method, path string, body, data any) error {
	res, err := o.call(ctx, method, path, body)
	if err != nil {
		return err
	}
	err = json.NewDecoder(io.LimitReader(res.Body, answerLimit)).Decode(&struct{ Data any }{data})
	if err = errors.Join(err, res.Body.Close()); err != nil {
		return &Exit{ExitUnreachable, fmt.Errorf("read the server's answer to %s: %w", path, err)}
	}
	return nil
}

// fromServer writes what a running server holds: a table as it is streamed, all
// tables as a job of the server, so that they are of one commit.
func (o *exportOptions) fromServer(ctx context.Context, env *Env, out *files.Out) error {
	if o.Table == nil {
		return o.jobOnServer(ctx, env, out)
	}
	q := url.Values{"format": {o.Format}, "compression": {o.Compression}}
	for name, at := range map[string]event.Millis{"from": o.From, "to": o.To} {
		if at != event.NoTime {
			q.Set(name, at.String())
		}
	}
	if o.From == event.NoTime && o.To != event.NoTime {
		q.Set("from", event.Millis(0).String())
	}
	res, err := o.call(ctx, http.MethodGet, "/v1/export/"+o.Table.Name+"?"+q.Encode(), nil)
	if err != nil {
		return err
	}
	defer res.Body.Close() //nolint:errcheck // it was only read
	name := files.Format(o.Format).FileName(o.Table) + files.Compression(o.Compression).Extension()
	if err := o.receive(ctx, env, out, name, "export "+o.Table.Name, res.Body, 0); err != nil {
		return err
	}
	rows := res.Trailer.Get("X-Tributary-Rows")
	if rows == "" {
		rows = "all"
	}
	_, err = fmt.Fprintf(env.Stdout, "%s rows of %s as of commit %s in %s/%s\n", rows, o.Table.Name, res.Header.Get("X-Tributary-Commit"), out, name)
	return err
}

// receive writes a body to a file of its own.
func (o *exportOptions) receive(ctx context.Context, env *Env, out *files.Out, name, label string, body io.Reader, size int64) error {
	f, err := out.Raw(name)
	if err != nil {
		return err
	}
	defer f.Discard()
	bar := NewProgress(env, label, size)
	buf := make([]byte, 256<<10)
	for {
		n, err := body.Read(buf)
		if n > 0 {
			if _, err := f.WriteBytes(buf[:n]); err != nil {
				bar.Stop()
				return err
			}
			bar.Set(0, f.Bytes, event.NoTime)
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			bar.Stop()
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return &Exit{ExitUnreachable, fmt.Errorf("the server's answer ended early: %w; %s was not written", err, name)}
		}
	}
	bar.Stop()
	return unreachable(f.Publish(ctx))
}

// job is what is read of an export on the server.
type job struct {
	ID, State, Progress string
	Table               *string
	Rows                int64
	Commit              *int64
	Error               *string
	Files               []struct {
		Table, Name, SHA256, Download string
		Rows, Bytes                   int64
	}
}

// jobEvery is how often the server is asked how far a job is.
const jobEvery = 300 * time.Millisecond

func (o *exportOptions) jobOnServer(ctx context.Context, env *Env, out *files.Out) (err error) {
	request := map[string]any{"tables": []string{allTables}, "format": o.Format, "compression": o.Compression}
	for name, at := range map[string]event.Millis{"from": o.From, "to": o.To} {
		if at != event.NoTime {
			request[name] = at.String()
		}
	}
	var j job
	if err := o.ask(ctx, http.MethodPost, "/v1/exports", request, &j); err != nil {
		return err
	}
	defer func() { // it was made for this command alone; a running one needs two calls
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		var gone any
		_ = o.ask(end, http.MethodDelete, "/v1/exports/"+j.ID, nil, &gone)
	}()
	bar := NewProgress(env, "export on the server", 1000)
	for j.State == "queued" || j.State == "running" {
		select {
		case <-ctx.Done():
			err = ctx.Err()
		case <-time.After(jobEvery):
			err = o.ask(ctx, http.MethodGet, "/v1/exports/"+j.ID, nil, &j)
		}
		if err != nil {
			bar.Stop()
			return err
		}
		share, _ := strconv.ParseFloat(j.Progress, 64) // shown, nothing more
		bar.Set(j.Rows, int64(share*1000), event.NoTime)
	}
	bar.Stop()
	if j.State != "done" || j.Commit == nil {
		why := ""
		if j.Error != nil {
			why = ": " + *j.Error
		}
		return fmt.Errorf("the server's export ended as %s%s", j.State, why)
	}
	for _, f := range j.Files {
		res, err := o.call(ctx, http.MethodGet, f.Download, nil)
		if err != nil {
			return err
		}
		err = o.receive(ctx, env, out, f.Name, "fetch "+f.Name, res.Body, f.Bytes)
		if err = errors.Join(err, res.Body.Close()); err != nil {
			return err
		}
		if _, err := fmt.Fprintf(env.Stdout, "%d rows of %s as of commit %d in %s/%s\n", f.Rows, f.Table, *j.Commit, out, f.Name); err != nil {
			return err
		}
	}
	return nil
}

// resyncServer has a running server write everything to one of its sinks again.
func (o *exportOptions) resyncServer(ctx context.Context, env *Env) error {
	type sinkState struct {
		Name, State string
		Resyncs     int64
		Resyncing   bool
		Rows        int64
		Commit      int64
		Error       *string
	}
	state := func() (sinkState, error) {
		var all []sinkState
		if err := o.ask(ctx, http.MethodGet, "/v1/sinks", nil, &all); err != nil {
			return sinkState{}, err
		}
		for _, s := range all {
			if s.Name == o.Sink {
				return s, nil
			}
		}
		return sinkState{}, fmt.Errorf("the server has no sink %s; its configuration has to have the section sinks.%s", o.Sink, o.Sink)
	}
	before, err := state()
	if err != nil {
		return err
	}
	var begun any
	if err := o.ask(ctx, http.MethodPost, "/v1/sinks/"+o.Sink+"/resync", nil, &begun); err != nil {
		return err
	}
	bar := NewProgress(env, "the server writes to "+o.Sink, 0)
	defer bar.Stop()
	for {
		s, err := state()
		switch {
		case err != nil:
			return err
		case s.State == "down":
			why := ""
			if s.Error != nil {
				why = ": " + *s.Error
			}
			return &Exit{ExitUnreachable, fmt.Errorf("sink %s is down%s; the server writes everything when it is back", o.Sink, why)}
		case s.Resyncs > before.Resyncs && !s.Resyncing && s.Error == nil:
			if o.From != event.NoTime || o.To != event.NoTime || o.Table != nil {
				fmt.Fprintf(env.Stderr, "the %s sink holds all tables as of one commit: all of them were written, in full\n", o.Sink)
			}
			_, err := fmt.Fprintf(env.Stdout, "sink %s holds commit %d\n", o.Sink, s.Commit)
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(jobEvery):
		}
	}
}
