package configs

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/tributary-data/tributary/configs/check"
	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/ingest/kafka"
)

// validate lists the values that are read but cannot be: each section by its
// own package, what stands in this one below. A key that could not even be
// read is not judged a second time.
func validate(c *Config, origins *Origins, before []Fault) []Fault {
	sections := []struct {
		name   string
		faults []error
	}{
		{"server", expand("server", c.Server.Validate())},
		{"auth", authFaults(c.Auth, origins)},
		{"state", c.State.Validate()},
		{"kafka", kafkaFaults(c.Kafka)},
		{"ingest", expand("ingest", c.Ingest.Validate())},
		{"sinks", c.Sinks.validate()},
		{"time", c.Time.Validate()},
		{"identity", c.Identity.validate()},
		{"money", c.Money.validate()},
		{"sessions", c.Sessions.Validate()},
		{"attribution", c.Attribution.Validate()},
		{"fraud", c.Fraud.Validate()},
		{"pipeline", c.Pipeline.validate()},
		{"log", c.Log.validate()},
	}
	var faults []Fault
	for _, s := range sections {
		for _, err := range s.faults {
			// By agreement the error begins with the key inside the section.
			key, message, ok := strings.Cut(err.Error(), ": ")
			if !ok {
				panic(fmt.Sprintf("BUG: a fault of section %s got %q; want it to begin with its key and a colon", s.name, err))
			}
			key = s.name + "." + key
			if !slices.ContainsFunc(before, func(f Fault) bool { return f.Key == key }) {
				faults = append(faults, Fault{Key: key, Origin: origins.Of(key), Message: message})
			}
		}
	}
	return faults
}

// expand lists the faults of a package that joins them into one error and names
// their keys in full.
func expand(section string, err error) []error {
	if err == nil {
		return nil
	}
	faults := []error{err}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		faults = joined.Unwrap()
	}
	for i, f := range faults {
		faults[i] = errors.New(strings.TrimPrefix(f.Error(), section+"."))
	}
	return faults
}

func (i Identity) validate() []error {
	if slices.Contains(i.Ignore, "") {
		return []error{errors.New("ignore: holds an empty value; empty ids count as absent anyway")}
	}
	return nil
}

var currencyPattern = regexp.MustCompile(`^[A-Z]{3}$`)

func (m Money) validate() []error {
	if !currencyPattern.MatchString(m.DefaultCurrency) {
		return []error{fmt.Errorf("default_currency: %q is not a currency; write three capitals such as USD", m.DefaultCurrency)}
	}
	return nil
}

// maxShards bounds the goroutines that share the persons; more shards than any
// machine has cores only cost memory.
const maxShards = 1024

func (p Pipeline) validate() []error {
	var faults []error
	if p.Tick < 1 || p.Tick > event.Duration(event.Minute) {
		faults = append(faults, fmt.Errorf("tick: is %v; it must lie between 1ms and 1m", p.Tick))
	}
	if p.Shards < 0 || p.Shards > maxShards {
		faults = append(faults, fmt.Errorf("shards: is %d; it must lie between 0 (one for each core) and %d", p.Shards, maxShards))
	}
	return faults
}

func (l Log) validate() []error {
	return slices.Concat(check.OneOf("level", l.Level, "debug", "info", "warn", "error"), check.OneOf("format", l.Format, "text", "json"))
}

// validate lists the faults of the sinks that are on.
func (s Sinks) validate() []error {
	var faults []error
	add := func(sink string, of []error) {
		for _, err := range of {
			faults = append(faults, fmt.Errorf("%s.%w", sink, err))
		}
	}
	if s.Redis != nil {
		add("redis", s.Redis.Validate())
	}
	if s.ClickHouse != nil {
		add("clickhouse", s.ClickHouse.Validate())
	}
	if s.Kafka != nil {
		add("kafka", s.Kafka.Validate())
	}
	if s.Files != nil {
		add("files", s.Files.Validate())
	}
	if s.Postgres != nil {
		add("postgres", s.Postgres.Validate())
	}
	if s.BigQuery != nil {
		add("bigquery", s.BigQuery.Validate())
	}
	if s.Snowflake != nil {
		add("snowflake", s.Snowflake.Validate())
	}
	return faults
}

func kafkaFaults(k *kafka.Config) []error {
	if k == nil {
		return nil
	}
	return k.Validate()
}
