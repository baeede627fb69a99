package web

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/go-chi/chi/v5"

	"github.com/tributary-data/tributary/internal/auth"
)

// guarded is a harness with a door, and a key of each scope.
type guarded struct {
	*harness
	keys  map[auth.Scope]string
	audit string
}

func newGuarded(t *testing.T) *guarded {
	t.Helper()
	cfg := auth.DefaultConfig()
	g := &guarded{harness: newHarness(t), keys: map[auth.Scope]string{}}
	dir := filepath.Join(t.TempDir(), "data")
	door, err := auth.Open(&cfg, dir, slog.New(slog.NewTextHandler(g.log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	g.Protect(door)
	g.audit = door.Audit.Path()
	for _, name := range auth.ScopeNames() {
		scope, _ := auth.ParseScope(name)
		if _, g.keys[scope], err = door.Keys.Create(name, scope, time.Time{}); err != nil {
			t.Fatal(err)
		}
	}
	return g
}

func (g *guarded) with(scope auth.Scope) []string {
	return []string{"Authorization", "Bearer " + g.keys[scope]}
}

// wantedScopes is the policy, written down a second time: a route that is not
// here fails the test until somebody has thought of what it needs.
var wantedScopes = map[string]auth.Scope{
	"POST /v1/events": auth.Write,
	"GET /metrics":    auth.Read, "GET /livez": 0, "GET /readyz": 0, "GET /openapi.json": 0,
	"GET /login": 0, "POST /login": 0, "GET /login.css": 0, "POST /logout": 0, "GET /auth/login": 0, "GET /auth/callback": 0,
}

func wantedScope(method, route string) (auth.Scope, bool) {
	if method == http.MethodHead {
		method = http.MethodGet
	}
	if s, ok := wantedScopes[method+" "+route]; ok {
		return s, true
	}
	switch {
	case strings.HasPrefix(route, "/v1/exports"), strings.HasPrefix(route, "/v1/export/"):
		return auth.Export, true
	case strings.HasPrefix(route, "/v1/privacy"), strings.HasPrefix(route, "/v1/backups"), method == http.MethodPost && strings.HasPrefix(route, "/v1/sinks/"):
		return auth.Admin, true
	case method == http.MethodGet && strings.HasPrefix(route, "/v1/"):
		return auth.Read, true
	case method == http.MethodGet:
		return 0, true // a page: see TestPagesLeadToTheLogin
	}
	return 0, false
}

// TestScopeMatrix tries every route of the router with no key, with bad ones and
// with a key of each scope.
func TestScopeMatrix(t *testing.T) {
	g := newGuarded(t)
	g.fill()
	g.limits = newLimiters(Limits{PerKey: 1e6, PerAddress: 1e6, Failures: 1e6}, g.now)
	close(g.stopping) // streams end at once
	routes := 0
	err := chi.Walk(g.handler.(*chi.Mux), func(method, route string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		routes++
		want, ok := wantedScope(method, route)
		if !ok {
			t.Errorf("%s %s: the test does not know what it needs; decide, here and in needOf", method, route)
			return nil
		}
		path := strings.NewReplacer("{id}", "x", "{event_id}", "x", "/*", "/x").Replace(route)
		try := func(header ...string) int { return g.do(method, path, strings.NewReader("{}"), header...).Code }
		refused := func(code int) bool { return code == http.StatusUnauthorized || code == http.StatusForbidden }
		for _, bad := range []string{"", "Bearer", "Bearer trb_", "Bearer " + g.keys[auth.Admin] + "x", "Basic " + g.keys[auth.Admin], "Bearer " + auth.Prefix + strings.Repeat("A", 43)} {
			header := []string{"Authorization", bad}
			if bad == "" {
				header = nil
			}
			if code := try(header...); refused(code) != (want != 0) && route != "/login" {
				t.Errorf("%s %s with %.20q: %d; it needs %q", method, route, bad, code, want)
			}
		}
		for scope := range g.keys {
			code := try(g.with(scope)...)
			if got := code != http.StatusForbidden && code != http.StatusUnauthorized; got != scope.Has(want) && route != "/login" {
				t.Errorf("%s %s with %q: %d; it needs %q", method, route, scope, code, want)
			}
		}
		return nil
	})
	if err != nil || routes < 20 {
		t.Fatalf("%d routes, %v", routes, err)
	}
}

// TestViewIsMaskedWhole: a new method of View must be thought of in masking.
func TestViewIsMaskedWhole(t *testing.T) {
	masked := []string{"Scan", "List", "Find", "Explain", "Paths", "PathOf"}
	harmless := []string{"Status", "Changed", "Changes", "ScanModel"}
	v := reflect.TypeFor[View]()
	own := reflect.TypeFor[*masking]()
	for i := range v.NumMethod() {
		name := v.Method(i).Name
		if !slices.Contains(masked, name) && !slices.Contains(harmless, name) {
			t.Errorf("View.%s: does it give persons or payloads? mask it in auth_mask.go, and name it here", name)
		}
		m, _ := own.MethodByName(name)
		if slices.Contains(masked, name) && m.Type.NumIn() != v.Method(i).Type.NumIn()+1 {
			t.Errorf("masking.%s has another shape", name)
		}
	}
}

func TestPersonsAreMasked(t *testing.T) {
	g := newGuarded(t)
	g.fill()
	const secret = "a:x"
	get := func(scope auth.Scope, path string) string {
		w := g.do(http.MethodGet, path, nil, g.with(scope)...)
		if w.Code != http.StatusOK {
			t.Fatalf("GET %s: %d %s", path, w.Code, w.Body)
		}
		return w.Body.String()
	}
	full, masked := get(auth.ReadPII, "/v1/fraud/events/k1"), get(auth.Read, "/v1/fraud/events/k1")
	if !strings.Contains(full, `"person":"`+secret+`"`) {
		t.Errorf("with read:pii there is no person: %s", full)
	}
	stands := g.door.Keys.Pseudonym(secret)
	if strings.Contains(masked, secret) || !strings.Contains(masked, stands) {
		t.Errorf("with read: %s; want %s in place of the person", masked, stands)
	}
	if again := g.door.Keys.Pseudonym(secret); again != stands || g.door.Keys.Pseudonym("a:y") == stands {
		t.Error("a pseudonym must stay the same, and differ by person")
	}
	if body := get(auth.Read, "/v1/session"); !strings.Contains(body, `"pseudonyms":true`) {
		t.Errorf("session: %s", body)
	}
}

func TestPagesLeadToTheLogin(t *testing.T) {
	g := newGuarded(t)
	w := g.do(http.MethodGet, "/conversions/k%2F1?x=1", nil, "Accept", "text/html")
	back := url.Values{"next": {"/conversions/k%2F1?x=1"}}
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/login?"+back.Encode() {
		t.Fatalf("%d %s", w.Code, w.Header().Get("Location"))
	}
	w = g.do(http.MethodGet, w.Header().Get("Location"), nil)
	page := w.Body.String()
	if w.Code != http.StatusOK || !strings.Contains(page, `name="key"`) || !strings.Contains(w.Header().Get("Content-Security-Policy"), "form-action 'self'") {
		t.Fatalf("login: %d %v %s", w.Code, w.Header(), page)
	}
	if strings.Contains(page, "<script") || strings.Contains(page, "style=") {
		t.Error("the login page must work without scripts and inline styles")
	}
	if page := g.do(http.MethodGet, `/login?next="><script>alert(1)</script>`, nil).Body.String(); strings.Contains(page, "<script>") {
		t.Error("next is not escaped")
	}
}

func TestLoginAndLogout(t *testing.T) {
	g := newGuarded(t)
	form := func(key, next string) *httptest.ResponseRecorder {
		return g.do(http.MethodPost, "/login", strings.NewReader(url.Values{"key": {key}, "next": {next}}.Encode()),
			"Content-Type", "application/x-www-form-urlencoded", "Origin", "http://example.com", "Sec-Fetch-Site", "same-origin")
	}
	for _, bad := range []string{"", "trb_x", g.keys[auth.Write]} {
		if w := form(bad, "/"); w.Code != http.StatusUnauthorized && w.Code != http.StatusForbidden || w.Header().Get("Set-Cookie") != "" {
			t.Errorf("login with %.8q: %d, cookie %q", bad, w.Code, w.Header().Get("Set-Cookie"))
		}
	}
	for next, want := range map[string]string{"/conversions/x": "/conversions/x", "//evil.example": "/", "https://evil.example/": "/", `/\evil.example`: "/", "": "/", "/login": "/", "javascript:alert(1)": "/"} {
		if w := form(g.keys[auth.Read], next); w.Code != http.StatusSeeOther || w.Header().Get("Location") != want {
			t.Errorf("after the login with next %q: %d %q; want %q", next, w.Code, w.Header().Get("Location"), want)
		}
	}
	w := form(g.keys[auth.Read], "/")
	c := w.Result().Cookies()[0]
	if !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || c.MaxAge <= 0 {
		t.Errorf("cookie %+v", c)
	}
	cookie := c.Name + "=" + c.Value
	if w := g.do(http.MethodGet, "/v1/pipeline", nil, "Cookie", cookie); w.Code != http.StatusOK {
		t.Errorf("with the session: %d", w.Code)
	}
	for _, forged := range []string{c.Value + "x", strings.Replace(c.Value, c.Value[:4], "AAAA", 1), "." + c.Value, strings.Split(c.Value, ".")[0] + "."} {
		if w := g.do(http.MethodGet, "/v1/pipeline", nil, "Cookie", c.Name+"="+forged); w.Code != http.StatusUnauthorized {
			t.Errorf("with a forged session: %d", w.Code)
		}
	}
	// A page of another origin sends the cookie's owner somewhere.
	if w := g.do(http.MethodPost, "/logout", nil, "Cookie", cookie, "Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site"); w.Code != http.StatusForbidden {
		t.Errorf("logout from another origin: %d", w.Code)
	}
	out := g.do(http.MethodPost, "/logout", nil, "Cookie", cookie, "Sec-Fetch-Site", "same-origin")
	if out.Code != http.StatusSeeOther || out.Result().Cookies()[0].MaxAge >= 0 {
		t.Errorf("logout: %d %v", out.Code, out.Result().Cookies())
	}
	// The session ends with the key.
	if _, err := g.door.Keys.Revoke("read"); err != nil {
		t.Fatal(err)
	}
	if w := g.do(http.MethodGet, "/v1/pipeline", nil, "Cookie", cookie); w.Code != http.StatusUnauthorized {
		t.Errorf("with a session whose key was revoked: %d", w.Code)
	}
	log, err := os.ReadFile(g.audit)
	if err != nil || !strings.Contains(string(log), `"action":"login"`) || !strings.Contains(string(log), `"result":"refused"`) || !strings.Contains(string(log), `"action":"logout"`) {
		t.Errorf("audit log: %v %s", err, log)
	}
}

func TestNoSecretsInLogs(t *testing.T) {
	g := newGuarded(t)
	debug := slog.New(slog.NewTextHandler(g.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	g.Server.log = debug
	secret := g.keys[auth.Admin]
	for _, h := range [][]string{
		{"Authorization", "Bearer " + secret},
		{"Authorization", "Bearer " + secret + "x"},
		{"Authorization", "Basic " + secret},
		{"Cookie", sessionCookie + "=" + secret},
		{"X-Request-Id", secret[4:]},
	} {
		for _, path := range []string{"/v1/pipeline", "/v1/conversions?limit=" + url.QueryEscape(secret), "/v1/exports", "/nothing"} {
			g.do(http.MethodGet, path, nil, h...)
		}
	}
	g.do(http.MethodPost, "/login", strings.NewReader("key="+url.QueryEscape(secret)), "Content-Type", "application/x-www-form-urlencoded", "Sec-Fetch-Site", "same-origin")
	g.do(http.MethodPost, "/login", strings.NewReader("key="+url.QueryEscape(secret+"x")), "Content-Type", "application/x-www-form-urlencoded", "Sec-Fetch-Site", "same-origin")
	audit, _ := os.ReadFile(g.audit)
	keys, err := os.ReadFile(g.door.Keys.Path())
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{"log": g.log.Bytes(), "audit log": audit, "keys": keys} {
		if bytes.Contains(text, []byte(secret[4:])) {
			t.Errorf("the %s holds a key", name)
		}
	}
}

func TestCrossOriginWebSocket(t *testing.T) {
	for name, h := range map[string]*harness{"open": newHarness(t), "guarded": newGuarded(t).harness} {
		for _, origin := range []string{"https://evil.example", "null", "http://example.com.evil.example", "http://example.com:81"} {
			w := h.do(http.MethodGet, "/v1/live", nil, "Connection", "Upgrade", "Upgrade", "websocket", "Origin", origin, "Sec-WebSocket-Version", "13", "Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
			if w.Code != http.StatusForbidden {
				t.Errorf("%s: a WebSocket from %s: %d", name, origin, w.Code)
			}
		}
	}
}

func TestRateLimits(t *testing.T) {
	g := newGuarded(t)
	now := ms(noon).Time()
	g.Server.now = func() time.Time { return now }
	g.limits = newLimiters(Limits{PerKey: 5, PerAddress: 50, Failures: 3}, g.Server.now)
	ask := func(header ...string) *httptest.ResponseRecorder {
		return g.do(http.MethodGet, "/v1/session", nil, header...)
	}
	codes := map[int]int{}
	var last *httptest.ResponseRecorder
	for range 15 {
		last = ask(g.with(auth.Read)...)
		codes[last.Code]++
	}
	if codes[200] != 10 || codes[429] != 5 || last.Header().Get("Retry-After") == "" {
		t.Errorf("of one key: %v, Retry-After %q; want 10 answered, 5 refused", codes, last.Header().Get("Retry-After"))
	}
	if w := ask(g.with(auth.ReadPII)...); w.Code != http.StatusOK {
		t.Errorf("another key: %d", w.Code)
	}
	now = now.Add(time.Second)
	if w := ask(g.with(auth.Read)...); w.Code != http.StatusOK {
		t.Errorf("a second later: %d", w.Code)
	}
	clear(codes)
	for range 6 {
		codes[ask("Authorization", "Bearer trb_wrong").Code]++
	}
	if codes[401] != 3 || codes[429] != 3 {
		t.Errorf("wrong keys: %v; want 3 refused and then 3 told to wait", codes)
	}
	if w := ask(g.with(auth.Read)...); w.Code != http.StatusOK {
		t.Errorf("a good key from there: %d", w.Code)
	}
}

func TestBucketsAreBounded(t *testing.T) {
	now := ms(noon).Time()
	b := newTokenBuckets(1, 2, func() time.Time { return now })
	for i := range 3 * maxBuckets {
		b.take(fmt.Sprint(i), 1)
	}
	if n := len(b.mu.byName); n > maxBuckets {
		t.Errorf("%d buckets; want at most %d", n, maxBuckets)
	}
	if b.take("one more", 1) == 0 {
		t.Error("strangers share an empty bucket, and one went through")
	}
	now = now.Add(time.Minute)
	if b.take("one more", 1) != 0 {
		t.Error("a minute later all are full again, but one was refused")
	}
	if n := len(b.mu.byName); n > 1 {
		t.Errorf("%d buckets are kept that are full", n)
	}
}

func TestClientAddress(t *testing.T) {
	s := newHarness(t).Server
	ask := func(remote string, forwarded ...string) string {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = remote
		for _, f := range forwarded {
			r.Header.Add("X-Forwarded-For", f)
		}
		return s.clientAddr(r).String()
	}
	if a := ask("198.51.100.1:5", "203.0.113.9"); a != "198.51.100.1" {
		t.Errorf("without trusted proxies: %s", a)
	}
	s.limits = newLimiters(Limits{TrustedProxies: []string{"10.0.0.0/8", "::1"}}, s.now)
	for want, hops := range map[string][]string{
		"203.0.113.9":  {"10.0.0.1:5", "203.0.113.9"},
		"203.0.113.7":  {"10.0.0.1:5", "9.9.9.9, 203.0.113.7", "10.1.1.1"}, // what the client wrote itself does not count
		"198.51.100.2": {"198.51.100.2:5", "203.0.113.9"},
		"10.0.0.2":     {"10.0.0.2:5", "nonsense"},
	} {
		if a := ask(hops[0], hops[1:]...); a != want {
			t.Errorf("%v: %s; want %s", hops, a, want)
		}
	}
	if network(s.clientAddr(&http.Request{RemoteAddr: "[2001:db8::1]:5"})) != network(s.clientAddr(&http.Request{RemoteAddr: "[2001:db8::2]:5"})) {
		t.Error("two addresses of one /64 are two")
	}
}

func TestOpenServerIsLocal(t *testing.T) {
	h := localOnly(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "in") }))
	for host, want := range map[string]int{
		"localhost:8080": 200, "127.0.0.1": 200, "[::1]:9": 200, "LOCALHOST.": 200, "app.localhost": 200,
		"evil.example": 421, "evil.example:8080": 421, "127.0.0.1.evil.example": 421, "192.168.1.4:8080": 421, "": 200,
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Host = host
		w := httptest.NewRecorder()
		if h.ServeHTTP(w, r); w.Code != want {
			t.Errorf("Host %q: %d; want %d", host, w.Code, want)
		}
	}
	for listen, want := range map[string]bool{"127.0.0.1:0": true, "[::1]:80": true, "localhost:1": true, "0.0.0.0:80": false, ":80": false, "[::]:80": false, "10.0.0.1:80": false, "tributary:80": false} {
		if got := (Config{Listen: listen}).Local(); got != want {
			t.Errorf("%s is local: %v", listen, got)
		}
	}
}

func TestHealthTellsStrangersLittle(t *testing.T) {
	g := newGuarded(t)
	g.view.status.Degraded = []string{"sink redis is down: dial 10.1.2.3"}
	if w := g.do(http.MethodGet, "/readyz", nil); w.Code != http.StatusOK || strings.Contains(w.Body.String(), "10.1.2.3") || !strings.Contains(w.Body.String(), "degraded") {
		t.Errorf("a stranger sees %d %s", w.Code, w.Body)
	}
	if w := g.do(http.MethodGet, "/readyz", nil, g.with(auth.Read)...); !strings.Contains(w.Body.String(), "10.1.2.3") {
		t.Errorf("with a key: %s", w.Body)
	}
}

// A stream that is open ends when the key that opened it is revoked.
func TestRevokedKeyEndsTheStream(t *testing.T) {
	g := newGuarded(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- g.Serve(ctx, l) }()
	defer func() {
		stop()
		if err := <-served; err != nil {
			t.Errorf("serve: %v", err)
		}
	}()
	key, text, err := g.door.Keys.Create("leaver", auth.Read, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	wait, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	header := http.Header{"Authorization": {"Bearer " + text}}
	conn, _, err := websocket.Dial(wait, "ws://"+l.Addr().String()+"/v1/live?ch=kpis", &websocket.DialOptions{HTTPHeader: header}) //nolint:bodyclose // of a socket that is open it is nil
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.CloseNow() }()
	conn.SetReadLimit(1 << 20)
	if _, _, err := conn.Read(wait); err != nil {
		t.Fatalf("the stream does not begin: %v", err)
	}
	if _, err := g.door.Keys.Revoke(key.ID); err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, _, err = conn.Read(wait)
	}
	if websocket.CloseStatus(err) != websocket.StatusPolicyViolation {
		t.Errorf("after the key was revoked the stream ended with %v; want a policy violation", err)
	}
}
