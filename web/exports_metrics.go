package web

import "github.com/prometheus/client_golang/prometheus"

// exportCollector shows exports and what sinks were sent, read once per scrape.
type exportCollector struct{ x Exporter }

var (
	dExports     = desc("exports", "Exports that are known, by state.", "state")
	dExportBytes = desc("export_bytes", "Bytes of the exports that can be downloaded.")
	dSinkRows    = desc("sink_rows_total", "Rows sent to the sink since the start, repeats included.", "sink")
	dSinkBytes   = desc("sink_bytes_total", "Bytes of rows sent to the sink since the start, about.", "sink")
	dSinkBatches = desc("sink_batches_total", "Batches that the sink took since the start.", "sink")
	dSinkFails   = desc("sink_failures_total", "Rounds that failed since the start.", "sink")
	dSinkResyncs = desc("sink_resyncs_total", "How often every row was written again since the start.", "sink")
)

// Describe leaves the collector unchecked: which sinks there are is known when
// asked.
func (*exportCollector) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (c *exportCollector) Collect(ch chan<- prometheus.Metric) {
	states := map[string]int{JobQueued: 0, JobRunning: 0, JobDone: 0, JobFailed: 0, JobCancelled: 0}
	bytes := int64(0)
	for _, j := range c.x.Jobs() {
		states[j.State]++
		if j.State == JobDone && j.Destination == Downloads {
			bytes += j.Bytes
		}
	}
	for state, n := range states {
		ch <- prometheus.MustNewConstMetric(dExports, prometheus.GaugeValue, float64(n), state)
	}
	ch <- prometheus.MustNewConstMetric(dExportBytes, prometheus.GaugeValue, float64(bytes))
	for _, k := range c.x.SinkStates() {
		for d, n := range map[*prometheus.Desc]uint64{dSinkRows: k.Rows, dSinkBytes: k.Bytes, dSinkBatches: k.Batches, dSinkFails: k.Failures, dSinkResyncs: k.Resyncs} {
			ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), k.Name)
		}
	}
}
