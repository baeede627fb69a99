package web

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/klauspost/compress/zstd"
)

const (
	maxBody     = 16 << 20 // as sent
	maxUnpacked = 64 << 20 // after decompression
	// bodyBudget bounds the bodies of all requests together; what does not fit
	// is told to come back.
	bodyBudget = 192 << 20
	readChunk  = 64 << 10
)

// budget is a number of bytes shared by requests.
type budget struct{ left atomic.Int64 }

func newBudget(n int64) *budget {
	b := &budget{}
	b.left.Store(n)
	return b
}

// take gives false, and takes nothing, when n bytes are not left.
func (b *budget) take(n int64) bool {
	if b.left.Add(-n) < 0 {
		b.left.Add(n)
		return false
	}
	return true
}

func (b *budget) give(n int64) { b.left.Add(n) }

var (
	errTooLarge   = newProblem(http.StatusRequestEntityTooLarge, "body_too_large", "the body is larger than 16 MiB as sent, or 64 MiB unpacked; send it in parts")
	errManyRecord = newProblem(http.StatusRequestEntityTooLarge, "too_many_records", "a request may hold at most 10000 records; send them in parts")
)

// collect takes events. It answers only when Collect has returned: they are
// durable then.
func (s *Server) collect(w http.ResponseWriter, r *http.Request) {
	if len(r.URL.RawQuery) > 0 {
		p := newProblem(http.StatusBadRequest, "unknown_parameter", "this route takes no parameters")
		p.Accepted = []string{}
		p.write(w, r)
		return
	}
	split, p := splitterFor(r.Header.Values("Content-Type"))
	if p != nil {
		p.write(w, r)
		return
	}
	if accepts(strings.Join(r.Header.Values("Accept"), ","), "application/json") == "" {
		p := newProblem(http.StatusNotAcceptable, "not_acceptable", "the answer is application/json")
		p.Accepted = []string{"application/json"}
		p.write(w, r)
		return
	}
	body, held, err := s.readBody(w, r)
	defer func() { s.budget.give(held) }()
	if err != nil {
		s.fail(r.Context(), w, r, err)
		return
	}
	records, err := split(bytes.TrimPrefix(body, []byte("\xef\xbb\xbf")))
	if err != nil {
		if errors.Is(err, errTooMany) {
			errManyRecord.write(w, r)
			return
		}
		newProblem(http.StatusBadRequest, "unreadable_body", "nothing could be read: "+err.Error()).write(w, r)
		return
	}
	var result CollectResult
	if len(records) > 0 {
		result, err = s.collector.Collect(r.Context(), w.Header().Get(requestIDHeader), records)
	}
	switch {
	case errors.Is(err, ErrBusy):
		err = newProblem(http.StatusTooManyRequests, "busy", "more comes in than can be made durable; send it again a little later").after(time.Second)
	case errors.Is(err, ErrStopping):
		err = newProblem(http.StatusServiceUnavailable, "stopping", "the program is stopping; send it again").after(5 * time.Second)
	case errors.Is(err, ErrDiskFull):
		err = newProblem(http.StatusServiceUnavailable, "disk_full", "the disk is nearly full and intake pauses; send it again later").after(30 * time.Second)
	}
	if err != nil {
		s.fail(r.Context(), w, r, err)
		return
	}
	s.metrics.bodies.WithLabelValues("accepted").Add(float64(result.Accepted))
	s.metrics.bodies.WithLabelValues("duplicate").Add(float64(result.Duplicates))
	s.metrics.bodies.WithLabelValues("late").Add(float64(result.Late))
	s.metrics.bodies.WithLabelValues("rejected").Add(float64(len(result.Rejected)))
	rejected := []obj{}
	for _, x := range result.Rejected {
		rejected = append(rejected, obj{{"index", x.Index}, {"code", string(x.Code)}, {"message", x.Message}})
	}
	a := &answer{body: obj{
		{"accepted", result.Accepted}, {"duplicates", result.Duplicates}, {"late", result.Late}, {"rejected", rejected},
	}}
	a.write(w, r)
}

// splitterFor picks how a body is cut into records. What a client sends that
// does not say JSON, such as curl -d, is looked at; that a browser may send a
// form or plain text to other sites without asking is met by the check of
// origins.
func splitterFor(contentType []string) (func([]byte) ([][]byte, error), *problem) {
	if len(contentType) == 0 || strings.TrimSpace(contentType[0]) == "" {
		return sniff, nil
	}
	typ, params, err := mime.ParseMediaType(contentType[0])
	if charset := params["charset"]; err == nil && len(contentType) == 1 && (charset == "" || strings.EqualFold(charset, "utf-8")) {
		switch typ {
		case "application/json", "application/x-www-form-urlencoded", "text/plain", "application/octet-stream":
			return sniff, nil
		case "application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines":
			return splitLines, nil
		}
	}
	p := newProblem(http.StatusUnsupportedMediaType, "unsupported_media_type",
		"Content-Type "+strconv.Quote(strings.Join(contentType, ", "))+" is not taken; send JSON or NDJSON in UTF-8 and say so")
	p.Accepted = []string{"application/json", "application/x-ndjson"}
	return nil, p.with("Accept-Post", "application/json, application/x-ndjson")
}

// readBody reads and unpacks the body within the limits. The caller gives the
// held bytes back to the budget when it needs the body no more.
func (s *Server) readBody(w http.ResponseWriter, r *http.Request) (body []byte, held int64, err error) {
	if r.ContentLength > maxBody {
		return nil, 0, errTooLarge
	}
	sent := &counting{Reader: http.MaxBytesReader(w, r.Body, maxBody)}
	var src io.Reader = sent
	most := maxBody // as unpacked
	switch encoding := strings.ToLower(strings.TrimSpace(strings.Join(r.Header.Values("Content-Encoding"), ","))); encoding {
	case "", "identity":
	case "gzip", "x-gzip":
		z, err := gzip.NewReader(src)
		if err != nil {
			return nil, 0, bodyError(err)
		}
		defer func() { _ = z.Close() }() // it says again what reading said
		src, most = z, maxUnpacked
	case "zstd":
		// One goroutine-free decoder whose window is bounded whatever the frame says.
		z, err := zstd.NewReader(src, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(8<<20), zstd.WithDecoderMaxMemory(maxUnpacked), zstd.WithDecoderLowmem(true))
		if err != nil {
			return nil, 0, bodyError(err)
		}
		defer z.Close()
		src, most = z, maxUnpacked
	default:
		p := newProblem(http.StatusUnsupportedMediaType, "unsupported_encoding", "Content-Encoding "+strconv.Quote(encoding)+" is not taken")
		p.Accepted = []string{"gzip", "zstd"}
		return nil, 0, p.with("Accept-Encoding", "gzip, zstd")
	}
	for {
		if len(body) == cap(body) {
			grown := max(readChunk, 2*cap(body))
			grown = min(grown, most+1)
			if grown == cap(body) {
				return nil, held, errTooLarge
			}
			more := int64(grown - cap(body))
			if !s.budget.take(more) {
				return nil, held, newProblem(http.StatusTooManyRequests, "busy", "too many large bodies at once; send it again a little later").after(time.Second)
			}
			held += more
			body = append(make([]byte, 0, grown), body...)
		}
		n, err := src.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		switch {
		case len(body) > maxUnpacked:
			return nil, held, errTooLarge
		case len(body) > ratioFrom && int64(len(body)) > maxRatio*sent.n:
			return nil, held, errBomb
		case err == io.EOF:
			return body, held, nil
		case err != nil:
			return nil, held, bodyError(err)
		}
	}
}

// Events compress to a tenth, the most monotonous to a hundredth. What unpacks
// to more than maxRatio times its size was made to fill memory.
const (
	maxRatio  = 250
	ratioFrom = 1 << 20 // below it nothing is at stake
)

var errBomb = newProblem(http.StatusRequestEntityTooLarge, "body_too_large", "the body unpacks to more than 250 times its size; send it unpacked, or in parts")

// counting counts what was read.
type counting struct {
	io.Reader
	n int64
}

func (c *counting) Read(b []byte) (int, error) {
	n, err := c.Reader.Read(b)
	c.n += int64(n)
	return n, err
}

// bodyError says whose fault a failed read is.
func bodyError(err error) error {
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge), errors.Is(err, zstd.ErrDecoderSizeExceeded):
		return errTooLarge
	case errors.Is(err, zstd.ErrWindowSizeExceeded):
		return newProblem(http.StatusRequestEntityTooLarge, "body_too_large", "the zstd window is larger than 8 MiB; compress with a lower level or without --long")
	}
	return newProblem(http.StatusBadRequest, "unreadable_body", "the body could not be read or unpacked: "+err.Error())
}
