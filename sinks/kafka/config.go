// Package kafka writes the tables to topics of Apache Kafka.
package kafka

import (
	"fmt"

	"github.com/tributary-data/tributary/configs/check"
)

// Config is the section `sinks.kafka`.
type Config struct {
	Brokers []string `yaml:"brokers"`
	Prefix  string   `yaml:"prefix"` // of the topic names
}

// DefaultConfig is what a section that says nothing means.
func DefaultConfig() Config {
	return Config{Brokers: []string{"127.0.0.1:9092"}, Prefix: "tributary."}
}

// Validate lists what is wrong with the section.
func (c Config) Validate() []error {
	faults := check.Addresses("brokers", c.Brokers)
	if c.Prefix != "" && !check.IsTopic(c.Prefix) {
		faults = append(faults, fmt.Errorf("prefix: %q cannot begin the name of a topic", c.Prefix))
	}
	return faults
}
