package producer_test

import (
	"context"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tributary-data/tributary/internal/producer"
)

func TestSend(t *testing.T) {
	broker, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	defer broker.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	p, err := producer.Open(ctx, broker.ListenAddrs())
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	for range 2 { // the second time they are there
		if err := p.Ensure(ctx, 3, "clicks", "conversions"); err != nil {
			t.Fatal(err)
		}
	}
	var sent []producer.Record
	for i := range byte(50) {
		sent = append(sent, producer.Record{Topic: "clicks", Key: []byte("person"), Value: []byte{i}, Time: time.UnixMilli(1)})
	}
	if err := p.Send(ctx, sent); err != nil {
		t.Fatal(err)
	}
	reader, err := kgo.NewClient(kgo.SeedBrokers(broker.ListenAddrs()...), kgo.ConsumeTopics("clicks"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	partition := int32(-1)
	for next := byte(0); next < 50; {
		fetched := reader.PollFetches(ctx)
		if err := fetched.Err(); err != nil {
			t.Fatal(err)
		}
		fetched.EachRecord(func(r *kgo.Record) {
			if partition < 0 {
				partition = r.Partition
			}
			if r.Value[0] != next || r.Partition != partition {
				t.Errorf("record %d in partition %d; want %d in %d", r.Value[0], r.Partition, next, partition)
			}
			next++
		})
	}
	if err := p.Send(ctx, []producer.Record{{Topic: "nowhere", Value: []byte("x")}}); err == nil {
		t.Error("a topic that is not there was taken")
	}
}

func TestNobodyAnswers(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if _, err := producer.Open(ctx, []string{"127.0.0.1:1"}); err == nil {
		t.Error("opened without a broker")
	}
}
