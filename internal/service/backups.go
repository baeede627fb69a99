package service

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/tributary-data/tributary/pipeline"
	"github.com/tributary-data/tributary/state"
	"github.com/tributary-data/tributary/web"
)

// backups makes copies of the running state in one directory.
type backups struct {
	store *state.Store
	dir   string
	busy  sync.Mutex
}

// partial begins the name of a backup until it is whole; none that is asked for
// begins so.
const partial = "."

// Make copies the newest commit. That the copy can be opened is part of it. It
// gets its name at the end: what a crash left of one never looks like one.
func (b *backups) Make(name string) (*web.Backup, web.BackupOf, error) {
	var of web.BackupOf
	if !b.busy.TryLock() {
		return nil, of, web.ErrBusy
	}
	defer b.busy.Unlock()
	path := filepath.Join(b.dir, name)
	if _, err := os.Stat(path); err == nil {
		return nil, of, fmt.Errorf("%w: %s", web.ErrBackupExists, path)
	}
	if err := os.MkdirAll(b.dir, 0o755); err != nil {
		return nil, of, fmt.Errorf("make the directory of backups: %w", err)
	}
	aside := filepath.Join(b.dir, partial+name)
	if err := os.RemoveAll(aside); err != nil {
		return nil, of, fmt.Errorf("remove what is left of a backup: %w", err)
	}
	if err := b.store.Backup(aside); err != nil {
		return nil, of, err
	}
	made, err := state.Open(aside, state.Options{ReadOnly: true})
	if err != nil {
		return nil, of, fmt.Errorf("open the backup that was made: %w", err)
	}
	of.Epoch = uint64(made.Epoch())
	of.Commit, err = pipeline.LastCommit(made)
	if err = errors.Join(err, made.Close()); err != nil {
		return nil, of, fmt.Errorf("read the backup that was made: %w", err)
	}
	if err := os.Rename(aside, path); err != nil {
		return nil, of, fmt.Errorf("give the backup its name: %w", err)
	}
	x, err := describeBackup(path)
	return x, of, err
}

// List has what the directory holds, oldest first.
func (b *backups) List() ([]web.Backup, error) {
	entries, err := os.ReadDir(b.dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("list the backups: %w", err)
	}
	var out []web.Backup
	for _, e := range entries {
		if !e.IsDir() || strings.HasPrefix(e.Name(), partial) {
			continue
		}
		x, err := describeBackup(filepath.Join(b.dir, e.Name()))
		if errors.Is(err, os.ErrNotExist) {
			continue // it was removed meanwhile
		}
		if err != nil {
			return nil, err
		}
		out = append(out, *x)
	}
	slices.SortStableFunc(out, func(a, b web.Backup) int { return a.At.Compare(b.At) })
	return out, nil
}

func describeBackup(path string) (*web.Backup, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("look at a backup: %w", err)
	}
	out := &web.Backup{Name: filepath.Base(path), Path: path, At: info.ModTime()}
	files, err := os.ReadDir(path)
	if err != nil {
		return nil, fmt.Errorf("look at a backup: %w", err)
	}
	for _, f := range files {
		info, err := f.Info()
		if err != nil {
			return nil, fmt.Errorf("look at a backup: %w", err)
		}
		out.Bytes += info.Size()
	}
	return out, nil
}
