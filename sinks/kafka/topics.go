package kafka

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/tributary-data/tributary/table"
)

// appended are the tables that are logs: their topics keep every record for the
// retention. All others are compacted to the latest record of each key.
var appended = []*table.Table{table.Journal, table.Triggers, table.LateEvents, table.DeadLetters}

// progressTopic says how far all others are.
const progressTopic = "progress"

func isAppended(t *table.Table) bool { return slices.Contains(appended, t) }

func (s *Sink) topic(t *table.Table) string { return s.cfg.Prefix + t.Name }

// written are the tables with a topic. Credits have none: they are in the record
// of their conversion, so that nobody reads half a restatement.
func written() []*table.Table {
	return slices.DeleteFunc(slices.Clone(table.All), func(t *table.Table) bool { return t == table.Credits })
}

func text(s string) *string { return &s }

// settings are the topic's configuration where the sink creates it.
func (s *Sink) settings(t *table.Table) map[string]*string {
	if t == nil || !isAppended(t) {
		return map[string]*string{
			"cleanup.policy": text("compact"),
			// Who reads from the beginning sees a deletion for a week, and old
			// records go soon.
			"delete.retention.ms":       text(strconv.Itoa(7 * 24 * 3_600_000)),
			"min.cleanable.dirty.ratio": text("0.2"),
		}
	}
	keep := "-1"
	if s.cfg.Retention > 0 {
		keep = strconv.FormatInt(int64(s.cfg.Retention), 10)
	}
	return map[string]*string{"cleanup.policy": text("delete"), "retention.ms": text(keep)}
}

// prepare makes the topics that are missing, and warns of those whose settings
// lose rows.
func (s *Sink) prepare(ctx context.Context, adm *kadm.Client) error {
	names := map[string]*table.Table{s.cfg.Prefix + progressTopic: nil}
	for _, t := range written() {
		names[s.topic(t)] = t
	}
	all := make([]string, 0, len(names))
	for name := range names {
		all = append(all, name)
	}
	slices.Sort(all)
	there, err := adm.ListTopics(ctx, all...)
	if err != nil {
		return fmt.Errorf("listing topics: %w", err)
	}
	for _, name := range all {
		err := there[name].Err
		if err == nil && there.Has(name) {
			continue
		}
		if err != nil && !errors.Is(err, kerr.UnknownTopicOrPartition) {
			return fmt.Errorf("looking at topic %s: %w", name, err)
		}
		if !s.cfg.CreateTopics {
			return fmt.Errorf("topic %s does not exist; create it, or set sinks.kafka.create_topics", name)
		}
		partitions := int32(s.cfg.Partitions)
		if name == s.cfg.Prefix+progressTopic {
			partitions = 1
		}
		made, err := adm.CreateTopic(ctx, partitions, int16(s.cfg.ReplicationFactor), s.settings(names[name]), name)
		if err == nil {
			err = made.Err
		}
		if err != nil && !errors.Is(err, kerr.TopicAlreadyExists) {
			return fmt.Errorf("creating topic %s: %w %s", name, err, made.ErrMessage)
		}
	}
	configs, err := adm.DescribeTopicConfigs(ctx, all...)
	if err != nil {
		s.log.Warn("the settings of the topics cannot be read", slog.Any("err", err))
		return nil
	}
	for _, c := range configs {
		want := *s.settings(names[c.Name])["cleanup.policy"]
		for _, v := range c.Configs {
			if v.Key == "cleanup.policy" && v.MaybeValue() != want {
				s.log.Warn("a topic has another cleanup.policy than its table needs: rows are lost in time, or old ones stay",
					slog.String("topic", c.Name), slog.String("is", v.MaybeValue()), slog.String("want", want))
			}
		}
	}
	return nil
}

// explained adds to a fault what an operator can do about it.
func explained(err error) error {
	for _, x := range []struct {
		sign error
		hint string
	}{
		{kerr.TopicAuthorizationFailed, "the user needs Describe, Read, Write and, unless the topics are there, Create on the topics of sinks.kafka.prefix"},
		{kerr.TransactionalIDAuthorizationFailed, "the user needs Describe and Write on the transactional id of docs/sinks.md"},
		{kerr.ClusterAuthorizationFailed, "the user needs Create on the topics of sinks.kafka.prefix, or create them and unset create_topics"},
		{kerr.SaslAuthenticationFailed, "check sinks.kafka.sasl"},
		{kerr.InvalidReplicationFactor, "there are fewer brokers than sinks.kafka.replication_factor, or than the broker's transaction.state.log.replication.factor, asks for"},
		{kerr.MessageTooLarge, "raise message.max.bytes of the topic: a row is larger"},
		{kerr.NotEnoughReplicas, "too few replicas are in sync; see to the brokers"},
		{kerr.CoordinatorNotAvailable, "the broker has no coordinator for transactions: with fewer than three brokers set transaction.state.log.replication.factor and transaction.state.log.min.isr"},
	} {
		if errors.Is(err, x.sign) {
			return fmt.Errorf("%w; %s", err, x.hint)
		}
	}
	if errors.Is(err, kerr.ProducerFenced) || errors.Is(err, kerr.InvalidProducerEpoch) {
		return fmt.Errorf("another process has written to these topics since; give each its own sinks.kafka.prefix: %w", err)
	}
	return err
}
