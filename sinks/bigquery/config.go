package bigquery

import (
	"fmt"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/tributary-data/tributary/configs/check"
	"github.com/tributary-data/tributary/event"
)

// Config is the section `sinks.bigquery`.
type Config struct {
	Project  string `yaml:"project"`
	Dataset  string `yaml:"dataset"`
	Location string `yaml:"location"` // of a dataset that is made

	// Without any of the three, Application Default Credentials are used: the
	// environment, gcloud's, the machine's or the cluster's own.
	CredentialsFile string `yaml:"credentials_file"`
	CredentialsJSON Secret `yaml:"credentials_json"`
	QuotaProject    string `yaml:"quota_project"` // that is charged; empty: project

	Endpoint      string `yaml:"endpoint"`       // of the REST API; empty: Google's. With http:// there is no TLS and no login: for tests
	WriteEndpoint string `yaml:"write_endpoint"` // host:port of the Storage Write API; empty: Google's, or that of endpoint

	Migrate      bool           `yaml:"migrate"`       // make and change dataset, tables and views
	MaxStaleness event.Duration `yaml:"max_staleness"` // how old a query's answer may be; 0: never
	BatchRows    int            `yaml:"batch_rows"`
	BatchAge     event.Duration `yaml:"batch_age"` // how long a change may wait for others
	Timeout      event.Duration `yaml:"timeout"`   // of a request
}

// Secret is a text that is never written out.
type Secret string

// String hides the secret, also from the fmt package.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return "***"
}

// GoString hides it from %#v.
func (s Secret) GoString() string { return `"` + s.String() + `"` }

// MarshalText hides it where the configuration is printed.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads it.
func (s *Secret) UnmarshalText(b []byte) error {
	*s = Secret(b)
	return nil
}

// DefaultConfig is what a section that says nothing means.
func DefaultConfig() Config {
	return Config{
		Dataset: "tributary", Location: "US", Migrate: true, BatchRows: 20_000,
		BatchAge: event.Duration(10 * event.Second), Timeout: event.Duration(event.Minute),
	}
}

// Resolve makes paths what they are from where the configuration lies.
func (c Config) Resolve(path func(name string) string) Config {
	for _, p := range []*string{&c.CredentialsFile} {
		if *p != "" {
			*p = path(*p)
		}
	}
	return c
}

var (
	projectPattern = regexp.MustCompile(`^([a-z0-9.-]+:)?[a-z0-9][a-z0-9-]{0,62}$`)
	datasetPattern = regexp.MustCompile(`^[A-Za-z0-9_]+$`)
	placePattern   = regexp.MustCompile(`^[A-Za-z0-9-]{1,64}$`)
)

// Limits of what may be configured.
const (
	maxBatchRows = 1_000_000
	maxBatchAge  = event.Duration(event.Hour)
	maxStaleness = event.Duration(event.Day) // BigQuery's own limit
	maxTimeout   = event.Duration(10 * event.Minute)
)

// Validate lists what is wrong with the section.
func (c Config) Validate() []error {
	faults := slices.Concat(check.Required("project", c.Project), check.Required("dataset", c.Dataset))
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if c.Project != "" && !projectPattern.MatchString(c.Project) {
		fault("project: %q is no project id; give the id, as in the console's project list, not the name", c.Project)
	}
	if c.Dataset != "" && !datasetPattern.MatchString(c.Dataset) {
		fault("dataset: %q is no name; use letters, digits and _, without the project", c.Dataset)
	}
	if !placePattern.MatchString(c.Location) {
		fault("location: %q is none; write US, EU or a region such as europe-west1", c.Location)
	}
	if c.CredentialsFile != "" && c.CredentialsJSON != "" {
		fault("credentials_json: stands beside credentials_file; give one of the two")
	}
	if c.Endpoint != "" {
		if u, err := url.Parse(c.baseURL()); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			fault("endpoint: %q is no address; write http://host:port or https://host, or leave it empty for Google's", c.Endpoint)
		}
	}
	if c.WriteEndpoint != "" {
		if _, _, err := net.SplitHostPort(c.WriteEndpoint); err != nil {
			fault("write_endpoint: %q is not host:port", c.WriteEndpoint)
		}
	}
	if c.MaxStaleness < 0 || c.MaxStaleness > maxStaleness {
		fault("max_staleness: is %s; it must be from 0 to %s", c.MaxStaleness, maxStaleness)
	}
	if c.BatchRows < 1 || c.BatchRows > maxBatchRows {
		fault("batch_rows: is %d; it must be from 1 to %d", c.BatchRows, maxBatchRows)
	}
	if c.BatchAge <= 0 || c.BatchAge > maxBatchAge {
		fault("batch_age: is %s; it must be from 1ms to %s", c.BatchAge, maxBatchAge)
	}
	if c.Timeout < event.Duration(event.Second) || c.Timeout > maxTimeout {
		fault("timeout: is %s; it must be from 1s to %s", c.Timeout, maxTimeout)
	}
	return faults
}

const googleREST = "https://bigquery.googleapis.com"

// baseURL is where the REST API is; a bare host:port is taken for a test's.
func (c Config) baseURL() string {
	switch {
	case c.Endpoint == "":
		return googleREST
	case strings.Contains(c.Endpoint, "://"):
		return strings.TrimRight(c.Endpoint, "/")
	}
	return "http://" + c.Endpoint
}

// open says whether there is neither TLS nor login.
func (c Config) open() bool { return strings.HasPrefix(c.baseURL(), "http://") }

// writeAddr is host:port of the Storage Write API, empty for Google's.
func (c Config) writeAddr() string {
	if c.WriteEndpoint != "" || c.Endpoint == "" {
		return c.WriteEndpoint
	}
	u, err := url.Parse(c.baseURL())
	if err != nil {
		return "" // Validate has told
	}
	if u.Port() == "" {
		return u.Hostname() + ":443"
	}
	return u.Host
}
