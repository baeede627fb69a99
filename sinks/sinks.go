// Package sinks carries committed rows to the stores that others read. It owns
// the contract between the state (a Source), the stores (Sinks) and the
// deliverer between them; it keeps no state of its own that a crash could lose.
//
// Invariants:
//  1. Only committed rows leave: everything comes from a View of the state.
//  2. Rows are absolute. Sending one twice, late, or in another order changes
//     nothing, so every failure is answered by sending again.
//  3. Changes are acknowledged to the source only after the sink holds them
//     durably; until then the source keeps them.
//  4. A sink never goes back to an older epoch: whoever writes under one is
//     refused with ErrFenced, or changes nothing.
package sinks

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"time"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/table"
)

var (
	// ErrFenced means that the store was taken over under a newer epoch. The
	// deliverer ends with it; trying again cannot help.
	ErrFenced = errors.New("another owner writes to this sink under a newer epoch")
	// ErrGap means that changes between the sink's cursor and what can be sent
	// are gone, on either side. The deliverer resyncs.
	ErrGap = errors.New("changes are missing between the sink and the state")
	// ErrAhead means that the sink holds commits that the state has not made: the
	// state was put back to an earlier time, and needs a later epoch.
	ErrAhead = errors.New("the sink is ahead of the state, which was put back to an earlier time; start again, so that the state takes a later epoch")
	// ErrNotKept means that the sink does not keep the table.
	ErrNotKept = errors.New("the sink does not keep this table")
)

// Progress is a point of the committed state: a commit number within an epoch,
// and the watermark that stood there. The zero Progress is before everything.
type Progress struct {
	Epoch     uint32
	Commit    uint64
	Watermark event.Millis
}

// String is the progress for logs.
func (p Progress) String() string { return fmt.Sprintf("epoch %d commit %d", p.Epoch, p.Commit) }

// Rev is the revision of a row: the epoch in the upper 24 bits, the commit
// that last changed it in the lower 40. A greater one supersedes.
func Rev(epoch uint32, commit uint64) uint64 { return uint64(epoch)<<40 | commit&(1<<40-1) }

// Change is one key whose row changed: the current row, not an image of the
// change. Rev may be greater than the commit of its batch.
//
// The credits of a conversion change together and come together: first a
// deletion whose key has the conversion's id, an empty model and position 0,
// which stands for all of them, then every credit that there is now, then the
// conversion.
type Change struct {
	Table *table.Table
	Part  Partition
	Key   table.Row // the key columns
	Row   table.Row // nil when the row is deleted
	Rev   uint64
}

// Partition is a part of a table that is written and replaced as a whole: a
// day, or a bucket where the key holds no time. A key never moves to another
// partition unless the source reports a change in both.
type Partition struct {
	Day    int32  // days since the epoch, where Bucket is 0
	Bucket uint16 // 1 to Buckets, else 0
}

// Buckets is how many partitions a table has whose key holds no time. It is
// part of the layout of every store: changing it needs a resync.
const Buckets = 16

// String is the partition's name in file names and queries.
func (p Partition) String() string {
	if p.Bucket > 0 {
		return fmt.Sprintf("bucket-%02d", p.Bucket)
	}
	return (event.Millis(p.Day) * event.Day).String()[:len("2006-01-02")]
}

// Compare orders partitions: buckets by number, days by date.
func (p Partition) Compare(o Partition) int {
	if p.Bucket != o.Bucket {
		return int(p.Bucket) - int(o.Bucket)
	}
	return int(p.Day) - int(o.Day)
}

// PartitionOf is the partition that a key gives by itself: the day of its
// first time column, else the bucket of its first column, so that the credits
// of a conversion lie with their conversion. A source that knows better (the
// day of a session) may use that instead.
func PartitionOf(t *table.Table, key table.Row) Partition {
	for i := range t.Keys {
		if t.Columns[i].Type == table.Time {
			return Partition{Day: int32(event.Millis(key[i].Int).Floor(event.Day) / event.Day)}
		}
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(key[0].Text))
	return Partition{Bucket: uint16(h.Sum32()%Buckets) + 1}
}

// Source is the committed state as the deliverers see it. All methods may be
// called by several goroutines at once.
type Source interface {
	// View pins the newest durable commit. The caller closes it soon: a view
	// that stays open holds disk space.
	View(ctx context.Context) (View, error)

	// Pending is what lies after the commit; an estimate will do. It must be
	// cheap.
	Pending(after uint64) Backlog

	// Ack says that the named sink holds everything up to the commit durably:
	// the source may forget changes that every sink has acknowledged. Acks of
	// earlier commits than before change nothing.
	Ack(ctx context.Context, sink string, commit uint64) error
}

// Backlog is what a sink lacks.
type Backlog struct {
	Rows   int64     // changed keys, repeats included
	Oldest time.Time // when the oldest commit that it lacks was seen; zero when it lacks none
}

// View is one commit of the state. It is used by one goroutine; rows handed
// out belong to the view and are valid until the next call, or within fn.
type View interface {
	// Progress is the commit.
	Progress() Progress

	// Next gives the keys that changed after the commit `after` (of the same
	// epoch), each once, with their rows as they stand in the view: whole
	// commits in order, as many as fit into limit keys but at least one. The
	// batch's More says whether further changes remain; without, its commit is
	// the view's. ErrGap: the source no longer knows what changed since.
	Next(ctx context.Context, after uint64, limit int) (Batch, error)

	// Partitions lists the partitions of a table that hold rows, in order.
	Partitions(ctx context.Context, t *table.Table) ([]Partition, error)

	// Scan gives the rows of a partition in the order of their keys. An error
	// of fn ends it and is returned.
	Scan(ctx context.Context, t *table.Table, p Partition, fn func(row table.Row, rev uint64) error) error

	// ScanAll gives all rows of a table in the order of their keys. One pass,
	// where Partitions and Scan may need one for each partition.
	ScanAll(ctx context.Context, t *table.Table, fn func(row table.Row, rev uint64) error) error

	// Find gives the rows whose first key columns are those of prefix. It is
	// quick for sessions, conversions and credits; of other tables it may read
	// all. It may be called within the fn of a scan, whose row it leaves alone.
	Find(ctx context.Context, t *table.Table, prefix table.Row) ([]table.Row, error)

	// Close lets the commit go. A second Close does nothing.
	Close() error
}

// Batch is what one Apply takes. It belongs to the caller again when Apply
// returns.
type Batch struct {
	Progress        // where the sink stands once the batch is applied
	After    uint64 // where the sink has to stand for the batch to follow
	Changes  []Change
	More     bool // further batches of the same view follow at once
	View     View // the commit that the rows are of
}

// Pace is how a sink wants to be fed; zero fields leave it to the deliverer.
type Pace struct {
	MaxRows  int           // keys per batch
	MaxBytes int           // of a batch's rows, about
	MaxAge   time.Duration // how long a change may wait for others
	// Recheck is how often a sink that has caught up is asked for its Cursor
	// all the same: for stores that may lose what they acknowledged.
	Recheck time.Duration
}

// Paced is a sink with a pace of its own. It is asked once.
type Paced interface{ Pace() Pace }

// Sink is a store. All methods are called by one goroutine, its deliverer's;
// they may block, and return when ctx ends. After an error any part of the
// call may have been done; the deliverer goes on from a new Cursor.
type Sink interface {
	// Name tells sinks apart in acknowledgements, metrics and logs.
	Name() string

	// Cursor is how far the store is, as it says itself, and so survives a
	// restart on either side; zero when it was never written or is damaged.
	Cursor(ctx context.Context) (Progress, error)

	// Apply makes the store hold the batch's rows and then its progress. When
	// it returns nil for a batch without More, all batches so far are durable.
	// A batch that was applied before changes nothing. ErrFenced: the store is
	// at a newer epoch. ErrGap: the store is not at b.After.
	Apply(ctx context.Context, b Batch) error

	// Resync makes the store hold exactly the rows of the view, then its
	// progress: rows that the view lacks are removed. Until it returns, readers
	// see old rows, new rows, or both. Called again, it starts over.
	Resync(ctx context.Context, v View) error

	// Close lets go of the store and loses nothing. A second Close does
	// nothing.
	Close() error
}

// EachRow gives every row of the view, table by table in the order of the keys:
// what a resync writes.
func EachRow(ctx context.Context, v View, fn func(c Change) error) error {
	for _, t := range table.All {
		err := v.ScanAll(ctx, t, func(row table.Row, rev uint64) error {
			key := row[:t.Keys]
			return fn(Change{Table: t, Part: PartitionOf(t, key), Key: key, Row: row, Rev: rev})
		})
		if err != nil {
			return fmt.Errorf("reading %s: %w", t.Name, err)
		}
	}
	return nil
}
