package files

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/tributary-data/tributary/sinks"
	"github.com/tributary-data/tributary/sinks/sinktest"
	"github.com/tributary-data/tributary/table"
)

// faults fails every operation from the one it counts down to.
type faults struct {
	on   atomic.Bool
	left atomic.Int64
}

func (f *faults) fail(path string) error {
	if f.on.Load() && f.left.Add(-1) < 0 {
		return &os.PathError{Op: "fault", Path: path, Err: syscall.EIO}
	}
	return nil
}

func (f *faults) disk() disk {
	return disk{
		create: func(path string) (diskFile, error) {
			if err := f.fail(path); err != nil {
				return nil, err
			}
			file, err := osDisk.create(path)
			return faultyFile{file, path, f}, err
		},
		rename: func(from, to string) error {
			return unless(f.fail(to), func() error { return osDisk.rename(from, to) })
		},
		remove: func(path string) error { return unless(f.fail(path), func() error { return osDisk.remove(path) }) },
		sync:   func(dir string) error { return unless(f.fail(dir), func() error { return osDisk.sync(dir) }) },
	}
}

func unless(err error, do func() error) error {
	if err != nil {
		return err
	}
	return do()
}

// faultyFile writes half of what it fails at.
type faultyFile struct {
	diskFile
	path string
	f    *faults
}

func (w faultyFile) Write(b []byte) (int, error) {
	if err := w.f.fail(w.path); err != nil {
		n, _ := w.diskFile.Write(b[:len(b)/2])
		return n, err
	}
	return w.diskFile.Write(b)
}

func (w faultyFile) Sync() error { return unless(w.f.fail(w.path), w.diskFile.Sync) }

// readDir reads what the manifest lists, and fails on what it does not.
func readDir(t *testing.T, dir string) map[string][]table.Row {
	t.Helper()
	out := map[string][]table.Row{}
	m, err := readManifest(dir)
	if err != nil {
		t.Fatal(err)
	}
	if m == nil {
		return out
	}
	listed := map[string]bool{}
	for _, f := range m.Files {
		listed[f.Name] = true
		raw, err := os.ReadFile(filepath.Join(dir, f.Name))
		if err != nil {
			t.Fatal(err)
		}
		if sum := sha256.Sum256(raw); hex.EncodeToString(sum[:]) != f.SHA256 || int64(len(raw)) != f.Bytes {
			t.Fatalf("%s is not what the manifest says", f.Name)
		}
		tab, _ := table.ByName(f.Table)
		rows, value := int64(0), int64(0)
		for row, err := range ReadNDJSON(bytes.NewReader(raw), tab) {
			if err != nil {
				t.Fatal(err)
			}
			rows++
			if tab == table.Conversions {
				value += row[tab.Col("value_micros")].Int
			}
			out[f.Table] = append(out[f.Table], slices.Clone(row))
		}
		if rows != f.Rows || tab == table.Conversions && value != f.Sums["USD"]["value_micros"] {
			t.Fatalf("%s: %d rows worth %d; the manifest says %d, %v", f.Name, rows, value, f.Rows, f.Sums)
		}
	}
	for _, rows := range out {
		for _, r := range rows {
			if len(r) == 0 {
				t.Fatal("an empty row")
			}
		}
	}
	for name, rows := range out {
		tab, _ := table.ByName(name)
		slices.SortFunc(rows, tab.Compare)
	}
	found, err := filepath.Glob(filepath.Join(dir, "*", "*.*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range found {
		name, _ := filepath.Rel(dir, path)
		if !listed[filepath.ToSlash(name)] {
			t.Fatalf("%s is an orphan", name)
		}
	}
	return out
}

func TestSinkPassesTheSuite(t *testing.T) {
	sinktest.Run(t, func(t *testing.T) sinktest.Store {
		dir := t.TempDir()
		f := &faults{}
		return sinktest.Store{
			Open: func(t *testing.T) sinks.Sink {
				s, err := NewSink(dir, NDJSON)
				if err != nil {
					t.Fatal(err)
				}
				s.place.(*dirPlace).disk = f.disk()
				return s
			},
			Read: func(t *testing.T) map[string][]table.Row { return readDir(t, dir) },
			Break: func(n int) func() {
				f.left.Store(int64(n))
				f.on.Store(true)
				return func() { f.on.Store(false) }
			},
		}
	})
}

func open(t *testing.T, dir string, f Format) *Sink {
	t.Helper()
	s, err := NewSink(dir, f)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// resync brings a new sink to the source's state.
func resync(t *testing.T, s *Sink, src *sinktest.Source) {
	t.Helper()
	if _, err := s.Cursor(t.Context()); err != nil {
		t.Fatal(err)
	}
	v, err := src.View(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Resync(t.Context(), v); err != nil {
		t.Fatal(err)
	}
}

func sample() *sinktest.Source {
	src := sinktest.NewSource()
	src.Commit(sinktest.Put{Table: table.Credits, Row: creditRow(1)}, sinktest.Put{Table: table.Credits, Row: creditRow(2)})
	return src
}

func TestAnotherFormatStartsOver(t *testing.T) {
	dir, src := t.TempDir(), sample()
	resync(t, open(t, dir, CSV), src)
	put(t, dir, "credits/notes.txt", "mine")
	s := open(t, dir, NDJSON)
	if at, err := s.Cursor(t.Context()); err != nil || at != (sinks.Progress{}) {
		t.Errorf("a directory of CSV is at %v: %v", at, err)
	}
	resync(t, s, src)
	if left, _ := filepath.Glob(filepath.Join(dir, "credits", "*.csv")); len(left) != 0 {
		t.Errorf("old files stay: %v", left)
	}
	if names := names(t, filepath.Join(dir, "credits")); !strings.Contains(names, "notes.txt") {
		t.Errorf("a file of the user is gone; left %s", names)
	}
}

// fileOf is the file that holds a row.
func fileOf(s *Sink, t *table.Table, row table.Row) string {
	return s.place.name(partKey{t, sinks.PartitionOf(t, row)}, s.format)
}

func TestDamagedFilesAreWrittenAgain(t *testing.T) {
	dir, src := t.TempDir(), sample()
	s := open(t, dir, NDJSON)
	resync(t, s, src)
	path := filepath.Join(dir, fileOf(s, table.Credits, creditRow(1)))
	if err := os.Truncate(path, 10); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, fileOf(s, table.Credits, creditRow(2)))); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir, NDJSON)
	at, err := s.Cursor(t.Context())
	if err != nil || at.Commit != 1 {
		t.Fatal(at, err)
	}
	src.Commit()
	v, _ := src.View(t.Context())
	b, _ := v.Next(t.Context(), 1, 10)
	b.After, b.View = 1, v
	if err := s.Apply(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	if got := readDir(t, dir)["credits"]; len(got) != 2 {
		t.Errorf("%d rows; want 2", len(got))
	}
	put(t, dir, manifestName, "{broken")
	if at, err := s.Cursor(t.Context()); err != nil || at != (sinks.Progress{}) {
		t.Errorf("with a broken manifest at %v: %v", at, err)
	}
}

func TestPartitionWithoutRowsHasNoFile(t *testing.T) {
	dir, src := t.TempDir(), sample()
	s := open(t, dir, NDJSON)
	resync(t, s, src)
	src.Commit(sinktest.Put{Table: table.Credits, Row: creditRow(1), Del: true}, sinktest.Put{Table: table.Credits, Row: creditRow(2), Del: true})
	v, _ := src.View(t.Context())
	b, _ := v.Next(t.Context(), 1, 10)
	b.After, b.View = 1, v
	if err := s.Apply(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	if rows := readDir(t, dir); len(rows) != 0 {
		t.Errorf("left %v", rows)
	}
}

func TestForeignDirectoryIsRefused(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "thesis.doc", "mine")
	if _, err := NewSink(dir, NDJSON); !errors.Is(err, ErrNotEmpty) {
		t.Errorf("got %v", err)
	}
	if _, err := NewSink(t.TempDir(), "xml"); err == nil {
		t.Error("xml is taken")
	}
}

func TestManifestSaysTheCommit(t *testing.T) {
	dir, src := t.TempDir(), sample()
	resync(t, open(t, dir, Parquet), src)
	raw, err := os.ReadFile(filepath.Join(dir, manifestName))
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(raw, &m); err != nil {
		t.Fatal(err)
	}
	if m["epoch"] != 1.0 || m["commit"] != 1.0 || m["watermark"] != "2026-01-15T12:00:00.001Z" || m["format"] != "parquet" {
		t.Errorf("%s", raw)
	}
}
