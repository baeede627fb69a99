package service_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tributary-data/tributary/configs"
	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/internal/conform"
	"github.com/tributary-data/tributary/internal/service"
	"github.com/tributary-data/tributary/pipeline"
	"github.com/tributary-data/tributary/sinks/files"
	"github.com/tributary-data/tributary/state"
	"github.com/tributary-data/tributary/table"
)

// site is a configuration with directories of its own.
type site struct {
	t    *testing.T
	cfg  *configs.Config
	base event.Millis // about when the events of the test happen
}

func newSite(t *testing.T) *site {
	t.Helper()
	dir := t.TempDir()
	cfg := configs.Default()
	cfg.Server.Listen = "127.0.0.1:0"
	cfg.State.Dir = filepath.Join(dir, "data")
	cfg.Sinks.Files = &configs.FilesSink{Dir: filepath.Join(dir, "out"), Format: string(files.NDJSON)}
	cfg.Pipeline.Tick, cfg.Pipeline.Shards = 1, 2
	if err := os.Mkdir(filepath.Join(dir, "out"), 0o755); err != nil {
		t.Fatal(err)
	}
	return &site{t, cfg, event.Millis(time.Now().UnixMilli()).Floor(event.Hour) - 3*event.Hour}
}

// running is a program that serves.
type running struct {
	t    *testing.T
	url  string
	stop func() // drains, and waits; a second call does nothing
}

// start runs the program and waits until it says where.
func (s *site) start() *running {
	s.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	out, in := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := service.Run(ctx, service.Options{Config: s.cfg, Stdout: in, Log: slog.New(slog.DiscardHandler), Version: "test"})
		_ = in.CloseWithError(errors.Join(err, io.EOF))
		ended <- err
	}()
	line, err := bufio.NewReader(out).ReadString('\n')
	r := &running{t: s.t, url: strings.TrimSpace(line)}
	stopped := false
	r.stop = func() {
		s.t.Helper()
		cancel()
		if stopped {
			return
		}
		stopped = true
		if err := <-ended; err != nil {
			s.t.Errorf("the program ended with %v", err)
		}
	}
	s.t.Cleanup(r.stop)
	if err != nil {
		s.t.Fatalf("the program did not say where it is: %v", err)
	}
	return r
}

// get returns an answer's status, header and body.
func (r *running) get(path string) (int, http.Header, string) {
	r.t.Helper()
	res, err := http.Get(r.url + path)
	if err != nil {
		r.t.Fatal(err)
	}
	body, err := io.ReadAll(res.Body)
	if err := errors.Join(err, res.Body.Close()); err != nil {
		r.t.Fatal(err)
	}
	return res.StatusCode, res.Header, string(body)
}

// post sends NDJSON.
func (r *running) post(body string) (int, http.Header, string) {
	r.t.Helper()
	res, err := http.Post(r.url+"/v1/events", "application/x-ndjson", strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	answer, err := io.ReadAll(res.Body)
	if err := errors.Join(err, res.Body.Close()); err != nil {
		r.t.Fatal(err)
	}
	return res.StatusCode, res.Header, string(answer)
}

// collected is the answer to events.
type collected struct{ Accepted, Duplicates, Late, Rejected int }

func (r *running) send(body string) collected {
	r.t.Helper()
	code, _, text := r.post(body)
	var answer struct {
		Accepted, Duplicates, Late int
		Rejected                   []struct{ Code string }
	}
	if err := json.Unmarshal([]byte(text), &answer); err != nil || code != http.StatusOK {
		r.t.Fatalf("events: %d %s", code, text)
	}
	return collected{answer.Accepted, answer.Duplicates, answer.Late, len(answer.Rejected)}
}

// answers asks everything that reads tables; what tells the clock is left out.
func (r *running) answers(s *site) map[string]string {
	r.t.Helper()
	within := fmt.Sprintf("from=%s&to=%s", s.base, s.base+event.Hour)
	out := map[string]string{}
	for _, path := range []string{
		"/v1/overview?" + within, "/v1/overview?traffic=gross&" + within, "/v1/timeseries?" + within, "/v1/campaigns?" + within,
		"/v1/campaigns/k1?" + within, "/v1/attribution?group_by=channel&" + within, "/v1/attribution?group_by=campaign&model=linear&" + within,
		"/v1/attribution?group_by=creative&basis=touch_time&" + within, "/v1/attribution/compare?" + within, "/v1/paths?" + within,
		"/v1/conversions", "/v1/conversions/v1", "/v1/conversions/v1/explain", "/v1/sessions", "/v1/fraud/summary?" + within,
		"/v1/fraud/events/c9", "/v1/late-events", "/v1/dead-letters",
	} {
		code, _, text := r.get(path)
		var body map[string]any
		if err := json.Unmarshal([]byte(text), &body); err != nil || code != http.StatusOK {
			r.t.Errorf("%s: %d %s", path, code, text)
			continue
		}
		if meta, ok := body["meta"].(map[string]any); ok {
			delete(meta, "as_of")
			delete(meta, "epoch") // of the process
			delete(meta, "seq")
		}
		same, err := json.Marshal(body)
		if err != nil {
			r.t.Fatal(err)
		}
		out[path] = string(same)
	}
	return out
}

// stored are the tables of the state, which no process has open, and how many
// entries its outbox holds.
func (s *site) stored() (tables conform.Tables, outbox int, epoch uint32, commit uint64) {
	s.t.Helper()
	store, err := state.Open(s.cfg.State.Dir, state.Options{ReadOnly: true})
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() {
		if err := store.Close(); err != nil {
			s.t.Error(err)
		}
	}()
	e, err := pipeline.OpenReader(store)
	if err != nil {
		s.t.Fatal(err)
	}
	v := e.View()
	defer func() {
		if err := v.Close(); err != nil {
			s.t.Error(err)
		}
	}()
	tables = conform.Tables{}
	for _, t := range table.All {
		tables[t.Name] = []table.Row{}
		err := v.Scan(t, func(r table.Row) bool {
			tables[t.Name] = append(tables[t.Name], slices.Clone(r))
			return true
		})
		if err != nil {
			s.t.Fatal(err)
		}
	}
	err = store.Scan([]byte{byte(state.Outbox)}, []byte{byte(state.Outbox) + 1}, func(_, _ []byte) bool {
		outbox++
		return true
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return tables, outbox, store.Epoch(), e.Commit()
}

// sunk are the tables of the files sink, and all that lies in its directory
// without standing in the manifest.
func (s *site) sunk() (tables conform.Tables, m files.Manifest, strays []string) {
	s.t.Helper()
	dir := s.cfg.Sinks.Files.Dir
	raw, err := os.ReadFile(filepath.Join(dir, "manifest.json"))
	if err == nil {
		err = json.Unmarshal(raw, &m)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	known := map[string]bool{"manifest.json": true}
	tables = conform.Tables{}
	for _, t := range table.All {
		tables[t.Name] = []table.Row{}
	}
	for _, f := range m.Files {
		known[f.Name] = true
		b, err := os.ReadFile(filepath.Join(dir, f.Name))
		if err != nil {
			s.t.Fatal(err)
		}
		t, _ := table.ByName(f.Table)
		for row, err := range files.ReadNDJSON(bytes.NewReader(b), t) {
			if err != nil {
				s.t.Fatal(err)
			}
			tables[t.Name] = append(tables[t.Name], slices.Clone(row))
		}
	}
	for _, t := range table.All {
		slices.SortFunc(tables[t.Name], t.Compare)
	}
	err = filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if name, _ := filepath.Rel(dir, path); err == nil && !d.IsDir() && !known[filepath.ToSlash(name)] {
			strays = append(strays, name)
		}
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return tables, m, strays
}

// agree checks a program that has stopped: the sink holds what the state does,
// and nothing waits.
func (s *site) agree() {
	s.t.Helper()
	want, outbox, epoch, commit := s.stored()
	got, manifest, strays := s.sunk()
	for _, t := range table.All {
		if a, b := rows(t, want[t.Name]), rows(t, got[t.Name]); !slices.Equal(a, b) {
			s.t.Errorf("%s: the state holds %q, the sink %q", t.Name, a, b)
		}
	}
	if outbox > 0 {
		s.t.Errorf("the outbox still holds %d keys after the sink was drained", outbox)
	}
	if manifest.Epoch != epoch || manifest.Commit != commit || len(strays) > 0 {
		s.t.Errorf("the sink is at epoch %d commit %d, the state at %d and %d; strays: %v", manifest.Epoch, manifest.Commit, epoch, commit, strays)
	}
}

// rows as texts; the status of a row is as of when it was written.
func rows(t *table.Table, list []table.Row) []string {
	out := make([]string, len(list))
	for i, r := range list {
		var b strings.Builder
		for j, c := range t.Columns {
			if c.Name != "status" {
				fmt.Fprintf(&b, "%s=%s/%d/%q ", c.Name, r[j].Text, r[j].Int, r[j].List)
			}
		}
		out[i] = b.String()
	}
	return out
}
