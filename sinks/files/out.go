package files

import (
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"math"
	"os"

	"github.com/klauspost/compress/zstd"

	"github.com/tributary-data/tributary/sinks/objects"
	"github.com/tributary-data/tributary/table"
)

// Compression of a whole file; Parquet has its own within.
type Compression string

// The compressions.
const (
	None Compression = "none"
	Gzip Compression = "gzip"
	Zstd Compression = "zstd"
)

// Compressions lists them.
var Compressions = []Compression{None, Gzip, Zstd}

// Extension is what a compressed file's name ends in.
func (c Compression) Extension() string {
	switch c {
	case Gzip:
		return ".gz"
	case Zstd:
		return ".zst"
	}
	return ""
}

// NewCompressedWriter starts a file of the table, compressed as a whole.
func NewCompressedWriter(w io.Writer, t *table.Table, f Format, c Compression) (Writer, error) {
	var outer io.WriteCloser
	switch {
	case c == "" || c == None:
		return NewWriter(w, t, f)
	case f == Parquet:
		return nil, fmt.Errorf("a Parquet file is compressed within; leave the compression out")
	case c == Gzip:
		outer = gzip.NewWriter(w)
	case c == Zstd:
		var err error
		if outer, err = zstd.NewWriter(w, zstd.WithEncoderConcurrency(1)); err != nil {
			return nil, err
		}
	default:
		return nil, fmt.Errorf("compression %q is not known; write none, gzip or zstd", c)
	}
	inner, err := NewWriter(outer, t, f)
	if err != nil {
		return nil, err
	}
	return &compressed{Writer: inner, outer: outer}, nil
}

type compressed struct {
	Writer
	outer io.WriteCloser
	done  bool
}

func (c *compressed) Close() error {
	if err := c.Writer.Close(); err != nil || c.done {
		return err
	}
	c.done = true
	return c.outer.Close()
}

// Out is where exports are written: a directory, or a bucket by its URL. A file
// bears its name when it is complete, and replaces an earlier one of that name.
// One goroutine uses it.
type Out struct{ place place }

// OpenOut opens the place and makes the directory where it does not exist.
func OpenOut(dir string, opt objects.Options) (*Out, error) {
	if objects.IsURL(dir) {
		p, err := newBucketPlace(dir, opt)
		if err != nil {
			return nil, err
		}
		return &Out{p}, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, writeError(dir, err)
	}
	return &Out{&dirPlace{dir: dir, disk: osDisk}}, nil
}

// String is the place for people.
func (o *Out) String() string { return o.place.String() }

// Close lets go of connections.
func (o *Out) Close() { o.place.Close() }

// OutFile is one file on its way.
type OutFile struct {
	Name   string
	Rows   int64
	Bytes  int64
	SHA256 string // in hex, once published

	out   *Out
	draft draft
	w     Writer // nil for a file that is no table
	hash  hash.Hash
}

// Table starts the file of a table.
func (o *Out) Table(t *table.Table, f Format, c Compression) (*OutFile, error) {
	x, err := o.create(f.FileName(t) + c.Extension())
	if err != nil {
		return nil, err
	}
	if x.w, err = NewCompressedWriter(sinkOf{x}, t, f, c); err != nil {
		x.Discard()
		return nil, err
	}
	return x, nil
}

// Raw starts a file whose bytes are the caller's.
func (o *Out) Raw(name string) (*OutFile, error) { return o.create(name) }

func (o *Out) create(name string) (*OutFile, error) {
	d, err := o.place.create(name)
	if err != nil {
		return nil, err
	}
	return &OutFile{Name: name, out: o, draft: d, hash: sha256.New()}, nil
}

// sinkOf counts and hashes what the table writer writes.
type sinkOf struct{ x *OutFile }

func (s sinkOf) Write(b []byte) (int, error) {
	n, err := s.x.draft.Write(b)
	s.x.hash.Write(b[:n])
	s.x.Bytes += int64(n)
	return n, err
}

// Write adds a row.
func (x *OutFile) Write(row table.Row) error {
	x.Rows++
	return writeError(x.Name, x.w.Write(row))
}

// WriteBytes adds to a file that is no table.
func (x *OutFile) WriteBytes(b []byte) (int, error) {
	n, err := sinkOf{x}.Write(b)
	return n, writeError(x.Name, err)
}

// Publish completes the file and gives it its name.
func (x *OutFile) Publish(ctx context.Context) error {
	if x.w != nil {
		if err := x.w.Close(); err != nil {
			return writeError(x.Name, err)
		}
	}
	x.SHA256 = hex.EncodeToString(x.hash.Sum(nil))
	f := &ManifestFile{Name: x.Name, Bytes: x.Bytes, SHA256: x.SHA256}
	if err := x.draft.publish(ctx, f, nil, math.MaxUint32); err != nil {
		return err
	}
	return x.out.place.settle(map[string]bool{".": true})
}

// Discard removes what was not published; after Publish it does nothing.
func (x *OutFile) Discard() { x.draft.discard() }

// Text writes a small file that is no table.
func (o *Out) Text(ctx context.Context, name string, text []byte) error {
	x, err := o.create(name)
	if err != nil {
		return err
	}
	defer x.Discard()
	if _, err := (sinkOf{x}).Write(text); err != nil {
		return writeError(name, err)
	}
	return x.Publish(ctx)
}
