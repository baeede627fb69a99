package service

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"

	"github.com/tributary-data/tributary/configs"
	"github.com/tributary-data/tributary/ingest/kafka"
	"github.com/tributary-data/tributary/pipeline"
	"github.com/tributary-data/tributary/web"
)

// openKafka prepares the source Kafka where its section is there.
func (s *service) openKafka() error {
	if s.cfg.Kafka == nil {
		return nil
	}
	var err error
	s.kafka, err = kafka.New(kafka.Options{
		Surroundings: kafka.Surroundings{Log: s.log, Path: s.cfg.Path}, Config: *s.cfg.Kafka,
		Target: (*kafkaTarget)(s), Decode: s.decoders.decode, PauseReason: pauseReason,
	})
	var dns *net.DNSError
	if err != nil && !errors.As(err, &dns) {
		return &configs.Error{Faults: []configs.Fault{{Key: "kafka", Message: err.Error()}}}
	}
	return err
}

// awaits says of an input that the state knows whether a source will join it.
func (s *service) awaits(name string) bool {
	return s.cfg.Kafka != nil && s.cfg.Kafka.Awaits(name)
}

// kafkaTarget is the pipeline as the source Kafka sees it.
type kafkaTarget service

var _ kafka.Target = (*kafkaTarget)(nil)

// Join adds the input of a partition.
func (t *kafkaTarget) Join(ctx context.Context, name string) (kafka.Input, error) {
	in, err := t.live.Join(ctx, name, pipeline.JoinOptions{Holds: true})
	if err != nil {
		return nil, err
	}
	return kafkaInput{in}, nil
}

// Paused says why nothing is taken in.
func (t *kafkaTarget) Paused() error { return t.live.Paused() }

type kafkaInput struct{ *pipeline.LiveInput }

// HandIn hands in records of the partition.
func (in kafkaInput) HandIn(ctx context.Context, b kafka.Batch) (func(context.Context) error, error) {
	wait, err := in.LiveInput.HandIn(ctx, pipeline.Handing{Records: b.Records, Received: b.Received, Position: b.Position, AtEnd: b.AtEnd})
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) error {
		_, err := wait(ctx)
		return err
	}, nil
}

// pauseReason is a word for why intake is paused, for metrics.
func pauseReason(err error) string {
	if errors.Is(err, errDiskFull) {
		return "disk"
	}
	return "sink_quota"
}

// kafkaStatus is what the source says of itself, in the words of the API.
func (s *service) kafkaStatus() *web.KafkaStatus {
	if s.kafka == nil {
		return nil
	}
	k := s.kafka.Status()
	out := &web.KafkaStatus{
		Problems: k.Problems, Paused: k.Paused, Losses: k.Losses, FetchErrors: k.FetchErrors, RegistryWaits: k.RegistryWaits,
		CommitsFailed: k.CommitsFailed, BufferedBytes: k.BufferedBytes, BufferBytes: k.BufferBytes, Pauses: map[string]web.KafkaPause{},
	}
	for reason, p := range k.Pauses {
		out.Pauses[reason] = web.KafkaPause{Times: p.Times, Total: p.Total}
	}
	for _, p := range k.Partitions {
		out.Partitions = append(out.Partitions, web.KafkaPartition{
			Input: fmt.Sprintf("%s/%d", p.Topic, p.Partition), Topic: p.Topic, Partition: p.Partition,
			Behind: p.Behind, Records: p.Records, Bytes: p.Bytes, Skipped: p.Skipped, Stopped: p.Stopped, Ahead: p.Ahead,
		})
	}
	return out
}

// runKafka reads until ctx ends.
func (s *service) runKafka(ctx context.Context) error {
	s.log.Info("reading kafka", slog.Any("brokers", s.cfg.Kafka.Brokers), slog.Any("topics", s.cfg.Kafka.Topics), slog.String("on_data_loss", s.cfg.Kafka.OnDataLoss))
	return s.kafka.Run(ctx)
}
