// Package configs reads the configuration: defaults, then the file, then the
// environment, then the command line, each over the one before.
//
// Invariants:
//  1. Whatever is wrong is reported at once, each fault by its key and by the
//     place it came from; nothing that is not understood is passed over.
//  2. The packages own their sections, their defaults and what is valid in
//     them; this package only composes and loads.
//  3. What Print writes can be loaded again, and holds no secret.
package configs

import (
	"path/filepath"

	"github.com/tributary-data/tributary/attribution"
	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/fraud"
	"github.com/tributary-data/tributary/ingest"
	"github.com/tributary-data/tributary/ingest/kafka"
	"github.com/tributary-data/tributary/internal/auth"
	"github.com/tributary-data/tributary/pipeline"
	"github.com/tributary-data/tributary/sessionize"
	"github.com/tributary-data/tributary/state"
	"github.com/tributary-data/tributary/web"
)

// Config is the whole configuration.
type Config struct {
	Server      web.Config          `yaml:"server"`
	Auth        *auth.Config        `yaml:"auth"` // nil: off
	State       state.Config        `yaml:"state"`
	Kafka       *kafka.Config       `yaml:"kafka"` // nil: off
	Ingest      ingest.Config       `yaml:"ingest"`
	Sinks       Sinks               `yaml:"sinks"`
	Time        pipeline.TimeConfig `yaml:"time"`
	Identity    Identity            `yaml:"identity"`
	Money       Money               `yaml:"money"`
	Sessions    sessionize.Config   `yaml:"sessions"`
	Attribution attribution.Config  `yaml:"attribution"`
	Fraud       fraud.Config        `yaml:"fraud"`
	Pipeline    Pipeline            `yaml:"pipeline"`
	Log         Log                 `yaml:"log"`

	// Dir is the directory of the configuration file, empty without one. Paths
	// of list files are relative to it.
	Dir string `yaml:"-"`
}

// Identity says which ids are none.
type Identity struct {
	Ignore []string `yaml:"ignore"` // matched whole, ignoring case
}

// Money says what amounts without a currency are in.
type Money struct {
	DefaultCurrency string `yaml:"default_currency"`
}

// Pipeline decides only how fast the tables are made, never what they say.
type Pipeline struct {
	Tick   event.Duration `yaml:"tick"`
	Shards int            `yaml:"shards"` // 0: one for each core
}

// Log says what is written to stderr, and how.
type Log struct {
	Level  string `yaml:"level"`  // debug, info, warn, error
	Format string `yaml:"format"` // text, json
}

// Default is the configuration without a file; sources and sinks are off.
func Default() *Config {
	p := pipeline.DefaultConfig()
	return &Config{
		Server:      web.DefaultConfig(),
		State:       state.DefaultConfig(),
		Time:        p.Time,
		Identity:    Identity{Ignore: []string{"null", "undefined", "unknown", "0", "-1", "00000000-0000-0000-0000-000000000000"}},
		Money:       Money{DefaultCurrency: "USD"},
		Sessions:    p.Sessions,
		Attribution: p.Attribution,
		Fraud:       p.Fraud,
		Pipeline:    Pipeline{Tick: 20, Shards: 0},
		Log:         Log{Level: "info", Format: "text"},
	}
}

// PipelineConfig is the part that decides what the tables say.
func (c *Config) PipelineConfig() pipeline.Config {
	return pipeline.Config{Time: c.Time, Sessions: c.Sessions, Attribution: c.Attribution, Fraud: c.Fraud}
}

// DecodeConfig is what decoding takes from the configuration.
func (c *Config) DecodeConfig() ingest.DecodeConfig {
	return ingest.DecodeConfig{Ignore: c.Identity.Ignore, DefaultCurrency: c.Money.DefaultCurrency}
}

// Path resolves a path that the file gives relative to itself.
func (c *Config) Path(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(c.Dir, name)
}
