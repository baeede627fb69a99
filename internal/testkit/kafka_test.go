package testkit

import (
	"context"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// TestKafkaKeepsItsRecords: what was acknowledged is there after a kill.
func TestKafkaKeepsItsRecords(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a broker twice")
	}
	k := StartKafka(t)
	cl, err := kgo.NewClient(kgo.SeedBrokers(k.Brokers...), kgo.ConsumeTopics("clicks"))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if _, err := kadm.NewClient(cl).CreateTopic(ctx, 1, 1, nil, "clicks"); err != nil {
		t.Fatal(err)
	}
	if err := cl.ProduceSync(ctx, &kgo.Record{Topic: "clicks", Value: []byte("one")}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	k.Kill()
	k.Start()
	if err := cl.ProduceSync(ctx, &kgo.Record{Topic: "clicks", Value: []byte("two")}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	var got []string
	for len(got) < 2 {
		f := cl.PollFetches(ctx)
		f.EachRecord(func(r *kgo.Record) { got = append(got, string(r.Value)) })
	}
	if got[0] != "one" || got[1] != "two" || len(got) != 2 {
		t.Errorf("the broker kept %q; want one, two", got)
	}
}
