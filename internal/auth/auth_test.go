package auth

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

func openKeys(t *testing.T) *Keys {
	t.Helper()
	k, err := OpenKeys(filepath.Join(t.TempDir(), "data.keys.json"))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestScopes(t *testing.T) {
	for have, holds := range map[Scope]Scope{Read: Read, ReadPII: Read | ReadPII, Write: Write, Export: Export, Admin: All} {
		for one := Read; one <= Admin; one <<= 1 {
			if got, want := have.Has(one), holds&one != 0; got != want {
				t.Errorf("%q has %q: %v", have, one, got)
			}
		}
	}
	if _, err := ParseScopes([]string{"read", "root"}); err == nil || !strings.Contains(err.Error(), "read:pii") {
		t.Errorf("an unknown scope: %v; want the names that there are", err)
	}
}

func TestKeys(t *testing.T) {
	k := openKeys(t)
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	k.now = func() time.Time { return now }
	key, text, err := k.Create("shop", Write, now.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	if raw, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(text, Prefix)); err != nil || len(raw) != 32 {
		t.Errorf("key %q: want 256 bits", text)
	}
	info, err := os.Stat(k.Path())
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file has mode %v, %v; want 0600", info.Mode(), err)
	}
	if b, _ := os.ReadFile(k.Path()); strings.Contains(string(b), text[len(Prefix):]) {
		t.Error("the file holds the key")
	}
	p, ok := k.Find(text)
	if !ok || p.ID != key.ID || p.Scopes != Write {
		t.Errorf("found %+v, %v", p, ok)
	}
	for _, bad := range []string{"", Prefix, text + "x", text[1:], strings.ToUpper(text), key.Hash, Prefix + key.Hash} {
		if _, ok := k.Find(bad); ok {
			t.Errorf("%q let somebody in", bad)
		}
	}
	if _, _, err := k.Create("shop", Read, time.Time{}); !errors.Is(err, ErrExists) {
		t.Errorf("a second key of one name: %v", err)
	}
	for _, name := range []string{"", " ", strings.Repeat("x", 65), "a\nb"} {
		if _, _, err := k.Create(name, Read, time.Time{}); err == nil {
			t.Errorf("name %q was taken", name)
		}
	}
	if err := k.Save(true); err != nil {
		t.Fatal(err)
	}
	if list, err := k.List(); err != nil || len(list) != 1 || !list[0].LastUsed.Equal(now) {
		t.Errorf("list %+v, %v; want the last use", list, err)
	}
	now = now.Add(time.Hour)
	if _, ok := k.Find(text); ok {
		t.Error("an expired key let somebody in")
	}
	if _, _, err := k.Create("shop", Read, time.Time{}); err != nil {
		t.Errorf("the name of an expired key is free: %v", err)
	}
}

// TestOtherProgramChangesKeys: what a command does is noticed by the server.
func TestOtherProgramChangesKeys(t *testing.T) {
	server := openKeys(t)
	now := time.Now()
	server.now = func() time.Time { return now }
	command, err := OpenKeys(server.Path())
	if err != nil {
		t.Fatal(err)
	}
	_, text, err := command.Create("new", Read, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	now = now.Add(lookEvery)
	if _, ok := server.Find(text); !ok {
		t.Error("a new key is not known")
	}
	stands := server.Pseudonym("u:x")
	if command.Pseudonym("u:x") != stands {
		t.Error("two programs have two pseudonyms for one person")
	}
	// A file that is damaged changes nothing; one that is gone lets nobody in.
	good, _ := os.ReadFile(server.Path())
	if err := os.WriteFile(server.Path(), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	now = now.Add(lookEvery)
	if _, ok := server.Find(text); !ok || server.Fault() == nil {
		t.Errorf("with a damaged file: %v, %v; want the keys from before, and a fault", ok, server.Fault())
	}
	if _, err := OpenKeys(server.Path()); err == nil {
		t.Error("a damaged file was opened")
	}
	if err := os.WriteFile(server.Path(), good, 0o600); err != nil {
		t.Fatal(err)
	}
	now = now.Add(lookEvery)
	if _, ok := server.Find(text); !ok || server.Fault() != nil {
		t.Errorf("with the file put back: %v, %v", ok, server.Fault())
	}
	if _, err := command.Revoke("new"); err != nil {
		t.Fatal(err)
	}
	now = now.Add(lookEvery)
	if _, ok := server.Find(text); ok {
		t.Error("a revoked key let somebody in")
	}
	if err := os.Remove(server.Path()); err != nil {
		t.Fatal(err)
	}
	now = now.Add(lookEvery)
	if server.Count() != 0 {
		t.Error("without a file there are keys")
	}
}

func TestManyProgramsAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "k.json")
	const programs, each = 4, 8
	var wg sync.WaitGroup
	for p := range programs {
		wg.Go(func() {
			k, err := OpenKeys(path)
			if err != nil {
				t.Error(err)
				return
			}
			for i := range each {
				if _, _, err := k.Create(fmt.Sprintf("%d-%d", p, i), Read, time.Time{}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	k, err := OpenKeys(path)
	if err != nil || k.Count() != programs*each {
		t.Errorf("%d keys, %v; want %d", k.Count(), err, programs*each)
	}
	if left, _ := filepath.Glob(path + ".*.tmp"); len(left) > 0 {
		t.Errorf("files are left: %v", left)
	}
}

func TestConfig(t *testing.T) {
	good := DefaultConfig()
	if faults := good.Validate(); len(faults) > 0 {
		t.Errorf("the default: %v", faults)
	}
	if faults := (*Config)(nil).Validate(); len(faults) > 0 {
		t.Errorf("no section: %v", faults)
	}
	bad := Config{Session: 1, OIDC: &OIDC{
		Issuer: "http://login.example.com", RedirectURL: "https://x/other", ClientSecret: "s3cret", ClientSecretFile: "f",
		Scopes: []string{"root"}, Groups: []Grant{{}},
	}}
	var keys []string
	for _, err := range bad.Validate() {
		key, _, _ := strings.Cut(err.Error(), ": ")
		keys = append(keys, key)
	}
	want := "session oidc.issuer oidc.client_id oidc.redirect_url oidc.client_secret_file oidc.scopes oidc.groups[0].group oidc.groups[0].scopes"
	if got := strings.Join(keys, " "); got != want {
		t.Errorf("faults of %s; want %s", got, want)
	}
	if text := fmt.Sprintf("%v %+v %#v", bad.OIDC.ClientSecret, bad.OIDC, *bad.OIDC); strings.Contains(text, "s3cret") {
		t.Errorf("a secret is shown: %s", text)
	}
}

// identityProvider is one that speaks the protocol, with the answers of a test.
type identityProvider struct {
	*httptest.Server
	key       *rsa.PrivateKey
	claims    map[string]any
	challenge string
	code      string
	badKey    bool
}

func newIdentityProvider(t *testing.T) *identityProvider {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	p := &identityProvider{key: key, claims: map[string]any{}}
	reply := func(w http.ResponseWriter, v any) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(v)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, map[string]any{
			"issuer": p.URL, "authorization_endpoint": p.URL + "/authorize", "token_endpoint": p.URL + "/token", "jwks_uri": p.URL + "/keys",
			"id_token_signing_alg_values_supported": []string{"RS256"},
		})
	})
	mux.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, map[string]any{"keys": []any{map[string]any{
			"kty": "RSA", "alg": "RS256", "use": "sig", "kid": "1",
			"n": base64.RawURLEncoding.EncodeToString(key.N.Bytes()), "e": base64.RawURLEncoding.EncodeToString(big.NewInt(int64(key.E)).Bytes()),
		}}})
	})
	mux.HandleFunc("/token", func(w http.ResponseWriter, r *http.Request) {
		sum := sha256.Sum256([]byte(r.FormValue("code_verifier")))
		_, secret, _ := r.BasicAuth()
		if r.FormValue("code") != p.code || base64.RawURLEncoding.EncodeToString(sum[:]) != p.challenge || secret != "s3cret" {
			http.Error(w, `{"error":"invalid_grant"}`, http.StatusBadRequest)
			return
		}
		reply(w, map[string]any{"access_token": "x", "token_type": "Bearer", "id_token": p.token()})
	})
	p.Server = httptest.NewServer(mux)
	t.Cleanup(p.Close)
	return p
}

func (p *identityProvider) token() string {
	enc := func(v any) string {
		b, _ := json.Marshal(v)
		return base64.RawURLEncoding.EncodeToString(b)
	}
	body := enc(map[string]any{"alg": "RS256", "kid": "1"}) + "." + enc(p.claims)
	key := p.key
	if p.badKey {
		key, _ = rsa.GenerateKey(rand.Reader, 2048)
	}
	sum := sha256.Sum256([]byte(body))
	sig, _ := rsa.SignPKCS1v15(rand.Reader, key, 5, sum[:]) // 5 is SHA-256
	return body + "." + base64.RawURLEncoding.EncodeToString(sig)
}

func TestOIDC(t *testing.T) {
	idp := newIdentityProvider(t)
	cfg := DefaultConfig()
	o := DefaultOIDC()
	o.Issuer, o.ClientID, o.ClientSecret, o.RedirectURL = idp.URL, "tributary", "s3cret", "http://localhost/auth/callback"
	o.AllowedDomains = []string{"example.com"}
	o.Groups = []Grant{{"finance", []string{"read:pii", "export"}}}
	cfg.OIDC = &o
	if faults := cfg.Validate(); len(faults) > 0 {
		t.Fatal(faults)
	}
	door, err := Open(&cfg, filepath.Join(t.TempDir(), "data"), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	login := func(change func(claims map[string]any), tamper func(cookie, state, code *string)) (Principal, string, error) {
		to, cookie, err := door.BeginLogin(t.Context(), "/conversions/x")
		if err != nil {
			t.Fatal(err)
		}
		u, err := url.Parse(to)
		if err != nil {
			t.Fatal(err)
		}
		q := u.Query()
		if q.Get("code_challenge_method") != "S256" || q.Get("state") == "" || q.Get("nonce") == "" || q.Get("response_type") != "code" {
			t.Errorf("the provider is asked %s", to)
		}
		idp.challenge, idp.code = q.Get("code_challenge"), "code-"+q.Get("state")
		idp.claims = map[string]any{
			"iss": idp.URL, "aud": "tributary", "sub": "42", "nonce": q.Get("nonce"), "exp": time.Now().Add(time.Hour).Unix(), "iat": time.Now().Unix(),
			"email": "a@example.com", "email_verified": true,
		}
		if change != nil {
			change(idp.claims)
		}
		state, code := q.Get("state"), idp.code
		if tamper != nil {
			tamper(&cookie, &state, &code)
		}
		return door.FinishLogin(t.Context(), cookie, state, code)
	}
	p, next, err := login(nil, nil)
	if err != nil || p.Scopes != Read || p.Name != "a@example.com" || next != "/conversions/x" {
		t.Fatalf("%+v, %q, %v", p, next, err)
	}
	if back, ok := door.FromSession(door.Session(p)); !ok || back.Scopes != Read || back.ID != "oidc:42" {
		t.Errorf("the session gives %+v, %v", back, ok)
	}
	if p, _, err = login(func(c map[string]any) { c["groups"] = []string{"other", "finance"} }, nil); err != nil || p.Scopes != Read|ReadPII|Export {
		t.Errorf("with a group: %q, %v", p.Scopes, err)
	}
	for name, change := range map[string]func(map[string]any){
		"another domain":         func(c map[string]any) { c["email"] = "a@evil.example" },
		"a domain in the name":   func(c map[string]any) { c["email"] = "a@example.com@evil.example" },
		"an unverified address":  func(c map[string]any) { c["email_verified"] = false },
		"a group without domain": func(c map[string]any) { c["email"], c["groups"] = "a@evil.example", []string{"finance"} },
	} {
		if _, _, err := login(change, nil); !errors.Is(err, ErrNotAllowed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, change := range map[string]func(map[string]any){
		"another client":   func(c map[string]any) { c["aud"] = "other" },
		"another issuer":   func(c map[string]any) { c["iss"] = "https://evil.example" },
		"an expired token": func(c map[string]any) { c["exp"] = time.Now().Add(-time.Hour).Unix() },
		"another login":    func(c map[string]any) { c["nonce"] = "x" },
	} {
		if _, _, err := login(change, nil); err == nil || errors.Is(err, ErrNotAllowed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, tamper := range map[string]func(cookie, state, code *string){
		"another state":         func(_, state, _ *string) { *state = "x" },
		"no cookie":             func(cookie, _, _ *string) { *cookie = "" },
		"a session as a cookie": func(cookie, _, _ *string) { *cookie = door.Session(p) },
		"another code":          func(_, _, code *string) { *code = "x" },
	} {
		if _, _, err := login(nil, tamper); err == nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v", name, err)
		}
	}
	idp.badKey = true
	if _, _, err := login(nil, nil); err == nil {
		t.Error("a token that somebody else signed was taken")
	}
}

func TestSessionsEnd(t *testing.T) {
	cfg := DefaultConfig()
	door, err := Open(&cfg, filepath.Join(t.TempDir(), "data"), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	s := door.Session(Principal{ID: "oidc:1", Via: "oidc", Scopes: Read})
	if _, ok := door.FromSession(s); !ok {
		t.Error("a fresh session is refused")
	}
	door.now = func() time.Time { return time.Now().Add(time.Duration(cfg.Session)*time.Millisecond + time.Second) }
	if _, ok := door.FromSession(s); ok {
		t.Error("an old session is taken")
	}
}
