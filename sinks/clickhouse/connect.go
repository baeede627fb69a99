package clickhouse

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// connect prepares a pool; nothing is dialled before it is needed. The database
// is named in every statement, because it may not be there yet.
func connect(cfg *Config, version string) (driver.Conn, error) {
	password, err := cfg.password()
	if err != nil {
		return nil, err
	}
	tlsConfig, err := cfg.TLS.config()
	if err != nil {
		return nil, err
	}
	opt := &clickhouse.Options{
		Addr:             cfg.Addrs,
		Protocol:         clickhouse.Native,
		TLS:              tlsConfig,
		Auth:             clickhouse.Auth{Username: cfg.Username, Password: password},
		DialTimeout:      millis(int64(cfg.DialTimeout)),
		ReadTimeout:      millis(int64(cfg.ReadTimeout)),
		ConnOpenStrategy: clickhouse.ConnOpenInOrder,
		MaxIdleConns:     writers + 1,
		MaxOpenConns:     writers + 2,
		Compression:      &clickhouse.Compression{Method: compressions[cfg.Compression]},
	}
	if cfg.Protocol == protocolHTTP {
		opt.Protocol = clickhouse.HTTP
	}
	opt.ClientInfo.Products = append(opt.ClientInfo.Products, struct{ Name, Version string }{"tributary", version})
	return clickhouse.Open(opt)
}

var compressions = map[string]clickhouse.CompressionMethod{
	compressionNone: clickhouse.CompressionNone, compressionLZ4: clickhouse.CompressionLZ4, compressionZSTD: clickhouse.CompressionZSTD,
}

func millis(n int64) time.Duration { return time.Duration(n) * time.Millisecond }

// password reads the file anew, so that a changed one counts after a restart
// of the sink alone.
func (c *Config) password() (string, error) {
	if c.PasswordFile == "" {
		return string(c.Password), nil
	}
	b, err := os.ReadFile(c.PasswordFile)
	if err != nil {
		return "", fmt.Errorf("sinks.clickhouse.password_file: %w; the file must hold the password alone", err)
	}
	return strings.TrimRight(string(b), "\r\n"), nil
}

func (t *TLS) config() (*tls.Config, error) {
	if !t.Enabled {
		return nil, nil
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: t.ServerName, InsecureSkipVerify: t.InsecureSkipVerify} //nolint:gosec // the user says so by name
	if t.CAFile != "" {
		pem, err := os.ReadFile(t.CAFile)
		if err != nil {
			return nil, fmt.Errorf("sinks.clickhouse.tls.ca_file: %w", err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("sinks.clickhouse.tls.ca_file: %s holds no certificate in PEM", t.CAFile)
		}
	}
	if t.CertFile != "" {
		pair, err := tls.LoadX509KeyPair(t.CertFile, t.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("sinks.clickhouse.tls.cert_file: %w", err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}

// settingsFor are what exactness needs of a server, whatever its defaults are.
func settingsFor(c *Config) clickhouse.Settings {
	s := clickhouse.Settings{
		"async_insert":                    0, // an answer means written
		"insert_deduplicate":              0, // rows are absolute: a block like an older one still counts
		"max_partitions_per_insert_block": 0, // a resync meets all months at once
		"max_query_size":                  16 << 20,
		"final":                           0, // the views say it where it is meant
	}
	if c.Protocol == protocolHTTP {
		s["wait_end_of_query"] = 1 // errors come as errors
	}
	if c.Cluster.Sharded {
		s["distributed_foreground_insert"] = 1
	}
	if c.Cluster.Name != "" {
		s["distributed_ddl_task_timeout"] = 120
	}
	if c.Cluster.Quorum > 0 {
		s["insert_quorum"] = c.Cluster.Quorum
		s["insert_quorum_parallel"] = 0 // with it, reads could not see that they lack something
		s["select_sequential_consistency"] = 1
	}
	return s
}

// hints say what to do about the usual errors of servers, by their code:
// ErrorCodes.cpp of ClickHouse.
var hints = map[int32]string{
	60:  "a table is missing; the sink makes it again by itself",
	81:  "the database is missing; the sink makes it again by itself",
	164: "the user may only read: give it a profile without readonly",
	193: "user or password is wrong: sinks.clickhouse.username, password, password_file",
	194: "the user needs a password: sinks.clickhouse.password or password_file",
	225: "replicated tables need Keeper: look at the <zookeeper> or <keeper> section of the servers",
	241: "the server ran out of memory: lower sinks.clickhouse.max_insert_rows, or raise max_memory_usage",
	242: "the table is read-only: its replica has lost Keeper; see system.replicas",
	243: "the server's disk is full: free some, or set sinks.clickhouse.retention",
	252: "merges do not keep up with inserts: see docs/clickhouse.md, Too many parts",
	285: "fewer replicas answered than sinks.clickhouse.cluster.quorum asks for",
	319: "a replica did not confirm in time: the rows are sent again",
	497: "the user lacks a right: GRANT CREATE, ALTER, DROP, TRUNCATE, INSERT, SELECT ON the database (see docs/clickhouse.md, Rights)",
	516: "user or password is wrong: sinks.clickhouse.username, password, password_file",
	701: "the servers do not know this cluster: sinks.clickhouse.cluster.name must stand in their remote_servers",
}

// explain adds to an error what was being done and what to do about it.
func (s *Sink) explain(doing string, err error) error {
	if err == nil {
		return nil
	}
	where := strings.Join(s.cfg.Addrs, ",")
	var server *clickhouse.Exception
	var network *net.OpError
	hint := ""
	switch text := err.Error(); {
	case errors.As(err, &server):
		hint = hints[server.Code]
	case strings.Contains(text, "unexpected packet [72]"), strings.Contains(text, "HTTP/1."):
		hint = "this is a port for HTTP: set sinks.clickhouse.protocol to http, or use the native port (9000)"
	case strings.Contains(text, "malformed HTTP"), strings.Contains(text, "is for clickhouse-client"):
		hint = "this is a port for the native protocol: set sinks.clickhouse.protocol to native, or use the HTTP port (8123)"
	case strings.Contains(text, "first record does not look like a TLS handshake"):
		hint = "this port speaks no TLS: set sinks.clickhouse.tls.enabled to false, or use the secure port (9440, HTTP 8443)"
	case strings.Contains(text, "handshake") && errors.As(err, &network) && network.Timeout():
		hint = "something listens there and does not answer: an HTTP port (8123) needs sinks.clickhouse.protocol http, a native one (9000) native"
	case errors.As(err, &network) && network.Op == "dial":
		hint = "is the server up? sinks.clickhouse.addrs"
	case errors.Is(err, io.EOF) && strings.Contains(text, "handshake"):
		hint = "a port that wants TLS closes such connections at once: sinks.clickhouse.tls.enabled"
	}
	if hint == "" {
		return fmt.Errorf("%s in ClickHouse at %s: %w", doing, where, err)
	}
	return fmt.Errorf("%s in ClickHouse at %s: %w (%s)", doing, where, err, hint)
}

// context carries the settings, and ends with the time for one statement.
func (s *Sink) context(ctx context.Context, opts ...clickhouse.QueryOption) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(ctx, millis(int64(s.cfg.ReadTimeout)))
	return clickhouse.Context(ctx, append([]clickhouse.QueryOption{clickhouse.WithSettings(s.settings)}, opts...)...), cancel
}

// exec runs a statement that gives no rows.
func (s *Sink) exec(ctx context.Context, doing, sql string) error {
	ctx, cancel := s.context(ctx)
	defer cancel()
	return s.explain(doing, s.conn.Exec(ctx, sql))
}

// query hands each row of an answer to fn.
func (s *Sink) query(ctx context.Context, doing, sql string, fn func(rows driver.Rows) error) (err error) {
	ctx, cancel := s.context(ctx)
	defer cancel()
	rows, err := s.conn.Query(ctx, sql)
	if err != nil {
		return s.explain(doing, err)
	}
	defer func() {
		if closed := rows.Close(); err == nil {
			err = s.explain(doing, closed)
		}
	}()
	for rows.Next() {
		if err := fn(rows); err != nil {
			return fmt.Errorf("%s: %w", doing, err)
		}
	}
	return s.explain(doing, rows.Err())
}
