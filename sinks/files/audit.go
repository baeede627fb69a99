package files

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"strings"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/sinks"
	"github.com/tributary-data/tributary/table"
)

// ErrDamaged means that a file is not what the manifest says.
var ErrDamaged = errors.New("is not what the manifest says")

// Audit implements sinks.Auditor: it reads every file of the table back. A file
// that is missing or was changed counts for what can be read of it.
func (s *Sink) Audit(ctx context.Context, t *table.Table) (map[sinks.Group]sinks.Sums, error) {
	m, err := s.place.load(ctx)
	if err != nil {
		return nil, err
	}
	out := map[sinks.Group]sinks.Sums{}
	if m == nil {
		return out, nil
	}
	day, currency, summed := sinks.AuditBy(t)
	for i := range m.Files {
		f := &m.Files[i]
		if f.Table != t.Name {
			continue
		}
		err := s.EachRow(ctx, m.Format, f, func(row table.Row) error {
			g := sinks.Group{Day: sinks.NoDay}
			if day >= 0 && event.Millis(row[day].Int) != event.NoTime {
				g.Day = int32(event.Millis(row[day].Int).Floor(event.Day) / event.Day)
			}
			if currency >= 0 {
				g.Currency = strings.Clone(row[currency].Text)
			}
			sums := out[g]
			sums.Rows++
			for n, c := range summed {
				sums.Totals[n] += row[c].Int
			}
			out[g] = sums
			return nil
		})
		if err != nil && !errors.Is(err, ErrDamaged) {
			return nil, err
		}
	}
	return out, nil
}

// EachRow reads a file of the manifest back, row by row, and then compares it
// with what the manifest says: ErrDamaged where it is missing, cannot be read or
// has another checksum. The row is reused.
func (s *Sink) EachRow(ctx context.Context, format Format, f *ManifestFile, fn func(table.Row) error) (err error) {
	t, ok := table.ByName(f.Table)
	if !ok {
		return fmt.Errorf("%s %w: there is no table %s", f.Name, ErrDamaged, f.Table)
	}
	r, err := s.place.open(ctx, f.Name)
	if s.place.missing(err) {
		return fmt.Errorf("%s %w: it is not there", f.Name, ErrDamaged)
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	in := &hashing{r: r, hash: sha256.New()}
	if err := s.rowsOf(in, format, f, t, fn); err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, in); err != nil {
		return fmt.Errorf("read %s: %w", f.Name, err)
	}
	if hex.EncodeToString(in.hash.Sum(nil)) != f.SHA256 {
		return fmt.Errorf("%s %w: it has another checksum", f.Name, ErrDamaged)
	}
	return nil
}

// rowsOf hands the rows of a file to fn.
func (s *Sink) rowsOf(in *hashing, format Format, f *ManifestFile, t *table.Table, fn func(table.Row) error) error {
	rows := ReadNDJSON
	switch format {
	case CSV:
		rows = ReadCSV
	case Parquet: // is read from its end
		spool, err := os.CreateTemp("", "tributary-read-")
		if err != nil {
			return spoolError(err)
		}
		defer spool.Close() //nolint:errcheck // it has no name, and was only read
		if err := os.Remove(spool.Name()); err != nil {
			return spoolError(err)
		}
		n, err := io.Copy(spool, in)
		if err != nil {
			return fmt.Errorf("read %s: %w", f.Name, err)
		}
		rows = func(_ io.Reader, t *table.Table) rowSeq { return ReadParquet(spool, n, t) }
	}
	for row, err := range rows(in, t) {
		if in.err != nil {
			return fmt.Errorf("read %s: %w", f.Name, in.err)
		}
		if err != nil {
			return fmt.Errorf("%s %w: %w", f.Name, ErrDamaged, err)
		}
		if err := fn(row); err != nil {
			return err
		}
	}
	return nil
}

// hashing adds up what is read, and keeps apart what the place failed with.
type hashing struct {
	r    io.Reader
	hash hash.Hash
	err  error
}

func (h *hashing) Read(b []byte) (int, error) {
	n, err := h.r.Read(b)
	h.hash.Write(b[:n])
	if err != nil && !errors.Is(err, io.EOF) {
		h.err = err
	}
	return n, err
}
