package ingest

import "errors"

// Config is the section `ingest`.
type Config struct {
	Mappings []Mapping `yaml:"mappings"` // how files that are not in our own format are read
}

// Validate reports all faults, each with its key.
func (c Config) Validate() error {
	var faults []error
	for i, m := range c.Mappings {
		faults = append(faults, m.validate(i)...)
	}
	return errors.Join(faults...)
}
