package postgres

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tributary-data/tributary/configs/check"
	"github.com/tributary-data/tributary/event"
)

// Config is the section `sinks.postgres`.
type Config struct {
	DSN          string         `yaml:"dsn"`           // URL or key=value; may hold a password: masked wherever it is shown
	DSNFile      string         `yaml:"dsn_file"`      // file that holds the DSN, in its place
	PasswordFile string         `yaml:"password_file"` // file that holds the password, over that of the DSN
	Schema       string         `yaml:"schema"`        // empty: the first of the role's search_path, usually public
	Partitions   string         `yaml:"partitions"`    // none, month: how tables with a time in their key are made
	Migrate      bool           `yaml:"migrate"`       // make and change tables; without, they have to be there
	BatchRows    int            `yaml:"batch_rows"`
	BatchAge     event.Duration `yaml:"batch_age"` // how long a change may wait for others
	Timeout      event.Duration `yaml:"timeout"`   // of connecting, and of waiting for a lock
}

// The ways in which tables are divided.
const (
	partitionsNone  = "none"
	partitionsMonth = "month"
)

// DefaultConfig is what a section that says nothing means.
func DefaultConfig() Config {
	return Config{
		Partitions: partitionsNone, Migrate: true, BatchRows: 10_000,
		BatchAge: event.Duration(event.Second), Timeout: event.Duration(30 * event.Second),
	}
}

// Resolve makes paths what they are from where the configuration lies.
func (c Config) Resolve(path func(name string) string) Config {
	for _, p := range []*string{&c.DSNFile, &c.PasswordFile} {
		if *p != "" {
			*p = path(*p)
		}
	}
	return c
}

// Limits of what may be configured.
const (
	maxBatchRows  = 100_000 // arrays of a statement are held in memory, here and there
	maxBatchAge   = event.Duration(event.Hour)
	maxTimeout    = event.Duration(10 * event.Minute)
	maxIdentifier = 63 // bytes; PostgreSQL cuts longer names
)

// Validate lists what is wrong with the section.
func (c Config) Validate() []error {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	switch {
	case c.DSN == "" && c.DSNFile == "":
		fault("dsn: is missing; give dsn or dsn_file, such as postgres://user@host:5432/database")
	case c.DSN != "" && c.DSNFile != "":
		fault("dsn_file: is given beside dsn; take one of them out")
	case c.DSN != "":
		if _, err := pgx.ParseConfig(c.DSN); err != nil {
			fault("dsn: is not understood (%s); write it as postgres://user:password@host:5432/database or as host=... dbname=...", parseFault(err))
		}
	}
	if len(c.Schema) > maxIdentifier || strings.ContainsRune(c.Schema, 0) {
		fault("schema: is no name that PostgreSQL can hold; at most %d bytes", maxIdentifier)
	}
	faults = append(faults, check.OneOf("partitions", c.Partitions, partitionsNone, partitionsMonth)...)
	if c.BatchRows < 1 || c.BatchRows > maxBatchRows {
		fault("batch_rows: is %d; it must be from 1 to %d", c.BatchRows, maxBatchRows)
	}
	if c.BatchAge <= 0 || c.BatchAge > maxBatchAge {
		fault("batch_age: is %s; it must be from 1ms to %s", c.BatchAge, maxBatchAge)
	}
	if c.Timeout < event.Duration(event.Second) || c.Timeout > maxTimeout {
		fault("timeout: is %s; it must be from 1s to %s", c.Timeout, maxTimeout)
	}
	return slices.Clip(faults)
}

// parseFault is what the driver finds wrong with a DSN, without the DSN.
func parseFault(err error) string {
	text := err.Error()
	if i := strings.LastIndex(text, "`: "); i >= 0 {
		text = text[i+len("`: "):]
	}
	return text
}

// connection is how to connect, with what the files hold at this time: secrets
// that were changed are taken with the next connection.
func (c Config) connection(version string) (*pgx.ConnConfig, error) {
	dsn := c.DSN
	if c.DSNFile != "" {
		raw, err := os.ReadFile(c.DSNFile)
		if err != nil {
			return nil, fmt.Errorf("sinks.postgres.dsn_file: %w", err)
		}
		dsn = strings.TrimSpace(string(raw))
	}
	cc, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, fmt.Errorf("sinks.postgres.dsn is not understood: %s", parseFault(err))
	}
	if c.PasswordFile != "" {
		raw, err := os.ReadFile(c.PasswordFile)
		if err != nil {
			return nil, fmt.Errorf("sinks.postgres.password_file: %w", err)
		}
		cc.Password = strings.TrimRight(string(raw), "\r\n")
	}
	if cc.ConnectTimeout == 0 {
		cc.ConnectTimeout = time.Duration(c.Timeout) * time.Millisecond
	}
	if cc.RuntimeParams["application_name"] == "" {
		cc.RuntimeParams["application_name"] = strings.TrimSpace("tributary " + version)
	}
	return cc, nil
}
