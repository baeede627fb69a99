package redis

import (
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/tributary-data/tributary/configs/check"
	"github.com/tributary-data/tributary/event"
)

// Config is the section `sinks.redis`.
type Config struct {
	Addrs            []string     `yaml:"addrs"`       // of the server; of some nodes of a cluster; of the sentinels
	Mode             string       `yaml:"mode"`        // standalone, cluster, sentinel; empty: sentinel with a master_name, cluster with several addrs
	MasterName       string       `yaml:"master_name"` // that the sentinels watch
	Username         string       `yaml:"username"`
	Password         check.Secret `yaml:"password"`
	PasswordFile     string       `yaml:"password_file"` // read at every connection
	SentinelUsername string       `yaml:"sentinel_username"`
	SentinelPassword check.Secret `yaml:"sentinel_password"`
	DB               int          `yaml:"db"`
	TLS              TLS          `yaml:"tls"`

	Prefix    string         `yaml:"prefix"`    // of every key and channel
	Retention event.Duration `yaml:"retention"` // of minutes and hours; 0: for ever
	Flush     event.Duration `yaml:"flush"`     // how long a change may wait for others
	Publish   bool           `yaml:"publish"`   // whether changes are published too
	Timeout   event.Duration `yaml:"timeout"`   // of one request
	Lookups   Lookups        `yaml:"lookups"`
}

// TLS says whether and how connections are encrypted.
type TLS struct {
	Enabled            bool   `yaml:"enabled"`
	CAFile             string `yaml:"ca_file"` // PEM; empty: the system's authorities
	CertFile           string `yaml:"cert_file"`
	KeyFile            string `yaml:"key_file"`
	ServerName         string `yaml:"server_name"` // empty: the host that was dialled
	InsecureSkipVerify bool   `yaml:"insecure_skip_verify"`
}

// Lookups are what is kept of single persons.
type Lookups struct {
	Persons bool           `yaml:"persons"` // off unless asked for: it is personal data
	Touches int            `yaml:"touches"` // of the last conversion, at most
	Expire  event.Duration `yaml:"expire"`  // after the person's last session or conversion
}

// The forms that a Redis comes in.
const (
	standalone = "standalone"
	cluster    = "cluster"
	sentinel   = "sentinel"
)

// DefaultConfig is what a section that says nothing means.
func DefaultConfig() Config {
	return Config{
		Addrs: []string{"127.0.0.1:6379"}, Prefix: "tributary:", Retention: event.Duration(48 * event.Hour), Publish: true,
		Flush: 250, Timeout: 5000, Lookups: Lookups{Touches: 20, Expire: event.Duration(30 * event.Day)},
	}
}

// prefixPattern keeps out what means something in keys of a cluster and in
// patterns.
var prefixPattern = regexp.MustCompile(`^[A-Za-z0-9:._/-]{0,64}$`)

// maxTouches is the greatest number of touches of a lookup, as of a path.
const maxTouches = 200

// Validate lists what is wrong with the section.
func (c Config) Validate() []error {
	faults := check.Addresses("addrs", c.Addrs)
	faults = append(faults, check.OneOf("mode", c.mode(), standalone, cluster, sentinel)...)
	fault := func(wrong bool, text string) {
		if wrong {
			faults = append(faults, errors.New(text))
		}
	}
	mode := c.mode()
	fault(mode == sentinel && c.MasterName == "", "master_name: is missing; the sentinels are asked for the master of that name")
	fault(mode != sentinel && c.MasterName != "", "master_name: is only used with mode sentinel; take one of the two out")
	fault(mode == standalone && len(c.Addrs) > 1, "addrs: has several addresses, and mode is standalone; give one")
	fault(mode == cluster && c.DB != 0, "db: a cluster has only database 0; leave it out")
	fault(c.DB < 0, "db: is negative; databases are counted from 0")
	fault(c.Password != "" && c.PasswordFile != "", "password_file: stands beside password; give one of the two")
	fault((c.TLS.CertFile == "") != (c.TLS.KeyFile == ""), "tls.cert_file: needs tls.key_file, and the other way round")
	fault(!c.TLS.Enabled && c.TLS != TLS{}, "tls.enabled: is false, but other keys of tls are set; set it to true or take them out")
	fault(!prefixPattern.MatchString(c.Prefix), fmt.Sprintf("prefix: %q must be at most 64 letters, digits and : . _ / -", c.Prefix))
	fault(c.Retention != 0 && c.Retention < event.Duration(event.Hour), "retention: is less than an hour; minutes are kept at least so long (0 keeps them for ever)")
	fault(c.Flush < 20, "flush: is less than 20ms, the pipeline's own tick")
	fault(c.Timeout < 100, "timeout: is less than 100ms")
	fault(c.Lookups.Touches < 1 || c.Lookups.Touches > maxTouches, fmt.Sprintf("lookups.touches: is %d; it must be 1 to %d", c.Lookups.Touches, maxTouches))
	fault(c.Lookups.Expire < event.Duration(event.Hour), "lookups.expire: is less than an hour; what is kept of a person has to expire, and not at once")
	return faults
}

// Resolve gives the section with its files as path finds them: they are relative
// to the configuration file.
func (c Config) Resolve(path func(name string) string) Config {
	for _, file := range []*string{&c.PasswordFile, &c.TLS.CAFile, &c.TLS.CertFile, &c.TLS.KeyFile} {
		if *file != "" {
			*file = path(*file)
		}
	}
	return c
}

// mode is the form that the settings mean.
func (c Config) mode() string {
	switch {
	case c.Mode != "":
		return c.Mode
	case c.MasterName != "":
		return sentinel
	case len(c.Addrs) > 1:
		return cluster
	}
	return standalone
}

func (c Config) timeout() time.Duration { return time.Duration(c.Timeout) * time.Millisecond }

// layout names what the keys look like and how long they stay: a store of
// another layout is written anew.
func (c Config) layout() string {
	s := fmt.Sprintf("1 retention=%d", c.Retention)
	if c.Lookups.Persons {
		s += fmt.Sprintf(" touches=%d expire=%d", c.Lookups.Touches, c.Lookups.Expire)
	}
	return s
}
