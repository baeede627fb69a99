package configs

// Kafka is the source `kafka`; it is on when its section is there.
type Kafka struct {
	Brokers []string `yaml:"brokers"`
	Topics  []string `yaml:"topics"`
	Group   string   `yaml:"group"` // where the offsets are written back as a hint
}

// Sinks are the stores that the tables are kept in; each is on when its
// section is there.
type Sinks struct {
	Redis      *RedisSink      `yaml:"redis"`
	ClickHouse *ClickHouseSink `yaml:"clickhouse"`
	Kafka      *KafkaSink      `yaml:"kafka"`
	Files      *FilesSink      `yaml:"files"`
	Postgres   *PostgresSink   `yaml:"postgres"`
	BigQuery   *BigQuerySink   `yaml:"bigquery"`
	Snowflake  *SnowflakeSink  `yaml:"snowflake"`
}

// RedisSink keeps the current rows in Redis.
type RedisSink struct {
	Addrs []string `yaml:"addrs"`
}

// ClickHouseSink keeps the tables in ClickHouse.
type ClickHouseSink struct {
	Addrs    []string `yaml:"addrs"`
	Protocol string   `yaml:"protocol"` // native, http
	Database string   `yaml:"database"`
}

// KafkaSink writes a compacted topic for each table.
type KafkaSink struct {
	Brokers []string `yaml:"brokers"`
	Prefix  string   `yaml:"prefix"` // of the topic names
}

// FilesSink writes a file for each table.
type FilesSink struct {
	Dir    string `yaml:"dir"`
	Format string `yaml:"format"` // ndjson, csv, parquet
}

// PostgresSink keeps the tables in PostgreSQL.
type PostgresSink struct {
	DSN string `yaml:"dsn"` // may hold a password: masked wherever it is shown
}

// BigQuerySink keeps the tables in BigQuery.
type BigQuerySink struct {
	Project  string `yaml:"project"`
	Dataset  string `yaml:"dataset"`
	Endpoint string `yaml:"endpoint"` // empty: Google's
}

// SnowflakeSink keeps the tables in Snowflake.
type SnowflakeSink struct {
	Account        string `yaml:"account"`
	User           string `yaml:"user"`
	Database       string `yaml:"database"`
	Schema         string `yaml:"schema"`
	Warehouse      string `yaml:"warehouse"`
	PrivateKeyFile string `yaml:"private_key_file"`
}

// section is an optional part of the configuration: once it is there, what it
// does not say is filled in.
type section interface{ fill() }

func (k *Kafka) fill() {
	k.Brokers = []string{"127.0.0.1:9092"}
	k.Topics = []string{"impressions", "clicks", "conversions"}
	k.Group = "tributary"
}

func (s *RedisSink) fill() { s.Addrs = []string{"127.0.0.1:6379"} }

func (s *ClickHouseSink) fill() {
	*s = ClickHouseSink{Addrs: []string{"127.0.0.1:9000"}, Protocol: "native", Database: "tributary"}
}

func (s *KafkaSink) fill() {
	*s = KafkaSink{Brokers: []string{"127.0.0.1:9092"}, Prefix: "tributary."}
}

func (s *FilesSink) fill() { *s = FilesSink{Dir: "out", Format: "parquet"} }

func (s *PostgresSink) fill() {}

func (s *BigQuerySink) fill() { s.Dataset = "tributary" }

func (s *SnowflakeSink) fill() {}
