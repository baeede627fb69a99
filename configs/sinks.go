package configs

import (
	"github.com/tributary-data/tributary/ingest/kafka"
	"github.com/tributary-data/tributary/internal/auth"
	"github.com/tributary-data/tributary/sinks/bigquery"
	"github.com/tributary-data/tributary/sinks/clickhouse"
	"github.com/tributary-data/tributary/sinks/files"
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
	Files      *files.Config      `yaml:"files"`
	Postgres   *postgres.Config   `yaml:"postgres"`
	BigQuery   *bigquery.Config   `yaml:"bigquery"`
	Snowflake  *snowflake.Config  `yaml:"snowflake"`
}

// FilesSink is the section of the files sink.
type FilesSink = files.Config

// fill gives an optional section that was just switched on its defaults.
func fill(section any) {
	switch s := section.(type) {
	case *auth.Config:
		*s = auth.DefaultConfig()
	case *auth.OIDC:
		*s = auth.DefaultOIDC()
	case *kafka.Config:
		*s = kafka.DefaultConfig()
	case *redis.Config:
		*s = redis.DefaultConfig()
	case *clickhouse.Config:
		*s = clickhouse.DefaultConfig()
	case *kafkasink.Config:
		*s = kafkasink.DefaultConfig()
	case *files.Config:
		*s = files.DefaultConfig()
	case *postgres.Config:
		*s = postgres.DefaultConfig()
	case *bigquery.Config:
		*s = bigquery.DefaultConfig()
	case *snowflake.Config:
		*s = snowflake.DefaultConfig()
	}
}
