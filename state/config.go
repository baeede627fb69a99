package state

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Config is the section `state`: where the state lies, and how much room it may
// take.
type Config struct {
	Dir        string `yaml:"dir"`
	DiskBudget Size   `yaml:"disk_budget"`
	// OutboxQuota is how much of the budget rows may take that wait for sinks.
	OutboxQuota Size `yaml:"outbox_quota"`
	// BackupDir holds the backups that a running server makes; empty: beside Dir.
	BackupDir string `yaml:"backup_dir"`
}

// Backups is the directory that holds backups.
func (c Config) Backups() string {
	if c.BackupDir != "" {
		return c.BackupDir
	}
	return strings.TrimRight(c.Dir, "/") + ".backups"
}

// DefaultConfig is the contract's.
func DefaultConfig() Config { return Config{Dir: "data", DiskBudget: 20 * GB, OutboxQuota: 2 * GB} }

// minDiskBudget is about one memtable; with less the store stalls before it has
// kept anything.
const minDiskBudget = 64 * MB

// Validate lists what is wrong. Each error begins with its key, relative to the
// section, and a colon.
func (c Config) Validate() []error {
	var faults []error
	if strings.TrimSpace(c.Dir) == "" {
		faults = append(faults, fmt.Errorf("dir: is empty; give the directory that holds the state"))
	}
	if c.DiskBudget < minDiskBudget {
		faults = append(faults, fmt.Errorf("disk_budget: is %v; the least that works is %v", c.DiskBudget, minDiskBudget))
	}
	if c.OutboxQuota <= 0 {
		faults = append(faults, fmt.Errorf("outbox_quota: is %v; give the room that rows may take while a sink is down, such as 2GB", c.OutboxQuota))
	}
	return faults
}

// Size is a number of bytes, as configuration says it: "20GB", "512MiB".
type Size int64

// Sizes that configuration speaks of: powers of ten, as disks are sold.
const (
	KB Size = 1000
	MB      = 1000 * KB
	GB      = 1000 * MB
	TB      = 1000 * GB
)

// sizeUnits are tried in this order, so that String finds the shortest spelling.
var sizeUnits = []struct {
	name  string
	bytes Size
}{
	{"TB", TB},
	{"TiB", 1 << 40},
	{"GB", GB},
	{"GiB", 1 << 30},
	{"MB", MB},
	{"MiB", 1 << 20},
	{"KB", KB},
	{"KiB", 1 << 10},
	{"B", 1},
}

// ParseSize reads a size: a whole number and one of the units B, KB, MB, GB, TB
// (powers of 1000), KiB, MiB, GiB, TiB (powers of 1024).
func ParseSize(s string) (Size, error) {
	digits := 0
	for digits < len(s) && s[digits] >= '0' && s[digits] <= '9' {
		digits++
	}
	n, err := strconv.ParseInt(s[:digits], 10, 64)
	unit := strings.TrimSpace(s[digits:])
	if err == nil && s == "0" {
		return 0, nil
	}
	for _, u := range sizeUnits {
		if err == nil && strings.EqualFold(unit, u.name) && n <= math.MaxInt64/int64(u.bytes) {
			return Size(n) * u.bytes, nil
		}
	}
	return 0, fmt.Errorf("%q is not a size; write it as 500MB, 20GB or 2TB", s)
}

// UnmarshalText makes a Size readable by configuration and flag packages.
func (s *Size) UnmarshalText(b []byte) error {
	v, err := ParseSize(string(b))
	if err == nil {
		*s = v
	}
	return err
}

// MarshalText writes the size as ParseSize reads it.
func (s Size) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// String is the size in the greatest unit that divides it.
func (s Size) String() string {
	for _, u := range sizeUnits {
		if s != 0 && s%u.bytes == 0 {
			return strconv.FormatInt(int64(s/u.bytes), 10) + u.name
		}
	}
	return "0B"
}
