package objects

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// client sends requests, again where that may help.
type client struct {
	opt  Options
	http *http.Client
}

const (
	firstWait = 200 * time.Millisecond
	// answerWait is how long a store may think, beyond the time that the body
	// takes at slowest.
	answerWait = 2 * time.Minute
	slowest    = 256 << 10 // bytes a second; a line that is slower is taken for dead
	maxAnswer  = 32 << 20  // of a list or an error; a page of 1,000 keys is less than 2 MiB
)

func newHTTP() *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			Proxy:               http.ProxyFromEnvironment,
			DialContext:         (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
			TLSHandshakeTimeout: 10 * time.Second, ExpectContinueTimeout: time.Second,
			MaxIdleConnsPerHost: 4, IdleConnTimeout: 30 * time.Second,
			DisableCompression: true, // objects come as they lie there
		},
		// A redirected request has to be signed anew; where it leads is told.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// reply is a good answer.
type reply struct {
	header http.Header
	text   []byte        // of do
	body   io.ReadCloser // of open
}

// Fault is an answer that says no.
type Fault struct {
	Status  int
	Code    string // the store's own
	Message string
	Hint    string
	cause   error // one of the sentinels, or nil
	tries   int   // that were made
	wait    time.Duration
}

// Error is for people.
func (f *Fault) Error() string {
	text := fmt.Sprintf("the store answers %d", f.Status)
	if f.Code != "" {
		text += " " + f.Code
	}
	if f.Message != "" {
		text += ": " + strings.TrimRight(f.Message, ".\n")
	}
	if f.Hint != "" {
		text += "; " + f.Hint
	}
	return text
}

// Unwrap is the sentinel that it stands for.
func (f *Fault) Unwrap() error { return f.cause }

var emptySHA = hex.EncodeToString(sha256.New().Sum(nil))

// do sends a request whose answer is small and reads it.
func (c *client) do(ctx context.Context, d dialect, r *http.Request, body Body) (*reply, error) {
	return c.try(ctx, func(ctx context.Context) (*reply, error) {
		ctx, cancel := context.WithTimeout(ctx, answerWait+time.Duration(body.Size/slowest)*time.Second)
		defer cancel()
		res, err := c.send(ctx, d, r, body)
		if err != nil {
			return nil, err
		}
		text, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
		if err = errors.Join(err, res.Body.Close()); err != nil {
			return nil, lost(err)
		}
		return &reply{header: res.Header, text: text}, nil
	})
}

// open sends a request whose answer is read by the caller.
func (c *client) open(ctx context.Context, d dialect, r *http.Request) (*reply, error) {
	return c.try(ctx, func(ctx context.Context) (*reply, error) {
		res, err := c.send(ctx, d, r, Body{}) //nolint:bodyclose // the caller of Get closes it
		if err != nil {
			return nil, err
		}
		return &reply{header: res.Header, body: res.Body}, nil
	})
}

// try sends again what failed in a way that may pass.
func (c *client) try(ctx context.Context, send func(context.Context) (*reply, error)) (*reply, error) {
	wait := firstWait
	for n := 1; ; n++ {
		a, err := send(ctx)
		if err == nil {
			return a, nil
		}
		var f *Fault
		if errors.As(err, &f) {
			f.tries = n
		}
		if ctx.Err() != nil {
			return nil, fmt.Errorf("%w (%w)", ctx.Err(), err)
		}
		if !errors.Is(err, ErrUnreachable) || n >= c.opt.Tries {
			return nil, err
		}
		pause := wait/2 + rand.N(wait/2+1)
		if f != nil {
			pause = max(pause, f.wait)
		}
		pause = min(pause, c.opt.Patience)
		c.opt.Logger.Debug("the object store is asked again", slog.Int("try", n), slog.Duration("in", pause), slog.Any("err", err))
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("%w (%w)", ctx.Err(), err)
		case <-time.After(pause):
		}
		wait *= 2
	}
}

// send makes one try. The answer's body is the caller's.
func (c *client) send(ctx context.Context, d dialect, r *http.Request, body Body) (*http.Response, error) {
	r = r.Clone(ctx)
	sha := emptySHA
	if body.Data != nil {
		sha = body.SHA256
		r.Body = io.NopCloser(io.NewSectionReader(body.Data, 0, body.Size))
		if body.Size == 0 {
			r.Body = http.NoBody
		}
		r.ContentLength = body.Size
	}
	if err := d.sign(ctx, r, sha); err != nil {
		return nil, err
	}
	res, err := c.http.Do(r)
	if err != nil {
		return nil, lost(err)
	}
	if res.StatusCode/100 == 2 {
		return res, nil
	}
	text, err := io.ReadAll(io.LimitReader(res.Body, 64<<10))
	_ = res.Body.Close()
	if err != nil {
		return nil, lost(err)
	}
	return nil, fault(res, text)
}

// lost is a request without an answer: it may have been done.
func lost(err error) error { return &unanswered{err} }

type unanswered struct{ err error }

func (u *unanswered) Error() string   { return "no answer: " + u.err.Error() }
func (u *unanswered) Unwrap() []error { return []error{ErrUnreachable, u.err} }

func (f *Fault) is(codes ...string) bool { return slices.Contains(codes, f.Code) }

// fault reads an answer that says no.
func fault(res *http.Response, text []byte) *Fault {
	f := &Fault{Status: res.StatusCode}
	var x struct {
		Code    string
		Message string
	}
	if xml.Unmarshal(text, &x) == nil {
		f.Code = x.Code
		f.Message, _, _ = strings.Cut(x.Message, "\n") // Azure adds the request's id and time
	}
	if f.Code == "" {
		f.Code = res.Header.Get("X-Ms-Error-Code")
	}
	if n, err := strconv.Atoi(res.Header.Get("Retry-After")); err == nil {
		f.wait = time.Duration(n) * time.Second
	}
	switch {
	case res.StatusCode == http.StatusPreconditionFailed, f.is("BlobAlreadyExists"):
		f.cause = ErrChanged
	case f.is("NoSuchBucket", "ContainerNotFound"):
		f.Hint = "make the bucket first, or correct its name"
	case res.StatusCode == http.StatusNotFound:
		f.cause = ErrNotFound
	case res.StatusCode >= 500 && res.StatusCode != http.StatusNotImplemented, res.StatusCode == http.StatusTooManyRequests, res.StatusCode == http.StatusRequestTimeout,
		res.StatusCode == http.StatusConflict, // of two writes at the same time
		f.is("SlowDown", "RequestTimeout", "BadDigest", "Md5Mismatch"):
		f.cause = ErrUnreachable
	case f.is("RequestTimeTooSkewed"):
		f.Hint = "set the clock of this machine"
	case f.is("ExpiredToken", "InvalidAccessKeyId", "SignatureDoesNotMatch", "AuthenticationFailed", "InvalidToken"):
		f.Hint = "look at the credentials"
	case res.StatusCode == http.StatusForbidden, res.StatusCode == http.StatusUnauthorized:
		f.Hint = "the credentials need permission to read, write, list and delete there"
	case res.StatusCode/100 == 3, f.is("AuthorizationHeaderMalformed"):
		f.Hint = "look at the region and the endpoint"
		if region := res.Header.Get("X-Amz-Bucket-Region"); region != "" {
			f.Hint = "the bucket is in " + region + "; add region=" + region + " to the URL"
		}
	}
	return f
}
