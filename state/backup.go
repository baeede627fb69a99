package state

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// epochFile stands beside the data directory, so that it survives when the
// directory is lost or replaced by an older backup.
func (s *Store) epochFile() string { return strings.TrimRight(s.dir, "/") + ".epoch" }

// claimedEpoch is the greatest epoch ever claimed for the directory, 0 if none.
func (s *Store) claimedEpoch() (uint32, error) {
	f, err := s.fs.Open(s.epochFile())
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read the epoch claim: %w", err)
	}
	b, err := io.ReadAll(io.LimitReader(f, 32))
	if err := errors.Join(err, f.Close()); err != nil {
		return 0, fmt.Errorf("read the epoch claim: %w", err)
	}
	n, err := strconv.ParseUint(strings.TrimSpace(string(b)), 10, 24)
	if err != nil {
		return 0, fmt.Errorf("%s is damaged (%q); write the greatest epoch that any sink shows into it", s.epochFile(), b)
	}
	return uint32(n), nil
}

// claimEpoch writes the claim before the first row of the epoch can be sent.
func (s *Store) claimEpoch(e uint32) error {
	if s.ephemeral {
		return nil
	}
	tmp := s.epochFile() + ".tmp"
	f, err := s.fs.Create(tmp, vfs.WriteCategoryUnspecified)
	if err != nil {
		return fmt.Errorf("claim epoch %d: %w", e, err)
	}
	_, err = fmt.Fprintf(f, "%d\n", e)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("claim epoch %d: %w", e, err)
	}
	if err := s.fs.Rename(tmp, s.epochFile()); err != nil {
		return fmt.Errorf("claim epoch %d: %w", e, err)
	}
	return nil
}

// Backup writes a consistent copy of the newest durable commit to a directory
// that must not exist. The store may stay in use.
func (s *Store) Backup(to string) error {
	if _, err := s.fs.Stat(to); err == nil {
		return fmt.Errorf("back up to %s: it exists; name a directory that does not", to)
	}
	if err := s.db.Checkpoint(to, pebble.WithFlushedWAL()); err != nil {
		return fmt.Errorf("back up to %s: %w", to, err)
	}
	return nil
}

// Restore copies a backup into dir, which must not exist or be empty, under an
// epoch that none of its writers had: the sinks then take what it sends as the
// newer truth.
func Restore(from, dir string) (epoch uint32, err error) {
	src, err := Open(from, Options{ReadOnly: true})
	if err != nil {
		return 0, fmt.Errorf("restore: %w", err)
	}
	last := src.epoch
	if err := src.Close(); err != nil {
		return 0, fmt.Errorf("restore: close the backup: %w", err)
	}
	if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 {
		return 0, fmt.Errorf("restore into %s: it is not empty; move it away first, it holds what the backup lacks", dir)
	}
	if err := copyDir(from, dir); err != nil {
		return 0, fmt.Errorf("restore: %w", err)
	}
	s, err := Open(dir, Options{})
	if err != nil {
		return 0, fmt.Errorf("restore: %w", err)
	}
	claimed, err := s.claimedEpoch()
	if err == nil {
		epoch = max(last, claimed) + 1
		err = s.SetEpoch(epoch)
	}
	if err == nil {
		b := s.NewBatch()
		b.Set(metaResync, binary.BigEndian.AppendUint32(nil, epoch))
		err = b.Commit()
	}
	return epoch, errors.Join(err, s.Close())
}

// metaResync says that sinks may be ahead of this state since the epoch.
var metaResync = []byte("Mresync")

func copyDir(from, to string) error {
	if err := os.MkdirAll(to, 0o755); err != nil {
		return err
	}
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.IsDir() || e.Name() == "LOCK" {
			continue
		}
		if err := copyFile(filepath.Join(from, e.Name()), filepath.Join(to, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

func copyFile(from, to string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }() // only read
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		return errors.Join(err, out.Close())
	}
	return errors.Join(out.Sync(), out.Close())
}

// isLockError recognises a lock held by another process or by this one.
func isLockError(err error) bool {
	return errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EACCES) && strings.Contains(err.Error(), "lock") ||
		strings.Contains(err.Error(), "lock held by current process")
}
