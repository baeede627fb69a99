package service

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/pipeline"
	"github.com/tributary-data/tributary/table"
	"github.com/tributary-data/tributary/web"
)

// exports makes the exports of a running program. Its jobs lie beside the state,
// in <state.dir>.exports: a record for each, <id>.json, and the files of those
// that are downloaded, in <id>/. A record is replaced as a whole, and a job
// that a stop cut off begins anew, so that a crash at any point leaves either
// what was done or work to do again.
//
// One goroutine, run, makes the jobs, one at a time; the rest may be called by
// any.
type exports struct {
	dir     string
	log     *slog.Logger
	now     func() time.Time
	view    func(ctx context.Context) (*pipeline.View, uint32, error) // one durable commit, and its epoch
	mask    func(*table.Table, table.Row)                             // nil: persons are never replaced
	free    func() int64                                              // bytes of the disk
	allowed string                                                    // endpoint that destinations may name
	wake    chan struct{}                                             // holds one
	streams chan struct{}                                             // a place for each stream

	mu struct {
		sync.Mutex
		jobs   map[string]*web.Job
		cancel context.CancelFunc // of the job that runs
		nowID  string             // of that job
	}
}

// Bounds of what exports keep and hold up.
const (
	maxStreams    = 2 // each pins a commit, which holds disk space
	maxWaiting    = 20
	maxJobs       = 200
	keepFiles     = 7 * 24 * time.Hour
	maxFileBytes  = int64(20) << 30 // of all downloads together
	maxRestarts   = 5
	exportReserve = 2 * resume // free space that an export leaves: intake pauses far below
	expireEvery   = time.Minute
)

// newExports reads the jobs that an earlier run of the program left.
func newExports(dir string, log *slog.Logger) (*exports, error) {
	x := &exports{
		dir: dir, log: log, now: time.Now, free: func() int64 { return 1 << 62 },
		wake: make(chan struct{}, 1), streams: make(chan struct{}, maxStreams),
	}
	x.mu.jobs = map[string]*web.Job{}
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read the exports: %w", err)
	}
	for _, e := range entries {
		id, isRecord := strings.CutSuffix(e.Name(), ".json")
		if !isRecord {
			continue
		}
		j, err := readJob(filepath.Join(dir, e.Name()))
		if err != nil || j.ID != id {
			log.Warn("a record of an export cannot be read and is left alone", slog.String("file", e.Name()), slog.Any("err", err))
			continue
		}
		x.mu.jobs[id] = j
	}
	for _, e := range entries { // files of jobs that are not known any more
		if _, known := x.mu.jobs[e.Name()]; e.IsDir() && !known {
			if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
				return nil, fmt.Errorf("remove what is left of an export: %w", err)
			}
		}
	}
	for _, j := range x.mu.jobs {
		if j.State != web.JobRunning {
			continue
		}
		if j.Restarts++; j.Restarts > maxRestarts {
			j.State, j.Ended = web.JobFailed, x.now()
			j.Error = fmt.Sprintf("the program stopped %d times while it was made", j.Restarts)
		} else {
			reset(j)
		}
		if err := x.save(j); err != nil {
			return nil, err
		}
	}
	x.poke()
	return x, nil
}

// reset puts a job back to its beginning.
func reset(j *web.Job) {
	j.State, j.Started, j.At, j.Rows, j.Bytes, j.Now, j.Progress, j.RowsPerMs, j.Files = web.JobQueued, time.Time{}, web.Snapshot{}, 0, 0, "", 0, 0, nil
}

// record is a job as it lies on the disk.
type record struct {
	ID, State, Format, Compression, Destination, By, Error string
	Tables                                                 []string
	From, To                                               event.Millis
	Masked                                                 bool
	Created, Started, Ended, Expires                       time.Time
	At                                                     web.Snapshot
	Rows, Bytes                                            int64
	Restarts                                               int
	Files                                                  []web.JobFile
}

func readJob(path string) (*web.Job, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var r record
	if err := json.Unmarshal(raw, &r); err != nil {
		return nil, err
	}
	j := &web.Job{
		ID: r.ID, State: r.State, Created: r.Created, Started: r.Started, Ended: r.Ended, Expires: r.Expires, At: r.At,
		Rows: r.Rows, Bytes: r.Bytes, Restarts: r.Restarts, Files: r.Files, Error: r.Error,
		JobRequest: web.JobRequest{From: r.From, To: r.To, Format: r.Format, Compression: r.Compression, Destination: r.Destination, Masked: r.Masked, By: r.By},
	}
	for _, name := range r.Tables {
		t, ok := table.ByName(name)
		if !ok {
			return nil, fmt.Errorf("it names the table %q", name)
		}
		j.Tables = append(j.Tables, t)
	}
	if j.State == web.JobDone {
		j.Progress = 1
	}
	return j, nil
}

// save replaces a job's record.
func (x *exports) save(j *web.Job) (err error) {
	r := record{
		ID: j.ID, State: j.State, Format: j.Format, Compression: j.Compression, Destination: j.Destination, By: j.By, Error: j.Error,
		From: j.From, To: j.To, Masked: j.Masked, Created: j.Created, Started: j.Started, Ended: j.Ended, Expires: j.Expires,
		At: j.At, Rows: j.Rows, Bytes: j.Bytes, Restarts: j.Restarts, Files: j.Files,
	}
	for _, t := range j.Tables {
		r.Tables = append(r.Tables, t.Name)
	}
	raw, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("keep the record of export %s: %w", j.ID, err)
		}
	}()
	if err := os.MkdirAll(x.dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(x.dir, ".record-")
	if err != nil {
		return err
	}
	_, err = f.Write(raw)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), filepath.Join(x.dir, j.ID+".json"))
	}
	if err != nil {
		_ = os.Remove(f.Name()) // the error that counts is above
	}
	return err
}

func (x *exports) poke() {
	select {
	case x.wake <- struct{}{}:
	default:
	}
}

// Create queues a job.
func (x *exports) Create(req *web.JobRequest) (*web.Job, error) {
	if req.Destination != web.Downloads {
		if err := x.checkDestination(req.Destination); err != nil {
			return nil, err
		}
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	waiting := 0
	for _, j := range x.mu.jobs {
		if j.State == web.JobQueued {
			waiting++
		}
	}
	if waiting >= maxWaiting {
		return nil, fmt.Errorf("%w: %d exports wait; cancel some or come back later", web.ErrBusy, waiting)
	}
	now := x.now().UTC()
	// The time to the millisecond comes first, so that ids are in the order of
	// creation.
	j := &web.Job{ID: strings.Replace(now.Format("20060102-150405.000"), ".", "", 1) + "-" + strings.ToLower(rand.Text()[:8]), JobRequest: *req, State: web.JobQueued, Created: now}
	if err := x.save(j); err != nil {
		return nil, err
	}
	x.mu.jobs[j.ID] = j
	x.poke()
	return clone(j), nil
}

func clone(j *web.Job) *web.Job {
	c := *j
	c.Files = slices.Clone(j.Files)
	return &c
}

// Jobs lists all, newest first.
func (x *exports) Jobs() []*web.Job {
	x.mu.Lock()
	defer x.mu.Unlock()
	out := make([]*web.Job, 0, len(x.mu.jobs))
	for _, j := range x.mu.jobs {
		out = append(out, clone(j))
	}
	slices.SortFunc(out, func(a, b *web.Job) int { return strings.Compare(b.ID, a.ID) })
	return out
}

// Job is one of them.
func (x *exports) Job(id string) *web.Job {
	x.mu.Lock()
	defer x.mu.Unlock()
	if j := x.mu.jobs[id]; j != nil {
		return clone(j)
	}
	return nil
}

// Remove cancels a job that has not ended, else forgets it.
func (x *exports) Remove(_ context.Context, id string) (bool, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	j := x.mu.jobs[id]
	switch {
	case j == nil:
		return false, nil
	case j.State == web.JobQueued:
		j.State, j.Ended, j.Expires = web.JobCancelled, x.now().UTC(), x.now().UTC().Add(keepFiles)
		return true, x.save(j)
	case j.State == web.JobRunning:
		j.State = web.JobCancelled // run sees it when its context ends
		if x.mu.nowID == id && x.mu.cancel != nil {
			x.mu.cancel()
		}
		return true, nil
	}
	return true, x.forgetLocked(j)
}

func (x *exports) forgetLocked(j *web.Job) error {
	delete(x.mu.jobs, j.ID)
	// The record goes first: files without a record are removed at the next start.
	err := os.Remove(filepath.Join(x.dir, j.ID+".json"))
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	if err = errors.Join(err, os.RemoveAll(filepath.Join(x.dir, j.ID))); err != nil {
		return fmt.Errorf("remove export %s: %w", j.ID, err)
	}
	return nil
}

// Open reads a file of a job.
func (x *exports) Open(id, name string) (io.ReadSeekCloser, error) {
	j := x.Job(id)
	if j == nil || j.Destination != web.Downloads || !slices.ContainsFunc(j.Files, func(f web.JobFile) bool { return f.Name == name }) {
		return nil, fs.ErrNotExist
	}
	return os.Open(filepath.Join(x.dir, id, name))
}

// expire forgets what is too old or too much, oldest first.
func (x *exports) expire() {
	jobs := x.Jobs()
	var bytes int64
	now := x.now()
	for i, j := range jobs {
		if j.State == web.JobQueued || j.State == web.JobRunning {
			continue
		}
		if j.Destination == web.Downloads {
			bytes += j.Bytes
		}
		if i < maxJobs && bytes <= maxFileBytes && now.Before(j.Expires) {
			continue
		}
		x.mu.Lock()
		err := x.forgetLocked(j)
		x.mu.Unlock()
		if err != nil {
			x.log.Warn("an export that is over could not be removed", slog.Any("err", err))
		}
	}
}
