package cli

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// healthTimeout is less than what supervisors wait for a check.
const healthTimeout = 4 * time.Second

func healthCommand() *command {
	var o configOptions
	var server string
	var live bool
	return &command{
		name:  "health",
		short: "say whether the server is ready; for health checks without a shell",
		long: `Exit code 0: ready, or degraded, which works on and says what is wrong.
1: running, but not ready. 69: nothing answers.`,
		examples: []string{"tributary health", "tributary health --server http://127.0.0.1:8080"},
		flags: func(fs *flag.FlagSet) {
			o.register(fs)
			fs.StringVar(&server, "server", "", "`URL` of the server (default: this machine, at the port of server.listen)")
			fs.BoolVar(&live, "live", false, "ask only whether it is alive")
		},
		run: func(ctx context.Context, env *Env, _ []string) error {
			if server == "" {
				cfg, _, err := o.load(env)
				if err != nil {
					return err
				}
				host, port, err := net.SplitHostPort(cfg.Server.Listen)
				if err != nil {
					return fmt.Errorf("server.listen: %w", err)
				}
				if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
					host = "127.0.0.1"
				}
				server = "http://" + net.JoinHostPort(host, port)
			}
			path := "/readyz"
			if live {
				path = "/livez"
			}
			return askHealth(ctx, env, strings.TrimRight(server, "/")+path)
		},
	}
}

func askHealth(ctx context.Context, env *Env, url string) error {
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return usagef("--server: %v", err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return &Exit{ExitUnreachable, fmt.Errorf("ask for the health: %w", err)}
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err := errors.Join(err, res.Body.Close()); err != nil {
		return &Exit{ExitUnreachable, fmt.Errorf("read the health: %w", err)}
	}
	var h struct{ Status string }
	if err := json.Unmarshal(body, &h); err != nil || h.Status == "" {
		return fmt.Errorf("%s answers with status %d and nothing that this program reads; is it tributary?", url, res.StatusCode)
	}
	if _, err := fmt.Fprintln(env.Stdout, h.Status); err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("the server is %s", h.Status)
	}
	return nil
}
