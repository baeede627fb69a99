package service

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/tributary-data/tributary/configs"
	"github.com/tributary-data/tributary/sinks"
	"github.com/tributary-data/tributary/sinks/bigquery"
	"github.com/tributary-data/tributary/sinks/clickhouse"
	"github.com/tributary-data/tributary/sinks/files"
	kafkasink "github.com/tributary-data/tributary/sinks/kafka"
	"github.com/tributary-data/tributary/sinks/postgres"
	"github.com/tributary-data/tributary/sinks/redis"
)

// SinkNames lists the sinks that the configuration switches on.
func SinkNames(cfg *configs.Config) []string {
	var names []string
	s := &cfg.Sinks
	for _, x := range []struct {
		name string
		on   bool
	}{
		{"files", s.Files != nil},
		{"redis", s.Redis != nil},
		{"clickhouse", s.ClickHouse != nil},
		{"kafka", s.Kafka != nil},
		{"postgres", s.Postgres != nil},
		{"bigquery", s.BigQuery != nil},
		{"snowflake", s.Snowflake != nil},
	} {
		if x.on {
			names = append(names, x.name)
		}
	}
	return names
}

// OpenSink opens a sink that the configuration switches on.
func OpenSink(ctx context.Context, cfg *configs.Config, name, version string, log *slog.Logger) (sinks.Sink, error) {
	look := cfg.Attribution.Lookback
	deps := sinks.Deps{
		Logger: log.With(slog.String("sink", name)), Version: version,
		SessionGap: cfg.Sessions.Gap.Millis(), Lookback: max(look.Click, look.Impression, look.Visit).Millis(),
	}
	switch c := &cfg.Sinks; name {
	case "files":
		return opened(files.Open(ctx, *c.Files, deps))
	case "redis":
		return opened(redis.Open(ctx, *c.Redis, deps))
	case "clickhouse":
		return opened(clickhouse.Open(ctx, *c.ClickHouse, deps))
	case "kafka":
		return opened(kafkasink.Open(ctx, *c.Kafka, deps))
	case "postgres":
		return opened(postgres.Open(ctx, *c.Postgres, deps))
	case "bigquery":
		return opened(bigquery.Open(ctx, *c.BigQuery, deps))
	}
	return nil, fmt.Errorf("sinks.%s: this build has no such sink", name)
}

// opened makes a sink of any kind a sinks.Sink, and none of an error.
func opened[S sinks.Sink](s S, err error) (sinks.Sink, error) {
	if err != nil {
		return nil, err
	}
	return s, nil
}
