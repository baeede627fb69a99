package testkit

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
)

// S3 is a server that speaks the protocol of Amazon S3, with conditional writes
// and uploads in parts, and that fails as it is told. Any goroutine may use it.
type S3 struct {
	URL string

	mu struct {
		sync.Mutex
		fault    func(*http.Request) S3Fault
		requests int
	}
}

// S3Fault is what becomes of one request.
type S3Fault int

// The faults.
const (
	S3Works      S3Fault = iota
	S3SlowDown           // 503, and nothing is done
	S3LostBefore         // the connection breaks before anything is done
	S3LostAfter          // it is done, and the answer is lost
)

// S3Bucket is the bucket that every server has.
const S3Bucket = "tables"

// NewS3 starts a server; it ends with the test.
func NewS3(t testing.TB) *S3 {
	t.Helper()
	backend := s3mem.New()
	if err := backend.CreateBucket(S3Bucket); err != nil {
		t.Fatal(err)
	}
	s := &S3{}
	served := gofakes3.New(backend).Server()
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch s.judge(r) {
		case S3SlowDown:
			w.Header().Set("Content-Type", "application/xml")
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = w.Write([]byte(`<?xml version="1.0" encoding="UTF-8"?><Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>`))
		case S3LostBefore:
			panic(http.ErrAbortHandler)
		case S3LostAfter:
			served.ServeHTTP(httptest.NewRecorder(), r)
			panic(http.ErrAbortHandler)
		default:
			served.ServeHTTP(w, r)
		}
	}))
	srv.Config.ErrorLog = log.New(io.Discard, "", 0) // gofakes3 writes some heads twice
	srv.Start()
	t.Cleanup(srv.Close)
	s.URL = srv.URL
	return s
}

func (s *S3) judge(r *http.Request) S3Fault {
	s.mu.Lock()
	s.mu.requests++
	fault := s.mu.fault
	s.mu.Unlock()
	if fault == nil {
		return S3Works
	}
	return fault(r)
}

// Fail has every request judged before it is done; nil heals. fault is called by
// the goroutines of the requests, and may ask the server itself.
func (s *S3) Fail(fault func(*http.Request) S3Fault) {
	s.mu.Lock()
	s.mu.fault = fault
	s.mu.Unlock()
}

// Requests is how many came so far.
func (s *S3) Requests() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mu.requests
}

// Bucket is the URL of a prefix in S3Bucket as the configuration has it.
func (s *S3) Bucket(prefix string) string {
	return "s3://" + S3Bucket + "/" + prefix + "?region=eu-central-1&endpoint=" + s.URL
}

// Env are the credentials that it takes.
func (*S3) Env() []string { return []string{"AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test"} }
