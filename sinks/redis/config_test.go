package redis

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/tributary-data/tributary/event"
)

func TestConfig(t *testing.T) {
	if faults := DefaultConfig().Validate(); faults != nil {
		t.Errorf("the default is wrong: %v", faults)
	}
	for name, x := range map[string]struct {
		change func(c *Config)
		want   string // begins the only fault
	}{
		"no address":         {func(c *Config) { c.Addrs = nil }, "addrs: is empty"},
		"bad mode":           {func(c *Config) { c.Mode = "single" }, "mode: "},
		"no master":          {func(c *Config) { c.Mode = sentinel }, "master_name: is missing"},
		"master of nobody":   {func(c *Config) { c.Mode, c.MasterName = standalone, "m" }, "master_name: is only used"},
		"two servers":        {func(c *Config) { c.Mode, c.Addrs = standalone, []string{"a:1", "b:1"} }, "addrs: has several"},
		"db of a cluster":    {func(c *Config) { c.Mode, c.DB = cluster, 1 }, "db: a cluster"},
		"two passwords":      {func(c *Config) { c.Password, c.PasswordFile = "x", "y" }, "password_file: "},
		"half a certificate": {func(c *Config) { c.TLS = TLS{Enabled: true, CertFile: "x"} }, "tls.cert_file: "},
		"TLS off":            {func(c *Config) { c.TLS.CAFile = "x" }, "tls.enabled: "},
		"braces":             {func(c *Config) { c.Prefix = "{x}" }, "prefix: "},
		"short retention":    {func(c *Config) { c.Retention = 1000 }, "retention: "},
		"hasty":              {func(c *Config) { c.Flush = 1 }, "flush: "},
		"impatient":          {func(c *Config) { c.Timeout = 1 }, "timeout: "},
		"no touches":         {func(c *Config) { c.Lookups.Touches = 0 }, "lookups.touches: "},
		"kept for ever":      {func(c *Config) { c.Lookups.Expire = 0 }, "lookups.expire: "},
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
	c.Addrs = []string{"a:1", "b:1"}
	if got := c.mode(); got != cluster {
		t.Errorf("several addresses are a %s", got)
	}
	c.MasterName = "m"
	if got := c.mode(); got != sentinel {
		t.Errorf("with a master's name it is a %s", got)
	}
	c.Password = "secret"
	if text := fmt.Sprintf("%v %+v %#v", c, c, c); strings.Contains(text, "secret") {
		t.Errorf("the password is shown: %s", text)
	}
	c.PasswordFile = "pw"
	if got := c.Resolve(func(name string) string { return "/etc/" + name }); got.PasswordFile != "/etc/pw" || got.TLS.CAFile != "" {
		t.Errorf("got %q, %q", got.PasswordFile, got.TLS.CAFile)
	}
	before := c.layout()
	if c.Lookups.Persons = true; c.layout() == before {
		t.Error("lookups of persons are no other layout")
	}
	if c.Lookups.Persons, c.Retention = false, event.Duration(event.Day); c.layout() == before {
		t.Error("another retention is no other layout")
	}
}

func TestExplained(t *testing.T) {
	if explained(nil) != nil {
		t.Error("nothing is wrong")
	}
	cause := errors.New("OOM command not allowed when used memory > 'maxmemory'")
	if err := explained(cause); !errors.Is(err, cause) || !strings.Contains(err.Error(), "sinks.redis.retention") {
		t.Errorf("got %v", err)
	}
}
