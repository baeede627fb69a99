package cli

import (
	"fmt"
	"math"
	"strings"
	"text/tabwriter"

	"github.com/tributary-data/tributary/attribution"
	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/pipeline"
	"github.com/tributary-data/tributary/state"
)

// Bytes on disk, keys included, after compression. They were measured with
// `state inspect` over generated traffic and rounded up; ids longer than a UUID
// need more.
const (
	impressionBytes = 60
	clickBytes      = 90
	velocityBytes   = 45  // one entry
	velocityEntries = 3   // the rules that count a click
	sessionBytes    = 260 // with its two indexes
	conversionBytes = 420 // event, record, its ids, indexes
	touchBytes      = 60  // of a path, in the conversion's record
	journalBytes    = 110 // one entry
	verdictBytes    = 120
	rollupBytes     = 70

	// What traffic is like where the flags do not say.
	touchesAssumed  = 5    // of a conversion
	sessionsAssumed = 0.9  // per click: few clicks share one
	invalidAssumed  = 0.15 // of the clicks
	campaignsAtOnce = 200  // that have impressions in one minute, and ten times as many rows in one hour
)

// planRow is what one part of the state needs.
type planRow struct {
	name    string
	perDay  float64 // records
	bytes   float64 // of one record
	kept    event.Millis
	forever bool
}

// plan is what a load needs of the disk.
type plan struct {
	o      planOptions
	rows   []planRow
	budget int64
}

func planFor(cfg *pipeline.Config, o planOptions, budget int64) *plan {
	day := float64(event.Day / event.Second)
	impressions := o.Rate * day
	clicks := impressions * o.CTR
	conversions := clicks * o.CVR
	keep := cfg.Retention()
	models := float64(len(attribution.Models))
	minutes := day / 60
	return &plan{o: o, budget: budget, rows: []planRow{
		{name: "impressions", perDay: impressions, bytes: impressionBytes, kept: keep.Impressions},
		{name: "clicks", perDay: clicks, bytes: clickBytes, kept: keep.History},
		{name: "click counts by rule", perDay: clicks * velocityEntries, bytes: velocityBytes, kept: keep.Velocity},
		{name: "sessions", perDay: clicks * sessionsAssumed, bytes: sessionBytes, forever: true},
		{name: "conversions", perDay: conversions, bytes: conversionBytes + touchBytes*touchesAssumed, forever: true},
		{name: "credit journal", perDay: conversions * models * (touchesAssumed + 1) / 2, bytes: journalBytes, forever: true},
		{name: "verdicts", perDay: clicks * invalidAssumed, bytes: verdictBytes, forever: true},
		{name: "rollups", perDay: min(minutes*campaignsAtOnce*2, impressions*2), bytes: rollupBytes, forever: true},
	}}
}

// afterDays is how many bytes there are after so many days.
func (p *plan) afterDays(days float64) float64 {
	sum := 0.0
	for _, r := range p.rows {
		d := days
		if !r.forever {
			d = min(d, float64(r.kept)/float64(event.Day))
		}
		sum += d * r.perDay * r.bytes
	}
	return sum
}

// full is the day on which the budget is used up; +Inf when it never is.
func (p *plan) full() float64 {
	lo, hi := 0.0, 36_500.0
	if p.afterDays(hi) < float64(p.budget) {
		return math.Inf(1)
	}
	for range 64 {
		if mid := (lo + hi) / 2; p.afterDays(mid) < float64(p.budget) {
			lo = mid
		} else {
			hi = mid
		}
	}
	return hi
}

func (p *plan) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s impressions/s, %s %% of them clicked, %s %% of the clicks convert\n", number(p.o.Rate), number(100*p.o.CTR), number(100*p.o.CVR))
	t := tabwriter.NewWriter(&b, 0, 4, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(t, "\nrecords a day\tbytes each\ta day\tkept\tthen\tpart\t\n")
	var day, bounded, growing float64
	for _, r := range p.rows {
		perDay := r.perDay * r.bytes
		day += perDay
		kept, then := "always", "grows"
		if r.forever {
			growing += perDay
		} else {
			days := float64(r.kept) / float64(event.Day)
			kept, then = fmt.Sprintf("%.1f days", days), bytesText(days*perDay)
			bounded += days * perDay
		}
		fmt.Fprintf(t, "%.0f\t%.0f\t%s\t%s\t%s\t%s\t\n", r.perDay, r.bytes, bytesText(perDay), kept, then, r.name)
	}
	fmt.Fprintf(t, "\t\t%s\t\t%s\tall\t\n", bytesText(day), bytesText(bounded))
	_ = t.Flush() // to memory
	fmt.Fprintf(&b, "\nat full retention %s, and %s a day more for what is kept always\n", bytesText(bounded), bytesText(growing))
	fmt.Fprintf(&b, "state.disk_budget is %s: ", bytesText(float64(p.budget)))
	switch days := p.full(); {
	case math.IsInf(days, 1):
		b.WriteString("enough for a hundred years\n")
	case days >= 730:
		fmt.Fprintf(&b, "full after %.0f years\n", days/365)
	case days >= 2:
		fmt.Fprintf(&b, "full after %.0f days; then intake pauses\n", days)
	default:
		fmt.Fprintf(&b, "full after %.1f hours; then intake pauses\n", 24*days)
	}
	year := p.afterDays(365)
	fmt.Fprintf(&b, "a year needs %s; compaction needs half as much again for a while: set at least %s\n", bytesText(year), bytesText(1.5*year))
	fmt.Fprintf(&b, "\nassumed: %d bytes an impression on disk, %d touches a conversion, %.0f %% of clicks invalid, %d campaigns at once\n",
		impressionBytes, touchesAssumed, 100*invalidAssumed, campaignsAtOnce)
	b.WriteString("events are kept for the window of adjustments, the lateness and the lookback together: shorter ones (attribution.lookback, attribution.adjustment_window) keep less\n")
	return b.String()
}

func number(x float64) string { return strings.TrimSuffix(fmt.Sprintf("%.6g", x), ".0") }

// bytesText is a size for people, in powers of ten as disks are sold.
func bytesText(n float64) string {
	for _, u := range []struct {
		name string
		size state.Size
	}{{"TB", state.TB}, {"GB", state.GB}, {"MB", state.MB}, {"KB", state.KB}} {
		if n >= float64(u.size) {
			return fmt.Sprintf("%.1f %s", n/float64(u.size), u.name)
		}
	}
	return fmt.Sprintf("%.0f B", n)
}
