package pipeline

import (
	"github.com/tributary-data/tributary/attribution"
	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/fraud"
	"github.com/tributary-data/tributary/sessionize"
)

// TimeConfig is the section `time`: how far out of order inputs may be.
type TimeConfig struct {
	OutOfOrderness  event.Duration `yaml:"out_of_orderness"`
	IdleAfter       event.Duration `yaml:"idle_after"`
	AllowedLateness Lateness       `yaml:"allowed_lateness"`
}

// Lateness is how long after the watermark an event is still applied, by type.
type Lateness struct {
	Impression  event.Duration `yaml:"impression"`
	Click       event.Duration `yaml:"click"`
	Conversion  event.Duration `yaml:"conversion"`
	Adjustment  event.Duration `yaml:"adjustment"`
	Identify    event.Duration `yaml:"identify"`
	Behavioural event.Duration `yaml:"behavioural"`
}

// DefaultTimeConfig is the contract's.
func DefaultTimeConfig() TimeConfig {
	h, d := event.Duration(event.Hour), event.Duration(event.Day)
	return TimeConfig{
		OutOfOrderness:  event.Duration(15 * event.Second),
		IdleAfter:       event.Duration(30 * event.Second),
		AllowedLateness: Lateness{Impression: h, Click: d, Conversion: 7 * d, Adjustment: 7 * d, Identify: 7 * d, Behavioural: h},
	}
}

// Config is all that decides what the tables say. What decides only how fast
// they are made is in Options.
type Config struct {
	Time        TimeConfig
	Sessions    sessionize.Config
	Attribution attribution.Config
	Fraud       fraud.Config
}

// DefaultConfig is the contract's.
func DefaultConfig() Config {
	return Config{DefaultTimeConfig(), sessionize.DefaultConfig(), attribution.DefaultConfig(), fraud.DefaultConfig()}
}
