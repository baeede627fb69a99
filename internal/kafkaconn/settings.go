// Package kafkaconn owns how brokers of Kafka are reached: which settings of TLS
// and SASL there are, what is wrong with them, and the client's options that they
// come to; and how a leader is asked whether an offset lies in a gap. The source,
// the sink and the schema registry's client share it; what is read or written
// over a connection is theirs.
//
// Invariants:
//  1. A secret is never in a message.
//  2. A file with a secret is read for every connection, so that the secret can
//     be changed while the program runs.
//  3. No connection falls back to one that is less safe.
package kafkaconn

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"

	"github.com/tributary-data/tributary/configs/check"
)

// The values of security_protocol.
const (
	Plaintext     = "plaintext"
	SSL           = "ssl"
	SASLPlaintext = "sasl_plaintext"
	SASLSSL       = "sasl_ssl"
)

// The values of sasl.mechanism.
const (
	Plain       = "PLAIN"
	Scram256    = "SCRAM-SHA-256"
	Scram512    = "SCRAM-SHA-512"
	OAuthBearer = "OAUTHBEARER"
)

// SASL says who we are to the brokers.
type SASL struct {
	Mechanism    string       `yaml:"mechanism"` // PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER
	Username     string       `yaml:"username"`
	Password     check.Secret `yaml:"password"`
	PasswordFile string       `yaml:"password_file"`

	// Of OAUTHBEARER: a token, or the file that holds it (read anew for every
	// connection), or the endpoint that hands it out for a client id and secret.
	Token            check.Secret `yaml:"token"`
	TokenFile        string       `yaml:"token_file"`
	TokenURL         string       `yaml:"token_endpoint_url"`
	ClientID         string       `yaml:"client_id"`
	ClientSecret     check.Secret `yaml:"client_secret"`
	ClientSecretFile string       `yaml:"client_secret_file"`
	Scope            string       `yaml:"scope"`
}

// TLS says whom to believe, and with which certificate we show who we are.
type TLS struct {
	CAFile             string `yaml:"ca_file"` // PEM; empty: the system's authorities
	CertFile           string `yaml:"cert_file"`
	KeyFile            string `yaml:"key_file"`
	ServerName         string `yaml:"server_name"` // empty: the host that was dialled
	InsecureSkipVerify bool   `yaml:"insecure_skip_verify"`
}

// UsesSASL says of a security_protocol, in any case, whether it has SASL in it.
func UsesSASL(protocol string) bool {
	p := strings.ToLower(protocol)
	return p == SASLPlaintext || p == SASLSSL
}

// UsesTLS says of a security_protocol, in any case, whether it has TLS in it.
func UsesTLS(protocol string) bool {
	p := strings.ToLower(protocol)
	return p == SSL || p == SASLSSL
}

// CheckProtocol lists what is wrong with a security_protocol.
func CheckProtocol(protocol string) []error {
	return check.OneOf("security_protocol", protocol, Plaintext, SSL, SASLPlaintext, SASLSSL)
}

// Validate lists what is wrong with a section sasl. used: the protocol has SASL
// in it. endpoint: the section knows the keys of the token's endpoint.
func (s SASL) Validate(used, endpoint bool) []error {
	if !used {
		if s != (SASL{}) {
			return []error{errors.New("sasl.mechanism: is not used with this security_protocol; set that to sasl_ssl or sasl_plaintext, or take sasl out")}
		}
		return nil
	}
	mechanism := strings.ToUpper(s.Mechanism)
	faults := check.OneOf("sasl.mechanism", mechanism, Plain, Scram256, Scram512, OAuthBearer)
	switch mechanism {
	case Plain, Scram256, Scram512:
		faults = append(faults, check.Required("sasl.username", s.Username)...)
		faults = append(faults, SecretOrFile("sasl.password", s.Password, s.PasswordFile)...)
	case OAuthBearer:
		ways, names := count(s.Token != "", s.TokenFile != "", s.TokenURL != ""), [2]string{"token_file, token_endpoint_url or token", "token, token_file and token_endpoint_url"}
		if !endpoint {
			names = [2]string{"token_file or token", "token and token_file"}
		}
		switch {
		case ways == 0:
			faults = append(faults, fmt.Errorf("sasl.token_file: is missing; give %s for OAUTHBEARER", names[0]))
		case ways > 1:
			faults = append(faults, fmt.Errorf("sasl.token_file: only one of %s can count; keep one", names[1]))
		}
		if s.TokenURL != "" {
			faults = append(faults, CheckURL("sasl.token_endpoint_url", s.TokenURL)...)
			faults = append(faults, check.Required("sasl.client_id", s.ClientID)...)
			faults = append(faults, SecretOrFile("sasl.client_secret", s.ClientSecret, s.ClientSecretFile)...)
		}
	}
	return faults
}

func count(conditions ...bool) (n int) {
	for _, c := range conditions {
		if c {
			n++
		}
	}
	return n
}

// Validate lists what is wrong with a section tls, whose name is key. How it
// could be used is said in unused.
func (t TLS) Validate(key string, used bool, unused string) []error {
	switch {
	case !used && t != (TLS{}):
		return []error{fmt.Errorf("%s.ca_file: TLS is configured but not used; set %s, or take %s out", key, unused, key)}
	case (t.CertFile == "") != (t.KeyFile == ""):
		return []error{fmt.Errorf("%s.cert_file: cert_file and key_file belong together; give both or none", key)}
	}
	return nil
}

// SecretOrFile wants a secret, or the file that holds it.
func SecretOrFile(key string, secret check.Secret, file string) []error {
	switch {
	case secret == "" && file == "":
		return []error{fmt.Errorf("%s: is missing; give it by the environment, or name %s_file", key, key)}
	case secret != "" && file != "":
		return []error{fmt.Errorf("%s: and %s_file are both given; keep one", key, key)}
	case secret != "" && string(secret) == secret.String():
		return []error{fmt.Errorf("%s: is what config print writes in place of a secret; give the secret itself", key)}
	}
	return nil
}

// CheckURL wants the address of an HTTP service, without credentials in it.
func CheckURL(key, s string) []error {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return []error{fmt.Errorf("%s: is not a URL such as https://host:8081", key)}
	}
	if u.User != nil {
		return []error{fmt.Errorf("%s: holds a user name; give it apart, where it is masked", key)}
	}
	return nil
}

// ReadSecret is a secret itself, or what its file holds. path finds the files of
// a configuration; nil: they lie where they say.
func ReadSecret(key string, secret check.Secret, file string, path func(string) string) (string, error) {
	if file == "" {
		return string(secret), nil
	}
	b, err := os.ReadFile(resolve(path, file))
	if err != nil {
		return "", fmt.Errorf("%s_file: %w", key, err)
	}
	text := strings.TrimRight(string(b), "\r\n")
	if text == "" {
		return "", fmt.Errorf("%s_file: %s is empty", key, file)
	}
	return text, nil
}

func resolve(path func(string) string, name string) string {
	if path == nil {
		return name
	}
	return path(name)
}
