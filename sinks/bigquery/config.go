// Package bigquery keeps the tables in BigQuery.
package bigquery

import (
	"slices"

	"github.com/tributary-data/tributary/configs/check"
)

// Config is the section `sinks.bigquery`.
type Config struct {
	Project  string `yaml:"project"`
	Dataset  string `yaml:"dataset"`
	Endpoint string `yaml:"endpoint"` // empty: Google's
}

// DefaultConfig is what a section that says nothing means.
func DefaultConfig() Config { return Config{Dataset: "tributary"} }

// Validate lists what is wrong with the section.
func (c Config) Validate() []error {
	return slices.Concat(check.Required("project", c.Project), check.Required("dataset", c.Dataset))
}
