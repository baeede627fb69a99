package sessionize

import "github.com/tributary-data/tributary/event"

// Config says what makes a session.
type Config struct {
	Gap   event.Duration `yaml:"gap"`   // the longest pause inside a session, included
	Types []string       `yaml:"types"` // of click, conversion, behavioural
}

// DefaultConfig is the contract's.
func DefaultConfig() Config {
	return Config{Gap: event.Duration(30 * event.Minute), Types: []string{"click", "conversion", "behavioural"}}
}
