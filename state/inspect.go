package state

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// NamedSpace is a key space in the words of an operator.
type NamedSpace struct {
	Space Space
	Name  string
}

// Spaces lists every key space, those that grow with traffic first.
var Spaces = []NamedSpace{
	{Impressions, "impressions"},
	{History, "clicks, conversions, behaviour"},
	{Velocity, "click counts by rule"},
	{Refs, "ids, orders, adjustments"},
	{Links, "identity links"},
	{Members, "members of users"},
	{SessionsOf, "sessions"},
	{SessionIDs, "sessions by id"},
	{SessionEnds, "sessions by end"},
	{Conversions, "conversions with credits"},
	{ConvTimes, "conversions by time"},
	{Pending, "conversions not final"},
	{Expiry, "adjustments that wait"},
	{Rollups, "rollups"},
	{Deltas, "rollups not folded in"},
	{Journal, "credit journal"},
	{Verdicts, "verdicts"},
	{LateEvents, "late events"},
	{DeadLetters, "dead letters"},
	{DimsByID, "dictionary"},
	{DimsByTuple, "dictionary by name"},
	{Outbox, "outbox"},
	{Cursors, "sink cursors"},
	{Meta, "meta"},
}

// DiskUsage estimates the bytes on disk of a key space. What is still in memory
// or in the log alone does not count.
func (s *Store) DiskUsage(sp Space) (uint64, error) {
	n, err := s.db.EstimateDiskUsage([]byte{byte(sp)}, []byte{byte(sp) + 1})
	if err != nil {
		return 0, fmt.Errorf("measure key space %c: %w", sp, err)
	}
	return n, nil
}

// Flush begins to write what is in memory to table files, and does not wait:
// only what is in files is seen by DiskUsage.
func (s *Store) Flush() error {
	if _, err := s.db.AsyncFlush(); err != nil {
		return fmt.Errorf("flush the memory of %s: %w", s.dir, err)
	}
	return nil
}

// CheckBlocks reads every table file and compares its checksums and order.
func (s *Store) CheckBlocks() error {
	if err := s.db.CheckLevels(nil); err != nil {
		return fmt.Errorf("check the files of %s: %w", s.dir, err)
	}
	return nil
}

// NeedsResync says whether the state was restored from a backup, and the epoch
// that it took then: sinks may hold more than it does.
func (s *Store) NeedsResync() (epoch uint32, restored bool, err error) {
	v, err := s.Get(metaResync)
	if errors.Is(err, pebble.ErrNotFound) {
		return 0, false, nil
	}
	if err != nil || len(v) != 4 {
		return 0, false, fmt.Errorf("read the mark of a restore: %d bytes, %w", len(v), err)
	}
	return binary.BigEndian.Uint32(v), true, nil
}

// OpenMemory opens an empty store that is gone when it is closed.
func OpenMemory(cache int64) (*Store, error) {
	return Open("memory", Options{FS: vfs.NewMem(), Ephemeral: true, CacheSize: cache})
}
