package clickhouse

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/tributary-data/tributary/configs/check"
	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/table"
)

// Config is the section `sinks.clickhouse`. Paths are relative to the
// configuration file.
type Config struct {
	Addrs    []string `yaml:"addrs"`    // tried in order until one answers
	Protocol string   `yaml:"protocol"` // native, http
	Database string   `yaml:"database"` // made when it is not there

	Username     string `yaml:"username"`
	Password     Secret `yaml:"password"`
	PasswordFile string `yaml:"password_file"`
	TLS          TLS    `yaml:"tls"`

	Cluster Cluster `yaml:"cluster"`

	Retention        event.Duration            `yaml:"retention"` // of every table; 0 keeps all
	RetentionByTable map[string]event.Duration `yaml:"retention_by_table"`

	Compression   string         `yaml:"compression"` // on the wire: none, lz4, zstd
	DialTimeout   event.Duration `yaml:"dial_timeout"`
	ReadTimeout   event.Duration `yaml:"read_timeout"` // of one statement
	MaxInsertRows int            `yaml:"max_insert_rows"`
	Fsync         bool           `yaml:"fsync"` // inserted parts are synced before they are acknowledged
}

// TLS says whom to believe, and with which certificate we show who we are.
type TLS struct {
	Enabled            bool   `yaml:"enabled"`
	CAFile             string `yaml:"ca_file"` // PEM; empty: the system's authorities
	CertFile           string `yaml:"cert_file"`
	KeyFile            string `yaml:"key_file"`
	ServerName         string `yaml:"server_name"` // empty: the host that was dialled
	InsecureSkipVerify bool   `yaml:"insecure_skip_verify"`
}

// Cluster says that the tables lie on several servers.
type Cluster struct {
	Name    string `yaml:"name"`    // as in remote_servers; empty: one server
	Sharded bool   `yaml:"sharded"` // rows are spread by their keys; else every server has all
	Quorum  int    `yaml:"quorum"`  // replicas that must have a row before it counts as written; 0: one
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

// The values of settings that have a few.
const (
	protocolNative  = "native"
	protocolHTTP    = "http"
	compressionNone = "none"
	compressionLZ4  = "lz4"
	compressionZSTD = "zstd"
)

const (
	maxInsertRows   = 1_000_000
	defaultDatabase = "tributary"
)

// minRetention: rows of the day that is running may be restated at any time.
const minRetention = event.Duration(event.Day)

// DefaultConfig is what a section that says nothing means.
func DefaultConfig() Config {
	return Config{
		Addrs: []string{"127.0.0.1:9000"}, Protocol: protocolNative, Database: defaultDatabase,
		Username: "default", Compression: compressionLZ4,
		DialTimeout: event.Duration(5 * event.Second), ReadTimeout: event.Duration(5 * event.Minute),
		MaxInsertRows: 50_000, Fsync: true,
	}
}

// namePattern is what a database or cluster may be called: such names need no
// thought about quoting in the macros and paths of the servers.
var namePattern = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_-]{0,63}$`)

// Validate lists what is wrong with the section.
func (c Config) Validate() []error {
	faults := slices.Concat(
		check.Addresses("addrs", c.Addrs),
		check.OneOf("protocol", c.Protocol, protocolNative, protocolHTTP),
		check.Required("database", c.Database),
		check.OneOf("compression", c.Compression, compressionNone, compressionLZ4, compressionZSTD),
	)
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if c.Database != "" && !namePattern.MatchString(c.Database) {
		fault("database: %q is no name; use letters, digits, _ and -, at most 64, not beginning with a digit", c.Database)
	}
	if c.Database == "system" || strings.EqualFold(c.Database, "information_schema") {
		fault("database: %q belongs to ClickHouse; give the tables a database of their own", c.Database)
	}
	if c.Password != "" && c.PasswordFile != "" {
		fault("password_file: stands beside password; give one of the two")
	}
	faults = append(faults, c.TLS.validate()...)
	faults = append(faults, c.Cluster.validate()...)
	retention := func(key string, d event.Duration) {
		if d != 0 && d < minRetention {
			fault("%s: is %s; keep at least %s, or 0 to keep everything", key, d, minRetention)
		}
	}
	retention("retention", c.Retention)
	for _, name := range slices.Sorted(maps.Keys(c.RetentionByTable)) {
		if _, ok := table.ByName(name); !ok {
			fault("retention_by_table: there is no table %q; the tables are %s", name, tableNames())
		} else if name == table.Credits.Name {
			fault("retention_by_table: credits lie with their conversions; set conversions")
		}
		retention("retention_by_table."+name, c.RetentionByTable[name])
	}
	for _, x := range []struct {
		key string
		d   event.Duration
	}{{"dial_timeout", c.DialTimeout}, {"read_timeout", c.ReadTimeout}} {
		if x.d <= 0 {
			fault("%s: is %s; it must be more than 0, such as 5s", x.key, x.d)
		}
	}
	if c.MaxInsertRows < 1 || c.MaxInsertRows > maxInsertRows {
		fault("max_insert_rows: is %d; it must be 1 to %d", c.MaxInsertRows, maxInsertRows)
	}
	return faults
}

func (t TLS) validate() (faults []error) {
	if !t.Enabled && t != (TLS{}) {
		faults = append(faults, fmt.Errorf("tls.enabled: is false, but other keys of tls are set; switch it on or leave them out"))
	}
	if (t.CertFile == "") != (t.KeyFile == "") {
		faults = append(faults, fmt.Errorf("tls.cert_file: a certificate and its key belong together; set cert_file and key_file"))
	}
	return faults
}

func (c Cluster) validate() (faults []error) {
	if c.Name == "" {
		if c.Sharded || c.Quorum != 0 {
			faults = append(faults, fmt.Errorf("cluster.name: is missing; sharded and quorum need the name that stands in remote_servers of the servers"))
		}
		return faults
	}
	if !namePattern.MatchString(c.Name) && c.Name != "{cluster}" {
		faults = append(faults, fmt.Errorf("cluster.name: %q is no name; write it as in remote_servers, or as {cluster} for the servers' macro", c.Name))
	}
	if c.Quorum < 0 || c.Quorum > 100 {
		faults = append(faults, fmt.Errorf("cluster.quorum: is %d; it must be 0 to 100, and not more than there are replicas", c.Quorum))
	}
	return faults
}

func tableNames() string {
	names := make([]string, 0, len(table.All))
	for _, t := range table.All {
		names = append(names, t.Name)
	}
	return strings.Join(names, ", ")
}

// keeps is how long rows of a table are kept; 0 for ever.
func (c *Config) keeps(name string) event.Duration {
	if d, ok := c.RetentionByTable[name]; ok {
		return d
	}
	return c.Retention
}

// Resolve gives the section with its paths made whole by path: a file is
// relative to the configuration that names it.
func (c Config) Resolve(path func(string) string) Config {
	for _, file := range []*string{&c.PasswordFile, &c.TLS.CAFile, &c.TLS.CertFile, &c.TLS.KeyFile} {
		if *file != "" {
			*file = path(*file)
		}
	}
	return c
}
