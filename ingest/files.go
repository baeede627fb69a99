package ingest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/tributary-data/tributary/event"
)

// FileOptions say how files are read.
type FileOptions struct {
	Decode   DecodeConfig
	Clock    event.Millis // what events may be at most five minutes ahead of
	Workers  int          // decoding goroutines; 0 is one for each processor
	Ahead    int          // chunks that may wait to be taken; 0 is two for each worker
	Mappings []Mapping    // validated

	// Judge, when set, gives Event.Lists; the workers call it at the same time.
	// NewJudge, when set, makes one for each worker instead, which may then
	// keep a cache of its own.
	Judge    func(*event.Event) event.Reasons
	NewJudge func() func(*event.Event) event.Reasons
}

// File is one input file. One goroutine calls Next and Close.
//
// A reading goroutine cuts the file into chunks of whole records, and workers
// decode the chunks; both run ahead of Next by a bounded number of chunks and
// start with its first call, so that many files can be open. Chunks come out
// in the order of the file.
type File struct {
	base    string
	prefix  string
	implied string
	opt     FileOptions
	rows    *rowPlans // nil without mappings
	csv     *csvLayout
	cells   bool // the rows are NDJSON made from typed columns

	size  int64
	taken atomic.Int64

	source  source
	closers []func() error

	started bool
	stop    chan struct{}
	order   chan *chunk // as read
	jobs    chan *chunk // to be decoded
	free    chan []event.Record
	running sync.WaitGroup
	ended   error

	mu struct {
		sync.Mutex
		stats stats
	}
}

const (
	// chunkSize is how much is decoded at once: large enough that handing it
	// over costs nothing, small enough that hundreds of open files fit in memory.
	chunkSize = 128 << 10
	// aheadPerWorker is the least number of chunks that may wait per worker, so
	// that none starves while Next is busy.
	aheadPerWorker = 2
	// aheadInAll is how many chunks may wait in all files that are read at once:
	// the records of three ticks of a replay, so that they are decoded while one
	// is applied. About 40 MiB with their events.
	aheadInAll = 144
	// usualRecord is the size of a record by which room is made for a chunk's.
	usualRecord = 256
)

// Ahead is how many chunks each of so many files that are read at once may have
// waiting.
func Ahead(files int) int { return aheadInAll / max(1, files) }

// recycled is how many batches Recycle keeps beyond those that are read ahead:
// about what one tick of a replay holds.
const recycled = 64

// chunk is a part of a file: whole records, or one that is dead already.
type chunk struct {
	data  []byte
	first int64 // the line, or row, at which data begins
	dead  *event.Record
	err   error // after what stands before; then it is the last chunk

	records []event.Record
	done    chan struct{}
}

// source cuts an input into chunks; io.EOF ends it.
type source interface{ next() (*chunk, error) }

// OpenFile opens an NDJSON, CSV or Parquet file, plain or as .gz or .zst.
func OpenFile(path string, opt FileOptions) (*File, error) {
	f := &File{base: filepath.Base(path), opt: opt, stop: make(chan struct{})}
	f.prefix, f.implied = f.base+":", ImpliedType(f.base)
	if f.opt.Workers <= 0 {
		f.opt.Workers = runtime.GOMAXPROCS(0)
	}
	if err := f.open(path); err != nil {
		return nil, errors.Join(err, f.closeAll())
	}
	return f, nil
}

// counting counts the bytes that are read, packed ones as they lie on disk.
type counting struct {
	io.Reader
	n *atomic.Int64
}

func (c *counting) Read(b []byte) (int, error) {
	n, err := c.Reader.Read(b)
	c.n.Add(int64(n))
	return n, err
}

// Size is the size of the file in bytes, and how many of them have been read.
// Of a Parquet file that is not packed it is not known how many.
func (f *File) Size() (size, read int64) { return f.size, f.taken.Load() }

// Base is the base name of the file.
func (f *File) Base() string { return f.base }

func (f *File) open(path string) error {
	format, packing, ok := formatOf(f.base)
	if !ok {
		return fmt.Errorf("%s: unknown kind of file; name it .ndjson (or .jsonl, .json with one object a line), .csv or .parquet, each also with .gz or .zst", path)
	}
	in, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("opening an input: %w", err)
	}
	f.closers = append(f.closers, in.Close)
	info, err := in.Stat()
	if err != nil {
		return fmt.Errorf("opening an input: %w", err)
	}
	if info.IsDir() {
		return fmt.Errorf("%s is a directory; name the files in it, for example %s", path, filepath.Join(path, "*"))
	}
	plans, mappings, err := plansFor(f.base, f.opt.Mappings)
	if err != nil {
		return err
	}
	f.rows, f.size = plans, info.Size()
	unpacked, err := f.unpack(&counting{in, &f.taken}, packing)
	if err != nil {
		return fmt.Errorf("%s: the %s data cannot be read (%w): check that the file is complete, or copy it again", path, packing, err)
	}
	switch format {
	case "parquet":
		f.cells = true
		return f.openParquet(path, in, info.Size(), unpacked, packing)
	case "csv":
		f.csv = &csvLayout{delimiter: ','}
		return f.openCSV(path, unpacked, mappings)
	}
	f.source = &reader{in: unpacked, prefix: f.prefix, path: path, line: 1, cut: cutLines}
	return nil
}

// formatOf tells format and packing by the name.
func formatOf(base string) (format, packing string, ok bool) {
	name := strings.ToLower(base)
	for _, p := range []string{".gz", ".zst"} {
		if rest, has := strings.CutSuffix(name, p); has {
			name, packing = rest, p[1:]
		}
	}
	switch filepath.Ext(name) {
	case ".ndjson", ".jsonl", ".json":
		return "ndjson", packing, true
	case ".csv", ".tsv":
		return "csv", packing, true
	case ".parquet":
		return "parquet", packing, true
	}
	return "", "", false
}

func (f *File) unpack(in io.Reader, packing string) (io.Reader, error) {
	switch packing {
	case "gz":
		z, err := gzip.NewReader(in)
		if err != nil {
			return nil, err
		}
		return z, nil
	case "zst":
		// One goroutine, and no window larger than zstd --long=27 makes: what a
		// file may claim is bounded.
		z, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(128<<20), zstd.WithDecoderLowmem(true))
		if err != nil {
			return nil, err
		}
		f.closers = append(f.closers, func() error { z.Close(); return nil })
		return z, nil
	}
	return in, nil
}

// Next gives the next records in the order of the file; io.EOF after the last.
// A fault of reading comes after the records before it. The batch is the
// caller's, who may give it back to Recycle.
func (f *File) Next(ctx context.Context) ([]event.Record, error) {
	if !f.started {
		f.start()
	}
	for f.ended == nil {
		var c *chunk
		select {
		case c = <-f.order:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		if c.err != nil {
			f.ended = c.err
			break
		}
		<-c.done // a worker has it: decoding ends by itself
		if len(c.records) > 0 {
			return c.records, nil
		}
		f.Recycle(c.records)
	}
	return nil, f.ended
}

// Recycle takes back a batch whose records nobody reads any more. The strings
// of its events stay valid.
func (f *File) Recycle(batch []event.Record) {
	if cap(batch) == 0 || f.free == nil {
		return
	}
	select {
	case f.free <- batch[:0]:
	default:
	}
}

// Stats gives the counts of all that Next has returned, and of some ahead.
func (f *File) Stats() Stats {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.mu.stats.export()
}

// Close ends the goroutines and closes the file; a second call does nothing.
func (f *File) Close() error {
	select {
	case <-f.stop:
		return nil
	default:
	}
	close(f.stop)
	f.running.Wait() // they read from what is closed next
	if f.ended == nil {
		f.ended = errors.New("the file is closed")
	}
	return f.closeAll()
}

func (f *File) closeAll() error {
	var errs []error
	for i := len(f.closers) - 1; i >= 0; i-- {
		errs = append(errs, f.closers[i]())
	}
	f.closers = nil
	return errors.Join(errs...)
}

func (f *File) start() {
	f.started = true
	ahead := max(f.opt.Ahead, f.opt.Workers*aheadPerWorker)
	f.order = make(chan *chunk, ahead)
	f.jobs = make(chan *chunk, ahead)
	f.free = make(chan []event.Record, ahead+recycled)
	f.running.Go(f.read)
	for range f.opt.Workers {
		f.running.Go(f.work)
	}
}

// read hands every chunk first to order, whose capacity bounds how far reading
// runs ahead, then to the workers.
func (f *File) read() {
	defer close(f.jobs)
	for {
		c, err := f.source.next()
		if err != nil {
			c = &chunk{err: err}
		}
		c.done = make(chan struct{})
		select {
		case f.order <- c:
		case <-f.stop:
			return
		}
		if c.err != nil {
			return
		}
		select {
		case f.jobs <- c:
		case <-f.stop:
			close(c.done)
			return
		}
	}
}

func (f *File) work() {
	w := worker{File: f, dec: NewDecoder(f.opt.Decode), judge: f.opt.Judge}
	if f.opt.NewJudge != nil {
		w.judge = f.opt.NewJudge()
	}
	for c := range f.jobs {
		select {
		case c.records = <-f.free:
		default:
			c.records = make([]event.Record, 0, len(c.data)/usualRecord)
		}
		w.decode(c)
		f.mu.Lock()
		f.mu.stats.add(&w.dec.stats)
		f.mu.Unlock()
		w.dec.stats = stats{}
		close(c.done)
	}
}

// worker decodes chunks; one goroutine owns it.
type worker struct {
	*File
	dec   *Decoder
	judge func(*event.Event) event.Reasons
	cols  []value  // the row's cells, by rows.columns
	cell  []string // the row's cells, by the header
}

func (w *worker) decode(c *chunk) {
	switch {
	case c.dead != nil:
		c.records = append(c.records, *c.dead)
		return
	case w.csv != nil:
		w.decodeCSV(c)
	default:
		w.decodeLines(c)
	}
	if w.judge == nil {
		return
	}
	for i := range c.records {
		if r := &c.records[i]; r.Dead == nil {
			r.Event.Lists = w.judge(&r.Event)
		}
	}
}

func (w *worker) decodeLines(c *chunk) {
	rest, n := c.data, c.first
	for ; len(rest) > 0; n++ {
		line := rest
		if end := bytes.IndexByte(rest, '\n'); end >= 0 {
			line, rest = trimCR(rest[:end]), rest[end+1:]
		} else {
			rest = nil
		}
		if blanks(line, 0) == len(line) {
			continue
		}
		c.records = w.decodeLine(line, event.Position{Prefix: w.prefix, N: n}, c.records)
	}
}

func (w *worker) decodeLine(line []byte, pos event.Position, out []event.Record) []event.Record {
	line = line[:len(line):len(line)]
	if !w.cells && w.rows == nil || len(line) > MaxRecord {
		out = oneMore(out)
		w.dec.Decode(line, w.implied, w.opt.Clock, pos, &out[len(out)-1])
		return out
	}
	if f := w.dec.scan(line); f.what != "" {
		return append(out, event.Record{Dead: &event.DeadLetter{Pos: pos, Code: event.Malformed, Message: f.message(line), Raw: line}})
	}
	if w.rows == nil {
		out = oneMore(out)
		w.dec.cells = true
		w.dec.finish(line, w.implied, w.opt.Clock, pos, &out[len(out)-1])
		return out
	}
	w.cols = w.cols[:0]
	for _, name := range w.rows.columns {
		w.cols = append(w.cols, w.dec.lookup(line, name))
	}
	return w.dec.mapRow(w.rows, w.cols, line, w.implied, w.opt.Clock, pos, out)
}

// oneMore makes room for a record that is written next as a whole; in a batch
// that came back, it does not clear what that will overwrite.
func oneMore(out []event.Record) []event.Record {
	if n := len(out); n < cap(out) {
		return out[:n+1]
	}
	return append(out, event.Record{})
}

func trimCR(line []byte) []byte {
	if n := len(line); n > 0 && line[n-1] == '\r' {
		return line[:n-1]
	}
	return line
}
