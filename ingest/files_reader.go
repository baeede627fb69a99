package ingest

import (
	"bytes"
	"fmt"
	"io"

	"github.com/tributary-data/tributary/event"
)

// reader cuts a stream into chunks of whole records. It holds at most the
// greatest record and a chunk in memory: of a longer line it keeps the first
// MiB and only counts the rest.
type reader struct {
	in     io.Reader
	prefix string // of positions
	path   string // for messages
	line   int64  // the line at which rest begins
	begun  bool   // the BOM is behind
	rest   []byte // read, but not handed out
	err    error  // the end of the stream, held until rest is out

	// cut gives how many bytes of data are whole records, 0 for none yet. At
	// the end of the stream a record may end without a line end.
	cut func(data []byte, end bool) int
}

// longest is what must be read without finding the end of a record to know that
// it is too large: a carriage return may belong to its line end.
const longest = MaxRecord + 2

func cutLines(data []byte, end bool) int {
	if end {
		return len(data)
	}
	return bytes.LastIndexByte(data, '\n') + 1
}

func (r *reader) next() (*chunk, error) {
	size := chunkSize
	for {
		r.fill(size)
		if !r.begun {
			r.begun = true
			r.rest = bytes.TrimPrefix(r.rest, []byte("\xef\xbb\xbf"))
		}
		// After a fault of reading, what has no line end was cut off in the
		// middle, and is no record.
		n := r.cut(r.rest, r.ended())
		switch {
		case n > 0:
			return r.take(n), nil
		case r.ended() && len(r.rest) == 0:
			return nil, io.EOF
		case r.ended(), r.err == nil && len(r.rest) >= longest:
			return r.broken()
		case r.err != nil:
			return nil, r.fault()
		}
		size = min(2*len(r.rest), longest) // a record larger than a chunk
	}
}

// ended says that the stream was read to its end. That is io.EOF itself: within
// another error it tells of a stream that was cut short.
func (r *reader) ended() bool { return r.err == io.EOF } //nolint:errorlint // see above

// fill reads until rest has size bytes or the stream ends. Chunks alias what
// was read, so every fill begins with new memory.
func (r *reader) fill(size int) {
	if r.err != nil || len(r.rest) >= size {
		return
	}
	buf := make([]byte, size)
	n := copy(buf, r.rest)
	// Not io.ReadFull: its ErrUnexpectedEOF hides whether the stream ended, or
	// says of itself that it was cut short.
	for idle := 0; n < size && r.err == nil; idle++ {
		var m int
		if m, r.err = r.in.Read(buf[n:]); m > 0 {
			idle = 0
		}
		n += m
		if idle > 100 {
			r.err = io.ErrNoProgress
		}
	}
	r.rest = buf[:n]
}

func (r *reader) take(n int) *chunk {
	c := &chunk{data: r.rest[:n:n], first: r.line}
	r.rest = r.rest[n:]
	r.line += int64(bytes.Count(c.data, []byte{'\n'}))
	return c
}

// broken hands out the line at which a record begins that has no end: either a
// line that is too large, or one that opens a quote that nothing closes.
func (r *reader) broken() (*chunk, error) {
	if n := bytes.IndexByte(r.rest, '\n'); n >= 0 || r.ended() {
		if n < 0 {
			n = len(r.rest)
		}
		pos := event.Position{Prefix: r.prefix, N: r.line}
		line := trimCR(r.take(min(n+1, len(r.rest))).data[:n])
		dead := event.Record{Dead: &event.DeadLetter{
			Pos: pos, Code: event.Malformed, Raw: line,
			Message: "a cell opens a quote that is not closed within 1 MiB; reading goes on at the next line: write a quote inside a cell as two",
		}}
		if len(line) > MaxRecord {
			dead = tooLarge(line, int64(len(line)), pos)
		}
		return &chunk{dead: &dead}, nil
	}
	head, size := r.rest[:MaxRecord:MaxRecord], int64(len(r.rest))
	last := r.rest[len(r.rest)-1]
	buf := make([]byte, chunkSize)
	r.rest = nil
	for {
		n, err := r.in.Read(buf)
		if end := bytes.IndexByte(buf[:n], '\n'); end >= 0 {
			if end > 0 {
				last = buf[end-1]
			}
			size += int64(end)
			if last == '\r' {
				size--
			}
			r.rest = append([]byte(nil), buf[end+1:n]...)
			r.err = err
			dead := tooLarge(head, size, event.Position{Prefix: r.prefix, N: r.line})
			r.line++
			return &chunk{dead: &dead}, nil
		}
		if n > 0 {
			last = buf[n-1]
		}
		size += int64(n)
		if err != nil {
			// Large beyond doubt, whether the stream was cut here or not.
			r.err = err
			dead := tooLarge(head, size, event.Position{Prefix: r.prefix, N: r.line})
			r.line++
			return &chunk{dead: &dead}, nil //nolint:nilerr // r.err holds it for the next call
		}
	}
}

func (r *reader) fault() error {
	return fmt.Errorf("reading %s failed at line %d (%w): the lines before it were read; the file is cut short or damaged, so copy it again", r.path, r.line, r.err)
}
