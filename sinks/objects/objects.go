// Package objects reads and writes the objects of a bucket in the stores of the
// clouds: Amazon S3 and what speaks its protocol, Google Cloud Storage, Azure
// Blob Storage. It speaks their documented HTTP protocols itself, because their
// clients would more than double the program; it knows nothing of tables.
//
// Invariants:
//  1. An object is there whole or not at all, and is what was given: every
//     upload carries its length and a checksum that the store verifies.
//  2. A write with a condition changes nothing when the condition does not hold,
//     and one whose answer was lost is not mistaken for somebody else's.
//  3. Secrets come from the environment or from files, never from a URL, and
//     stand in no error.
package objects

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"
)

// What callers go by.
var (
	// ErrNotFound means that there is no such object.
	ErrNotFound = errors.New("there is no such object")
	// ErrChanged means that the condition of a write does not hold.
	ErrChanged = errors.New("the object is not the one that was expected")
	// ErrUnreachable means that the store cannot be reached or does not work now.
	ErrUnreachable = errors.New("the object store cannot be reached")
)

// Info is what a store says of an object.
type Info struct {
	Name    string // relative to the prefix of the Bucket
	Size    int64
	Version string // changes with every write: an ETag or a generation
	SHA256  string // in hex, as given to Put; not in lists
}

// Body is what is uploaded. It may be read several times.
type Body struct {
	Data   io.ReaderAt
	Size   int64
	SHA256 string // in hex
	Type   string // media type
}

// If is the condition of a write; the zero If is none.
type If struct {
	Version string // the object has this version
	Absent  bool   // there is no object
}

// Options are what tests replace.
type Options struct {
	Getenv func(string) string // nil: os.Getenv
	Logger *slog.Logger        // nil: slog.Default
	Now    func() time.Time    // nil: time.Now
	// Patience is the longest wait between two tries [10 s].
	Patience time.Duration
	Tries    int // of one request [6]
}

// Bucket is a bucket, or what lies below a prefix in it. Any goroutine may use
// it.
type Bucket struct {
	url    string // as it was given
	prefix string // "" or ends in "/"
	client *client
	d      dialect
}

// schemes are the stores by the scheme of their URLs, and the parameters that
// each knows.
var schemes = map[string][]string{
	"s3":     {"region", "endpoint", "path_style", "profile", "anonymous"},
	"gs":     {"endpoint", "anonymous"},
	"azblob": {"account", "endpoint"},
}

// IsURL says whether a text names a bucket rather than a directory.
func IsURL(s string) bool {
	scheme, _, ok := strings.Cut(s, "://")
	return ok && scheme != "" && !strings.ContainsAny(scheme, `/\.`)
}

// Check says what is wrong with the URL of a bucket.
func Check(raw string) error {
	_, _, err := parse(raw)
	return err
}

func parse(raw string) (u *url.URL, prefix string, err error) {
	u, err = url.Parse(raw)
	if err != nil {
		return nil, "", fmt.Errorf("%q is not a URL; write it as s3://bucket/prefix?region=eu-central-1", raw)
	}
	known, ok := schemes[u.Scheme]
	switch {
	case !ok:
		return nil, "", fmt.Errorf("%q begins with %s://; the stores are s3://, gs:// and azblob://", u.Redacted(), u.Scheme)
	case u.User != nil:
		return nil, "", fmt.Errorf("%q holds credentials; leave them out: they are read from the environment or from files", u.Redacted())
	case u.Host == "":
		return nil, "", fmt.Errorf("%q names no bucket; write it as %s://bucket/prefix", raw, u.Scheme)
	case u.Fragment != "":
		return nil, "", fmt.Errorf("%q holds a #; write it as %%23", raw)
	}
	for name := range u.Query() {
		if !slices.Contains(known, name) {
			return nil, "", fmt.Errorf("%q has the parameter %s; %s:// knows %s", withoutQuery(u), name, u.Scheme, strings.Join(known, ", "))
		}
	}
	if e := u.Query().Get("endpoint"); e != "" && !strings.HasPrefix(e, "http://") && !strings.HasPrefix(e, "https://") {
		return nil, "", fmt.Errorf("endpoint %q is not an address such as https://minio.example:9000", e)
	}
	for _, name := range []string{"path_style", "anonymous"} {
		if v := u.Query().Get(name); v != "" && v != "true" && v != "false" {
			return nil, "", fmt.Errorf("%s is %q; it must be true or false", name, v)
		}
	}
	prefix = strings.Trim(u.Path, "/")
	if slices.ContainsFunc(strings.Split(prefix, "/"), func(part string) bool { return part == "." || part == ".." }) {
		return nil, "", fmt.Errorf("%q has . or .. in its path; name the prefix as it is", withoutQuery(u))
	}
	if prefix != "" {
		prefix += "/"
	}
	return u, prefix, nil
}

func withoutQuery(u *url.URL) string {
	c := *u
	c.RawQuery = ""
	return c.Redacted()
}

// Open makes a client; it asks nothing of the store yet.
func Open(raw string, opt Options) (*Bucket, error) {
	u, prefix, err := parse(raw)
	if err != nil {
		return nil, err
	}
	if opt.Getenv == nil {
		opt.Getenv = os.Getenv
	}
	if opt.Logger == nil {
		opt.Logger = slog.Default()
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if opt.Patience <= 0 {
		opt.Patience = 10 * time.Second
	}
	if opt.Tries <= 0 {
		opt.Tries = 6
	}
	c := &client{opt: opt, http: newHTTP()}
	b := &Bucket{url: withoutQuery(u), prefix: prefix, client: c}
	switch u.Scheme {
	case "s3":
		b.d, err = newS3(c, u)
	case "gs":
		b.d, err = newGCS(c, u)
	default:
		b.d, err = newAzure(c, u)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", b.url, err)
	}
	return b, nil
}

// String is the URL without its parameters.
func (b *Bucket) String() string { return strings.TrimRight(b.url, "/") }

// Close lets go of idle connections.
func (b *Bucket) Close() { b.client.http.CloseIdleConnections() }

// dialect is what differs between the stores. Keys are whole: with the prefix.
type dialect interface {
	// request prepares a request without credentials.
	request(method, key string, query url.Values) (*http.Request, error)
	// sign adds credentials; sha is the checksum of the body in hex.
	sign(ctx context.Context, r *http.Request, sha string) error
	// describe sets what an upload carries with it, and the checksum that the
	// store compares it with where the signature is none.
	describe(h http.Header, body *Body) error
	// condition sets the headers of a condition.
	condition(h http.Header, cond If)
	// info reads an object's headers.
	info(h http.Header) Info
	// list gives one page of keys and where the next begins, "" at the end.
	list(ctx context.Context, prefix, after string) ([]Info, string, error)
	// putLarge uploads in parts; false: this store takes it in one.
	putLarge(ctx context.Context, key string, body Body, cond If) (Info, bool, error)
}

// Put writes an object.
func (b *Bucket) Put(ctx context.Context, name string, body Body, cond If) (Info, error) {
	info, err := b.put(ctx, b.prefix+name, body, cond)
	if err != nil {
		return Info{}, fmt.Errorf("write %s/%s: %w", b, name, err)
	}
	info.Name, info.Size, info.SHA256 = name, body.Size, body.SHA256
	return info, nil
}

func (b *Bucket) put(ctx context.Context, key string, body Body, cond If) (Info, error) {
	if info, done, err := b.d.putLarge(ctx, key, body, cond); done || err != nil {
		if err = b.mine(ctx, key, body, &info, err); err != nil {
			return Info{}, err
		}
		// Some stores name what was put together otherwise when asked again.
		if now, err := b.head(ctx, key); err == nil && now.SHA256 == body.SHA256 {
			info = now
		}
		return info, nil
	}
	r, err := b.d.request(http.MethodPut, key, nil)
	if err != nil {
		return Info{}, err
	}
	if err := b.d.describe(r.Header, &body); err != nil {
		return Info{}, err
	}
	b.d.condition(r.Header, cond)
	a, err := b.client.do(ctx, b.d, r, body)
	if err != nil {
		var info Info
		err = b.mine(ctx, key, body, &info, err)
		return info, err
	}
	return b.d.info(a.header), nil
}

// mine looks whether a condition failed because an earlier try had succeeded:
// then the object is what we wrote.
func (b *Bucket) mine(ctx context.Context, key string, body Body, info *Info, err error) error {
	var f *Fault
	if !errors.As(err, &f) || !errors.Is(err, ErrChanged) || f.tries < 2 {
		return err
	}
	now, headErr := b.head(ctx, key)
	if headErr != nil || now.SHA256 != body.SHA256 || now.Size != body.Size {
		return err
	}
	*info = now
	return nil
}

// Head says what an object is.
func (b *Bucket) Head(ctx context.Context, name string) (Info, error) {
	info, err := b.head(ctx, b.prefix+name)
	if err != nil {
		return Info{}, fmt.Errorf("look at %s/%s: %w", b, name, err)
	}
	info.Name = name
	return info, nil
}

func (b *Bucket) head(ctx context.Context, key string) (Info, error) {
	r, err := b.d.request(http.MethodHead, key, nil)
	if err != nil {
		return Info{}, err
	}
	a, err := b.client.do(ctx, b.d, r, Body{})
	if err != nil {
		return Info{}, err
	}
	return b.d.info(a.header), nil
}

// Get reads an object; the caller closes it. What comes is checked against the
// length that the store gave.
func (b *Bucket) Get(ctx context.Context, name string) (io.ReadCloser, Info, error) {
	r, err := b.d.request(http.MethodGet, b.prefix+name, nil)
	if err == nil {
		var a *reply
		if a, err = b.client.open(ctx, b.d, r); err == nil {
			info := b.d.info(a.header)
			info.Name = name
			return a.body, info, nil
		}
	}
	return nil, Info{}, fmt.Errorf("read %s/%s: %w", b, name, err)
}

// Delete removes an object; one that is not there is no error.
func (b *Bucket) Delete(ctx context.Context, name string) error {
	r, err := b.d.request(http.MethodDelete, b.prefix+name, nil)
	if err == nil {
		_, err = b.client.do(ctx, b.d, r, Body{})
	}
	if err != nil && !errors.Is(err, ErrNotFound) {
		return fmt.Errorf("remove %s/%s: %w", b, name, err)
	}
	return nil
}

// List gives every object whose name begins with prefix, in the order of names.
func (b *Bucket) List(ctx context.Context, prefix string, fn func(Info) error) error {
	for after := ""; ; {
		page, next, err := b.d.list(ctx, b.prefix+prefix, after)
		if err != nil {
			return fmt.Errorf("list %s/%s: %w", b, prefix, err)
		}
		for _, info := range page {
			info.Name = strings.TrimPrefix(info.Name, b.prefix)
			if err := fn(info); err != nil {
				return err
			}
		}
		if next == "" {
			return nil
		}
		after = next
	}
}
