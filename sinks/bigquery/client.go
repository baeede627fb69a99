package bigquery

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"cloud.google.com/go/bigquery/storage/managedwriter"
	"google.golang.org/api/option"
	htransport "google.golang.org/api/transport/http"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// client speaks the two protocols: appends by gRPC, and the three calls of the
// REST API that a loader needs. Google's full client would do the latter too;
// it costs 6 MB of program and half a minute of build.
type client struct {
	cfg  Config
	http *http.Client
	mw   *managedwriter.Client
	end  context.CancelFunc // of all that mw does
}

const scope = "https://www.googleapis.com/auth/bigquery"

func newClient(ctx context.Context, cfg Config, version string) (*client, error) {
	opts := []option.ClientOption{option.WithScopes(scope), option.WithUserAgent("tributary/" + version)}
	switch {
	case cfg.open():
		opts = append(opts, option.WithoutAuthentication())
	case cfg.CredentialsFile != "":
		opts = append(opts, option.WithCredentialsFile(cfg.CredentialsFile)) //nolint:staticcheck // the operator's own file, of whatever kind it is
	case cfg.CredentialsJSON != "":
		opts = append(opts, option.WithCredentialsJSON([]byte(cfg.CredentialsJSON))) //nolint:staticcheck // likewise
	}
	if cfg.QuotaProject != "" && !cfg.open() {
		opts = append(opts, option.WithQuotaProject(cfg.QuotaProject))
	}
	hc, _, err := htransport.NewClient(ctx, opts...)
	if err != nil {
		return nil, fault("logging in", err)
	}
	if addr := cfg.writeAddr(); addr != "" {
		opts = append(opts, option.WithEndpoint(addr))
	}
	if cfg.open() {
		opts = append(opts, option.WithGRPCDialOption(grpc.WithTransportCredentials(insecure.NewCredentials())))
	}
	ctx, end := context.WithCancel(ctx)
	mw, err := managedwriter.NewClient(ctx, cfg.Project, opts...)
	if err != nil {
		end()
		hc.CloseIdleConnections()
		return nil, fault("logging in", err)
	}
	return &client{cfg: cfg, http: hc, mw: mw, end: end}, nil
}

func (c *client) close() error {
	c.http.CloseIdleConnections()
	c.end() // first: mw.Close would wait for streams that are connecting
	return c.mw.Close()
}

// tries is how often a request is made that may pass; between two is a pause
// that grows from firstPause.
const (
	tries      = 4
	firstPause = 100 * time.Millisecond
)

// pause waits before the n-th repeat.
func pause(ctx context.Context, n int) error {
	d := firstPause << n
	timer := time.NewTimer(d/2 + rand.N(d))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// maxAnswer bounds what is read of an answer.
const maxAnswer = 64 << 20

// call makes one REST request, again when it may pass. All of ours may be
// repeated.
func (c *client) call(ctx context.Context, method, path string, in, out any) error {
	var body []byte
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			return err
		}
	}
	for n := 0; ; n++ {
		err := c.callOnce(ctx, method, path, body, out)
		if err == nil || ctx.Err() != nil || !mayPass(err) || n+1 == tries {
			return err
		}
		if pause(ctx, n) != nil {
			return err
		}
	}
}

func (c *client) callOnce(ctx context.Context, method, path string, body []byte, out any) (err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(c.cfg.Timeout)*time.Millisecond)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, c.cfg.baseURL()+"/bigquery/v2/projects/"+url.PathEscape(c.cfg.Project)+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, resp.Body.Close()) }()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return err
	}
	if resp.StatusCode/100 != 2 {
		return parseAPIError(resp.StatusCode, raw)
	}
	if err := json.Unmarshal(raw, out); err != nil {
		return fmt.Errorf("the answer is not understood: %w", err)
	}
	return nil
}

func parseAPIError(code int, raw []byte) error {
	var body struct {
		Error struct {
			Message string `json:"message"`
			Errors  []struct {
				Reason string `json:"reason"`
			} `json:"errors"`
		} `json:"error"`
	}
	e := &apiError{Status: code, Message: http.StatusText(code)}
	if json.Unmarshal(raw, &body) == nil && body.Error.Message != "" {
		e.Message = body.Error.Message
		if len(body.Error.Errors) > 0 {
			e.Reason = body.Error.Errors[0].Reason
		}
	}
	return e
}

// description reads what a table says about itself.
func (c *client) description(ctx context.Context, name string) (string, error) {
	var out struct {
		Description string `json:"description"`
	}
	err := c.call(ctx, http.MethodGet, "/datasets/"+c.cfg.Dataset+"/tables/"+name+"?fields=description", nil, &out)
	return out.Description, err
}

// queryAnswer is an answer of jobs.query and jobs.getQueryResults.
type queryAnswer struct {
	JobComplete  bool   `json:"jobComplete"`
	PageToken    string `json:"pageToken"`
	JobReference struct {
		JobID    string `json:"jobId"`
		Location string `json:"location"`
	} `json:"jobReference"`
	Rows []struct {
		F []struct {
			V *string `json:"v"`
		} `json:"f"`
	} `json:"rows"`
}

// query runs one statement and gives its rows to fn, each cell as text or nil.
func (c *client) query(ctx context.Context, sql string, fn func(cells []*string) error) error {
	in := map[string]any{
		"query": sql, "useLegacySql": false, "useQueryCache": false, "timeoutMs": 10_000,
		"formatOptions":  map[string]any{"useInt64Timestamp": true},
		"defaultDataset": map[string]any{"projectId": c.cfg.Project, "datasetId": c.cfg.Dataset},
		"requestId":      strconv.FormatUint(rand.Uint64(), 36), // repeats are the same job
	}
	if c.cfg.Location != "" {
		in["location"] = c.cfg.Location
	}
	var page queryAnswer
	if err := c.call(ctx, http.MethodPost, "/queries", in, &page); err != nil {
		return err
	}
	job := page.JobReference
	for {
		for _, r := range page.Rows {
			cells := make([]*string, len(r.F))
			for i := range r.F {
				cells[i] = r.F[i].V
			}
			if fn == nil {
				continue
			}
			if err := fn(cells); err != nil {
				return err
			}
		}
		if page.JobComplete && page.PageToken == "" {
			return nil
		}
		v := url.Values{"timeoutMs": {"10000"}, "location": {job.Location}, "formatOptions.useInt64Timestamp": {"true"}}
		if page.PageToken != "" {
			v.Set("pageToken", page.PageToken)
		}
		page = queryAnswer{}
		if err := c.call(ctx, http.MethodGet, "/queries/"+url.PathEscape(job.JobID)+"?"+v.Encode(), nil, &page); err != nil {
			return err
		}
	}
}
