package auth

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"

	"github.com/tributary-data/tributary/event"
)

// Config is the section `auth`. Where it is there, every request needs a key or
// a session; where it is not, the program listens on loopback only.
type Config struct {
	KeysFile  string         `yaml:"keys_file"`  // "": beside the data directory, with .keys.json at its end
	AuditFile string         `yaml:"audit_file"` // "": likewise, with .audit.jsonl
	Session   event.Duration `yaml:"session"`    // how long a login in a browser lasts
	OIDC      *OIDC          `yaml:"oidc"`       // nil: keys only
}

// OIDC is a login with an identity provider: the code flow with PKCE.
type OIDC struct {
	Issuer           string   `yaml:"issuer"`
	ClientID         string   `yaml:"client_id"`
	ClientSecret     Secret   `yaml:"client_secret"` // from the environment only
	ClientSecretFile string   `yaml:"client_secret_file"`
	RedirectURL      string   `yaml:"redirect_url"` // https://host/auth/callback, as the provider has it
	AllowedDomains   []string `yaml:"allowed_domains"`
	GroupsClaim      string   `yaml:"groups_claim"`
	Scopes           []string `yaml:"scopes"` // of everyone of an allowed domain
	Groups           []Grant  `yaml:"groups"` // more, by group
}

// Grant gives the members of a group permissions.
type Grant struct {
	Group  string   `yaml:"group"`
	Scopes []string `yaml:"scopes"`
}

// Secret is a text that is shown nowhere.
type Secret string

// UnmarshalText takes the text as it is.
func (s *Secret) UnmarshalText(b []byte) error { *s = Secret(b); return nil }

// MarshalText hides it.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// String hides it, also from %v.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return "***"
}

// GoString hides it from %#v.
func (s Secret) GoString() string { return s.String() }

// DefaultConfig is what a section that says nothing means.
func DefaultConfig() Config { return Config{Session: 12 * event.Duration(event.Hour)} }

// DefaultOIDC likewise.
func DefaultOIDC() OIDC { return OIDC{GroupsClaim: "groups", Scopes: []string{"read"}} }

// Paths are where keys and audit log lie, for a data directory.
func (c *Config) Paths(dir string) (keys, audit string) {
	keys, audit = strings.TrimRight(dir, "/")+".keys.json", strings.TrimRight(dir, "/")+".audit.jsonl"
	if c != nil && c.KeysFile != "" {
		keys = c.KeysFile
	}
	if c != nil && c.AuditFile != "" {
		audit = c.AuditFile
	}
	return keys, audit
}

// Validate lists what is wrong with the section, each fault begun by its key.
func (c *Config) Validate() []error {
	if c == nil {
		return nil
	}
	var faults []error
	bad := func(key, format string, args ...any) {
		faults = append(faults, fmt.Errorf("%s: "+format, append([]any{key}, args...)...))
	}
	if c.Session < event.Duration(5*event.Minute) || c.Session > event.Duration(30*event.Day) {
		bad("session", "is %v; it must lie between 5m and 30d", c.Session)
	}
	o := c.OIDC
	if o == nil {
		return faults
	}
	if u, err := url.Parse(o.Issuer); err != nil || u.Host == "" || u.Scheme != "https" && !loopbackURL(u) {
		bad("oidc.issuer", "%q is not the https address of an identity provider", o.Issuer)
	}
	if o.ClientID == "" {
		bad("oidc.client_id", "is missing; the identity provider gives it")
	}
	if u, err := url.Parse(o.RedirectURL); err != nil || u.Host == "" || u.Path != "/auth/callback" || u.Scheme != "https" && !loopbackURL(u) {
		bad("oidc.redirect_url", "%q must be https://HOST/auth/callback, as the identity provider has it", o.RedirectURL)
	}
	if o.ClientSecret != "" && o.ClientSecretFile != "" {
		bad("oidc.client_secret_file", "is set, and so is the secret itself; keep one")
	}
	if len(o.AllowedDomains) == 0 && len(o.Groups) == 0 {
		bad("oidc.allowed_domains", "is empty, and so is groups: nobody, or everybody whom the provider knows, would come in; name the domains of the addresses, or groups")
	}
	if _, err := ParseScopes(o.Scopes); err != nil {
		bad("oidc.scopes", "%v", err)
	}
	for i, g := range o.Groups {
		if g.Group == "" {
			bad(fmt.Sprintf("oidc.groups[%d].group", i), "is missing")
		}
		if s, err := ParseScopes(g.Scopes); err != nil {
			bad(fmt.Sprintf("oidc.groups[%d].scopes", i), "%v", err)
		} else if s == 0 {
			bad(fmt.Sprintf("oidc.groups[%d].scopes", i), "is empty; give at least read")
		}
	}
	return faults
}

func loopbackURL(u *url.URL) bool {
	return u.Scheme == "http" && (u.Hostname() == "127.0.0.1" || u.Hostname() == "::1" || u.Hostname() == "localhost")
}

// secret is the client's secret; a public client has none.
func (o *OIDC) secret() (string, error) {
	if o.ClientSecretFile == "" {
		return string(o.ClientSecret), nil
	}
	b, err := os.ReadFile(o.ClientSecretFile)
	if err != nil {
		return "", fmt.Errorf("read auth.oidc.client_secret_file: %w", err)
	}
	if s := strings.TrimSpace(string(b)); s != "" {
		return s, nil
	}
	return "", errors.New("auth.oidc.client_secret_file: the file is empty")
}
