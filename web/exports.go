package web

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/table"
)

// Exporter takes whole tables out of the running program, in answers and as
// jobs, and looks after its sinks. Any goroutine may use it.
type Exporter interface {
	// Stream writes a table as it stands at one commit. begin is called once
	// that is known, and gives what is written to. ErrBusy: too many at once.
	Stream(ctx context.Context, x *TableExport, begin func(at Snapshot) io.Writer) (rows int64, err error)

	// Create queues a job. ErrBadExport says what is wrong with it, ErrBusy that
	// too many wait.
	Create(x *JobRequest) (*Job, error)
	// Jobs are all that are known, newest first; Job is one of them, or nil.
	Jobs() []*Job
	Job(id string) *Job
	// Remove cancels a job that waits or runs, and forgets one that has ended
	// together with its files; false: there is none.
	Remove(ctx context.Context, id string) (bool, error)
	// Open reads a file of a job that is done.
	Open(id, name string) (io.ReadSeekCloser, error)

	// SinkStates are the sinks in the order of the configuration.
	SinkStates() []SinkState
	// Reconcile brings a sink to the newest commit and compares it with the
	// state, Resync has it written anew; nil: there is no such sink.
	Reconcile(ctx context.Context, sink string) (*Reconciliation, error)
	Resync(ctx context.Context, sink string) error
}

// What an Exporter returns beside ErrBusy.
var (
	ErrBadExport   = errors.New("the export cannot be made")
	ErrNoSink      = errors.New("there is no such sink")
	ErrUnreachable = errors.New("the store cannot be reached")
)

// Snapshot is the commit that an export shows.
type Snapshot struct {
	Epoch, Commit uint64
	Watermark     event.Millis
}

// TableExport is what is wanted of one table.
type TableExport struct {
	Table       *table.Table
	From, To    event.Millis // half open; NoTime: no bound
	Format      string       // ndjson, csv, parquet
	Compression string       // none, gzip, zstd
	Mask        func(*table.Table, table.Row)
}

// JobRequest is what a job is to do.
type JobRequest struct {
	Tables      []*table.Table
	From, To    event.Millis
	Format      string
	Compression string
	Destination string // "download", or the URL of a bucket
	Masked      bool   // persons are replaced by pseudonyms
	By          string // who asked
}

// Job is an export that is made in the background.
type Job struct {
	ID string
	JobRequest
	State     string // queued, running, done, failed, cancelled
	Created   time.Time
	Started   time.Time // zero: not yet
	Ended     time.Time
	Expires   time.Time // when its files are removed; zero: never
	At        Snapshot  // Commit 0: not known yet
	Rows      int64
	Bytes     int64
	Now       string  // the table that is being written
	Progress  float64 // 0 to 1, by tables and rows
	RowsPerMs float64
	Restarts  int // after a stop of the program
	Files     []JobFile
	Error     string
}

// The states of a job.
const (
	JobQueued    = "queued"
	JobRunning   = "running"
	JobDone      = "done"
	JobFailed    = "failed"
	JobCancelled = "cancelled"
)

// JobFile is one file of a job.
type JobFile struct {
	Table  string `json:"table"`
	Name   string `json:"name"`
	Rows   int64  `json:"rows"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// SinkState is what an operator wants to know of a sink.
type SinkState struct {
	Name        string
	Where       string // the directory or bucket, where that is known
	State       string // ok, catching_up, down
	Commit      uint64
	Watermark   event.Millis
	OutboxRows  int64
	Lag         time.Duration
	Rows        uint64 // sent since the start
	Bytes       uint64
	Batches     uint64
	Resyncs     uint64
	Failures    uint64
	Resyncing   bool
	LastSuccess time.Time
	Error       string // of the last round; empty when it succeeded
	LastError   time.Time
	NextTry     time.Time
	Advice      string // what an operator can do; empty when there is nothing to do
	Reconciles  bool   // it can be compared with the state
}

// Reconciliation is what a comparison found.
type Reconciliation struct {
	At          Snapshot
	Tables      []ReconciledTable
	Differences []ReconciledDifference // the first of them
	Total       int
}

// ReconciledTable sums up one table.
type ReconciledTable struct {
	Table       string
	Kept        bool // false: the sink does not keep it
	State, Sink int64
	Differences int
}

// ReconciledDifference is a count or a sum that is not the same on both sides.
type ReconciledDifference struct {
	Table, Group, Column string
	State, Sink          int64
}

// ServeExports has the routes of exports and sinks answered. It is called before
// Serve; without it they say that this server has none.
func (s *Server) ServeExports(x Exporter) {
	s.exporter = x
	s.registry.MustRegister(&exportCollector{x})
}

// MaskRow replaces what may not be seen without the scope read:pii.
func (s *Server) MaskRow(t *table.Table, row table.Row) { (&masking{s: s}).row(t, row) }
