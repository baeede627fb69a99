package kafkaconn

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
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

// Dial opens a connection.
type Dial func(ctx context.Context, network, address string) (net.Conn, error)

// Settings are what a client needs to reach brokers.
type Settings struct {
	Key      string // of the section in the configuration, for messages
	Brokers  []string
	ClientID string // empty: the client's own
	Protocol string
	SASL     SASL
	TLS      TLS
	Timeout  time.Duration

	Path func(name string) string // finds the files that are named; nil: as they are
	Dial Dial                     // nil: TCP
}

// Options are those that every client of ours has. Certificates are read now,
// secrets for every connection.
func (s Settings) Options() ([]kgo.Opt, error) {
	opts := []kgo.Opt{
		kgo.SeedBrokers(s.Brokers...),
		kgo.RetryTimeout(s.Timeout),
		kgo.RequestTimeoutOverhead(s.Timeout),
		kgo.DialTimeout(s.Timeout),
		kgo.DisableClientMetrics(), // nothing leaves that was not asked for
	}
	if s.ClientID != "" {
		opts = append(opts, kgo.ClientID(s.ClientID))
	}
	dial := s.Dial
	if UsesTLS(s.Protocol) {
		config, err := s.TLS.Load(s.Key+".tls", s.Path)
		if err != nil {
			return nil, err
		}
		dial = tlsDialer(dial, config, s.Timeout)
	}
	if dial != nil {
		opts = append(opts, kgo.Dialer(dial))
	}
	if UsesSASL(s.Protocol) {
		m, err := s.mechanism()
		if err != nil {
			return nil, err
		}
		opts = append(opts, kgo.SASL(m))
	}
	return opts, nil
}

// CheckSecrets reads the secrets once, so that a slip in the configuration is
// known at the start.
func (s Settings) CheckSecrets() error {
	var err error
	switch {
	case !UsesSASL(s.Protocol):
	case strings.ToUpper(s.SASL.Mechanism) != OAuthBearer:
		_, err = s.password()
	case s.SASL.TokenURL == "":
		_, err = s.token(context.Background())
	default:
		_, err = s.clientSecret()
	}
	return err
}

func tlsDialer(dial Dial, config *tls.Config, limit time.Duration) Dial {
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
			return nil, errors.Join(&HandshakeError{address, err}, raw.Close())
		}
		return conn, nil
	}
}

// HandshakeError is a broker that was reached but not believed, or the reverse.
type HandshakeError struct {
	address string
	err     error
}

// Error names the broker.
func (e *HandshakeError) Error() string { return "TLS with " + e.address + ": " + e.err.Error() }

// Unwrap gives what went wrong.
func (e *HandshakeError) Unwrap() error { return e.err }

// Load reads the files of a section tls; key is its name in the configuration.
func (t TLS) Load(key string, path func(string) string) (*tls.Config, error) {
	c := &tls.Config{
		MinVersion: tls.VersionTLS12, ServerName: t.ServerName,
		InsecureSkipVerify: t.InsecureSkipVerify, //nolint:gosec // only where the operator asked for it by name
	}
	if t.CAFile != "" {
		pem, err := os.ReadFile(resolve(path, t.CAFile))
		if err != nil {
			return nil, fmt.Errorf("%s.ca_file: %w", key, err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s.ca_file: %s holds no certificate in PEM; convert a Java truststore with keytool -exportcert -rfc", key, t.CAFile)
		}
	}
	if t.CertFile != "" {
		pair, err := tls.LoadX509KeyPair(resolve(path, t.CertFile), resolve(path, t.KeyFile))
		if err != nil {
			return nil, fmt.Errorf("%s.cert_file and key_file: %w; both must be PEM, the key without a password", key, err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}

func (s Settings) password() (string, error) {
	return ReadSecret(s.Key+".sasl.password", s.SASL.Password, s.SASL.PasswordFile, s.Path)
}

func (s Settings) clientSecret() (string, error) {
	return ReadSecret(s.Key+".sasl.client_secret", s.SASL.ClientSecret, s.SASL.ClientSecretFile, s.Path)
}

func (s Settings) mechanism() (sasl.Mechanism, error) {
	auth := func(context.Context) (scram.Auth, error) {
		p, err := s.password()
		return scram.Auth{User: s.SASL.Username, Pass: p}, err
	}
	switch strings.ToUpper(s.SASL.Mechanism) {
	case Plain:
		return plain.Plain(func(context.Context) (plain.Auth, error) {
			p, err := s.password()
			return plain.Auth{User: s.SASL.Username, Pass: p}, err
		}), nil
	case Scram256:
		return scram.Sha256(auth), nil
	case Scram512:
		return scram.Sha512(auth), nil
	case OAuthBearer:
		return oauth.Oauth(func(ctx context.Context) (oauth.Auth, error) {
			token, err := s.token(ctx)
			return oauth.Auth{Token: token}, err
		}), nil
	}
	return nil, fmt.Errorf("%s.sasl.mechanism: %q is none of PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER", s.Key, s.SASL.Mechanism)
}

// token is the bearer token of a connection. Asking the endpoint is the client
// credentials grant of RFC 6749, section 4.4.
func (s Settings) token(ctx context.Context) (string, error) {
	if s.SASL.TokenURL == "" {
		return ReadSecret(s.Key+".sasl.token", s.SASL.Token, s.SASL.TokenFile, s.Path)
	}
	secret, err := s.clientSecret()
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, s.Timeout)
	defer cancel()
	form := url.Values{"grant_type": {"client_credentials"}}
	if s.SASL.Scope != "" {
		form.Set("scope", s.SASL.Scope)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.SASL.TokenURL, strings.NewReader(form.Encode()))
	if err != nil {
		return "", fmt.Errorf("%s.sasl.token_endpoint_url: %w", s.Key, err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	req.SetBasicAuth(url.QueryEscape(s.SASL.ClientID), url.QueryEscape(secret))
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", fmt.Errorf("ask %s for a token: %w", s.SASL.TokenURL, err)
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err := errors.Join(err, res.Body.Close()); err != nil {
		return "", fmt.Errorf("ask %s for a token: %w", s.SASL.TokenURL, err)
	}
	var answer struct {
		Token string `json:"access_token"`
		Error string `json:"error"`
	}
	if err := json.NewDecoder(bytes.NewReader(body)).Decode(&answer); err != nil || answer.Token == "" {
		return "", fmt.Errorf("ask %s for a token: the answer (status %d, error %q) holds no access_token; check %s.sasl.client_id, client_secret and scope", s.SASL.TokenURL, res.StatusCode, answer.Error, s.Key)
	}
	return answer.Token, nil
}
