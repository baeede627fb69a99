package cli

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/sinks"
	"github.com/tributary-data/tributary/sinks/files"
	"github.com/tributary-data/tributary/table"
)

// reconciliation compares the files of a sink with the state. The same rows
// give the same bytes, so that most files are compared by their hash; of those
// that differ every row is. The column status is left out: it follows the
// watermark without the row being sent.
type reconciliation struct {
	sink        *files.Sink
	view        sinks.View
	env         *Env
	differences int
	rows        int64
}

// maxDifferences is how many are told one by one.
const maxDifferences = 50

func (r *reconciliation) differs(format string, args ...any) {
	r.differences++
	if r.differences <= maxDifferences {
		fmt.Fprintf(r.env.Stdout, format+"\n", args...)
	}
}

func (r *reconciliation) run(ctx context.Context) error {
	at := r.view.Progress()
	m, err := r.sink.Manifest(ctx)
	if err != nil {
		return fmt.Errorf("read what the sink says it holds: %w", err)
	}
	held, format := map[string]*files.ManifestFile{}, files.NDJSON
	if m == nil {
		r.differs("%s holds nothing yet: it has no manifest", r.sink.Place())
	} else {
		format = m.Format
		for i := range m.Files {
			held[m.Files[i].Name] = &m.Files[i]
		}
		if m.Epoch != at.Epoch || m.Commit != at.Commit {
			r.differs("the sink is at epoch %d commit %d, the state at %s; tributary serve brings it in step", m.Epoch, m.Commit, at)
		}
	}
	fmt.Fprintf(r.env.Stdout, "%-28s %12s %12s  %s\n", "table", "state rows", "sink rows", "files")
	for _, t := range table.All {
		if err := r.table(ctx, t, format, held); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(held)) {
		r.differs("%s: the sink holds %d rows that the state has not", name, held[name].Rows)
	}
	if r.differences == 0 {
		_, err := fmt.Fprintf(r.env.Stdout, "the sink holds what the state holds: %d rows\n", r.rows)
		return err
	}
	if r.differences > maxDifferences {
		fmt.Fprintf(r.env.Stdout, "and %d more\n", r.differences-maxDifferences)
	}
	return &Exit{ExitDifference, fmt.Errorf("%d differences between the sink and the state", r.differences)}
}

// table compares a table's partitions, and takes them out of held.
func (r *reconciliation) table(ctx context.Context, t *table.Table, format files.Format, held map[string]*files.ManifestFile) error {
	parts, err := r.view.Partitions(ctx, t)
	if err != nil {
		return err
	}
	var inState, inSink int64
	same := 0
	for _, p := range parts {
		name := r.sink.FileName(t, p, format)
		f := held[name]
		delete(held, name)
		n, equal, err := r.partition(ctx, t, p, format, name, f)
		if err != nil {
			return err
		}
		if inState += n; f != nil {
			inSink += f.Rows
		}
		if equal {
			same++
		}
	}
	r.rows += inState
	_, err = fmt.Fprintf(r.env.Stdout, "%-28s %12d %12d  %d of %d agree\n", t.Name, inState, inSink, same, len(parts))
	return err
}

// partition compares one file; f is nil where the manifest names none.
func (r *reconciliation) partition(ctx context.Context, t *table.Table, p sinks.Partition, format files.Format, name string, f *files.ManifestFile) (rows int64, equal bool, err error) {
	hash := sha256.New()
	w, err := files.NewWriter(hash, t, format)
	if err != nil {
		return 0, false, err
	}
	err = r.view.Scan(ctx, t, p, func(row table.Row, _ uint64) error {
		rows++
		return w.Write(row)
	})
	if err = errors.Join(err, w.Close()); err != nil {
		return rows, false, fmt.Errorf("read %s of the state: %w", t.Name, err)
	}
	if f == nil {
		if rows > 0 {
			r.differs("%s: the sink has no such file; the state has %d rows", name, rows)
		}
		return rows, rows == 0, nil
	}
	// What differs is only of interest where the bytes do.
	before, rowsDiffer := r.differences, &rowComparison{r: r, t: t, name: name}
	if f.SHA256 != hex.EncodeToString(hash.Sum(nil)) {
		if err := rowsDiffer.load(ctx, p); err != nil {
			return rows, false, err
		}
	}
	err = r.sink.EachRow(ctx, format, f, rowsDiffer.add)
	switch {
	case errors.Is(err, files.ErrDamaged):
		r.differs("%v", err)
		if !rowsDiffer.loaded && !strings.Contains(err.Error(), "it is not there") { // the manifest is right, the file is not: say where
			if err := rowsDiffer.load(ctx, p); err != nil {
				return rows, false, err
			}
			if err := r.sink.EachRow(ctx, format, f, rowsDiffer.add); err != nil && !errors.Is(err, files.ErrDamaged) {
				return rows, false, err
			}
		}
	case err != nil:
		return rows, false, err
	}
	rowsDiffer.end()
	return rows, r.differences == before, nil
}

// rowComparison tells which rows differ; both sides are in the order of the key.
type rowComparison struct {
	r      *reconciliation
	t      *table.Table
	name   string
	want   []table.Row
	loaded bool // otherwise nothing is compared
}

func (c *rowComparison) load(ctx context.Context, p sinks.Partition) error {
	c.loaded = true
	return c.r.view.Scan(ctx, c.t, p, func(row table.Row, _ uint64) error {
		c.want = append(c.want, slices.Clone(row))
		return nil
	})
}

// add compares one row of the file.
func (c *rowComparison) add(got table.Row) error {
	if !c.loaded {
		return nil
	}
	r, t := c.r, c.t
	for len(c.want) > 0 && t.Compare(c.want[0], got) < 0 {
		r.differs("%s: the sink lacks %s", c.name, describeKey(t, c.want[0]))
		c.want = c.want[1:]
	}
	if len(c.want) == 0 || t.Compare(c.want[0], got) > 0 {
		r.differs("%s: the sink has %s, the state has not", c.name, describeKey(t, got))
		return nil
	}
	for i, col := range t.Columns {
		if col.Name != "status" && !sameCell(col, c.want[0][i], got[i]) {
			r.differs("%s: %s: %s is %s in the state, %s in the sink", c.name, describeKey(t, got), col.Name, describeCell(col, c.want[0][i]), describeCell(col, got[i]))
		}
	}
	c.want = c.want[1:]
	return nil
}

// end tells which rows the file lacks.
func (c *rowComparison) end() {
	for _, row := range c.want {
		c.r.differs("%s: the sink lacks %s", c.name, describeKey(c.t, row))
	}
}

// sameCell compares cells as a file can hold them: what is not UTF-8 is written
// as U+FFFD, and reading CSV makes one line end of two bytes.
func sameCell(c table.Column, a, b table.Value) bool {
	plain := func(s string) string {
		return strings.ReplaceAll(string([]rune(s)), "\r\n", "\n")
	}
	switch c.Type {
	case table.Text:
		return a.Text == b.Text || plain(a.Text) == plain(b.Text)
	case table.List:
		return slices.Equal(a.List, b.List)
	}
	return a.Int == b.Int
}

func describeKey(t *table.Table, row table.Row) string {
	parts := make([]string, t.Keys)
	for i := range parts {
		parts[i] = t.Columns[i].Name + "=" + describeCell(t.Columns[i], row[i])
	}
	return strings.Join(parts, " ")
}

func describeCell(c table.Column, v table.Value) string {
	switch {
	case c.Type == table.Time:
		return event.Millis(v.Int).String()
	case c.Type == table.List:
		return fmt.Sprintf("%q", v.List)
	case c.Type == table.Int:
		return strconv.FormatInt(v.Int, 10)
	}
	return fmt.Sprintf("%.80q", v.Text)
}
