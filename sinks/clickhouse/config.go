// Package clickhouse keeps the tables in ClickHouse.
package clickhouse

import (
	"slices"

	"github.com/tributary-data/tributary/configs/check"
)

// Config is the section `sinks.clickhouse`.
type Config struct {
	Addrs    []string `yaml:"addrs"`
	Protocol string   `yaml:"protocol"` // native, http
	Database string   `yaml:"database"`
}

// DefaultConfig is what a section that says nothing means.
func DefaultConfig() Config {
	return Config{Addrs: []string{"127.0.0.1:9000"}, Protocol: "native", Database: "tributary"}
}

// Validate lists what is wrong with the section.
func (c Config) Validate() []error {
	return slices.Concat(check.Addresses("addrs", c.Addrs), check.OneOf("protocol", c.Protocol, "native", "http"), check.Required("database", c.Database))
}
