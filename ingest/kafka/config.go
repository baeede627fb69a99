package kafka

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tributary-data/tributary/configs/check"
	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/internal/kafkaconn"
)

// Config is the section `kafka`. Its names are those that Kafka's own clients
// use, with underscores; paths are relative to the configuration file.
type Config struct {
	Brokers  []string `yaml:"brokers"`
	Topics   []string `yaml:"topics"`
	Group    string   `yaml:"group"` // where the offsets are written back as a hint
	ClientID string   `yaml:"client_id"`

	SecurityProtocol string         `yaml:"security_protocol"` // plaintext, ssl, sasl_plaintext, sasl_ssl
	SASL             kafkaconn.SASL `yaml:"sasl"`
	TLS              kafkaconn.TLS  `yaml:"tls"`
	SchemaRegistry   SchemaRegistry `yaml:"schema_registry"`

	Start      string `yaml:"start"`        // earliest, latest: where a topic that the state does not know begins
	OnDataLoss string `yaml:"on_data_loss"` // stop, earliest, latest

	FetchMaxBytes          int            `yaml:"fetch_max_bytes"` // of one answer of one broker, as it is sent
	FetchMaxPartitionBytes int            `yaml:"fetch_max_partition_bytes"`
	BufferBytes            int            `yaml:"buffer_bytes"` // between the broker and the durable commit
	RequestTimeout         event.Duration `yaml:"request_timeout"`
}

// SchemaRegistry is where the schemas of Avro and Protobuf records are.
type SchemaRegistry struct {
	URL          string        `yaml:"url"` // empty: none; several with commas
	Username     string        `yaml:"username"`
	Password     check.Secret  `yaml:"password"`
	PasswordFile string        `yaml:"password_file"`
	Token        check.Secret  `yaml:"token"`
	TokenFile    string        `yaml:"token_file"`
	TLS          kafkaconn.TLS `yaml:"tls"`
}

// The values of settings that have a few.
const (
	stop     = "stop"
	earliest = "earliest"
	latest   = "latest"
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
		ClientID: "tributary", SecurityProtocol: kafkaconn.Plaintext, Start: earliest, OnDataLoss: stop,
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
		kafkaconn.CheckProtocol(strings.ToLower(c.SecurityProtocol)),
		check.OneOf("start", c.Start, earliest, latest),
		check.OneOf("on_data_loss", c.OnDataLoss, stop, earliest, latest))
	if len(c.ClientID) > 255 || strings.ContainsFunc(c.ClientID, func(r rune) bool { return r < ' ' || r > '~' }) {
		faults = append(faults, errors.New("client_id: must be at most 255 printable ASCII characters"))
	}
	faults = append(faults, c.SASL.Validate(kafkaconn.UsesSASL(c.SecurityProtocol), true)...)
	faults = append(faults, c.TLS.Validate("tls", kafkaconn.UsesTLS(c.SecurityProtocol), tlsUse)...)
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

func (c Config) timeout() time.Duration { return time.Duration(c.RequestTimeout) * time.Millisecond }

// tlsUse is how a section of TLS comes to be used.
const tlsUse = "security_protocol to ssl or sasl_ssl (for the registry, an https URL)"

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
		faults = append(faults, kafkaconn.CheckURL("schema_registry.url", u)...)
		secure = secure || strings.HasPrefix(u, "https:")
	}
	if r.Username != "" {
		faults = append(faults, kafkaconn.SecretOrFile("schema_registry.password", r.Password, r.PasswordFile)...)
		if r.Token != "" || r.TokenFile != "" {
			faults = append(faults, errors.New("schema_registry.token: and username are both given; keep one"))
		}
	} else if r.Password != "" || r.PasswordFile != "" {
		faults = append(faults, errors.New("schema_registry.username: is missing; the password needs it"))
	} else if r.Token != "" && r.TokenFile != "" {
		faults = append(faults, errors.New("schema_registry.token: and token_file are both given; keep one"))
	}
	return append(faults, r.TLS.Validate("schema_registry.tls", secure, tlsUse)...)
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
