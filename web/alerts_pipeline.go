package web

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/tributary-data/tributary/event"
)

// From when on the pipeline's own conditions are alerts.
const (
	lagWarning     = 2 * event.Minute
	lagCritical    = 15 * event.Minute
	inputSilent    = 10 * event.Minute
	sinkLagWarning = time.Minute
	diskWarning    = 85 // percent of the budget
	diskCritical   = 97
	deadWarning    = 10 // of 1,000 records
	deadCritical   = 100
	lateWarning    = 10
	ratesOver      = 10 * event.Minute // rates are those of so long
	leastRecords   = 200               // fewer say nothing about a rate
	sampleGap      = 10 * event.Second
	maxSamples     = 360 // an hour
)

// samples are the counts as they were, so that rates can be told. Nobody has to
// ask regularly: whatever asks adds one.
type samples struct {
	mu struct {
		sync.Mutex
		list []sample // oldest first
	}
}

type sample struct {
	at                  event.Millis
	records, dead, late int64
}

func (x *samples) note(now event.Millis, c *Counts) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if n := len(x.mu.list); n > 0 && now-x.mu.list[n-1].at < sampleGap {
		return
	}
	s := sample{at: now, records: c.Records, late: c.TooLate}
	for _, n := range c.DeadLetters {
		s.dead += n
	}
	x.mu.list = append(x.mu.list, s)
	if n := len(x.mu.list) - maxSamples; n > 0 {
		x.mu.list = append(x.mu.list[:0], x.mu.list[n:]...)
	}
}

// rates is what came in since the sample that is about as old as rates look
// back; of is which count. Since is when the rate first stood above the limit,
// without a break until now.
func (x *samples) rate(limit int64, of func(sample) int64) (n, records int64, since event.Millis, above bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for i := len(x.mu.list) - 1; i > 0; i-- {
		now, j := x.mu.list[i], i-1
		for j > 0 && now.at-x.mu.list[j].at < ratesOver {
			j--
		}
		then := x.mu.list[j]
		d, all := of(now)-of(then), now.records-then.records
		if all < leastRecords || d*1000 <= limit*all {
			break
		}
		if !above {
			n, records = d, all
		}
		above, since = true, now.at
	}
	return n, records, since, above
}

// pipelineAlerts are those of the program itself.
func (s *Server) pipelineAlerts(q *query, st *Status, t *traffic) []*alert {
	var out []*alert
	add := func(a *alert) {
		if a.subject == "" {
			a.subject = "pipeline"
		}
		if a.link == "" {
			a.link = "/pipeline"
		}
		out = append(out, a)
	}
	if !st.Ready {
		add(&alert{
			kind: "not_ready", severity: "critical", title: "The pipeline is not ready", detail: strings.Join(st.NotReady, "; "),
			action: "Wait until it has caught up; /readyz says when. If it does not, its log says why.", since: st.Started,
		})
	}
	if st.Paused != "" {
		add(&alert{
			kind: "intake_paused", severity: "critical", title: "No events are taken in", detail: st.Paused,
			action: "Do what the reason says: make room on the disk, or bring the sink back that the outbox waits for. Senders get 503 and should keep their events until then.",
			since:  q.now.Floor(event.Minute), stake: t.usualSpend(event.Hour, "usual spend of an hour, which is not counted for now"),
		})
	}
	if st.DiskBudget > 0 && st.Paused == "" {
		if percent := st.DiskBytes * 100 / st.DiskBudget; percent >= diskWarning {
			severity := "warning"
			if percent >= diskCritical {
				severity = "critical"
			}
			add(&alert{
				kind: "disk_filling", severity: severity, title: fmt.Sprintf("The state fills %d%% of its disk budget", percent),
				detail: fmt.Sprintf("%d of %d MB (state.disk_budget); intake pauses when it is full", st.DiskBytes>>20, st.DiskBudget>>20),
				action: "Raise state.disk_budget or shorten lookbacks; tributary state plan says what they need.", since: q.now.Floor(event.Hour),
			})
		}
	}
	s.inputAlerts(q, st, t, add)
	for _, k := range st.Sinks {
		s.sinkAlert(q, &k, t, add)
	}
	s.rateAlerts(add)
	return out
}

func (s *Server) inputAlerts(q *query, st *Status, t *traffic, add func(*alert)) {
	active, begun := 0, 0
	for _, in := range st.Inputs {
		if in.Finished {
			continue
		}
		if in.Records > 0 {
			begun++
		}
		if !in.Idle && in.Records > 0 {
			active++
		}
		if in.Error != "" {
			add(&alert{
				kind: "input_failing", severity: "critical", subject: "input", id: in.Name, title: "Input " + in.Name + " cannot be read",
				detail: in.Error, action: "See that the source can be reached and that its settings are right; it is tried again by itself, and nothing is lost.",
				since: sinceOf(in.Watermark, q.now), stake: t.usualSpend(event.Hour, "usual spend of an hour, over all inputs"),
			})
		}
	}
	for _, in := range st.Inputs {
		silent := q.now - in.Watermark
		if in.Finished || in.Error != "" || !in.Idle || in.Records == 0 || in.Watermark == event.NoTime || silent < inputSilent {
			continue
		}
		severity, note := "warning", "usual spend of an hour, over all inputs"
		if active == 0 {
			severity = "critical" // nothing comes in at all
		}
		add(&alert{
			kind: "input_stopped", severity: severity, subject: "input", id: in.Name, title: "Nothing has come from " + in.Name + " for " + span(silent),
			detail: fmt.Sprintf("it has sent %d records so far, the last at about %s; the watermark goes on without it", in.Records, in.Watermark),
			action: "See whether what sends to it still runs. Events that come later are counted, late ones restate what they change.",
			since:  in.Watermark, stake: t.usualSpend(event.Hour, note),
		})
	}
	if lag := q.now - st.Watermark; st.Watermark != event.NoTime && active > 0 && lag >= lagWarning {
		severity := "warning"
		if lag >= lagCritical {
			severity = "critical"
		}
		holds := ""
		for _, in := range st.Inputs {
			if !in.Idle && !in.Finished && in.Watermark <= st.Watermark+event.Second {
				holds = "; " + in.Name + " holds it"
			}
		}
		add(&alert{
			kind: "watermark_lag", severity: severity, title: "Figures are complete only up to " + span(lag) + " ago",
			detail: "the watermark is " + st.Watermark.String() + holds, action: "The input that holds it lags or sends old events; /v1/pipeline shows each. Figures behind the watermark are not affected.",
			since: st.Watermark, stake: t.openSpend,
		})
	}
}

func (s *Server) sinkAlert(q *query, k *Sink, t *traffic, add func(*alert)) {
	since := sinceOf(k.Watermark, q.now)
	if k.Lag > 0 {
		since = q.now - event.Millis(k.Lag.Milliseconds())
	}
	switch {
	case k.State == "down":
		add(&alert{
			kind: "sink_down", severity: "critical", subject: "sink", id: k.Name, title: "Sink " + k.Name + " takes no rows",
			detail: fmt.Sprintf("%s; %d rows wait in the outbox", k.Error, k.OutboxRows),
			action: "See that the store can be reached and that its settings are right. Rows wait and are delivered by themselves; nothing is lost until the disk budget is used up.",
			since:  since, stake: t.usualSpend(q.now-since, "usual spend of the time that the store lacks"),
		})
	case k.State == "catching_up" || k.Lag >= sinkLagWarning:
		add(&alert{
			kind: "sink_behind", severity: "warning", subject: "sink", id: k.Name, title: "Sink " + k.Name + " is behind",
			detail: fmt.Sprintf("%d rows wait in the outbox, the oldest for %s", k.OutboxRows, span(event.Millis(k.Lag.Milliseconds()))),
			action: "It catches up by itself when the store takes rows faster than they change; /v1/pipeline shows whether the number falls.",
			since:  since,
		})
	}
}

func (s *Server) rateAlerts(add func(*alert)) {
	if n, all, since, above := s.samples.rate(deadWarning, func(x sample) int64 { return x.dead }); above {
		severity := "warning"
		if n*1000 > deadCritical*all {
			severity = "critical"
		}
		add(&alert{
			kind: "dead_letters", severity: severity, title: fmt.Sprintf("%s of the records that come in break a rule", percent(n, all)),
			detail: fmt.Sprintf("%d of the last %d records became dead letters", n, all), link: "/dead-letters",
			action: "Look at the dead letters: each says what is wrong and has its bytes. Once the sender is mended, send them again.", since: since,
		})
	}
	if n, all, since, above := s.samples.rate(lateWarning, func(x sample) int64 { return x.late }); above {
		add(&alert{
			kind: "late_events", severity: "warning", title: fmt.Sprintf("%s of the records come too late to count", percent(n, all)),
			detail: fmt.Sprintf("%d of the last %d records were older than time.allowed_lateness", n, all), link: "/late-events",
			action: "See why the sender holds events back, or raise time.allowed_lateness. Late events are kept and can be replayed.", since: since,
		})
	}
}

func sinceOf(t, now event.Millis) event.Millis {
	if t == event.NoTime || t == event.EndOfTime {
		return now.Floor(event.Minute)
	}
	return t
}

func percent(n, of int64) string {
	if of == 0 {
		return "0%"
	}
	return fmt.Sprintf("%d.%d%%", n*100/of, n*1000/of%10)
}

// span is a length of time in words.
func span(d event.Millis) string {
	switch {
	case d < 2*event.Minute:
		return fmt.Sprintf("%d seconds", d/event.Second)
	case d < 2*event.Hour:
		return fmt.Sprintf("%d minutes", d/event.Minute)
	case d < 2*event.Day:
		return fmt.Sprintf("%d hours", d/event.Hour)
	}
	return fmt.Sprintf("%d days", d/event.Day)
}
