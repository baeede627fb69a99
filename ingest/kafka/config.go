// Package kafka reads topics of Apache Kafka.
package kafka

import (
	"errors"
	"fmt"
	"slices"

	"github.com/tributary-data/tributary/configs/check"
)

// Config is the section `kafka`.
type Config struct {
	Brokers []string `yaml:"brokers"`
	Topics  []string `yaml:"topics"`
	Group   string   `yaml:"group"` // where the offsets are written back as a hint
}

// DefaultConfig is what a section that says nothing means.
func DefaultConfig() Config {
	return Config{Brokers: []string{"127.0.0.1:9092"}, Topics: []string{"impressions", "clicks", "conversions"}, Group: "tributary"}
}

// Validate lists what is wrong with the section.
func (c Config) Validate() []error {
	faults := check.Addresses("brokers", c.Brokers)
	if len(c.Topics) == 0 {
		faults = append(faults, errors.New("topics: is empty; name the topics to read"))
	}
	for i, t := range c.Topics {
		if !check.IsTopic(t) {
			faults = append(faults, fmt.Errorf("topics: %q is not the name of a topic; letters, digits, dots, dashes and underscores", t))
		} else if slices.Contains(c.Topics[:i], t) {
			faults = append(faults, fmt.Errorf("topics: %q stands there twice", t))
		}
	}
	return append(faults, check.Required("group", c.Group)...)
}
