package objects

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tributary-data/tributary/internal/testkit"
)

func open(t *testing.T, raw string, env map[string]string) *Bucket {
	t.Helper()
	b, err := Open(raw, Options{Getenv: func(k string) string { return env[k] }, Patience: time.Millisecond, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b
}

func body(text string) Body { return textBody([]byte(text), "text/plain") }

func read(t *testing.T, b *Bucket, name string) (string, Info) {
	t.Helper()
	r, info, err := b.Get(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(r)
	if err := errors.Join(err, r.Close()); err != nil {
		t.Fatal(err)
	}
	return string(text), info
}

var fakeEnv = map[string]string{"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}

// stores are those that every part of this test runs on.
func stores(t *testing.T, run func(t *testing.T, b *Bucket)) {
	t.Run("s3 in process", func(t *testing.T) { run(t, open(t, testkit.NewS3(t).Bucket("a"), fakeEnv)) })
	t.Run("s3 that checks signatures", func(t *testing.T) {
		raw, env := testkit.Versity(t)
		run(t, open(t, raw, env))
	})
	t.Run("azure", func(t *testing.T) {
		raw, env := testkit.Azurite(t)
		b := open(t, raw, env)
		makeContainer(t, b)
		run(t, b)
	})
	t.Run("google", func(t *testing.T) {
		raw, env := googleServer(t)
		run(t, open(t, raw, env))
	})
}

func makeContainer(t *testing.T, b *Bucket) {
	t.Helper()
	z := b.d.(*azure)
	r, err := z.request(http.MethodPut, "", plainQuery("restype", "container"))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Del("X-Ms-Blob-Type")
	if _, err := b.client.do(t.Context(), z, r, Body{}); err != nil {
		t.Fatal(err)
	}
}

func TestObjects(t *testing.T) {
	stores(t, func(t *testing.T, b *Bucket) {
		ctx := t.Context()
		if _, _, err := b.Get(ctx, "none"); !errors.Is(err, ErrNotFound) {
			t.Errorf("reading what is not there: %v", err)
		}
		if _, err := b.Head(ctx, "none"); !errors.Is(err, ErrNotFound) {
			t.Errorf("looking at what is not there: %v", err)
		}
		if err := b.Delete(ctx, "none"); err != nil {
			t.Errorf("removing what is not there: %v", err)
		}
		const odd = "sub/day=2026-01-15/a b+c~(1)&=ü%41.txt"
		first, err := b.Put(ctx, odd, body("one"), If{Absent: true})
		if err != nil {
			t.Fatal(err)
		}
		if text, info := read(t, b, odd); text != "one" || info.Version != first.Version || info.SHA256 != body("one").SHA256 || info.Size != 3 {
			t.Errorf("read %q %+v; wrote %+v", text, info, first)
		}
		if _, err := b.Put(ctx, odd, body("two"), If{Absent: true}); !errors.Is(err, ErrChanged) {
			t.Errorf("an object that is there was made: %v", err)
		}
		second, err := b.Put(ctx, odd, body("two"), If{Version: first.Version})
		if err != nil || second.Version == first.Version {
			t.Fatalf("%+v, %v", second, err)
		}
		if _, err := b.Put(ctx, odd, body("three"), If{Version: first.Version}); !errors.Is(err, ErrChanged) {
			t.Errorf("an object of another version was replaced: %v", err)
		}
		if text, _ := read(t, b, odd); text != "two" {
			t.Errorf("holds %q", text)
		}
		if info, err := b.Head(ctx, odd); err != nil || info.Version != second.Version || info.Size != 3 || info.SHA256 != body("two").SHA256 {
			t.Errorf("looked at %+v: %v", info, err)
		}
		if _, err := b.Put(ctx, "empty", body(""), If{}); err != nil {
			t.Fatal(err)
		}
		for i := range 3 {
			if _, err := b.Put(ctx, fmt.Sprintf("other/%d", i), body("x"), If{}); err != nil {
				t.Fatal(err)
			}
		}
		var names []string
		err = b.List(ctx, "", func(i Info) error {
			names = append(names, i.Name)
			if i.Name == odd && (i.Version != second.Version || i.Size != 3) {
				t.Errorf("listed as %+v; want version %s", i, second.Version)
			}
			return nil
		})
		if got := strings.Join(names, " "); err != nil || got != "empty other/0 other/1 other/2 "+odd {
			t.Errorf("listed %q: %v", got, err)
		}
		if err := b.Delete(ctx, odd); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Head(ctx, odd); !errors.Is(err, ErrNotFound) {
			t.Errorf("removed, and yet %v", err)
		}
	})
}

func TestUploadInParts(t *testing.T) {
	big := make([]byte, 11<<20+77)
	for i, r := 0, rand.NewChaCha8([32]byte{1}); i < len(big); i += 8 {
		n := r.Uint64()
		for j := i; j < min(i+8, len(big)); j++ {
			big[j] = byte(n)
			n >>= 8
		}
	}
	sum := sha256.Sum256(big)
	stores(t, func(t *testing.T, b *Bucket) {
		switch d := b.d.(type) {
		case *s3:
			d.partMin = 5 << 20
		case *azure:
			d.partMin = 4 << 20
		}
		put := Body{Data: bytes.NewReader(big), Size: int64(len(big)), SHA256: hex.EncodeToString(sum[:]), Type: "application/octet-stream"}
		first, err := b.Put(t.Context(), "big", put, If{Absent: true})
		if err != nil {
			t.Fatal(err)
		}
		text, info := read(t, b, "big")
		if text != string(big) || info.Version != first.Version || info.SHA256 != put.SHA256 {
			t.Errorf("got %d bytes %+v; want what was written: %+v", len(text), info, first)
		}
	})
}

// TestLongLists: more keys than a page holds.
func TestLongLists(t *testing.T) {
	b := open(t, testkit.NewS3(t).Bucket("a"), fakeEnv)
	for i := range 1103 {
		if _, err := b.Put(t.Context(), fmt.Sprintf("k%05d", i), body("x"), If{}); err != nil {
			t.Fatal(err)
		}
	}
	n := 0
	err := b.List(t.Context(), "k", func(i Info) error {
		if i.Name != fmt.Sprintf("k%05d", n) {
			t.Fatalf("got %s as number %d", i.Name, n)
		}
		n++
		return nil
	})
	if err != nil || n != 1103 {
		t.Errorf("listed %d of 1103: %v", n, err)
	}
}

func TestFaultsPass(t *testing.T) {
	for _, kind := range []testkit.S3Fault{testkit.S3SlowDown, testkit.S3LostBefore, testkit.S3LostAfter} {
		srv := testkit.NewS3(t)
		b := open(t, srv.Bucket("a"), fakeEnv)
		var n atomic.Int64
		srv.Fail(func(*http.Request) testkit.S3Fault {
			if n.Add(1)%3 != 0 {
				return kind
			}
			return testkit.S3Works
		})
		first, err := b.Put(t.Context(), "x", body("one"), If{Absent: true})
		if err != nil {
			t.Fatalf("fault %d: a write whose answer was lost is taken for somebody else's: %v", kind, err)
		}
		second, err := b.Put(t.Context(), "x", body("two"), If{Version: first.Version})
		if err != nil {
			t.Fatalf("fault %d: %v", kind, err)
		}
		if _, err := b.Put(t.Context(), "x", body("three"), If{Version: first.Version}); !errors.Is(err, ErrChanged) {
			t.Errorf("fault %d: what somebody else wrote was replaced: %v", kind, err)
		}
		if text, info := read(t, b, "x"); text != "two" || info.Version != second.Version {
			t.Errorf("fault %d: holds %q %+v", kind, text, info)
		}
	}
}

func TestWhatDoesNotPass(t *testing.T) {
	srv := testkit.NewS3(t)
	b := open(t, srv.Bucket("a"), fakeEnv)
	srv.Fail(func(*http.Request) testkit.S3Fault { return testkit.S3SlowDown })
	_, err := b.Put(t.Context(), "x", body("one"), If{})
	if !errors.Is(err, ErrUnreachable) || !strings.Contains(err.Error(), "SlowDown") || !strings.Contains(err.Error(), "s3://tables/a/x") {
		t.Errorf("got %v; want what, where and why", err)
	}
	if got := srv.Requests(); got != 6 {
		t.Errorf("asked %d times; want 6", got)
	}
	srv.Fail(nil)
	raw := strings.Replace(srv.Bucket("a"), testkit.S3Bucket, "nobody", 1)
	if _, err := open(t, raw, fakeEnv).Put(t.Context(), "x", body("one"), If{}); err == nil || !strings.Contains(err.Error(), "make the bucket first") {
		t.Errorf("a bucket that is not there: %v", err)
	}
}

// TestSignature compares with the examples that Amazon publishes:
// https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
func TestSignature(t *testing.T) {
	s := signer{label: "AWS4", prefix: "X-Amz-", region: "us-east-1", service: "s3"}
	k := key{id: "AKIAIOSFODNN7EXAMPLE", secret: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"}
	at := time.Date(2013, 5, 24, 0, 0, 0, 0, time.UTC)
	for _, x := range []struct {
		method, url, header, value, sha, want string
	}{
		{"GET", "https://examplebucket.s3.amazonaws.com/test.txt", "Range", "bytes=0-9", emptySHA, "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"},
		{"GET", "https://examplebucket.s3.amazonaws.com/?lifecycle=", "", "", emptySHA, "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"},
		{"GET", "https://examplebucket.s3.amazonaws.com/?max-keys=2&prefix=J", "", "", emptySHA, "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"},
	} {
		r, err := http.NewRequestWithContext(t.Context(), x.method, x.url, nil)
		if err != nil {
			t.Fatal(err)
		}
		if x.header != "" {
			r.Header.Set(x.header, x.value)
		}
		s.sign(r, k, x.sha, at)
		if got := r.Header.Get("Authorization"); !strings.HasSuffix(got, "Signature="+x.want) {
			t.Errorf("%s: got %s; want signature %s", x.url, got, x.want)
		}
	}
}

func TestURLs(t *testing.T) {
	for raw, want := range map[string]string{
		"s3://bucket/a?region=eu-central-1": "",
		"gs://bucket":                       "",
		"azblob://c/a/b?account=x":          "",
		"ftp://bucket/a":                    "the stores are",
		"s3://user:pw@bucket":               "holds credentials",
		"s3:///a":                           "names no bucket",
		"s3://b?regoin=x":                   "has the parameter regoin",
		"s3://b/a/../c":                     "has . or ..",
		"s3://b?endpoint=minio:9000":        "is not an address",
		"s3://b?region=x&path_style=1":      "must be true or false",
		"s3://b/a#b?region=x":               "holds a #",
	} {
		err := Check(raw)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: got %v; want %q", raw, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "pw") {
			t.Errorf("%s: the password is told: %v", raw, err)
		}
	}
	for s, want := range map[string]bool{"out": false, "/data/out": false, "./a://b": false, "s3://b": true, `C:\a`: false} {
		if IsURL(s) != want {
			t.Errorf("IsURL(%q) = %v", s, !want)
		}
	}
}

func TestAddresses(t *testing.T) {
	for raw, want := range map[string]string{
		"s3://bucket/p?region=eu-central-1":                "https://bucket.s3.eu-central-1.amazonaws.com/p/k%20%2B",
		"s3://dot.ted/p?region=eu-central-1":               "https://s3.eu-central-1.amazonaws.com/dot.ted/p/k%20%2B",
		"s3://bucket?endpoint=http://h:9":                  "http://h:9/bucket/k%20%2B",
		"s3://bucket?endpoint=http://h:9&path_style=false": "http://bucket.h:9/k%20%2B",
		"gs://bucket/p":              "https://storage.googleapis.com/bucket/p/k%20%2B",
		"azblob://box/p?account=acc": "https://acc.blob.core.windows.net/box/p/k%20%2B",
	} {
		b := open(t, raw, map[string]string{"AZURE_STORAGE_KEY": "aaaa"})
		r, err := b.d.request(http.MethodGet, b.prefix+"k +", url.Values{})
		if err != nil || r.URL.String() != want {
			t.Errorf("%s: got %v %v; want %s", raw, r.URL, err, want)
		}
	}
	if _, err := Open("s3://b", Options{Getenv: func(string) string { return "" }}); err == nil || !strings.Contains(err.Error(), "no region") {
		t.Errorf("S3 without a region: %v", err)
	}
}
