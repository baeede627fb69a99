package snowflake

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/tributary-data/tributary/configs/check"
	"github.com/tributary-data/tributary/event"
)

// Config is the section `sinks.snowflake`.
type Config struct {
	Account   string `yaml:"account"` // organization-account, or the locator with its region
	User      string `yaml:"user"`
	Role      string `yaml:"role"` // empty: the user's default
	Database  string `yaml:"database"`
	Schema    string `yaml:"schema"`
	Warehouse string `yaml:"warehouse"`

	// The private key of the user's RSA_PUBLIC_KEY, in PEM (PKCS #8, encrypted
	// or not, or PKCS #1): one of the two.
	PrivateKeyFile string `yaml:"private_key_file"`
	PrivateKey     Secret `yaml:"private_key"`
	Passphrase     Secret `yaml:"passphrase"` // of an encrypted key
	PassphraseFile string `yaml:"passphrase_file"`

	Endpoint string `yaml:"endpoint"` // empty: https://ACCOUNT.snowflakecomputing.com; for private links and tests

	Migrate      bool           `yaml:"migrate"`       // make and change schema, tables and views
	Cluster      bool           `yaml:"cluster"`       // tables get clustering keys
	BatchAge     event.Duration `yaml:"batch_age"`     // how often the warehouse is woken
	BatchRows    int            `yaml:"batch_rows"`    // changes per batch
	RequestBytes int            `yaml:"request_bytes"` // of the rows of one statement
	Parallel     int            `yaml:"parallel"`      // statements at once
	Timeout      event.Duration `yaml:"timeout"`       // of a statement
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
		Migrate: true, Cluster: true, BatchAge: event.Duration(event.Minute), BatchRows: 50_000,
		RequestBytes: 4 << 20, Parallel: 4, Timeout: event.Duration(5 * event.Minute),
	}
}

// Resolve makes paths what they are from where the configuration lies.
func (c Config) Resolve(path func(name string) string) Config {
	for _, p := range []*string{&c.PrivateKeyFile, &c.PassphraseFile} {
		if *p != "" {
			*p = path(*p)
		}
	}
	return c
}

// Limits of what may be configured.
const (
	maxBatchAge     = event.Duration(event.Day)
	maxBatchRows    = 1_000_000
	minRequestBytes = 64 << 10
	maxRequestBytes = 15 << 20 // a bound text may have 16 MB
	maxParallel     = 8
	maxTimeout      = event.Duration(event.Hour)
)

var (
	accountPattern = regexp.MustCompile(`^[A-Za-z0-9_]+([.-][A-Za-z0-9_-]+)*$`)
	namePattern    = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_$]{0,254}$`)
)

// Validate lists what is wrong with the section.
func (c Config) Validate() []error {
	faults := slices.Concat(check.Required("account", c.Account), check.Required("user", c.User), check.Required("database", c.Database),
		check.Required("schema", c.Schema), check.Required("warehouse", c.Warehouse))
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if c.Account != "" && !accountPattern.MatchString(c.Account) {
		fault("account: %q is no account identifier; write organization-account, as in SELECT CURRENT_ORGANIZATION_NAME() || '-' || CURRENT_ACCOUNT_NAME(), without https:// and .snowflakecomputing.com", c.Account)
	}
	for _, x := range []struct{ key, value string }{{"database", c.Database}, {"schema", c.Schema}, {"warehouse", c.Warehouse}, {"role", c.Role}} {
		if x.value != "" && !namePattern.MatchString(x.value) {
			fault("%s: %q is no name; use letters, digits, _ and $ (names that need quotes are not supported)", x.key, x.value)
		}
	}
	switch {
	case c.PrivateKeyFile == "" && c.PrivateKey == "":
		fault("private_key_file: is missing; make a key with openssl genrsa 2048 | openssl pkcs8 -topk8 -nocrypt -out key.p8, and give its public half to the user (ALTER USER ... SET RSA_PUBLIC_KEY)")
	case c.PrivateKeyFile != "" && c.PrivateKey != "":
		fault("private_key: stands beside private_key_file; give one of the two")
	}
	if c.Passphrase != "" && c.PassphraseFile != "" {
		fault("passphrase_file: stands beside passphrase; give one of the two")
	}
	if c.Endpoint != "" {
		if u, err := url.Parse(c.Endpoint); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			fault("endpoint: %q is no address; write https://host, or leave it empty", c.Endpoint)
		}
	}
	between := func(key string, n, low, high int) {
		if n < low || n > high {
			fault("%s: is %d; it must be from %d to %d", key, n, low, high)
		}
	}
	between("batch_rows", c.BatchRows, 1, maxBatchRows)
	between("request_bytes", c.RequestBytes, minRequestBytes, maxRequestBytes)
	between("parallel", c.Parallel, 1, maxParallel)
	if c.BatchAge <= 0 || c.BatchAge > maxBatchAge {
		fault("batch_age: is %s; it must be from 1ms to %s", c.BatchAge, maxBatchAge)
	}
	if c.Timeout < event.Duration(event.Second) || c.Timeout > maxTimeout {
		fault("timeout: is %s; it must be from 1s to %s", c.Timeout, maxTimeout)
	}
	return faults
}

// baseURL is where the account is reached. Host names take no underscores.
func (c Config) baseURL() string {
	if c.Endpoint != "" {
		return strings.TrimRight(c.Endpoint, "/")
	}
	return "https://" + strings.ReplaceAll(strings.ToLower(c.Account), "_", "-") + ".snowflakecomputing.com"
}
