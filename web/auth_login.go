package web

import (
	"errors"
	"html/template"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/tributary-data/tributary/internal/auth"
)

const (
	loginCookie  = "tributary_login" // while a login with the identity provider is under way
	maxLoginForm = 8 << 10
)

// loginPolicy is the strict policy, with a form that may be sent here.
const loginPolicy = "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

var loginPage = template.Must(template.New("login").Parse(`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Log in to Tributary</title>
<link rel="icon" href="/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/login.css">
</head>
<body>
<main>
<h1>Tributary</h1>
{{if .Error}}<p class="error" role="alert">{{.Error}}</p>{{end}}
{{if .Door}}<form method="post" action="/login">
<input type="hidden" name="next" value="{{.Next}}">
<label for="key">API key</label>
<input id="key" name="key" type="password" required autofocus autocomplete="current-password" spellcheck="false" placeholder="trb_..." aria-describedby="hint">
<p id="hint">A key with the scope <code>read</code>; <code>read:pii</code> also shows persons. Make one with<br><code>tributary key create --name you --scope read</code></p>
<button type="submit">Log in</button>
</form>
{{if .OIDC}}<p class="or"><span>or</span></p><a class="button" href="/auth/login?next={{.Next}}">Log in with single sign-on</a>{{end}}
{{else}}<p>This server asks for no login. <a href="/">Go to the dashboard</a>.</p>{{end}}
</main>
</body>
</html>
`))

const loginCSS = `:root{color-scheme:light dark;--fg:#14202e;--bg:#f4f6f8;--card:#fff;--line:#c6ced8;--accent:#0b5fa5;--soft:#52606f;--bad:#a3182a;--badbg:#fdecee}
@media(prefers-color-scheme:dark){:root{--fg:#e8edf3;--bg:#0e141b;--card:#17202a;--line:#3a4756;--accent:#6db3f2;--soft:#a0adbb;--bad:#ffb3bc;--badbg:#3a161c}}
*{box-sizing:border-box}
body{margin:0;min-height:100vh;display:grid;place-items:center;background:var(--bg);color:var(--fg);font:16px/1.5 system-ui,sans-serif}
main{width:min(26rem,calc(100vw - 2rem));padding:2rem;background:var(--card);border:1px solid var(--line);border-radius:12px}
h1{margin:0 0 1.25rem;font-size:1.4rem}
label{display:block;font-weight:600;margin-bottom:.35rem}
input[type=password]{width:100%;padding:.65rem .75rem;font:inherit;color:inherit;background:var(--bg);border:1px solid var(--line);border-radius:8px}
#hint{margin:.5rem 0 1.25rem;color:var(--soft);font-size:.875rem}
button,.button{display:block;width:100%;padding:.65rem;text-align:center;font:inherit;font-weight:600;border-radius:8px;border:1px solid var(--accent);text-decoration:none;cursor:pointer}
button{background:var(--accent);color:var(--card)}
.button{color:var(--accent);background:none}
:focus-visible{outline:3px solid var(--accent);outline-offset:2px}
.or{text-align:center;color:var(--soft);margin:1rem 0}
.error{padding:.6rem .75rem;border-radius:8px;background:var(--badbg);color:var(--bad)}
code{font-size:.9em}
`

// serveAuth puts the pages of the login into the router. They work without
// scripts.
func (s *Server) serveAuth(serve func(method, path string, h http.HandlerFunc)) {
	serve(http.MethodGet, "/login", s.showLogin)
	serve(http.MethodPost, "/login", s.login)
	serve(http.MethodGet, "/login.css", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/css; charset=utf-8")
		send(w, r, http.StatusOK, []byte(loginCSS))
	})
	serve(http.MethodPost, "/logout", s.logout)
	serve(http.MethodGet, "/auth/login", s.beginLogin)
	serve(http.MethodGet, "/auth/callback", s.finishLogin)
}

func (s *Server) showLogin(w http.ResponseWriter, r *http.Request) {
	if _, ok := s.principal(r.Context()); ok && s.door != nil {
		http.Redirect(w, r, localPath(r.URL.Query().Get("next")), http.StatusSeeOther) //nolint:gosec // localPath keeps it on this server
		return
	}
	s.writeLogin(w, r, http.StatusOK, r.URL.Query().Get("next"), "")
}

func (s *Server) writeLogin(w http.ResponseWriter, r *http.Request, status int, next, fault string) {
	var b strings.Builder
	err := loginPage.Execute(&b, map[string]any{
		"Error": fault, "Next": localPath(next), "Door": s.door != nil, "OIDC": s.door != nil && s.door.HasOIDC(),
	})
	if err != nil {
		panic("BUG: the login page does not render: " + err.Error())
	}
	h := w.Header()
	h.Set("Content-Security-Policy", loginPolicy)
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "same-origin") // so that the form's Origin is not null
	send(w, r, status, []byte(b.String()))
}

// login takes a key from the form and gives a session for it.
func (s *Server) login(w http.ResponseWriter, r *http.Request) {
	if s.door == nil {
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return
	}
	if wait := s.limits.failing(s.clientAddr(r)); wait > 0 {
		s.refuseRate(w, r, "failures", wait)
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxLoginForm)
	if err := r.ParseForm(); err != nil {
		s.writeLogin(w, r, http.StatusBadRequest, "", "The form could not be read; try again.")
		return
	}
	next := r.PostForm.Get("next")
	p, ok := s.door.Keys.Find(strings.TrimSpace(r.PostForm.Get("key")))
	switch {
	case !ok:
		s.limits.failure(s.clientAddr(r))
		s.metrics.refused.WithLabelValues("login").Inc()
		s.audit(r, "login", "refused", map[string]any{"via": "key"})
		s.writeLogin(w, r, http.StatusUnauthorized, next, "This key is not known, or was revoked, or has expired.")
	case !p.Scopes.Has(auth.Read):
		s.audit(r, "login", "refused", map[string]any{"via": "key", "key": p.ID})
		s.writeLogin(w, r, http.StatusForbidden, next, "This key may not read; use one with the scope read.")
	default:
		s.letIn(w, r, p, next)
	}
}

func (s *Server) letIn(w http.ResponseWriter, r *http.Request, p auth.Principal, next string) {
	s.setCookie(w, r, sessionCookie, s.door.Session(p), http.SameSiteStrictMode, s.door.Lifetime())
	s.audit(withPrincipal(r, p), "login", "ok", map[string]any{"via": p.Via})
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, localPath(next), http.StatusSeeOther) //nolint:gosec // localPath keeps it on this server
}

func (s *Server) logout(w http.ResponseWriter, r *http.Request) {
	if _, ok := s.principal(r.Context()); ok {
		s.audit(r, "logout", "ok", nil)
	}
	s.setCookie(w, r, sessionCookie, "", http.SameSiteStrictMode, -1)
	w.Header().Set("Clear-Site-Data", `"cache"`)
	http.Redirect(w, r, "/login", http.StatusSeeOther)
}

// beginLogin sends the browser to the identity provider.
func (s *Server) beginLogin(w http.ResponseWriter, r *http.Request) {
	if s.door == nil || !s.door.HasOIDC() {
		notFound("there is no single sign-on here; configure auth.oidc").write(w, r)
		return
	}
	to, cookie, err := s.door.BeginLogin(r.Context(), localPath(r.URL.Query().Get("next")))
	if err != nil {
		s.log.Warn("a login with the identity provider cannot begin", slog.Any("err", err))
		s.writeLogin(w, r, http.StatusBadGateway, "", "The identity provider cannot be reached; log in with a key, or try again later.")
		return
	}
	// Lax: the browser comes back from the provider's site.
	s.setCookie(w, r, loginCookie, cookie, http.SameSiteLaxMode, 10*time.Minute)
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, to, http.StatusSeeOther) //nolint:gosec // the identity provider of the configuration
}

// finishLogin takes the browser back from the identity provider.
func (s *Server) finishLogin(w http.ResponseWriter, r *http.Request) {
	if s.door == nil || !s.door.HasOIDC() {
		notFound("there is no single sign-on here; configure auth.oidc").write(w, r)
		return
	}
	if wait := s.limits.failing(s.clientAddr(r)); wait > 0 {
		s.refuseRate(w, r, "failures", wait)
		return
	}
	cookie := ""
	if c, err := r.Cookie(loginCookie); err == nil {
		cookie = c.Value
	}
	s.setCookie(w, r, loginCookie, "", http.SameSiteLaxMode, -1)
	q := r.URL.Query()
	p, next, err := s.door.FinishLogin(r.Context(), cookie, q.Get("state"), q.Get("code"))
	if err != nil {
		s.limits.failure(s.clientAddr(r))
		s.metrics.refused.WithLabelValues("login").Inc()
		s.audit(withPrincipal(r, p), "login", "refused", map[string]any{"via": "oidc"})
		s.log.Warn("a login with the identity provider was refused", slog.Any("err", err))
		status, words := http.StatusUnauthorized, "The login did not succeed; begin it again."
		if errors.Is(err, auth.ErrNotAllowed) {
			status, words = http.StatusForbidden, "You are known, but may not come in here; ask whoever runs this server."
		}
		s.writeLogin(w, r, status, "", words)
		return
	}
	s.letIn(w, r, p, next)
}

func (s *Server) setCookie(w http.ResponseWriter, r *http.Request, name, value string, site http.SameSite, life time.Duration) {
	c := &http.Cookie{ //nolint:gosec // Secure follows the connection: on loopback there is no TLS
		Name: name, Value: value, Path: "/", HttpOnly: true, SameSite: site, MaxAge: int(life / time.Second),
		Secure: r.TLS != nil || strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https"),
	}
	if life < 0 {
		c.MaxAge = -1
	}
	http.SetCookie(w, c)
}

// localPath keeps where to go after the login on this server.
func localPath(next string) string {
	u, err := url.Parse(next)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || !strings.HasPrefix(next, "/") ||
		strings.HasPrefix(next, "//") || strings.ContainsAny(next, "\\\r\n\t") || strings.HasPrefix(u.Path, "/login") {
		return "/"
	}
	return next
}
