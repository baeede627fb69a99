package files

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tributary-data/tributary/configs/check"
	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/sinks/objects"
)

// Config is the section `sinks.files`.
type Config struct {
	Dir    string         `yaml:"dir"`    // a directory, or s3://, gs://, azblob:// with a prefix
	Format string         `yaml:"format"` // ndjson, csv, parquet
	Flush  event.Duration `yaml:"flush"`  // how long a change may wait for others; 0: 5s in a directory, 1m in a bucket
	// Changes also writes what changed, round by round, below changes/.
	Changes bool `yaml:"changes"`
	// KeepChanges is how long those files stay; 0: for ever.
	KeepChanges event.Duration `yaml:"keep_changes"`
}

// How long changes wait where nothing is said: a file is written whole, and
// buckets bill by request.
const (
	flushDir    = 5 * event.Second
	flushBucket = event.Minute
	maxFlush    = event.Duration(24 * event.Hour)
)

// DefaultConfig is what a section that says nothing means.
func DefaultConfig() Config {
	return Config{Dir: "out", Format: string(Parquet), KeepChanges: event.Duration(7 * event.Day)}
}

// Validate lists what is wrong with the section.
func (c Config) Validate() []error {
	faults := slices.Concat(check.Required("dir", c.Dir), check.OneOf("format", c.Format, "ndjson", "csv", "parquet"))
	if objects.IsURL(c.Dir) {
		if err := objects.Check(c.Dir); err != nil {
			faults = append(faults, fmt.Errorf("dir: %w", err))
		}
	} else if strings.ContainsRune(c.Dir, 0) {
		faults = append(faults, fmt.Errorf("dir: holds a zero byte"))
	}
	if c.Flush < 0 || c.Flush > maxFlush {
		faults = append(faults, fmt.Errorf("flush: is %s; it must be at most %s", c.Flush, maxFlush))
	}
	if c.KeepChanges != 0 && c.KeepChanges < event.Duration(event.Hour) {
		faults = append(faults, fmt.Errorf("keep_changes: is %s; keep at least 1h, or 0 to keep everything", c.KeepChanges))
	}
	return faults
}

func (c Config) pace() time.Duration {
	ms := c.Flush
	switch {
	case ms > 0:
	case objects.IsURL(c.Dir):
		ms = event.Duration(flushBucket)
	default:
		ms = event.Duration(flushDir)
	}
	return time.Duration(ms) * time.Millisecond
}
