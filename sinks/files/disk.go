package files

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// disk is what this package does to a file system; tests put faults in.
type disk struct {
	create func(path string) (diskFile, error)
	rename func(from, to string) error
	remove func(path string) error
	sync   func(dir string) error // makes renames and removals in dir durable
}

type diskFile interface {
	io.WriteCloser
	Sync() error
}

var osDisk = disk{
	create: func(path string) (diskFile, error) {
		return os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o644)
	},
	rename: os.Rename,
	remove: os.Remove,
	sync:   syncDir,
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = d.Sync()
	if closeErr := d.Close(); err == nil {
		err = closeErr
	}
	// Some file systems cannot sync a directory, and say so.
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOTSUP) {
		return nil
	}
	return err
}

// Temporary files carry this prefix and suffix, so that what a crash left
// behind is known as ours and removed.
const (
	tempPrefix = ".tributary-"
	tempSuffix = ".tmp"
)

func tempName(name string) string { return tempPrefix + name + tempSuffix }

func isTemp(name string) bool {
	return strings.HasPrefix(name, tempPrefix) && strings.HasSuffix(name, tempSuffix)
}

// writeError says in one line what failed, under the name the user knows (not
// the temporary one), and what to do where that is known.
func writeError(path string, err error) error {
	if err == nil {
		return nil
	}
	path = filepath.Join(filepath.Dir(path), strings.TrimSuffix(strings.TrimPrefix(filepath.Base(path), tempPrefix), tempSuffix))
	cause := err
	var pathErr *fs.PathError
	var linkErr *os.LinkError
	if errors.As(err, &pathErr) {
		cause = pathErr.Err
	} else if errors.As(err, &linkErr) {
		cause = linkErr.Err
	}
	hint := ""
	switch {
	case errors.Is(cause, syscall.ENOSPC), errors.Is(cause, syscall.EDQUOT):
		hint = "; free space there or choose another directory"
	case errors.Is(cause, syscall.EROFS), errors.Is(cause, fs.ErrPermission):
		hint = "; choose a directory that this user may write to"
	}
	return fmt.Errorf("cannot write %s: %w%s", path, cause, hint)
}
