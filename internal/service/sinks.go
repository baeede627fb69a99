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
	"github.com/tributary-data/tributary/sinks/snowflake"
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

func depsOf(cfg *configs.Config, name, version string, log *slog.Logger) sinks.Deps {
	look := cfg.Attribution.Lookback
	return sinks.Deps{
		Logger: log.With(slog.String("sink", name)), Version: version,
		SessionGap: cfg.Sessions.Gap.Millis(), Lookback: max(look.Click, look.Impression, look.Visit).Millis(),
	}
}

// SinkDDL is what a sink makes in its store, statement by statement; nil where
// it makes nothing.
func SinkDDL(cfg *configs.Config, name, version string, log *slog.Logger) []string {
	deps := depsOf(cfg, name, version, log)
	switch c := &cfg.Sinks; name {
	case "clickhouse":
		return clickhouse.DDL(*c.ClickHouse, deps)
	case "postgres":
		return postgres.DDL(*c.Postgres, deps)
	case "bigquery":
		return bigquery.DDL(*c.BigQuery, deps)
	case "snowflake":
		return snowflake.DDL(*c.Snowflake, deps)
	}
	return nil
}

// OpenSink opens a sink that the configuration switches on.
func OpenSink(ctx context.Context, cfg *configs.Config, name, version string, log *slog.Logger) (sinks.Sink, error) {
	deps := depsOf(cfg, name, version, log)
	switch c := &cfg.Sinks; name {
	case "files":
		return opened(files.Open(ctx, *c.Files, deps))
	case "redis":
		return opened(redis.Open(ctx, c.Redis.Resolve(cfg.Path), deps))
	case "clickhouse":
		return opened(clickhouse.Open(ctx, c.ClickHouse.Resolve(cfg.Path), deps))
	case "kafka":
		return opened(kafkasink.Open(ctx, c.Kafka.Resolve(cfg.Path), deps))
	case "postgres":
		return opened(postgres.Open(ctx, c.Postgres.Resolve(cfg.Path), deps))
	case "bigquery":
		return opened(bigquery.Open(ctx, c.BigQuery.Resolve(cfg.Path), deps))
	case "snowflake":
		return opened(snowflake.Open(ctx, c.Snowflake.Resolve(cfg.Path), deps))
	}
	return nil, fmt.Errorf("sinks.%s: there is no such sink", name)
}

// opened makes a sink of any kind a sinks.Sink, and none of an error.
func opened[S sinks.Sink](s S, err error) (sinks.Sink, error) {
	if err != nil {
		return nil, err
	}
	return s, nil
}
