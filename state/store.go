// Package state keeps everything that must survive: one Pebble database, one
// batch per tick, and nothing else. It knows keys and bytes; what they mean is
// history's and pipeline's business.
//
// Invariants:
//  1. A data directory has one owner at a time (an exclusive lock).
//  2. Whatever belongs to one tick is in one batch: it is there whole or not.
//  3. A directory of another format is refused, never read as if it were ours.
//  4. Every restore takes an epoch that no writer before it had.
package state

import (
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// Format is the version of keys and values. A program opens only its own.
const Format = 3

// Options are what a caller chooses when it opens a store.
type Options struct {
	FS        vfs.FS // nil: the operating system's
	ReadOnly  bool
	Ephemeral bool  // no write-ahead log: for replay, whose state is thrown away
	CacheSize int64 // bytes of blocks kept; 0: 512 MiB
	Logger    *slog.Logger

	// OnDiskFull is called, once, when a flush or compaction finds no room. The
	// store goes on trying and holds up its writers until there is some; who
	// cannot wait ends the process.
	OnDiskFull func(error)
}

// Store is an open data directory.
type Store struct {
	db        *pebble.DB
	dir       string
	fs        vfs.FS
	epoch     uint32
	ephemeral bool
	stalls    atomic.Int64
}

// Errors that steer callers.
var (
	ErrLocked   = errors.New("the data directory is in use by another process")
	ErrVersion  = errors.New("the data directory has another format")
	ErrNoState  = errors.New("there is no state in the directory")
	ErrNotFound = pebble.ErrNotFound
)

var (
	metaFormat = []byte("Mformat")
	metaEpoch  = []byte("Mepoch")
)

// Open opens the directory, or creates it unless it is opened for reading.
func Open(dir string, opt Options) (*Store, error) {
	fs := opt.FS
	if fs == nil {
		fs = vfs.Default
	}
	if opt.ReadOnly {
		if desc, err := pebble.Peek(dir, fs); err != nil || !desc.Exists {
			return nil, fmt.Errorf("open state in %s: %w; name a directory that serve or demo wrote", dir, ErrNoState)
		}
	} else if err := fs.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("create the data directory: %w", err)
	}
	s := &Store{dir: dir, fs: fs, ephemeral: opt.Ephemeral}
	db, err := pebble.Open(dir, s.pebbleOptions(opt))
	if err != nil {
		return nil, openError(dir, err)
	}
	s.db = db
	if err := s.checkFormat(opt.ReadOnly); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return s, nil
}

// openError turns what the database says into what an operator can act on.
func openError(dir string, err error) error {
	var errno interface{ Temporary() bool }
	if errors.Is(err, pebble.ErrDBDoesNotExist) {
		return fmt.Errorf("open state in %s: %w", dir, ErrNoState)
	}
	if errors.As(err, &errno) && errno.Temporary() || isLockError(err) {
		return fmt.Errorf("open state in %s: %w; stop that process or name another directory", dir, ErrLocked)
	}
	if strings.Contains(err.Error(), "merger name") { // before format 3
		return versionError(dir, "older")
	}
	return fmt.Errorf("open state in %s: %w", dir, err)
}

func versionError(dir string, have any) error {
	return fmt.Errorf("open state in %s: %w: it is %v, this program reads %d; use the program that wrote it, or start a new directory and replay", dir, ErrVersion, have, Format)
}

func (s *Store) checkFormat(readOnly bool) error {
	v, err := s.Get(metaFormat)
	switch {
	case errors.Is(err, pebble.ErrNotFound) && readOnly:
		return fmt.Errorf("open state in %s: %w", s.dir, ErrNoState)
	case errors.Is(err, pebble.ErrNotFound):
		s.epoch = 1
		if claimed, err := s.claimedEpoch(); err != nil {
			return err
		} else if claimed > 0 {
			// The directory is new, but one of its name has been before: what
			// it sent to the sinks must not look newer than what we will send.
			s.epoch = claimed + 1
		}
		if err := s.claimEpoch(s.epoch); err != nil {
			return err
		}
		b := s.NewBatch()
		b.Set(metaFormat, []byte{Format})
		b.Set(metaEpoch, binary.BigEndian.AppendUint32(nil, s.epoch))
		return b.Commit()
	case err != nil:
		return fmt.Errorf("read the format of %s: %w", s.dir, err)
	case len(v) != 1 || v[0] != Format:
		return versionError(s.dir, v)
	}
	e, err := s.Get(metaEpoch)
	if err != nil || len(e) != 4 {
		return fmt.Errorf("read the epoch of %s: %d bytes, %w", s.dir, len(e), err)
	}
	s.epoch = binary.BigEndian.Uint32(e)
	return nil
}

// pebbleOptions sets on purpose what the defaults get wrong for us: with them
// a commit's P99 was 240 ms on the machine that we measured on. The keys of a
// bucket come in no order, so that every compaction into the base level rewrites
// much of it: ten sublevels are let grow before one begins, which reads pass
// over by their Bloom filters.
func (s *Store) pebbleOptions(opt Options) *pebble.Options {
	cache := opt.CacheSize
	if cache == 0 {
		cache = 512 << 20
	}
	o := &pebble.Options{
		FS:                          s.fs,
		Comparer:                    comparer,
		Merger:                      merger,
		FormatMajorVersion:          pebble.FormatNewest,
		CacheSize:                   cache,
		MemTableSize:                64 << 20,
		MemTableStopWritesThreshold: 4,
		L0CompactionThreshold:       20,
		L0StopWritesThreshold:       1000,
		LBaseMaxBytes:               256 << 20,
		MaxOpenFiles:                4096,
		BytesPerSync:                1 << 20,
		WALBytesPerSync:             512 << 10,
		DisableWAL:                  opt.Ephemeral,
		ReadOnly:                    opt.ReadOnly,
		ErrorIfNotExists:            opt.ReadOnly,
		Logger:                      logger{opt.Logger},
		CompactionConcurrencyRange:  func() (int, int) { return 1, max(1, runtime.GOMAXPROCS(0)/2) },
		EventListener: &pebble.EventListener{
			WriteStallBegin: func(pebble.WriteStallBeginInfo) { s.stalls.Add(1) },
			BackgroundError: s.backgroundError(opt),
		},
	}
	o.FlushSplitBytes = 4 << 20
	o.TargetFileSizes[0] = 8 << 20
	for i := range o.Levels {
		o.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
		o.Levels[i].BlockSize = 16 << 10
		o.Levels[i].Compression = func() *sstable.CompressionProfile { return sstable.SnappyCompression }
	}
	// Most of the data rests in the last level: larger blocks, denser coding.
	last := &o.Levels[len(o.Levels)-1]
	last.BlockSize = 32 << 10
	last.Compression = func() *sstable.CompressionProfile { return sstable.ZstdCompression }
	return o
}

// backgroundError tells of failed flushes and compactions, which are tried
// again at once, no more than every few seconds.
func (s *Store) backgroundError(opt Options) func(error) {
	var mu sync.Mutex
	var last time.Time
	return func(err error) {
		mu.Lock()
		defer mu.Unlock()
		if opt.OnDiskFull != nil && errors.Is(err, syscall.ENOSPC) {
			opt.OnDiskFull(err)
			opt.OnDiskFull = nil
		}
		if time.Since(last) >= 10*time.Second {
			last = time.Now()
			logger{opt.Logger}.Errorf("background work of the store failed and is tried again: %v", err)
		}
	}
}

// Dir is the directory that the store was opened on.
func (s *Store) Dir() string { return s.dir }

// Epoch is the owner's number; it is the high part of every row's revision.
func (s *Store) Epoch() uint32 { return s.epoch }

// SetEpoch claims a later epoch, after a sink told that it had seen this one.
func (s *Store) SetEpoch(e uint32) error {
	if e <= s.epoch {
		return fmt.Errorf("BUG: epoch %d does not follow %d", e, s.epoch)
	}
	if err := s.claimEpoch(e); err != nil {
		return err
	}
	b := s.NewBatch()
	b.Set(metaEpoch, binary.BigEndian.AppendUint32(nil, e))
	if err := b.Commit(); err != nil {
		return err
	}
	s.epoch = e
	return nil
}

// Close flushes what an ephemeral store holds and releases the lock.
func (s *Store) Close() error { return s.db.Close() }

// Metrics of the database, and how often it had to stop writers.
func (s *Store) Metrics() (*pebble.Metrics, int64) { return s.db.Metrics(), s.stalls.Load() }

// Sizes summarises the database for people: bytes on disk, bytes waiting to be
// compacted, bytes written by flushes and compactions.
type Sizes struct {
	Disk, Debt, Written, WAL uint64
	Stalls                   int64
	Compacting               bool
}

// Sizes measures the store.
func (s *Store) Sizes() Sizes {
	m := s.db.Metrics()
	total := m.Total()
	return Sizes{
		Disk:    m.DiskSpaceUsage(),
		Debt:    m.Compact.EstimatedDebt,
		Written: total.TableBytesFlushed + total.TableBytesCompacted + m.WAL.BytesWritten,
		WAL:     m.WAL.BytesWritten,
		Stalls:  s.stalls.Load(),

		Compacting: m.Compact.NumInProgress > 0 || m.Flush.NumInProgress > 0,
	}
}

// logger passes on what an operator should see and drops the chatter.
type logger struct{ log *slog.Logger }

func (l logger) Infof(string, ...any) {}

func (l logger) Errorf(format string, args ...any) {
	if l.log != nil {
		l.log.Error("store", slog.String("detail", fmt.Sprintf(format, args...)))
	}
}

// Fatalf is called when the database cannot go on without risking what it
// holds, such as a write-ahead log that cannot be written. Nothing that was
// promised is lost: the process ends and the next start recovers.
func (l logger) Fatalf(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "tributary: the store cannot go on: %s\n", fmt.Sprintf(format, args...))
	os.Exit(1)
}

// SyncLog returns when everything applied before the call is durable.
func (s *Store) SyncLog() error {
	if s.ephemeral {
		return nil
	}
	if err := s.db.LogData(nil, pebble.Sync); err != nil {
		return fmt.Errorf("sync the log: %w", err)
	}
	return nil
}
