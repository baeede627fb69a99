package cli

import (
	"context"
	"flag"
	"slices"
	"strings"

	"github.com/tributary-data/tributary/configs"
	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/table"
)

// exportOptions is what `export` was asked to do.
type exportOptions struct {
	dataOptions
	Table    *table.Table // nil: all of them
	From, To event.Millis // half open; event.NoTime: no bound
	Format   string       // with Out
	Out      string       // directory or bucket; empty when Sink is given
	Sink     string       // name of a sink of the configuration

	Compression string // with Out: none, gzip, zstd
	DryRun      bool   // with Sink: only show what would be made in the store
}

// sinkNames are the sinks that a configuration can hold.
var sinkNames = []string{"redis", "clickhouse", "kafka", "files", "postgres", "bigquery", "snowflake"}

func exportCommand() *command {
	var o exportOptions
	var name string
	return &command{
		name:  "export",
		short: "write one table, or a range of it, to files or to a sink",
		examples: []string{
			"tributary export --table conversions --format csv --out exported",
			"tributary export --table all --format parquet --out exported",
			"tributary export --table all --format parquet --out 's3://bucket/exports?region=eu-central-1'",
			"tributary export --table minute_delivery --from 2026-03-01 --to 2026-03-02 --sink clickhouse",
			"tributary export --table credits --server http://127.0.0.1:8080 --out exported",
			"tributary export --table all --sink clickhouse --dry-run",
		},
		flags: func(fs *flag.FlagSet) {
			o.register(fs)
			o.registerServer(fs)
			fs.StringVar(&name, "table", "", "table `T`, or all: "+strings.Join(tableNames(), ", "))
			timeFlag(fs, &o.From, "from", "first time `T` that belongs to it (default: all)")
			timeFlag(fs, &o.To, "to", "first time `T` that does not belong to it (default: all)")
			choice(fs, &o.Format, "format", "ndjson", tableFormats, "`FORMAT` of the file in --out")
			fs.StringVar(&o.Out, "out", "", "directory `DIR` that the file is written to, or the URL of a bucket: s3://, gs://, azblob://")
			choice(fs, &o.Compression, "compress", "none", []string{"none", "gzip", "zstd"}, "`HOW` ndjson and csv in --out are compressed")
			fs.BoolVar(&o.DryRun, "dry-run", false, "with --sink: only show the tables and views that it would make")
			fs.StringVar(&o.Sink, "sink", "", "sink `NAME` of the configuration, in place of --out")
		},
		run: func(ctx context.Context, env *Env, _ []string) error {
			if err := o.check(name); err != nil {
				return err
			}
			return runExport(ctx, env, o)
		},
	}
}

func (o *exportOptions) check(name string) error {
	if name == "" {
		return usagef("--table T is missing; the tables are %s", strings.Join(tableNames(), ", "))
	}
	t, ok := table.ByName(name)
	if !ok && name != allTables {
		if near := configs.Nearest(name, tableNames()); near != "" {
			return usagef("unknown table %q; did you mean %s?", name, near)
		}
		return usagef("unknown table %q; the tables are %s", name, strings.Join(tableNames(), ", "))
	}
	o.Table = t
	if (o.Out == "") == (o.Sink == "") {
		return usagef("give --out DIR or --sink NAME, one of the two")
	}
	if o.Compression != "none" && (o.Out == "" || o.Format == "parquet") {
		return usagef("--compress is for ndjson and csv in --out; parquet is compressed within")
	}
	if o.DryRun && o.Sink == "" {
		return usagef("--dry-run shows what --sink would make; give --sink NAME")
	}
	if err := checkRange(o.From, o.To); err != nil {
		return err
	}
	if o.Sink != "" {
		if err := checkSink(o.Sink); err != nil {
			return err
		}
	}
	return o.dataOptions.check()
}

// allTables is the name that stands for all of them, as of one commit.
const allTables = "all"

func checkSink(name string) error {
	if !slices.Contains(sinkNames, name) {
		return usagef("unknown sink %q; the sinks are %s", name, strings.Join(sinkNames, ", "))
	}
	return nil
}

func tableNames() []string {
	var names []string
	for _, t := range table.All {
		names = append(names, t.Name)
	}
	return names
}
