package web

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tributary-data/tributary/event"
)

// KafkaStatus is what the source Kafka says of itself, since the program
// started. Status.Kafka is nil where there is none.
type KafkaStatus struct {
	Problems      []string // one line each; they stand in Status.Degraded too
	Partitions    []KafkaPartition
	Paused        string // why nothing is fetched now
	Pauses        map[string]KafkaPause
	Losses        map[string]int64 // by kind
	FetchErrors   int64
	RegistryWaits int64
	CommitsFailed int64
	BufferedBytes int64
	BufferBytes   int64
}

// KafkaPause is how often and how long fetching has paused for a reason.
type KafkaPause struct {
	Times int64
	Total time.Duration
}

// KafkaPartition is one partition that is read. Input is the name of its input.
type KafkaPartition struct {
	Input     string
	Topic     string
	Partition int32
	Behind    int64 // -1: unknown
	Records   int64
	Bytes     int64
	Skipped   int64
	Stopped   bool
	Ahead     bool // it waits for others that are further behind in event time
}

var (
	dKafkaLag       = desc("kafka_consumer_lag_records", "Records of the partition that are not read yet; absent while unknown.", "topic", "partition")
	dKafkaWatermark = desc("kafka_watermark_lag_seconds", "How far the watermark of the partition is behind the clock; absent before its first record.", "topic", "partition")
	dKafkaIdle      = desc("kafka_partition_idle", "1 when the partition is at its end and silent, and holds the watermark no more.", "topic", "partition")
	dKafkaStopped   = desc("kafka_partition_stopped", "1 when what comes next in the partition is lost; see on_data_loss.", "topic", "partition")
	dKafkaAhead     = desc("kafka_partition_waiting", "1 while the partition waits for others that are further behind in event time.", "topic", "partition")
	dKafkaRecords   = desc("kafka_records_total", "Records handed in since the start.", "topic", "partition")
	dKafkaBytes     = desc("kafka_bytes_total", "Bytes of keys and values handed in since the start.", "topic", "partition")
	dKafkaSkipped   = desc("kafka_tombstones_total", "Records without a value, which are skipped.", "topic", "partition")
	dKafkaPaused    = desc("kafka_paused", "1 while fetching pauses for the reason.", "reason")
	dKafkaPauses    = desc("kafka_pauses_total", "How often fetching has paused, by reason.", "reason")
	dKafkaPauseTime = desc("kafka_pause_seconds_total", "For how long fetching has paused, by reason.", "reason")
	dKafkaLosses    = desc("kafka_data_losses_total", "How often Kafka had lost what came next, by kind.", "kind")
	dKafkaErrors    = desc("kafka_fetch_errors_total", "Fetches of a partition that failed and are tried again.")
	dKafkaRegistry  = desc("kafka_schema_registry_waits_total", "How often a partition had to wait for the schema registry.")
	dKafkaCommits   = desc("kafka_offset_commits_failed_total", "Offsets that could not be written back to the group; nothing but lag tools needs them.")
	dKafkaBuffered  = desc("kafka_buffered_bytes", "Memory of records that were fetched and are not durable yet.")
	dKafkaBuffer    = desc("kafka_buffer_limit_bytes", "What kafka.buffer_bytes allows.")
)

// pauseReasons exist from the start, so that rates do.
var pauseReasons = []string{"tick_busy", "disk", "sink_quota"}

func (k *KafkaStatus) collect(ch chan<- prometheus.Metric, inputs []Input, now event.Millis) {
	if k == nil {
		return
	}
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	counter := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, v, labels...)
	}
	byName := map[string]Input{}
	for _, in := range inputs {
		byName[in.Name] = in
	}
	for _, p := range k.Partitions {
		labels := []string{p.Topic, strconv.Itoa(int(p.Partition))}
		if p.Behind >= 0 {
			gauge(dKafkaLag, float64(p.Behind), labels...)
		}
		if in, ok := byName[p.Input]; ok {
			gauge(dKafkaIdle, one(in.Idle), labels...)
			if in.Watermark != event.NoTime && in.Watermark != event.EndOfTime {
				gauge(dKafkaWatermark, float64(now-in.Watermark)/1000, labels...)
			}
		}
		gauge(dKafkaStopped, one(p.Stopped), labels...)
		gauge(dKafkaAhead, one(p.Ahead), labels...)
		counter(dKafkaRecords, float64(p.Records), labels...)
		counter(dKafkaBytes, float64(p.Bytes), labels...)
		counter(dKafkaSkipped, float64(p.Skipped), labels...)
	}
	pauses := map[string]KafkaPause{}
	for _, reason := range pauseReasons {
		pauses[reason] = KafkaPause{}
	}
	for reason, p := range k.Pauses {
		pauses[reason] = p
	}
	for reason, p := range pauses {
		gauge(dKafkaPaused, one(k.Paused == reason), reason)
		counter(dKafkaPauses, float64(p.Times), reason)
		counter(dKafkaPauseTime, p.Total.Seconds(), reason)
	}
	for kind, n := range k.Losses {
		counter(dKafkaLosses, float64(n), kind)
	}
	counter(dKafkaErrors, float64(k.FetchErrors))
	counter(dKafkaRegistry, float64(k.RegistryWaits))
	counter(dKafkaCommits, float64(k.CommitsFailed))
	gauge(dKafkaBuffered, float64(k.BufferedBytes))
	gauge(dKafkaBuffer, float64(k.BufferBytes))
}
