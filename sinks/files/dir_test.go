package files

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/tributary-data/tributary/table"
)

func names(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return strings.Join(out, " ")
}

func put(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestDirWritesAllOrNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "out")
	d, err := OpenDir(dir, false)
	if err != nil {
		t.Fatal(err)
	}
	for _, tab := range table.All {
		w, err := d.Create(tab, NDJSON)
		if err != nil {
			t.Fatal(err)
		}
		if tab == table.Credits {
			if err := w.Write(creditRow(1)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if s := names(t, dir); strings.Contains(s, "credits.ndjson ") && !strings.Contains(s, ".tributary-credits.ndjson.tmp") {
		t.Errorf("final names before commit: %s", s)
	}
	if err := d.Commit(); err != nil {
		t.Fatal(err)
	}
	if err := d.Abort(); err != nil {
		t.Fatal(err)
	}
	if s := names(t, dir); len(strings.Fields(s)) != len(table.All) || strings.Contains(s, "tmp") {
		t.Errorf("after commit: %s", s)
	}
	raw, err := os.ReadFile(filepath.Join(dir, "credits.ndjson"))
	if err != nil || !strings.HasPrefix(string(raw), `{"conversion_id":"conv-0000001"`) {
		t.Errorf("%s %v", raw, err)
	}
}

func TestDirRefusesAndReplaces(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "notes.txt", "mine")
	put(t, dir, "credits.csv", "old")
	put(t, dir, ".tributary-credits.csv.tmp", "of a crash")
	if _, err := OpenDir(dir, false); !errors.Is(err, ErrNotEmpty) || !strings.Contains(err.Error(), "--force") {
		t.Errorf("got %v", err)
	}
	d, err := OpenDir(dir, true)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Create(table.Credits, Parquet); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Create(table.Credits, Parquet); err == nil {
		t.Error("one file is created twice")
	}
	if err := d.Abort(); err != nil {
		t.Fatal(err)
	}
	if s := names(t, dir); s != "credits.csv notes.txt" {
		t.Errorf("after abort: %s", s)
	}
	if d, err = OpenDir(dir, true); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Create(table.Credits, Parquet); err != nil {
		t.Fatal(err)
	}
	if err := d.Commit(); err != nil {
		t.Fatal(err)
	}
	if s := names(t, dir); s != "credits.parquet notes.txt" {
		t.Errorf("after commit: %s", s)
	}
}

// full is a file on a full disk.
type full struct{ diskFile }

func (full) Write([]byte) (int, error) {
	return 0, &os.PathError{Op: "write", Path: ".tributary-x.tmp", Err: syscall.ENOSPC}
}

func TestDirFaultsKeepTheOldOutput(t *testing.T) {
	for _, c := range []struct {
		name  string
		fault func(*disk)
		want  string
	}{
		{"full", func(k *disk) {
			k.create = func(p string) (diskFile, error) { f, err := osDisk.create(p); return full{f}, err }
		}, "credits.ndjson: no space left on device; free space"},
		{"read-only", func(k *disk) {
			k.create = func(p string) (diskFile, error) {
				return nil, &os.PathError{Op: "open", Path: p, Err: syscall.EROFS}
			}
		}, "credits.ndjson: read-only file system; choose"},
	} {
		dir := t.TempDir()
		put(t, dir, "credits.ndjson", "old")
		d, err := OpenDir(dir, true)
		if err != nil {
			t.Fatal(err)
		}
		c.fault(&d.disk)
		w, err := d.Create(table.Credits, NDJSON)
		if err == nil {
			_ = w.Write(creditRow(1))
			err = d.Commit()
		}
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") || strings.Contains(err.Error(), "tmp:") {
			t.Errorf("%s: got %v", c.name, err)
		}
		_ = d.Abort()
		if raw, _ := os.ReadFile(filepath.Join(dir, "credits.ndjson")); string(raw) != "old" || names(t, dir) != "credits.ndjson" {
			t.Errorf("%s: left %s with %q", c.name, names(t, dir), raw)
		}
	}
}
