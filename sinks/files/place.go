package files

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"

	"github.com/tributary-data/tributary/sinks"
	"github.com/tributary-data/tributary/table"
)

// place is where a sink's files lie: a directory or a bucket. Names are relative
// to it, with "/". One goroutine uses it.
type place interface {
	// String is the place for people.
	String() string
	// name is what a partition's file is called.
	name(k partKey, f Format) string
	// load reads the manifest; nil where there is none, or none that can be read.
	load(ctx context.Context) (*Manifest, error)
	// save replaces the manifest that load or save saw last. ErrFenced: one of a
	// later owner is there.
	save(ctx context.Context, m *Manifest) error
	// create begins a file that nobody sees before it is published.
	create(name string) (draft, error)
	// settle makes the publishing of files in the tables' directories durable.
	settle(tables map[string]bool) error
	// damaged gives those of the files that are not as they were published.
	damaged(ctx context.Context, files map[partKey]*ManifestFile) ([]partKey, error)
	// strays lists files in the tables' directories that look like ours and are
	// not in keep: of another format, of a crash, of rows that are gone.
	strays(ctx context.Context, keep map[string]bool) ([]string, error)
	// list gives the names of all files below a directory.
	list(ctx context.Context, dir string) ([]string, error)
	remove(ctx context.Context, name string) error
	// open reads a file.
	open(ctx context.Context, name string) (io.ReadCloser, error)
	// missing says whether open failed because there is no such file.
	missing(err error) bool
	// Close lets go of connections.
	Close()
}

// draft is a file that is being written.
type draft interface {
	io.Writer
	// rename changes the name that it will have, within the same directory.
	rename(name string)
	// publish gives the file its name and completes f; was is what the manifest
	// knows under that name, nil where nothing. ErrFenced: a later owner than the
	// epoch writes there.
	publish(ctx context.Context, f, was *ManifestFile, epoch uint32) error
	// discard removes what was not published; after publish it does nothing.
	discard()
}

// dirPlace is a directory of this machine.
//
// Two processes on one directory are fenced by the epoch in the manifest, which
// is looked at before each rename; a file that a fenced writer replaced in the
// instant between fails the manifest's checksum and is written anew with its
// next change or resync.
type dirPlace struct {
	dir  string
	disk disk
}

// newDirPlace opens the directory and makes it where it does not exist. One that
// holds other files and no manifest is refused: a resync removes what it does
// not know in the tables' directories.
func newDirPlace(dir string) (*dirPlace, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, writeError(dir, err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("cannot read %s: %w", dir, err)
	}
	if _, err := os.Stat(filepath.Join(dir, manifestName)); errors.Is(err, fs.ErrNotExist) {
		for _, e := range entries {
			if _, ours := table.ByName(e.Name()); !ours && !isTemp(e.Name()) && e.Name() != changesDir {
				return nil, fmt.Errorf("directory %s %w and has no %s (it holds %s): give the files sink a directory of its own", dir, ErrNotEmpty, manifestName, e.Name())
			}
		}
	}
	return &dirPlace{dir: dir, disk: osDisk}, nil
}

func (d *dirPlace) String() string { return d.dir }
func (d *dirPlace) Close()         {}

func (d *dirPlace) path(name string) string { return filepath.Join(d.dir, filepath.FromSlash(name)) }

func (d *dirPlace) name(k partKey, f Format) string {
	return k.t.Name + "/" + k.p.String() + "." + string(f)
}

func (d *dirPlace) load(context.Context) (*Manifest, error) { return readManifest(d.dir) }

func (d *dirPlace) fence(epoch uint32) error {
	m, err := readManifest(d.dir)
	if err == nil && m != nil && m.owner() > epoch {
		return sinks.ErrFenced
	}
	return err
}

func (d *dirPlace) save(_ context.Context, m *Manifest) error {
	if err := d.fence(m.owner()); err != nil {
		return err
	}
	raw, err := json.MarshalIndent(m, "", " ")
	if err != nil {
		return fmt.Errorf("encoding the manifest: %w", err)
	}
	path, temp := filepath.Join(d.dir, manifestName), filepath.Join(d.dir, tempName(manifestName))
	f, err := d.disk.create(temp)
	if err != nil {
		return writeError(path, err)
	}
	_, err = f.Write(append(raw, '\n'))
	if err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = d.disk.rename(temp, path)
	}
	if err == nil {
		err = d.disk.sync(d.dir)
	}
	return writeError(path, err)
}

func (d *dirPlace) create(name string) (draft, error) {
	path := d.path(name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, writeError(filepath.Dir(path), err)
	}
	x := &dirDraft{d: d, path: path, temp: filepath.Join(filepath.Dir(path), tempName(filepath.Base(path)))}
	var err error
	if x.file, err = d.disk.create(x.temp); err != nil {
		return nil, writeError(path, err)
	}
	return x, nil
}

type dirDraft struct {
	d          *dirPlace
	path, temp string
	file       diskFile
	done       bool
}

func (x *dirDraft) Write(b []byte) (int, error) { return x.file.Write(b) }

func (x *dirDraft) rename(name string) { x.path = x.d.path(name) }

func (x *dirDraft) publish(_ context.Context, _, _ *ManifestFile, epoch uint32) error {
	if err := x.file.Sync(); err != nil {
		return writeError(x.path, err)
	}
	file := x.file
	x.file = nil
	if err := file.Close(); err != nil {
		return writeError(x.path, err)
	}
	if err := x.d.fence(epoch); err != nil {
		return err
	}
	if err := x.d.disk.rename(x.temp, x.path); err != nil {
		return writeError(x.path, err)
	}
	x.done = true
	return nil
}

func (x *dirDraft) discard() {
	if x.file != nil {
		_ = x.file.Close()
		x.file = nil
	}
	if !x.done {
		_ = x.d.disk.remove(x.temp) // the next resync finds what cannot be removed now
		x.done = true
	}
}

func (d *dirPlace) settle(tables map[string]bool) error {
	for name := range tables {
		dir := d.path(name)
		if err := d.disk.sync(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return writeError(dir, err)
		}
	}
	return nil
}

func (d *dirPlace) damaged(_ context.Context, files map[partKey]*ManifestFile) (out []partKey, err error) {
	for k, f := range files {
		info, err := os.Stat(d.path(f.Name))
		if err != nil || info.Size() != f.Bytes {
			out = append(out, k)
		}
	}
	return out, nil
}

// partitionFile is what files of this place are named, in any format.
var partitionFile = regexp.MustCompile(`^(\d{4}-\d\d-\d\d|bucket-\d\d)\.(ndjson|csv|parquet)$`)

func (d *dirPlace) strays(_ context.Context, keep map[string]bool) (out []string, err error) {
	for _, t := range table.All {
		entries, err := os.ReadDir(d.path(t.Name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("cannot read %s: %w", d.path(t.Name), err)
		}
		for _, e := range entries {
			name := t.Name + "/" + e.Name()
			if !keep[name] && (isTemp(e.Name()) || partitionFile.MatchString(e.Name())) {
				out = append(out, name)
			}
		}
	}
	return out, nil
}

func (d *dirPlace) list(_ context.Context, dir string) (out []string, err error) {
	err = filepath.WalkDir(d.path(dir), func(path string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil && !e.IsDir() {
			var name string
			if name, err = filepath.Rel(d.dir, path); err == nil {
				out = append(out, filepath.ToSlash(name))
			}
		}
		return err
	})
	return out, err
}

func (d *dirPlace) remove(_ context.Context, name string) error {
	if err := d.disk.remove(d.path(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return writeError(d.path(name), err)
	}
	return nil
}

func (d *dirPlace) open(_ context.Context, name string) (io.ReadCloser, error) {
	return os.Open(d.path(name))
}

func (d *dirPlace) missing(err error) bool { return errors.Is(err, fs.ErrNotExist) }
