package web

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// liveMetrics are those of the live feed. Labels hold names of channels, which
// are ours.
type liveMetrics struct {
	liveClients   prometheus.Gauge
	liveStreams   prometheus.Gauge
	liveRefused   prometheus.Counter
	liveResets    *prometheus.CounterVec
	liveFrames    *prometheus.CounterVec
	streamSeconds *prometheus.HistogramVec
	latency       *prometheus.HistogramVec
}

func newLiveMetrics(reg *prometheus.Registry) *liveMetrics {
	m := &liveMetrics{
		liveClients: prometheus.NewGauge(prometheus.GaugeOpts{Name: "tributary_ws_clients", Help: "Clients of the live feed, sockets and streams together."}),
		liveStreams: prometheus.NewGauge(prometheus.GaugeOpts{Name: "tributary_ws_subscriptions", Help: "Different subscriptions that are worked out; clients that show the same share one."}),
		liveRefused: prometheus.NewCounter(prometheus.CounterOpts{Name: "tributary_ws_refused_total", Help: "Clients of the live feed that found no place."}),
		liveResets:  prometheus.NewCounterVec(prometheus.CounterOpts{Name: "tributary_ws_resets_total", Help: "Subscriptions that could not go on from what the client had, by why."}, []string{"reason"}),
		liveFrames:  prometheus.NewCounterVec(prometheus.CounterOpts{Name: "tributary_ws_frames_total", Help: "Frames written to clients."}, []string{"channel"}),
		streamSeconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "tributary_ws_compute_seconds", Help: "Working out the figures of one frame, once for all clients.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5},
		}, []string{"channel"}),
		latency: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "tributary_e2e_latency_seconds", Help: "From the arrival of the oldest record in a frame of kpis to the frame being written to a client.",
			Buckets:                     []float64{.01, .02, .03, .04, .05, .06, .07, .087, .1, .125, .15, .2, .3, .5, 1, 2.5, 5},
			NativeHistogramBucketFactor: 1.1, NativeHistogramMaxBucketNumber: 100, NativeHistogramMinResetDuration: time.Hour,
		}, []string{"stage"}),
	}
	for _, c := range channels {
		m.liveFrames.WithLabelValues(c.name)
	}
	for _, why := range []string{"epoch", "gap"} {
		m.liveResets.WithLabelValues(why)
	}
	m.latency.WithLabelValues("frame")
	reg.MustRegister(m.liveClients, m.liveStreams, m.liveRefused, m.liveResets, m.liveFrames, m.streamSeconds, m.latency)
	return m
}

// framed notes that a frame was written.
func (m *liveMetrics) framed(st *stream, seq uint64) {
	m.liveFrames.WithLabelValues(st.ch.name).Inc()
	st.mu.Lock()
	arrived := st.mu.arrived
	if st.mu.seq != seq {
		arrived = time.Time{} // there is a newer one already
	}
	st.mu.Unlock()
	if !arrived.IsZero() {
		m.latency.WithLabelValues("frame").Observe(time.Since(arrived).Seconds())
	}
}
