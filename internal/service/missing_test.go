package service

import (
	"errors"
	"testing"

	"github.com/tributary-data/tributary/configs"
	"github.com/tributary-data/tributary/sinks/bigquery"
	"github.com/tributary-data/tributary/sinks/clickhouse"
	"github.com/tributary-data/tributary/sinks/postgres"
	"github.com/tributary-data/tributary/sinks/snowflake"
)

func TestWhatIsMissingIsRefused(t *testing.T) {
	c := configs.Default()
	c.Sinks.Files = &configs.FilesSink{Dir: "out", Format: "ndjson"}
	if err := checkSupported(c); err != nil {
		t.Fatalf("a configuration that can be served is refused: %v", err)
	}
	c.Sinks = configs.Sinks{
		ClickHouse: &clickhouse.Config{},
		Postgres: &postgres.Config{}, BigQuery: &bigquery.Config{}, Snowflake: &snowflake.Config{},
	}
	var bad *configs.Error
	if err := checkSupported(c); !errors.As(err, &bad) || len(bad.Faults) != 4 {
		t.Errorf("got %v; want a fault for each of four sinks", err)
	}
}
