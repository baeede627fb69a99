package bigquery

import (
	"context"
	"errors"
	"sync"
	"time"

	"cloud.google.com/go/bigquery/storage/managedwriter"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/tributary-data/tributary/sinks"
	"github.com/tributary-data/tributary/table"
)

// A request may have 10 MB, schema and all; a row of ours has at most a few.
const (
	maxRequest = 9 << 20
)

// write serializes and sends a table's records, in requests that are not too
// large.
func (s *Sink) write(ctx context.Context, t *table.Table, records []record) error {
	var chunk [][]byte
	size := 0
	flush := func() error {
		if len(chunk) == 0 {
			return nil
		}
		var err error
		if isLog(t) {
			err = s.writers.log(ctx, t, s.positions[t], chunk)
		} else {
			err = s.writers.upsert(ctx, t.Name, func() *descriptorpb.DescriptorProto { return descriptor(t) }, chunk)
		}
		chunk, size = nil, 0
		return err
	}
	for i := range records {
		row := records[i].append(nil)
		if size+len(row) > maxRequest {
			if err := flush(); err != nil {
				return err
			}
		}
		chunk = append(chunk, row)
		size += len(row)
	}
	return flush()
}

// writers are the open streams, one for each table. Different tables may be
// written to by different goroutines at once.
type writers struct {
	s       *Sink
	closing sync.WaitGroup // streams that were let go of
	mu      struct {
		sync.Mutex
		open map[string]*writer
	}
}

// writer is an open stream.
type writer struct {
	*managedwriter.ManagedStream
	end context.CancelFunc
	// Of a log: whether the end of the stream is known for certain, because it
	// was made or appended to here. Only then is a request that is refused as a
	// repeat our own.
	sure bool
}

func newWriters(s *Sink) *writers {
	w := &writers{s: s}
	w.mu.open = map[string]*writer{}
	return w
}

// close lets go of all streams, and returns when nothing of them is left. A
// stream that is connecting anew gives up its lock only when the network is
// back; then cut has to end the connections under it.
func (w *writers) close(cut func()) {
	w.mu.Lock()
	for name := range w.mu.open {
		w.dropLocked(name)
	}
	w.mu.Unlock()
	gone := make(chan struct{})
	go func() {
		w.closing.Wait()
		close(gone)
	}()
	timer := time.NewTimer(closeWait)
	defer timer.Stop()
	select {
	case <-gone:
		return
	case <-timer.C:
	}
	cut()
	<-gone
}

// closeWait is how long streams may take to close that have nothing to do.
const closeWait = time.Second

func (x *writer) close() {
	x.end()
	_ = x.Close() // what was acknowledged stays; the rest is sent again
}

func (w *writers) drop(name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.dropLocked(name)
}

// dropLocked does not wait for the stream: that may take as long as the network
// is gone.
func (w *writers) dropLocked(name string) {
	if x := w.mu.open[name]; x != nil {
		w.closing.Go(x.close)
		delete(w.mu.open, name)
	}
}

func (w *writers) get(name string) *writer {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.mu.open[name]
}

// dial opens a stream that outlives the call, but gives up with it.
func (w *writers) dial(ctx context.Context, name string, d *descriptorpb.DescriptorProto, opts ...managedwriter.WriterOption) (*writer, error) {
	life, end := context.WithCancel(w.s.life)
	timer := time.AfterFunc(w.s.timeout(), end)
	stop := context.AfterFunc(ctx, end)
	opts = append(opts, managedwriter.WithSchemaDescriptor(d), managedwriter.EnableWriteRetries(false), managedwriter.WithTraceID("tributary:"+name))
	m, err := w.s.client.mw.NewManagedStream(life, opts...)
	if !stop() || !timer.Stop() { // it came too late
		if err == nil {
			_ = m.Close() // nothing was sent
			err = context.DeadlineExceeded
		}
	}
	if err != nil {
		end()
		if ctx.Err() != nil {
			err = errors.Join(ctx.Err(), err)
		}
		return nil, err
	}
	x := &writer{ManagedStream: m, end: end}
	w.mu.Lock()
	w.mu.open[name] = x
	w.mu.Unlock()
	return x, nil
}

func (s *Sink) timeout() time.Duration { return time.Duration(s.cfg.Timeout) * time.Millisecond }

func (w *writers) parent(name string) managedwriter.WriterOption {
	return managedwriter.WithDestinationTable(managedwriter.TableParentFromParts(w.s.cfg.Project, w.s.cfg.Dataset, name))
}

// append makes one request and waits for its answer.
func (x *writer) appendRows(ctx context.Context, limit time.Duration, data [][]byte, opts ...managedwriter.AppendOption) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	r, err := x.AppendRows(ctx, data, opts...)
	if err == nil {
		_, err = r.GetResult(ctx)
	}
	return err
}

// upsert sends changes of current rows. Repeats change nothing, so whatever may
// pass is tried again.
func (w *writers) upsert(ctx context.Context, name string, d func() *descriptorpb.DescriptorProto, data [][]byte) error {
	last := time.Now().Add(w.s.timeout()) // then the deliverer should know
	for n := 0; ; n++ {
		x := w.get(name)
		var err error
		if x == nil {
			x, err = w.dial(ctx, name, d(), w.parent(name), managedwriter.WithType(managedwriter.DefaultStream))
		}
		if err == nil {
			err = x.appendRows(ctx, w.s.timeout(), data)
		}
		if err == nil {
			return nil
		}
		w.drop(name)
		if !mayPass(err) || ctx.Err() != nil || n+1 == tries || time.Now().After(last) || pause(ctx, n) != nil {
			return err
		}
	}
}

// log appends rows to a table's stream, at the offset where it stands. What the
// answer says of the offset decides:
//   - the rows are there already, and we have just sent them: the first answer
//     was lost, and all is well;
//   - rows are there that we know nothing of: an earlier process died before it
//     noted them. They are left behind with their stream, ours go to a new one;
//     the view shows each entry once;
//   - the stream is shorter than what was acknowledged: the store lost rows.
func (w *writers) log(ctx context.Context, t *table.Table, p *position, data [][]byte) error {
	last := time.Now().Add(w.s.timeout())
	for n := 0; ; n++ {
		x, err := w.logStream(ctx, t, p)
		if err == nil {
			err = x.appendRows(ctx, w.s.timeout(), data, managedwriter.WithOffset(p.next))
		}
		if codeOf(err) == codes.AlreadyExists {
			if n > 0 && x.sure {
				err = nil
			} else {
				w.drop(t.Name)
				p.stream, p.next, n = "", 0, -1
				continue
			}
		}
		if err == nil {
			p.next += int64(len(data))
			x.sure = true
			return nil
		}
		switch {
		case codeOf(err) == codes.OutOfRange:
			return errors.Join(sinks.ErrGap, err)
		case !mayPass(err) || ctx.Err() != nil || n+1 == tries || time.Now().After(last):
			return err
		}
		// The stream stays open: it connects anew by itself, and knows its end.
		if pause(ctx, n) != nil {
			return err
		}
	}
}

// logStream goes on with the stream of the position, or makes a new one when
// there is none or it has expired.
func (w *writers) logStream(ctx context.Context, t *table.Table, p *position) (*writer, error) {
	if x := w.get(t.Name); x != nil {
		return x, nil
	}
	d := descriptor(t)
	if p.stream != "" {
		x, err := w.dial(ctx, t.Name, d, managedwriter.WithStreamName(p.stream))
		if err == nil || ctx.Err() != nil {
			return x, err
		}
	}
	x, err := w.dial(ctx, t.Name, d, w.parent(t.Name), managedwriter.WithType(managedwriter.CommittedStream))
	if err != nil {
		return nil, err
	}
	p.stream, p.next, x.sure = x.StreamName(), 0, true
	return x, nil
}
