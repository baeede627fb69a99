package files

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/tributary-data/tributary/sinks"
	"github.com/tributary-data/tributary/table"
)

var _ sinks.Sink = (*Sink)(nil)

// Sink keeps a directory at the current state: a directory per table, in it a
// file per day or bucket, and a manifest. Batches only tell it which partitions
// are dirty; at the end of a round it writes those anew from the view. So
// nothing that happened before can be left in a file, and repeats, lost
// answers and restored backups need no rule of their own.
//
// It is used by one goroutine, its deliverer's. Two processes on one directory
// are fenced by the epoch in the manifest, which is looked at before each
// rename; a file that a fenced writer replaced in the instant between fails
// the manifest's checksum and is written anew with its next change or resync.
type Sink struct {
	dir    string
	format Format
	disk   disk
	dirty  map[partKey]bool
	at     sinks.Progress            // of the batches in dirty
	files  map[partKey]*ManifestFile // what the manifest says
	known  bool                      // whether files was loaded since the last fault
	sweep  bool                      // whether a crash may have left files behind
}

type partKey struct {
	t *table.Table
	p sinks.Partition
}

func (s *Sink) name(k partKey) string { return k.t.Name + "/" + k.p.String() + "." + string(s.format) }

// NewSink opens the directory and makes it where it does not exist. One that
// holds other files and no manifest is refused: a resync removes what it does
// not know in the tables' directories.
func NewSink(dir string, format Format) (*Sink, error) {
	if _, err := ParseFormat(string(format)); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, writeError(dir, err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("cannot read %s: %w", dir, err)
	}
	if _, err := os.Stat(filepath.Join(dir, manifestName)); errors.Is(err, fs.ErrNotExist) {
		for _, e := range entries {
			if _, ours := table.ByName(e.Name()); !ours && !isTemp(e.Name()) {
				return nil, fmt.Errorf("directory %s %w and has no %s (it holds %s): give the files sink a directory of its own", dir, ErrNotEmpty, manifestName, e.Name())
			}
		}
	}
	return &Sink{dir: dir, format: format, disk: osDisk, dirty: map[partKey]bool{}}, nil
}

// Name implements sinks.Sink.
func (s *Sink) Name() string { return "files" }

// Cursor implements sinks.Sink. A directory in another format counts as never
// written; a file that is missing or of another size, as after a crash between
// two renames, is written again with the next round.
func (s *Sink) Cursor(context.Context) (sinks.Progress, error) {
	clear(s.dirty)
	s.files, s.known, s.sweep = map[partKey]*ManifestFile{}, false, true
	m, err := readManifest(s.dir)
	if err != nil || m == nil {
		return sinks.Progress{}, err
	}
	if m.Format != s.format || !s.load(m) {
		clear(s.files)
		return sinks.Progress{}, nil
	}
	for k, f := range s.files {
		info, err := os.Stat(filepath.Join(s.dir, filepath.FromSlash(f.Name)))
		if err != nil || info.Size() != f.Bytes {
			s.dirty[k] = true
		}
	}
	s.at, s.known = m.progress(), true
	return s.at, nil
}

// load takes over the files of the manifest; false if it names one that this
// sink would not write.
func (s *Sink) load(m *Manifest) bool {
	for _, f := range m.Files {
		t, ok := table.ByName(f.Table)
		if !ok {
			return false
		}
		base := strings.TrimSuffix(filepath.Base(f.Name), "."+string(s.format))
		p, err := parsePartition(base)
		k := partKey{t, p}
		if err != nil || f.Name != s.name(k) {
			return false
		}
		s.files[k] = &f
	}
	return true
}

// Apply implements sinks.Sink.
func (s *Sink) Apply(ctx context.Context, b sinks.Batch) error {
	if !s.known {
		return sinks.ErrGap // nothing to build on
	}
	if b.Epoch != s.at.Epoch || b.After > s.at.Commit {
		if b.Epoch < s.at.Epoch {
			return sinks.ErrFenced
		}
		return sinks.ErrGap
	}
	for _, c := range b.Changes {
		s.dirty[partKey{c.Table, c.Part}] = true
	}
	if b.Commit > s.at.Commit {
		s.at = b.Progress
	}
	if b.More {
		return nil
	}
	// A batch that was applied before comes with the view it was taken from;
	// its rows may be older than what is written. The manifest knows.
	if b.View.Progress().Commit < s.at.Commit {
		return nil
	}
	return s.flush(ctx, b.View)
}

// Resync implements sinks.Sink.
func (s *Sink) Resync(ctx context.Context, v sinks.View) error {
	clear(s.dirty)
	if s.files == nil {
		s.files = map[partKey]*ManifestFile{}
	}
	for _, t := range table.All {
		parts, err := v.Partitions(ctx, t)
		if err != nil {
			return fmt.Errorf("listing partitions of %s: %w", t.Name, err)
		}
		for _, p := range parts {
			s.dirty[partKey{t, p}] = true
		}
	}
	for k := range s.files { // those that the view lacks go
		s.dirty[k] = true
	}
	s.sweep = true
	return s.flush(ctx, v)
}

// Close implements sinks.Sink.
func (s *Sink) Close() error { return nil }

// flush writes the dirty partitions as they stand in the view and then the
// manifest. After an error nothing is known until the next Cursor.
func (s *Sink) flush(ctx context.Context, v sinks.View) (err error) {
	defer func() {
		clear(s.dirty)
		if err != nil {
			s.known = false
		}
	}()
	to := v.Progress()
	parts := make([]partKey, 0, len(s.dirty))
	for k := range s.dirty {
		parts = append(parts, k)
	}
	slices.SortFunc(parts, comparePartKeys)
	dirs := map[string]bool{}
	var gone []string
	for _, k := range parts {
		f, err := s.writePartition(ctx, v, k, to)
		if err != nil {
			return err
		}
		dirs[filepath.Join(s.dir, k.t.Name)] = true
		if f == nil {
			delete(s.files, k)
			gone = append(gone, filepath.Join(s.dir, filepath.FromSlash(s.name(k))))
			continue
		}
		s.files[k] = f
	}
	for dir := range dirs {
		if err := s.disk.sync(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return writeError(dir, err)
		}
	}
	if err := s.writeManifest(to); err != nil {
		return err
	}
	if s.sweep {
		if gone, err = s.unknownFiles(); err != nil {
			return err
		}
	}
	for _, path := range gone {
		if err := s.disk.remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return writeError(path, err)
		}
	}
	s.at, s.known, s.sweep = to, true, false
	return nil
}

func comparePartKeys(a, b partKey) int {
	if c := cmp.Compare(slices.Index(table.All, a.t), slices.Index(table.All, b.t)); c != 0 {
		return c
	}
	return a.p.Compare(b.p)
}

// writePartition replaces the file of one partition; nil when it has no rows.
func (s *Sink) writePartition(ctx context.Context, v sinks.View, k partKey, to sinks.Progress) (*ManifestFile, error) {
	name := s.name(k)
	path := filepath.Join(s.dir, filepath.FromSlash(name))
	temp := filepath.Join(filepath.Dir(path), tempName(filepath.Base(path)))
	p := newPartitionWriter(k.t, name)
	defer p.discard(s.disk, temp)
	err := v.Scan(ctx, k.t, k.p, func(row table.Row, _ uint64) error {
		if p.w == nil { // only now: a partition without rows needs no file
			if err := p.open(s.disk, temp, s.format); err != nil {
				return err
			}
		}
		return p.row(path, row)
	})
	if err != nil || p.w == nil {
		return nil, err
	}
	if err := p.finish(); err != nil {
		return nil, writeError(path, err)
	}
	if err := s.fence(to.Epoch); err != nil {
		return nil, err
	}
	if err := s.disk.rename(temp, path); err != nil {
		return nil, writeError(path, err)
	}
	p.renamed = true
	return p.out, nil
}

// partitionWriter writes one file and adds up what its manifest entry says.
type partitionWriter struct {
	t        *table.Table
	file     diskFile
	w        Writer
	hash     hash.Hash
	out      *ManifestFile
	sums     []currencySums
	summed   []int // the columns that are added up
	currency int   // the column of the currency, or -1
	renamed  bool
}

// currencySums are the sums of one currency, in the order of the columns summed.
type currencySums struct {
	currency string
	sums     []int64
}

func newPartitionWriter(t *table.Table, name string) *partitionWriter {
	p := &partitionWriter{t: t, hash: sha256.New(), out: &ManifestFile{Table: t.Name, Name: name, Sums: map[string]map[string]int64{}}, currency: -1}
	for i, c := range t.Columns {
		switch {
		case c.Name == "currency":
			p.currency = i
		case c.Type == table.Int && i >= t.Keys && c.Name != "tier":
			p.summed = append(p.summed, i)
		}
	}
	return p
}

// Write counts and hashes what the table writer writes.
func (p *partitionWriter) Write(b []byte) (int, error) {
	n, err := p.file.Write(b)
	p.hash.Write(b[:n])
	p.out.Bytes += int64(n)
	return n, err
}

func (p *partitionWriter) open(d disk, temp string, f Format) error {
	if err := os.MkdirAll(filepath.Dir(temp), 0o755); err != nil {
		return writeError(filepath.Dir(temp), err)
	}
	var err error
	if p.file, err = d.create(temp); err != nil {
		return writeError(temp, err)
	}
	p.w, err = NewWriter(p, p.t, f)
	return err
}

func (p *partitionWriter) row(path string, row table.Row) error {
	p.out.Rows++
	if len(p.summed) > 0 {
		sums := p.sumsOf(row)
		for n, i := range p.summed {
			sums[n] += row[i].Int
		}
	}
	return writeError(path, p.w.Write(row))
}

// sumsOf finds the sums of the row's currency; there are few.
func (p *partitionWriter) sumsOf(row table.Row) []int64 {
	currency := ""
	if p.currency >= 0 {
		currency = row[p.currency].Text
	}
	for i := range p.sums {
		if p.sums[i].currency == currency {
			return p.sums[i].sums
		}
	}
	p.sums = append(p.sums, currencySums{strings.Clone(currency), make([]int64, len(p.summed))})
	return p.sums[len(p.sums)-1].sums
}

func (p *partitionWriter) finish() error {
	if err := p.w.Close(); err != nil {
		return err
	}
	if err := p.file.Sync(); err != nil {
		return err
	}
	file := p.file
	p.file = nil
	for _, c := range p.sums {
		named := map[string]int64{}
		for n, i := range p.summed {
			named[p.t.Columns[i].Name] = c.sums[n]
		}
		p.out.Sums[c.currency] = named
	}
	p.out.SHA256 = hex.EncodeToString(p.hash.Sum(nil))
	return file.Close()
}

// discard removes what did not become a file.
func (p *partitionWriter) discard(d disk, temp string) {
	if p.file != nil {
		_ = p.file.Close()
	}
	if p.w != nil && !p.renamed {
		_ = d.remove(temp) // the next resync finds what cannot be removed now
	}
}

// fence refuses to write beside a newer owner.
func (s *Sink) fence(epoch uint32) error {
	m, err := readManifest(s.dir)
	if err == nil && m != nil && m.Epoch > epoch {
		return sinks.ErrFenced
	}
	return err
}

func (s *Sink) writeManifest(to sinks.Progress) error {
	if err := s.fence(to.Epoch); err != nil {
		return err
	}
	m := Manifest{Version: manifestVersion, Epoch: to.Epoch, Commit: to.Commit, Watermark: to.Watermark.String(), Format: s.format, Files: []ManifestFile{}}
	keys := make([]partKey, 0, len(s.files))
	for k := range s.files {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, comparePartKeys)
	for _, k := range keys {
		m.Files = append(m.Files, *s.files[k])
	}
	raw, err := json.MarshalIndent(m, "", " ")
	if err != nil {
		return fmt.Errorf("encoding the manifest: %w", err)
	}
	path, temp := filepath.Join(s.dir, manifestName), filepath.Join(s.dir, tempName(manifestName))
	f, err := s.disk.create(temp)
	if err != nil {
		return writeError(path, err)
	}
	_, err = f.Write(append(raw, '\n'))
	if err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = s.disk.rename(temp, path)
	}
	if err == nil {
		err = s.disk.sync(s.dir)
	}
	return writeError(path, err)
}

// partitionFile is what files of this sink are named, in any format.
var partitionFile = regexp.MustCompile(`^(\d{4}-\d\d-\d\d|bucket-\d\d)\.(ndjson|csv|parquet)$`)

// unknownFiles are those in the tables' directories that look like ours and
// are in no manifest: of another format, of a crash, or of rows that are gone.
func (s *Sink) unknownFiles() ([]string, error) {
	keep := map[string]bool{}
	for k := range s.files {
		keep[s.name(k)] = true
	}
	var out []string
	for _, t := range table.All {
		entries, err := os.ReadDir(filepath.Join(s.dir, t.Name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("cannot read %s: %w", filepath.Join(s.dir, t.Name), err)
		}
		for _, e := range entries {
			if !keep[t.Name+"/"+e.Name()] && (isTemp(e.Name()) || partitionFile.MatchString(e.Name())) {
				out = append(out, filepath.Join(s.dir, t.Name, e.Name()))
			}
		}
	}
	return out, nil
}

// parsePartition reads what Partition.String wrote.
func parsePartition(s string) (sinks.Partition, error) {
	var b uint16
	if _, err := fmt.Sscanf(s, "bucket-%d", &b); err == nil {
		return sinks.Partition{Bucket: b}, nil
	}
	t, err := parseTime(s + "T00:00:00.000Z")
	return sinks.Partition{Day: int32(t / 86_400_000)}, err
}
