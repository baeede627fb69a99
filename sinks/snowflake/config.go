// Package snowflake keeps the tables in Snowflake.
package snowflake

import (
	"slices"

	"github.com/tributary-data/tributary/configs/check"
)

// Config is the section `sinks.snowflake`.
type Config struct {
	Account        string `yaml:"account"`
	User           string `yaml:"user"`
	Database       string `yaml:"database"`
	Schema         string `yaml:"schema"`
	Warehouse      string `yaml:"warehouse"`
	PrivateKeyFile string `yaml:"private_key_file"`
}

// DefaultConfig is what a section that says nothing means.
func DefaultConfig() Config { return Config{} }

// Validate lists what is wrong with the section.
func (c Config) Validate() []error {
	return slices.Concat(check.Required("account", c.Account), check.Required("user", c.User), check.Required("database", c.Database),
		check.Required("schema", c.Schema), check.Required("warehouse", c.Warehouse), check.Required("private_key_file", c.PrivateKeyFile))
}
