package kafka

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tributary-data/tributary/internal/kafkaconn"
)

// Surroundings are what a client needs beside its configuration.
type Surroundings struct {
	Log  *slog.Logger
	Path func(name string) string // resolves the files that the configuration names; nil: as they are
	Dial kafkaconn.Dial
}

// maxBatch is what one batch of records may be when it is unpacked. Brokers take
// packed batches of 1 MiB by default; one that grows by more than 64 times is an
// attack or a mistake, and stops its partition with a message.
const maxBatch = 64 << 20

// clientOptions are those that every client of ours has. Secrets are read once
// now, so that a slip in the configuration is known at the start.
func clientOptions(c Config, s Surroundings) ([]kgo.Opt, error) {
	settings := kafkaconn.Settings{
		Key: "kafka", Brokers: c.Brokers, ClientID: c.ClientID, Protocol: c.SecurityProtocol, SASL: c.SASL, TLS: c.TLS,
		Timeout: c.timeout(), Path: s.Path, Dial: s.Dial,
	}
	opts, err := settings.Options()
	if err == nil {
		err = settings.CheckSecrets()
	}
	if err != nil {
		return nil, err
	}
	return append(opts, kgo.WithLogger(clientLog{s.Log})), nil
}

// clientLog writes what the client says into our log: its words as a value, so
// that messages stay constant. Its warnings are our debugging: what an operator
// must know stands in the state of the inputs.
type clientLog struct{ log *slog.Logger }

func (l clientLog) Level() kgo.LogLevel {
	if l.log != nil && l.log.Enabled(context.Background(), slog.LevelDebug) {
		return kgo.LogLevelInfo
	}
	return kgo.LogLevelError
}

func (l clientLog) Log(level kgo.LogLevel, msg string, keyvals ...any) {
	if l.log == nil {
		return
	}
	as := slog.LevelDebug
	if level == kgo.LogLevelError {
		as = slog.LevelWarn
	}
	l.log.Log(context.Background(), as, "kafka client", slog.String("said", msg), slog.String("about", fmt.Sprint(keyvals...)))
}
