package cli

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tributary-data/tributary/configs"
	"github.com/tributary-data/tributary/event"
)

// configOptions are the flags of every command that reads the configuration.
type configOptions struct {
	path string
	set  map[string]string // by key; commands add what their own flags say
}

func (o *configOptions) register(fs *flag.FlagSet) {
	fs.StringVar(&o.path, "config", "", "configuration `FILE` (default $"+configs.ConfigEnv+", else none)")
	fs.Func("set", "`KEY=VALUE` of the configuration, over file and environment; may be repeated", func(s string) error {
		key, value, ok := strings.Cut(s, "=")
		if !ok || key == "" {
			return errors.New("write it as key=value, such as time.idle_after=1m")
		}
		o.override(key, value)
		return nil
	})
}

// override sets a configuration key as a flag does; an empty value is no flag.
func (o *configOptions) override(key, value string) {
	if value == "" {
		return
	}
	if o.set == nil {
		o.set = map[string]string{}
	}
	o.set[key] = value
}

// file is the configuration file that counts, "" for none.
func (o *configOptions) file(env *Env) string {
	if o.path != "" {
		return o.path
	}
	for _, entry := range env.Environ {
		if value, ok := strings.CutPrefix(entry, configs.ConfigEnv+"="); ok {
			return value
		}
	}
	return ""
}

// load reads the configuration and sets up the log as it says.
func (o *configOptions) load(env *Env) (*configs.Config, *configs.Origins, error) {
	c, origins, err := configs.Load(o.file(env), env.Environ, o.set)
	if err != nil {
		return nil, nil, err
	}
	env.Log = newLog(c.Log, env.Stderr)
	for _, w := range origins.Warnings {
		env.Log.Warn("configuration may not be as meant", slog.String("reason", w))
	}
	return c, origins, nil
}

func newLog(c configs.Log, w io.Writer) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(c.Level)) // its names were validated
	opts := &slog.HandlerOptions{Level: level}
	if c.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, opts))
	}
	return slog.New(slog.NewTextHandler(w, opts))
}

// dataOptions name the data of commands that read it: a directory that no
// process has open, or a running server.
type dataOptions struct {
	config configOptions
	Data   string // "": state.dir of the configuration
	Server string // "": the directory
}

func (o *dataOptions) register(fs *flag.FlagSet) {
	o.config.register(fs)
	fs.StringVar(&o.Data, "data", "", "data `DIR` that no process has open (default state.dir)")
}

func (o *dataOptions) registerServer(fs *flag.FlagSet) {
	fs.StringVar(&o.Server, "server", "", "`URL` of a running server, in place of --data")
}

func (o *dataOptions) check() error {
	if o.Data != "" && o.Server != "" {
		return usagef("--data and --server exclude each other")
	}
	if o.Server != "" && !strings.HasPrefix(o.Server, "http://") && !strings.HasPrefix(o.Server, "https://") {
		return usagef("--server %q is not a URL; write it as http://127.0.0.1:8080", o.Server)
	}
	o.config.override("state.dir", o.Data)
	return nil
}

// tableFormats are the formats that tables are written in.
var tableFormats = []string{"ndjson", "csv", "parquet"}

// choice is a flag whose value is one of a few.
func choice(fs *flag.FlagSet, to *string, name, def string, allowed []string, usage string) {
	*to = def
	fs.Func(name, usage+": "+strings.Join(allowed, ", ")+defaultNote(def), func(s string) error {
		if !slices.Contains(allowed, s) {
			return errors.New("it must be one of " + strings.Join(allowed, ", "))
		}
		*to = s
		return nil
	})
}

func defaultNote(def string) string {
	if def == "" {
		return ""
	}
	return " (default " + def + ")"
}

// timeFlag is a flag that holds a time; event.NoTime when it is not given.
func timeFlag(fs *flag.FlagSet, to *event.Millis, name, usage string) {
	*to = event.NoTime
	fs.Func(name, usage, func(s string) (err error) {
		*to, err = parseTime(s)
		return err
	})
}

// parseTime reads RFC 3339, a date (its midnight in UTC), or milliseconds.
func parseTime(s string) (event.Millis, error) {
	if ms, err := strconv.ParseInt(s, 10, 64); err == nil {
		if ms < 1e11 {
			return 0, errors.New("looks like seconds; write milliseconds, or RFC 3339")
		}
		return event.Millis(ms), nil
	}
	for _, layout := range []string{time.RFC3339Nano, time.DateOnly} {
		if t, err := time.Parse(layout, strings.ToUpper(s)); err == nil {
			return event.Millis(t.UnixMilli()), nil
		}
	}
	return 0, errors.New("write a time as 2026-03-01T12:00:00Z, as 2026-03-01, or in milliseconds")
}

// checkRange refuses a range of times that holds nothing.
func checkRange(from, to event.Millis) error {
	if from != event.NoTime && to != event.NoTime && from >= to {
		return usagef("--from %v is not before --to %v", from, to)
	}
	return nil
}

// checkInputs refuses input files that the tables could not tell apart: the
// position of a record begins with the base name of its file.
func checkInputs(files []string) error {
	if len(files) == 0 {
		return usagef("no input FILE given")
	}
	seen := map[string]string{}
	for _, f := range files {
		base := filepath.Base(f)
		if other, twice := seen[base]; twice {
			return usagef("%s and %s have the same base name, so their records would have the same positions; rename one", other, f)
		}
		seen[base] = f
	}
	return nil
}

// checkOut refuses an output directory that would be overwritten.
func checkOut(dir string, force bool) error {
	if dir == "" {
		return usagef("--out DIR is missing")
	}
	empty, err := isEmptyDir("--out", dir)
	if err == nil && !empty && !force {
		return usagef("--out %s is not empty; give another directory, or --force to overwrite", dir)
	}
	return err
}

// checkEmpty refuses a directory that holds something, without a way round it.
func checkEmpty(name, dir string) error {
	empty, err := isEmptyDir(name, dir)
	if err == nil && !empty {
		return usagef("%s %s is not empty; give another directory", name, dir)
	}
	return err
}

// isEmptyDir says whether nothing would be overwritten in dir; one that does
// not exist is empty.
func isEmptyDir(name, dir string) (bool, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	if info, statErr := os.Stat(dir); statErr == nil && !info.IsDir() {
		return false, usagef("%s %s is a file; give a directory", name, dir)
	}
	if err != nil {
		return false, fmt.Errorf("look into %s: %w", name, err)
	}
	return len(entries) == 0, nil
}
