package files

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/sinks"
	"github.com/tributary-data/tributary/table"
)

// changesDir is where the change feed lies.
const changesDir = "changes"

// feed writes what changed in each round: a file for each table with the rows as
// they stand at the end of the round, named by the commits that it spans:
//
//	changes/<table>/day=2026-01-15/<epoch>-<after>-<commit>.parquet
//
// A file counts once the manifest has reached its last commit. What a crash left
// beyond that is removed before anything new is written, so that the files of a
// table that count follow on each other without gap and overlap.
type feed struct {
	place  place
	format Format
	keep   time.Duration // 0: for ever
	now    func() time.Time

	open    map[*table.Table]*feedFile
	after   uint64 // where the open files begin
	expired time.Time
}

// feedFile is a file of the round that is under way.
type feedFile struct {
	draft draft
	w     Writer
	hash  hash.Hash
	row   table.Row
	out   ManifestFile
}

// Write implements io.Writer for the table writer.
func (f *feedFile) Write(b []byte) (int, error) {
	n, err := f.draft.Write(b)
	f.hash.Write(b[:n])
	f.out.Bytes += int64(n)
	return n, err
}

func newFeed(at place, format Format, keep time.Duration) *feed {
	return &feed{place: at, format: format, keep: keep, now: time.Now, open: map[*table.Table]*feedFile{}}
}

// feedTables are the tables as the feed has them: with the revision of the row
// and whether it is gone in front. Of a row that is gone only the key is filled.
var feedTables = func() map[*table.Table]*table.Table {
	out := map[*table.Table]*table.Table{}
	for _, t := range table.All {
		columns := []table.Column{{Name: "rev", Type: table.Int}, {Name: "is_deleted", Type: table.Int}}
		out[t] = &table.Table{Name: t.Name, Keys: t.Keys + 2, Columns: append(columns, t.Columns...)}
	}
	return out
}()

// add writes the changes of a batch.
func (f *feed) add(b *sinks.Batch) error {
	if len(f.open) == 0 {
		f.after = b.After
	}
	for i := range b.Changes {
		c := &b.Changes[i]
		x, err := f.file(c.Table)
		if err != nil {
			return err
		}
		x.row = x.row[:0]
		x.row = append(x.row, table.I(int64(c.Rev)), table.I(0))
		if c.Row != nil {
			x.row = append(x.row, c.Row...)
		} else {
			x.row[1] = table.I(1)
			x.row = append(x.row, c.Key...)
			for _, col := range c.Table.Columns[len(c.Key):] {
				var v table.Value
				if col.Type == table.Time {
					v = table.At(event.NoTime)
				}
				x.row = append(x.row, v)
			}
		}
		if err := x.w.Write(x.row); err != nil {
			return fmt.Errorf("writing the change feed of %s: %w", c.Table.Name, err)
		}
		x.out.Rows++
	}
	return nil
}

func (f *feed) file(t *table.Table) (*feedFile, error) {
	if x := f.open[t]; x != nil {
		return x, nil
	}
	x := &feedFile{hash: sha256.New()}
	day := f.now().UTC().Format(time.DateOnly)
	x.out.Table = t.Name
	x.out.Name = changesDir + "/" + t.Name + "/day=" + day + "/open." + string(f.format)
	var err error
	if x.draft, err = f.place.create(x.out.Name); err != nil {
		return nil, err
	}
	f.open[t] = x // from here on discard closes it
	x.w, err = NewWriter(x, feedTables[t], f.format)
	return x, err
}

// publish gives the files of the round their names.
func (f *feed) publish(ctx context.Context, to sinks.Progress) error {
	dirs := map[string]bool{}
	for _, t := range table.All {
		x := f.open[t]
		if x == nil {
			continue
		}
		if err := x.w.Close(); err != nil {
			return writeError(x.out.Name, err)
		}
		x.out.SHA256 = hex.EncodeToString(x.hash.Sum(nil))
		dir := x.out.Name[:strings.LastIndexByte(x.out.Name, '/')]
		x.out.Name = fmt.Sprintf("%s/%06d-%012d-%012d.%s", dir, to.Epoch, f.after, to.Commit, f.format)
		x.draft.rename(x.out.Name)
		if err := x.draft.publish(ctx, &x.out, nil, to.Epoch); err != nil {
			return err
		}
		dirs[dir] = true
		delete(f.open, t)
	}
	return f.place.settle(dirs)
}

// discard drops the round that is under way.
func (f *feed) discard() {
	for t, x := range f.open {
		x.draft.discard()
		delete(f.open, t)
	}
}

var feedName = regexp.MustCompile(`^changes/[a-z_]+/day=(\d{4}-\d\d-\d\d)/(\d{6,})-(\d{12,})-(\d{12,})\.(ndjson|csv|parquet)$`)

// clean removes files beyond what the manifest has reached.
func (f *feed) clean(ctx context.Context, at sinks.Progress) error {
	return f.removeWhere(ctx, func(m []string) bool {
		epoch, _ := strconv.ParseUint(m[2], 10, 32)  // the pattern has digits
		commit, _ := strconv.ParseUint(m[4], 10, 64) //
		return uint32(epoch) == at.Epoch && commit > at.Commit
	})
}

// expire removes the days that are over, at most once an hour.
func (f *feed) expire(ctx context.Context, _ sinks.Progress) error {
	now := f.now()
	if f.keep == 0 || now.Sub(f.expired) < time.Hour {
		return nil
	}
	first := now.Add(-f.keep).UTC().Format(time.DateOnly)
	if err := f.removeWhere(ctx, func(m []string) bool { return m[1] < first }); err != nil {
		return err
	}
	f.expired = now
	return nil
}

func (f *feed) removeWhere(ctx context.Context, gone func(match []string) bool) error {
	names, err := f.place.list(ctx, changesDir)
	if err != nil {
		return err
	}
	for _, name := range names {
		if m := feedName.FindStringSubmatch(name); m != nil && gone(m) || isTemp(name[strings.LastIndexByte(name, '/')+1:]) && len(f.open) == 0 {
			if err := f.place.remove(ctx, name); err != nil {
				return err
			}
		}
	}
	return nil
}
