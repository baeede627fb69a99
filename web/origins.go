package web

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
)

// maxNotedOrigins bounds the origins whose refusal was logged: a stranger makes
// up as many as it likes.
const maxNotedOrigins = 256

// origins are the other sites whose pages may use the server.
type origins struct {
	allowed []string
	mu      struct {
		sync.Mutex
		noted map[string]bool
	}
}

func newOrigins(allowed []string) *origins {
	o := &origins{}
	for _, a := range allowed {
		o.allowed = append(o.allowed, strings.ToLower(strings.TrimSuffix(a, "/")))
	}
	o.mu.noted = map[string]bool{}
	return o
}

// allows says whether the operator has named the origin.
func (o *origins) allows(origin string) bool {
	return origin != "" && slices.Contains(o.allowed, strings.ToLower(origin))
}

// isNews is true once for each origin.
func (o *origins) isNews(origin string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.mu.noted[origin] || len(o.mu.noted) >= maxNotedOrigins {
		return false
	}
	o.mu.noted[origin] = true
	return true
}

// foreignOrigin refuses a WebSocket that a page of another origin opens: the
// browser would send cookies along, and the check of origins for other requests
// passes over GET. The log tells the operator what to set, because the page that
// is refused cannot see why.
func (s *Server) foreignOrigin(r *http.Request) *problem {
	if !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
		return nil
	}
	origin := r.Header.Get("Origin")
	if origin == "" && r.Header.Get("Sec-Fetch-Site") == "" {
		return nil // not a browser
	}
	if u, err := url.Parse(origin); err == nil && u.Host != "" && strings.EqualFold(u.Host, r.Host) || s.origins.allows(origin) {
		return nil
	}
	return s.refuseOrigin(r, origin, "opened this WebSocket")
}

func (s *Server) refuseOrigin(r *http.Request, origin, what string) *problem {
	if s.origins.isNews(origin) {
		s.log.Warn("a page of another origin was refused; if it is yours, name it in server.allowed_origins",
			slog.String("origin", origin), slog.String("host", r.Host), slog.String("path", r.URL.Path),
			slog.String("fix", fmt.Sprintf("server: {allowed_origins: [%q]}", origin)))
	}
	return newProblem(http.StatusForbidden, "cross_origin", fmt.Sprintf("a page of another origin (%s) %s; open it from a page of this one, or name its origin in server.allowed_origins", origin, what))
}

// crossOrigin keeps pages of other sites from sending events with a visitor's
// browser.
func (s *Server) crossOrigin() func(http.Handler) http.Handler {
	c := http.NewCrossOriginProtection()
	for _, o := range s.origins.allowed {
		if err := c.AddTrustedOrigin(o); err != nil {
			s.log.Error("an origin in server.allowed_origins is none", slog.String("origin", o), slog.Any("err", err))
		}
	}
	c.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.refuseOrigin(r, r.Header.Get("Origin"), "sent this with a browser").write(w, r)
	}))
	return c.Handler
}

// shareWithOrigins lets pages of the named origins read answers (CORS). Without
// any, nothing changes.
func (s *Server) shareWithOrigins(next http.Handler) http.Handler {
	if len(s.origins.allowed) == 0 {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Add("Vary", "Origin")
		if !s.origins.allows(r.Header.Get("Origin")) {
			next.ServeHTTP(w, r)
			return
		}
		h.Set("Access-Control-Allow-Origin", r.Header.Get("Origin"))
		h.Set("Access-Control-Expose-Headers", "ETag, Retry-After, Tributary-Epoch, Tributary-Seq, X-Next-Cursor, X-Request-Id")
		h.Set("Cross-Origin-Resource-Policy", "cross-origin")
		if r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != "" {
			h.Set("Access-Control-Allow-Methods", "GET, HEAD, POST, DELETE")
			h.Set("Access-Control-Allow-Headers", "Accept, Authorization, Content-Encoding, Content-Type, Idempotency-Key, If-None-Match, Last-Event-ID, X-Request-Id")
			h.Set("Access-Control-Max-Age", "600")
			w.WriteHeader(http.StatusNoContent)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// validateLive says what is wrong with the part of the section that the live
// feed uses.
func (c Config) validateLive() []error {
	var faults []error
	for _, o := range c.AllowedOrigins {
		u, err := url.Parse(o)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
			faults = append(faults, fmt.Errorf("server.allowed_origins: %q is no origin, such as https://dash.example.com", o))
		}
	}
	if c.MaxLiveClients < 0 || c.MaxLiveClients > 100_000 {
		faults = append(faults, fmt.Errorf("server.max_live_clients: is %d; it must lie between 1 and 100000, or be 0 for the default", c.MaxLiveClients))
	}
	return faults
}

func (c Config) liveClients() int {
	if c.MaxLiveClients == 0 {
		return maxLiveClients
	}
	return c.MaxLiveClients
}
