// Package producer sends generated traffic to Kafka, for demonstrations and
// tests of whole topologies. It owns its connection and nothing else.
//
// Invariants:
//  1. Records of one person go to one partition, in their order.
//  2. What Send returned nil for is acknowledged by all replicas.
package producer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Record is one record for a topic. Key decides the partition; without one they
// are spread.
type Record struct {
	Topic string
	Key   []byte
	Value []byte
	Time  time.Time
}

// Producer sends records. One goroutine uses it.
type Producer struct{ client *kgo.Client }

// maxBuffered bounds what waits to be sent.
const maxBuffered = 64 << 10

// Open connects; it fails when no broker answers within the context.
func Open(ctx context.Context, brokers []string) (*Producer, error) {
	client, err := kgo.NewClient(
		kgo.SeedBrokers(brokers...), kgo.ClientID("tributary-generate"), kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.MaxBufferedRecords(maxBuffered), kgo.ProducerBatchCompression(kgo.ZstdCompression(), kgo.NoCompression()),
		kgo.ProducerLinger(5*time.Millisecond), // no limit on a record's age: it counts from its timestamp
	)
	if err != nil {
		return nil, fmt.Errorf("make a client of Kafka: %w", err)
	}
	if err := client.Ping(ctx); err != nil {
		client.Close()
		return nil, fmt.Errorf("reach Kafka at %v: %w", brokers, err)
	}
	return &Producer{client}, nil
}

// Ensure makes the topics that are not there.
func (p *Producer) Ensure(ctx context.Context, partitions int32, topics ...string) error {
	req := kmsg.NewPtrCreateTopicsRequest()
	req.TimeoutMillis = 15_000
	for _, name := range topics {
		t := kmsg.NewCreateTopicsRequestTopic()
		t.Topic, t.NumPartitions, t.ReplicationFactor = name, partitions, -1
		req.Topics = append(req.Topics, t)
	}
	res, err := req.RequestWith(ctx, p.client)
	if err != nil {
		return fmt.Errorf("make topics: %w", err)
	}
	var errs []error
	for i := range res.Topics {
		if err := kerr.ErrorForCode(res.Topics[i].ErrorCode); err != nil && !errors.Is(err, kerr.TopicAlreadyExists) {
			errs = append(errs, fmt.Errorf("make topic %s: %w", res.Topics[i].Topic, err))
		}
	}
	return errors.Join(errs...)
}

// Send blocks until all records are acknowledged.
func (p *Producer) Send(ctx context.Context, records []Record) error {
	out := make([]*kgo.Record, len(records))
	for i, r := range records {
		out[i] = &kgo.Record{Topic: r.Topic, Key: r.Key, Value: r.Value, Timestamp: r.Time}
	}
	if err := p.client.ProduceSync(ctx, out...).FirstErr(); err != nil {
		return fmt.Errorf("send to Kafka: %w", err)
	}
	return nil
}

// Close sends what waits, as far as that goes, and disconnects.
func (p *Producer) Close() { p.client.Close() }
