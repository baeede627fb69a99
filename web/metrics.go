package web

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/tributary-data/tributary/event"
)

// metrics are those of the HTTP side. No label ever holds a user, a campaign or
// anything else that comes from outside.
type metrics struct {
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	inFlight prometheus.Gauge
	panics   prometheus.Counter
	bodies   *prometheus.CounterVec
	refused  *prometheus.CounterVec

	turnedAway prometheus.Counter
	warmLeft   prometheus.Gauge
	*liveMetrics
	handler http.Handler
}

func newMetrics(reg *prometheus.Registry, view View) *metrics {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "tributary_http_requests_total", Help: "HTTP requests answered."}, []string{"route", "method", "code"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "tributary_http_request_seconds", Help: "Time from the header of a request to the end of its answer.",
			Buckets:                     []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
			NativeHistogramBucketFactor: 1.1, NativeHistogramMaxBucketNumber: 100, NativeHistogramMinResetDuration: time.Hour,
		}, []string{"route"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{Name: "tributary_http_requests_in_flight", Help: "HTTP requests being answered."}),
		panics:   prometheus.NewCounter(prometheus.CounterOpts{Name: "tributary_http_panics_total", Help: "Panics of HTTP handlers; every one is a fault of the program."}),
		bodies:   prometheus.NewCounterVec(prometheus.CounterOpts{Name: "tributary_collector_records_total", Help: "Records sent to the collector, by what became of them."}, []string{"result"}),
	}
	m.refused = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "tributary_http_refused_total", Help: "Requests refused by authentication or a rate limit, by why."}, []string{"reason"})
	for _, why := range []string{"unknown", "scope", "login", "rate_key", "rate_address", "rate_failures"} {
		m.refused.WithLabelValues(why)
	}
	m.turnedAway = prometheus.NewCounter(prometheus.CounterOpts{Name: "tributary_http_connections_refused_total", Help: "Connections closed at once because server.limits allows no more."})
	m.warmLeft = prometheus.NewGauge(prometheus.GaugeOpts{Name: "tributary_read_ahead_hours_left", Help: "Hours of the last 31 days whose sums are still to be read ahead of the first question; 0 when done."})
	reg.MustRegister(m.refused, m.turnedAway, m.warmLeft)
	m.liveMetrics = newLiveMetrics(reg)
	for _, result := range []string{"accepted", "duplicate", "late", "rejected"} {
		m.bodies.WithLabelValues(result) // so that rates exist from the start
	}
	reg.MustRegister(m.requests, m.seconds, m.inFlight, m.panics, m.bodies,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), &statusCollector{view})
	m.handler = promhttp.HandlerFor(reg, promhttp.HandlerOpts{EnableOpenMetrics: true, MaxRequestsInFlight: 4, Timeout: 10 * time.Second})
	return m
}

func (s *Server) serveMetrics(w http.ResponseWriter, r *http.Request) {
	s.metrics.handler.ServeHTTP(w, r)
}

// statusCollector shows the status of the pipeline, read once per scrape.
type statusCollector struct{ view View }

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("tributary_"+name, help, labels, nil)
}

var (
	dReady     = desc("ready", "1 when the pipeline is ready.")
	dDegraded  = desc("degraded_reasons", "How many things are wrong although the pipeline works on.")
	dPaused    = desc("intake_paused", "1 while no records are taken in, because the disk or the outbox is full.")
	dInfo      = desc("build_info", "1; the version is the label.", "version")
	dWatermark = desc("watermark_timestamp_seconds", "The watermark; absent before the first record.")
	dCommit    = desc("commit_number", "Number of the last durable commit.")
	dEpoch     = desc("epoch", "Epoch of the owner.")
	dRecords   = desc("input_records_total", "Records read, of every fate.")
	dFates     = desc("records_set_aside_total", "Records that were not simply applied, by what happened to them.", "fate")
	dDead      = desc("dead_letters_total", "Records that break a rule, by code.", "code")
	dDropped   = desc("dropped_fields_total", "Optional fields left out of events because they were wrong.", "field")
	dRounded   = desc("money_rounded_total", "Amounts with more than six fraction digits.")
	dInputs    = desc("inputs", "Inputs by state.", "state")
	dBehind    = desc("consumer_lag_records", "Records not yet read over all inputs that know.")
	dDisk      = desc("disk_used_bytes", "Bytes of the state.")
	dBudget    = desc("disk_budget_bytes", "Bytes that the state may take; 0 when there is no budget.")
	dOutbox    = desc("outbox_rows", "Rows not yet delivered.", "sink")
	dSinkLag   = desc("sink_lag_seconds", "Age of the oldest row not yet delivered.", "sink")
	dSinkUp    = desc("sink_up", "1 when the sink takes rows.", "sink")
	dTick      = desc("tick_seconds", "Applying one tick.")
	dDurable   = desc("commit_seconds", "From the end of a tick to its sync.")
	dVisible   = desc("visible_latency_seconds", "From the arrival of a record to its being visible.")
)

// Describe leaves the collector unchecked on purpose: which sinks and codes
// there are is known only when asked.
func (*statusCollector) Describe(chan<- *prometheus.Desc) {}

// Collect reads the status once, so that the metrics of a scrape agree.
func (c *statusCollector) Collect(ch chan<- prometheus.Metric) {
	st := c.view.Status()
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	counter := func(d *prometheus.Desc, v int64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), labels...)
	}
	gauge(dReady, one(st.Ready))
	gauge(dDegraded, float64(len(st.Degraded)))
	gauge(dPaused, one(st.Paused != ""))
	gauge(dInfo, 1, st.Version)
	if st.Watermark != event.NoTime && st.Watermark != event.EndOfTime {
		gauge(dWatermark, float64(st.Watermark)/1000)
	}
	gauge(dCommit, float64(st.Commit))
	gauge(dEpoch, float64(st.Epoch))
	counter(dRecords, st.Counts.Records)
	counter(dFates, st.Counts.Late, "late")
	counter(dFates, st.Counts.TooLate, "too_late")
	counter(dFates, st.Counts.Duplicates, "duplicate")
	counter(dFates, st.Counts.Conflicts, "conflict")
	counter(dRounded, st.Counts.MoneyRounded)
	for _, code := range deadLetterCodes {
		counter(dDead, st.Counts.DeadLetters[event.Code(code)], code)
	}
	for name, n := range st.Counts.Dropped {
		counter(dDropped, n, name)
	}
	states := map[string]float64{"active": 0, "idle": 0, "finished": 0, "failing": 0}
	behind := 0.0
	for _, in := range st.Inputs {
		switch {
		case in.Finished:
			states["finished"]++
		case in.Error != "":
			states["failing"]++
		case in.Idle:
			states["idle"]++
		default:
			states["active"]++
		}
		behind += float64(max(0, in.Behind))
	}
	for state, n := range states {
		gauge(dInputs, n, state)
	}
	gauge(dBehind, behind)
	st.Kafka.collect(ch, st.Inputs, event.Millis(time.Now().UnixMilli()))
	gauge(dDisk, float64(st.DiskBytes))
	gauge(dBudget, float64(st.DiskBudget))
	for _, k := range st.Sinks {
		gauge(dOutbox, float64(k.OutboxRows), k.Name)
		gauge(dSinkLag, k.Lag.Seconds(), k.Name)
		gauge(dSinkUp, one(k.State != "down"), k.Name)
	}
	for d, x := range map[*prometheus.Desc]Quantiles{dTick: st.Tick, dDurable: st.Durable, dVisible: st.Latency} {
		ch <- prometheus.MustNewConstSummary(d, x.Count, x.Sum.Seconds(), map[float64]float64{
			.5: x.P50.Seconds(), .95: x.P95.Seconds(), .99: x.P99.Seconds(),
		})
	}
}

func one(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
