package files

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/tributary-data/tributary/table"
)

// ErrNotEmpty is returned for an output directory that holds something.
var ErrNotEmpty = errors.New("is not empty")

// Dir is an output directory: one file per table, all of them or none. Until
// Commit nothing under a final name changes, so an earlier output survives a
// run that fails. It is used by one goroutine.
type Dir struct {
	path  string
	disk  disk
	files []*dirFile
	done  bool
}

// dirFile is one table file under its temporary name.
type dirFile struct {
	Writer
	name string
	file diskFile
}

// OpenDir makes the directory, with its parents, where it does not exist. One
// that is not empty is refused with ErrNotEmpty, unless force is set: then
// Commit replaces the table files in it, of all formats, and leaves everything
// else alone.
func OpenDir(path string, force bool) (*Dir, error) {
	if err := os.MkdirAll(path, 0o755); err != nil {
		return nil, writeError(path, err)
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, fmt.Errorf("cannot read %s: %w", path, err)
	}
	for _, e := range entries {
		if isTemp(e.Name()) {
			if err := os.Remove(filepath.Join(path, e.Name())); err != nil {
				return nil, writeError(filepath.Join(path, e.Name()), err)
			}
		} else if !force {
			return nil, fmt.Errorf("directory %s %w (it holds %s): choose another, or replace the tables in it with --force", path, ErrNotEmpty, e.Name())
		}
	}
	return &Dir{path: path, disk: osDisk}, nil
}

// Create starts the file of a table. Its writer belongs to the caller until it
// is closed; Commit closes those that are not.
func (d *Dir) Create(t *table.Table, f Format) (Writer, error) {
	name := f.FileName(t)
	for _, o := range d.files {
		if o.name == name {
			return nil, fmt.Errorf("cannot write %s twice", filepath.Join(d.path, name))
		}
	}
	path := filepath.Join(d.path, tempName(name))
	file, err := d.disk.create(path)
	if err != nil {
		return nil, writeError(path, err)
	}
	w, err := NewWriter(file, t, f)
	if err != nil {
		return nil, errors.Join(err, file.Close(), d.disk.remove(path))
	}
	out := &dirFile{Writer: namedWriter{w, path}, name: name, file: file}
	d.files = append(d.files, out)
	return out, nil
}

// namedWriter says which file an error is about.
type namedWriter struct {
	Writer
	path string
}

func (w namedWriter) Write(row table.Row) error { return writeError(w.path, w.Writer.Write(row)) }
func (w namedWriter) Close() error              { return writeError(w.path, w.Writer.Close()) }

// Commit completes every file, syncs them, and gives them their names. After
// an error before the first rename the directory is as it was. Afterwards
// Abort does nothing.
func (d *Dir) Commit() error {
	if d.done {
		return nil
	}
	for _, f := range d.files {
		path := filepath.Join(d.path, f.name)
		if err := f.Close(); err != nil {
			return err
		}
		if err := f.file.Sync(); err != nil {
			return writeError(path, err)
		}
		file := f.file
		f.file = nil
		if err := file.Close(); err != nil {
			return writeError(path, err)
		}
	}
	if err := d.removeOthers(); err != nil {
		return err
	}
	for _, f := range d.files {
		if err := d.disk.rename(filepath.Join(d.path, tempName(f.name)), filepath.Join(d.path, f.name)); err != nil {
			return writeError(filepath.Join(d.path, f.name), err)
		}
	}
	d.done = true
	return writeError(d.path, d.disk.sync(d.path))
}

// removeOthers removes the table files that this run does not replace: left
// beside the new ones they would pass for part of the same output.
func (d *Dir) removeOthers() error {
	for _, t := range table.All {
		for _, f := range Formats {
			name := f.FileName(t)
			if slices.ContainsFunc(d.files, func(o *dirFile) bool { return o.name == name }) {
				continue
			}
			if err := d.disk.remove(filepath.Join(d.path, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return writeError(filepath.Join(d.path, name), err)
			}
		}
	}
	return nil
}

// Abort removes what was written since OpenDir and keeps what was there.
func (d *Dir) Abort() error {
	if d.done {
		return nil
	}
	d.done = true
	var errs []error
	for _, f := range d.files {
		if f.file != nil {
			errs = append(errs, f.file.Close())
		}
		if err := d.disk.remove(filepath.Join(d.path, tempName(f.name))); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, writeError(filepath.Join(d.path, f.name), err))
		}
	}
	return errors.Join(errs...)
}
