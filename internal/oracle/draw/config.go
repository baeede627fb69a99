package draw

import (
	"pgregory.net/rapid"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/fraud"
	"github.com/tributary-data/tributary/internal/oracle"
)

// Config draws a configuration. Windows and rates are small enough for
// histories of a few dozen events to reach them; sessions always hold
// conversions.
func Config(t *rapid.T) oracle.Config {
	cfg := oracle.DefaultConfig()
	if uniform(t, "config", 4) == 0 {
		return cfg
	}
	sec, hour, day := event.Duration(event.Second), event.Duration(event.Hour), event.Duration(event.Day)
	span := func(what string, of ...event.Duration) event.Duration { return oneOf(t, what, of...) }
	mode := func(what string) fraud.Mode {
		return oneOf(t, what, fraud.Enforce, fraud.Enforce, fraud.Shadow, fraud.Off)
	}
	cfg.OutOfOrderness = span("out of orderness", 15*sec, 15*sec, 0, 20*sec)
	cfg.NoLateness = uniform(t, "no lateness", 4) == 1
	cfg.Lateness = oracle.Lateness{
		Impression: span("late impression", hour, hour, 0, 2*hour), Click: span("late click", day, hour, 0),
		Conversion: span("late conversion", 7*day, 30*day, hour), Adjustment: span("late adjustment", 7*day, hour),
		Identify: span("late identify", 7*day, hour), Behavioural: span("late behavioural", hour, 0, day),
	}
	cfg.Sessions.Gap = span("gap", 30*60*sec, 45*60*sec, sec)
	cfg.Sessions.Types = oneOf(t, "session types", [][]string{
		{"click", "conversion", "behavioural"}, {"click", "conversion", "behavioural"}, {"conversion", "behavioural"}, {"click", "conversion"},
	}...)

	a := &cfg.Attribution
	a.Lookback.Click = span("click lookback", 30*day, 7*day, hour, 90*day)
	a.Lookback.Impression = span("impression lookback", day, hour, 90*day)
	a.Lookback.Visit = span("visit lookback", 30*day, hour)
	a.HalfLife = span("half life", 7*day, 36*hour, hour)
	a.TouchTypes = oneOf(t, "touch types", [][]string{
		{"click", "impression"}, {"click", "impression", "visit"}, {"click", "impression", "visit"}, {"click"}, {"visit"}, {"click", "visit"},
	}...)
	a.ClickAbsorbsImpression = rapid.Bool().Draw(t, "click absorbs impression")
	a.MaxTouches = oneOf(t, "max touches", 200, 2, 3, 5)
	a.OrderWindow = span("order window", 30*day, day, hour)
	a.AdjustmentWindow = span("adjustment window", 90*day, 10*day, hour)

	r := &cfg.Fraud.Rules
	r.BotUserAgent.Mode, r.BlockedIP.Mode, r.DatacenterIP.Mode = mode("bot"), mode("blocked"), mode("datacenter")
	r.DuplicateClick.Mode, r.DuplicateClick.Within = mode("duplicate click"), span("within", sec, 2*sec, 200)
	r.ClickRatePerson.Mode = mode("click rate person")
	r.ClickRatePerson.PerMinute = 1 + uniform(t, "per minute", 5)
	r.ClickRatePerson.PerHour = 2 + uniform(t, "per hour", 7)
	r.ClickRateIP.Mode, r.ClickRateIP.PerMinute = mode("click rate ip"), 1+uniform(t, "per ip", 4)
	r.ClickRateIPAny.Mode, r.ClickRateIPAny.PerMinute = mode("click rate ip any"), 1+uniform(t, "per ip any", 4)
	r.FastClick.Mode, r.FastClick.Below = mode("fast click"), span("fast click below", 300, 301, sec)
	r.FastConversion.Mode, r.FastConversion.Below = mode("fast conversion"), span("fast conversion below", 2*sec, 60*sec)
	r.FastConversion.Conversions = oneOf(t, "fast conversions", [][]string{nil, {"install"}, {"install", "conversion"}}...)
	r.MLScore.Mode = fraud.Off // no scorer in the oracle
	return cfg
}
