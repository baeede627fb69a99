package files

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/tributary-data/tributary/sinks"
	"github.com/tributary-data/tributary/sinks/objects"
	"github.com/tributary-data/tributary/table"
)

var (
	_ sinks.Sink    = (*Sink)(nil)
	_ sinks.Auditor = (*Sink)(nil)
	_ sinks.Paced   = (*Sink)(nil)
)

// Sink keeps a directory or a bucket at the current state: a directory per
// table, in it a file per day or bucket, and a manifest. Batches only tell it
// which partitions are dirty; at the end of a round it writes those anew from
// the view. So nothing that happened before can be left in a file, and repeats,
// lost answers and restored backups need no rule of their own.
//
// It is used by one goroutine, its deliverer's.
type Sink struct {
	place  place
	format Format
	pace   sinks.Pace
	feed   *feed // nil: off
	dirty  map[partKey]bool
	at     sinks.Progress            // of the batches in dirty
	files  map[partKey]*ManifestFile // what the manifest says
	since  *Since                    // likewise
	known  bool                      // whether files was loaded since the last fault
	sweep  bool                      // whether a crash may have left files behind
}

type partKey struct {
	t *table.Table
	p sinks.Partition
}

// recheck is how often the files of a bucket are looked at although nothing
// failed: what a superseded writer damaged is found so.
const recheck = 10 * time.Minute

// Open opens the place that the configuration names.
func Open(_ context.Context, cfg Config, deps sinks.Deps) (*Sink, error) {
	f, err := ParseFormat(cfg.Format)
	if err != nil {
		return nil, err
	}
	s := &Sink{format: f, dirty: map[partKey]bool{}, pace: sinks.Pace{MaxAge: cfg.pace()}}
	if objects.IsURL(cfg.Dir) {
		log := deps.Logger
		if log == nil {
			log = slog.Default()
		}
		s.pace.Recheck = recheck
		s.place, err = newBucketPlace(cfg.Dir, objects.Options{Logger: log})
	} else {
		s.place, err = newDirPlace(cfg.Dir)
	}
	if err != nil {
		return nil, fmt.Errorf("sinks.files.dir: %w", err)
	}
	if cfg.Changes {
		s.feed = newFeed(s.place, f, time.Duration(cfg.KeepChanges)*time.Millisecond)
	}
	return s, nil
}

// NewSink opens a directory.
func NewSink(dir string, format Format) (*Sink, error) {
	return Open(context.Background(), Config{Dir: dir, Format: string(format)}, sinks.Deps{})
}

// Name implements sinks.Sink.
func (s *Sink) Name() string { return "files" }

// Pace implements sinks.Paced.
func (s *Sink) Pace() sinks.Pace { return s.pace }

// Cursor implements sinks.Sink. A place in another format counts as never
// written; a file that is missing or not the one that was written, as after a
// crash between two files, is written again with the next round.
func (s *Sink) Cursor(ctx context.Context) (sinks.Progress, error) {
	s.forget()
	s.files, s.since, s.sweep = map[partKey]*ManifestFile{}, nil, true
	m, err := s.place.load(ctx)
	if err != nil || m == nil {
		return sinks.Progress{}, err
	}
	if m.Format != s.format || !s.load(m) {
		clear(s.files)
		return sinks.Progress{}, nil
	}
	damaged, err := s.place.damaged(ctx, s.files)
	if err != nil {
		return sinks.Progress{}, err
	}
	for _, k := range damaged {
		s.dirty[k] = true
	}
	s.at = m.progress()
	if s.feed != nil {
		s.since = m.Changes
		if err := s.feed.clean(ctx, s.at); err != nil {
			return sinks.Progress{}, err
		}
	}
	s.known = true
	return s.at, nil
}

// forget drops what was not written; nothing is known until the next Cursor.
func (s *Sink) forget() {
	clear(s.dirty)
	s.known = false
	if s.feed != nil {
		s.feed.discard()
	}
}

// load takes over the files of the manifest; false if it names one that this
// sink would not write.
func (s *Sink) load(m *Manifest) bool {
	for _, f := range m.Files {
		t, ok := table.ByName(f.Table)
		if !ok {
			return false
		}
		p, err := partitionIn(f.Name)
		k := partKey{t, p}
		if err != nil || f.Name != s.place.name(k, s.format) {
			return false
		}
		s.files[k] = &f
	}
	return true
}

// Apply implements sinks.Sink.
func (s *Sink) Apply(ctx context.Context, b sinks.Batch) (err error) {
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
	if s.feed != nil && b.Commit > s.at.Commit {
		if err := s.feed.add(&b); err != nil {
			s.forget()
			return err
		}
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
	to := v.Progress()
	if err := s.claim(ctx, to.Epoch); err != nil {
		s.forget()
		return err
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
	s.sweep, s.since = true, nil
	if s.feed != nil {
		s.feed.discard() // what changed is not known; who follows the feed reads the tables anew
		s.since = &Since{Epoch: to.Epoch, Commit: to.Commit}
	}
	return s.flush(ctx, v)
}

// claim writes the epoch of a new owner into the manifest before anything else,
// so that the one before it stops.
func (s *Sink) claim(ctx context.Context, epoch uint32) error {
	m, err := s.place.load(ctx)
	if err != nil {
		return err
	}
	switch {
	case m == nil, m.owner() == epoch:
		return nil
	case m.owner() > epoch:
		return sinks.ErrFenced
	}
	m.Owner = epoch
	return s.place.save(ctx, m)
}

// Close implements sinks.Sink.
func (s *Sink) Close() error {
	if s.feed != nil {
		s.feed.discard()
	}
	s.place.Close()
	return nil
}

// Manifest is what the place says of itself; nil before the first write.
func (s *Sink) Manifest(ctx context.Context) (*Manifest, error) { return s.place.load(ctx) }

// Place names the directory or bucket.
func (s *Sink) Place() string { return s.place.String() }

// FileName is what the file of a partition is called in a format.
func (s *Sink) FileName(t *table.Table, p sinks.Partition, f Format) string {
	return s.place.name(partKey{t, p}, f)
}

// flush writes the dirty partitions as they stand in the view and then the
// manifest. After an error nothing is known until the next Cursor.
func (s *Sink) flush(ctx context.Context, v sinks.View) (err error) {
	defer func() {
		if clear(s.dirty); err != nil {
			s.forget()
		}
	}()
	to := v.Progress()
	gone, err := s.writeDirty(ctx, v, to)
	if err != nil {
		return err
	}
	if s.feed != nil {
		if err := s.feed.publish(ctx, to); err != nil {
			return err
		}
		if s.since == nil {
			s.since = &Since{Epoch: to.Epoch, Commit: to.Commit}
		}
	}
	if err := s.writeManifest(ctx, to); err != nil {
		return err
	}
	if s.sweep {
		keep := map[string]bool{}
		for _, f := range s.files {
			keep[f.Name] = true
		}
		if gone, err = s.place.strays(ctx, keep); err != nil {
			return err
		}
	}
	for _, name := range gone {
		if err := s.place.remove(ctx, name); err != nil {
			return err
		}
	}
	if s.feed != nil {
		if err := s.feed.expire(ctx, to); err != nil {
			return err
		}
	}
	s.at, s.known, s.sweep = to, true, false
	return nil
}

// atOnce is how many partitions of a table without times in its key are written
// in one pass over it: each holds its own writer in memory.
const atOnce = 4

// writeDirty writes the dirty partitions, and gives the names of those that
// have no rows any more.
func (s *Sink) writeDirty(ctx context.Context, v sinks.View, to sinks.Progress) (gone []string, err error) {
	parts := make([]partKey, 0, len(s.dirty))
	for k := range s.dirty {
		parts = append(parts, k)
	}
	slices.SortFunc(parts, comparePartKeys)
	tables := map[string]bool{}
	for len(parts) > 0 {
		n := 1
		for n < len(parts) && n < atOnce && parts[n].t == parts[0].t && parts[n].p.Bucket > 0 && parts[0].p.Bucket > 0 {
			n++
		}
		written, err := s.writePartitions(ctx, v, parts[:n], to)
		if err != nil {
			return nil, err
		}
		for i, k := range parts[:n] {
			tables[k.t.Name] = true
			if written[i] == nil {
				delete(s.files, k)
				gone = append(gone, s.place.name(k, s.format))
				continue
			}
			s.files[k] = written[i]
		}
		parts = parts[n:]
	}
	return gone, s.place.settle(tables)
}

func comparePartKeys(a, b partKey) int {
	if c := cmp.Compare(slices.Index(table.All, a.t), slices.Index(table.All, b.t)); c != 0 {
		return c
	}
	return a.p.Compare(b.p)
}

// writePartitions replaces the files of some partitions of one table, in one
// pass over it; nil for those that have no rows.
func (s *Sink) writePartitions(ctx context.Context, v sinks.View, keys []partKey, to sinks.Progress) ([]*ManifestFile, error) {
	t := keys[0].t
	writers := make([]*partitionWriter, len(keys))
	byPart := map[sinks.Partition]*partitionWriter{}
	for i, k := range keys {
		writers[i] = newPartitionWriter(t, s.place.name(k, s.format))
		byPart[k.p] = writers[i]
	}
	defer func() {
		for _, p := range writers {
			p.discard()
		}
	}()
	put := func(p *partitionWriter, row table.Row) error {
		if p.w == nil { // only now: a partition without rows needs no file
			if err := p.open(s.place, s.format); err != nil {
				return err
			}
		}
		return p.row(row)
	}
	var err error
	if len(keys) == 1 {
		err = v.Scan(ctx, t, keys[0].p, func(row table.Row, _ uint64) error { return put(writers[0], row) })
	} else {
		err = v.ScanAll(ctx, t, func(row table.Row, _ uint64) error {
			if p := byPart[sinks.PartitionOf(t, row[:t.Keys])]; p != nil {
				return put(p, row)
			}
			return nil
		})
	}
	if err != nil {
		return nil, err
	}
	out := make([]*ManifestFile, len(keys))
	for i, p := range writers {
		if p.w == nil {
			continue
		}
		if err := p.finish(); err != nil {
			return nil, err
		}
		if err := p.draft.publish(ctx, p.out, s.files[keys[i]], to.Epoch); err != nil {
			return nil, err
		}
		out[i] = p.out
	}
	return out, nil
}

func (s *Sink) writeManifest(ctx context.Context, to sinks.Progress) error {
	m := Manifest{Version: manifestVersion, Epoch: to.Epoch, Commit: to.Commit, Watermark: to.Watermark.String(), Format: s.format, Changes: s.since, Files: []ManifestFile{}}
	keys := make([]partKey, 0, len(s.files))
	for k := range s.files {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, comparePartKeys)
	for _, k := range keys {
		m.Files = append(m.Files, *s.files[k])
	}
	return s.place.save(ctx, &m)
}

// partitionIn reads the partition from a file's name, of either kind of place.
func partitionIn(name string) (sinks.Partition, error) {
	part := strings.TrimSuffix(path.Base(name), path.Ext(name))
	if part == "part" {
		_, part, _ = strings.Cut(path.Base(path.Dir(name)), "=")
		if len(part) == len("01") {
			part = "bucket-" + part
		}
	}
	return parsePartition(part)
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
