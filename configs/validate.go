package configs

import (
	"errors"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/tributary-data/tributary/event"
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
		{"state", c.State.Validate()},
		{"kafka", c.Kafka.validate()},
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
	return slices.Concat(oneOf("level", l.Level, "debug", "info", "warn", "error"), oneOf("format", l.Format, "text", "json"))
}

// topicPattern is Kafka's own rule for the names of topics.
var topicPattern = regexp.MustCompile(`^[a-zA-Z0-9._-]{1,249}$`)

func (k *Kafka) validate() []error {
	if k == nil {
		return nil
	}
	faults := addresses("brokers", k.Brokers)
	if len(k.Topics) == 0 {
		faults = append(faults, errors.New("topics: is empty; name the topics to read"))
	}
	for i, t := range k.Topics {
		if !topicPattern.MatchString(t) {
			faults = append(faults, fmt.Errorf("topics: %q is not the name of a topic; letters, digits, dots, dashes and underscores", t))
		} else if slices.Contains(k.Topics[:i], t) {
			faults = append(faults, fmt.Errorf("topics: %q stands there twice", t))
		}
	}
	return append(faults, required("group", k.Group)...)
}

// validate lists the faults of the sinks that are on.
func (s Sinks) validate() []error {
	var faults []error
	add := func(sink string, of ...[]error) {
		for _, err := range slices.Concat(of...) {
			faults = append(faults, fmt.Errorf("%s.%w", sink, err))
		}
	}
	if r := s.Redis; r != nil {
		add("redis", addresses("addrs", r.Addrs))
	}
	if c := s.ClickHouse; c != nil {
		add("clickhouse", addresses("addrs", c.Addrs), oneOf("protocol", c.Protocol, "native", "http"), required("database", c.Database))
	}
	if k := s.Kafka; k != nil {
		add("kafka", addresses("brokers", k.Brokers))
		if k.Prefix != "" && !topicPattern.MatchString(k.Prefix) {
			add("kafka", []error{fmt.Errorf("prefix: %q cannot begin the name of a topic", k.Prefix)})
		}
	}
	if f := s.Files; f != nil {
		add("files", required("dir", f.Dir), oneOf("format", f.Format, "ndjson", "csv", "parquet"))
	}
	if p := s.Postgres; p != nil {
		add("postgres", required("dsn", p.DSN))
	}
	if b := s.BigQuery; b != nil {
		add("bigquery", required("project", b.Project), required("dataset", b.Dataset))
	}
	if f := s.Snowflake; f != nil {
		add("snowflake", required("account", f.Account), required("user", f.User), required("database", f.Database),
			required("schema", f.Schema), required("warehouse", f.Warehouse), required("private_key_file", f.PrivateKeyFile))
	}
	return faults
}

func required(key, value string) []error {
	if strings.TrimSpace(value) == "" {
		return []error{fmt.Errorf("%s: is missing; the section needs it", key)}
	}
	return nil
}

func oneOf(key, value string, allowed ...string) []error {
	if slices.Contains(allowed, value) {
		return nil
	}
	return []error{fmt.Errorf("%s: is %q; it must be one of %s", key, value, strings.Join(allowed, ", "))}
}

func addresses(key string, addrs []string) []error {
	if len(addrs) == 0 {
		return []error{fmt.Errorf("%s: is empty; give at least one host:port", key)}
	}
	var faults []error
	for _, a := range addrs {
		host, port, err := net.SplitHostPort(a)
		n, portErr := strconv.ParseUint(port, 10, 16)
		if err != nil || portErr != nil || host == "" || n == 0 {
			faults = append(faults, fmt.Errorf("%s: %q is not host:port", key, a))
		}
	}
	return faults
}
