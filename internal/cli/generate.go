package cli

import (
	"context"
	"flag"
	"strings"

	"github.com/tributary-data/tributary/event"
)

// generateOptions is what `generate` was asked to do. Either Events is given,
// or People and Days are.
type generateOptions struct {
	Seed   uint64
	Events int
	People int
	Days   int
	Fraud  float64      // share of invalid traffic, 0 to 1
	Start  event.Millis // event.NoTime: the generator's own
	Format string
	Force  bool
	Out    string

	Live  bool     // to Kafka, in real time
	Kafka []string // brokers
	Rate  float64  // records a second
}

// defaultEvents makes a set that replays in a second or two.
const defaultEvents = 100_000

func generateCommand() *command {
	var o generateOptions
	return &command{
		name:  "generate",
		short: "write realistic traffic, and the truth about it",
		long:  `The same flags write the same bytes.`,
		examples: []string{
			"tributary generate --seed 7 --events 1000000 --out traffic",
			"tributary generate --people 5000 --days 30 --fraud 0.1 --out traffic",
			"tributary generate --live --kafka 127.0.0.1:9092 --rate 500",
		},
		flags: func(fs *flag.FlagSet) {
			fs.Uint64Var(&o.Seed, "seed", 1, "`N` that the traffic is drawn from")
			fs.IntVar(&o.Events, "events", 0, "about how many events `N` (default 100000 where --people is not given)")
			fs.IntVar(&o.People, "people", 0, "number `N` of persons, with --days")
			fs.IntVar(&o.Days, "days", 0, "number `D` of days, with --people")
			fs.Float64Var(&o.Fraud, "fraud", 0.05, "share `RATE` of invalid traffic, 0 to 1")
			timeFlag(fs, &o.Start, "start", "time `T` of the first event (default: a fixed one)")
			choice(fs, &o.Format, "format", "ndjson", []string{"ndjson"}, "`FORMAT` of the events")
			fs.BoolVar(&o.Force, "force", false, "write into a directory that is not empty")
			fs.StringVar(&o.Out, "out", "", "directory `DIR` that is written to")
			fs.BoolVar(&o.Live, "live", false, "send traffic as it would arrive, until stopped; with --kafka")
			fs.Func("kafka", "`BROKERS` that --live sends to, a comma list", func(s string) error {
				o.Kafka = strings.Split(s, ",")
				return nil
			})
			fs.Float64Var(&o.Rate, "rate", 200, "records `N` a second, with --live")
		},
		run: func(ctx context.Context, env *Env, _ []string) error {
			if err := o.check(); err != nil {
				return err
			}
			if o.Live {
				return runGenerateLive(ctx, env, o)
			}
			return runGenerate(ctx, env, o)
		},
	}
}

func (o *generateOptions) check() error {
	switch {
	case o.Live && len(o.Kafka) == 0:
		return usagef("--live needs --kafka BROKERS")
	case o.Live && !(o.Rate > 0 && o.Rate <= 1e6): // turned round, so that NaN is refused too
		return usagef("--rate %v must lie between 0 and 1000000", o.Rate)
	case o.Live && (o.Out != "" || o.Events > 0 || o.People > 0):
		return usagef("--live goes on until it is stopped; leave out --out, --events and --people")
	case !o.Live && len(o.Kafka) > 0:
		return usagef("--kafka goes with --live")
	case o.Events < 0 || o.People < 0 || o.Days < 0:
		return usagef("--events, --people and --days must not be negative")
	case o.Events > 0 && (o.People > 0 || o.Days > 0):
		return usagef("give --events, or --people and --days, not both")
	case (o.People > 0) != (o.Days > 0):
		return usagef("--people and --days belong together")
	case !(o.Fraud >= 0 && o.Fraud <= 1): // turned round, so that NaN is refused too
		return usagef("--fraud %v must lie between 0 and 1", o.Fraud)
	}
	if o.Live {
		return nil
	}
	if o.Events == 0 && o.People == 0 {
		o.Events = defaultEvents
	}
	return checkOut(o.Out, o.Force)
}
