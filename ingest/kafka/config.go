package kafka

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/tributary-data/tributary/configs/check"
	"github.com/tributary-data/tributary/event"
)

// Config is the section `kafka`. Its names are those that Kafka's own clients
// use, with underscores; paths are relative to the configuration file.
type Config struct {
	Brokers  []string `yaml:"brokers"`
	Topics   []string `yaml:"topics"`
	Group    string   `yaml:"group"` // where the offsets are written back as a hint
	ClientID string   `yaml:"client_id"`

	SecurityProtocol string         `yaml:"security_protocol"` // plaintext, ssl, sasl_plaintext, sasl_ssl
	SASL             SASL           `yaml:"sasl"`
	TLS              TLS            `yaml:"tls"`
	SchemaRegistry   SchemaRegistry `yaml:"schema_registry"`

	Start      string `yaml:"start"`        // earliest, latest: where a topic that the state does not know begins
	OnDataLoss string `yaml:"on_data_loss"` // stop, earliest, latest

	FetchMaxBytes          int            `yaml:"fetch_max_bytes"` // of one answer of one broker, as it is sent
	FetchMaxPartitionBytes int            `yaml:"fetch_max_partition_bytes"`
	BufferBytes            int            `yaml:"buffer_bytes"` // between the broker and the durable commit
	RequestTimeout         event.Duration `yaml:"request_timeout"`
}

// SASL says who we are to the brokers.
type SASL struct {
	Mechanism    string `yaml:"mechanism"` // PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER
	Username     string `yaml:"username"`
	Password     Secret `yaml:"password"`
	PasswordFile string `yaml:"password_file"`

	// Of OAUTHBEARER: a token, or the file that holds it (read anew for every
	// connection), or the endpoint that hands it out for a client id and secret.
	Token            Secret `yaml:"token"`
	TokenFile        string `yaml:"token_file"`
	TokenURL         string `yaml:"token_endpoint_url"`
	ClientID         string `yaml:"client_id"`
	ClientSecret     Secret `yaml:"client_secret"`
	ClientSecretFile string `yaml:"client_secret_file"`
	Scope            string `yaml:"scope"`
}

// TLS says whom to believe, and with which certificate we show who we are.
type TLS struct {
	CAFile             string `yaml:"ca_file"` // PEM; empty: the system's authorities
	CertFile           string `yaml:"cert_file"`
	KeyFile            string `yaml:"key_file"`
	ServerName         string `yaml:"server_name"` // empty: the host that was dialled
	InsecureSkipVerify bool   `yaml:"insecure_skip_verify"`
}

// SchemaRegistry is where the schemas of Avro and Protobuf records are.
type SchemaRegistry struct {
	URL          string `yaml:"url"` // empty: none; several with commas
	Username     string `yaml:"username"`
	Password     Secret `yaml:"password"`
	PasswordFile string `yaml:"password_file"`
	Token        Secret `yaml:"token"`
	TokenFile    string `yaml:"token_file"`
	TLS          TLS    `yaml:"tls"`
}

// Secret is a text that is never written out.
type Secret string

const masked = "***"

// String hides the secret, also from the fmt package.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return masked
}

// GoString hides it from %#v.
func (s Secret) GoString() string { return `"` + s.String() + `"` }

// MarshalText hides it where the configuration is printed.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads it.
func (s *Secret) UnmarshalText(b []byte) error {
	*s = Secret(b)
	return nil
}

// The values of settings that have a few.
const (
	plaintext     = "plaintext"
	ssl           = "ssl"
	saslPlaintext = "sasl_plaintext"
	saslSSL       = "sasl_ssl"

	stop     = "stop"
	earliest = "earliest"
	latest   = "latest"

	plainMechanism = "PLAIN"
	scram256       = "SCRAM-SHA-256"
	scram512       = "SCRAM-SHA-512"
	oauthBearer    = "OAUTHBEARER"
)

// The least and the greatest of what can be set.
const (
	minFetch  = 64 << 10
	maxFetch  = 512 << 20
	minBuffer = 1 << 20
	maxBuffer = 16 << 30
)

// DefaultConfig is what a section that says nothing means.
func DefaultConfig() Config {
	return Config{
		Brokers: []string{"127.0.0.1:9092"}, Topics: []string{"impressions", "clicks", "conversions"}, Group: "tributary",
		ClientID: "tributary", SecurityProtocol: plaintext, Start: earliest, OnDataLoss: stop,
		FetchMaxBytes: 16 << 20, FetchMaxPartitionBytes: 1 << 20, BufferBytes: 128 << 20,
		RequestTimeout: event.Duration(10 * event.Second),
	}
}

// Validate lists what is wrong with the section.
func (c Config) Validate() []error {
	faults := check.Addresses("brokers", c.Brokers)
	if len(c.Topics) == 0 {
		faults = append(faults, errors.New("topics: is empty; name the topics to read"))
	}
	for i, t := range c.Topics {
		if !check.IsTopic(t) || t == "." || t == ".." {
			faults = append(faults, fmt.Errorf("topics: %q is not the name of a topic; letters, digits, dots, dashes and underscores", t))
		} else if slices.Contains(c.Topics[:i], t) {
			faults = append(faults, fmt.Errorf("topics: %q stands there twice", t))
		}
	}
	faults = slices.Concat(faults, check.Required("group", c.Group),
		check.OneOf("security_protocol", strings.ToLower(c.SecurityProtocol), plaintext, ssl, saslPlaintext, saslSSL),
		check.OneOf("start", c.Start, earliest, latest),
		check.OneOf("on_data_loss", c.OnDataLoss, stop, earliest, latest))
	if len(c.ClientID) > 255 || strings.ContainsFunc(c.ClientID, func(r rune) bool { return r < ' ' || r > '~' }) {
		faults = append(faults, errors.New("client_id: must be at most 255 printable ASCII characters"))
	}
	faults = append(faults, c.SASL.validate(c.usesSASL())...)
	faults = append(faults, c.TLS.validate("tls", c.usesTLS())...)
	faults = append(faults, c.SchemaRegistry.validate()...)
	between := func(key string, n, low, high int) {
		if n < low || n > high {
			faults = append(faults, fmt.Errorf("%s: is %d bytes; it must lie between %d and %d", key, n, low, high))
		}
	}
	between("fetch_max_bytes", c.FetchMaxBytes, minFetch, maxFetch)
	between("fetch_max_partition_bytes", c.FetchMaxPartitionBytes, minFetch, maxFetch)
	between("buffer_bytes", c.BufferBytes, minBuffer, maxBuffer)
	if c.RequestTimeout < event.Duration(event.Second) || c.RequestTimeout > event.Duration(10*event.Minute) {
		faults = append(faults, fmt.Errorf("request_timeout: is %v; it must lie between 1s and 10m", c.RequestTimeout))
	}
	return faults
}

func (c Config) usesSASL() bool {
	p := strings.ToLower(c.SecurityProtocol)
	return p == saslPlaintext || p == saslSSL
}

func (c Config) usesTLS() bool {
	p := strings.ToLower(c.SecurityProtocol)
	return p == ssl || p == saslSSL
}

func (c Config) timeout() time.Duration { return time.Duration(c.RequestTimeout) * time.Millisecond }

func (s SASL) validate(used bool) []error {
	if !used {
		if s != (SASL{}) {
			return []error{errors.New("sasl.mechanism: is not used with this security_protocol; set that to sasl_ssl or sasl_plaintext, or take sasl out")}
		}
		return nil
	}
	mechanism := strings.ToUpper(s.Mechanism)
	faults := check.OneOf("sasl.mechanism", mechanism, plainMechanism, scram256, scram512, oauthBearer)
	switch mechanism {
	case plainMechanism, scram256, scram512:
		faults = append(faults, check.Required("sasl.username", s.Username)...)
		faults = append(faults, oneOfTwo("sasl.password", s.Password, s.PasswordFile)...)
	case oauthBearer:
		switch ways := count(s.Token != "", s.TokenFile != "", s.TokenURL != ""); {
		case ways == 0:
			faults = append(faults, errors.New("sasl.token_file: is missing; give token_file, token_endpoint_url or token for OAUTHBEARER"))
		case ways > 1:
			faults = append(faults, errors.New("sasl.token_file: only one of token, token_file and token_endpoint_url can count; keep one"))
		}
		if s.TokenURL != "" {
			faults = append(faults, httpURL("sasl.token_endpoint_url", s.TokenURL)...)
			faults = append(faults, check.Required("sasl.client_id", s.ClientID)...)
			faults = append(faults, oneOfTwo("sasl.client_secret", s.ClientSecret, s.ClientSecretFile)...)
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

// oneOfTwo wants a secret, or the file that holds it.
func oneOfTwo(key string, secret Secret, file string) []error {
	switch {
	case secret == "" && file == "":
		return []error{fmt.Errorf("%s: is missing; give it by the environment, or name %s_file", key, key)}
	case secret != "" && file != "":
		return []error{fmt.Errorf("%s: and %s_file are both given; keep one", key, key)}
	case string(secret) == masked:
		return []error{fmt.Errorf("%s: is what config print writes in place of a secret; give the secret itself", key)}
	}
	return nil
}

func httpURL(key, s string) []error {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return []error{fmt.Errorf("%s: is not a URL such as https://host:8081", key)}
	}
	if u.User != nil {
		return []error{fmt.Errorf("%s: holds a user name; give it apart, where it is masked", key)}
	}
	return nil
}

func (t TLS) validate(key string, used bool) []error {
	switch {
	case !used && t != (TLS{}):
		return []error{fmt.Errorf("%s.ca_file: TLS is configured but not used; set security_protocol to ssl or sasl_ssl (for the registry, an https URL), or take %s out", key, key)}
	case (t.CertFile == "") != (t.KeyFile == ""):
		return []error{fmt.Errorf("%s.cert_file: cert_file and key_file belong together; give both or none", key)}
	}
	return nil
}

func (r SchemaRegistry) validate() []error {
	if r.URL == "" {
		if r != (SchemaRegistry{}) {
			return []error{errors.New("schema_registry.url: is missing; the section needs it")}
		}
		return nil
	}
	var faults []error
	secure := false
	for _, u := range r.urls() {
		faults = append(faults, httpURL("schema_registry.url", u)...)
		secure = secure || strings.HasPrefix(u, "https:")
	}
	if r.Username != "" {
		faults = append(faults, oneOfTwo("schema_registry.password", r.Password, r.PasswordFile)...)
		if r.Token != "" || r.TokenFile != "" {
			faults = append(faults, errors.New("schema_registry.token: and username are both given; keep one"))
		}
	} else if r.Password != "" || r.PasswordFile != "" {
		faults = append(faults, errors.New("schema_registry.username: is missing; the password needs it"))
	} else if r.Token != "" && r.TokenFile != "" {
		faults = append(faults, errors.New("schema_registry.token: and token_file are both given; keep one"))
	}
	return append(faults, r.TLS.validate("schema_registry.tls", secure)...)
}

func (r SchemaRegistry) urls() []string {
	var out []string
	for u := range strings.SplitSeq(r.URL, ",") {
		if u = strings.TrimSpace(u); u != "" {
			out = append(out, strings.TrimSuffix(u, "/"))
		}
	}
	return out
}
