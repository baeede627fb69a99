package cli

import (
	"context"
	"errors"
	"flag"
	"strconv"

	"github.com/tributary-data/tributary/event"
)

// replayOptions is what `replay` was asked to do.
type replayOptions struct {
	Config   configOptions
	Files    []string
	Out      string
	Format   string       // of tableFormats
	AsOf     event.Millis // event.NoTime: the start of the run
	Lateness lateness
	Force    bool
	Shards   int // 0: as configured
	History  historyOptions
}

// lateness is the flag of that name: as configured, none, or one for all types.
type lateness struct {
	Set  bool
	None bool // nothing is judged too late
	All  event.Duration
}

func (l *lateness) parse(s string) error {
	if s == "none" {
		*l = lateness{Set: true, None: true}
		return nil
	}
	d, err := event.ParseDuration(s)
	if err != nil {
		return errors.New(`write "none", or a duration such as 1h or 7d`)
	}
	*l = lateness{Set: true, All: d}
	return nil
}

func replayCommand() *command {
	var o replayOptions
	return &command{
		name:  "replay",
		args:  "[FILE...]",
		short: "run the pipeline over files and topics, and write one file for each table",
		long: `Each FILE (.ndjson, .csv, .parquet, also .gz and .zst) is one input. Records are
taken in order of the smallest next event time over the files. The same
arguments give the same bytes, whatever the number of shards or cores. With
--from-kafka, topics are read beside files, or alone: each partition is one
input, in the order of its offsets, from the first record at --from to before
the first at --to by the time of the broker, or to what is there at the start.`,
		examples: []string{
			"tributary replay --out tables clicks.ndjson impressions.ndjson conversions.ndjson",
			"tributary replay --format parquet --lateness none --out tables events.ndjson.zst",
			"tributary replay --config tributary.yaml --from-kafka --from 2026-03-01 --to 2026-03-08 --out tables",
		},
		flags: func(fs *flag.FlagSet) {
			o.Config.register(fs)
			fs.StringVar(&o.Out, "out", "", "directory `DIR` that the tables are written to")
			choice(fs, &o.Format, "format", "ndjson", tableFormats, "`FORMAT` of the tables")
			timeFlag(fs, &o.AsOf, "as-of", "clock `T` that decides what lies in the future (default: the start of the run)")
			fs.Func("lateness", "allowed lateness of all types: a `DURATION`, or none to judge nothing too late (default: as configured)", o.Lateness.parse)
			fs.BoolVar(&o.Force, "force", false, "write into a directory that is not empty")
			shardsFlag(fs, &o.Shards)
			o.History.register(fs)
		},
		run: func(ctx context.Context, env *Env, args []string) error {
			o.Files = args
			if err := o.History.check(); err != nil {
				return err
			}
			if len(args) > 0 || !o.History.On {
				if err := checkInputs(o.Files); err != nil {
					return err
				}
			}
			if err := checkOut(o.Out, o.Force); err != nil {
				return err
			}
			overrideShards(&o.Config, o.Shards)
			return runReplay(ctx, env, o)
		},
	}
}

func shardsFlag(fs *flag.FlagSet, to *int) {
	fs.IntVar(to, "shards", 0, "number `N` of shards (default: as configured, else one for each core)")
}

func overrideShards(c *configOptions, n int) {
	if n != 0 {
		c.override("pipeline.shards", strconv.Itoa(n))
	}
}
