package redis

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// connect prepares a client; it connects when it is first used. It never tries
// again by itself: the deliverer does, and knows how.
func connect(c Config, version string) (redis.UniversalClient, error) {
	encrypted, err := c.tls()
	if err != nil {
		return nil, err
	}
	o := &redis.UniversalOptions{
		Addrs: c.Addrs, MasterName: c.MasterName, IsClusterMode: c.mode() == cluster, DB: c.DB, TLSConfig: encrypted,
		SentinelUsername: c.SentinelUsername, SentinelPassword: string(c.SentinelPassword),
		ClientName: "tributary-" + clean(version), DisableIdentity: true, Protocol: 2, MaxRetries: -1,
		DialTimeout: c.timeout(), ReadTimeout: c.timeout(), WriteTimeout: c.timeout(), ContextTimeoutEnabled: true,
		DialerRetries: 1, PoolSize: poolSize, ConnMaxIdleTime: -1,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
		CredentialsProviderContext: func(context.Context) (string, string, error) {
			if c.PasswordFile == "" {
				return c.Username, string(c.Password), nil
			}
			raw, err := os.ReadFile(c.PasswordFile)
			if err != nil {
				return "", "", fmt.Errorf("sinks.redis.password_file: %w", err)
			}
			return c.Username, strings.TrimRight(string(raw), "\r\n"), nil
		},
	}
	quietLogs()
	return redis.NewUniversalClient(o), nil
}

// quietLogs keeps the driver from writing to stderr: what fails is in the
// errors, which the deliverer logs. The driver has one logger for the process.
var quietLogs = sync.OnceFunc(func() { redis.SetLogger(silence{}) })

type silence struct{}

// Printf implements the driver's logger.
func (silence) Printf(context.Context, string, ...any) {}

// poolSize is the most connections to one server: the deliverer uses one at a
// time, a cluster's discovery some more.
const poolSize = 4

// clean makes a name that CLIENT SETNAME takes.
func clean(version string) string {
	return strings.Map(func(r rune) rune {
		if r <= ' ' || r > '~' {
			return '-'
		}
		return r
	}, version)
}

func (c Config) tls() (*tls.Config, error) {
	if !c.TLS.Enabled {
		return nil, nil
	}
	t := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: c.TLS.ServerName, InsecureSkipVerify: c.TLS.InsecureSkipVerify} //nolint:gosec // the operator's choice, by name
	if c.TLS.CAFile != "" {
		raw, err := os.ReadFile(c.TLS.CAFile)
		if err != nil {
			return nil, fmt.Errorf("sinks.redis.tls.ca_file: %w", err)
		}
		t.RootCAs = x509.NewCertPool()
		if !t.RootCAs.AppendCertsFromPEM(raw) {
			return nil, fmt.Errorf("sinks.redis.tls.ca_file: %s holds no certificate in PEM form", c.TLS.CAFile)
		}
	}
	if c.TLS.CertFile != "" {
		pair, err := tls.LoadX509KeyPair(c.TLS.CertFile, c.TLS.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("sinks.redis.tls.cert_file: %w", err)
		}
		t.Certificates = []tls.Certificate{pair}
	}
	return t, nil
}

// explained adds to a fault what an operator can do about it.
func explained(err error) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	for _, x := range []struct{ sign, hint string }{
		{"OOM ", "Redis has reached maxmemory; raise it, or keep fewer minutes (sinks.redis.retention)"},
		{"READONLY ", "this server is a replica; give the master's address, or let sentinels name it (sinks.redis.master_name)"},
		{"NOAUTH", "set sinks.redis.password or password_file"},
		{"WRONGPASS", "check sinks.redis.username and password"},
		{"NOPERM", "the user needs the commands of docs/redis.md on keys and channels of sinks.redis.prefix"},
		{"MISCONF", "Redis cannot write its snapshot and refuses changes; make room on its disk"},
		{"cluster support disabled", "this is no cluster; set sinks.redis.mode: standalone"},
		{"MOVED ", "this server is part of a cluster; set sinks.redis.mode: cluster"},
		{"CROSSSLOT", "this server is part of a cluster; set sinks.redis.mode: cluster"},
		{"WRONGTYPE", "another program writes to keys of this prefix; give the sink a prefix of its own (sinks.redis.prefix)"},
		{"connection refused", "start Redis, or check sinks.redis.addrs"},
		{"all sentinels", "check that the sentinels run, and sinks.redis.master_name"},
	} {
		if strings.Contains(text, x.sign) {
			return fmt.Errorf("%w; %s", err, x.hint)
		}
	}
	return err
}
