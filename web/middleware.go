package web

import (
	"crypto/rand"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/go-chi/chi/v5"
)

const requestIDHeader = "X-Request-Id"

// requestID takes the client's id where it is harmless in a log line and in the
// position of a record, else makes one; the answer repeats it.
func (s *Server) requestID(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := r.Header.Get(requestIDHeader)
		if !sane(id) {
			id = rand.Text()
		}
		w.Header().Set(requestIDHeader, id)
		next.ServeHTTP(w, r)
	})
}

func sane(id string) bool {
	if id == "" || len(id) > 64 {
		return false
	}
	for _, c := range []byte(id) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '_', c == '.':
		default:
			return false
		}
	}
	return true
}

// observe measures requests and turns a panic into a 500. A body once begun
// cannot be taken back: then the connection is cut.
func (s *Server) observe(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		rec := &recorder{ResponseWriter: w}
		_ = http.NewResponseController(w).SetWriteDeadline(began.Add(readTimeout + writeTimeout))
		s.metrics.inFlight.Inc()
		defer func() {
			s.metrics.inFlight.Dec()
			v := recover()
			if v != nil && v != http.ErrAbortHandler { //nolint:errorlint // v is what was panicked with; net/http compares it so
				s.metrics.panics.Inc()
				s.log.Error("an HTTP handler panicked", slog.String("method", r.Method), slog.String("path", r.URL.Path),
					slog.String("request", w.Header().Get(requestIDHeader)), slog.Any("panic", v), slog.String("stack", string(debug.Stack())))
				if rec.status == 0 {
					newProblem(http.StatusInternalServerError, "internal", "this is a fault of the server; its log says more under the request id").write(rec, r)
					v = nil
				} else {
					v = http.ErrAbortHandler
				}
			}
			pattern := chi.RouteContext(r.Context()).RoutePattern()
			if pattern == "" {
				pattern = "none" // a path that a client made up must not become a label
			}
			code := rec.status
			if code == 0 {
				code = 499 // the client went away before an answer
			}
			s.metrics.requests.WithLabelValues(pattern, methodLabel(r.Method), strconv.Itoa(code)).Inc()
			s.metrics.seconds.WithLabelValues(pattern).Observe(time.Since(began).Seconds())
			if v != nil {
				panic(v)
			}
		}()
		next.ServeHTTP(rec, r)
	})
}

func methodLabel(m string) string {
	switch m {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodOptions, http.MethodPatch:
		return m
	}
	return "other"
}

// recorder remembers the status.
type recorder struct {
	http.ResponseWriter
	status int
}

func (r *recorder) WriteHeader(code int) {
	if r.status == 0 {
		r.status = code
	}
	r.ResponseWriter.WriteHeader(code)
}

func (r *recorder) Write(b []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	return r.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the connection.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// securityHeaders: everything comes from this server, nothing is inline, and
// nobody may put the page in a frame.
func securityHeaders(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'"+socketsOf(r)+"; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		next.ServeHTTP(w, r)
	})
}

// socketsOf names the live feed's addresses for the policy: 'self' does not
// stand for ws: in every browser. A host that is none is left out: it comes
// from the client.
func socketsOf(r *http.Request) string {
	for _, c := range []byte(r.Host) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '.', c == ':', c == '[', c == ']':
		default:
			return ""
		}
	}
	if r.Host == "" {
		return ""
	}
	return " ws://" + r.Host + " wss://" + r.Host
}
