package kafka

import (
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tributary-data/tributary/internal/kafkaconn"
)

// options are those that every client of the sink has.
func (c Config) options() ([]kgo.Opt, error) {
	return kafkaconn.Settings{
		Key: "sinks.kafka", Brokers: c.Brokers, ClientID: c.ClientID, Protocol: c.SecurityProtocol, SASL: c.SASL.settings(), TLS: c.TLS,
		Timeout: c.timeout(),
	}.Options()
}

func codec(name string) kgo.CompressionCodec {
	switch name {
	case "gzip":
		return kgo.GzipCompression()
	case "snappy":
		return kgo.SnappyCompression()
	case "lz4":
		return kgo.Lz4Compression()
	case "zstd":
		return kgo.ZstdCompression()
	}
	return kgo.NoCompression()
}
