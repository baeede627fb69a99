package web

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/go-chi/chi/v5"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/internal/auth"
)

// answering turns a handler of the API into an http.HandlerFunc.
func (s *Server) answering(rt *route) http.HandlerFunc {
	offers := []string{mediaJSON}
	if rt.csv {
		offers = append(offers, mediaCSV, mediaNDJSON)
	}
	return func(w http.ResponseWriter, r *http.Request) {
		media := accepts(strings.Join(r.Header.Values("Accept"), ","), offers...)
		if media == "" {
			p := newProblem(http.StatusNotAcceptable, "not_acceptable", "none of the media types in Accept can be given")
			p.Accepted = offers
			p.write(w, r)
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), answerTimeout)
		defer cancel()
		e, err := s.answerTo(ctx, rt, r, media)
		if err != nil {
			s.fail(ctx, w, r, err)
			return
		}
		e.write(w, r)
	}
}

// answerTo works an answer out, or takes it from those of the same commit.
func (s *Server) answerTo(ctx context.Context, rt *route, r *http.Request, media string) (*encoded, error) {
	q, err := s.queryOf(rt, r.WithContext(ctx))
	if err != nil {
		return nil, err
	}
	if rt.volatile {
		a, err := rt.handle(s, q)
		if err != nil {
			return nil, err
		}
		return a.encode(media), nil
	}
	tag := s.tagOf(q, media)
	if notModified(r, tag) {
		return &encoded{status: http.StatusOK, media: media, tag: tag, epoch: s.seq.epoch, seq: s.seq.at(s.view.Status().Commit)}, nil
	}
	return s.cache.get(ctx, tag, func(ctx context.Context) (*encoded, error) {
		q.r = r.WithContext(ctx)
		a, err := rt.handle(s, q)
		if err != nil {
			return nil, err
		}
		e := a.encode(media)
		e.tag = tag
		return e, nil
	})
}

// queryOf reads the parameters of a request, those in the path included.
func (s *Server) queryOf(rt *route, r *http.Request) (*query, error) {
	q, err := parseQuery(rt, r, event.Millis(s.now().UnixMilli()))
	if err != nil {
		return nil, err
	}
	q.pathParams = map[string]string{}
	for _, p := range rt.params {
		if !p.inPath {
			continue
		}
		v := chi.URLParam(r, p.name)
		if r.URL.RawPath != "" { // chi then routes by the path as it was sent
			if v, err = url.PathUnescape(v); err != nil {
				return nil, badParameter(p.name, "a % escape in the path is broken")
			}
		}
		q.pathParams[p.name] = v
	}
	return q, nil
}

// tagOf is the ETag of an answer before it is worked out: it depends on nothing
// but the commit, the watermark, the question, and the minutes that a relative
// range means now.
func (s *Server) tagOf(q *query, media string) string {
	st := s.view.Status()
	h := sha256.New()
	_, _ = fmt.Fprintf(h, "%s %d %d %d %v %s %s\n", s.seq.epoch, st.Epoch, st.Commit, st.Watermark, s.may(q.r.Context(), auth.ReadPII), media, q.r.URL.EscapedPath())
	if q.ranged || q.bounded {
		grain := q.grain()
		_, _ = fmt.Fprintf(h, "%d %d\n", q.from.Floor(grain), ceil(q.to, grain))
		if !q.ranged { // a list cuts at the millisecond
			_, _ = fmt.Fprintf(h, "%d %d\n", q.from, q.to)
		}
		if q.compare != "" {
			_, _ = fmt.Fprintf(h, "%d\n", ceil(q.now, grain))
		}
	}
	values := q.r.URL.Query()
	names := make([]string, 0, len(values))
	for name := range values {
		if name != "from" && name != "to" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		_, _ = fmt.Fprintf(h, "%q%q", name, values[name])
	}
	return `W/"` + hex.EncodeToString(h.Sum(nil)[:12]) + `"`
}

const (
	maxCached      = 256
	maxCachedBytes = 16 << 20
)

// answerCache keeps answers of the current commit, and has each worked out once
// for all who ask for it at the same time.
type answerCache struct {
	mu struct {
		sync.Mutex
		answers map[string]*cached
		order   []string // oldest first
		bytes   int
	}
}

type cached struct {
	done   chan struct{}
	answer *encoded
	err    error
}

func newAnswerCache() *answerCache {
	c := &answerCache{}
	c.mu.answers = map[string]*cached{}
	return c
}

// get calls work, unless another has called it for the same tag. It runs apart
// from the request that began it, because others may wait for it.
func (c *answerCache) get(ctx context.Context, tag string, work func(context.Context) (*encoded, error)) (*encoded, error) {
	c.mu.Lock()
	x := c.mu.answers[tag]
	if x == nil {
		x = &cached{done: make(chan struct{}), err: errors.New("working out an answer ended early")}
		c.mu.answers[tag] = x
		c.mu.order = append(c.mu.order, tag)
		c.mu.Unlock()
		defer c.finish(tag, x) // also when work panics
		apart, cancel := context.WithTimeout(context.WithoutCancel(ctx), answerTimeout)
		defer cancel()
		x.answer, x.err = work(apart)
		return x.answer, x.err
	}
	c.mu.Unlock()
	select {
	case <-x.done:
		return x.answer, x.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// finish lets others have the answer, and makes room for it.
func (c *answerCache) finish(tag string, x *cached) {
	c.mu.Lock()
	defer c.mu.Unlock()
	close(x.done)
	if x.err != nil {
		if c.mu.answers[tag] == x {
			delete(c.mu.answers, tag)
			c.mu.order = slices.DeleteFunc(c.mu.order, func(t string) bool { return t == tag })
		}
		return
	}
	c.mu.bytes += len(x.answer.body)
	for len(c.mu.order) > 1 && (len(c.mu.order) > maxCached || c.mu.bytes > maxCachedBytes) {
		oldest := c.mu.order[0]
		c.mu.order = c.mu.order[1:]
		if y := c.mu.answers[oldest]; y.answer != nil {
			c.mu.bytes -= len(y.answer.body)
		}
		delete(c.mu.answers, oldest)
	}
}
