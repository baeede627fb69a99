// Package fraud says which events are invalid traffic: the lists of tier 1, the
// limits of the click rules of tier 2, and the section `fraud` of the
// configuration. It reads the list files once, at start; after that it sees
// events and times that its caller hands it, and keeps nothing of them but a
// cache of User-Agents.
//
// Invariants:
//  1. A verdict depends on the event, the lists and the configuration, and for
//     tier 2 on what is not after the event: no clock, no randomness.
//  2. No pattern, list or event panics, and matching takes time linear in the
//     length of the User-Agent (RE2).
//  3. Loaded lists never change, so any goroutine may ask them.
package fraud

import "github.com/tributary-data/tributary/event"

// Config names the lists and sets the rules.
type Config struct {
	Lists ListsConfig `yaml:"lists"`
	Rules Rules       `yaml:"rules"`
}

// ListsConfig names the files of tier 1, relative to the configuration file.
type ListsConfig struct {
	Builtin       bool     `yaml:"builtin"` // the small lists that ship with the program
	BotUserAgents []string `yaml:"bot_user_agents"`
	BlockIPs      []string `yaml:"block_ips"`
	HostingIPs    []string `yaml:"hosting_ips"`
	AllowIPs      []string `yaml:"allow_ips"`
}

// Mode is what a rule does: nothing, report only, or decide.
type Mode string

// The modes.
const (
	Off     Mode = "off"
	Shadow  Mode = "shadow"
	Enforce Mode = "enforce"
)

// Rules are the rules of the contract, section 3.
type Rules struct {
	BotUserAgent    Rule           `yaml:"bot_user_agent"`
	BlockedIP       Rule           `yaml:"blocked_ip"`
	DatacenterIP    Rule           `yaml:"datacenter_ip"`
	DuplicateClick  DuplicateClick `yaml:"duplicate_click"`
	ClickRatePerson PersonRate     `yaml:"click_rate_person"`
	ClickRateIP     IPRate         `yaml:"click_rate_ip"`
	ClickRateIPAny  IPRate         `yaml:"click_rate_ip_any"`
	FastClick       FastClick      `yaml:"fast_click"`
	FastConversion  FastConversion `yaml:"fast_conversion"`
	MLScore         MLScore        `yaml:"ml_score"`
}

// Rule is a rule that has a mode alone.
type Rule struct {
	Mode Mode `yaml:"mode"`
}

// DuplicateClick: an earlier click of the same key at most Within before.
type DuplicateClick struct {
	Mode   Mode           `yaml:"mode"`
	Within event.Duration `yaml:"within"`
}

// PersonRate: more clicks of a person than this in 60 s or 1 h.
type PersonRate struct {
	Mode      Mode `yaml:"mode"`
	PerMinute int  `yaml:"per_minute"`
	PerHour   int  `yaml:"per_hour"`
}

// IPRate: more clicks of an address than this in 60 s.
type IPRate struct {
	Mode      Mode `yaml:"mode"`
	PerMinute int  `yaml:"per_minute"`
}

// FastClick: less than Below after the impression.
type FastClick struct {
	Mode  Mode           `yaml:"mode"`
	Below event.Duration `yaml:"below"`
}

// FastConversion: less than Below after the click, for the named conversions.
type FastConversion struct {
	Mode        Mode           `yaml:"mode"`
	Below       event.Duration `yaml:"below"`
	Conversions []string       `yaml:"conversions"`
}

// MLScore: a model's score at or above Threshold.
type MLScore struct {
	Mode      Mode    `yaml:"mode"`
	Threshold float64 `yaml:"threshold"` // 0 to 1; compared with scores only, never money
}

// DefaultConfig is the contract's.
func DefaultConfig() Config {
	return Config{
		Lists: ListsConfig{Builtin: true},
		Rules: Rules{
			BotUserAgent:    Rule{Enforce},
			BlockedIP:       Rule{Enforce},
			DatacenterIP:    Rule{Enforce},
			DuplicateClick:  DuplicateClick{Enforce, event.Duration(event.Second)},
			ClickRatePerson: PersonRate{Enforce, 5, 20},
			ClickRateIP:     IPRate{Enforce, 60},
			ClickRateIPAny:  IPRate{Shadow, 60},
			FastClick:       FastClick{Enforce, 300},
			FastConversion:  FastConversion{Mode: Enforce, Below: event.Duration(2 * event.Second)},
			MLScore:         MLScore{Shadow, 0.9},
		},
	}
}

// Modes gives the mode of every reason; an absent mode is enforce.
func (r Rules) Modes() [event.NumReasons]Mode {
	m := [event.NumReasons]Mode{
		r.BotUserAgent.Mode, r.BlockedIP.Mode, r.DatacenterIP.Mode, r.DuplicateClick.Mode, r.ClickRatePerson.Mode,
		r.ClickRateIP.Mode, r.ClickRateIPAny.Mode, r.FastClick.Mode, r.FastConversion.Mode, r.MLScore.Mode,
	}
	for i := range m {
		if m[i] == "" {
			m[i] = Enforce
		}
	}
	return m
}
