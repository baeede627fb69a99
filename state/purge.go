package state

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
)

// Renew opens and closes a directory that no process has open, twice, so that
// the list of its files is written anew and no older one is kept: such lists
// hold the first and last keys of files, also of those that are gone.
func Renew(dir string, opt Options) error {
	for range 2 {
		s, err := Open(dir, opt)
		if err != nil {
			return err
		}
		b := s.NewBatch()
		b.Set(metaRenewed, nil)
		err = b.Commit()
		if err == nil {
			err = s.db.Flush()
		}
		if err := errors.Join(err, s.Close()); err != nil {
			return fmt.Errorf("write the list of files anew: %w", err)
		}
	}
	return nil
}

var metaRenewed = []byte("Mrenewed")

// Range is the keys in [From, To).
type Range struct{ From, To []byte }

// Purge drops the bytes of deleted and replaced keys in the ranges from the
// files of the store: until then they stay in old files, where nobody reads
// them, for as long as nothing else is written there. Open snapshots keep what
// they see. The log is not rewritten: its files are used again, or removed when
// the store is opened.
func (s *Store) Purge(ctx context.Context, ranges []Range) error {
	if err := s.db.Flush(); err != nil {
		return fmt.Errorf("flush the store: %w", err)
	}
	ranges = slices.Clone(ranges)
	slices.SortFunc(ranges, func(a, b Range) int { return bytes.Compare(a.From, b.From) })
	for _, r := range ranges {
		if bytes.Compare(r.From, r.To) >= 0 {
			continue
		}
		if err := s.db.Compact(ctx, r.From, r.To, false); err != nil {
			return fmt.Errorf("compact the store: %w", err)
		}
	}
	return nil
}
