package cli

import (
	"context"
	"errors"
	"flag"
	"strings"

	"github.com/tributary-data/tributary/configs"
	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/fraud"
	"github.com/tributary-data/tributary/ingest"
	"github.com/tributary-data/tributary/ingest/kafka"
	"github.com/tributary-data/tributary/internal/service"
)

// historyOptions say which part of the history of topics is replayed.
type historyOptions struct {
	On     bool
	Topics string // with commas; "": those of the configuration
	From   event.Millis
	To     event.Millis
}

func (o *historyOptions) register(fs *flag.FlagSet) {
	fs.BoolVar(&o.On, "from-kafka", false, "read topics of Kafka too, as the section kafka says; each partition is one input")
	timeFlag(fs, &o.From, "from", "with --from-kafka: only records that the brokers got at `T1` or later")
	timeFlag(fs, &o.To, "to", "with --from-kafka: only records before the first that they got at `T2` or later (default: what is there now)")
	fs.StringVar(&o.Topics, "topics", "", "with --from-kafka: `TOPICS`, separated by commas (default kafka.topics)")
}

func (o *historyOptions) check() error {
	if !o.On {
		if o.From != event.NoTime || o.To != event.NoTime || o.Topics != "" {
			return usagef("--from, --to and --topics belong to --from-kafka")
		}
		return nil
	}
	return checkRange(o.From, o.To)
}

// open gives the partitions as inputs.
func (o *historyOptions) open(ctx context.Context, env *Env, cfg *configs.Config, clock event.Millis, lists *fraud.Lists) ([]*kafka.History, error) {
	if !o.On {
		return nil, nil
	}
	section := cfg.Kafka
	if section == nil {
		return nil, &configs.Error{Faults: []configs.Fault{{Key: "kafka", Message: "is missing, and --from-kafka needs it", Hint: "give brokers and topics in the configuration, or by TRIBUTARY_KAFKA_BROKERS"}}}
	}
	r := kafka.Range{From: o.From, To: o.To}
	for t := range strings.SplitSeq(o.Topics, ",") {
		if t = strings.TrimSpace(t); t != "" {
			r.Topics = append(r.Topics, t)
		}
	}
	decoder, judge := ingest.NewDecoder(service.Decoding(cfg)), service.Judges(lists)()
	// The replay takes one batch after the other: one decoder serves all.
	decode := func(n int, record func(i int) ([]byte, string, event.Position)) []event.Record {
		out := make([]event.Record, n)
		for i := range out {
			raw, implied, pos := record(i)
			decoder.Decode(raw, implied, clock, pos, &out[i])
			if out[i].Dead == nil {
				out[i].Event.Lists = judge(&out[i].Event)
			}
		}
		return out
	}
	all, err := kafka.OpenHistory(ctx, *section, kafka.Surroundings{Log: env.Log, Path: cfg.Path}, r, decode)
	return all, unreachableExit(err)
}

// unreachableExit gives an error about a dependency the exit code of those.
func unreachableExit(err error) error {
	var away *kafka.Unreachable
	if errors.As(err, &away) {
		return &Exit{Code: ExitUnreachable, Err: err}
	}
	return err
}
