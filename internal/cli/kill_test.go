package cli

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/ingest/generate"
	"github.com/tributary-data/tributary/internal/conform"
	"github.com/tributary-data/tributary/sinks/files"
	"github.com/tributary-data/tributary/table"
)

// binary is the program, built once for all tests that need a process to kill.
var binary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "tributary-test-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "tributary")
	out, err := exec.Command("go", "build", "-o", path, "../..").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build the program: %w\n%s", err, out)
	}
	return path, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if path, err := binary(); err == nil && strings.Contains(path, "tributary-test-") {
		_ = os.RemoveAll(filepath.Dir(path))
	}
	os.Exit(code)
}

// site is a data directory, its sink, and what serves it.
type site struct {
	t      *testing.T
	dir    string
	config string
	cmd    *exec.Cmd
	base   string
	log    *bytes.Buffer
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{t: t, dir: t.TempDir()}
	s.config = filepath.Join(s.dir, "tributary.yaml")
	// Nothing is too late: whether a record that is sent again after a crash
	// would be depends on what came since, and is so by contract.
	text := fmt.Sprintf(`state: {dir: %q}
sinks: {files: {dir: %q, format: ndjson}}
time: {allowed_lateness: {impression: 30d, click: 30d, conversion: 30d, adjustment: 30d, identify: 30d, behavioural: 30d}}
pipeline: {tick: 2ms, shards: 2}
`, s.data(), s.sink())
	if err := os.WriteFile(s.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *site) data() string { return filepath.Join(s.dir, "data") }
func (s *site) sink() string { return filepath.Join(s.dir, "sink") }

// start runs serve and waits until it is ready.
func (s *site) start() {
	s.t.Helper()
	path, err := binary()
	if err != nil {
		s.t.Fatal(err)
	}
	s.log = &bytes.Buffer{}
	s.cmd = exec.Command(path, "serve", "--config", s.config, "--listen", "127.0.0.1:0")
	s.cmd.Stderr = s.log
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		_ = s.cmd.Wait()
		s.t.Fatalf("serve did not start: %v\n%s", err, s.log)
	}
	s.base = strings.TrimSpace(line)
	cmd := s.cmd
	s.t.Cleanup(func() {
		if cmd.ProcessState == nil {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	})
}

// stop asks the server to drain, and waits for it.
func (s *site) stop() {
	s.t.Helper()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		s.t.Fatal(err)
	}
	if err := s.cmd.Wait(); err != nil {
		s.t.Fatalf("serve ended with %v; want 0\n%s", err, s.log)
	}
}

func (s *site) kill() {
	s.t.Helper()
	if err := s.cmd.Process.Kill(); err != nil {
		s.t.Fatal(err)
	}
	_ = s.cmd.Wait() // it was killed
}

// post sends one request; an error means that it may or may not be applied.
func (s *site) post(n int, body string) error {
	req, err := http.NewRequest(http.MethodPost, s.base+"/v1/events", strings.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-ndjson")
	// The name of a request is part of the position of its dead letters: sent
	// again it has the same.
	req.Header.Set("X-Request-ID", fmt.Sprintf("request-%05d", n))
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	answer, err := io.ReadAll(res.Body)
	_ = res.Body.Close()
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("status %d: %s", res.StatusCode, answer)
	}
	return err
}

// mustPost sends requests in order; none may fail.
func (s *site) mustPost(requests []string, from int) {
	s.t.Helper()
	for i, body := range requests {
		if err := s.post(from+i, body); err != nil {
			s.t.Fatalf("request %d: %v\n%s", from+i, err, s.log)
		}
	}
}

// command runs the program on the site's configuration; its code must be want.
func (s *site) command(want int, args ...string) string {
	s.t.Helper()
	r := run(s.t, append(args, "--config", s.config)...)
	if r.code != want {
		s.t.Fatalf("%v: code %d; want %d\n%s%s", args, r.code, want, r.out, r.errors)
	}
	return r.out
}

// exported are all tables as the command writes them.
func (s *site) exported() conform.Tables {
	s.t.Helper()
	dir := filepath.Join(s.dir, "exported")
	s.command(ExitOK, "export", "--table", "all", "--out", dir)
	tables, faults, err := conform.Load(dir)
	if err != nil || len(faults) > 0 {
		s.t.Fatalf("load what was exported: %v, %v", err, faults)
	}
	return tables
}

// sunk are all tables as the files sink holds them.
func (s *site) sunk() conform.Tables {
	s.t.Helper()
	raw, err := os.ReadFile(filepath.Join(s.sink(), "manifest.json"))
	if err != nil {
		s.t.Fatal(err)
	}
	var m files.Manifest
	if err := json.Unmarshal(raw, &m); err != nil {
		s.t.Fatal(err)
	}
	tables := conform.Tables{}
	for _, t := range table.All {
		tables[t.Name] = []table.Row{}
	}
	for _, f := range m.Files {
		b, err := os.ReadFile(filepath.Join(s.sink(), f.Name))
		if err != nil {
			s.t.Fatal(err)
		}
		t, _ := table.ByName(f.Table)
		for row, err := range files.ReadNDJSON(bytes.NewReader(b), t) {
			if err != nil {
				s.t.Fatal(err)
			}
			tables[f.Table] = append(tables[f.Table], slices.Clone(row))
		}
	}
	for _, t := range table.All {
		slices.SortFunc(tables[t.Name], t.Compare)
	}
	return tables
}

// holds checks a site that has stopped: its tables agree with those expected,
// with themselves, with what they were made from, and with the sink.
func (s *site) holds(want conform.Tables) {
	s.t.Helper()
	open := conform.Options{Provisional: true}
	got := s.exported()
	s.expect("against a run without interruption", conform.Compare(want, got, open))
	s.expect("invariants", invariants(got))
	s.expect("the sink against the state", conform.Compare(got, s.sunk(), open))
	s.expect("invariants of the sink", invariants(s.sunk()))
	s.command(ExitOK, "reconcile", "files")
	s.command(ExitOK, "state", "verify")
}

// invariants are those of the tables of a live pipeline. It keeps rows of
// verdicts for a sample of impressions only: their counts are compared with the
// events by state verify.
func invariants(in conform.Tables) []conform.Finding {
	return slices.DeleteFunc(conform.Invariants(in), func(f conform.Finding) bool {
		return strings.HasSuffix(f.What, "= rows of verdicts") || strings.HasSuffix(f.What, "= reasons of verdicts")
	})
}

func (s *site) expect(what string, found []conform.Finding) {
	s.t.Helper()
	for i, f := range found {
		if i == 5 {
			s.t.Errorf("%s: and %d more", what, len(found)-5)
			break
		}
		s.t.Errorf("%s: %v", what, f)
	}
}

// requests are generated traffic in small requests, in the order of arrival.
// The last one moves the watermark behind everything.
func requests(n int) []string {
	start := event.Millis(1_767_571_200_000)
	live := generate.NewLive(generate.LiveOptions{Seed: 42, Rate: 1, HistoryRate: float64(n) * 24 / (36 * 3600), History: 36 * event.Hour, Fraud: 0.1, Start: start})
	var out []string
	var b strings.Builder
	lines := 0
	for _, it := range live.Next(start) {
		b.Write(it.Raw)
		b.WriteByte('\n')
		if lines++; lines == 24 {
			out = append(out, b.String())
			b.Reset()
			lines = 0
		}
	}
	last := start + event.Day
	return append(out, b.String()+fmt.Sprintf(`{"event_id":"end","type":"page_view","event_time":%q,"anonymous_id":"nobody"}`+"\n", last))
}

func TestKilledAtRandomMomentsNothingIsLostOrCountedTwice(t *testing.T) {
	rounds, size := 20, 320
	if testing.Short() {
		rounds, size = 4, 80
	}
	all := requests(size)
	calm := newSite(t)
	calm.start()
	began := time.Now()
	calm.mustPost(all, 0)
	took := time.Since(began)
	calm.stop()
	want := calm.exported()
	calm.holds(want)
	if len(want[table.Credits.Name]) == 0 || len(want[table.Journal.Name]) == 0 || len(want[table.Verdicts.Name]) == 0 {
		t.Fatalf("the traffic has too little in it: %d credits, %d journal entries, %d verdicts", len(want["credits"]), len(want["credit_journal"]), len(want["verdicts"]))
	}

	s := newSite(t)
	rng := rand.New(rand.NewPCG(1, uint64(time.Now().UnixNano())))
	next, kills, under := 0, 0, 0
	s.start()
	for next < len(all) {
		if kills == rounds {
			s.mustPost(all[next:], next)
			break
		}
		// So that the kills spread over the whole of the traffic.
		pace := took / time.Duration(rounds)
		timer := time.AfterFunc(pace/4+rand.N(pace), func() { _ = s.cmd.Process.Kill() })
		for next < len(all) && s.post(next, all[next]) == nil {
			next++
		}
		timer.Stop()
		s.kill()
		kills++
		if next < len(all) {
			under++
		}
		if rng.IntN(4) == 0 { // also while it starts
			cmd := s.startOnly()
			time.Sleep(time.Duration(rng.IntN(60)) * time.Millisecond)
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
		s.start()
	}
	for ; kills < rounds; kills++ { // the traffic went through quicker than thought
		s.kill()
		s.start()
	}
	s.stop()
	t.Logf("killed %d times, %d of them with traffic under way", kills, under)
	s.holds(want)
}

// startOnly runs serve without waiting for it.
func (s *site) startOnly() *exec.Cmd {
	s.t.Helper()
	path, err := binary()
	if err != nil {
		s.t.Fatal(err)
	}
	cmd := exec.Command(path, "serve", "--config", s.config, "--listen", "127.0.0.1:0")
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	return cmd
}

func TestRestoreOfAnOlderBackupWhileTheSinkIsAhead(t *testing.T) {
	all := requests(60)
	half := len(all) / 2
	want := undisturbed(t, all)

	s := newSite(t)
	s.start()
	s.mustPost(all[:half], 0)
	s.stop()
	backup := filepath.Join(s.dir, "backups", "one")
	s.command(ExitOK, "state", "backup", "--to", backup)
	s.start()
	s.mustPost(all[half:], half)
	s.stop()
	if err := os.Rename(s.data(), s.data()+".lost"); err != nil {
		t.Fatal(err)
	}
	s.command(ExitOK, "state", "restore", "--from", backup, "--data", s.data())
	// The sink is ahead: reconcile says so.
	s.command(ExitDifference, "reconcile", "files")
	s.start()
	s.mustPost(all[half:len(all)-1], half)
	s.stop()
	got := s.sunk()
	s.expect("half way, the sink against the state", conform.Compare(s.exported(), got, conform.Options{Provisional: true}))
	for _, r := range got[table.Conversions.Name] {
		if r[1].Text == "a:nobody" {
			t.Errorf("a row of the time that was lost is still in the sink: %v", r)
		}
	}
	s.start()
	s.mustPost(all[len(all)-1:], len(all)-1)
	s.stop()
	s.holds(want)
}

// undisturbed are the tables of a run in which nothing happens.
func undisturbed(t *testing.T, requests []string) conform.Tables {
	t.Helper()
	calm := newSite(t)
	calm.start()
	calm.mustPost(requests, 0)
	calm.stop()
	return calm.exported()
}

// TestBackupOfARunningServer: a backup is made while records come in, the
// server is lost, and what the backup brings back is made whole by sending again.
func TestBackupOfARunningServer(t *testing.T) {
	all := requests(60)
	half := len(all) / 2
	want := undisturbed(t, all)

	s := newSite(t)
	s.start()
	s.mustPost(all[:half], 0)
	sent := make(chan error, 1)
	go func() {
		for i, body := range all[half : len(all)-1] {
			if err := s.post(half+i, body); err != nil {
				sent <- err
				return
			}
		}
		sent <- nil
	}()
	first := s.command(ExitOK, "state", "backup", "--server", s.base, "--to", "one")
	if err := <-sent; err != nil {
		t.Fatalf("a record was not taken beside the backup: %v\n%s", err, s.log)
	}
	// What a crash left of a backup is none, and in nobody's way.
	left := filepath.Join(s.data()+".backups", ".two")
	if err := os.MkdirAll(left, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(left, "rest"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(s.data()+".backups", ".three"), 0o755); err != nil {
		t.Fatal(err)
	}
	second := s.command(ExitOK, "state", "backup", "--server", s.base, "--to", "two")
	path := filepath.Join(s.data()+".backups", "one")
	if !strings.HasPrefix(first, path+" at the server holds epoch 1 commit ") || first == second {
		t.Errorf("it says %q and %q", first, second)
	}
	s.command(ExitFailure, "state", "backup", "--server", s.base, "--to", "one") // is there already
	s.command(ExitUsage, "state", "backup", "--server", s.base, "--to", "../three")
	s.command(ExitFailure, "state", "backup", "--server", s.base, "--to", "..")
	res, err := http.Get(s.base + "/v1/backups")
	if err != nil {
		t.Fatal(err)
	}
	var listed struct {
		Data []struct {
			Name, Path string
			Bytes      int64
		}
	}
	err = json.NewDecoder(res.Body).Decode(&listed)
	_ = res.Body.Close()
	if err != nil || len(listed.Data) != 2 || listed.Data[0].Name != "one" || listed.Data[0].Path != path || listed.Data[0].Bytes == 0 || listed.Data[1].Bytes == 0 {
		t.Errorf("the backups are %+v, %v; want one and two", listed.Data, err)
	}

	s.kill()
	if err := os.Rename(s.data(), s.data()+".lost"); err != nil {
		t.Fatal(err)
	}
	s.command(ExitOK, "state", "restore", "--from", path, "--data", s.data())
	s.command(ExitOK, "state", "verify")
	s.start()
	s.mustPost(all[half:], half)
	s.stop()
	s.holds(want)
}
