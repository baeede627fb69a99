package state

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// held names the directory that a child of the test holds until its input ends.
const held = "TRIBUTARY_TEST_HOLD"

func TestMain(m *testing.M) {
	if dir := os.Getenv(held); dir != "" {
		s, err := Open(dir, Options{CacheSize: 1 << 20})
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println("open")
		_, _ = io.Copy(io.Discard, os.Stdin)
		if err := s.Close(); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func mustOpen(t *testing.T, dir string) *Store {
	t.Helper()
	s, err := Open(dir, Options{CacheSize: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeStore(t, s) })
	return s
}

// closeStore closes a store once; the database panics when it is closed twice.
func closeStore(t *testing.T, s *Store) {
	t.Helper()
	if s.db == nil {
		return
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	s.db = nil
}

func put(t *testing.T, s *Store, key, value string) {
	t.Helper()
	b := s.NewBatch()
	b.Set([]byte(key), []byte(value))
	if err := b.Commit(); err != nil {
		t.Fatal(err)
	}
}

func value(t *testing.T, s *Store, key string) string {
	t.Helper()
	v, err := s.Get([]byte(key))
	if errors.Is(err, ErrNotFound) {
		return ""
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(v)
}

// TestOneOwner: a directory in use is refused with an error that says so, to
// this process and to others, for reading too, and is free when it is closed.
func TestOneOwner(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	refused := func(by string) {
		t.Helper()
		for _, readOnly := range []bool{false, true} {
			s, err := Open(dir, Options{CacheSize: 1 << 20, ReadOnly: readOnly})
			if err == nil {
				closeStore(t, s)
			}
			if !errors.Is(err, ErrLocked) || !strings.Contains(fmt.Sprint(err), dir) {
				t.Errorf("opened while %s holds it (reading only: %v): %v, want %v and the directory", by, readOnly, err, ErrLocked)
			}
		}
	}
	s := mustOpen(t, dir)
	refused("this process")
	if out, err := child(dir).Output(); err == nil || !strings.Contains(string(out), ErrLocked.Error()) {
		t.Errorf("another process says %q, %v; want %q", out, err, ErrLocked)
	}
	closeStore(t, s)

	other := child(dir)
	in, err := other.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := other.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "open\n" {
		t.Fatalf("another process says %q, %v; want that it opened", line, err)
	}
	refused("another process")
	if err := errors.Join(in.Close(), other.Wait()); err != nil {
		t.Fatal(err)
	}
	mustOpen(t, dir)
}

// child runs this test binary as a holder of the directory.
func child(dir string) *exec.Cmd {
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), held+"="+dir)
	return c
}

// TestForeignFormat: a directory of another version, or of another program, is
// refused and left as it is.
func TestForeignFormat(t *testing.T) {
	for _, readOnly := range []bool{false, true} {
		dir := filepath.Join(t.TempDir(), "data")
		s := mustOpen(t, dir)
		put(t, s, string(metaFormat), string([]byte{Format + 1}))
		closeStore(t, s)
		if _, err := Open(dir, Options{ReadOnly: readOnly}); !errors.Is(err, ErrVersion) {
			t.Errorf("the next format (reading only: %v): %v, want %v", readOnly, err, ErrVersion)
		}

		foreign := filepath.Join(t.TempDir(), "foreign")
		db, err := pebble.Open(foreign, &pebble.Options{FormatMajorVersion: pebble.FormatNewest})
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(db.Set([]byte("Mformat"), []byte{Format}, pebble.Sync), db.Close()); err != nil {
			t.Fatal(err)
		}
		if s, err := Open(foreign, Options{ReadOnly: readOnly}); err == nil {
			closeStore(t, s)
			t.Errorf("the database of another program (reading only: %v) was opened as ours", readOnly)
		}
		if _, err := os.Stat(foreign + ".epoch"); err == nil {
			t.Error("an epoch was claimed for the directory of another program")
		}
	}
}

// TestReadOnly: reading makes nothing where nothing is, and writes nothing where
// something is.
func TestReadOnly(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	if _, err := Open(dir, Options{ReadOnly: true}); !errors.Is(err, ErrNoState) {
		t.Errorf("a directory that is missing: %v, want %v", err, ErrNoState)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("reading made the directory")
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, Options{ReadOnly: true}); !errors.Is(err, ErrNoState) {
		t.Errorf("an empty directory: %v, want %v", err, ErrNoState)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		t.Errorf("reading left %v, %v in the empty directory", entries, err)
	}
	s := mustOpen(t, dir)
	put(t, s, "Mx", "1")
	closeStore(t, s)
	r, err := Open(dir, Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	if got := value(t, r, "Mx"); got != "1" || r.Epoch() != 1 {
		t.Errorf("reading finds %q in epoch %d, want 1 in 1", got, r.Epoch())
	}
	b := r.NewBatch()
	b.Set([]byte("Mx"), []byte("2"))
	if err := b.Apply(); err == nil {
		t.Error("a store that was opened to read took a write")
	}
	closeStore(t, r)
}

// TestCommitIsDurable: of a crash's disk every batch that was waited for is
// readable, whole, also to a reader that may not write.
func TestCommitIsDurable(t *testing.T) {
	fs := vfs.NewCrashableMem()
	s := openMemory(t, fs)
	b := s.NewBatch()
	b.Set([]byte("Ma"), []byte("1"))
	b.Set([]byte("Mb"), []byte("1"))
	if err := b.Apply(); err != nil {
		t.Fatal(err)
	}
	if got := value(t, s, "Ma"); got != "1" {
		t.Errorf("an applied batch is read as %q, want 1", got)
	}
	if err := b.Wait(); err != nil {
		t.Fatal(err)
	}
	clone := fs.CrashClone(vfs.CrashCloneCfg{})
	closeStore(t, s)
	for _, readOnly := range []bool{true, false} {
		s, err := Open("data", Options{FS: clone, CacheSize: 1 << 20, ReadOnly: readOnly})
		if err != nil {
			t.Fatal(err)
		}
		if a, b := value(t, s, "Ma"), value(t, s, "Mb"); a != "1" || b != "1" || s.Epoch() != 1 {
			t.Errorf("after the crash (reading only: %v) a is %q and b is %q in epoch %d, want 1, 1 and 1", readOnly, a, b, s.Epoch())
		}
		closeStore(t, s)
	}
}

// TestRestore: a backup comes back as it was, under an epoch that nobody before
// had: neither its own writer, nor those that came after it.
func TestRestore(t *testing.T) {
	root := t.TempDir()
	dir, backup := filepath.Join(root, "data"), filepath.Join(root, "backup")
	s := mustOpen(t, dir)
	put(t, s, "Mx", "backed up")
	if err := s.Backup(backup); err != nil {
		t.Fatal(err)
	}
	if err := s.Backup(backup); err == nil {
		t.Error("a backup was written over another")
	}
	put(t, s, "Mx", "later")
	if err := s.SetEpoch(5); err != nil {
		t.Fatal(err)
	}
	if err := s.SetEpoch(5); err == nil {
		t.Error("an epoch was taken twice")
	}
	if _, restored, err := s.NeedsResync(); restored || err != nil {
		t.Errorf("a state that was never restored needs a resync: %v, %v", restored, err)
	}
	closeStore(t, s)

	if _, err := Restore(backup, dir); err == nil || !strings.Contains(err.Error(), "not empty") {
		t.Errorf("restored over a state: %v", err)
	}
	if got := value(t, mustOpen(t, dir), "Mx"); got != "later" {
		t.Errorf("a refused restore left %q, want later", got)
	}
	if _, err := Restore(filepath.Join(root, "none"), filepath.Join(root, "new")); !errors.Is(err, ErrNoState) {
		t.Errorf("restored a backup that is missing: %v, want %v", err, ErrNoState)
	}

	check := func(into string, want uint32) {
		t.Helper()
		got, err := Restore(backup, into)
		if err != nil || got != want {
			t.Fatalf("restored under epoch %d, %v; want %d", got, err, want)
		}
		s := mustOpen(t, into)
		since, restored, err := s.NeedsResync()
		if v := value(t, s, "Mx"); v != "backed up" || s.Epoch() != want || since != want || !restored || err != nil {
			t.Errorf("restored: %q in epoch %d, resync since %d (%v, %v); want the backup in %d", v, s.Epoch(), since, restored, err, want)
		}
		closeStore(t, s)
	}
	check(filepath.Join(root, "elsewhere"), 2)

	// In the place of the state that it replaces, which had gone on to epoch 5.
	place := filepath.Join(root, "place")
	if err := errors.Join(os.Mkdir(place, 0o755), os.WriteFile(place+".epoch", []byte("5\n"), 0o644)); err != nil {
		t.Fatal(err)
	}
	check(place, 6)
	if err := os.RemoveAll(place); err != nil {
		t.Fatal(err)
	}
	check(place+"/", 7)

	// The backup itself is as it was.
	r, err := Open(backup, Options{ReadOnly: true, CacheSize: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	if v := value(t, r, "Mx"); v != "backed up" || r.Epoch() != 1 {
		t.Errorf("the backup holds %q in epoch %d after it was restored", v, r.Epoch())
	}
	closeStore(t, r)
}

// TestLostDirectory: a new state in the place of one that was lost takes a later
// epoch; a claim that cannot be read stops it.
func TestLostDirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	s := mustOpen(t, dir)
	closeStore(t, s)
	for want := uint32(2); want < 4; want++ {
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		s := mustOpen(t, dir)
		if s.Epoch() != want {
			t.Errorf("the new state has epoch %d, want %d", s.Epoch(), want)
		}
		closeStore(t, s)
		again := mustOpen(t, dir)
		if again.Epoch() != want {
			t.Errorf("opened again it has epoch %d, want %d", again.Epoch(), want)
		}
		closeStore(t, again)
	}
	if err := errors.Join(os.RemoveAll(dir), os.WriteFile(dir+".epoch", []byte("many"), 0o644)); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, Options{}); err == nil || !strings.Contains(err.Error(), dir+".epoch is damaged") {
		t.Errorf("with a damaged claim: %v", err)
	}
}
