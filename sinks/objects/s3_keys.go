package objects

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// aws finds keys the way Amazon's own tools do: the environment, the shared
// files, a web identity (EKS), the container's endpoint (ECS, EKS), the
// machine's metadata. Keys for a time are fetched anew before they end.
//
// https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html
type aws struct {
	c       *client
	profile string

	mu struct {
		sync.Mutex
		held key
	}
}

// early is how long before its end a key or token is replaced.
const early = 2 * time.Minute

// askLimit bounds one question to an endpoint that gives keys.
const askLimit = 10 * time.Second

func newAWS(c *client, profile string) *aws {
	return &aws{c: c, profile: cmp.Or(profile, c.opt.Getenv("AWS_PROFILE"), "default")}
}

// region is that of the environment or of the shared files.
func (a *aws) region() string {
	env := a.c.opt.Getenv
	return cmp.Or(env("AWS_REGION"), env("AWS_DEFAULT_REGION"), a.shared("AWS_CONFIG_FILE", "config")["region"])
}

func (a *aws) keys(ctx context.Context) (key, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.c.opt.Now()
	if a.mu.held.id != "" && (a.mu.held.until.IsZero() || now.Before(a.mu.held.until.Add(-early))) {
		return a.mu.held, nil
	}
	k, err := a.find(ctx)
	if err != nil {
		return key{}, err
	}
	if k.id == "" || k.secret == "" {
		return key{}, errors.New("no credentials for S3 were found; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or give the machine a role")
	}
	a.mu.held = k
	if k.until.IsZero() { // files may change under a long life
		a.mu.held.until = now.Add(early + time.Minute)
	}
	return k, nil
}

func (a *aws) find(ctx context.Context) (key, error) {
	env := a.c.opt.Getenv
	if id := env("AWS_ACCESS_KEY_ID"); id != "" {
		return key{id: id, secret: env("AWS_SECRET_ACCESS_KEY"), session: env("AWS_SESSION_TOKEN")}, nil
	}
	for _, file := range []map[string]string{a.shared("AWS_SHARED_CREDENTIALS_FILE", "credentials"), a.shared("AWS_CONFIG_FILE", "config")} {
		if id := file["aws_access_key_id"]; id != "" {
			return key{id: id, secret: file["aws_secret_access_key"], session: file["aws_session_token"]}, nil
		}
	}
	if file, role := env("AWS_WEB_IDENTITY_TOKEN_FILE"), env("AWS_ROLE_ARN"); file != "" && role != "" {
		return a.webIdentity(ctx, file, role)
	}
	if at := cmp.Or(env("AWS_CONTAINER_CREDENTIALS_FULL_URI"), prefixed("http://169.254.170.2", env("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"))); at != "" {
		return a.container(ctx, at)
	}
	if strings.EqualFold(env("AWS_EC2_METADATA_DISABLED"), "true") {
		return key{}, nil
	}
	return a.machine(ctx)
}

func prefixed(prefix, s string) string {
	if s == "" {
		return ""
	}
	return prefix + s
}

// shared reads a section of one of the shared files; what is not there is empty.
func (a *aws) shared(env, name string) map[string]string {
	path := a.c.opt.Getenv(env)
	if path == "" {
		home := a.c.opt.Getenv("HOME")
		if home == "" {
			return nil
		}
		path = filepath.Join(home, ".aws", name)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close() //nolint:errcheck // it was only read
	out, in := map[string]string{}, false
	for lines := bufio.NewScanner(f); lines.Scan(); {
		line := strings.TrimSpace(lines.Text())
		if strings.HasPrefix(line, "[") {
			section := strings.Trim(line, "[] ")
			in = section == a.profile || section == "profile "+a.profile
			continue
		}
		if k, v, ok := strings.Cut(line, "="); ok && in {
			out[strings.TrimSpace(k)] = strings.TrimSpace(v)
		}
	}
	return out
}

// given is what the endpoints of containers and machines answer.
type given struct {
	AccessKeyId     string
	SecretAccessKey string
	Token           string
	SessionToken    string
	Expiration      time.Time
}

func (g given) key() key {
	return key{id: g.AccessKeyId, secret: g.SecretAccessKey, session: cmp.Or(g.Token, g.SessionToken), until: g.Expiration}
}

func (a *aws) webIdentity(ctx context.Context, file, role string) (key, error) {
	token, err := os.ReadFile(file)
	if err != nil {
		return key{}, fmt.Errorf("AWS_WEB_IDENTITY_TOKEN_FILE: %w", err)
	}
	env := a.c.opt.Getenv
	at := cmp.Or(env("AWS_ENDPOINT_URL_STS"), "https://sts."+cmp.Or(a.region(), "us-east-1")+".amazonaws.com")
	q := plainQuery("Action", "AssumeRoleWithWebIdentity", "Version", "2011-06-15", "RoleArn", role,
		"RoleSessionName", cmp.Or(env("AWS_ROLE_SESSION_NAME"), "tributary"), "WebIdentityToken", strings.TrimSpace(string(token)))
	text, err := ask(ctx, a.c, http.MethodPost, at, q, "Content-Type", "application/x-www-form-urlencoded")
	if err != nil {
		return key{}, fmt.Errorf("take on the role %s: %w", role, err)
	}
	var x struct {
		Credentials given `xml:"AssumeRoleWithWebIdentityResult>Credentials"`
	}
	if err := xml.Unmarshal(text, &x); err != nil {
		return key{}, fmt.Errorf("take on the role %s: %w", role, err)
	}
	return x.Credentials.key(), nil
}

func (a *aws) container(ctx context.Context, at string) (key, error) {
	token := a.c.opt.Getenv("AWS_CONTAINER_AUTHORIZATION_TOKEN")
	if file := a.c.opt.Getenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"); file != "" {
		raw, err := os.ReadFile(file)
		if err != nil {
			return key{}, fmt.Errorf("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: %w", err)
		}
		token = strings.TrimSpace(string(raw))
	}
	text, err := ask(ctx, a.c, http.MethodGet, at, nil, "Authorization", token)
	if err != nil {
		return key{}, fmt.Errorf("ask the container's endpoint for credentials: %w", err)
	}
	var g given
	if err := json.Unmarshal(text, &g); err != nil {
		return key{}, fmt.Errorf("ask the container's endpoint for credentials: %w", err)
	}
	return g.key(), nil
}

// machine asks the metadata service of EC2, version 2. Where there is none the
// answer is no key.
func (a *aws) machine(ctx context.Context) (key, error) {
	base := cmp.Or(a.c.opt.Getenv("AWS_EC2_METADATA_SERVICE_ENDPOINT"), "http://169.254.169.254")
	base = strings.TrimRight(base, "/") + "/latest/"
	short, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	token, err := ask(short, a.c, http.MethodPut, base+"api/token", nil, "X-Aws-Ec2-Metadata-Token-Ttl-Seconds", "300")
	if err != nil {
		return key{}, ctx.Err()
	}
	roles := base + "meta-data/iam/security-credentials/"
	role, err := ask(ctx, a.c, http.MethodGet, roles, nil, "X-Aws-Ec2-Metadata-Token", string(token))
	if err != nil {
		return key{}, ctx.Err()
	}
	name, _, _ := strings.Cut(strings.TrimSpace(string(role)), "\n")
	text, err := ask(ctx, a.c, http.MethodGet, roles+name, nil, "X-Aws-Ec2-Metadata-Token", string(token))
	var g given
	if err == nil {
		err = json.Unmarshal(text, &g)
	}
	if err != nil {
		return key{}, fmt.Errorf("ask the machine for the credentials of its role %s: %w", name, err)
	}
	return g.key(), nil
}

// ask sends one small question and reads its answer. A form goes in the body of
// a POST.
func ask(ctx context.Context, c *client, method, at string, form url.Values, header ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, at, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	for i := 0; i+1 < len(header); i += 2 {
		if header[i+1] != "" {
			r.Header.Set(header[i], header[i+1])
		}
	}
	res, err := c.http.Do(r)
	if err != nil {
		return nil, lost(errors.Unwrap(err)) // without the address, which may hold a secret
	}
	text, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err := errors.Join(err, res.Body.Close()); err != nil {
		return nil, lost(err)
	}
	if res.StatusCode/100 != 2 {
		f := fault(res, text)
		if f.Code == "" {
			f.Message = strings.TrimSpace(string(text[:min(len(text), 300)]))
		}
		return nil, f
	}
	return text, nil
}
