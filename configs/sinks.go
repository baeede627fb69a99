package configs

import (
	"github.com/tributary-data/tributary/ingest/kafka"
	"github.com/tributary-data/tributary/sinks/bigquery"
	"github.com/tributary-data/tributary/sinks/clickhouse"
	kafkasink "github.com/tributary-data/tributary/sinks/kafka"
	"github.com/tributary-data/tributary/sinks/postgres"
	"github.com/tributary-data/tributary/sinks/redis"
	"github.com/tributary-data/tributary/sinks/snowflake"
)

// Sinks are the stores that the tables are kept in; each is on when its
// section is there.
type Sinks struct {
	Redis      *redis.Config      `yaml:"redis"`
	ClickHouse *clickhouse.Config `yaml:"clickhouse"`
	Kafka      *kafkasink.Config  `yaml:"kafka"`
	Files      *FilesSink         `yaml:"files"`
	Postgres   *postgres.Config   `yaml:"postgres"`
	BigQuery   *bigquery.Config   `yaml:"bigquery"`
	Snowflake  *snowflake.Config  `yaml:"snowflake"`
}

// FilesSink writes a file for each table.
type FilesSink struct {
	Dir    string `yaml:"dir"`
	Format string `yaml:"format"` // ndjson, csv, parquet
}

// fill gives an optional section that was just switched on its defaults.
func fill(section any) {
	switch s := section.(type) {
	case *kafka.Config:
		*s = kafka.DefaultConfig()
	case *redis.Config:
		*s = redis.DefaultConfig()
	case *clickhouse.Config:
		*s = clickhouse.DefaultConfig()
	case *kafkasink.Config:
		*s = kafkasink.DefaultConfig()
	case *FilesSink:
		*s = FilesSink{Dir: "out", Format: "parquet"}
	case *postgres.Config:
		*s = postgres.DefaultConfig()
	case *bigquery.Config:
		*s = bigquery.DefaultConfig()
	case *snowflake.Config:
		*s = snowflake.DefaultConfig()
	}
}
