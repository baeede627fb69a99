package ingest

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/parquet-go/parquet-go"
)

// rowsAtOnce is how many rows are asked for at a time: their values are held in
// memory beside the pages they came from.
const rowsAtOnce = 64

// parquetSource gives the rows of a Parquet file as lines of JSON, which are
// then decoded as the lines of a file are, and kept as the bytes of the record.
// That costs a little speed and buys one set of rules.
type parquetSource struct {
	path   string
	groups []parquet.RowGroup
	rows   parquet.Rows // of the first group
	nodes  []*parquetNode
	buf    []parquet.Row
	row    int64 // the number of the next row, from 1
	err    error
}

// openParquet reads the footer. Parquet needs to seek, so a packed file is
// first unpacked into a temporary one, which has no name once it is open.
func (f *File) openParquet(path string, in *os.File, size int64, unpacked io.Reader, packing string) (err error) {
	if packing != "" {
		if in, err = os.CreateTemp("", "tributary-*.parquet"); err != nil {
			return fmt.Errorf("unpacking %s: %w", path, err)
		}
		f.closers = append(f.closers, in.Close)
		if err := os.Remove(in.Name()); err != nil {
			return fmt.Errorf("unpacking %s: %w", path, err)
		}
		if size, err = io.Copy(in, unpacked); err != nil {
			return fmt.Errorf("unpacking %s to a temporary file: %w; check that the file is complete and that the temporary directory has room, or unpack it yourself", path, err)
		}
	}
	s := &parquetSource{path: path, buf: make([]parquet.Row, rowsAtOnce), row: 1}
	defer s.recovered(&err)
	p, err := parquet.OpenFile(in, size, parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true), parquet.ReadBufferSize(64<<10))
	if err != nil {
		return s.fault(err)
	}
	known := f.rows != nil
	for _, c := range p.Root().Columns() {
		s.nodes = append(s.nodes, nodeOf(c, 0, 0))
		known = known || fieldOf(c.Name()) != unknownField
	}
	if !known {
		return fmt.Errorf("%s: no column is a field of an event; name the columns event_id, type, event_time and so on, or set ingest.mappings", path)
	}
	s.groups = p.RowGroups()
	f.source = s
	f.closers = append(f.closers, s.close)
	return nil
}

// recovered makes an error of a panic: the library panics on some damaged
// files, and no input may end the program.
func (s *parquetSource) recovered(err *error) {
	if r := recover(); r != nil {
		*err = s.fault(fmt.Errorf("%v", r))
	}
}

func (s *parquetSource) fault(err error) error {
	return fmt.Errorf("reading %s failed at row %d (%w): the rows before it were read; the file is cut short or damaged, so copy or write it again", s.path, s.row, err)
}

func (s *parquetSource) next() (c *chunk, err error) {
	if s.err != nil {
		return nil, s.err
	}
	c = &chunk{first: s.row}
	if s.err = s.fill(c); len(c.data) == 0 {
		return nil, s.err
	}
	return c, nil
}

// fill renders rows into the chunk until it is full; what was rendered stays
// when it fails.
func (s *parquetSource) fill(c *chunk) (err error) {
	defer s.recovered(&err)
	for len(c.data) < chunkSize {
		if s.rows == nil {
			if len(s.groups) == 0 {
				return io.EOF
			}
			s.rows = s.groups[0].Rows()
		}
		n, err := s.rows.ReadRows(s.buf)
		for _, row := range s.buf[:n] {
			c.data = append(appendRow(c.data, s.nodes, row), '\n')
			s.row++
		}
		if errors.Is(err, io.EOF) || err == nil && n == 0 {
			err = s.rows.Close()
			s.rows, s.groups = nil, s.groups[1:]
		}
		if err != nil {
			return s.fault(err)
		}
	}
	return nil
}

func (s *parquetSource) close() (err error) {
	if s.rows == nil {
		return nil
	}
	defer s.recovered(&err)
	return s.rows.Close()
}
