// Package postgres keeps the tables in PostgreSQL.
package postgres

import (
	"github.com/tributary-data/tributary/configs/check"
)

// Config is the section `sinks.postgres`.
type Config struct {
	DSN string `yaml:"dsn"` // may hold a password: masked wherever it is shown
}

// DefaultConfig is what a section that says nothing means.
func DefaultConfig() Config { return Config{} }

// Validate lists what is wrong with the section.
func (c Config) Validate() []error { return check.Required("dsn", c.DSN) }
