package kafka

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/oauth"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"
)

// options are those that every client of the sink has.
func (c Config) options() ([]kgo.Opt, error) {
	opts := []kgo.Opt{
		kgo.SeedBrokers(c.Brokers...), kgo.ClientID(c.ClientID), kgo.DisableClientMetrics(),
		kgo.RetryTimeout(c.timeout()), kgo.RequestTimeoutOverhead(c.timeout()), kgo.DialTimeout(c.timeout()),
	}
	if c.usesTLS() {
		t, err := c.TLS.load()
		if err != nil {
			return nil, err
		}
		opts = append(opts, kgo.DialTLSConfig(t))
	}
	if c.usesSASL() {
		opts = append(opts, kgo.SASL(c.SASL.mechanism()))
	}
	return opts, nil
}

func (t TLS) load() (*tls.Config, error) {
	out := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: t.ServerName, InsecureSkipVerify: t.InsecureSkipVerify} //nolint:gosec // the operator's choice, by name
	if t.CAFile != "" {
		raw, err := os.ReadFile(t.CAFile)
		if err != nil {
			return nil, fmt.Errorf("sinks.kafka.tls.ca_file: %w", err)
		}
		out.RootCAs = x509.NewCertPool()
		if !out.RootCAs.AppendCertsFromPEM(raw) {
			return nil, fmt.Errorf("sinks.kafka.tls.ca_file: %s holds no certificate in PEM form", t.CAFile)
		}
	}
	if t.CertFile != "" {
		pair, err := tls.LoadX509KeyPair(t.CertFile, t.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("sinks.kafka.tls.cert_file and key_file: %w; both must be PEM, the key without a password", err)
		}
		out.Certificates = []tls.Certificate{pair}
	}
	return out, nil
}

// mechanism reads files at every connection, so that secrets can be changed
// while the program runs.
func (s SASL) mechanism() sasl.Mechanism {
	secret := func(key, text, file string) (string, error) {
		if file == "" {
			return text, nil
		}
		raw, err := os.ReadFile(file)
		if err != nil {
			return "", fmt.Errorf("sinks.kafka.sasl.%s_file: %w", key, err)
		}
		return strings.TrimRight(string(raw), "\r\n"), nil
	}
	auth := func(context.Context) (scram.Auth, error) {
		p, err := secret("password", string(s.Password), s.PasswordFile)
		return scram.Auth{User: s.Username, Pass: p}, err
	}
	switch strings.ToUpper(s.Mechanism) {
	case scram256:
		return scram.Sha256(auth)
	case scram512:
		return scram.Sha512(auth)
	case oauthBearer:
		return oauth.Oauth(func(context.Context) (oauth.Auth, error) {
			token, err := secret("token", string(s.Token), s.TokenFile)
			return oauth.Auth{Token: token}, err
		})
	}
	return plain.Plain(func(ctx context.Context) (plain.Auth, error) {
		a, err := auth(ctx)
		return plain.Auth{User: a.User, Pass: a.Pass}, err
	})
}

func codec(name string) kgo.CompressionCodec {
	switch name {
	case "gzip":
		return kgo.GzipCompression()
	case "snappy":
		return kgo.SnappyCompression()
	case "lz4":
		return kgo.Lz4Compression()
	case "zstd":
		return kgo.ZstdCompression()
	}
	return kgo.NoCompression()
}
