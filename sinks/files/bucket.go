package files

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"regexp"
	"strings"

	"github.com/tributary-data/tributary/sinks"
	"github.com/tributary-data/tributary/sinks/objects"
	"github.com/tributary-data/tributary/table"
)

// bucketPlace is a bucket of an object store, or a prefix in it. Files lie Hive
// style, as readers of buckets expect: minute_delivery/day=2026-01-15/part.parquet.
//
// A file is replaced on the condition that it still is what the manifest says
// (by its ETag or generation), and the manifest on the condition that it is the
// one that was read; a new owner writes its epoch into the manifest before
// anything else. So a writer that was superseded fails with its first write
// after the new owner's to the same name. What it could still damage, in the
// instant between, is seen by its ETag when the sink looks again.
type bucketPlace struct {
	b       *objects.Bucket
	version string // of the manifest that was seen last
	loaded  bool
}

func newBucketPlace(raw string, opt objects.Options) (*bucketPlace, error) {
	b, err := objects.Open(raw, opt)
	if err != nil {
		return nil, err
	}
	return &bucketPlace{b: b}, nil
}

func (p *bucketPlace) String() string { return p.b.String() }
func (p *bucketPlace) Close()         { p.b.Close() }

func (p *bucketPlace) name(k partKey, f Format) string {
	return k.t.Name + "/" + hive(k.p) + "/part." + string(f)
}

// hive is the partition as a directory that readers take a column from.
func hive(p sinks.Partition) string {
	if p.Bucket > 0 {
		return fmt.Sprintf("bucket=%02d", p.Bucket)
	}
	return "day=" + p.String()
}

func (p *bucketPlace) load(ctx context.Context) (*Manifest, error) {
	p.loaded = false
	r, info, err := p.b.Get(ctx, manifestName)
	if errors.Is(err, objects.ErrNotFound) {
		p.version, p.loaded = "", true
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	raw, err := io.ReadAll(r)
	if err := errors.Join(err, r.Close()); err != nil {
		return nil, fmt.Errorf("read %s/%s: %w", p, manifestName, err)
	}
	p.version, p.loaded = info.Version, true
	return parseManifest(raw), nil
}

func (p *bucketPlace) save(ctx context.Context, m *Manifest) error {
	if !p.loaded {
		was, err := p.load(ctx)
		if err != nil {
			return err
		}
		if was != nil && was.owner() > m.owner() {
			return sinks.ErrFenced
		}
	}
	raw, err := json.MarshalIndent(m, "", " ")
	if err != nil {
		return fmt.Errorf("encoding the manifest: %w", err)
	}
	info, err := p.b.Put(ctx, manifestName, objects.TextBody(append(raw, '\n'), "application/json"), objects.If{Version: p.version, Absent: p.version == ""})
	if errors.Is(err, objects.ErrChanged) {
		if fenced := p.fence(ctx, m.owner()); fenced != nil {
			return fenced
		}
		p.loaded = false
		return fmt.Errorf("%w: %s/%s was removed, or written by another program under the same epoch; give each server a prefix of its own: %w", sinks.ErrGap, p, manifestName, err)
	}
	if err != nil {
		p.loaded = false
		return err
	}
	p.version = info.Version
	return nil
}

// fence looks for a later owner without taking over what it sees.
func (p *bucketPlace) fence(ctx context.Context, epoch uint32) error {
	version, loaded := p.version, p.loaded
	m, err := p.load(ctx)
	p.version, p.loaded = version, loaded
	if err == nil && m != nil && m.owner() > epoch {
		return sinks.ErrFenced
	}
	return err
}

// create spools to a file without a name: the store wants length and checksum
// before the first byte, and a crash leaves nothing behind.
func (p *bucketPlace) create(name string) (draft, error) {
	f, err := os.CreateTemp("", "tributary-spool-")
	if err != nil {
		return nil, spoolError(err)
	}
	if err := os.Remove(f.Name()); err != nil {
		return nil, errors.Join(spoolError(err), f.Close())
	}
	return &bucketDraft{p: p, name: name, file: f}, nil
}

func spoolError(err error) error {
	return fmt.Errorf("spool a file before it is uploaded: %w; files are written to the system's temporary directory first, TMPDIR names another", err)
}

type bucketDraft struct {
	p    *bucketPlace
	name string
	file *os.File
}

func (x *bucketDraft) Write(b []byte) (int, error) {
	n, err := x.file.Write(b)
	if err != nil {
		err = spoolError(err)
	}
	return n, err
}

var mediaTypes = map[string]string{
	".ndjson": "application/x-ndjson", ".csv": "text/csv; charset=utf-8", ".parquet": "application/vnd.apache.parquet",
	".json": "application/json", ".gz": "application/gzip", ".zst": "application/zstd",
}

func (x *bucketDraft) rename(name string) { x.name = name }

func (x *bucketDraft) publish(ctx context.Context, f, was *ManifestFile, epoch uint32) error {
	if err := x.p.fence(ctx, epoch); err != nil {
		return err
	}
	body := objects.Body{Data: x.file, Size: f.Bytes, SHA256: f.SHA256, Type: mediaTypes[path.Ext(f.Name)]}
	cond := objects.If{Absent: true}
	if was != nil && was.Version != "" {
		cond = objects.If{Version: was.Version}
	}
	const tries = 4
	for n := 1; ; n++ {
		info, err := x.p.b.Put(ctx, x.name, body, cond)
		if err == nil {
			f.Version = info.Version
			return nil
		}
		if !errors.Is(err, objects.ErrChanged) || n == tries {
			return err
		}
		// A later owner, or what we left before a crash took the manifest.
		if err := x.p.fence(ctx, epoch); err != nil {
			return err
		}
		now, err := x.p.b.Head(ctx, x.name)
		switch {
		case errors.Is(err, objects.ErrNotFound):
			cond = objects.If{Absent: true}
		case err != nil:
			return err
		default:
			cond = objects.If{Version: now.Version}
		}
	}
}

func (x *bucketDraft) discard() {
	if x.file != nil {
		_ = x.file.Close()
		x.file = nil
	}
}

func (p *bucketPlace) settle(map[string]bool) error { return nil }

func (p *bucketPlace) damaged(ctx context.Context, files map[partKey]*ManifestFile) (out []partKey, err error) {
	if len(files) == 0 {
		return nil, nil
	}
	there := map[string]objects.Info{}
	err = p.each(ctx, func(i objects.Info) { there[i.Name] = i })
	if err != nil {
		return nil, err
	}
	for k, f := range files {
		if i, ok := there[f.Name]; !ok || i.Size != f.Bytes || i.Version != f.Version {
			out = append(out, k)
		}
	}
	return out, nil
}

// each visits the objects in the tables' directories.
func (p *bucketPlace) each(ctx context.Context, fn func(objects.Info)) error {
	return p.b.List(ctx, "", func(i objects.Info) error {
		if dir, _, _ := strings.Cut(i.Name, "/"); isTable(dir) {
			fn(i)
		}
		return nil
	})
}

func isTable(name string) bool {
	_, ok := table.ByName(name)
	return ok
}

// partitionObject is what files of this place are named, in any format.
var partitionObject = regexp.MustCompile(`^[a-z_]+/(day=\d{4}-\d\d-\d\d|bucket=\d\d)/part\.(ndjson|csv|parquet)$`)

func (p *bucketPlace) strays(ctx context.Context, keep map[string]bool) (out []string, err error) {
	err = p.each(ctx, func(i objects.Info) {
		if !keep[i.Name] && partitionObject.MatchString(i.Name) {
			out = append(out, i.Name)
		}
	})
	return out, err
}

func (p *bucketPlace) list(ctx context.Context, dir string) (out []string, err error) {
	err = p.b.List(ctx, dir+"/", func(i objects.Info) error {
		out = append(out, i.Name)
		return nil
	})
	return out, err
}

func (p *bucketPlace) remove(ctx context.Context, name string) error { return p.b.Delete(ctx, name) }

func (p *bucketPlace) open(ctx context.Context, name string) (io.ReadCloser, error) {
	r, _, err := p.b.Get(ctx, name)
	return r, err
}

func (p *bucketPlace) missing(err error) bool { return errors.Is(err, objects.ErrNotFound) }
