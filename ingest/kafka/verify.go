package kafka

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sr"

	"github.com/tributary-data/tributary/internal/kafkaconn"
)

// Finding is what one check of Verify found.
type Finding struct {
	What        string // "brokers", "topic clicks", ...
	Says        string
	OK          bool
	Unreachable bool // it could not be asked, or refuses us
}

// Verify asks everything that the configuration names whether it can be used:
// brokers, credentials, topics, the group, the schema registry. Nothing is
// changed.
func Verify(ctx context.Context, c Config, s Surroundings) []Finding {
	if s.Log == nil {
		s.Log = slog.New(slog.DiscardHandler)
	}
	var out []Finding
	bad := func(what, says string, away bool) {
		out = append(out, Finding{What: what, Says: says, Unreachable: away})
	}
	good := func(what, format string, args ...any) {
		out = append(out, Finding{What: what, Says: fmt.Sprintf(format, args...), OK: true})
	}
	options, err := clientOptions(c, s)
	if err != nil {
		bad("brokers", err.Error(), false)
		return out
	}
	cl, err := kgo.NewClient(options...)
	if err != nil {
		bad("brokers", err.Error(), false)
		return out
	}
	defer cl.Close()
	adm := kadm.NewClient(cl)
	asking, cancel := context.WithTimeout(ctx, c.timeout())
	defer cancel()
	details, err := adm.ListTopicsWithInternal(asking, c.Topics...)
	if err != nil {
		bad("brokers", explain(err, c, ""), true)
	} else {
		good("brokers", "%d answer at %s, by %s", len(cl.DiscoveredBrokers()), c.where(), c.SecurityProtocol)
		for _, name := range c.Topics {
			d := details[name]
			if d.Topic == "" && d.Err == nil {
				d.Err = kerr.UnknownTopicOrPartition
			}
			if d.Err != nil {
				bad("topic "+name, explain(d.Err, c, name), false)
				continue
			}
			records, err := readable(ctx, cl, c, name, d)
			if err != nil {
				bad("topic "+name, explain(err, c, name), false)
				continue
			}
			good("topic "+name, "%d partitions, about %d records", len(d.Partitions), records)
		}
		if _, err := adm.FetchOffsets(asking, c.Group); err != nil {
			bad("group "+c.Group, explain(err, c, "")+"; only lag tools need it", false)
		} else {
			good("group "+c.Group, "its offsets can be read")
		}
	}
	if c.SchemaRegistry.URL == "" {
		return out
	}
	where := "schema registry"
	if u, err := url.Parse(c.SchemaRegistry.urls()[0]); err == nil {
		where += " " + u.Host
	}
	r, err := newRegistry(c.SchemaRegistry, s, c.timeout())
	if err != nil {
		bad(where, err.Error(), false)
		return out
	}
	says := "it answers"
	types, err := r.cl.SupportedTypes(asking)
	var answer *sr.ResponseError
	switch {
	case err == nil:
		says += fmt.Sprintf(", and knows %v", types)
	case errors.As(err, &answer) && answer.StatusCode == http.StatusNotFound: // of an early version
		_, err = r.cl.Subjects(asking)
	}
	if err != nil {
		bad(where, plainText(err)+"; check kafka.schema_registry", true)
		return out
	}
	good(where, "%s", says)
	return out
}

// readable lists the bounds of all partitions and fetches from each once: only
// that shows the right to read.
func readable(ctx context.Context, cl *kgo.Client, c Config, name string, d kadm.TopicDetail) (records int64, err error) {
	asking, cancel := context.WithTimeout(ctx, c.timeout())
	defer cancel()
	adm := kadm.NewClient(cl)
	start, err := adm.ListStartOffsets(asking, name)
	if err := errors.Join(err, start.Error()); err != nil {
		return 0, err
	}
	end, err := adm.ListEndOffsets(asking, name)
	if err := errors.Join(err, end.Error()); err != nil {
		return 0, err
	}
	for n := range d.Partitions {
		from, _ := start.Lookup(name, n)
		to, _ := end.Lookup(name, n)
		records += to.Offset - from.Offset
		if _, _, err := kafkaconn.Probe(ctx, cl, name, n, to.Offset, c.timeout()); err != nil {
			return 0, err
		}
	}
	return records, nil
}
