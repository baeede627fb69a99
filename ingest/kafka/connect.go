package kafka

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/oauth"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"
)

// Surroundings are what a client needs beside its configuration.
type Surroundings struct {
	Log  *slog.Logger
	Path func(name string) string // resolves the files that the configuration names; nil: as they are
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

func (s Surroundings) path(name string) string {
	if s.Path == nil {
		return name
	}
	return s.Path(name)
}

// maxBatch is what one batch of records may be when it is unpacked. Brokers take
// packed batches of 1 MiB by default; one that grows by more than 64 times is an
// attack or a mistake, and stops its partition with a message.
const maxBatch = 64 << 20

// clientOptions are those that every client of ours has.
func clientOptions(c Config, s Surroundings) ([]kgo.Opt, error) {
	opts := []kgo.Opt{
		kgo.SeedBrokers(c.Brokers...),
		kgo.WithLogger(clientLog{s.Log}),
		kgo.RetryTimeout(c.timeout()),
		kgo.RequestTimeoutOverhead(c.timeout()),
		kgo.DialTimeout(c.timeout()),
		kgo.DisableClientMetrics(), // nothing leaves that was not asked for
	}
	if c.ClientID != "" {
		opts = append(opts, kgo.ClientID(c.ClientID))
	}
	dial := s.Dial
	if c.usesTLS() {
		config, err := c.TLS.load("kafka.tls", s)
		if err != nil {
			return nil, err
		}
		dial = tlsDialer(dial, config, c.timeout())
	}
	if dial != nil {
		opts = append(opts, kgo.Dialer(dial))
	}
	if c.usesSASL() {
		m, err := c.SASL.mechanism(s, c.timeout())
		if err != nil {
			return nil, err
		}
		opts = append(opts, kgo.SASL(m))
	}
	return opts, nil
}

func tlsDialer(dial func(context.Context, string, string) (net.Conn, error), config *tls.Config, limit time.Duration) func(context.Context, string, string) (net.Conn, error) {
	if dial == nil {
		dial = (&net.Dialer{Timeout: limit, KeepAlive: 30 * time.Second}).DialContext
	}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		raw, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		c := config.Clone()
		if c.ServerName == "" {
			if c.ServerName, _, err = net.SplitHostPort(address); err != nil {
				return nil, errors.Join(err, raw.Close())
			}
		}
		conn := tls.Client(raw, c)
		if err := conn.HandshakeContext(ctx); err != nil {
			return nil, errors.Join(&handshakeError{address, err}, raw.Close())
		}
		return conn, nil
	}
}

// handshakeError is a broker that was reached but not believed, or the reverse.
type handshakeError struct {
	address string
	err     error
}

func (e *handshakeError) Error() string { return "TLS with " + e.address + ": " + e.err.Error() }
func (e *handshakeError) Unwrap() error { return e.err }

// load reads the files of a TLS section; key is its name in the configuration.
func (t TLS) load(key string, s Surroundings) (*tls.Config, error) {
	c := &tls.Config{
		MinVersion: tls.VersionTLS12, ServerName: t.ServerName,
		InsecureSkipVerify: t.InsecureSkipVerify, //nolint:gosec // only where the operator asked for it by name
	}
	if t.CAFile != "" {
		pem, err := os.ReadFile(s.path(t.CAFile))
		if err != nil {
			return nil, fmt.Errorf("%s.ca_file: %w", key, err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s.ca_file: %s holds no certificate in PEM; convert a Java truststore with keytool -exportcert -rfc", key, t.CAFile)
		}
	}
	if t.CertFile != "" {
		pair, err := tls.LoadX509KeyPair(s.path(t.CertFile), s.path(t.KeyFile))
		if err != nil {
			return nil, fmt.Errorf("%s.cert_file and key_file: %w; both must be PEM, the key without a password", key, err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}

// secretOf is a secret itself, or what its file holds.
func secretOf(key string, secret Secret, file string, s Surroundings) (string, error) {
	if file == "" {
		return string(secret), nil
	}
	b, err := os.ReadFile(s.path(file))
	if err != nil {
		return "", fmt.Errorf("%s_file: %w", key, err)
	}
	text := strings.TrimRight(string(b), "\r\n")
	if text == "" {
		return "", fmt.Errorf("%s_file: %s is empty", key, file)
	}
	return text, nil
}

// mechanism reads files once now, so that a slip in the configuration is known
// at the start, and again for every connection, so that secrets can be changed
// while the program runs.
func (s SASL) mechanism(with Surroundings, limit time.Duration) (sasl.Mechanism, error) {
	password := func() (string, error) {
		return secretOf("kafka.sasl.password", s.Password, s.PasswordFile, with)
	}
	switch m := strings.ToUpper(s.Mechanism); m {
	case plainMechanism:
		if _, err := password(); err != nil {
			return nil, err
		}
		return plain.Plain(func(context.Context) (plain.Auth, error) {
			p, err := password()
			return plain.Auth{User: s.Username, Pass: p}, err
		}), nil
	case scram256, scram512:
		if _, err := password(); err != nil {
			return nil, err
		}
		auth := func(context.Context) (scram.Auth, error) {
			p, err := password()
			return scram.Auth{User: s.Username, Pass: p}, err
		}
		if m == scram256 {
			return scram.Sha256(auth), nil
		}
		return scram.Sha512(auth), nil
	case oauthBearer:
		if s.TokenURL == "" {
			if _, err := secretOf("kafka.sasl.token", s.Token, s.TokenFile, with); err != nil {
				return nil, err
			}
		} else if _, err := secretOf("kafka.sasl.client_secret", s.ClientSecret, s.ClientSecretFile, with); err != nil {
			return nil, err
		}
		return oauth.Oauth(func(ctx context.Context) (oauth.Auth, error) {
			token, err := s.token(ctx, with, limit)
			return oauth.Auth{Token: token}, err
		}), nil
	}
	return nil, fmt.Errorf("kafka.sasl.mechanism: %q is none of PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER", s.Mechanism)
}

// token is the bearer token of a connection. Asking the endpoint is the client
// credentials grant of RFC 6749, section 4.4.
func (s SASL) token(ctx context.Context, with Surroundings, limit time.Duration) (string, error) {
	if s.TokenURL == "" {
		return secretOf("kafka.sasl.token", s.Token, s.TokenFile, with)
	}
	secret, err := secretOf("kafka.sasl.client_secret", s.ClientSecret, s.ClientSecretFile, with)
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	form := url.Values{"grant_type": {"client_credentials"}}
	if s.Scope != "" {
		form.Set("scope", s.Scope)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.TokenURL, strings.NewReader(form.Encode()))
	if err != nil {
		return "", fmt.Errorf("kafka.sasl.token_endpoint_url: %w", err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	req.SetBasicAuth(url.QueryEscape(s.ClientID), url.QueryEscape(secret))
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", fmt.Errorf("ask %s for a token: %w", s.TokenURL, err)
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err := errors.Join(err, res.Body.Close()); err != nil {
		return "", fmt.Errorf("ask %s for a token: %w", s.TokenURL, err)
	}
	var answer struct {
		Token string `json:"access_token"`
		Error string `json:"error"`
	}
	if err := json.NewDecoder(bytes.NewReader(body)).Decode(&answer); err != nil || answer.Token == "" {
		return "", fmt.Errorf("ask %s for a token: the answer (status %d, error %q) holds no access_token; check kafka.sasl.client_id, client_secret and scope", s.TokenURL, res.StatusCode, answer.Error)
	}
	return answer.Token, nil
}

// clientLog writes what the client says into our log: its words as a value, so
// that messages stay constant. Its warnings are our debugging: what an operator
// must know stands in the state of the inputs.
type clientLog struct{ log *slog.Logger }

func (l clientLog) Level() kgo.LogLevel {
	if l.log != nil && l.log.Enabled(context.Background(), slog.LevelDebug) {
		return kgo.LogLevelInfo
	}
	return kgo.LogLevelError
}

func (l clientLog) Log(level kgo.LogLevel, msg string, keyvals ...any) {
	if l.log == nil {
		return
	}
	as := slog.LevelDebug
	if level == kgo.LogLevelError {
		as = slog.LevelWarn
	}
	l.log.Log(context.Background(), as, "kafka client", slog.String("said", msg), slog.String("about", fmt.Sprint(keyvals...)))
}
