package service

import (
	"errors"
	"testing"

	"github.com/tributary-data/tributary/configs"
)

func TestWhatIsMissingIsRefused(t *testing.T) {
	c := configs.Default()
	c.Sinks.Files = &configs.FilesSink{Dir: "out", Format: "ndjson"}
	if err := checkSupported(c); err != nil {
		t.Fatalf("a configuration that can be served is refused: %v", err)
	}
	c.Kafka = &configs.Kafka{}
	c.Sinks = configs.Sinks{
		Redis: &configs.RedisSink{}, ClickHouse: &configs.ClickHouseSink{}, Kafka: &configs.KafkaSink{},
		Postgres: &configs.PostgresSink{}, BigQuery: &configs.BigQuerySink{}, Snowflake: &configs.SnowflakeSink{},
	}
	var bad *configs.Error
	if err := checkSupported(c); !errors.As(err, &bad) || len(bad.Faults) != 7 {
		t.Errorf("got %v; want a fault for the source and for each of six sinks", err)
	}
}
