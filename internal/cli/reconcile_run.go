package cli

import (
	"context"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/internal/service"
	"github.com/tributary-data/tributary/sinks"
	"github.com/tributary-data/tributary/sinks/files"
	"github.com/tributary-data/tributary/table"
)

func runReconcile(ctx context.Context, env *Env, o reconcileOptions) (err error) {
	cfg, _, err := o.config.load(env)
	if err != nil {
		return err
	}
	sink, err := openSink(cfg, o.Sink) // says what is not configured
	if err != nil {
		return err
	}
	if err := sink.Close(); err != nil {
		return err
	}
	if o.Server != "" {
		return errors.New("a sink of a running server is behind or ahead of any answer by the time it comes; stop the server and compare with its directory (--data)")
	}
	d, err := openData(env, cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.close()) }()
	r := &reconciliation{dir: cfg.Sinks.Files.Dir, view: service.SinkView(d.view, d.store.Epoch()), env: env}
	return r.run(ctx, files.Format(cfg.Sinks.Files.Format))
}

// reconciliation compares the files of a sink with the state. The same rows
// give the same bytes, so that most files are compared by their hash; of those
// that differ every row is, where the format can be read back. The column
// status is left out: it follows the watermark without the row being sent.
type reconciliation struct {
	dir         string
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

func (r *reconciliation) run(ctx context.Context, format files.Format) error {
	at := r.view.Progress()
	m, err := readSinkManifest(r.dir)
	if err != nil {
		return err
	}
	held := map[string]files.ManifestFile{}
	if m == nil {
		r.differs("%s holds nothing yet: it has no manifest", r.dir)
	} else {
		format = m.Format
		for _, f := range m.Files {
			held[f.Name] = f
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

func readSinkManifest(dir string) (*files.Manifest, error) {
	path := filepath.Join(dir, "manifest.json")
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var m files.Manifest
	if err == nil {
		err = json.Unmarshal(raw, &m)
	}
	if err != nil {
		return nil, fmt.Errorf("read what the sink says it holds: %s: %w", path, err)
	}
	return &m, nil
}

// table compares a table's partitions, and takes them out of held.
func (r *reconciliation) table(ctx context.Context, t *table.Table, format files.Format, held map[string]files.ManifestFile) error {
	parts, err := r.view.Partitions(ctx, t)
	if err != nil {
		return err
	}
	var inState, inSink int64
	same := 0
	for _, p := range parts {
		name := t.Name + "/" + p.String() + "." + string(format)
		f, there := held[name]
		delete(held, name)
		if !there {
			f.Name = name
		}
		n, equal, err := r.partition(ctx, t, p, format, f, there)
		if err != nil {
			return err
		}
		inState += n
		inSink += f.Rows
		if equal {
			same++
		}
	}
	r.rows += inState
	_, err = fmt.Fprintf(r.env.Stdout, "%-28s %12d %12d  %d of %d agree\n", t.Name, inState, inSink, same, len(parts))
	return err
}

func (r *reconciliation) partition(ctx context.Context, t *table.Table, p sinks.Partition, format files.Format, f files.ManifestFile, there bool) (rows int64, equal bool, err error) {
	want := newPartitionSums(t)
	hash := sha256.New()
	w, err := files.NewWriter(hash, t, format)
	if err != nil {
		return 0, false, err
	}
	err = r.view.Scan(ctx, t, p, func(row table.Row, _ uint64) error {
		want.add(row)
		return w.Write(row)
	})
	if err = errors.Join(err, w.Close()); err != nil {
		return 0, false, fmt.Errorf("read %s of the state: %w", t.Name, err)
	}
	if want.rows == 0 && !there {
		return 0, true, nil
	}
	before := r.differences
	path := filepath.Join(r.dir, filepath.FromSlash(f.Name))
	if !there {
		r.differs("%s: the sink has no such file; the state has %d rows", f.Name, want.rows)
		return want.rows, false, nil
	}
	have, err := hashOf(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		r.differs("%s: the manifest names it, but it is not there", f.Name)
		return want.rows, false, nil
	case err != nil:
		return want.rows, false, err
	case have == hex.EncodeToString(hash.Sum(nil)):
		return want.rows, true, nil
	case have != f.SHA256:
		r.differs("%s: it was changed after it was written: its checksum is not the manifest's", f.Name)
	}
	if format == files.Parquet {
		// What the manifest adds up is what was written.
		want.compare(r, f.Name, f.Rows, f.Sums)
		return want.rows, r.differences == before, nil
	}
	err = r.rowByRow(ctx, t, p, format, path, f.Name)
	return want.rows, r.differences == before, err
}

func hashOf(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	h := sha256.New()
	_, err = io.Copy(h, f)
	return hex.EncodeToString(h.Sum(nil)), errors.Join(err, f.Close())
}

// partitionSums counts and adds up rows as the sink's manifest does.
type partitionSums struct {
	t        *table.Table
	rows     int64
	currency int
	summed   []int
	sums     map[string]map[string]int64
}

func newPartitionSums(t *table.Table) *partitionSums {
	s := &partitionSums{t: t, currency: -1, sums: map[string]map[string]int64{}}
	for i, c := range t.Columns {
		switch {
		case c.Name == "currency":
			s.currency = i
		case c.Type == table.Int && i >= t.Keys && c.Name != "tier":
			s.summed = append(s.summed, i)
		}
	}
	return s
}

func (s *partitionSums) add(row table.Row) {
	s.rows++
	if len(s.summed) == 0 {
		return
	}
	currency := ""
	if s.currency >= 0 {
		currency = row[s.currency].Text
	}
	n := s.sums[currency]
	if n == nil {
		n = map[string]int64{}
		s.sums[strings.Clone(currency)] = n
	}
	for _, i := range s.summed {
		n[s.t.Columns[i].Name] += row[i].Int
	}
}

func (s *partitionSums) compare(r *reconciliation, name string, rows int64, sums map[string]map[string]int64) {
	if rows != s.rows {
		r.differs("%s: the state has %d rows, the sink %d", name, s.rows, rows)
	}
	for _, i := range s.summed {
		column := s.t.Columns[i].Name
		currencies := maps.Clone(s.sums)
		maps.Copy(currencies, sums)
		for _, c := range slices.Sorted(maps.Keys(currencies)) {
			if want, got := s.sums[c][column], sums[c][column]; want != got {
				r.differs("%s: the sum of %s %s is %d in the state, %d in the sink", name, column, c, want, got)
			}
		}
	}
}

// rowByRow tells which rows differ; both sides are in the order of the key.
func (r *reconciliation) rowByRow(ctx context.Context, t *table.Table, p sinks.Partition, format files.Format, path, name string) (err error) {
	var want []table.Row
	err = r.view.Scan(ctx, t, p, func(row table.Row, _ uint64) error {
		want = append(want, slices.Clone(row))
		return nil
	})
	if err != nil {
		return err
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	read := files.ReadNDJSON(f, t)
	if format == files.CSV {
		read = readCSV(f, t)
	}
	for got, err := range read {
		if err != nil {
			r.differs("%s: cannot be read: %v", name, err)
			return nil
		}
		for len(want) > 0 && t.Compare(want[0], got) < 0 {
			r.differs("%s: the sink lacks %s", name, describeKey(t, want[0]))
			want = want[1:]
		}
		if len(want) == 0 || t.Compare(want[0], got) > 0 {
			r.differs("%s: the sink has %s, the state has not", name, describeKey(t, got))
			continue
		}
		for i, c := range t.Columns {
			if c.Name != "status" && !sameCell(c, want[0][i], got[i]) {
				r.differs("%s: %s: %s is %s in the state, %s in the sink", name, describeKey(t, got), c.Name, describeCell(c, want[0][i]), describeCell(c, got[i]))
			}
		}
		want = want[1:]
	}
	for _, row := range want {
		r.differs("%s: the sink lacks %s", name, describeKey(t, row))
	}
	return nil
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

// readCSV reads rows back from what the CSV writer wrote.
func readCSV(f io.Reader, t *table.Table) iter.Seq2[table.Row, error] {
	return func(yield func(table.Row, error) bool) {
		in := csv.NewReader(f)
		in.FieldsPerRecord, in.ReuseRecord = len(t.Columns), true
		if _, err := in.Read(); err != nil {
			yield(nil, fmt.Errorf("the header: %w", err))
			return
		}
		row := make(table.Row, len(t.Columns))
		for {
			cells, err := in.Read()
			if errors.Is(err, io.EOF) {
				return
			}
			for i, c := range t.Columns {
				if err == nil {
					row[i], err = parseCell(c, cells[i])
				}
			}
			if !yield(row, err) || err != nil {
				return
			}
		}
	}
}

func parseCell(c table.Column, s string) (v table.Value, err error) {
	switch c.Type {
	case table.Text:
		return table.T(s), nil
	case table.Int:
		n, err := strconv.ParseInt(s, 10, 64)
		return table.I(n), err
	case table.Time:
		if s == "" {
			return table.At(event.NoTime), nil
		}
		at, err := time.Parse("2006-01-02T15:04:05.000Z", s)
		return table.At(event.Millis(at.UnixMilli())), err
	}
	if s == "" {
		return v, nil
	}
	item := ""
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s):
			i++
			item += s[i : i+1]
		case s[i] == ';':
			v.List, item = append(v.List, item), ""
		default:
			item += s[i : i+1]
		}
	}
	v.List = append(v.List, item)
	return v, nil
}
