package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/tributary-data/tributary/internal/auth"
)

const (
	maxHeaderBytes    = 64 << 10
	readHeaderTimeout = 10 * time.Second
	readTimeout       = 60 * time.Second // a whole body; a slow one is cut off
	writeTimeout      = 60 * time.Second
	idleTimeout       = 2 * time.Minute
	answerTimeout     = 30 * time.Second // the reading behind one answer
	shutdownTimeout   = 10 * time.Second
)

// Server answers HTTP. It has no goroutine of its own but those of net/http.
type Server struct {
	cfg       Config
	view      View
	collector Collector
	log       *slog.Logger
	now       func() time.Time // replaced by tests

	handler  http.Handler
	registry *prometheus.Registry
	metrics  *metrics
	budget   *budget
	openapi  []byte
	door     *auth.Door                                                 // nil: everything is open
	backups  Backups                                                    // nil: not possible
	erasing  func(ctx context.Context, person string) (*Erasure, error) // nil: not possible
	exporter Exporter                                                   // nil: no exports
	limits   *limiters
	cube     *cube
	seq      *sequence
	cache    *answerCache
	plain    View // as it was given, without masks
	table    []*route
	hub      *hub
	origins  *origins
	samples  samples
	ui       *dashboard // nil: none was built

	stopping chan struct{} // closed when Serve begins to stop
	stopOnce sync.Once
}

// New makes the server; it does not listen yet.
func New(cfg Config, view View, collector Collector, log *slog.Logger) *Server {
	s := &Server{
		cfg: cfg, view: view, collector: collector, log: log, now: time.Now,
		registry: prometheus.NewRegistry(), budget: newBudget(bodyBudget),
		stopping: make(chan struct{}),
	}
	s.plain, s.cube, s.seq, s.cache = view, newCube(view), newSequence(), newAnswerCache()
	s.origins, s.hub, s.table = newOrigins(cfg.AllowedOrigins), newHub(s), s.routes()
	s.view = &masking{View: view, s: s}
	s.limits = newLimiters(cfg.Limits, func() time.Time { return s.now() })
	s.ui = builtDashboard()
	s.metrics = newMetrics(s.registry, view)
	s.openapi = s.openAPI()
	s.handler = s.build()
	return s
}

// Handler serves everything: API, page, health and metrics.
func (s *Server) Handler() http.Handler { return s.handler }

// Registry holds the metrics of /metrics; others may add theirs before Serve.
func (s *Server) Registry() *prometheus.Registry { return s.registry }

// Serve answers on the listener until ctx ends, then lets open requests finish
// for up to 10 s. It returns nil after a stop that was asked for.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	handler := s.handler
	if s.door == nil {
		if a, ok := l.Addr().(*net.TCPAddr); ok && !a.IP.IsLoopback() {
			return fmt.Errorf("%s can be reached from beyond this machine, and nothing asks who calls; add a section auth or listen on 127.0.0.1", a)
		}
		handler = localOnly(handler)
	}
	srv := &http.Server{
		Handler: handler, MaxHeaderBytes: maxHeaderBytes, ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout: readTimeout, IdleTimeout: idleTimeout,
		ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(newLimitedListener(l, s.cfg.Limits, s.metrics.turnedAway.Inc)) }()
	select {
	case err := <-failed:
		s.stop()
		s.hub.close(shutdownTimeout)
		return err
	case <-ctx.Done():
	}
	s.stop() // streams end by themselves, or Shutdown would wait for them
	defer s.hub.close(shutdownTimeout)
	stopCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	err := srv.Shutdown(stopCtx)
	if err != nil {
		_ = srv.Close()
	}
	<-failed //nolint:errcheck // http.ErrServerClosed: it was shut down
	if errors.Is(err, context.DeadlineExceeded) {
		s.log.Warn("some HTTP requests did not finish in time and were cut off", slog.Duration("timeout", shutdownTimeout))
		return nil
	}
	return err
}

func (s *Server) stop() { s.stopOnce.Do(func() { close(s.stopping) }) }

// build makes the router from the route table.
func (s *Server) build() http.Handler {
	mux := chi.NewRouter()
	mux.Use(s.requestID, s.observe, securityHeaders, s.shareWithOrigins, s.crossOrigin())
	serve := func(method, path string, h http.HandlerFunc) {
		h = s.guard(method, path, h)
		mux.Method(method, path, h)
		if method == http.MethodGet {
			mux.Method(http.MethodHead, path, h)
		}
	}
	for _, rt := range s.table {
		h := rt.raw
		if h == nil {
			h = s.answering(rt)
		}
		serve(rt.method, rt.path, h)
	}
	serve(http.MethodGet, "/openapi.json", s.serveOpenAPI)
	serve(http.MethodGet, "/livez", s.livez)
	serve(http.MethodGet, "/readyz", s.readyz)
	serve(http.MethodGet, "/metrics", s.serveMetrics)
	s.serveAuth(serve)
	s.ui.serve(serve)

	mux.NotFound(func(w http.ResponseWriter, r *http.Request) {
		if s.ui.wants(r) {
			s.guard(http.MethodGet, "/*", s.ui.index)(w, r)
			return
		}
		notFound("there is nothing at "+r.URL.Path+"; /openapi.json lists what there is").write(w, r)
	})
	mux.MethodNotAllowed(func(w http.ResponseWriter, r *http.Request) {
		var allow []string
		for _, m := range []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodDelete} {
			if mux.Match(chi.NewRouteContext(), m, routePath(r)) {
				allow = append(allow, m)
			}
		}
		p := newProblem(http.StatusMethodNotAllowed, "method_not_allowed", r.Method+" is not possible here; use "+strings.Join(allow, " or "))
		p.Accepted = allow
		p.with("Allow", strings.Join(allow, ", ")).write(w, r)
	})
	return mux
}

func routePath(r *http.Request) string {
	if r.URL.RawPath != "" {
		return r.URL.RawPath
	}
	return r.URL.Path
}

// fail writes the problem that an error stands for; what is not the client's
// fault is logged here and nowhere else.
func (s *Server) fail(ctx context.Context, w http.ResponseWriter, r *http.Request, err error) {
	var p *problem
	switch {
	case errors.As(err, &p):
	case r.Context().Err() != nil:
		return // the client has gone
	case ctx.Err() != nil:
		p = newProblem(http.StatusServiceUnavailable, "timeout", "the answer took longer than "+answerTimeout.String()+"; ask for a shorter range").after(5 * time.Second)
	default:
		s.log.Error("an HTTP request failed", slog.String("method", r.Method), slog.String("path", r.URL.Path),
			slog.String("request", w.Header().Get(requestIDHeader)), slog.Any("err", err))
		p = newProblem(http.StatusInternalServerError, "internal", "this is a fault of the server; its log says more under the request id")
	}
	p.write(w, r)
}

// only refuses filters that make no sense with a grouping.
func (q *query) only(condition bool, why string, names ...string) error {
	for _, n := range names {
		if !condition && q.filtered(n) {
			return badParameter(n, why)
		}
	}
	return nil
}

func sortedKeys[K comparable, V any](m map[K]V, compare func(a, b K) int) []K {
	keys := make([]K, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, compare)
	return keys
}
