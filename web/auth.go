package web

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/tributary-data/tributary/internal/auth"
)

// sessionCookie carries what a login gave.
const sessionCookie = "tributary_session"

// Protect puts a door before everything that the server answers. It is called
// before Serve, or not at all: then everything is open, and the program must
// listen on loopback only.
func (s *Server) Protect(d *auth.Door) { s.door = d }

// need is what a route asks of who calls it.
type need struct {
	scope auth.Scope // 0: nothing
	page  bool       // of the dashboard: who is not in is led to the login
}

// needOf decides by method and pattern. What is not named here needs admin, so
// that a new route is closed until somebody has thought of it.
func needOf(method, pattern string) need {
	reads := method == http.MethodGet || method == http.MethodHead
	switch {
	case pattern == "/livez", pattern == "/readyz", pattern == "/openapi.json", pattern == "/logout",
		strings.HasPrefix(pattern, "/login"), strings.HasPrefix(pattern, "/auth/"):
		return need{}
	case pattern == "/v1/events" && method == http.MethodPost:
		return need{scope: auth.Write}
	case strings.HasPrefix(pattern, "/v1/exports"), strings.HasPrefix(pattern, "/v1/export/"):
		return need{scope: auth.Export}
	case strings.HasPrefix(pattern, "/v1/privacy"), strings.HasPrefix(pattern, "/v1/backups"):
		return need{scope: auth.Admin}
	case reads && (strings.HasPrefix(pattern, "/v1/") || pattern == "/metrics"):
		return need{scope: auth.Read}
	case reads && !strings.HasPrefix(pattern, "/v1") && !strings.HasPrefix(pattern, "/debug"):
		return need{page: true} // files of the dashboard, which hold no figures
	}
	return need{scope: auth.Admin}
}

type principalKey struct{}

// principal is who sent the request; everybody may do everything where there is
// no door.
func (s *Server) principal(ctx context.Context) (auth.Principal, bool) {
	if s.door == nil {
		return auth.Principal{ID: "local", Via: "none", Scopes: auth.All}, true
	}
	p, ok := ctx.Value(principalKey{}).(auth.Principal)
	return p, ok
}

// may says whether who sent the request has the permission.
func (s *Server) may(ctx context.Context, scope auth.Scope) bool {
	p, ok := s.principal(ctx)
	return ok && p.Scopes.Has(scope)
}

// mayRead says whether who sent the request may see figures.
func (s *Server) mayRead(ctx context.Context) bool { return s.may(ctx, auth.Read) }

// guard lets in who has what the route needs. The router calls it for every
// route by its pattern, so that no spelling of a path gets around it.
func (s *Server) guard(method, pattern string, next http.HandlerFunc) http.HandlerFunc {
	want := needOf(method, pattern)
	return func(w http.ResponseWriter, r *http.Request) {
		if p := s.foreignOrigin(r); p != nil {
			p.write(w, r)
			return
		}
		if s.door == nil {
			next(w, r)
			return
		}
		if wait := s.limits.address(s.clientAddr(r)); wait > 0 {
			s.refuseRate(w, r, "address", wait)
			return
		}
		who, known, presented := s.authenticate(r)
		if known {
			if wait := s.limits.key(who.ID); wait > 0 {
				s.refuseRate(w, r, "key", wait)
				return
			}
			r = r.WithContext(context.WithValue(r.Context(), principalKey{}, who))
		}
		switch {
		case want.scope == 0 && !(want.page && !known && isNavigation(r)):
			next(w, r)
		case want.page:
			http.Redirect(w, r, "/login?"+url.Values{"next": {r.URL.RequestURI()}}.Encode(), http.StatusSeeOther)
		case !known:
			s.refuseStranger(w, r, presented)
		case !who.Scopes.Has(want.scope):
			s.metrics.refused.WithLabelValues("scope").Inc()
			p := newProblem(http.StatusForbidden, "missing_scope", "this needs the scope "+want.scope.String()+"; the key or login has "+who.Scopes.String())
			p.Accepted = want.scope.Names()
			p.write(w, r)
		default:
			// Looking at the list of jobs, which a page does all the time, takes
			// nothing out.
			looks := method == http.MethodHead || method == http.MethodGet && (pattern == "/v1/exports" || pattern == "/v1/exports/{id}")
			if want.scope&(auth.Export|auth.Admin) != 0 && !looks {
				s.audit(r, "request", "ok", map[string]any{"method": method, "route": pattern})
			}
			w.Header().Set("Cache-Control", "private, no-cache")
			next(w, r)
		}
	}
}

// authenticate says who sent the request. A key that is presented and no good
// is refused, whatever cookie comes with it.
func (s *Server) authenticate(r *http.Request) (who auth.Principal, known, presented bool) {
	if h := r.Header.Values("Authorization"); len(h) > 0 {
		scheme, token, _ := strings.Cut(h[0], " ")
		if len(h) > 1 || !strings.EqualFold(scheme, "Bearer") {
			return who, false, true
		}
		who, known = s.door.Keys.Find(strings.TrimSpace(token))
		return who, known, true
	}
	c, err := r.Cookie(sessionCookie)
	if err != nil || c.Value == "" {
		return who, false, false
	}
	who, known = s.door.FromSession(c.Value)
	return who, known, false
}

func (s *Server) refuseStranger(w http.ResponseWriter, r *http.Request, presented bool) {
	s.metrics.refused.WithLabelValues("unknown").Inc()
	challenge, detail := `Bearer realm="tributary"`, "send a key as \"Authorization: Bearer trb_...\", or log in at /login; 'tributary key create' makes keys"
	if presented {
		if wait := s.limits.failure(s.clientAddr(r)); wait > 0 {
			s.refuseRate(w, r, "failures", wait)
			return
		}
		challenge, detail = `Bearer realm="tributary", error="invalid_token"`, "the key is not known, or was revoked, or has expired; 'tributary key list' shows the keys"
	}
	newProblem(http.StatusUnauthorized, "unauthenticated", detail).with("WWW-Authenticate", challenge).write(w, r)
}

func (s *Server) refuseRate(w http.ResponseWriter, r *http.Request, what string, wait time.Duration) {
	s.metrics.refused.WithLabelValues("rate_" + what).Inc()
	w.Header().Set("Connection", "close")
	newProblem(http.StatusTooManyRequests, "rate_limited", "more requests than server.limits allows by "+what+"; come back when Retry-After says").after(wait).write(w, r)
}

// isNavigation says whether a browser is going to a page, rather than fetching
// one of its files.
func isNavigation(r *http.Request) bool {
	if mode := r.Header.Get("Sec-Fetch-Mode"); mode != "" {
		return mode == "navigate"
	}
	return strings.Contains(r.Header.Get("Accept"), "text/html")
}

// audit notes who did what. What cannot be noted is in the log: the door's own.
func (s *Server) audit(r *http.Request, action, result string, detail map[string]any) {
	if s.door == nil {
		return
	}
	p, ok := s.principal(r.Context())
	if !ok {
		p.ID = "unknown"
	}
	err := s.door.Audit.Write(auth.Entry{
		Action: action, Actor: p.ID, Name: p.Name, Address: s.clientAddr(r).String(), Request: r.Header.Get(requestIDHeader), Result: result, Detail: detail,
	})
	if err != nil {
		s.log.Debug("an audit entry was lost", slog.Any("err", err))
	}
}

// whoAsks says who is asking and what they may do.
func (s *Server) whoAsks(q *query) (*answer, error) {
	p, _ := s.principal(q.r.Context())
	var name any = p.Name
	if p.Name == "" {
		name = nil
	}
	scopes := []string{}
	for _, n := range auth.ScopeNames() {
		if one, err := auth.ParseScope(n); err == nil && p.Scopes.Has(one) {
			scopes = append(scopes, n)
		}
	}
	return &answer{body: obj{{"data", obj{
		{"authentication", s.door != nil},
		{"id", p.ID},
		{"name", name},
		{"via", p.Via},
		{"scopes", scopes},
		{"pseudonyms", !p.Scopes.Has(auth.ReadPII)},
	}}}}, nil
}

// loginChecks is how often a stream that stays open looks whether whoever opened
// it may still: a key that is revoked ends within it.
const loginChecks = 2 * time.Second

// watchLogin gives a channel that is closed when the request's login ends; nil
// where nobody has to log in. It ends with ctx.
func (s *Server) watchLogin(ctx context.Context, r *http.Request) <-chan struct{} {
	if s.door == nil {
		return nil
	}
	ended := make(chan struct{})
	go func() {
		for sleep(ctx, loginChecks) {
			if who, known, _ := s.authenticate(r); !known || !who.Scopes.Has(auth.Read) {
				close(ended)
				return
			}
		}
	}()
	return ended
}
