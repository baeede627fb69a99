package snowflake

import (
	"bytes"
	"context"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"
)

// client speaks Snowflake's SQL API (version 2). The driver would more than
// double the program: it brings the object storage clients of three clouds and
// a columnar format. We need statements with one bound text, and sums.
//
// Statements may run on several goroutines at once.
type client struct {
	cfg  Config
	key  *rsa.PrivateKey
	http *http.Client
	name string // of the program

	mu struct {
		sync.Mutex
		token string
		until time.Time
	}
}

func newClient(cfg Config, version string) (*client, error) {
	key, err := loadKey(&cfg)
	if err != nil {
		return nil, fault("logging in", err)
	}
	tr := http.DefaultTransport.(*http.Transport).Clone()
	tr.MaxIdleConnsPerHost = maxParallel
	return &client{cfg: cfg, key: key, name: "tributary/" + version, http: &http.Client{Transport: tr}}, nil
}

func (c *client) close() { c.http.CloseIdleConnections() }

// bearer is a token that is good for a while.
func (c *client) bearer() (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := time.Now(); now.After(c.mu.until) {
		t, err := token(&c.cfg, c.key, now)
		if err != nil {
			return "", err
		}
		c.mu.token, c.mu.until = t, now.Add(tokenLife-tokenRenew)
	}
	return c.mu.token, nil
}

// statement is the body of a request.
type statement struct {
	Statement string             `json:"statement"`
	Timeout   int64              `json:"timeout"` // seconds
	Database  string             `json:"database,omitempty"`
	Schema    string             `json:"schema,omitempty"`
	Warehouse string             `json:"warehouse,omitempty"`
	Role      string             `json:"role,omitempty"`
	Bindings  map[string]binding `json:"bindings,omitempty"`
	// Times and numbers are read as texts; MULTI_STATEMENT_COUNT stays 1.
	Parameters map[string]string `json:"parameters,omitempty"`
}

type binding struct {
	Type  string `json:"type"`
	Value string `json:"value"`
}

// answer is what a statement gives, or how far it is.
type answer struct {
	Code     string      `json:"code"`
	Message  string      `json:"message"`
	SQLState string      `json:"sqlState"`
	Handle   string      `json:"statementHandle"`
	Data     [][]*string `json:"data"`
	Meta     struct {
		Partitions []struct {
			RowCount int64 `json:"rowCount"`
		} `json:"partitionInfo"`
	} `json:"resultSetMetaData"`
}

const (
	tries      = 5
	firstPause = 200 * time.Millisecond
	pollEvery  = 500 * time.Millisecond // of a statement that runs longer than a request
	maxAnswer  = 64 << 20
)

// run executes one statement with at most one bound text and gives its rows.
// It may be called again with the same statement: ours change nothing then; and
// repeats within a call carry the same request id, so that Snowflake runs the
// statement once.
func (c *client) run(ctx context.Context, sql, bound string) ([][]*string, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(c.cfg.Timeout)*time.Millisecond)
	defer cancel()
	s := statement{
		Statement: sql, Timeout: max(1, int64(c.cfg.Timeout)/1000),
		Database: upper(c.cfg.Database), Schema: upper(c.cfg.Schema), Warehouse: upper(c.cfg.Warehouse), Role: upper(c.cfg.Role),
		Parameters: map[string]string{"timezone": "UTC", "query_tag": c.name},
	}
	if bound != "" {
		s.Bindings = map[string]binding{"1": {"TEXT", bound}}
	}
	body, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	id := requestID()
	var a answer
	for n := 0; ; n++ {
		q := url.Values{"requestId": {id}}
		if n > 0 {
			q.Set("retry", "true")
		}
		if err = c.call(ctx, http.MethodPost, "/api/v2/statements?"+q.Encode(), body, &a); err == nil {
			break
		}
		if !mayPass(err) || ctx.Err() != nil || n+1 == tries || pause(ctx, firstPause<<n) != nil {
			return nil, err
		}
	}
	out := a.Data
	for i := 1; i < len(a.Meta.Partitions); i++ {
		var more answer
		if err := c.again(ctx, "/api/v2/statements/"+url.PathEscape(a.Handle)+"?partition="+strconv.Itoa(i), &more); err != nil {
			return nil, err
		}
		out = append(out, more.Data...)
	}
	return out, nil
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d/2 + rand.N(d))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// again asks by GET, which changes nothing.
func (c *client) again(ctx context.Context, path string, a *answer) error {
	for n := 0; ; n++ {
		err := c.call(ctx, http.MethodGet, path, nil, a)
		if err == nil || !mayPass(err) || ctx.Err() != nil || n+1 == tries || pause(ctx, firstPause<<n) != nil {
			return err
		}
	}
}

// call makes one request, and waits for a statement that is still running.
func (c *client) call(ctx context.Context, method, path string, body []byte, a *answer) error {
	code, err := c.callOnce(ctx, method, path, body, a)
	for err == nil && code == http.StatusAccepted {
		if err := pause(ctx, pollEvery); err != nil {
			c.cancel(a.Handle)
			return err
		}
		handle := a.Handle
		*a = answer{}
		code, err = c.callOnce(ctx, http.MethodGet, "/api/v2/statements/"+url.PathEscape(handle), nil, a)
		if a.Handle == "" {
			a.Handle = handle
		}
	}
	return err
}

// cancelTimeout is how long we try to stop a statement that nobody waits for.
const cancelTimeout = 5 * time.Second

func (c *client) cancel(handle string) {
	ctx, cancel := context.WithTimeout(context.Background(), cancelTimeout)
	defer cancel()
	_, _ = c.callOnce(ctx, http.MethodPost, "/api/v2/statements/"+url.PathEscape(handle)+"/cancel", nil, &answer{}) // it ends by its own time limit else
}

func (c *client) callOnce(ctx context.Context, method, path string, body []byte, a *answer) (code int, err error) {
	bearer, err := c.bearer()
	if err != nil {
		return 0, err
	}
	req, err := http.NewRequestWithContext(ctx, method, c.cfg.baseURL()+path, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Authorization", "Bearer "+bearer)
	req.Header.Set("X-Snowflake-Authorization-Token-Type", "KEYPAIR_JWT")
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", c.name)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return 0, err
	}
	defer func() { _ = resp.Body.Close() }() // all of it was read
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return 0, errors.Join(errCut, err)
	}
	bad := json.Unmarshal(raw, a)
	if resp.StatusCode/100 != 2 {
		e := &apiError{Status: resp.StatusCode, Code: a.Code, SQLState: a.SQLState, Message: a.Message}
		if bad != nil || e.Message == "" {
			e.Message = http.StatusText(resp.StatusCode)
		}
		return resp.StatusCode, e
	}
	if bad != nil {
		return 0, fmt.Errorf("the answer is not understood: %w", bad)
	}
	return resp.StatusCode, nil
}

// requestID is a random UUID.
func requestID() string {
	a, b := rand.Uint64(), rand.Uint64()
	return fmt.Sprintf("%08x-%04x-4%03x-%04x-%012x", uint32(a>>32), uint16(a>>16), a&0xfff, 0x8000|b>>48&0x3fff, b&(1<<48-1))
}
