package kafka

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tributary-data/tributary/internal/kafkaconn"
)

func TestConfig(t *testing.T) {
	if faults := DefaultConfig().Validate(); faults != nil {
		t.Errorf("the default is wrong: %v", faults)
	}
	for name, x := range map[string]struct {
		change func(c *Config)
		want   string // begins the only fault
	}{
		"no broker":          {func(c *Config) { c.Brokers = nil }, "brokers: is empty"},
		"odd prefix":         {func(c *Config) { c.Prefix = "a b" }, "prefix: "},
		"long prefix":        {func(c *Config) { c.Prefix = strings.Repeat("a", 240) }, "prefix: "},
		"protocol":           {func(c *Config) { c.SecurityProtocol = "tls" }, "security_protocol: "},
		"compression":        {func(c *Config) { c.Compression = "zip" }, "compression: "},
		"SASL is not used":   {func(c *Config) { c.SASL.Username = "u" }, "sasl.mechanism: "},
		"TLS is not used":    {func(c *Config) { c.TLS.CAFile = "x" }, "tls.ca_file: "},
		"half a certificate": {func(c *Config) { c.SecurityProtocol, c.TLS.CertFile = kafkaconn.SSL, "x" }, "tls.cert_file: "},
		"no password": {func(c *Config) {
			c.SecurityProtocol, c.SASL = kafkaconn.SASLSSL, SASL{Mechanism: "PLAIN", Username: "u"}
		}, "sasl.password: "},
		"no token":        {func(c *Config) { c.SecurityProtocol, c.SASL = kafkaconn.SASLSSL, SASL{Mechanism: "OAUTHBEARER"} }, "sasl.token_file: "},
		"no partitions":   {func(c *Config) { c.Partitions = 0 }, "partitions: "},
		"no replicas":     {func(c *Config) { c.ReplicationFactor = 0 }, "replication_factor: "},
		"short retention": {func(c *Config) { c.Retention = 1 }, "retention: "},
		"hasty":           {func(c *Config) { c.Flush = 1 }, "flush: "},
		"impatient":       {func(c *Config) { c.RequestTimeout = 1 }, "request_timeout: "},
	} {
		t.Run(name, func(t *testing.T) {
			c := DefaultConfig()
			x.change(&c)
			if faults := c.Validate(); len(faults) != 1 || !strings.HasPrefix(faults[0].Error(), x.want) {
				t.Errorf("got %v; want one fault %q", faults, x.want)
			}
		})
	}
	c := DefaultConfig()
	c.SASL.Password = "secret"
	if text := fmt.Sprintf("%v %+v %#v", c, c, c); strings.Contains(text, "secret") {
		t.Errorf("the password is shown: %s", text)
	}
}
