// Package redis keeps live figures and lookups in Redis.
package redis

import (
	"github.com/tributary-data/tributary/configs/check"
)

// Config is the section `sinks.redis`.
type Config struct {
	Addrs []string `yaml:"addrs"`
}

// DefaultConfig is what a section that says nothing means.
func DefaultConfig() Config { return Config{Addrs: []string{"127.0.0.1:6379"}} }

// Validate lists what is wrong with the section.
func (c Config) Validate() []error { return check.Addresses("addrs", c.Addrs) }
