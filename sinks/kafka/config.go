package kafka

import (
	"errors"
	"fmt"
	"time"

	"github.com/tributary-data/tributary/configs/check"
	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/internal/kafkaconn"
)

// Config is the section `sinks.kafka`. Its names are those that Kafka's own
// clients use, with underscores.
type Config struct {
	Brokers          []string      `yaml:"brokers"`
	ClientID         string        `yaml:"client_id"`
	SecurityProtocol string        `yaml:"security_protocol"` // plaintext, ssl, sasl_plaintext, sasl_ssl
	SASL             SASL          `yaml:"sasl"`
	TLS              kafkaconn.TLS `yaml:"tls"`

	Prefix            string         `yaml:"prefix"` // of the topic names and the transactional id
	CreateTopics      bool           `yaml:"create_topics"`
	Partitions        int            `yaml:"partitions"`         // of topics that are created
	ReplicationFactor int            `yaml:"replication_factor"` // of topics that are created; -1: as the broker says
	Retention         event.Duration `yaml:"retention"`          // of the topics that are appended to; 0: for ever
	Compression       string         `yaml:"compression"`        // none, gzip, snappy, lz4, zstd
	Flush             event.Duration `yaml:"flush"`              // how long a change may wait for others
	RequestTimeout    event.Duration `yaml:"request_timeout"`
}

// SASL says who we are to the brokers. The section has fewer keys than that of
// the source.
type SASL struct {
	Mechanism    string       `yaml:"mechanism"` // PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER
	Username     string       `yaml:"username"`
	Password     check.Secret `yaml:"password"`
	PasswordFile string       `yaml:"password_file"` // read at every connection
	Token        check.Secret `yaml:"token"`         // of OAUTHBEARER
	TokenFile    string       `yaml:"token_file"`    // read at every connection
}

// DefaultConfig is what a section that says nothing means.
func DefaultConfig() Config {
	return Config{
		Brokers: []string{"127.0.0.1:9092"}, ClientID: "tributary", SecurityProtocol: kafkaconn.Plaintext, Prefix: "tributary.",
		CreateTopics: true, Partitions: 3, ReplicationFactor: -1, Retention: event.Duration(30 * event.Day),
		Compression: "lz4", Flush: 1000, RequestTimeout: 10_000,
	}
}

// longestTable leaves room for the names of the tables behind the prefix.
const longestTable = 40

// Validate lists what is wrong with the section.
func (c Config) Validate() []error {
	faults := check.Addresses("brokers", c.Brokers)
	fault := func(wrong bool, text string) {
		if wrong {
			faults = append(faults, errors.New(text))
		}
	}
	fault(c.Prefix != "" && (!check.IsTopic(c.Prefix) || len(c.Prefix) > 249-longestTable), fmt.Sprintf("prefix: %q cannot begin the name of a topic; letters, digits, dots, dashes and underscores, at most %d", c.Prefix, 249-longestTable))
	faults = append(faults, kafkaconn.CheckProtocol(c.SecurityProtocol)...)
	faults = append(faults, check.OneOf("compression", c.Compression, "none", "gzip", "snappy", "lz4", "zstd")...)
	faults = append(faults, c.SASL.settings().Validate(kafkaconn.UsesSASL(c.SecurityProtocol), false)...)
	faults = append(faults, c.TLS.Validate("tls", kafkaconn.UsesTLS(c.SecurityProtocol), "security_protocol to ssl or sasl_ssl")...)
	fault(c.Partitions < 1 || c.Partitions > 10_000, fmt.Sprintf("partitions: is %d; it must be 1 to 10000", c.Partitions))
	fault(c.ReplicationFactor < -1 || c.ReplicationFactor == 0 || c.ReplicationFactor > 100, fmt.Sprintf("replication_factor: is %d; it must be 1 or more, or -1 for the broker's default", c.ReplicationFactor))
	fault(c.Retention != 0 && c.Retention < event.Duration(event.Hour), "retention: is less than an hour; 0 keeps records for ever")
	fault(c.Flush < 20, "flush: is less than 20ms, the pipeline's own tick")
	fault(c.RequestTimeout < event.Duration(event.Second), "request_timeout: is less than 1s")
	return faults
}

// Resolve gives the section with its files as path finds them: they are relative
// to the configuration file.
func (c Config) Resolve(path func(name string) string) Config {
	for _, file := range []*string{&c.SASL.PasswordFile, &c.SASL.TokenFile, &c.TLS.CAFile, &c.TLS.CertFile, &c.TLS.KeyFile} {
		if *file != "" {
			*file = path(*file)
		}
	}
	return c
}

func (s SASL) settings() kafkaconn.SASL {
	return kafkaconn.SASL{
		Mechanism: s.Mechanism, Username: s.Username, Password: s.Password, PasswordFile: s.PasswordFile,
		Token: s.Token, TokenFile: s.TokenFile,
	}
}

func (c Config) timeout() time.Duration { return time.Duration(c.RequestTimeout) * time.Millisecond }
