package service

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/tributary-data/tributary/configs"
	"github.com/tributary-data/tributary/sinks"
	"github.com/tributary-data/tributary/sinks/files"
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
	_ = deps
	_ = ctx
	switch name {
	case "files":
		format, err := files.ParseFormat(cfg.Sinks.Files.Format)
		if err != nil {
			return nil, err
		}
		return files.NewSink(cfg.Sinks.Files.Dir, format)
	}
	return nil, fmt.Errorf("sinks.%s: this build has no such sink", name)
}
