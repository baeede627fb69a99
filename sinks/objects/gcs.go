package objects

import (
	"cmp"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// newGCS is Google Cloud Storage by its XML API, with HMAC keys
// (GS_ACCESS_KEY_ID, GS_SECRET_ACCESS_KEY) or with the application default
// credentials: a file of a service account or of a user, else the machine's
// metadata.
func newGCS(c *client, u *url.URL) (*s3, error) {
	env := c.opt.Getenv
	endpoint, anonymous := u.Query().Get("endpoint"), u.Query().Get("anonymous") == "true"
	if emulator := env("STORAGE_EMULATOR_HOST"); endpoint == "" && emulator != "" {
		endpoint, anonymous = emulator, true
		if !strings.Contains(endpoint, "://") {
			endpoint = "http://" + endpoint
		}
	}
	base, err := url.Parse(strings.TrimRight(cmp.Or(endpoint, "https://storage.googleapis.com"), "/"))
	if err != nil || base.Host == "" {
		return nil, fmt.Errorf("endpoint %q is not an address such as https://storage.googleapis.com", endpoint)
	}
	base.Path += "/" + u.Host
	s := &s3{client: c, base: *base, google: true, meta: "X-Goog-Meta-"}
	switch id := env("GS_ACCESS_KEY_ID"); {
	case anonymous:
	case id != "":
		s.signer = signer{label: "GOOG4", prefix: "X-Goog-", region: "auto", service: "storage"}
		s.keys = func(context.Context) (key, error) {
			return key{id: id, secret: env("GS_SECRET_ACCESS_KEY")}, nil
		}
	default:
		s.token = &token{fetch: func(ctx context.Context, now time.Time) (string, time.Duration, error) {
			return googleToken(ctx, c, now)
		}}
	}
	return s, nil
}

// token is a bearer token that is fetched anew before it ends.
type token struct {
	fetch func(ctx context.Context, now time.Time) (string, time.Duration, error)

	mu struct {
		sync.Mutex
		text  string
		until time.Time
	}
}

func (t *token) get(ctx context.Context, now time.Time) (string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.mu.text != "" && now.Before(t.mu.until) {
		return t.mu.text, nil
	}
	text, lasts, err := t.fetch(ctx, now)
	if err != nil {
		return "", err
	}
	t.mu.text, t.mu.until = text, now.Add(max(lasts-early, lasts/2))
	return text, nil
}

// issued is what an authorization server answers.
type issued struct {
	AccessToken string `json:"access_token"`
	ExpiresIn   int64  `json:"expires_in"` // seconds
}

func readToken(text []byte, err error) (string, time.Duration, error) {
	if err != nil {
		return "", 0, err
	}
	var i issued
	if err := json.Unmarshal(text, &i); err != nil || i.AccessToken == "" {
		return "", 0, errors.New("the answer holds no token")
	}
	return i.AccessToken, time.Duration(i.ExpiresIn) * time.Second, nil
}

// googleFile is the file of application default credentials.
type googleFile struct {
	Type         string `json:"type"`
	ClientEmail  string `json:"client_email"`
	PrivateKeyID string `json:"private_key_id"`
	PrivateKey   string `json:"private_key"`
	TokenURI     string `json:"token_uri"`
	ClientID     string `json:"client_id"`
	ClientSecret string `json:"client_secret"`
	RefreshToken string `json:"refresh_token"`
}

const (
	googleScope = "https://www.googleapis.com/auth/devstorage.read_write"
	form        = "application/x-www-form-urlencoded"
)

func googleToken(ctx context.Context, c *client, now time.Time) (string, time.Duration, error) {
	env := c.opt.Getenv
	path := env("GOOGLE_APPLICATION_CREDENTIALS")
	named := path != ""
	if !named {
		path = filepath.Join(env("HOME"), ".config", "gcloud", "application_default_credentials.json")
	}
	raw, err := os.ReadFile(path)
	switch {
	case err != nil && named:
		return "", 0, fmt.Errorf("GOOGLE_APPLICATION_CREDENTIALS: %w", err)
	case err != nil:
		host := cmp.Or(env("GCE_METADATA_HOST"), "metadata.google.internal")
		text, lasts, err := readToken(ask(ctx, c, http.MethodGet, "http://"+host+"/computeMetadata/v1/instance/service-accounts/default/token", nil, "Metadata-Flavor", "Google"))
		if err != nil {
			return "", 0, fmt.Errorf("no credentials for Google Cloud Storage were found (%w); set GOOGLE_APPLICATION_CREDENTIALS, or GS_ACCESS_KEY_ID and GS_SECRET_ACCESS_KEY, or give the machine a service account", err)
		}
		return text, lasts, nil
	}
	var f googleFile
	if err := json.Unmarshal(raw, &f); err != nil {
		return "", 0, fmt.Errorf("%s is no file of credentials: %w", path, err)
	}
	at := cmp.Or(f.TokenURI, "https://oauth2.googleapis.com/token")
	var q url.Values
	switch f.Type {
	case "service_account":
		assertion, err := f.assertion(at, now)
		if err != nil {
			return "", 0, fmt.Errorf("%s: %w", path, err)
		}
		q = plainQuery("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion", assertion)
	case "authorized_user":
		q = plainQuery("grant_type", "refresh_token", "client_id", f.ClientID, "client_secret", f.ClientSecret, "refresh_token", f.RefreshToken)
	default:
		return "", 0, fmt.Errorf("%s holds credentials of type %q; this program reads service_account and authorized_user. Give the machine a service account, or use HMAC keys", path, f.Type)
	}
	text, lasts, err := readToken(ask(ctx, c, http.MethodPost, at, q, "Content-Type", form))
	if err != nil {
		return "", 0, fmt.Errorf("get a token with the credentials of %s: %w", path, err)
	}
	return text, lasts, nil
}

// assertion is a JSON Web Token signed with the account's key (RFC 7523).
func (f *googleFile) assertion(audience string, now time.Time) (string, error) {
	block, _ := pem.Decode([]byte(f.PrivateKey))
	if block == nil {
		return "", errors.New("private_key is not PEM")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		if parsed, err = x509.ParsePKCS1PrivateKey(block.Bytes); err != nil {
			return "", fmt.Errorf("private_key: %w", err)
		}
	}
	signing, ok := parsed.(*rsa.PrivateKey)
	if !ok {
		return "", errors.New("private_key is no RSA key")
	}
	head, err := json.Marshal(map[string]string{"alg": "RS256", "typ": "JWT", "kid": f.PrivateKeyID})
	if err != nil {
		return "", err
	}
	claims, err := json.Marshal(map[string]any{"iss": f.ClientEmail, "scope": googleScope, "aud": audience, "iat": now.Unix(), "exp": now.Add(time.Hour).Unix()})
	if err != nil {
		return "", err
	}
	text := base64.RawURLEncoding.EncodeToString(head) + "." + base64.RawURLEncoding.EncodeToString(claims)
	sum := sha256.Sum256([]byte(text))
	mac, err := rsa.SignPKCS1v15(rand.Reader, signing, crypto.SHA256, sum[:])
	if err != nil {
		return "", err
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(mac), nil
}
